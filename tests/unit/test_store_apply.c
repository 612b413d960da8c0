/* Applying: what waits, what is set aside and why, what comes back, and that the order in which entries come makes no difference. */
#include "store/digest.h"
#include "store/document.h"
#include "store/form_view.h"
#include "store/log.h"
#include "store_offices.h"

static int64_t aside_reason(struct store *store, int64_t entry, uint32_t place) {
    struct query query = db_query(store->db, "SELECT reason FROM set_aside WHERE entry = ? AND place = ?");
    query_bind_int(&query, entry);
    query_bind_int(&query, place);
    int64_t reason = query_next(&query) ? query_int(&query, 0) : 0;
    assert_int_equal(query_end(&query), STATUS_OK);
    return reason;
}

static int64_t entry_of(struct store *store, const struct ref *ref) {
    int64_t id;
    assert_int_equal(log_find(store, &ref->log, ref->seq, &id), STATUS_OK);
    return id;
}

static uint64_t applied_of(struct store *store, const struct log_id *log) {
    struct ref ref;
    enum status status = log_applied_ref(store, log, &ref);
    assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    return status == STATUS_OK ? ref.seq : 0;
}

static int64_t letters(struct store *store) {
    int64_t count;
    assert_int_equal(document_count(store, &count), STATUS_OK);
    return count;
}

static void carry(struct store *from, struct store *to, const struct ref *ref) {
    assert_int_equal(offices_carry(from, to, &ref->log, ref->seq, true), STATUS_OK);
}

/* One unit created under `parent` in the store's directive log, from a nonce that is given. */
static struct stored create(struct store *store, const struct unit_id *parent, const struct line *line, uint8_t nonce_byte, struct unit_id *id) {
    struct buffer payload = offices_buffer();
    const uint8_t nonce[16] = {nonce_byte};
    const struct unit_change unit = {
        .parent = *parent, .level = 2, .code = bytes_of(&"abcdefghij"[nonce_byte % 10], 1), .name = bytes_of("Xã", strlen("Xã")), .line = *line};
    assert_int_equal(unit_change_encode(&unit, &payload), STATUS_OK);
    keys_unit_id(id, &store->founding.association, nonce, 0);
    const struct change change = {.kind = CHANGE_UNIT, .payload = buffer_bytes(&payload)};
    struct stored stored = offices_control(store, nonce, &change, 1);
    buffer_fini(&payload);
    return stored;
}

/* ---- what waits ---- */

static void test_a_letter_waits_for_the_unit_it_names(void **state) {
    struct offices *offices = *state;
    struct unit_id commune;
    offices_introduce(offices);
    struct stored creation = create(offices->child, &offices->unit, &(struct line){2, {offices->unit, offices->root->unit}}, 1, &commune);
    struct stored letter = offices_document(offices->child, LOG_REPORT, &commune, "xin chào", 1);
    assert_int_equal(aside_reason(offices->child, letter.id, 0), 0);
    carry(offices->child, offices->root, &letter.ref);
    int64_t entry = entry_of(offices->root, &letter.ref);
    assert_int_equal(aside_reason(offices->root, entry, 0), STATUS_UNIT_UNKNOWN);
    assert_int_equal(applied_of(offices->root, &letter.ref.log), 1); /* set aside is dealt with: what follows is not held up */
    carry(offices->child, offices->root, &creation.ref);
    assert_int_equal(aside_reason(offices->root, entry, 0), 0);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM document"), 1);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside"), 0);
}

static void test_a_missing_body_holds_up_its_own_log_only(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    struct unit_id root = offices->root->unit, commune;
    struct stored first = offices_document(offices->child, LOG_REPORT, &root, "một", 1), second = offices_document(offices->child, LOG_REPORT, &root, "hai", 1);
    struct stored creation = create(offices->child, &offices->unit, &(struct line){2, {offices->unit, root}}, 1, &commune);
    assert_int_equal(offices_carry(offices->child, offices->root, &first.ref.log, 1, false), STATUS_OK);
    carry(offices->child, offices->root, &second.ref);
    carry(offices->child, offices->root, &creation.ref);
    assert_int_equal(applied_of(offices->root, &first.ref.log), 0);
    assert_int_equal(letters(offices->root), 0);
    assert_int_not_equal(tree_unit(offices->root->tree, &commune), TREE_NONE);
    carry(offices->child, offices->root, &first.ref);
    assert_int_equal(applied_of(offices->root, &first.ref.log), 2);
    assert_int_equal(letters(offices->root), 2);
}

