#include "tests/oracle/set_lines.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKENS_MAX = 1 << 15, LINE_BYTES_MAX = 1 << 20, TEXT_BYTES_MAX = 256 };

void *more(void *memory, size_t bytes) {
    void *grown = realloc(memory, bytes > 0 ? bytes : 1);
    if (grown == NULL) {
        abort();
    }
    return grown;
}

uint64_t set_random(struct set *set, uint64_t below) {
    set->random ^= set->random << 13;
    set->random ^= set->random >> 7;
    set->random ^= set->random << 17;
    return set->random * UINT64_C(0x2545f4914f6cdd1d) % below;
}

/* ---- reading ---- */

static void read_hex(uint8_t *out, size_t len, const char *text) {
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        if (sscanf(text + 2 * i, "%2x", &byte) != 1) {
            abort();
        }
        out[i] = (uint8_t)byte;
    }
}

static void read_log(struct log_id *out, const char *text) {
    read_hex(out->node.b, sizeof out->node.b, text);
    out->kind = (uint8_t)(text[33] - '0');
    read_hex(out->epoch.b, sizeof out->epoch.b, text + 35);
}

static void read_ref(struct ref *out, const char *text) {
    char *end;
    read_log(&out->log, text);
    out->seq = strtoull(text + 52, &end, 10);
    read_hex(out->hash.b, sizeof out->hash.b, end + 1);
}

/* Members parted by commas; the text is cut up. */
static size_t split(char *text, char parting, char **out, size_t max) {
    size_t count = 0;
    if (strcmp(text, "-") == 0) {
        return 0;
    }
    for (char *next = text; next != NULL && count < max;) {
        out[count++] = next;
        next = strchr(next, parting);
        if (next != NULL) {
            *next++ = 0;
        }
    }
    return count;
}

static size_t read_refs(struct ref *out, size_t max, const char *text) {
    char *copy = strdup(text), *parts[TRUST_REFS_MAX];
    size_t count = split(copy, ',', parts, max);
    for (size_t i = 0; i < count; i++) {
        read_ref(&out[i], parts[i]);
    }
    free(copy);
    return count;
}

static void read_line(struct line *out, const char *text) {
    char *copy = strdup(text), *parts[LINE_UNITS_MAX];
    out->count = split(copy, ',', parts, LINE_UNITS_MAX);
    for (size_t i = 0; i < out->count; i++) {
        read_hex(out->units[i].b, sizeof out->units[i].b, parts[i]);
    }
    free(copy);
}

static void read_audience(struct header *header, char *text) {
    char *parts[AUDIENCE_TERMS_MAX];
    header->audience_count = split(text, ',', parts, AUDIENCE_TERMS_MAX);
    for (size_t i = 0; i < header->audience_count; i++) {
        read_hex(header->audience[i].unit.b, sizeof header->audience[i].unit.b, parts[i]);
        header->audience[i].scope = (uint8_t)atoi(strchr(parts[i], '/') + 1);
    }
}

static void read_entry(struct set *set, char **tokens, size_t count) {
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 64 : set->capacity * 2;
        set->items = more(set->items, set->capacity * sizeof *set->items);
    }
    struct item *item = &set->items[set->count++];
    memset(item, 0, sizeof *item);
    struct header *header = &item->header;
    item->before = item->first_kid = item->next_kid = SIZE_MAX;
    read_log(&header->log, tokens[1]);
    header->seq = strtoull(tokens[2], NULL, 10);
    read_hex(item->hash.b, sizeof item->hash.b, tokens[3]);
    if (*tokens[4] != '-') {
        read_hex(header->prev.b, sizeof header->prev.b, tokens[4]);
    }
    header->cls = (uint8_t)(*tokens[5] - '0');
    header->has_continues = *tokens[6] != '-';
    if (header->has_continues) {
        read_ref(&header->continues, tokens[6]);
    }
    header->reach = (uint8_t)atoi(tokens[8]);
    if (*tokens[7] != '-') {
        header->audience_count = 1;
        read_hex(header->audience[0].unit.b, sizeof header->audience[0].unit.b, tokens[7]);
    } else {
        read_audience(header, tokens[9]);
    }
    header->seen_count = read_refs(header->seen, SEEN_REFS_MAX, tokens[10]);
    for (size_t i = 12; i < count; i++) {
        if (strcmp(tokens[i], "|") == 0) {
            item->changes = more(item->changes, (item->change_count + 1) * sizeof *item->changes);
            memset(&item->changes[item->change_count++], 0, sizeof *item->changes);
            continue;
        }
        struct said *change = &item->changes[item->change_count - 1];
        assert(change->count < sizeof change->tokens / sizeof change->tokens[0]);
        change->tokens[change->count++] = strdup(tokens[i]);
    }
}

