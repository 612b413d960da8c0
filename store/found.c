#include "store/admit.h"
#include "store/join_file.h"
#include "store/migrate.h"
#include "store/request_unit.h"
#include "store/schema.h"

#include <stdlib.h>

enum { LOCK_WAIT_MS = 5000, STATEMENT_BYTES_MAX = 4096, ADDRESSES_BYTES_MAX = TOKEN_ADDRESSES_MAX * (ADDRESS_BYTES_MAX + 1) };

/* Does a node live in this database? An init or join that was broken off before its one transaction leaves none. */
static enum status is_taken(struct db *db, bool *taken) {
    struct buffer self;
    buffer_init(&self, 64);
    enum status status = store_meta(db, "self", &self);
    *taken = status == STATUS_OK;
    buffer_fini(&self);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status prepare(struct store **out, const char *dir, enum status refusal) {
    enum status status = store_prepare(out, dir, true, LOCK_WAIT_MS, NULL);
    if (status != STATUS_OK)
        return status;
    bool taken = true;
    status = is_taken((*out)->db, &taken);
    if (status == STATUS_OK && taken)
        status = refusal;
    if (status == STATUS_OK && (*out)->schema_version != SCHEMA_VERSION)
        status = migrate_empty(*out, (*out)->schema_version);
    if (status != STATUS_OK) {
        store_abandon(*out);
        *out = NULL;
    }
    return status;
}

/* Who this node is, for ever. */
static enum status identity_put(struct store *store, struct bytes statement, const uint8_t signature[64]) {
    enum status status = store_meta_put(store->db, "statement", statement);
    if (status == STATUS_OK)
        status = store_meta_put(store->db, "signature", bytes_of(signature, 64));
    if (status == STATUS_OK)
        status = store_meta_put(store->db, "self", bytes_of(store->self.b, sizeof store->self.b));
    if (status == STATUS_OK)
        status = store_meta_put(store->db, "unit", bytes_of(store->unit.b, sizeof store->unit.b));
    return status;
}

/* ---- founding ---- */

/* What will be said for ever, cleaned. */
struct said {
    struct buffer name, code, unit;
};

static enum status clean(const char *text, size_t min, size_t max, struct buffer *out) {
    const struct text_bounds bounds = {"", min, max};
    buffer_init(out, 4 * max);
    return request_clean_text(text == NULL ? (struct bytes){0} : bytes_of(text, strlen(text)), &bounds, false, out);
}

/* By the rules of unit.add. texts needs texts_fini also after an error. */
static enum status texts_read(struct said *texts, const struct store_founding *founding) {
    *texts = (struct said){0};
    enum status status = founding->level > LEVEL_MAX ? STATUS_LEVEL_UNKNOWN : STATUS_OK;
    if (status == STATUS_OK)
        status = clean(founding->name, 1, ASSOCIATION_NAME_BYTES_MAX, &texts->name);
    if (status == STATUS_OK)
        status = clean(founding->unit_code, 0, UNIT_CODE_BYTES_MAX, &texts->code);
    if (status == STATUS_OK)
        status = request_unit_code_valid(buffer_bytes(&texts->code));
    return status == STATUS_OK ? clean(founding->unit_name, 1, UNIT_NAME_BYTES_MAX, &texts->unit) : status;
}

static void texts_fini(struct said *texts) {
    buffer_fini(&texts->name);
    buffer_fini(&texts->code);
    buffer_fini(&texts->unit);
}

/* One unit-set of the root; nothing where there is nothing to say. */
static enum status root_attribute(struct buffer *payload, struct change *change, const struct unit_set_change *set, size_t *count) {
    if (set->attribute == UNIT_LEVEL ? set->level == 0 : set->text.len == 0)
        return STATUS_OK;
    enum status status = unit_set_change_encode(set, payload);
    *change = (struct change){.kind = CHANGE_UNIT_SET, .place = (uint32_t)*count, .payload = buffer_bytes(payload)};
    *count += status == STATUS_OK;
    return status;
}

/* The first directive: what the root is called. */
static enum status first_directive(struct store *store, const struct said *texts, unsigned level) {
    const struct unit_set_change sets[3] = {{.unit = store->unit, .attribute = UNIT_CODE, .text = buffer_bytes(&texts->code)},
                                            {.unit = store->unit, .attribute = UNIT_NAME, .text = buffer_bytes(&texts->unit)},
                                            {.unit = store->unit, .attribute = UNIT_LEVEL, .level = (uint8_t)level}};
    struct buffer payloads[3], body;
    struct change changes[3];
    uint8_t nonce[16];
    size_t count = 0;
    enum status status = STATUS_OK;
    buffer_init(&body, BODY_BYTES_MAX);
    for (size_t i = 0; i < 3; i++) {
        buffer_init(&payloads[i], BODY_BYTES_MAX);
        if (status == STATUS_OK)
            status = root_attribute(&payloads[i], &changes[count], &sets[i], &count);
    }
    os_random(nonce, sizeof nonce);
    if (status == STATUS_OK)
        status = body_encode(&body, nonce, changes, count);
    if (status == STATUS_OK) {
        struct stored stored;
        const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .body = buffer_bytes(&body)};
        status = log_append(store, &draft, &stored);
    }
    for (size_t i = 0; i < 3; i++)
        buffer_fini(&payloads[i]);
    buffer_fini(&body);
    return status;
}

