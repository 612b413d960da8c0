/* Cuts, pins and forks: how far a log stands by those that have been judged so far (docs/protocol.md 5.11, "Walking a log", "Cuts"). */
#include "store/tree_trust.h"

#include "protocol/planted.h"

#include <stdlib.h>

/* ---- what has been seen ---- */

enum { SEEN_KEPT_MAX = 1 << 20 }; /* 8 MiB of answers; past that they are asked again */

static uint64_t seen_hash(uint64_t key) {
    key *= UINT64_C(0xff51afd7ed558ccd);
    key ^= key >> 32;
    key *= UINT64_C(0xc4ceb9fe1a85ec53);
    return key ^ key >> 29;
}

/* Answers are kept as (a + 1, b, answer) in 64 bits: numbers of entries are below 2^31. */
static uint64_t *seen_place(const struct tree_trust *trust, uint64_t key) {
    size_t mask = trust->seen_capacity - 1, at = (size_t)seen_hash(key) & mask;
    while (trust->seen[at] != 0 && trust->seen[at] >> 1 != key) {
        at = (at + 1) & mask;
    }
    return &trust->seen[at];
}

static void seen_keep(struct tree_trust *trust, uint64_t key, bool answer) {
    if ((trust->seen_count + 1) * 4 > trust->seen_capacity * 3) {
        size_t capacity = trust->seen_capacity == 0 ? 256 : trust->seen_capacity * 2;
        if (capacity > SEEN_KEPT_MAX) {
            memset(trust->seen, 0, trust->seen_capacity * sizeof *trust->seen);
            trust->seen_count = 0;
        } else {
            struct tree_trust larger = {.seen = calloc(capacity, sizeof *larger.seen), .seen_capacity = capacity};
            if (larger.seen == NULL) {
                return; /* then it is asked again */
            }
            for (size_t i = 0; i < trust->seen_capacity; i++) {
                if (trust->seen[i] != 0) {
                    *seen_place(&larger, trust->seen[i] >> 1) = trust->seen[i];
                }
            }
            free(trust->seen);
            trust->seen = larger.seen;
            trust->seen_capacity = capacity;
        }
    }
    *seen_place(trust, key) = key << 1 | answer;
    trust->seen_count++;
}

enum status tree_has_seen(const struct tree *tree, uint32_t a, uint32_t b, bool *out) {
    struct tree_trust *trust = tree->trust;
    const struct tree_entry *entry_a = &tree->entries[a], *entry_b = &tree->entries[b];
    const uint64_t key = ((uint64_t)a + 1) << 31 | b;
    *out = entry_a->log == entry_b->log && entry_a->seq > entry_b->seq;
    if (entry_a->log == entry_b->log || tree->seen == NULL) {
        return STATUS_OK;
    }
    if (trust->seen_capacity > 0) {
        uint64_t kept = *seen_place(trust, key);
        if (kept != 0) {
            *out = (kept & 1) != 0;
            return STATUS_OK;
        }
    }
    enum status status = tree->seen(tree->seen_ctx, entry_a->id, entry_b->id, out);
    if (status == STATUS_OK && trust->power) { /* else each is asked but once */
        seen_keep(trust, key, *out);
    }
    return status;
}

enum status tree_overtakes(const struct tree *tree, uint32_t a, uint32_t b, bool *out) {
    bool seen_by = false;
    enum status status = tree_has_seen(tree, a, b, out);
    if (status == STATUS_OK && *out && tree->entries[a].log != tree->entries[b].log) {
        status = tree_has_seen(tree, b, a, &seen_by);
        *out = !seen_by;
    }
    return status;
}

/* ---- cuts ---- */

uint32_t tree_rank(const struct tree *tree, uint32_t author) {
    return author == TREE_RECOVERY ? 0 : tree->trust->nodes[author].rank;
}

/* Where a cut leaves the log; TREE_NONE: a log that no ref names. */
static uint64_t cut_seq(const struct tree *tree, const struct tree_cut *cut, uint32_t log) {
    const struct tree_power *power = &tree->trust->powers[tree->facts[cut->fact].power];
    for (uint32_t i = 0; i < power->mark_count; i++) {
        if (tree->trust->marks[power->marks + i].log == log) {
            return tree->trust->marks[power->marks + i].seq;
        }
    }
    return 0;
}