/* ---- chains ---- */

size_t set_find(const struct set *set, const struct log_id *log, uint64_t seq, const uint8_t *hash, size_t len) {
    for (size_t i = 0; i < set->count; i++) {
        const struct item *item = &set->items[i];
        if (item->header.seq == seq && memcmp(item->hash.b, hash, len) == 0 && log_id_equal(&item->header.log, log)) {
            return i;
        }
    }
    return SIZE_MAX;
}

struct chain *set_chain(const struct set *set, const struct log_id *log) {
    for (size_t i = 0; i < set->chain_count; i++) {
        if (log_id_equal(&set->chains[i].id, log)) {
            return &set->chains[i];
        }
    }
    return NULL;
}

static void link_set(struct set *set) {
    for (size_t i = 0; i < set->count; i++) {
        struct item *item = &set->items[i];
        if (item->header.seq > 1) {
            item->before = set_find(set, &item->header.log, item->header.seq - 1, item->header.prev.b, sizeof item->header.prev.b);
            assert(item->before != SIZE_MAX);
            item->next_kid = set->items[item->before].first_kid;
            set->items[item->before].first_kid = i;
        }
    }
    for (size_t i = 0; i < set->count; i++) {
        struct chain *chain = set_chain(set, &set->items[i].header.log);
        if (chain == NULL) {
            set->chains = more(set->chains, (set->chain_count + 1) * sizeof *set->chains);
            chain = &set->chains[set->chain_count++];
            *chain = (struct chain){.id = set->items[i].header.log};
        }
        if (set->items[i].first_kid == SIZE_MAX) {
            chain->leaves = more(chain->leaves, (chain->leaf_count + 1) * sizeof *chain->leaves);
            chain->leaves[chain->leaf_count++] = i;
        }
    }
}

void set_hold(struct set *set, struct chain *chain, size_t leaf) {
    size_t at = chain->leaves[leaf];
    chain->leaf = leaf;
    chain->held_count = (size_t)set->items[at].header.seq;
    chain->held = more(chain->held, chain->held_count * sizeof *chain->held);
    for (size_t i = chain->held_count; i-- > 0; at = set->items[at].before) {
        chain->held[i] = at;
    }
}

void set_read(struct set *set, const char *path) {
    char *line = more(NULL, LINE_BYTES_MAX), **tokens = more(NULL, TOKENS_MAX * sizeof *tokens);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    while (fgets(line, LINE_BYTES_MAX, file) != NULL) {
        line[strcspn(line, "\n")] = 0;
        size_t count = split(line, ' ', tokens, TOKENS_MAX);
        assert(count < TOKENS_MAX);
        if (strcmp(tokens[0], "root") == 0) {
            read_hex(set->founding.root.b, sizeof set->founding.root.b, tokens[1]);
        } else if (strcmp(tokens[0], "founder") == 0) {
            read_hex(set->founding.founder.b, sizeof set->founding.founder.b, tokens[1]);
        } else if (strcmp(tokens[0], "entry") == 0) {
            read_entry(set, tokens, count);
        }
    }
    fclose(file);
    free(tokens);
    free(line);
    link_set(set);
}

/* The ref by which the epoch of an entry continues another, NULL: none. */
static const struct ref *continues(const struct set *set, size_t at) {
    while (set->items[at].header.seq > 1) {
        at = set->items[at].before;
    }
    return set->items[at].header.has_continues ? &set->items[at].header.continues : NULL;
}

uint32_t set_continued(const struct set *set, size_t at) {
    uint32_t count = 0;
    while (count <= 50 && at != SIZE_MAX) {
        const struct ref *ref = continues(set, at);
        if (ref == NULL || !ID_EQUAL(&ref->log.node, &set->items[at].header.log.node)) {
            break;
        }
        count++;
        struct chain *chain = set_chain(set, &ref->log);
        at = chain == NULL ? SIZE_MAX : chain->held[0];
    }
    return count;
}

