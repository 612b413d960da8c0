#include "store/life.h"

#include "protocol/planted.h"
#include "store/log.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    PATH_BYTES = 1100,
    EPOCHS_MAX = 10000, /* as in store/log.c: of one chain */
    HEAD_BYTES = 1 + 8 + 8 + 32,
    NOTE_HEAD_BYTES = 12 + OS_BOOT_BYTES + 16,
    NOTE_BYTES = NOTE_HEAD_BYTES + 2 * HEAD_BYTES + 16 /* checksum */
};
static const char NOTE_TITLE[12] = "hoi heads 1\n";

/* ---- the own logs ---- */

/* A row of meta that names something of one kind of log. */
struct key {
    char text[16];
};
static struct key key_of(const char *what, uint8_t kind) {
    struct key key;
    (void)snprintf(key.text, sizeof key.text, "%s.%u", what, (unsigned)kind);
    return key;
}

/* The epoch written in now: NOT_FOUND where none was begun. */
static enum status epoch_get(struct store *store, uint8_t kind, struct log_id *out) {
    struct buffer row;
    *out = (struct log_id){.node = store->self, .kind = kind};
    buffer_init(&row, sizeof out->epoch.b);
    enum status status = store_meta(store->db, key_of("epoch", kind).text, &row);
    if ((status == STATUS_OK && row.len != sizeof out->epoch.b) || status == STATUS_TOO_LARGE)
        status = STATUS_STORE_DAMAGED;
    if (status == STATUS_OK)
        memcpy(out->epoch.b, row.data, sizeof out->epoch.b);
    buffer_fini(&row);
    return status;
}

/* A log up to an entry of it. */
struct reach {
    struct log_id log;
    uint64_t seq;
    struct hash hash;
};

/* What the epoch continues, as far as it is held and the entry is the one that is meant. NOT_FOUND: nothing. */
static enum status continued(struct store *store, const struct log_id *log, struct reach *out) {
    struct query query =
        db_query(store->db, "SELECT e.header FROM log l JOIN entry e ON e.log = l.id AND e.seq = 1 WHERE l.node = ? AND l.kind = ? AND l.epoch = ?");
    query_bind_blob(&query, bytes_of(log->node.b, sizeof log->node.b));
    query_bind_int(&query, log->kind);
    query_bind_blob(&query, bytes_of(log->epoch.b, sizeof log->epoch.b));
    enum status status = STATUS_NOT_FOUND;
    if (query_next(&query))
        status = header_decode(store->seen_header, query_blob(&query, 0)) == STATUS_OK ? STATUS_OK : STATUS_STORE_DAMAGED;
    enum status ended = query_end(&query);
    status = ended != STATUS_OK ? ended : status;
    if (status != STATUS_OK || !store->seen_header->has_continues)
        return status == STATUS_OK ? STATUS_NOT_FOUND : status;
    const struct ref ref = store->seen_header->continues;
    out->log = ref.log;
    out->seq = ref.seq;
    query = db_query(store->db, "SELECT e.hash FROM log l JOIN entry e ON e.log = l.id AND e.seq = ? WHERE l.node = ? AND l.kind = ? AND l.epoch = ?");
    query_bind_int(&query, (int64_t)ref.seq);
    query_bind_blob(&query, bytes_of(ref.log.node.b, sizeof ref.log.node.b));
    query_bind_int(&query, ref.log.kind);
    query_bind_blob(&query, bytes_of(ref.log.epoch.b, sizeof ref.log.epoch.b));
    bool held = query_next(&query);
    query_fixed(&query, 0, out->hash.b, sizeof out->hash.b);
    status = query_end(&query);
    struct short_hash hash = hash_short(&out->hash);
    return status == STATUS_OK && (!held || !ID_EQUAL(&hash, &ref.hash)) ? STATUS_TRUNCATED : status;
}

