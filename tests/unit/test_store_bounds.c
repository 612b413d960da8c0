/* How much of one author is kept (store/bounds.h): what an honest country writes fits by far, a stolen key comes to an end, and takes nobody with it but whom
 * it admitted. */
#include "store_ask.h"
#include "store_trust.h"

#include "store/bounds.h"
#include "store/lane.h"

enum { CHAIN = 8, UNITS = 10795, NODES = 14000, NODES_A_BODY = 500, CHILDREN = 3321, MONTHS = 120 };

/* ---- entries of nodes that are nowhere but in the store's tree: nobody looks at their signatures here ---- */

struct author {
    struct node_id id;
    struct log_id log;
    uint64_t seq;
    struct hash head;
};

static struct author author_of(const struct node_id *id, uint8_t kind) {
    struct author author = {.id = *id, .log = {.node = *id, .kind = kind, .epoch = {{kind}}}};
    return author;
}

static void author_header(const struct author *author, uint8_t cls, const struct unit_id *to, size_t body_bytes, struct header *out) {
    *out =
        (struct header){.log = author->log, .seq = author->seq + 1, .prev = author->head, .cls = cls, .body_bytes = (uint32_t)body_bytes, .time = 1600000000};
    if (to != NULL) {
        out->audience_count = 1;
        out->audience[0].unit = *to;
    }
}

static void author_write(struct store *store, struct author *author, uint8_t cls, const struct unit_id *to, struct buffer *body) {
    static const uint8_t SALT[SALT_BYTES] = {9}, SIGNATURE[64] = {0};
    struct header *header = calloc(1, sizeof *header);
    struct buffer bytes;
    buffer_init(&bytes, HEADER_BYTES_MAX);
    assert_non_null(header);
    author_header(author, cls, to, body->len, header);
    body_hash(&header->body_hash, &store->founding.association, SALT, buffer_bytes(body));
    assert_int_equal(header_encode(header, &bytes), STATUS_OK);
    struct persist item = {.kind = PERSIST_ENTRY, .log = author->log, .seq = header->seq};
    item.entry = (struct entry){buffer_bytes(&bytes), bytes_of(SIGNATURE, 64), bytes_of(SALT, SALT_BYTES), buffer_bytes(body)};
    header_hash(&item.hash, &store->founding.association, item.entry.header);
    assert_int_equal(store_persist(store, &item, 1), STATUS_OK);
    assert_int_equal(store->apply_status, STATUS_OK);
    author->seq++;
    author->head = item.hash;
    buffer_fini(&bytes);
    buffer_fini(body);
    free(header);
}

static unsigned refused(struct store *store, const struct author *author, uint8_t cls, uint64_t entries, uint64_t bytes) {
    struct header *header = calloc(1, sizeof *header);
    assert_non_null(header);
    author_header(author, cls, cls == CLASS_CONTROL ? NULL : &store->unit, 0, header);
    unsigned reason = bounds_no_room(store, header, entries, bytes);
    free(header);
    return reason;
}

/* How many bytes more of this author would be taken. */
static uint64_t room_of(struct store *store, const struct author *author, uint8_t cls) {
    uint64_t low = 0, high = UINT64_C(1) << 50;
    if (refused(store, author, cls, 0, 0) != 0)
        return 0;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        *(refused(store, author, cls, 0, middle) == 0 ? &low : &high) = middle;
    }
    return low;
}

/* A body of so many changes of the name of a unit. */
static struct buffer sets_body(const struct unit_id *unit, size_t count) {
    static uint8_t nonce[16] = {0x33};
    struct change *changes = calloc(count, sizeof *changes);
    struct buffer payload = offices_buffer(), body = offices_buffer();
    const struct unit_set_change set = {.unit = *unit, .attribute = UNIT_CODE, .text = bytes_of("0123456789", 10)};
    assert_non_null(changes);
    nonce[15]++;
    assert_int_equal(unit_set_change_encode(&set, &payload), STATUS_OK);
    for (size_t i = 0; i < count; i++)
        changes[i] = (struct change){.kind = CHANGE_UNIT_SET, .place = (uint32_t)i, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, nonce, changes, count), STATUS_OK);
    buffer_fini(&payload);
    free(changes);
    return body;
}

static struct buffer document_body(void) {
    struct buffer payload = offices_buffer(), body = offices_buffer();
    const struct document document = {.title = bytes_of("x", 1)};
    assert_int_equal(document_encode(&document, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, NULL, &change, 1), STATUS_OK);
    buffer_fini(&payload);
    return body;
}