/* ---- what the tree asks ---- */

enum status set_seen(void *ctx, int64_t a, int64_t b, bool *out) {
    const struct set *set = ctx;
    const struct item *one = &set->items[a - 1], *other = &set->items[b - 1];
    *out = log_id_equal(&one->header.log, &other->header.log) && one->header.seq > other->header.seq;
    for (size_t i = 0; i < one->header.seen_count && !*out; i++) {
        *out = log_id_equal(&one->header.seen[i].log, &other->header.log) && one->header.seen[i].seq >= other->header.seq;
    }
    size_t at = (size_t)a - 1;
    for (int i = 0; i <= 50 && !*out && at != SIZE_MAX; i++) {
        const struct ref *ref = continues(set, at);
        if (ref == NULL) {
            break;
        }
        *out = log_id_equal(&ref->log, &other->header.log) && ref->seq >= other->header.seq;
        at = set_find(set, &ref->log, ref->seq, ref->hash.b, sizeof ref->hash.b);
    }
    return STATUS_OK;
}

enum status set_holds(void *ctx, const struct ref *ref, bool *out) {
    const struct set *set = ctx;
    const struct chain *chain = set_chain(set, &ref->log);
    *out = false;
    if (chain == NULL || ref->seq > chain->held_count) {
        return STATUS_NOT_FOUND;
    }
    *out = memcmp(set->items[chain->held[ref->seq - 1]].hash.b, ref->hash.b, sizeof ref->hash.b) == 0;
    return STATUS_OK;
}

/* ---- giving ---- */

static uint64_t placing_kind(const char *word) {
    return strcmp(word, "move") == 0 ? CHANGE_MOVE : strcmp(word, "close") == 0 ? CHANGE_CLOSE : strcmp(word, "same") == 0 ? CHANGE_SAME : 0;
}

static struct bytes read_text(uint8_t memory[TEXT_BYTES_MAX], const char *digits) {
    size_t len = strcmp(digits, "-") == 0 ? 0 : strlen(digits) / 2;
    assert(len <= TEXT_BYTES_MAX);
    read_hex(memory, len, digits);
    return bytes_of(memory, len);
}

static struct date read_date(const char *days) {
    return strcmp(days, "-") == 0 ? (struct date){0} : (struct date){.set = true, .days = atoi(days)};
}

static enum status give_structure(struct tree *tree, const struct fact *fact, const struct said *change) {
    char *const *word = change->tokens;
    if (strcmp(word[0], "unit") == 0) {
        struct unit_id id;
        uint8_t code[TEXT_BYTES_MAX], name[TEXT_BYTES_MAX];
        struct unit_change unit = {.level = (uint8_t)atoi(word[3])};
        read_hex(id.b, sizeof id.b, word[1]);
        read_hex(unit.parent.b, sizeof unit.parent.b, word[2]);
        unit.code = read_text(code, word[5]);
        unit.name = read_text(name, word[6]);
        unit.effective = read_date(word[7]);
        return tree_add_unit(tree, fact, &id, &unit);
    }
    if (strcmp(word[0], "set") == 0) {
        uint8_t text[TEXT_BYTES_MAX];
        struct unit_set_change set = {.attribute = (uint8_t)atoi(word[2]), .effective = read_date(word[4])};
        read_hex(set.unit.b, sizeof set.unit.b, word[1]);
        if (set.attribute == UNIT_LEVEL) {
            set.level = (uint8_t)atoi(word[3]);
        } else {
            set.text = read_text(text, word[3]);
        }
        return tree_add_attribute(tree, fact, &set);
    }
    if (strcmp(word[0], "name") == 0) { /* from a day on, as a creation writes the name from ever on */
        struct unit_set_change set = {.attribute = UNIT_NAME, .text = bytes_of(word[2], strlen(word[2])), .effective = {true, 0}};
        read_hex(set.unit.b, sizeof set.unit.b, word[1]);
        return tree_add_attribute(tree, fact, &set);
    }
    if (strcmp(word[0], "admit") == 0) {
        static struct admission admission;
        struct node_id id;
        read_hex(id.b, sizeof id.b, word[1]);
        read_hex(admission.inviter.b, sizeof admission.inviter.b, word[2]);
        read_hex(admission.unit.b, sizeof admission.unit.b, word[3]);
        admission.roles = (uint8_t)atoi(word[4]);
        admission.pin_count = read_refs(admission.pins, PINS_MAX, word[6]);
        admission.has_succeeds = strcmp(word[7], "-") != 0;
        if (admission.has_succeeds) {
            read_hex(admission.succeeds.b, sizeof admission.succeeds.b, word[7]);
        }
        return tree_add_admission(tree, fact, &id, &admission);
    }
    static struct placing placing;
    read_hex(placing.unit.b, sizeof placing.unit.b, word[1]);
    read_line(&placing.line, word[3]);
    read_line(&placing.former, word[4]);
    struct unit_id parent;
    read_hex(parent.b, sizeof parent.b, word[2]);
    if (placing.line.count == 0 ||
        !ID_EQUAL(&parent, &placing.line.units[0])) { /* no reader lets such a thing in; to the tree it is one whose lines do not hold */
        placing.line = (struct line){.count = 1, .units = {parent}};
        placing.former.count = 0;
    }
    assert(placing_kind(word[0]) != 0);
    return tree_add_placing(tree, fact, placing_kind(word[0]), &placing);
}

