/* The checks that everything from the peer has to pass before it is made durable. What can not be judged by the replica as it stands, but may be once the items
 * before it are durable and applied, is put off until they are. */
#include "protocol/planted.h"
#include "protocol/session_internal.h"

/* An item being checked. */
struct check {
    struct session *session;
    const struct item *item;
    struct header *header;   /* ENTRY: of the item; PART: of the entry held */
    struct session_log *log; /* ENTRY: the log's row, once its author has been verified */
    bool ground;             /* ENTRY: taken though the views do not let this side hold the log */
};

static enum verdict refuse(struct check *check, const struct log_id *log, uint64_t seq, unsigned reason) {
    session_receive_refuse(check->session, log, seq, reason);
    return VERDICT_DONE;
}

/* Refused, unless what stands in the run before it may change that. */
static enum verdict refuse_for_now(struct check *check, const struct log_id *log, uint64_t seq, unsigned reason) {
    if (check->session->receiving.run_count > 0) {
        return VERDICT_PERSIST_FIRST;
    }
    return refuse(check, log, seq, reason);
}

/* ---- entries ---- */

/* The log and seq of a header that breaks a rule: enough to refuse it by name. */
static bool read_name(struct bytes header, struct log_id *log, uint64_t *seq) {
    struct reader reader;
    reader_init(&reader, header);
    reader_array(&reader, 6, 64);
    reader_uint(&reader, UINT64_MAX);
    reader_uint(&reader, UINT64_MAX);
    reader_fixed(&reader, log->node.b, sizeof log->node.b);
    log->kind = (uint8_t)reader_uint(&reader, LOG_RECOVERY);
    reader_fixed(&reader, log->epoch.b, sizeof log->epoch.b);
    *seq = reader_uint(&reader, SEQ_MAX);
    return reader.status == STATUS_OK && log->kind != 0 && *seq > 0;
}

/* A header of another version is passed over, since nothing of it can be verified. */
static enum verdict undecodable(struct check *check, enum status status) {
    struct log_id log;
    uint64_t seq;
    if (status == STATUS_VERSION_UNKNOWN) {
        return VERDICT_DONE;
    }
    if (!read_name(check->item->entry.header, &log, &seq)) {
        session_fail(check->session, STATUS_PEER_PROTOCOL);
    } else if (!session_receive_is_refused(check->session, &log)) {
        return refuse(check, &log, seq, REFUSED_MALFORMED);
    }
    return VERDICT_DONE;
}

/* Past a cut entries are kept as evidence, within a bound; there may be others. What stands in the run under way counts. 0: there is room. */
static unsigned no_room(const struct check *check) {
    const struct session *session = check->session;
    const struct header *header = check->header;
    const struct receiving *receiving = &session->receiving;
    uint64_t entries = 0, bytes = 0;
    unsigned reason = ASK(session, no_room, header, 0, 0);
    for (size_t i = 0; reason == 0 && i < receiving->run_count; i++) {
        const struct persist *persist = &receiving->run[i];
        if ((persist->kind == PERSIST_ENTRY || persist->kind == PERSIST_BESIDE) && ID_EQUAL(&persist->log.node, &header->log.node)) {
            entries++;
            bytes += persist->entry.header.len + persist->entry.body.len;
        }
    }
    return reason == 0 && entries > 0 ? ASK(session, no_room, header, entries, bytes) : reason;
}

/* Author known, signature good, log ours to hold: true. Otherwise *verdict. */
static bool author_stands(struct check *check, enum verdict *verdict) {
    struct session *session = check->session;
    const struct header *header = check->header;
    bool recovery = header->log.kind == LOG_RECOVERY;
    uint8_t key[32];
    struct unit_id unit;
    if (!recovery) {
        enum status status = ASK(session, node, &header->log.node, key, &unit);
        if (status == STATUS_AUTHOR_UNKNOWN || status == STATUS_AUTHOR_CUT) {
            *verdict = refuse_for_now(check, &header->log, header->seq, status == STATUS_AUTHOR_CUT ? REFUSED_CUT : REFUSED_AUTHOR_UNKNOWN);
            return false;
        }
        if (status != STATUS_OK) {
            session_fail(session, status);
            return false;
        }
    }
    unsigned full = no_room(check);
    if (full != 0) {
        *verdict = refuse_for_now(check, &header->log, header->seq, full);
        return false;
    }
    if (session->cut && !ID_EQUAL(&header->log.node, &session->config.peer)) {
        *verdict = refuse(check, &header->log, header->seq, REFUSED_NOT_ENTITLED); /* what others wrote others bring */
        return false;
    }
    if (!session_offer_accepts(session, &header->log, header->seq, &check->ground)) {
        *verdict = refuse_for_now(check, &header->log, header->seq, REFUSED_NOT_ENTITLED);
        return false;
    }
    const struct entry *entry = &check->item->entry;
    enum status status = header_verify(session->config.replica.founding, header, entry->header, entry->signature, recovery ? NULL : key);
    if (status != STATUS_OK && !PLANTED("skip-signature")) {
        *verdict = refuse(check, &header->log, header->seq, REFUSED_SIGNATURE);
        return false;
    }
    check->log = session_log_add(session, &header->log);
    return check->log != NULL;
}

