/* The tree's tables: arrays that grow, texts, and numbers for units, nodes, logs, entries and facts. */
#include "store/tree_parts.h"

#include <stdlib.h>

enum { CHUNK_BYTES = 60 * 1024, CHUNK_SHIFT = 16, FACTS_MAX = INT32_MAX };
static_assert(CHUNK_BYTES < 1 << CHUNK_SHIFT, "a place in a chunk fits in the lower half of a text's number");

/* ---- arrays and tables ---- */

/* Room for one more item; what is new is zero. */
enum status tree_grow(void *array, size_t *capacity, size_t count, size_t item_bytes) {
    void *memory;
    if (count < *capacity) {
        return STATUS_OK;
    }
    size_t wanted = *capacity < 16 ? 16 : *capacity + *capacity / 2;
    memcpy(&memory, array, sizeof memory);
    uint8_t *grown = realloc(memory, wanted * item_bytes);
    if (grown == NULL) {
        return STATUS_NO_MEMORY;
    }
    memset(grown + *capacity * item_bytes, 0, (wanted - *capacity) * item_bytes);
    memory = grown;
    memcpy(array, &memory, sizeof memory);
    *capacity = wanted;
    return STATUS_OK;
}

uint64_t tree_hash(const struct tree *tree, struct bytes bytes) {
    uint64_t hash = tree->seed ^ (bytes.len * UINT64_C(0x9e3779b97f4a7c15));
    for (size_t i = 0; i < bytes.len; i += 8) {
        uint64_t word = 0;
        memcpy(&word, bytes.data + i, bytes.len - i < 8 ? bytes.len - i : 8);
        hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 29;
}

static void table_insert(struct tree_table *table, uint64_t hash, uint32_t number) {
    size_t mask = table->capacity - 1, at = (size_t)(hash >> 32) & mask;
    while (table->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    table->slots[at] = (hash & UINT64_C(0xffffffff00000000)) | (number + UINT64_C(1));
    table->count++;
}

/* Room for so many in all: at most three quarters full, so that every search ends. */
static enum status table_reserve(struct tree_table *table, size_t count) {
    size_t capacity = table->capacity == 0 ? 64 : table->capacity;
    while (count * 4 > capacity * 3) {
        capacity *= 2;
    }
    if (capacity == table->capacity) {
        return STATUS_OK;
    }
    struct tree_table larger = {.capacity = capacity};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return STATUS_NO_MEMORY;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i] != 0) {
            table_insert(&larger, table->slots[i], (uint32_t)table->slots[i] - 1);
        }
    }
    free(table->slots);
    *table = larger;
    return STATUS_OK;
}

static uint32_t table_find(const struct tree *tree, const struct tree_table *table, uint64_t hash, tree_match_fn *match, const void *key) {
    if (table->capacity == 0) {
        return TREE_NONE;
    }
    size_t mask = table->capacity - 1;
    for (size_t at = (size_t)(hash >> 32) & mask; table->slots[at] != 0; at = (at + 1) & mask) {
        if (table->slots[at] >> 32 == hash >> 32 && match(tree, (uint32_t)table->slots[at] - 1, key)) {
            return (uint32_t)table->slots[at] - 1;
        }
    }
    return TREE_NONE;
}

static void table_clear(struct tree_table *table) {
    if (table->capacity > 0) {
        memset(table->slots, 0, table->capacity * sizeof *table->slots);
    }
    table->count = 0;
}

/* ---- texts ---- */

struct bytes tree_text(const struct tree *tree, uint32_t text) {
    uint32_t len;
    if (text == TREE_NONE) {
        return (struct bytes){0};
    }
    const uint8_t *at = tree->chunks[text >> CHUNK_SHIFT] + (text & ((1U << CHUNK_SHIFT) - 1));
    memcpy(&len, at, sizeof len);
    return bytes_of(at + sizeof len, len);
}

enum status tree_text_add(struct tree *tree, struct bytes bytes, uint32_t *out) {
    uint32_t len = (uint32_t)bytes.len;
    size_t needed = sizeof len + bytes.len;
    *out = TREE_NONE;
    if (bytes.len == 0) {
        return STATUS_OK;
    }
    if (tree->chunk_count == 0 || tree->chunk_used + needed > tree->chunk_size) {
        if (tree->chunk_count >= UINT16_MAX) {
            return STATUS_TOO_LARGE;
        }
        enum status status = tree_grow(&tree->chunks, &tree->chunk_capacity, tree->chunk_count, sizeof *tree->chunks);
        if (status != STATUS_OK) {
            return status;
        }
        size_t size = needed > CHUNK_BYTES ? needed : CHUNK_BYTES;
        tree->chunks[tree->chunk_count] = malloc(size);
        if (tree->chunks[tree->chunk_count] == NULL) {
            return STATUS_NO_MEMORY;
        }
        tree->chunk_count++;
        tree->chunk_used = 0;
        tree->chunk_size = size;
    }
    uint8_t *at = tree->chunks[tree->chunk_count - 1] + tree->chunk_used;
    memcpy(at, &len, sizeof len);
    memcpy(at + sizeof len, bytes.data, bytes.len);
    *out = (uint32_t)((tree->chunk_count - 1) << CHUNK_SHIFT | tree->chunk_used);
    tree->chunk_used += needed;
    return STATUS_OK;
}