static enum status founding_write(struct store *store, const struct store_founding *founding, const struct said *texts, struct buffer *statement) {
    struct founding *made = &store->founding;
    *made = (struct founding){.name = buffer_bytes(&texts->name),
                              .practice = founding->practice,
                              .recovery_threshold = founding->recovery_threshold,
                              .recovery_count = founding->recovery_count};
    memcpy(made->signing_key, store->keys->signing_public, 32);
    memcpy(made->transport_key, store->keys->transport_public, 32);
    memcpy(made->recovery_keys, founding->recovery_keys, sizeof made->recovery_keys);
    os_random(made->nonce, sizeof made->nonce);
    enum status status = founding_encode(made, statement);
    if (status != STATUS_OK)
        return status;
    uint8_t signature[64];
    founding_sign(signature, buffer_bytes(statement), store->keys);
    store->self = made->founder;
    store->unit = made->root;
    status = identity_put(store, buffer_bytes(statement), signature);
    if (status == STATUS_OK && founding->recovery_path != NULL)
        status = store_meta_put(store->db, "recovery_path", bytes_of(founding->recovery_path, strlen(founding->recovery_path)));
    return status == STATUS_OK ? first_directive(store, texts, founding->level) : status;
}

static enum status found(struct store *store, const struct store_founding *founding, const struct said *texts) {
    struct buffer statement;
    buffer_init(&statement, STATEMENT_BYTES_MAX);
    enum status status = db_begin(store->db);
    if (status == STATUS_OK) {
        status = founding_write(store, founding, texts, &statement);
        if (status == STATUS_OK)
            status = db_commit(store->db);
        else
            db_rollback(store->db);
    }
    if (status == STATUS_OK)
        life_committed(store);
    if (status == STATUS_OK)
        store_close(store);
    else
        store_abandon(store);
    buffer_fini(&statement);
    return status;
}

enum status store_found(const char *dir, const struct store_founding *founding) {
    struct store *store;
    struct said texts;
    enum status status = texts_read(&texts, founding);
    if (status == STATUS_OK)
        status = prepare(&store, dir, STATUS_STORE_EXISTS);
    if (status == STATUS_OK)
        status = found(store, founding, &texts);
    texts_fini(&texts);
    return status;
}

/* ---- joining ---- */

enum status store_join_keys(const char *dir, struct node_keys *out) {
    memset(out, 0, sizeof *out);
    struct store *store;
    enum status status = prepare(&store, dir, STATUS_ALREADY_JOINED);
    if (status != STATUS_OK)
        return status;
    *out = *store->keys;
    store_close(store);
    return STATUS_OK;
}

/* Is this the answer about the keys of this directory? Then the store knows who it is. */
static enum status answer_check(struct store *store, const struct node_keys *keys, const struct joined *joined, struct admission *admission) {
    enum status status = joined_verify(joined, keys, &store->founding, admission);
    if (status != STATUS_OK)
        return status;
    if (memcmp(store->keys->signing_public, keys->signing_public, 32) != 0)
        return STATUS_KEY_DAMAGED; /* the directory's key file is not what was answered for */
    admission_node_id(&store->self, &store->founding.association, admission);
    store->unit = admission->unit;
    return STATUS_OK;
}

static enum status uplink_put(struct store *store, const struct token *token, const struct node_id *inviter) {
    uint8_t row[48];
    memcpy(row, token->transport_key, 32);
    memcpy(row + 32, inviter->b, 16);
    enum status status = store_meta_put(store->db, "uplink", bytes_of(row, sizeof row));
    struct buffer addresses;
    buffer_init(&addresses, ADDRESSES_BYTES_MAX);
    for (size_t i = 0; status == STATUS_OK && i < token->address_count; i++) {
        if (i > 0)
            status = buffer_append(&addresses, ",", 1);
        if (status == STATUS_OK)
            status = buffer_append(&addresses, token->addresses[i].data, token->addresses[i].len);
    }
    if (status == STATUS_OK && addresses.len > 0) {
        struct query query = db_query(store->db, "INSERT INTO config(key, value) VALUES('uplink', ?)");
        query_bind_text(&query, buffer_bytes(&addresses));
        status = query_run(&query);
    }
    buffer_fini(&addresses);
    return status;
}

static enum status join_write(struct store *store, const struct token *token, const struct joined *joined, const struct node_id *inviter) {
    uint8_t root[ADMIT_ROOT_BYTES];
    admit_root_pack(root, &joined->root);
    enum status status = identity_put(store, joined->statement, joined->signature);
    if (status == STATUS_OK)
        status = store_meta_put(store->db, "core", joined->core);
    if (status == STATUS_OK)
        status = store_meta_put(store->db, "line", bytes_of(joined->line.units, joined->line.count * sizeof joined->line.units[0]));
    if (status == STATUS_OK)
        status = store_meta_put(store->db, "root", bytes_of(root, sizeof root));
    return status == STATUS_OK ? uplink_put(store, token, inviter) : status;
}

enum status join_answered(const char *dir, const struct node_keys *keys, const struct token *token, const struct joined *joined, bool bound) {
    struct store *store;
    enum status status = prepare(&store, dir, STATUS_ALREADY_JOINED);
    if (status != STATUS_OK)
        return status;
    struct admission *admission = calloc(1, sizeof *admission);
    status = admission == NULL ? STATUS_NO_MEMORY : answer_check(store, keys, joined, admission);
    if (status == STATUS_OK && bound)
        status = joined_bound(joined, token, &store->founding, admission);
    if (status == STATUS_OK)
        status = db_begin(store->db);
    if (status == STATUS_OK) {
        status = join_write(store, token, joined, &admission->inviter);
        if (status == STATUS_OK)
            status = db_commit(store->db);
        else
            db_rollback(store->db);
    }
    free(admission);
    store_close(store);
    return status;
}

enum status store_join(const char *dir, const struct node_keys *keys, const struct token *token, const struct joined *joined) {
    return join_answered(dir, keys, token, joined, true);
}