/* The body that came with a header, if it is that header's: kept where this side may hold it, else left out of *entry. False: refused. */
static bool body_stands(struct check *check, struct entry *entry, enum verdict *verdict) {
    struct session *session = check->session;
    const struct header *header = check->header;
    *verdict = VERDICT_DONE;
    if (entry->salt.len == 0) {
        return true;
    }
    if (!session_offer_body_accepted(session, header) && !PLANTED("entitlement-too-wide")) {
        if (session->receiving.run_count > 0) {
            *verdict = VERDICT_PERSIST_FIRST; /* an audience may name what the run before it makes known */
            return false;
        }
        entry->salt = entry->body = (struct bytes){0};
        return true;
    }
    if (body_verify(&session->config.replica.founding->association, header, entry->salt, entry->body) != STATUS_OK && !PLANTED("skip-body-hash")) {
        *verdict = refuse(check, &header->log, header->seq, REFUSED_MALFORMED);
        return false;
    }
    return true;
}

/* Does the header, another than the one held at its seq, follow the same entry as that? Then the branches part here. */
static bool linked(struct check *check) {
    struct session *session = check->session;
    const struct header *header = check->header;
    struct entry before;
    struct hash hash;
    if (header->seq == 1) {
        return true;
    }
    if (ASK(session, entry, &header->log, header->seq - 1, &before) != STATUS_OK) {
        return false;
    }
    header_hash(&hash, &session->config.replica.founding->association, before.header);
    return ID_EQUAL(&hash, &header->prev);
}

static void keep_evidence(struct check *check) {
    struct persist *persist = session_receive_add(check->session, PERSIST_FORK);
    if (persist != NULL) {
        persist->log = check->header->log;
        persist->seq = check->header->seq;
        persist->hash = check->session->receiving.hash;
        persist->entry = (struct entry){.header = check->item->entry.header, .signature = check->item->entry.signature};
    }
}

/* At a seq that is held: the same entry, perhaps with a body that is not here yet, or another branch. */
static enum verdict check_held(struct check *check) {
    struct session *session = check->session;
    struct header *header = check->header;
    struct entry held, came = check->item->entry;
    enum verdict verdict;
    enum status status = ASK(session, entry, &header->log, header->seq, &held);
    if (status != STATUS_OK) {
        session_fail(session, status);
        return VERDICT_DONE;
    }
    if ((!bytes_equal(held.header, came.header) || PLANTED("repeat-as-fork")) && !PLANTED("fork-ignored")) {
        keep_evidence(check);
        const struct compared compared = {.seq = header->seq, .linked = linked(check), .theirs = hash_short(&session->receiving.hash)};
        session_fork_compared(session, check->log, &compared); /* the peer is to have both, too */
        return refuse(check, &header->log, header->seq, REFUSED_FORK);
    }
    if (check->log->peer_seq < header->seq) {
        check->log->peer_seq = header->seq;
    }
    bool body_held = held.salt.len > 0;
    if (came.salt.len == 0 || body_held || !body_stands(check, &came, &verdict)) {
        return came.salt.len == 0 || body_held ? VERDICT_DONE : verdict;
    }
    struct persist *persist = came.salt.len > 0 ? session_receive_add(session, PERSIST_BODY) : NULL;
    if (persist != NULL) {
        persist->log = header->log;
        persist->seq = header->seq;
        persist->entry = (struct entry){.salt = came.salt, .body = came.body};
    }
    return VERDICT_DONE;
}