/* ---- numbers for ids ---- */

static bool match_unit(const struct tree *tree, uint32_t number, const void *key) {
    return ID_EQUAL(&tree->units[number].id, (const struct unit_id *)key);
}

static bool match_node(const struct tree *tree, uint32_t number, const void *key) {
    return ID_EQUAL(&tree->nodes[number].node.id, (const struct node_id *)key);
}

static bool match_log(const struct tree *tree, uint32_t number, const void *key) {
    return log_id_equal(&tree->logs[number].id, key);
}

static bool match_entry(const struct tree *tree, uint32_t number, const void *key) {
    return tree->entries[number].id == *(const int64_t *)key;
}

struct fact_key {
    uint32_t entry, place;
};

static bool match_fact(const struct tree *tree, uint32_t number, const void *key) {
    const struct fact_key *wanted = key;
    return tree->facts[number].entry == wanted->entry && tree->facts[number].place == wanted->place;
}

static bool match_key(const struct tree *tree, uint32_t number, const void *key) {
    return memcmp(tree->nodes[number].node.transport_key, key, sizeof tree->nodes[number].node.transport_key) == 0;
}

static uint64_t hash_log(const struct tree *tree, const struct log_id *log) {
    return tree_hash(tree, bytes_of(log->node.b, sizeof log->node.b)) ^ tree_hash(tree, bytes_of(log->epoch.b, sizeof log->epoch.b)) ^
           log->kind * UINT64_C(0x9e3779b97f4a7c15);
}

/* The caches hold a place a unit and a node, so that filling them can't fail. */
static enum status cache_reserve(struct tree *tree) {
    struct tree_cache *cache = tree->cache;
    const struct {
        uint32_t **array;
        size_t count;
    } wanted[] = {{&cache->child_start, tree->unit_capacity + 1},
                  {&cache->children, tree->unit_capacity},
                  {&cache->node_start, tree->unit_capacity + 1},
                  {&cache->nodes, tree->node_capacity},
                  {&cache->walk, tree->unit_capacity * TREE_WALKS_NESTED}};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        uint32_t *grown = realloc(*wanted[i].array, (wanted[i].count + 1) * sizeof *grown);
        if (grown == NULL) {
            return STATUS_NO_MEMORY;
        }
        *wanted[i].array = grown;
    }
    cache->walk_capacity = tree->unit_capacity * TREE_WALKS_NESTED;
    return STATUS_OK;
}