/* A letter for a unit that its holder comes to see as its own only later: the body was not for it, then it is, and is applied when it comes. */
static void test_a_body_that_becomes_ours_is_applied_late(void **state) {
    struct offices *offices = *state;
    struct stored letter = offices_document(offices->root, LOG_DIRECTIVE, &offices->unit, "cho tỉnh", 1), last = offices_rename(offices->root, "Tên mới");
    assert_int_equal(offices_carry(offices->root, offices->child, &offices->directive, 1, true), STATUS_OK);
    for (uint64_t seq = 2; seq <= last.ref.seq; seq++) {
        assert_int_equal(offices_carry(offices->root, offices->child, &offices->directive, seq, seq != letter.ref.seq), STATUS_OK);
    }
    assert_int_equal(letters(offices->child), 0);
    carry(offices->root, offices->child, &letter.ref);
    assert_int_equal(applied_of(offices->child, &offices->directive), last.ref.seq);
    assert_int_equal(letters(offices->child), 1);
}

/* ---- what may not be said ---- */

static void test_letters_outside_authority_are_set_aside(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    struct unit_id sibling;
    create(offices->root, &offices->root->unit, &(struct line){1, {offices->root->unit}}, 2, &sibling);
    assert_int_equal(offices_carry(offices->root, offices->child, &offices->directive, 3, true), STATUS_OK);
    struct stored letter = offices_document(offices->child, LOG_DIRECTIVE, &sibling, "cho bạn", 1);
    assert_int_equal(aside_reason(offices->child, letter.id, 0), STATUS_UNIT_UNKNOWN); /* as an office would say that never heard of the sibling */
    carry(offices->child, offices->root, &letter.ref);
    assert_int_equal(aside_reason(offices->root, entry_of(offices->root, &letter.ref), 0), STATUS_UNIT_UNKNOWN);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM document"), 0);
}

/* Of the units that a letter is for an office need not know all: those of another branch it never hears of. One that it knows is enough, whatever comes later.
 */
static void test_a_letter_also_for_units_unknown_here(void **state) {
    struct offices *offices = *state;
    const struct unit_id far = {{0}};
    const struct document document = {.title = bytes_of("chung", 5)};
    const struct term audience[] = {{.unit = far}, {.unit = offices->unit}};
    struct buffer payload = offices_buffer(), body = offices_buffer();
    struct stored stored;
    offices_introduce(offices);
    assert_int_equal(document_encode(&document, &payload), STATUS_OK);
    assert_int_equal(body_encode(&body, NULL, &(struct change){.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&payload)}, 1), STATUS_OK);
    const struct draft draft = {.kind = LOG_DIRECTIVE, .cls = CLASS_DOCUMENT, .audience = audience, .audience_count = 2, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(offices->root), STATUS_OK);
    assert_int_equal(log_append(offices->root, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(offices->root), STATUS_OK);
    assert_int_equal(store_commit(offices->root), STATUS_OK);
    carry(offices->root, offices->child, &stored.ref);
    assert_int_equal(letters(offices->child), 1);
    assert_int_equal(aside_reason(offices->child, entry_of(offices->child, &stored.ref), 0), STATUS_OK);
    buffer_fini(&payload);
    buffer_fini(&body);
}