static bool concerns(const struct tree_cut *cut, uint32_t log) {
    return cut->log == TREE_NONE || cut->log == log;
}

/* Has another cut of that log, by the same author or a senior one, seen this one? */
static enum status replaced(const struct tree *tree, const struct tree_cut *cut, uint32_t log, bool *out) {
    const struct tree_trust *trust = tree->trust;
    const struct tree_log *at = log == TREE_NONE ? NULL : &tree->logs[log];
    uint32_t node = at == NULL ? tree->facts[cut->fact].subject : at->author;
    *out = false;
    for (uint32_t i = trust->nodes[node].cuts; i != TREE_NONE; i = trust->cuts[i].next) {
        const struct tree_cut *other = &trust->cuts[i];
        uint32_t mine = tree->facts[cut->fact].entry, its = tree->facts[other->fact].entry;
        if (mine == its || !concerns(other, log) || (tree_rank(tree, other->issuer) > tree_rank(tree, cut->issuer) && !PLANTED("junior-replaces-cut"))) {
            continue;
        }
        enum status status = tree_overtakes(tree, its, mine, out);
        if (status != STATUS_OK || *out) {
            return status;
        }
    }
    return STATUS_OK;
}

enum status tree_cut_of(const struct tree *tree, uint32_t node, uint32_t log, uint64_t *out) {
    const struct tree_trust *trust = tree->trust;
    *out = SEQ_MAX;
    for (uint32_t i = trust->nodes[node].cuts; i != TREE_NONE; i = trust->cuts[i].next) {
        const struct tree_cut *cut = &trust->cuts[i];
        bool gone = false;
        if (!concerns(cut, log)) {
            continue;
        }
        enum status status = replaced(tree, cut, log, &gone);
        if (status != STATUS_OK) {
            return status;
        }
        uint64_t seq = cut_seq(tree, cut, log);
        for (uint32_t pin = log == TREE_NONE ? TREE_NONE : trust->logs[log].pins; pin != TREE_NONE && !gone; pin = trust->pins[pin].next) {
            const uint64_t pinned = trust->marks[trust->pins[pin].mark].seq;
            if (trust->pins[pin].rank < tree_rank(tree, cut->issuer) && pinned > seq && !PLANTED("cut-below-pin")) {
                seq = pinned;
            }
        }
        if (!gone && seq < *out) {
            *out = seq;
        }
    }
    return STATUS_OK;
}

/* ---- forks ---- */

static enum status held(const struct tree *tree, const struct tree_mark *mark, bool *holds, bool *absent) {
    const struct tree_trust *trust = tree->trust;
    const struct ref ref = {tree->logs[mark->log].id, mark->seq, mark->hash};
    *holds = false;
    enum status status = trust->holds == NULL ? STATUS_NOT_FOUND : trust->holds(trust->holds_ctx, &ref, holds);
    *absent = status == STATUS_NOT_FOUND;
    *holds &= status == STATUS_OK;
    return *absent ? STATUS_OK : status;
}

static bool pin_before(const struct tree_trust *trust, const struct tree_pin *a, const struct tree_pin *b) {
    return a->rank != b->rank ? a->rank < b->rank : tree_mark_order(&trust->marks[a->mark], &trust->marks[b->mark]) < 0;
}

/* What a pin at or past a fork says of the branch that is held. A pin whose entry is neither held nor one of the two headers of the evidence decides nothing;
 * but where another entry stands at its place, or a fork decision's rival is held, what is held is not what it names. */
enum pin_word { PIN_HELD, PIN_OTHER, PIN_ELSEWHERE, PIN_ABSENT };