enum status tree_intern_unit(struct tree *tree, const struct unit_id *id, uint32_t *out) {
    uint64_t hash = tree_hash(tree, bytes_of(id->b, sizeof id->b));
    *out = table_find(tree, &tree->unit_table, hash, match_unit, id);
    if (*out != TREE_NONE) {
        return STATUS_OK;
    }
    size_t before = tree->unit_capacity;
    enum status status = table_reserve(&tree->unit_table, tree->unit_table.count + 1);
    if (status == STATUS_OK) {
        status = tree_grow(&tree->units, &tree->unit_capacity, tree->unit_count, sizeof *tree->units);
    }
    if (status == STATUS_OK && before != tree->unit_capacity) {
        status = cache_reserve(tree);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *out = tree->unit_count++;
    tree->cache->ready = false;
    tree->units[*out] = (struct tree_unit){.id = *id, .parent = TREE_NONE, .creation = TREE_NONE, .waiting = TREE_NONE, .writes = TREE_NONE};
    table_insert(&tree->unit_table, hash, *out);
    return STATUS_OK;
}

enum status tree_intern_node(struct tree *tree, const struct node_id *id, uint32_t *out) {
    uint64_t hash = tree_hash(tree, bytes_of(id->b, sizeof id->b));
    *out = table_find(tree, &tree->node_table, hash, match_node, id);
    if (*out != TREE_NONE) {
        return STATUS_OK;
    }
    size_t before = tree->node_capacity;
    enum status status = table_reserve(&tree->node_table, tree->node_table.count + 1);
    if (status == STATUS_OK) {
        status = tree_grow(&tree->nodes, &tree->node_capacity, tree->node_count, sizeof *tree->nodes);
    }
    if (status == STATUS_OK && before != tree->node_capacity) {
        status = cache_reserve(tree);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *out = tree->node_count++;
    tree->cache->ready = false;
    tree->nodes[*out] = (struct tree_slot_node){
        .node = {.id = *id, .unit = TREE_NONE, .inviter = TREE_NONE}, .unit = TREE_NONE, .waiting = TREE_NONE, .admission = TREE_NONE, .key_next = TREE_NONE, .logs = TREE_NONE};
    table_insert(&tree->node_table, hash, *out);
    return STATUS_OK;
}

enum status tree_intern_log(struct tree *tree, const struct log_id *id, uint32_t *out) {
    uint64_t hash = hash_log(tree, id);
    *out = table_find(tree, &tree->log_table, hash, match_log, id);
    if (*out != TREE_NONE) {
        return STATUS_OK;
    }
    uint32_t author = TREE_RECOVERY;
    enum status status = id->kind == LOG_RECOVERY ? STATUS_OK : tree_intern_node(tree, &id->node, &author);
    if (status == STATUS_OK) {
        status = table_reserve(&tree->log_table, tree->log_table.count + 1);
    }
    if (status == STATUS_OK) {
        status = tree_grow(&tree->logs, &tree->log_capacity, tree->log_count, sizeof *tree->logs);
    }
    if (status != STATUS_OK) {
        return status;
    }
    uint32_t *first = author == TREE_RECOVERY ? &tree->recovery_logs : &tree->nodes[author].logs;
    *out = tree->log_count++;
    tree->logs[*out] = (struct tree_log){.id = *id, .author = author, .next = *first};
    *first = *out;
    table_insert(&tree->log_table, hash, *out);
    return STATUS_OK;
}

static enum status intern_entry(struct tree *tree, const struct fact *fact, uint32_t *out) {
    uint64_t hash = tree_hash(tree, bytes_of(&fact->entry_id, sizeof fact->entry_id));
    *out = table_find(tree, &tree->entry_table, hash, match_entry, &fact->entry_id);
    if (*out != TREE_NONE) {
        return STATUS_OK;
    }
    uint32_t log;
    enum status status = tree_intern_log(tree, &fact->log, &log);
    if (status == STATUS_OK) {
        status = table_reserve(&tree->entry_table, tree->entry_table.count + 1);
    }
    if (status == STATUS_OK) {
        status = tree_grow(&tree->entries, &tree->entry_capacity, tree->entry_count, sizeof *tree->entries);
    }
    if (status != STATUS_OK) {
        return status;
    }
    *out = tree->entry_count++;
    tree->entries[*out] = (struct tree_entry){fact->entry_id, fact->seq, hash_short(&fact->hash), log};
    if (!tree->logs[log].given) {
        tree->logs[log].given = true;
        tree->logs[log].continued = fact->continued;
    }
    table_insert(&tree->entry_table, hash, *out);
    return STATUS_OK;
}

/* Room for one more fact, in the list of work too, and buckets for its code. */
enum status tree_reserve_fact(struct tree *tree) {
    size_t before = tree->fact_capacity;
    enum status status = table_reserve(&tree->fact_table, tree->fact_table.count + 1);
    if (status == STATUS_OK) {
        status = tree_grow(&tree->facts, &tree->fact_capacity, tree->fact_count, sizeof *tree->facts);
    }
    if (status != STATUS_OK || before == tree->fact_capacity) {
        return status;
    }
    uint32_t *work = realloc(tree->work, tree->fact_capacity * sizeof *work);
    if (work == NULL) {
        return STATUS_NO_MEMORY;
    }
    tree->work = work;
    size_t buckets = tree->code_capacity == 0 ? 64 : tree->code_capacity;
    while (buckets < tree->fact_capacity) {
        buckets *= 2;
    }
    if (buckets == tree->code_capacity) {
        return STATUS_OK;
    }
    uint32_t *old = tree->code_buckets, *larger = malloc(buckets * sizeof *larger);
    size_t old_capacity = tree->code_capacity;
    if (larger == NULL) {
        return STATUS_NO_MEMORY;
    }
    memset(larger, 0xff, buckets * sizeof *larger);
    tree->code_buckets = larger;
    tree->code_capacity = buckets;
    for (size_t i = 0; i < old_capacity; i++) {
        for (uint32_t at = old[i], next; at != TREE_NONE; at = next) {
            next = tree->facts[at].code_next;
            tree_index_code(tree, at);
        }
    }
    free(old);
    return STATUS_OK;
}

enum status tree_intern_fact(struct tree *tree, const struct fact *fact, uint32_t *out) {
    struct fact_key key = {.place = fact->place};
    *out = TREE_NONE;
    enum status status = tree->fact_count >= FACTS_MAX ? STATUS_TOO_LARGE : intern_entry(tree, fact, &key.entry);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t hash = tree_hash(tree, bytes_of(&key, sizeof key));
    status = tree_reserve_fact(tree);
    if (status != STATUS_OK) {
        return status;
    }
    const uint32_t author = tree->logs[tree->entries[key.entry].log].author;
    if (author != TREE_RECOVERY) {
        tree->nodes[author].facts++;
    }
    *out = tree->fact_count++;
    tree->facts[*out] = (struct tree_fact){.entry = key.entry,
                                           .place = fact->place,
                                           .parent = TREE_NONE,
                                           .code = TREE_NONE,
                                           .name = TREE_NONE,
                                           .waiting_next = TREE_NONE,
                                           .code_next = TREE_NONE,
                                           .power = TREE_NONE,
                                           .effective = TREE_ALWAYS,
                                           .verdict = STATUS_AUTHOR_UNKNOWN,
                                           .judged = STATUS_AUTHOR_UNKNOWN};
    table_insert(&tree->fact_table, hash, *out);
    return STATUS_OK;
}

enum status tree_reserve_key(struct tree *tree) {
    return table_reserve(&tree->key_table, (size_t)tree->node_count + 1); /* nodes given and not settled yet will want their places too */
}

enum status tree_reserve_write(struct tree *tree, uint32_t unit) {
    if (tree->units[unit].writes == TREE_NONE) {
        enum status status = tree_grow(&tree->writes, &tree->write_capacity, tree->write_count, sizeof *tree->writes);
        if (status != STATUS_OK) {
            return status;
        }
        tree->units[unit].writes = tree->write_count++;
    }
    struct tree_writes *writes = &tree->writes[tree->units[unit].writes];
    size_t capacity = writes->capacity;
    enum status status = tree_grow(&writes->facts, &capacity, writes->given, sizeof *writes->facts);
    if (status == STATUS_OK) {
        writes->capacity = (uint32_t)capacity;
        writes->given++;
    }
    return status;
}

void tree_index_key(struct tree *tree, uint32_t node) {
    const uint8_t *key = tree->nodes[node].node.transport_key;
    uint64_t hash = tree_hash(tree, bytes_of(key, sizeof tree->nodes[node].node.transport_key));
    uint32_t first = table_find(tree, &tree->key_table, hash, match_key, key);
    if (first == TREE_NONE) {
        table_insert(&tree->key_table, hash, node);
        return;
    }
    tree->nodes[node].key_next = tree->nodes[first].key_next;
    tree->nodes[first].key_next = node;
}

void tree_index_code(struct tree *tree, uint32_t fact) {
    struct bytes code = tree_text(tree, tree->facts[fact].code);
    uint32_t *bucket = &tree->code_buckets[tree_hash(tree, code) & (tree->code_capacity - 1)];
    tree->facts[fact].code_next = *bucket;
    *bucket = fact;
}

void tree_clear_indexes(struct tree *tree) {
    table_clear(&tree->key_table);
    for (uint32_t i = 0; i < tree->node_count; i++) {
        tree->nodes[i].key_next = TREE_NONE;
    }
    memset(tree->code_buckets, 0xff, tree->code_capacity * sizeof *tree->code_buckets);
}

const struct tree_log *tree_fact_log(const struct tree *tree, const struct tree_fact *fact) {
    return &tree->logs[tree->entries[fact->entry].log];
}

/* ---- finding ---- */

uint32_t tree_find_unit(const struct tree *tree, const struct unit_id *id) {
    return table_find(tree, &tree->unit_table, tree_hash(tree, bytes_of(id->b, sizeof id->b)), match_unit, id);
}

uint32_t tree_find_node(const struct tree *tree, const struct node_id *id) {
    return table_find(tree, &tree->node_table, tree_hash(tree, bytes_of(id->b, sizeof id->b)), match_node, id);
}

uint32_t tree_find_log(const struct tree *tree, const struct log_id *log) {
    return table_find(tree, &tree->log_table, hash_log(tree, log), match_log, log);
}

uint32_t tree_find_key(const struct tree *tree, const uint8_t transport_key[32]) {
    return table_find(tree, &tree->key_table, tree_hash(tree, bytes_of(transport_key, 32)), match_key, transport_key);
}

uint32_t tree_find_fact(const struct tree *tree, int64_t entry_id, uint32_t place) {
    struct fact_key key = {.place = place};
    key.entry = table_find(tree, &tree->entry_table, tree_hash(tree, bytes_of(&entry_id, sizeof entry_id)), match_entry, &entry_id);
    return key.entry == TREE_NONE ? TREE_NONE : table_find(tree, &tree->fact_table, tree_hash(tree, bytes_of(&key, sizeof key)), match_fact, &key);
}