/* The head that this entry has to follow: of the run under way, or as held. */
static bool find_head(struct check *check, uint64_t *seq, struct hash *hash) {
    struct session *session = check->session;
    struct session_log *log = check->log;
    struct log_head head;
    struct entry entry;
    if (log->run == session->run) {
        *seq = log->run_seq;
        *hash = log->run_hash;
        return true;
    }
    *seq = 0;
    enum status status = ASK(session, head, &log->log, &head);
    if (status == STATUS_NOT_FOUND) {
        return true;
    }
    if (status == STATUS_OK && head.seq == 0) {
        return true;
    }
    if (status == STATUS_OK) {
        status = ASK(session, entry, &log->log, head.seq, &entry);
    }
    if (status != STATUS_OK) {
        session_fail(session, status);
        return false;
    }
    header_hash(hash, &session->config.replica.founding->association, entry.header);
    *seq = head.seq;
    return true;
}

static enum verdict check_new(struct check *check) {
    struct session *session = check->session;
    const struct header *header = check->header;
    struct entry came = check->item->entry;
    enum verdict verdict;
    if (!body_stands(check, &came, &verdict)) {
        return verdict;
    }
    struct persist *persist = session_receive_add(session, PERSIST_ENTRY);
    if (persist == NULL) {
        return VERDICT_DONE;
    }
    persist->log = header->log;
    persist->seq = header->seq;
    persist->peer = session->config.peer;
    persist->hash = session->receiving.hash;
    persist->entry = came;
    persist->ground = check->ground;
    check->log->run = session->run;
    check->log->run_seq = header->seq;
    check->log->run_hash = session->receiving.hash;
    return VERDICT_DONE;
}

/* Of the peer's branch of a log that yields to it, past where the two part. */
static enum verdict check_beside(struct check *check) {
    struct session *session = check->session;
    struct session_log *log = check->log;
    const struct header *header = check->header;
    struct entry came = check->item->entry;
    enum verdict verdict;
    if (header->seq <= log->yield_seq) {
        return VERDICT_DONE;
    }
    if (log->yield_seq >= log->yield_upto) {
        return refuse_for_now(check, &header->log, header->seq, REFUSED_FORK); /* the wanted entry stands in the run: then the log will have it */
    }
    if (header->seq > log->yield_seq + 1) {
        return refuse(check, &header->log, header->seq, REFUSED_GAP);
    }
    if (header->seq > 1 && !ID_EQUAL(&header->prev, &log->yield_hash)) {
        return refuse(check, &header->log, header->seq, REFUSED_FORK);
    }
    if (!body_stands(check, &came, &verdict)) {
        return verdict;
    }
    struct persist *persist = session_receive_add(session, PERSIST_BESIDE);
    if (persist != NULL) {
        persist->log = header->log;
        persist->seq = header->seq;
        persist->peer = session->config.peer;
        persist->hash = session->receiving.hash;
        persist->entry = came;
        session_fork_beside(session, log, header->seq, &session->receiving.hash);
    }
    return VERDICT_DONE;
}

static enum verdict check_entry(struct check *check) {
    struct session *session = check->session;
    enum verdict verdict = VERDICT_DONE;
    uint64_t head;
    struct hash head_hash;
    enum status status = header_decode(check->header, check->item->entry.header);
    if (status != STATUS_OK) {
        return undecodable(check, status);
    }
    const struct header *header = check->header;
    if (session_receive_is_refused(session, &header->log)) {
        return VERDICT_DONE;
    }
    if (!author_stands(check, &verdict) || !find_head(check, &head, &head_hash)) {
        return verdict;
    }
    header_hash(&session->receiving.hash, &session->config.replica.founding->association, check->item->entry.header);
    if (check->log->yields && header->seq > check->log->alike) {
        return check_beside(check);
    }
    if (header->seq <= head) {
        return check->log->run == session->run ? VERDICT_PERSIST_FIRST : check_held(check);
    }
    if (header->seq > head + 1 && !PLANTED("accept-gap")) {
        return refuse(check, &header->log, header->seq, REFUSED_GAP);
    }
    if (head > 0 && header->seq == head + 1 && !ID_EQUAL(&header->prev, &head_hash) && !PLANTED("prev-not-compared")) {
        session_fork_compared(session, check->log, &(struct compared){.seq = head, .theirs = hash_short(&header->prev)});
        return refuse(check, &header->log, header->seq, REFUSED_FORK);
    }
    return check_new(check);
}

