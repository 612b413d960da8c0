/* What a thief shows of what he has: some logs not at all, some as they were long ago. What he shows is true as far as it goes: nobody can forge another's
 * entry. */
#include "tests/sim/sim.h"

#include <assert.h>

enum { SHOWN_MAX = 256 };

/* The functions below get the store that they are asked of, and have to find whose it is. One world at a time is simulated. */
static struct world *liars;
static struct office *thief_of(const void *ctx) {
    for (unsigned i = 0; i < liars->office_count; i++) {
        if (liars->offices[i].kind == OFFICE_THIEF && liars->offices[i].real.ctx == ctx) {
            return &liars->offices[i];
        }
    }
    assert(false);
    return NULL;
}

enum lie { LIE_NONE, LIE_HIDDEN, LIE_OLD };

static enum lie lie_about(const struct office *thief, const struct log_id *log) {
    uint64_t sum = thief->lies;
    for (size_t i = 0; i < sizeof log->epoch.b; i++) {
        sum = (sum ^ log->epoch.b[i] ^ log->node.b[i]) * UINT64_C(0x100000001b3);
    }
    unsigned draw = (unsigned)(sum >> 33) % 10;
    return ID_EQUAL(&log->node, &thief->self) || thief->lies == 0 || draw < 4 ? LIE_NONE : draw < 7 ? LIE_HIDDEN : LIE_OLD;
}

static uint64_t shown_of(const struct office *thief, const struct log_id *log, uint64_t seq) {
    enum lie lie = lie_about(thief, log);
    return lie == LIE_HIDDEN ? 0 : lie == LIE_OLD ? (seq + 1) / 2 : seq;
}

/* The head as it was at that entry. */
static enum status head_at(struct office *thief, struct log_head *head, uint64_t seq) {
    struct entry entry;
    struct hash hash;
    if (seq == head->seq) {
        return STATUS_OK;
    }
    enum status status = thief->real.ops->entry(thief->real.ctx, &head->log, seq, &entry);
    if (status == STATUS_OK) {
        header_hash(&hash, &thief->real.founding->association, entry.header);
        head->seq = seq;
        head->hash = hash_short(&hash);
        head->fork = (struct fork_mark){0};
    }
    return status;
}

struct gathered {
    size_t count;
    struct log_head heads[SHOWN_MAX];
};

static bool gather(void *arg, const struct log_head *head) {
    struct gathered *gathered = arg;
    gathered->heads[gathered->count++] = *head;
    return gathered->count < SHOWN_MAX;
}

static enum status each_shared_log(void *ctx, const struct unit_id *peer, uint64_t since, log_head_fn fn, void *arg) {
    struct office *thief = thief_of(ctx);
    struct gathered gathered = {0};
    enum status status = thief->real.ops->each_shared_log(thief->real.ctx, peer, since, gather, &gathered);
    bool going = true;
    for (size_t i = 0; i < gathered.count && going && status == STATUS_OK; i++) {
        struct log_head *head = &gathered.heads[i];
        uint64_t shown = shown_of(thief, &head->log, head->seq);
        if (shown > 0) {
            status = head_at(thief, head, shown);
            going = status == STATUS_OK && fn(arg, head);
        }
    }
    return status;
}

static enum status head(void *ctx, const struct log_id *log, struct log_head *out) {
    struct office *thief = thief_of(ctx);
    enum status status = thief->real.ops->head(thief->real.ctx, log, out);
    uint64_t shown = status == STATUS_OK ? shown_of(thief, log, out->seq) : 0;
    if (status != STATUS_OK || shown == out->seq) {
        return status;
    }
    return shown == 0 ? STATUS_NOT_FOUND : head_at(thief, out, shown);
}

static enum status entry(void *ctx, const struct log_id *log, uint64_t seq, struct entry *out) {
    struct office *thief = thief_of(ctx);
    struct log_head real;
    enum status status = thief->real.ops->head(thief->real.ctx, log, &real);
    if (status == STATUS_OK && seq > shown_of(thief, log, real.seq)) {
        status = STATUS_NOT_FOUND;
    }
    return status == STATUS_OK ? thief->real.ops->entry(thief->real.ctx, log, seq, out) : status;
}

/* ---- what else is asked of him is answered as it is ---- */

void thief_shows(struct world *world, unsigned place, struct replica *replica) {
    struct office *thief = &world->offices[place];
    if (thief->lies == 0) {
        return;
    }
    liars = world;
    thief->real = *replica;
    thief->shown = *replica->ops;
    thief->shown.each_shared_log = each_shared_log;
    thief->shown.head = head;
    thief->shown.entry = entry;
    replica->ops = &thief->shown;
}