static enum status give_power(struct tree *tree, const struct fact *fact, const struct said *change) {
    char *const *word = change->tokens;
    static struct refs refs;
    if (strcmp(word[0], "handover") == 0) {
        static struct handover handover;
        read_hex(handover.unit.b, sizeof handover.unit.b, word[1]);
        read_hex(handover.parent.b, sizeof handover.parent.b, word[2]);
        handover.upto.count = read_refs(handover.upto.items, TRUST_REFS_MAX, word[3]);
        return tree_add_handover(tree, fact, &handover);
    }
    if (strcmp(word[0], "revoke") == 0) {
        static struct revocation revocation;
        read_hex(revocation.node.b, sizeof revocation.node.b, word[1]);
        revocation.upto.count = read_refs(revocation.upto.items, TRUST_REFS_MAX, word[2]);
        return tree_add_revocation(tree, fact, &revocation);
    }
    if (strcmp(word[0], "fork") == 0) {
        struct fork_decision decision;
        read_ref(&decision.keeps, word[1]);
        read_ref(&decision.rival, word[2]);
        return tree_add_fork_decision(tree, fact, &decision);
    }
    refs.count = read_refs(refs.items, TRUST_REFS_MAX, word[1]);
    if (strcmp(word[0], "pin") == 0) {
        return tree_add_pins(tree, fact, &refs);
    }
    if (strcmp(word[0], "accept") == 0) {
        return tree_add_acceptance(tree, fact, &refs);
    }
    struct erasure erasure = {.entries = refs};
    assert(strcmp(word[0], "erase") == 0);
    return tree_add_erasure(tree, fact, &erasure);
}

enum status set_give(const struct set *set, struct tree *tree, size_t at, uint32_t place) {
    const struct item *item = &set->items[at];
    const struct said *change = &item->changes[place];
    const struct fact fact = {item->header.log, item->header.seq, item->hash, (int64_t)at + 1, place, set_continued(set, at)};
    const char *word = change->tokens[0];
    bool structure =
        strcmp(word, "unit") == 0 || strcmp(word, "name") == 0 || strcmp(word, "set") == 0 || strcmp(word, "admit") == 0 || placing_kind(word) != 0;
    if (strcmp(word, "form") == 0 || strcmp(word, "levels") == 0 || strcmp(word, "other") == 0 || strcmp(word, "critical") == 0) {
        return STATUS_OK; /* not the tree's */
    }
    return structure ? give_structure(tree, &fact, change) : give_power(tree, &fact, change);
}

void set_free(struct set *set) {
    for (size_t i = 0; i < set->count; i++) {
        for (size_t j = 0; j < set->items[i].change_count; j++) {
            for (size_t k = 0; k < set->items[i].changes[j].count; k++) {
                free(set->items[i].changes[j].tokens[k]);
            }
        }
        free(set->items[i].changes);
    }
    for (size_t i = 0; i < set->chain_count; i++) {
        free(set->chains[i].leaves);
        free(set->chains[i].held);
    }
    free(set->items);
    free(set->chains);
}