static enum status read_pin(const struct tree *tree, const struct tree_fork *fork, const struct tree_pin *pin, enum pin_word *out) {
    const struct tree_mark *mark = &tree->trust->marks[pin->mark];
    bool holds, absent, rival = false, rival_absent;
    enum status status = held(tree, mark, &holds, &absent);
    if (status == STATUS_OK && !holds && absent && pin->decides && mark[1].seq >= fork->seq) {
        status = held(tree, mark + 1, &rival, &rival_absent);
    }
    bool evidence = mark->seq == fork->seq && (ID_EQUAL(&mark->hash, &fork->one) || ID_EQUAL(&mark->hash, &fork->other));
    *out = holds ? PIN_HELD : evidence ? PIN_OTHER : !absent || rival ? PIN_ELSEWHERE : PIN_ABSENT;
    return status;
}

/* Which branch the most senior pin at or past a fork follows: the one held, or the other, or no pin does (open). */
static enum status follow(const struct tree *tree, const struct tree_fork *fork, bool *open) {
    const struct tree_trust *trust = tree->trust;
    const struct tree_pin *best = NULL, *away = NULL, *absent = NULL;
    struct tree_trust_log *slot = &tree->trust->logs[fork->log];
    *open = true;
    for (uint32_t i = slot->pins; i != TREE_NONE; i = trust->pins[i].next) {
        const struct tree_pin *pin = &trust->pins[i];
        enum pin_word word;
        if (trust->marks[pin->mark].seq < fork->seq || (best != NULL && !pin_before(trust, pin, best))) {
            continue;
        }
        enum status status = read_pin(tree, fork, pin, &word);
        if (status != STATUS_OK) {
            return status;
        }
        if (word == PIN_HELD || word == PIN_OTHER) {
            best = pin;
            *open = word == PIN_OTHER;
        }
        if ((word == PIN_OTHER || word == PIN_ELSEWHERE) && (away == NULL || pin_before(trust, pin, away))) {
            away = pin;
        }
        if (word != PIN_HELD && (absent == NULL || pin_before(trust, pin, absent))) {
            absent = pin;
        }
    }
    if (away != NULL && (best == NULL || away == best || pin_before(trust, away, best))) {
        slot->elsewhere = true; /* of several forks below the pinned entry it may have left at the last: nothing below that has to make room yet */
        slot->elsewhere_from = fork->seq;
    }
    if (absent != NULL && (best == NULL || absent == best || pin_before(trust, absent, best))) {
        slot->wanted = absent->mark;
    }
    return STATUS_OK;
}

/* Is this evidence about the branch that is held? The lowest is, as all below it is common. */
static enum status relevant(const struct tree *tree, const struct tree_fork *fork, bool *out) {
    const struct tree_mark marks[] = {{fork->log, fork->one, fork->seq}, {fork->log, fork->other, fork->seq}};
    bool absent;
    *out = tree->trust->forks + tree->trust->logs[fork->log].forks == fork;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < 2 && status == STATUS_OK && !*out; i++) {
        status = held(tree, &marks[i], out, &absent);
    }
    return status;
}

/* The lowest fork that no pin settles, SEQ_MAX: none. */
static enum status open_fork(const struct tree *tree, uint32_t log, uint64_t *out) {
    struct tree_trust_log *slot = &tree->trust->logs[log];
    *out = SEQ_MAX;
    slot->elsewhere = false;
    slot->wanted = TREE_NONE;
    for (uint32_t i = slot->forks; i != TREE_NONE; i = tree->trust->forks[i].next) {
        const struct tree_fork *fork = &tree->trust->forks[i];
        bool counts, open = false;
        enum status status = relevant(tree, fork, &counts);
        if (status == STATUS_OK && counts) {
            status = follow(tree, fork, &open);
        }
        if (status != STATUS_OK) {
            return status;
        }
        if (open && !PLANTED("open-fork-ignored")) {
            *out = fork->seq;
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}

enum status tree_walk_log(const struct tree *tree, uint32_t log, struct tree_bound *out) {
    const uint32_t author = tree->logs[log].author;
    enum status status = open_fork(tree, log, &out->fork);
    out->cut = SEQ_MAX;
    if (status == STATUS_OK && author != TREE_RECOVERY) {
        status = tree_cut_of(tree, author, log, &out->cut);
    }
    out->upto = out->fork != SEQ_MAX && out->fork - 1 < out->cut ? out->fork - 1 : out->cut;
    return status;
}
