/* Enrolment at the parent's side. The same key with the same token gets the same answer, however often its line drops; a second key gets none. */
#include "store/enrol.h"

#include "protocol/planted.h"
#include "store/admit.h"
#include "store/structure.h"

enum { OPEN_TOKENS_MAX = 20000 /* a token for every unit of the country, and again as many */ };

static void secret_hash(const struct store *store, const uint8_t secret[TOKEN_SECRET_BYTES], struct hash *out) {
    keys_hash(out, "secret", &store->founding.association, bytes_of(secret, TOKEN_SECRET_BYTES), (struct bytes){0});
}

/* ---- inviting ---- */

/* A token lives as long as was said, counted from when it was made, by this PC's clock. Where that clock is seen to have been wrong then (it shows an earlier
 * time now, or was not set), nobody knows when that was: the token's time begins now. */
static enum status follow_clock(struct store *store, int64_t now) {
    struct query query = db_query(store->db, "UPDATE invitation SET expires = ?1 + expires - invited, invited = ?1"
                                             " WHERE signing_key IS NULL AND (invited > ?1 OR (invited < ?2 AND ?1 >= ?2))");
    query_bind_int(&query, now);
    query_bind_int(&query, OS_TIME_PLAUSIBLE);
    return query_run(&query);
}

/* Expired tokens go only where there is no room: until then who comes with one is told that it has expired, and a clock that was wrong for a day takes none
 * away. */
static enum status make_room(struct store *store, int64_t now) {
    struct query query = db_query(store->db, "SELECT count(*) FROM invitation WHERE signing_key IS NULL");
    int64_t open = query_next(&query) ? query_int(&query, 0) : 0;
    enum status status = query_end(&query);
    if (status != STATUS_OK || open < OPEN_TOKENS_MAX) {
        return status;
    }
    query = db_query(store->db, "DELETE FROM invitation WHERE signing_key IS NULL AND expires < ?");
    query_bind_int(&query, now);
    status = query_run(&query);
    query = db_query(store->db, "SELECT count(*) FROM invitation WHERE signing_key IS NULL");
    open = query_next(&query) ? query_int(&query, 0) : 0;
    enum status counted = query_end(&query);
    status = status == STATUS_OK ? counted : status;
    return status == STATUS_OK && open >= OPEN_TOKENS_MAX ? STATUS_BUSY : status;
}

static enum status invitation_put(struct store *store, const struct token *token, const struct token_terms *terms, int64_t now, int64_t expires) {
    struct hash hash;
    uint8_t nonce[16], root[ADMIT_ROOT_BYTES];
    os_random(nonce, sizeof nonce);
    secret_hash(store, token->secret, &hash);
    admit_root_pack(root, &terms->root);
    struct query query = db_query(store->db, "INSERT INTO invitation(secret_hash, unit, expires, nonce, invited, root) VALUES(?, ?, ?, ?, ?, ?)");
    query_bind_blob(&query, bytes_of(hash.b, sizeof hash.b));
    query_bind_blob(&query, bytes_of(terms->unit.b, sizeof terms->unit.b));
    query_bind_int(&query, expires);
    query_bind_blob(&query, bytes_of(nonce, sizeof nonce));
    query_bind_int(&query, now);
    query_bind_blob(&query, bytes_of(root, sizeof root));
    return query_run(&query);
}

enum status enrol_invite(struct store *store, uint32_t unit, int64_t expires, struct token *out) {
    struct token_terms terms = {.association = store->founding.association, .inviter = store->self};
    int64_t now = os_time();
    *out = (struct token){0};
    enum status status = structure_allowed(store, unit);
    if (status == STATUS_OK) {
        status = follow_clock(store, now);
    }
    if (status == STATUS_OK) {
        status = make_room(store, now);
    }
    if (status == STATUS_OK) {
        status = admit_root(store, &terms.root);
    }
    if (status != STATUS_OK) {
        return status;
    }
    terms.unit = *tree_unit_id(store->tree, unit);
    memcpy(out->transport_key, store->keys->transport_public, sizeof out->transport_key);
    os_random(out->secret, sizeof out->secret);
    status = token_bond(out->bond, out, &terms);
    return status == STATUS_OK ? invitation_put(store, out, &terms, now, expires) : status;
}

/* ---- admitting ---- */

struct invitation {
    struct hash secret_hash;
    struct applicant applicant; /* the unit and the nonce that were set when it was made; the keys that used it */
    struct ref root;
    int64_t invited, expires, entry;
    bool used;
};

static void invitation_fill(struct query *query, struct invitation *out) {
    uint8_t root[ADMIT_ROOT_BYTES];
    query_fixed(query, 0, out->applicant.unit.b, sizeof out->applicant.unit.b);
    out->expires = query_int(query, 1);
    query_fixed(query, 2, out->applicant.nonce, sizeof out->applicant.nonce);
    out->entry = query_int(query, 3);
    out->used = !query_is_null(query, 4);
    if (out->used) {
        query_fixed(query, 4, out->applicant.signing_key, sizeof out->applicant.signing_key);
        query_fixed(query, 5, out->applicant.transport_key, sizeof out->applicant.transport_key);
    }
    out->invited = query_int(query, 6);
    query_fixed(query, 7, root, sizeof root);
    admit_root_unpack(root, &out->root);
}

static enum status invitation_read(struct store *store, const struct join *join, struct invitation *out) {
    *out = (struct invitation){0};
    secret_hash(store, join->secret, &out->secret_hash);
    struct query query = db_query(
        store->db, "SELECT unit, expires, nonce, entry, signing_key, transport_key, invited, root FROM invitation WHERE secret_hash = ? AND root IS NOT NULL");
    query_bind_blob(&query, bytes_of(out->secret_hash.b, sizeof out->secret_hash.b));
    bool found = query_next(&query);
    if (found) {
        invitation_fill(&query, out);
    }
    enum status status = query_end(&query);
    return status == STATUS_OK && !found ? STATUS_TOKEN_UNKNOWN : status;
}