/* ---- evidence ---- */

/* A header of a log that forks, or may: kept where another is held at its seq. Nothing rests on it, so that what is not good is passed over. */
static enum verdict check_evidence(struct check *check) {
    struct session *session = check->session;
    struct header *header = check->header;
    const struct entry *entry = &check->item->entry;
    bool recovery;
    struct entry held;
    struct unit_id unit;
    uint8_t key[32];
    if (header_decode(header, entry->header) != STATUS_OK) {
        return VERDICT_DONE;
    }
    if (session->receiving.run_count > 0) {
        return VERDICT_PERSIST_FIRST; /* what it is compared with may stand there */
    }
    recovery = header->log.kind == LOG_RECOVERY;
    if ((session->cut && !ID_EQUAL(&header->log.node, &session->config.peer)) ||
        (!recovery && ASK(session, node, &header->log.node, key, &unit) != STATUS_OK) ||
        !session_offer_accepts(session, &header->log, header->seq, &check->ground) ||
        header_verify(session->config.replica.founding, header, entry->header, entry->signature, recovery ? NULL : key) != STATUS_OK ||
        ASK(session, entry, &header->log, header->seq, &held) != STATUS_OK) {
        return VERDICT_DONE;
    }
    check->log = session_log_add(session, &header->log);
    if (check->log == NULL) {
        return VERDICT_DONE;
    }
    bool same = bytes_equal(held.header, entry->header);
    bool parts = !same && linked(check);
    header_hash(&session->receiving.hash, &session->config.replica.founding->association, entry->header);
    if (!same) {
        keep_evidence(check);
    }
    if (check->item->own) {
        const struct compared compared = {.seq = header->seq, .same = same, .linked = parts, .theirs = hash_short(&session->receiving.hash)};
        session_fork_compared(session, check->log, &compared);
    }
    return VERDICT_DONE;
}

/* ---- parts ---- */

/* The last part: the whole is put together and verified. What was begun wrongly is forgotten, and asked for again from its start. */
static void check_last_part(struct check *check, struct bytes begun) {
    struct session *session = check->session;
    const struct item *item = check->item;
    struct receiving *receiving = &session->receiving;
    buffer_fini(&receiving->whole);
    buffer_init(&receiving->whole, BODY_BYTES_MAX);
    if (item->offset > 0) {
        session_fail(session, buffer_append(&receiving->whole, begun.data, item->offset));
    }
    session_fail(session, buffer_append(&receiving->whole, item->part.data, item->part.len));
    if (session_failed(session)) {
        return;
    }
    struct bytes whole = buffer_bytes(&receiving->whole);
    bool good = body_verify(&session->config.replica.founding->association, check->header, item->salt, whole) == STATUS_OK || PLANTED("skip-body-hash");
    if (!good && item->offset == 0) {
        refuse(check, &item->log, item->seq, REFUSED_MALFORMED);
        return;
    }
    struct persist *persist = session_receive_add(session, good ? PERSIST_BODY : PERSIST_PART);
    if (persist == NULL) {
        return;
    }
    persist->log = item->log;
    persist->seq = item->seq;
    receiving->run_full = true; /* one whole at a time */
    if (good) {
        persist->entry = (struct entry){.salt = item->salt, .body = whole};
    } else {
        persist->salt = item->salt;
        refuse(check, &item->log, item->seq, REFUSED_GAP);
    }
}