/* In a report log stand the figures of the author's own unit; whether they are well formed is not even looked at otherwise. */
static void test_a_report_of_another_unit_is_set_aside(void **state) {
    struct offices *offices = *state;
    static const uint8_t nothing[] = {0x90};
    const struct change change = {.kind = CHANGE_PUT, .payload = bytes_of(nothing, sizeof nothing)};
    struct buffer body = offices_buffer();
    struct stored stored;
    offices_introduce(offices);
    assert_int_equal(body_encode(&body, NULL, &change, 1), STATUS_OK);
    const struct term audience = {.unit = offices->root->unit};
    const struct draft draft = {.kind = LOG_REPORT, .cls = CLASS_RECORD, .audience = &audience, .audience_count = 1, .body = buffer_bytes(&body)};
    assert_int_equal(store_begin(offices->child), STATUS_OK);
    assert_int_equal(log_append(offices->child, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(offices->child), STATUS_OK);
    assert_int_equal(store_commit(offices->child), STATUS_OK);
    assert_int_equal(aside_reason(offices->child, stored.id, 0), STATUS_OUTSIDE_AUTHORITY);
    carry(offices->child, offices->root, &stored.ref);
    assert_int_equal(aside_reason(offices->root, entry_of(offices->root, &stored.ref), 0), STATUS_OUTSIDE_AUTHORITY);
    buffer_fini(&body);
}

static void test_unknown_kinds_and_damaged_changes(void **state) {
    struct offices *offices = *state;
    static const uint8_t nothing[] = {0x90}, number[] = {0x91, 0x05};
    struct buffer payload = offices_buffer();
    const uint8_t nonce[16] = {9}, other[16] = {10};
    const struct unit_set_change set = {.unit = offices->root->unit, .attribute = UNIT_NAME, .text = bytes_of("Mới", strlen("Mới"))};
    assert_int_equal(unit_set_change_encode(&set, &payload), STATUS_OK);
    const struct change mixed[] = {{.kind = CHANGE_LOCK, .payload = bytes_of(number, sizeof number)},
                                   {.kind = CHANGE_UNIT_SET, .payload = buffer_bytes(&payload)}};
    struct stored known = offices_control(offices->root, nonce, mixed, 2);
    assert_int_equal(aside_reason(offices->root, known.id, 0), STATUS_CHANGE_UNKNOWN); /* and the other change of the body stands */
    assert_int_equal(tree_verdict(offices->root->tree, known.id, 1), STATUS_OK);
    const struct change damaged[] = {{.kind = CHANGE_UNIT_SET, .payload = bytes_of(nothing, sizeof nothing)},
                                     {.kind = CHANGE_UNIT_SET, .payload = buffer_bytes(&payload)}};
    struct stored bad = offices_control(offices->root, other, damaged, 2);
    assert_int_equal(aside_reason(offices->root, bad.id, 0), STATUS_MALFORMED); /* as a whole */
    assert_int_equal(tree_verdict(offices->root->tree, bad.id, 1), STATUS_NOT_FOUND);
    struct stored after = offices_rename(offices->root, "Sau đó"); /* and its chain goes on */
    assert_int_equal(tree_verdict(offices->root->tree, after.id, 0), STATUS_OK);
    assert_int_equal(scratch_count(offices->root, "SELECT count(*) FROM set_aside"), 2);
    buffer_fini(&payload);
}

/* An entry whose header asks for something this version does not know is kept, and not applied. */
static void test_a_critical_extension_is_set_aside(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    struct buffer bytes = offices_buffer(), body = offices_buffer(), payload = offices_buffer();
    static const uint8_t extension[] = {0x91, 0x93, 0x07, 0xc3, 0xc4, 0x00};
    const struct document document = {.title = bytes_of("t", 1)};
    uint8_t signature[64], salt[SALT_BYTES] = {1};
    struct header *header = calloc(1, sizeof *header);
    assert_non_null(header);
    assert_int_equal(document_encode(&document, &payload), STATUS_OK);
    const struct change change = {.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&payload)};
    assert_int_equal(body_encode(&body, NULL, &change, 1), STATUS_OK);
    *header = (struct header){.log = {.node = offices->child->self, .kind = LOG_REPORT},
                              .seq = 1,
                              .cls = CLASS_DOCUMENT,
                              .audience_count = 1,
                              .audience = {{.unit = offices->root->unit}}};
    header->body_bytes = (uint32_t)body.len;
    body_hash(&header->body_hash, &offices->root->founding.association, salt, buffer_bytes(&body));
    header->extensions = bytes_of(extension, sizeof extension);
    assert_int_equal(header_encode(header, &bytes), STATUS_OK);
    header_sign(signature, &offices->root->founding.association, buffer_bytes(&bytes), offices->child->keys);
    struct persist item = {.kind = PERSIST_ENTRY, .log = header->log, .seq = 1};
    item.entry = (struct entry){buffer_bytes(&bytes), bytes_of(signature, 64), bytes_of(salt, SALT_BYTES), buffer_bytes(&body)};
    header_hash(&item.hash, &offices->root->founding.association, item.entry.header);
    assert_int_equal(store_persist(offices->root, &item, 1), STATUS_OK);
    assert_int_equal(scratch_count(offices->root, "SELECT reason FROM set_aside"), STATUS_CRITICAL_EXTENSION);
    assert_int_equal(letters(offices->root), 0);
    assert_int_equal(applied_of(offices->root, &header->log), 1);
    free(header);
    buffer_fini(&bytes);
    buffer_fini(&body);
    buffer_fini(&payload);
}