/* How many epochs the log continues, one after the other. *whole: every entry that one of them names is held. */
static enum status depth_of(struct store *store, struct log_id log, unsigned *depth, bool *whole) {
    struct reach before;
    enum status status = STATUS_OK;
    *whole = true;
    for (*depth = 0; status == STATUS_OK && *depth < EPOCHS_MAX; *depth += status == STATUS_OK) {
        status = continued(store, &log, &before);
        log = before.log;
    }
    *whole = status != STATUS_TRUNCATED;
    return status == STATUS_NOT_FOUND || status == STATUS_TRUNCATED ? STATUS_OK : status;
}

/* The last entry held that a new epoch can continue: of the own logs whose chain is held whole, of the longest chain the last entry, before a fork. seq 0:
 * there is none. */
static enum status tip(struct store *store, uint8_t kind, struct reach *out) {
    unsigned deepest = 0;
    struct log_id current;
    enum status status = epoch_get(store, kind, &current);
    status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
    *out = (struct reach){0};
    struct query query = db_query(store->db, "SELECT l.epoch, e.seq, e.hash FROM log l JOIN entry e ON e.log = l.id"
                                             " AND e.seq = min(l.head_seq, coalesce((SELECT min(f.seq) - 1 FROM fork f WHERE f.log = l.id), l.head_seq))"
                                             " WHERE l.node = ? AND l.kind = ? ORDER BY l.id");
    query_bind_blob(&query, bytes_of(store->self.b, sizeof store->self.b));
    query_bind_int(&query, kind);
    while (status == STATUS_OK && query_next(&query)) {
        struct reach reach = {.log = {.node = store->self, .kind = kind}, .seq = (uint64_t)query_int(&query, 1)};
        unsigned depth;
        bool whole;
        query_fixed(&query, 0, reach.log.epoch.b, sizeof reach.log.epoch.b);
        query_fixed(&query, 2, reach.hash.b, sizeof reach.hash.b);
        status = depth_of(store, reach.log, &depth, &whole);
        bool longer = out->seq == 0 || depth > deepest || (depth == deepest && !log_id_equal(&out->log, &current));
        if (status == STATUS_OK && whole && longer) {
            *out = reach;
            deepest = depth;
        }
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

/* Has what is written in the epoch come to stand past its end, by a fork or a decision about one? Where the node itself is cut off, another epoch would stand
 * no better. */
static bool fallen(struct store *store, const struct log_id *log) {
    struct tree_standing standing, other;
    struct log_id anew = {.node = log->node, .kind = log->kind};
    tree_log_standing(store->tree, log, &standing);
    if (standing.upto == SEQ_MAX)
        return false;
    os_random(anew.epoch.b, sizeof anew.epoch.b);
    tree_log_standing(store->tree, &anew, &other);
    return other.upto == SEQ_MAX;
}

/* A store that bears the mark of a backup (store/restore.h) says of both logs that something may be forgotten. It goes with the first new epoch, and what it
 * says of the other log stays. */
static enum status unmark(struct store *store, uint8_t begun) {
    struct buffer row;
    const uint8_t other = begun == LOG_REPORT ? LOG_DIRECTIVE : LOG_REPORT;
    buffer_init(&row, 16);
    enum status status = store_meta(store->db, "backup", &row);
    buffer_fini(&row);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    if (store->life.states[other] == LIFE_FORGOT && !store->life.begun[other])
        status = store_meta_put(store->db, key_of("forgot", other).text, bytes_of("1", 1));
    struct query query = db_query(store->db, "DELETE FROM meta WHERE key = 'backup'");
    enum status cleared = query_run(&query);
    return status != STATUS_OK ? status : cleared;
}

enum status life_log(struct store *store, uint8_t kind, struct log_id *out, bool *has_continues, struct ref *continues) {
    struct life *life = &store->life;
    struct reach last;
    *has_continues = false;
    enum status status = epoch_get(store, kind, out);
    bool open = life->states[kind] == LIFE_OPEN && !fallen(store, out);
    if (status == STATUS_OK && (open || life->begun[kind] || PLANTED("gate-always-open")))
        return STATUS_OK;
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        return status;
    status = tip(store, kind, &last);
    if (status != STATUS_OK)
        return status;
    os_random(out->epoch.b, sizeof out->epoch.b);
    *has_continues = last.seq > 0;
    *continues = (struct ref){.log = last.log, .seq = last.seq, .hash = hash_short(&last.hash)};
    life->begun[kind] = true;
    status = store_meta_put(store->db, key_of("epoch", kind).text, bytes_of(out->epoch.b, sizeof out->epoch.b));
    struct query query = db_query(store->db, "DELETE FROM meta WHERE key = ?");
    const struct key forgot = key_of("forgot", kind);
    query_bind_text(&query, bytes_of(forgot.text, strlen(forgot.text)));
    enum status cleared = query_run(&query);
    return status != STATUS_OK ? status : cleared == STATUS_OK ? unmark(store, kind) : cleared;
}

enum status life_sees(struct store *store, uint8_t kind, const struct log_id *log, uint64_t seq, bool *out) {
    struct reach at = {.seq = SEQ_MAX};
    const struct life *life = &store->life;
    *out = false;
    enum status status = epoch_get(store, kind, &at.log);
    if (status == STATUS_OK ? life->states[kind] != LIFE_OPEN && !life->begun[kind] : status == STATUS_NOT_FOUND)
        status = tip(store, kind, &at); /* the epoch that is not begun yet */
    for (int i = 0; status == STATUS_OK && i < EPOCHS_MAX && !*out; i++) {
        *out = log_id_equal(&at.log, log) && seq <= at.seq;
        const struct log_id before = at.log;
        if (!*out)
            status = continued(store, &before, &at);
    }
    return status == STATUS_NOT_FOUND || status == STATUS_TRUNCATED ? STATUS_OK : status;
}

/* ---- what is forgotten ---- */

enum status life_forgot(struct store *store, const struct log_id *log) {
    struct log_id own;
    if (!ID_EQUAL(&log->node, &store->self) || log->kind >= LIFE_KINDS || PLANTED("own-entries-unnoticed"))
        return STATUS_OK;
    enum status status = epoch_get(store, log->kind, &own);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !log_id_equal(&own, log)))
        return STATUS_OK;                        /* of an epoch that is not written in any more */
    store->life.states[log->kind] = LIFE_FORGOT; /* a rollback leaves that: then it costs an epoch */
    return status == STATUS_OK ? store_meta_put(store->db, key_of("forgot", log->kind).text, bytes_of("1", 1)) : status;
}