static struct buffer admission_body(struct store *store, const struct node_id *inviter, uint8_t key, struct node_id *id) {
    struct admission *admission = calloc(1, sizeof *admission);
    struct buffer payload = offices_buffer(), body = offices_buffer();
    assert_non_null(admission);
    admission->inviter = *inviter;
    admission->unit = store->unit;
    admission->signing_key[0] = admission->transport_key[0] = key;
    admission->roles = ROLE_WRITER | ROLE_STEWARD;
    admission->line = (struct line){1, {store->founding.root}};
    admission_node_id(id, &store->founding.association, admission);
    assert_int_equal(admission_encode(admission, &payload), STATUS_OK);
    const uint8_t nonce[16] = {0x44, key};
    const struct change change = {.kind = CHANGE_ADMISSION, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, nonce, &change, 1), STATUS_OK);
    buffer_fini(&payload);
    free(admission);
    return body;
}

/* The province admits another PC of its own, that one a third, and so on: the last is CHAIN links below the province. */
static void make_chain(struct store *store, struct author out[CHAIN]) {
    struct node_id id;
    struct buffer body = admission_body(store, &store->self, 1, &id);
    const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .body = buffer_bytes(&body)};
    struct stored stored;
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(log_append(store, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(store), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    buffer_fini(&body);
    out[0] = author_of(&id, LOG_DIRECTIVE);
    for (size_t i = 1; i < CHAIN; i++) {
        body = admission_body(store, &out[i - 1].id, (uint8_t)(i + 1), &id);
        author_write(store, &out[i - 1], CLASS_CONTROL, NULL, &body);
        out[i] = author_of(&id, LOG_DIRECTIVE);
        assert_int_not_equal(tree_node(store->tree, &id), TREE_NONE);
    }
}

/* ---- control ---- */

static void the_last_of_a_chain_has_little_and_counts_with_all_above_it(void **state) {
    struct offices *offices = *state;
    struct store *store = offices->child;
    struct author chain[CHAIN];
    offices_introduce(offices);
    make_chain(store, chain);
    struct author *last = &chain[CHAIN - 1];
    uint64_t least = room_of(store, last, CLASS_CONTROL), more = room_of(store, &chain[0], CLASS_CONTROL);
    assert_in_range(least, BOUNDS_CONTROL_LEAST - 4000, BOUNDS_CONTROL_LEAST);
    assert_in_range(more, BOUNDS_CONTROL_BYTES / 4 - 4000, BOUNDS_CONTROL_BYTES / 4); /* founder, province, its second PC */
    struct buffer body = sets_body(&store->unit, 500);
    size_t written = body.len;
    author_write(store, last, CLASS_CONTROL, NULL, &body);
    assert_in_range(room_of(store, last, CLASS_CONTROL), least - written - 300, least - written - 1);
    assert_in_range(room_of(store, &chain[0], CLASS_CONTROL), more - written - 300, more - written - 1);
    bounds_forget(store); /* what has been reckoned on the way is what is found when all is counted */
    assert_in_range(room_of(store, last, CLASS_CONTROL), least - written - 300, least - written - 1);
    /* With 1,000 changes it is at its end, however few bytes they are; whom it admits has nothing either; the others of the chain go on. */
    body = sets_body(&store->unit, 501);
    author_write(store, last, CLASS_CONTROL, NULL, &body);
    assert_int_equal(refused(store, last, CLASS_CONTROL, 0, 0), REFUSED_QUOTA);
    assert_int_equal(refused(store, last, CLASS_DOCUMENT, 0, 0), 0);
    struct node_id id;
    body = admission_body(store, &last->id, 99, &id);
    author_write(store, last, CLASS_CONTROL, NULL, &body); /* had it been taken all the same */
    struct author puppet = author_of(&id, LOG_DIRECTIVE);
    assert_int_not_equal(tree_node(store->tree, &id), TREE_NONE);
    assert_int_equal(refused(store, &puppet, CLASS_CONTROL, 0, 0), REFUSED_QUOTA);
    assert_int_equal(refused(store, &chain[CHAIN - 4], CLASS_CONTROL, 0, 0), 0);
    /* And after the next start. */
    store_close(store);
    offices->child = store = scratch_open(offices->child_dir);
    assert_int_equal(refused(store, &puppet, CLASS_CONTROL, 0, 0), REFUSED_QUOTA);
    assert_int_equal(refused(store, &chain[CHAIN - 4], CLASS_CONTROL, 0, 0), 0);
    /* A revocation ends that: what it wrote up to its cut counts with nobody any more. */
    struct ref good = {.log = last->log, .seq = last->seq, .hash = hash_short(&last->head)};
    trust_revoke(store, &last->id, &good, 1, 5);
    assert_int_equal(refused(store, last, CLASS_CONTROL, LANE_ENTRIES_MAX, 0), REFUSED_CUT);
    assert_int_equal(refused(store, &puppet, CLASS_CONTROL, 0, 0), 0);
}

static void own_entries_and_the_recovery_log_have_no_bound(void **state) {
    struct offices *offices = *state;
    struct store *store = offices->child;
    offices_introduce(offices);
    const struct node_id nobody = {{0}};
    struct author self = author_of(&store->self, LOG_DIRECTIVE), recovery = author_of(&nobody, LOG_RECOVERY),
                  stranger = author_of(&(struct node_id){{77}}, LOG_REPORT);
    assert_int_equal(refused(store, &self, CLASS_CONTROL, 0, UINT64_C(1) << 40), 0);
    assert_int_equal(refused(store, &recovery, CLASS_CONTROL, 0, UINT64_C(1) << 40), 0);
    assert_int_equal(refused(store, &stranger, CLASS_DOCUMENT, 0, UINT64_C(1) << 40), 0); /* it is refused for another reason */
}

static void the_root_s_offices_hold_more(void **state) {
    struct offices *offices = *state;
    struct author child = author_of(&offices->child->self, LOG_DIRECTIVE), root = author_of(&offices->root->self, LOG_DIRECTIVE);
    offices_introduce(offices);
    assert_in_range(room_of(offices->root, &child, CLASS_CONTROL), BOUNDS_ROOT_TIMES * (BOUNDS_CONTROL_BYTES / 2) - 100,
                    BOUNDS_ROOT_TIMES * (BOUNDS_CONTROL_BYTES / 2));
    assert_in_range(room_of(offices->child, &root, CLASS_CONTROL), BOUNDS_CONTROL_BYTES - 4000, BOUNDS_CONTROL_BYTES - 1);
}

/* ---- an honest country ---- */

/* The units of 2024, below those that the fixture has made. */
static void import_country(struct store *root) {
    FILE *file = fopen(SOURCE_DIR "/tests/data/units-2024.csv", "r");
    char text[400];
    json_t *rows = json_array();
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    for (int line = 2; fgets(text, sizeof text, file) != NULL; line++) {
        char *save, *code = strtok_r(text, ",", &save), *parent = strtok_r(NULL, ",", &save), *level = strtok_r(NULL, ",", &save),
                    *name = strtok_r(NULL, "\n", &save);
        char own[32], above[32];
        if (name == NULL) /* the root has no parent */
            continue;
        (void)snprintf(own, sizeof own, "n%.20s", code); /* 01 is there */
        (void)snprintf(above, sizeof above, "n%.20s", parent);
        (void)json_array_append_new(rows, json_pack("[i, s, s, s, s]", line, own, strcmp(parent, "VN") == 0 ? "00" : above, level, name));
    }
    (void)fclose(file);
    assert_true(json_array_size(rows) >= UNITS - 10);
    json_t *request = json_pack("{s:s, s:{s:o}}", "do", "unit.import", "args", "rows", rows);
    const struct store_caller caller = {.uid = 0};
    json_t *answer = store_request(root, &caller, request);
    assert_int_equal(json_integer_value(json_object_get(answer, "status")), 0);
    json_decref(answer);
    json_decref(request);
}

/* A node for each unit, and a second one for some. */
static void admit_country(struct store *root) {
    struct change changes[NODES_A_BODY];
    struct buffer payloads[NODES_A_BODY];
    struct admission *admission = calloc(1, sizeof *admission);
    assert_non_null(admission);
    for (uint32_t made = 0; made < NODES;) {
        size_t count = 0;
        for (; count < NODES_A_BODY && made < NODES; count++, made++) {
            uint32_t unit = made % (uint32_t)tree_standing_count(root->tree), line[LINE_UNITS_MAX];
            *admission = (struct admission){.inviter = root->self, .unit = *tree_unit_id(root->tree, unit), .roles = ROLE_WRITER | ROLE_STEWARD};
            admission->line.count = tree_line(root->tree, unit, TREE_TODAY, line);
            for (size_t i = 0; i < admission->line.count; i++)
                admission->line.units[i] = *tree_unit_id(root->tree, line[i]);
            memcpy(admission->signing_key, &made, sizeof made);
            memcpy(admission->transport_key, &made, sizeof made);
            admission->signing_key[31] = admission->transport_key[31] = 0x55;
            payloads[count] = offices_buffer();
            assert_int_equal(admission_encode(admission, &payloads[count]), STATUS_OK);
            changes[count] = (struct change){.kind = CHANGE_ADMISSION, .place = (uint32_t)count, .payload = buffer_bytes(&payloads[count])};
        }
        uint8_t nonce[16] = {0x66};
        memcpy(nonce + 4, &made, sizeof made);
        offices_control(root, nonce, changes, count);
        for (size_t i = 0; i < count; i++)
            buffer_fini(&payloads[i]);
    }
    free(admission);
}

/* What pins of the heads of so many logs come to. */
static uint64_t pins_bytes(uint64_t pins) {
    struct refs *refs = calloc(1, sizeof *refs);
    struct buffer payload = offices_buffer();
    assert_non_null(refs);
    for (refs->count = 0; refs->count < TRUST_REFS_MAX; refs->count++)
        refs->items[refs->count] = (struct ref){.log = {.node = {{(uint8_t)refs->count}}, .kind = LOG_REPORT}, .seq = 1000};
    assert_int_equal(pin_encode(refs, &payload), STATUS_OK);
    uint64_t bytes = (pins + TRUST_REFS_MAX - 1) / TRUST_REFS_MAX * (payload.len + 1000);
    buffer_fini(&payload);
    free(refs);
    return bytes;
}

/* All of it by one key, the founder's, as the smallest office holds it; and there is as much again for what ten years change. */
static void the_country_fits(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct author founder = author_of(&root->self, LOG_DIRECTIVE);
    struct log_head head;
    struct replica replica;
    import_country(root);
    admit_country(root);
    store_replica(root, &replica);
    assert_int_equal(replica.ops->head(replica.ctx, &offices->directive, &head), STATUS_OK);
    struct header *header = calloc(1, sizeof *header);
    assert_non_null(header);
    for (uint64_t seq = 1; seq <= head.seq; seq++) {
        struct persist item = offices_item(root, &offices->directive, seq);
        assert_int_equal(header_decode(header, item.entry.header), STATUS_OK);
        assert_int_equal(bounds_no_room(child, header, 0, 0), 0);
        assert_int_equal(store_persist(child, &item, 1), STATUS_OK);
    }
    free(header);
    uint64_t taken = BOUNDS_CONTROL_BYTES - room_of(child, &founder, CLASS_CONTROL), pins = pins_bytes((uint64_t)CHILDREN * MONTHS);
    print_message("%zu units and %zu nodes: %zu changes, %.2f MiB of control entries; ten years of monthly pins of %d children: %.1f MiB\n",
                  tree_standing_count(child->tree), tree_node_count(child->tree), tree_fact_count(child->tree), (double)taken / 1048576, (int)CHILDREN,
                  (double)pins / 1048576);
    assert_true(tree_standing_count(child->tree) >= UNITS - 10 && tree_node_count(child->tree) >= NODES);
    assert_true(tree_fact_count(child->tree) * 4 < BOUNDS_CHANGES);
    assert_true(taken + pins < BOUNDS_CONTROL_BYTES);
}

/* ---- what waits ---- */

static void what_waits_has_a_bound(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root;
    const struct unit_id unknown = {{55}};
    struct author child = author_of(&offices->child->self, LOG_REPORT);
    struct header *header = calloc(1, sizeof *header);
    assert_non_null(header);
    offices_introduce(offices);
    author_header(&child, CLASS_RECORD, &unknown, 0, header); /* in a report log, of another unit: it would be set aside */
    assert_int_equal(bounds_no_room(root, header, BOUNDS_WAITING - 1, 0), 0);
    assert_int_equal(bounds_no_room(root, header, BOUNDS_WAITING, 0), REFUSED_QUOTA);
    assert_int_equal(bounds_no_room(root, header, 0, BOUNDS_WAITING_BYTES), 0);
    assert_int_equal(bounds_no_room(root, header, 0, BOUNDS_WAITING_BYTES + 1), REFUSED_QUOTA);
    /* What stands has none of these. */
    assert_int_equal(refused(root, &child, CLASS_DOCUMENT, BOUNDS_WAITING, BOUNDS_WAITING_BYTES), 0);
    struct buffer body = document_body();
    author_write(root, &child, CLASS_RECORD, &unknown, &body);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM set_aside WHERE reason IN (306, 401)"), 1);
    author_header(&child, CLASS_RECORD, &unknown, 0, header);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bounds_no_room(root, header, BOUNDS_WAITING - 2, 0), 0);
        assert_int_equal(bounds_no_room(root, header, BOUNDS_WAITING - 1, 0), REFUSED_QUOTA);
        bounds_forget(root);
    }
    free(header);
}