static enum status invitation_use(struct store *store, const struct invitation *invitation, const struct join *join, int64_t entry) {
    struct query query = db_query(store->db, "UPDATE invitation SET signing_key = ?, transport_key = ?, entry = ? WHERE secret_hash = ?");
    query_bind_blob(&query, bytes_of(join->signing_key, sizeof join->signing_key));
    query_bind_blob(&query, bytes_of(join->transport_key, sizeof join->transport_key));
    query_bind_int(&query, entry);
    query_bind_blob(&query, bytes_of(invitation->secret_hash.b, sizeof invitation->secret_hash.b));
    return query_run(&query);
}

/* Is the join signed for the very token that was handed out here? */
static enum status invitation_verify(const struct store *store, const struct invitation *invitation, const struct join *join) {
    struct token token = {0};
    const struct token_terms terms = {
        .association = store->founding.association, .inviter = store->self, .unit = invitation->applicant.unit, .root = invitation->root};
    memcpy(token.transport_key, store->keys->transport_public, sizeof token.transport_key);
    memcpy(token.secret, join->secret, sizeof token.secret);
    enum status status = token_bond(token.bond, &token, &terms);
    if (status != STATUS_OK) {
        return status;
    }
    return join_verify(join, token.bond, token.transport_key) == STATUS_OK ? STATUS_OK : STATUS_MALFORMED;
}

/* By this PC's clock, where that was right: see follow_clock. */
static bool expired(const struct invitation *invitation, int64_t now) {
    bool doubtful = invitation->invited > now || (invitation->invited < OS_TIME_PLAUSIBLE && now >= OS_TIME_PLAUSIBLE);
    return !doubtful && now > invitation->expires;
}

/* Inside the transaction. */
static enum status enrol(struct store *store, const struct join *join, struct buffer *out) {
    struct invitation invitation;
    enum status status = invitation_read(store, join, &invitation);
    if (status == STATUS_OK) {
        status = invitation_verify(store, &invitation, join);
    }
    if (status != STATUS_OK) {
        return status;
    }
    struct applicant *applicant = &invitation.applicant;
    bool same = invitation.used && memcmp(applicant->signing_key, join->signing_key, sizeof join->signing_key) == 0 &&
                memcmp(applicant->transport_key, join->transport_key, sizeof join->transport_key) == 0;
    if (invitation.used && !same && !PLANTED("token-usable-twice")) {
        return STATUS_TOKEN_USED;
    }
    if (!same && expired(&invitation, os_time()) && !PLANTED("token-for-ever")) {
        return STATUS_TOKEN_EXPIRED;
    }
    memcpy(applicant->signing_key, join->signing_key, sizeof join->signing_key);
    memcpy(applicant->transport_key, join->transport_key, sizeof join->transport_key);
    int64_t entry = invitation.entry;
    if (!same) {
        status = admit_known(store, applicant, &entry);
    }
    if (status == STATUS_OK) {
        status = admit(store, applicant, &invitation.root, &entry, out);
    }
    return status == STATUS_OK && !same ? invitation_use(store, &invitation, join, entry) : status;
}

enum status store_enrol(struct store *store, struct bytes join_message, const uint8_t link_key[32], struct buffer *out) {
    struct join join;
    size_t before = out->len;
    if (join_decode(&join, join_message) != STATUS_OK ||
        (memcmp(join.transport_key, link_key, sizeof join.transport_key) != 0 && !PLANTED("join-over-any-link"))) {
        return STATUS_MALFORMED;
    }
    enum status status = store_begin(store);
    if (status == STATUS_OK) {
        status = enrol(store, &join, out);
        if (status == STATUS_OK) {
            status = store_commit(store);
        } else {
            store_rollback(store);
        }
    }
    if (status != STATUS_OK) {
        out->len = before; /* no answer to what does not stand */
    }
    return status;
}

/* ---- the root's log that was named ---- */

enum status enrol_root(struct store *store, enum enrol_root *out) {
    struct buffer bytes;
    struct ref ref;
    buffer_init(&bytes, ADMIT_ROOT_BYTES);
    enum status status = store_meta(store->db, "root", &bytes);
    if (status == STATUS_OK && bytes.len == ADMIT_ROOT_BYTES) {
        admit_root_unpack(bytes.data, &ref);
    } else if (status == STATUS_OK || status == STATUS_TOO_LARGE) {
        status = STATUS_STORE_DAMAGED;
    }
    buffer_fini(&bytes);
    *out = ENROL_ROOT_NONE;
    if (status != STATUS_OK) {
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    struct query query = db_query(store->db, "SELECT substr(entry.hash, 1, 16) FROM entry JOIN log ON log.id = entry.log"
                                             " WHERE log.node = ? AND log.kind = ? AND log.epoch = ? AND entry.seq = ?");
    query_bind_blob(&query, bytes_of(ref.log.node.b, sizeof ref.log.node.b));
    query_bind_int(&query, ref.log.kind);
    query_bind_blob(&query, bytes_of(ref.log.epoch.b, sizeof ref.log.epoch.b));
    query_bind_int(&query, (int64_t)ref.seq);
    *out = ENROL_ROOT_AWAITED;
    if (query_next(&query)) {
        struct short_hash held;
        query_fixed(&query, 0, held.b, sizeof held.b);
        *out = ID_EQUAL(&held, &ref.hash) || PLANTED("any-root") ? ENROL_ROOT_HELD : ENROL_ROOT_OTHER;
    }
    return query_end(&query);
}