enum status life_restored(struct store *store) {
    enum status status = STATUS_OK;
    for (uint8_t kind = LOG_REPORT; status == STATUS_OK && kind < LIFE_KINDS; kind++) {
        store->life.states[kind] = LIFE_FORGOT;
        status = store_meta_put(store->db, key_of("forgot", kind).text, bytes_of("1", 1));
    }
    return status;
}

/* ---- the files ---- */

/* DIR/heads: how this copy of the store was last left. */
struct note {
    uint8_t boot[OS_BOOT_BYTES];
    struct os_mark mark;
    struct {
        uint8_t state;
        struct epoch epoch;
        uint64_t seq;
        struct hash hash;
    } heads[LIFE_KINDS];
};

static void put_number(uint8_t out[8], uint64_t number) {
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(number >> (56 - 8 * i));
}

static uint64_t get_number(const uint8_t in[8]) {
    uint64_t number = 0;
    for (int i = 0; i < 8; i++)
        number = number << 8 | in[i];
    return number;
}

static void note_sum(struct hash *out, const uint8_t bytes[NOTE_BYTES]) {
    keys_hash(out, "heads", NULL, bytes_of(bytes, NOTE_BYTES - 16), bytes_of(NULL, 0));
}

static void note_pack(uint8_t out[NOTE_BYTES], const struct note *note) {
    uint8_t *at = out + sizeof NOTE_TITLE;
    struct hash sum;
    memcpy(out, NOTE_TITLE, sizeof NOTE_TITLE);
    memcpy(at, note->boot, OS_BOOT_BYTES);
    put_number(at + OS_BOOT_BYTES, note->mark.file);
    put_number(at + OS_BOOT_BYTES + 8, (uint64_t)note->mark.changed_ns);
    at = out + NOTE_HEAD_BYTES;
    for (uint8_t kind = LOG_REPORT; kind < LIFE_KINDS; kind++, at += HEAD_BYTES) {
        at[0] = note->heads[kind].state;
        memcpy(at + 1, note->heads[kind].epoch.b, 8);
        put_number(at + 9, note->heads[kind].seq);
        memcpy(at + 17, note->heads[kind].hash.b, 32);
    }
    note_sum(&sum, out);
    memcpy(at, sum.b, 16);
}