/* ---- all together ---- */

static void of_the_disk_each_family_has_its_share(void **state) {
    struct offices *offices = *state;
    struct store *root = offices->root, *child = offices->child;
    struct author chain[CHAIN], from_above = author_of(&root->self, LOG_DIRECTIVE), below = author_of(&child->self, LOG_REPORT);
    offices_introduce(offices);
    make_chain(child, chain);
    uint64_t above = room_of(child, &from_above, CLASS_DOCUMENT), beside = room_of(child, &chain[0], CLASS_DOCUMENT),
             under = room_of(root, &below, CLASS_DOCUMENT);
    assert_true(above > BOUNDS_BYTES_LEAST);
    assert_in_range(beside, above - above / 50, above + above / 50); /* of the own unit: half as well; the disk may change meanwhile */
    assert_in_range(under, above / 2 - above / 50, above / 2 + above / 50);
    uint64_t before = under;
    struct buffer body = document_body();
    uint64_t written = body.len;
    author_write(root, &below, CLASS_DOCUMENT, &root->unit, &body);
    assert_true(room_of(root, &below, CLASS_DOCUMENT) < before - written + above / 1000);
}

/* What the rows of the logs say is what all entries come to, also when it was noted on the way. */
static struct bounds_weight held;
static void add_held(void *arg, const struct node_id *author, const struct bounds_weight *weight) {
    (void)arg;
    (void)author;
    held.bytes += weight->bytes;
    held.control += weight->control;
}

