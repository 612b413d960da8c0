/* Enrolment at the parent's side. The same key with the same token gets the same answer, however often its line drops; a second key gets none. */
#include "store/enrol.h"

#include "protocol/planted.h"
#include "store/structure.h"

#include <stdlib.h>

enum {
    KEPT_SECONDS = 7 * 86400, /* an expired token is remembered so long, for a clearer refusal */
    OPEN_TOKENS_MAX = 20000   /* a token for every unit of the country, and again as many */
};

static void secret_hash(const struct store *store, const uint8_t secret[16], struct hash *out) {
    keys_hash(out, "secret", &store->founding.association, bytes_of(secret, 16), (struct bytes){0});
}

/* ---- inviting ---- */

static enum status forget_old(struct store *store, int64_t now) {
    struct query query = db_query(store->db, "DELETE FROM invitation WHERE signing_key IS NULL AND expires < ?");
    query_bind_int(&query, now - KEPT_SECONDS);
    enum status status = query_run(&query);
    if (status != STATUS_OK) {
        return status;
    }
    query = db_query(store->db, "SELECT count(*) FROM invitation WHERE signing_key IS NULL");
    int64_t open = query_next(&query) ? query_int(&query, 0) : 0;
    status = query_end(&query);
    return status == STATUS_OK && open >= OPEN_TOKENS_MAX ? STATUS_BUSY : status;
}

enum status enrol_invite(struct store *store, uint32_t unit, int64_t expires, struct token *out) {
    struct hash hash;
    uint8_t nonce[16];
    *out = (struct token){0};
    enum status status = structure_allowed(store, unit);
    if (status == STATUS_OK) {
        status = forget_old(store, os_time());
    }
    if (status != STATUS_OK) {
        return status;
    }
    out->association = store->founding.association;
    out->inviter = store->self;
    out->unit = *tree_unit_id(store->tree, unit);
    out->expires = expires;
    memcpy(out->transport_key, store->keys->transport_public, sizeof out->transport_key);
    os_random(out->secret, sizeof out->secret);
    os_random(nonce, sizeof nonce);
    secret_hash(store, out->secret, &hash);
    struct query query = db_query(store->db, "INSERT INTO invitation(secret_hash, unit, expires, nonce) VALUES(?, ?, ?, ?)");
    query_bind_blob(&query, bytes_of(hash.b, sizeof hash.b));
    query_bind_blob(&query, bytes_of(out->unit.b, sizeof out->unit.b));
    query_bind_int(&query, expires);
    query_bind_blob(&query, bytes_of(nonce, sizeof nonce));
    return query_run(&query);
}

/* ---- admitting ---- */

struct invitation {
    struct hash secret_hash;
    struct unit_id unit;
    int64_t expires, entry;
    bool used;
    uint8_t nonce[16], signing_key[32], transport_key[32];
};