/* A form or a document may say by a critical extension that this version cannot understand it: that change waits, the others of its body stand. */
static void test_a_change_with_a_critical_extension_is_set_aside_alone(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    struct buffer plain = offices_buffer(), critical = offices_buffer(), body = offices_buffer();
    static const uint8_t extension[] = {0x91, 0x93, 0x07, 0xc3, 0xc4, 0x00};
    const struct document document = {.title = bytes_of("read me", 7)};
    struct document strange = document;
    strange.extensions = bytes_of(extension, sizeof extension);
    assert_int_equal(document_encode(&document, &plain), STATUS_OK);
    (void)!document_encode(&strange, &critical); /* says CRITICAL_EXTENSION where the writer asks its own reader */
    if (critical.len == 0) {
        /* [.., extensions] is the last member: the plain payload with its empty array replaced */
        assert_int_equal(buffer_append(&critical, plain.data, plain.len - 1), STATUS_OK);
        assert_int_equal(buffer_append(&critical, extension, sizeof extension), STATUS_OK);
    }
    const struct change changes[] = {{.kind = CHANGE_DOCUMENT, .place = 0, .payload = buffer_bytes(&critical)},
                                     {.kind = CHANGE_DOCUMENT, .place = 1, .payload = buffer_bytes(&plain)}};
    assert_int_equal(body_encode(&body, NULL, changes, 2), STATUS_OK);
    const struct term to = {.unit = offices->root->unit};
    const struct draft draft = {.kind = LOG_REPORT, .cls = CLASS_DOCUMENT, .audience = &to, .audience_count = 1, .body = buffer_bytes(&body)};
    struct stored stored;
    assert_int_equal(store_begin(offices->child), STATUS_OK);
    assert_int_equal(log_append(offices->child, &draft, &stored), STATUS_OK);
    assert_int_equal(apply_pending(offices->child), STATUS_OK);
    assert_int_equal(store_commit(offices->child), STATUS_OK);
    assert_int_equal(scratch_count(offices->child, "SELECT reason FROM set_aside WHERE place = 0"), STATUS_CRITICAL_EXTENSION);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM set_aside"), 1);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM document WHERE place = 1"), 1);
    buffer_fini(&plain);
    buffer_fini(&critical);
    buffer_fini(&body);
}

/* ---- what stood and does not any more ---- */