static enum verdict check_part(struct check *check) {
    struct session *session = check->session;
    const struct item *item = check->item;
    struct entry held;
    struct bytes begun;
    if (session_receive_is_refused(session, &item->log)) {
        return VERDICT_DONE;
    }
    if (session->cut && !ID_EQUAL(&item->log.node, &session->config.peer)) {
        return refuse(check, &item->log, item->seq, REFUSED_NOT_ENTITLED);
    }
    if (session->receiving.run_count > 0) {
        return VERDICT_PERSIST_FIRST; /* its header may stand there, or the part before it */
    }
    const struct session_log *log = session_log_find(session, &item->log);
    if (log != NULL && log->yields && item->seq > log->alike) {
        return VERDICT_DONE; /* of an entry that is kept beside the log: when that has its place the body is asked for */
    }
    enum status status = ASK(session, entry, &item->log, item->seq, &held);
    if (status == STATUS_NOT_FOUND) {
        return refuse(check, &item->log, item->seq, REFUSED_GAP);
    }
    if (status == STATUS_OK) {
        status = header_decode(check->header, held.header);
    }
    if (status != STATUS_OK) {
        session_fail(session, status);
        return VERDICT_DONE;
    }
    bool body_held = held.salt.len > 0;
    if (body_held || (!session_offer_body_accepted(session, check->header) && !PLANTED("entitlement-too-wide"))) {
        return VERDICT_DONE;
    }
    uint32_t begun_bytes = ASK(session, partial, &item->log, item->seq, &begun);
    if (item->offset > begun_bytes) {
        return refuse(check, &item->log, item->seq, REFUSED_GAP);
    }
    if (item->part.len > check->header->body_bytes || item->offset > check->header->body_bytes - item->part.len) {
        return refuse(check, &item->log, item->seq, REFUSED_MALFORMED);
    }
    if (item->offset + item->part.len == check->header->body_bytes) {
        check_last_part(check, begun);
        return VERDICT_DONE;
    }
    struct persist *persist = session_receive_add(session, PERSIST_PART);
    if (persist != NULL) {
        persist->log = item->log;
        persist->seq = item->seq;
        persist->offset = item->offset;
        persist->part = item->part;
        persist->salt = item->salt;
    }
    return VERDICT_DONE;
}

enum verdict session_check_item(struct session *session) {
    struct scratch *scratch = session_scratch(session);
    if (scratch == NULL) {
        return VERDICT_DONE;
    }
    struct check check = {.session = session, .item = &session->receiving.item, .header = &scratch->header};
    switch (check.item->kind) {
    case ITEM_ENTRY:
        return check_entry(&check);
    case ITEM_PART:
        return check_part(&check);
    case ITEM_OFFER:
        if (session->receiving.run_count > 0) {
            return VERDICT_PERSIST_FIRST; /* what it speaks of may stand there */
        }
        session_offer_take(session, check.item);
        return VERDICT_DONE;
    default:
        return check_evidence(&check);
    }
}

/* ---- receipts ---- */

/* What can not be judged yet is passed over: states differ then, and it comes again. */
void session_check_receipt(struct session *session, const struct signed_receipt *bytes) {
    const struct replica *replica = &session->config.replica;
    struct receipt receipt, held;
    struct log_head head;
    struct unit_id unit;
    uint8_t key[32];
    if (receipt_decode(&receipt, bytes->receipt) != STATUS_OK) {
        session->stats.receipts_forged++;
        return;
    }
    if (session->cut || ID_EQUAL(&receipt.holder, &replica->self) || ASK(session, node, &receipt.holder, key, &unit) != STATUS_OK ||
        (!ASK(session, may_hold_receipt, &replica->unit, &receipt.holder, &receipt.log) && !PLANTED("receipt-of-a-stranger"))) {
        return;
    }
    /* Of a log that is not here nothing is said in any state either; and whoever may sign could make up epochs without end. */
    if (ASK(session, head, &receipt.log, &head) != STATUS_OK || head.seq == 0) {
        return;
    }
    if (keys_verify(bytes->signature, "receipt", &replica->founding->association, bytes->receipt, key) != STATUS_OK && !PLANTED("receipt-unsigned")) {
        session->stats.receipts_forged++;
        return;
    }
    bool direct = ID_EQUAL(&receipt.holder, &session->config.peer);
    enum status status = ASK(session, receipt, &receipt.holder, &receipt.log, &held, NULL);
    int order = status == STATUS_OK ? receipt_compare(&receipt, &held) : 1;
    struct session_log *log = session_log_find(session, &receipt.log);
    struct known_receipt *known = log != NULL && log->shared ? session_log_receipt(session, log, &receipt.holder, true) : NULL;
    if (known != NULL) {
        session_log_receipt_known(known, log, (struct receipt_mark){receipt.seq, receipt.bodies, receipt.applied});
        if (order < 0 && !direct) {
            known->due = true; /* the peer is behind */
            log->due_count++;
            session_send_consider(session, log);
        }
    }
    struct persist *persist = order > 0 || ((direct || PLANTED("receipt-lowered")) && order != 0) ? session_receive_add(session, PERSIST_RECEIPT) : NULL;
    if (persist != NULL) {
        persist->log = receipt.log;
        persist->seq = receipt.seq;
        persist->receipt = receipt;
        persist->receipt_bytes = *bytes;
        persist->direct = direct;
    }
}