static enum status invitation_read(struct store *store, const struct join *join, struct invitation *out) {
    *out = (struct invitation){0};
    secret_hash(store, join->secret, &out->secret_hash);
    struct query query = db_query(store->db, "SELECT unit, expires, nonce, entry, signing_key, transport_key FROM invitation WHERE secret_hash = ?");
    query_bind_blob(&query, bytes_of(out->secret_hash.b, sizeof out->secret_hash.b));
    bool found = query_next(&query);
    if (found) {
        query_fixed(&query, 0, out->unit.b, sizeof out->unit.b);
        out->expires = query_int(&query, 1);
        query_fixed(&query, 2, out->nonce, sizeof out->nonce);
        out->entry = query_int(&query, 3);
        out->used = !query_is_null(&query, 4);
    }
    if (out->used) {
        query_fixed(&query, 4, out->signing_key, sizeof out->signing_key);
        query_fixed(&query, 5, out->transport_key, sizeof out->transport_key);
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

/* What the answer says; the buffers own what it borrows. */
struct answer {
    struct buffer core, payload;
    struct ref ref;
    struct line line;
};

static void admission_of(const struct store *store, const struct invitation *invitation, const struct join *join, uint32_t unit, struct admission *out) {
    *out = (struct admission){.inviter = store->self, .unit = invitation->unit, .roles = ROLE_WRITER | ROLE_STEWARD};
    memcpy(out->signing_key, join->signing_key, sizeof out->signing_key);
    memcpy(out->transport_key, join->transport_key, sizeof out->transport_key);
    memcpy(out->nonce, invitation->nonce, sizeof out->nonce);
    structure_line(store->tree, unit, false, &out->line);
}

/* The first time: the admission is written into the own directive log. */
static enum status admit(struct store *store, const struct invitation *invitation, const struct join *join, const struct admission *admission, uint32_t unit,
                         struct answer *answer) {
    uint8_t nonce[16];
    struct stored stored;
    os_random(nonce, sizeof nonce);
    enum status status = structure_allowed(store, unit);
    if (status == STATUS_OK) {
        status = admission_encode(admission, &answer->payload);
    }
    if (status == STATUS_OK) {
        const struct change change = {.kind = CHANGE_ADMISSION, .payload = buffer_bytes(&answer->payload)};
        const struct structure_draft draft = {.nonce = nonce, .units = &unit, .unit_count = 1, .changes = &change, .change_count = 1};
        status = structure_append(store, &draft, &stored);
    }
    if (status == STATUS_OK) {
        status = invitation_use(store, invitation, join, stored.id);
    }
    if (status == STATUS_OK) {
        answer->ref = stored.ref;
        status = apply_pending(store);
    }
    return status;
}

/* Again: the answer is made from the admission as it was written. */
static enum status admitted_before(struct store *store, int64_t entry_id, const struct join *join, struct admission *room, struct answer *answer) {
    struct stored_entry entry;
    struct body_reader reader;
    struct change change;
    bool found = false;
    enum status status = log_read(store, entry_id, &entry, store->scratch);
    if (status == STATUS_OK) {
        header_ref(&answer->ref, store->scratch, &entry.hash);
        status = body_open(&reader, entry.entry.body, CLASS_CONTROL);
    }
    while (status == STATUS_OK && !found && body_next(&reader, &change)) {
        found = change.kind == CHANGE_ADMISSION && admission_decode(room, change.payload) == STATUS_OK &&
                memcmp(room->signing_key, join->signing_key, sizeof join->signing_key) == 0 &&
                memcmp(room->transport_key, join->transport_key, sizeof join->transport_key) == 0;
    }
    if (status != STATUS_OK || !found) {
        return status == STATUS_OK || status == STATUS_NOT_FOUND ? STATUS_STORE_DAMAGED : status;
    }
    answer->line = room->line;
    return admission_core_encode(room, &answer->core);
}

/* Was this key admitted here for the same unit under another token (whose answer got lost)? Then that admission is the answer. A key that stands for another
 * unit, or was admitted elsewhere, gets none: links could not tell the two nodes apart. */
static enum status known_key(const struct store *store, const struct invitation *invitation, const struct join *join, int64_t *entry) {
    uint32_t number = tree_node_by_transport(store->tree, join->transport_key);
    *entry = 0;
    if (number == TREE_NONE) {
        return STATUS_OK;
    }
    const struct tree_node *node = tree_node_at(store->tree, number);
    bool ours = node->inviter != TREE_NONE && ID_EQUAL(&tree_node_at(store->tree, node->inviter)->id, &store->self) &&
                (ID_EQUAL(tree_unit_id(store->tree, node->unit), &invitation->unit) || PLANTED("token-of-another-unit")) &&
                memcmp(node->signing_key, join->signing_key, sizeof join->signing_key) == 0;
    *entry = node->entry_id;
    return ours ? STATUS_OK : STATUS_TOKEN_USED;
}

static enum status answer_write(const struct store *store, const struct answer *answer, struct buffer *out) {
    const struct buffer *bytes = &store->founding_bytes;
    struct joined joined = {
        .statement = bytes_of(bytes->data, bytes->len - 64), .core = buffer_bytes(&answer->core), .admission = answer->ref, .line = answer->line};
    memcpy(joined.signature, bytes->data + bytes->len - 64, sizeof joined.signature);
    return joined_encode(&joined, out);
}

/* Inside the transaction. */
static enum status enrol(struct store *store, const struct join *join, struct answer *answer) {
    struct invitation invitation;
    enum status status = invitation_read(store, join, &invitation);
    if (status != STATUS_OK) {
        return status;
    }
    bool same = invitation.used && memcmp(invitation.signing_key, join->signing_key, sizeof join->signing_key) == 0 &&
                memcmp(invitation.transport_key, join->transport_key, sizeof join->transport_key) == 0;
    if (invitation.used && !same && !PLANTED("token-usable-twice")) {
        return STATUS_TOKEN_USED;
    }
    uint32_t unit = tree_unit(store->tree, &invitation.unit);
    if (unit == TREE_NONE || (!same && os_time() > invitation.expires)) {
        return STATUS_TOKEN_UNKNOWN;
    }
    int64_t before = invitation.entry;
    struct admission *admission = malloc(sizeof *admission);
    status = admission == NULL ? STATUS_NO_MEMORY : same ? STATUS_OK : known_key(store, &invitation, join, &before);
    if (status == STATUS_OK && before != 0) {
        status = admitted_before(store, before, join, admission, answer);
        if (status == STATUS_OK && !same) {
            status = invitation_use(store, &invitation, join, before);
        }
    } else if (status == STATUS_OK) {
        admission_of(store, &invitation, join, unit, admission);
        answer->line = admission->line;
        status = admission_core_encode(admission, &answer->core);
        if (status == STATUS_OK) {
            status = admit(store, &invitation, join, admission, unit, answer);
        }
    }
    free(admission);
    return status;
}

static enum status join_read(const struct store *store, struct bytes message, const uint8_t link_key[32], struct join *join) {
    enum status status = join_decode(join, message);
    if (status != STATUS_OK) {
        return STATUS_MALFORMED;
    }
    if (!ID_EQUAL(&join->association, &store->founding.association)) {
        return STATUS_ASSOCIATION_OTHER;
    }
    if (memcmp(join->transport_key, link_key, sizeof join->transport_key) != 0 && !PLANTED("join-over-any-link")) {
        return STATUS_MALFORMED;
    }
    return join_verify(join, &store->self) == STATUS_OK ? STATUS_OK : STATUS_MALFORMED;
}

enum status store_enrol(struct store *store, struct bytes join_message, const uint8_t link_key[32], struct buffer *out) {
    struct join join;
    struct answer answer = {0};
    size_t before = out->len;
    enum status status = join_read(store, join_message, link_key, &join);
    if (status != STATUS_OK) {
        return status;
    }
    buffer_init(&answer.core, BODY_BYTES_MAX);
    buffer_init(&answer.payload, BODY_BYTES_MAX);
    status = store_begin(store);
    if (status == STATUS_OK) {
        status = enrol(store, &join, &answer);
        if (status == STATUS_OK) {
            status = answer_write(store, &answer, out);
        }
        if (status == STATUS_OK) {
            status = store_commit(store);
        } else {
            store_rollback(store);
        }
    }
    if (status != STATUS_OK) {
        out->len = before; /* no answer to what does not stand */
    }
    buffer_fini(&answer.core);
    buffer_fini(&answer.payload);
    return status;
}