/* The child copies a nonce of the root before the root's own creation has come: what rested on the copy is taken back with it. */
static void test_views_that_rest_on_a_copied_nonce_are_made_anew(void **state) {
    struct offices *offices = *state;
    offices_introduce(offices);
    struct unit_id copy, honest, below;
    struct stored theft = create(offices->child, &offices->unit, &(struct line){2, {offices->unit, offices->root->unit}}, 5, &copy);
    struct stored rest = create(offices->child, &copy, &(struct line){3, {copy, offices->unit, offices->root->unit}}, 6, &below);
    struct stored letter = offices_document(offices->child, LOG_DIRECTIVE, &copy, "cho ai", 1);
    assert_int_equal(tree_verdict(offices->child->tree, theft.id, 0), STATUS_OK);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM document"), 1);
    struct stored original = create(offices->root, &offices->root->unit, &(struct line){1, {offices->root->unit}}, 5, &honest);
    assert_true(ID_EQUAL(&copy, &honest));
    carry(offices->root, offices->child, &original.ref);
    assert_int_equal(aside_reason(offices->child, theft.id, 0), STATUS_OUTSIDE_AUTHORITY);
    assert_int_equal(aside_reason(offices->child, rest.id, 0), STATUS_OUTSIDE_AUTHORITY);
    assert_int_equal(aside_reason(offices->child, letter.id, 0), STATUS_UNIT_UNKNOWN);
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM document"), 0);
    assert_int_equal(tree_parent(offices->child->tree, tree_unit(offices->child->tree, &honest), TREE_TODAY), 0);
    carry(offices->child, offices->root, &theft.ref);
    carry(offices->child, offices->root, &rest.ref);
    carry(offices->child, offices->root, &letter.ref);
    struct hash here, there;
    uint32_t at_child = tree_unit(offices->child->tree, &offices->unit), at_root = tree_unit(offices->root->tree, &offices->unit);
    assert_int_equal(digest_of(offices->child, at_child, 0, &here), STATUS_OK);
    assert_int_equal(digest_of(offices->root, at_root, 0, &there), STATUS_OK);
    assert_true(ID_EQUAL(&here, &there));
}

/* ---- what a structure change has seen ---- */

static void test_structure_names_what_it_has_seen(void **state) {
    struct offices *offices = *state;
    const struct store_caller caller = {.uid = 0};
    struct stored_entry entry;
    offices_introduce(offices);
    json_t *request = json_pack("{s:s, s:{s:s, s:s, s:s}}", "do", "unit.add", "args", "code", "0101", "name", "Xã", "level", "3");
    json_t *response = store_request(offices->child, &caller, request);
    assert_int_equal(json_integer_value(json_object_get(response, "status")), STATUS_OK);
    int64_t last = scratch_count(offices->child, "SELECT max(id) FROM entry");
    assert_int_equal(log_read(offices->child, last, &entry, offices->child->scratch), STATUS_OK);
    const struct header *header = offices->child->scratch;
    assert_int_equal(header->seen_count, 1); /* the root's directives, in which the unit, its parent and its node stand; not the own log */
    assert_true(log_id_equal(&header->seen[0].log, &offices->directive));
    assert_int_equal(header->seen[0].seq, 2);
    json_decref(request);
    json_decref(response);
}

/* A newcomer that has not synchronised yet is told so, and changes nothing. */
static void test_a_newcomer_cannot_write_structure_yet(void **state) {
    struct offices *offices = *state;
    const struct store_caller caller = {.uid = 0};
    static const char *const verbs[] = {"unit.add", "send", "unit.list", "invite"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        json_t *request = json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:s, s:[s]}}", "do", verbs[i], "args", "code", "0101", "name", "Xã", "title", "t", "level",
                                    "3", "to", "00", "addresses", "tcp://a:1");
        json_t *response = store_request(offices->child, &caller, request);
        enum status status = (enum status)json_integer_value(json_object_get(response, "status"));
        assert_true(status == STATUS_LINE_BROKEN || (status == STATUS_BAD_REQUEST && strcmp(verbs[i], "invite") == 0));
        json_decref(request);
        json_decref(response);
    }
    static const char *const answered[] = {"hello", "status", "node.list", "log", "inbox", "level.list", "config"};
    for (size_t i = 0; i < sizeof answered / sizeof answered[0]; i++) {
        json_t *request = json_pack("{s:s}", "do", answered[i]), *response = store_request(offices->child, &caller, request);
        assert_int_equal(json_integer_value(json_object_get(response, "status")), STATUS_OK);
        json_decref(request);
        json_decref(response);
    }
    assert_int_equal(scratch_count(offices->child, "SELECT count(*) FROM entry"), 0);
}