static void what_was_counted_is_kept(void **state) {
    struct offices *offices = *state;
    struct store *store = offices->child;
    struct author chain[CHAIN];
    uint64_t uncounted;
    offices_introduce(offices);
    make_chain(store, chain);
    assert_int_equal(bounds_count(store, false, add_held, NULL, &uncounted), STATUS_OK);
    const struct bounds_weight all = held;
    assert_int_equal(uncounted, 2 + 1 + CHAIN - 1);
    assert_int_equal(scratch_count(store, "SELECT sum(counted) FROM log"), 0);
    held = (struct bounds_weight){0};
    assert_int_equal(store_begin(store), STATUS_OK);
    assert_int_equal(bounds_count(store, true, add_held, NULL, &uncounted), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    assert_int_equal(scratch_count(store, "SELECT sum(head_seq - counted) FROM log"), 0);
    struct buffer body = sets_body(&store->unit, 3);
    author_write(store, &chain[0], CLASS_CONTROL, NULL, &body);
    held = (struct bounds_weight){0};
    assert_int_equal(bounds_count(store, false, add_held, NULL, &uncounted), STATUS_OK);
    assert_int_equal(uncounted, 1); /* only what has come since is read */
    assert_true(held.bytes > all.bytes && held.control > all.control && held.control <= held.bytes);
    const struct bounds_weight later = held;
    assert_int_equal(store_begin(store), STATUS_OK);
    for (int64_t log = 1; log < 20; log++)
        assert_int_equal(bounds_recount(store, log), STATUS_OK);
    assert_int_equal(store_commit(store), STATUS_OK);
    held = (struct bounds_weight){0};
    assert_int_equal(bounds_count(store, false, add_held, NULL, &uncounted), STATUS_OK);
    assert_memory_equal(&held, &later, sizeof held);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, offices_setup, offices_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_last_of_a_chain_has_little_and_counts_with_all_above_it),
        TEST(own_entries_and_the_recovery_log_have_no_bound),
        TEST(the_root_s_offices_hold_more),
        TEST(the_country_fits),
        TEST(what_waits_has_a_bound),
        TEST(of_the_disk_each_family_has_its_share),
        TEST(what_was_counted_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