static bool note_unpack(struct note *note, struct bytes in) {
    struct hash sum;
    if (in.len != NOTE_BYTES || memcmp(in.data, NOTE_TITLE, sizeof NOTE_TITLE) != 0)
        return false;
    note_sum(&sum, in.data);
    const uint8_t *at = in.data + sizeof NOTE_TITLE;
    memcpy(note->boot, at, OS_BOOT_BYTES);
    note->mark = (struct os_mark){.file = get_number(at + OS_BOOT_BYTES), .changed_ns = (int64_t)get_number(at + OS_BOOT_BYTES + 8)};
    at = in.data + NOTE_HEAD_BYTES;
    for (uint8_t kind = LOG_REPORT; kind < LIFE_KINDS; kind++, at += HEAD_BYTES) {
        note->heads[kind].state = at[0];
        memcpy(note->heads[kind].epoch.b, at + 1, 8);
        note->heads[kind].seq = get_number(at + 9);
        memcpy(note->heads[kind].hash.b, at + 17, 32);
    }
    return memcmp(at, sum.b, 16) == 0;
}

static void path_in(char out[PATH_BYTES], const struct store *store, const char *name) {
    (void)snprintf(out, PATH_BYTES, "%s/%s", store->dir, name);
}

/* The heads as the store has them. */
static enum status heads_get(struct store *store, struct note *note) {
    enum status status = STATUS_OK;
    for (uint8_t kind = LOG_REPORT; status == STATUS_OK && kind < LIFE_KINDS; kind++) {
        struct log_id log;
        struct log_row row = {0};
        memset(&note->heads[kind], 0, sizeof note->heads[kind]);
        status = epoch_get(store, kind, &log);
        if (status == STATUS_OK)
            status = log_row(store, &log, &row);
        if (status == STATUS_OK) {
            note->heads[kind].epoch = log.epoch;
            note->heads[kind].seq = row.head_seq;
            note->heads[kind].hash = row.head_hash;
        }
        status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    return status;
}

/* 1. The mark is touched. 2. The note names the time of that. Whatever is put back later, by whatever means, changes the mark's time or is another file; and a
 * note that is older than the last own entry does not name the heads that the store has. */
static void note_write(struct store *store) {
    char path[PATH_BYTES];
    uint8_t bytes[NOTE_BYTES];
    struct note note = {0};
    path_in(path, store, "heads.mark");
    enum status status = os_mark_touch(path, &note.mark);
    if (status == STATUS_OK)
        status = heads_get(store, &note);
    if (status != STATUS_OK)
        return;
    os_boot(note.boot);
    for (uint8_t kind = LOG_REPORT; kind < LIFE_KINDS; kind++)
        note.heads[kind].state = store->life.states[kind];
    note_pack(bytes, &note);
    path_in(path, store, "heads");
    (void)!os_file_note(path, bytes_of(bytes, sizeof bytes));
}

static bool note_read(struct store *store, struct note *out) {
    char path[PATH_BYTES];
    struct buffer bytes;
    path_in(path, store, "heads");
    buffer_init(&bytes, NOTE_BYTES);
    bool read = os_file_read(path, NOTE_BYTES, &bytes) == STATUS_OK && note_unpack(out, buffer_bytes(&bytes));
    buffer_fini(&bytes);
    return read;
}

/* What the files say of both logs at once; states[] of the note where they say that all is as it was left. */
static enum status files_say(struct store *store, const struct note *now, const struct note *left) {
    char path[PATH_BYTES];
    uint8_t boot[OS_BOOT_BYTES], unknown[OS_BOOT_BYTES] = {0};
    struct os_mark mark;
    struct life *life = &store->life;
    path_in(path, store, "heads.mark");
    if (os_mark_look(path, &mark) != STATUS_OK)
        return STATUS_OK;
    os_boot(boot);
    bool started = memcmp(boot, left->boot, sizeof boot) != 0 || memcmp(boot, unknown, sizeof boot) == 0;
    life->left = true;
    bool same = mark.file == left->mark.file && (started || mark.changed_ns == left->mark.changed_ns);
    for (uint8_t kind = LOG_REPORT; kind < LIFE_KINDS; kind++) {
        bool heads = memcmp(&now->heads[kind].epoch, &left->heads[kind].epoch, sizeof now->heads[kind].epoch) == 0 &&
                     now->heads[kind].seq == left->heads[kind].seq && ID_EQUAL(&now->heads[kind].hash, &left->heads[kind].hash);
        life->left &= same && !started && heads;
        life->states[kind] = !same || (!started && !heads) ? LIFE_FORGOT : started ? LIFE_WAITING : left->heads[kind].state;
        if (life->states[kind] > LIFE_FORGOT)
            life->states[kind] = LIFE_WAITING;
    }
    return STATUS_OK;
}

enum status life_open(struct store *store) {
    struct note now = {0}, left = {0};
    struct buffer row;
    store->life = (struct life){0};
    enum status status = heads_get(store, &now);
    if (status == STATUS_OK && note_read(store, &left))
        status = files_say(store, &now, &left);
    buffer_init(&row, 16);
    for (uint8_t kind = LOG_REPORT; status == STATUS_OK && kind < LIFE_KINDS; kind++) {
        status = store_meta(store->db, key_of("forgot", kind).text, &row);
        if (status == STATUS_NOT_FOUND)
            status = store_meta(store->db, "backup", &row);
        if (status == STATUS_OK)
            store->life.states[kind] = LIFE_FORGOT;
        status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    buffer_fini(&row);
    return status;
}

void life_keep(struct store *store) {
    struct buffer row;
    bool news = false;
    if (!store->life.left)
        note_write(store);
    store->life.left = true;
    buffer_init(&row, 16);
    for (uint8_t kind = LOG_REPORT; kind < LIFE_KINDS; kind++)
        news |= store->life.states[kind] == LIFE_FORGOT && store_meta(store->db, key_of("forgot", kind).text, &row) == STATUS_NOT_FOUND;
    buffer_fini(&row);
    if (!news || store_begin(store) != STATUS_OK)
        return;
    enum status status = STATUS_OK;
    for (uint8_t kind = LOG_REPORT; status == STATUS_OK && kind < LIFE_KINDS; kind++)
        if (store->life.states[kind] == LIFE_FORGOT)
            status = store_meta_put(store->db, key_of("forgot", kind).text, bytes_of("1", 1));
    if (status == STATUS_OK)
        status = store_commit(store);
    else
        store_rollback(store);
    (void)status;
}

void life_committed(struct store *store) {
    struct life *life = &store->life;
    bool said = life->said;
    for (uint8_t kind = LOG_REPORT; kind < LIFE_KINDS; kind++) {
        if (life->begun[kind])
            life->states[kind] = LIFE_OPEN;
        life->begun[kind] = false;
    }
    life->said = false;
    if (said)
        note_write(store);
}

void life_rolled_back(struct store *store) {
    memset(store->life.begun, 0, sizeof store->life.begun);
    store->life.said = false;
}

void store_confirmed(struct store *store, const struct unit_id *peer) {
    struct life *life = &store->life;
    bool opened = false;
    for (uint8_t kind = LOG_REPORT; kind < LIFE_KINDS; kind++) {
        struct log_id log;
        if (life->states[kind] != LIFE_WAITING || epoch_get(store, kind, &log) != STATUS_OK || !tree_may_hold_log(store->tree, peer, &log))
            continue;
        life->states[kind] = LIFE_OPEN;
        opened = true;
    }
    if (opened)
        note_write(store);
}