/* ---- order ---- */

enum { LOGS = 3, ROUNDS = 30 };

/* Twelve entries in three logs, given to fresh stores in random orders (each log in its own), some bodies late: every store ends in the same views. */
static void test_no_order_of_arrival_makes_a_difference(void **state) {
    struct offices *offices = *state;
    char dir[SCRATCH_PATH], copy[SCRATCH_PATH];
    struct unit_id commune, second;
    offices_introduce(offices);
    const struct line under = {2, {offices->unit, offices->root->unit}};
    create(offices->child, &offices->unit, &under, 1, &commune);
    offices_document(offices->child, LOG_REPORT, &offices->root->unit, "lên", 1);
    offices_document(offices->child, LOG_REPORT, &commune, "xuống", 1);
    struct stored directive = offices_document(offices->child, LOG_DIRECTIVE, &commune, "xuống", 1);
    struct stored report = offices_document(offices->child, LOG_REPORT, &offices->root->unit, "lên nữa", 1);
    directive = create(offices->child, &commune, &(struct line){3, {commune, offices->unit, offices->root->unit}}, 2, &second);
    offices_rename(offices->root, "Tên hai");
    store_close(offices->root);
    scratch_path(dir, offices->dir, "root");
    const struct log_id logs[2] = {directive.ref.log, report.ref.log};
    const uint64_t heads[2] = {directive.ref.seq, report.ref.seq};
    struct hash expected = {{0}};
    srand(3);
    for (int round = 0; round < ROUNDS; round++) {
        struct hash found;
        uint64_t next[2] = {1, 1}, late = 0;
        (void)snprintf(copy, sizeof copy, "%.120s/round%d", offices->dir, round);
        scratch_copy(dir, copy);
        struct store *store = scratch_open(copy);
        while (next[0] <= heads[0] || next[1] <= heads[1]) {
            size_t which = (size_t)rand() % 2;
            if (next[which] > heads[which]) {
                continue;
            }
            bool with_body = which == 0 || late != 0 || rand() % 2 == 0;
            late = with_body ? late : next[which];
            assert_int_equal(offices_carry(offices->child, store, &logs[which], next[which]++, with_body), STATUS_OK);
        }
        if (late != 0) {
            assert_int_equal(offices_carry(offices->child, store, &logs[1], late, true), STATUS_OK);
        }
        assert_int_equal(scratch_count(store, "SELECT count(*) FROM log WHERE applied < head_seq"), 0);
        assert_int_equal(digest_of(store, tree_unit(store->tree, &offices->unit), 0, &found), STATUS_OK);
        expected = round == 0 ? found : expected;
        assert_true(ID_EQUAL(&expected, &found));
        store_close(store);
    }
    offices->root = scratch_open(dir);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, offices_setup, offices_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_a_letter_waits_for_the_unit_it_names),
        TEST(test_a_missing_body_holds_up_its_own_log_only),
        TEST(test_a_body_that_becomes_ours_is_applied_late),
        TEST(test_letters_outside_authority_are_set_aside),
        TEST(test_a_letter_also_for_units_unknown_here),
        TEST(test_a_report_of_another_unit_is_set_aside),
        TEST(test_unknown_kinds_and_damaged_changes),
        TEST(test_a_critical_extension_is_set_aside),
        TEST(test_a_change_with_a_critical_extension_is_set_aside_alone),
        TEST(test_views_that_rest_on_a_copied_nonce_are_made_anew),
        TEST(test_structure_names_what_it_has_seen),
        TEST(test_a_newcomer_cannot_write_structure_yet),
        TEST(test_no_order_of_arrival_makes_a_difference),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
