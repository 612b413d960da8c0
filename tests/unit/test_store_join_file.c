/* Enrolment by two files: the admission makes a node that has its units, forms and history; a wrong, altered, forged or other office's file makes none. */
#include "store_ask.h"

#include "store/join_file.h"
#include "tests/disk/disk.h"

#include <sodium.h>

#define ROOT "/root/hoi"
#define OFFICE "/office/hoi"
#define OTHER "/other/hoi"

static struct store *root;
static struct buffer request, admission;
static char fingerprint[JOIN_FINGERPRINT_BYTES];

/* The admission file of the request for that unit. */
static enum status answer(const char *code, bool *complete) {
    struct node_id node;
    struct join_file_made made = {0};
    const struct join_file_places places = {.count = 1, .addresses = {bytes_of("tcp://10.0.0.1:7400", 19)}};
    json_t *shown = ask_ok(root, "unit.show", code);
    uint8_t id[16];
    size_t got = 0;
    const char *hex = json_string_value(json_object_get(shown, "id"));
    assert_int_equal(sodium_hex2bin(id, sizeof id, hex, strlen(hex), NULL, &got, NULL), 0);
    json_decref(shown);
    struct unit_id unit;
    memcpy(unit.b, id, sizeof unit.b);
    assert_int_equal(store_begin(root), STATUS_OK);
    enum status status = join_file_admit(root, tree_unit(root->tree, &unit), buffer_bytes(&request), &node);
    if (status != STATUS_OK) {
        store_rollback(root);
        return status;
    }
    assert_int_equal(store_commit(root), STATUS_OK);
    buffer_clear(&admission);
    status = join_file_write(root, &node, &places, &admission, &made);
    *complete = made.complete;
    return status;
}

static int setup(void **state) {
    (void)state;
    assert_int_equal(keys_init(), STATUS_OK);
    disk_begin(12);
    disk_clock(1795400000, 0);
    (void)disk_new("/root");
    (void)disk_new("/office");
    (void)disk_new("/other");
    scratch_found(ROOT);
    root = scratch_open(ROOT);
    ask_done(root, "unit.import", "{'rows': [[2, '01', '00', '1', 'Hà Nội'], [3, '02', '00', '1', 'Hà Giang']]}");
    ask_done(root, "form.add",
             "{'form': {'name': 'f', 'title': {'vi': 'F'}, 'period': 'month', 'fields': [{'name': 'a', 'type': 'integer', 'over_units': 'sum', 'over_time': "
             "'sum'}]}}");
    buffer_init(&request, 4096);
    buffer_init(&admission, 2 * (size_t)JOIN_FILE_BYTES_MAX);
    assert_int_equal(store_join_request(OFFICE, &request, fingerprint), STATUS_OK);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    store_close(root);
    buffer_fini(&request);
    buffer_fini(&admission);
    disk_end();
    return 0;
}

static void no_node(const char *dir) {
    struct store *store = NULL;
    assert_int_equal(store_open(&store, dir, 0, NULL), STATUS_STORE_MISSING);
    assert_null(store);
}

static void the_two_files_make_a_node(void **state) {
    (void)state;
    bool complete = false;
    char again[JOIN_FINGERPRINT_BYTES];
    struct buffer same;
    struct join_request asked;
    buffer_init(&same, 4096);
    assert_int_equal(store_join_request(OFFICE, &same, again), STATUS_OK); /* the stick was lost: the same keys, the same file */
    assert_true(bytes_equal(buffer_bytes(&same), buffer_bytes(&request)));
    assert_string_equal(again, fingerprint);
    assert_int_equal(strlen(fingerprint), JOIN_FINGERPRINT_BYTES - 1);
    assert_int_equal(join_request_decode(&asked, buffer_bytes(&request)), STATUS_OK);
    asked.transport_key[0] ^= 1;
    join_request_fingerprint(again, asked.signing_key, asked.transport_key);
    assert_string_not_equal(again, fingerprint);
    ask_done(root, "put", "{'form':'f','period':'2025-06','unit':'01','on_behalf':true,'cells':{'a':{'state':'value','value':'3'}}}");
    assert_int_equal(answer("{'unit': '01'}", &complete), STATUS_OK);
    assert_true(complete);
    int64_t nodes = scratch_count(root, "SELECT count(*) FROM entry");
    assert_int_equal(answer("{'unit': '01'}", &complete), STATUS_OK); /* asked twice: admitted once */
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM entry"), nodes);
    assert_int_equal(answer("{'unit': '02'}", &complete), STATUS_KEY_ELSEWHERE);

    assert_int_equal(store_join_file(OFFICE, buffer_bytes(&admission)), STATUS_OK);
    assert_int_equal(store_join_file(OFFICE, buffer_bytes(&admission)), STATUS_ALREADY_JOINED);
    struct store *office = scratch_open(OFFICE);
    struct store_uplink uplink;
    json_t *hello = ask_ok(office, "hello", "{}");
    assert_string_equal(json_string_value(json_object_get(hello, "root")), "held");
    assert_string_equal(json_string_value(member_of(hello, "unit.code")), "01");
    json_decref(hello);
    json_t *shown = ask_ok(office, "show", "{'form':'f','period':'2025-06'}");
    assert_string_equal(json_string_value(member_of(shown, "rows.0.fields.a.value")), "3"); /* what was written for it is there */
    json_decref(shown);
    json_t *check = ask_ok(office, "check", "{}");
    assert_int_equal(json_array_size(json_object_get(check, "findings")), 0);
    json_decref(check);
    ask_done(office, "put", "{'form':'f','period':'2025-07','cells':{'a':{'state':'value','value':'4'}}}"); /* and it can begin */
    assert_int_equal(store_uplink(office, &uplink), STATUS_OK);
    assert_string_equal(uplink.addresses[0], "tcp://10.0.0.1:7400");
    assert_true(ID_EQUAL(&uplink.node, &root->self));
    store_close(office);
    buffer_fini(&same);
}

static void every_altered_byte_is_found(void **state) {
    (void)state;
    bool complete;
    assert_int_equal(answer("{'unit': '01'}", &complete), STATUS_OK);
    for (size_t at = 0; at < request.len; at++) {
        struct join_request asked;
        request.data[at] ^= 4;
        assert_int_not_equal(join_request_decode(&asked, buffer_bytes(&request)), STATUS_OK);
        request.data[at] ^= 4;
    }
    for (size_t at = 0; at < admission.len; at++) {
        struct join_admission file;
        struct joined joined;
        admission.data[at] ^= 4;
        assert_int_not_equal(join_admission_decode(&file, &joined, buffer_bytes(&admission)), STATUS_OK);
        admission.data[at] ^= 4;
    }
    for (size_t len = 0; len < admission.len; len += 97) {
        assert_int_equal(store_join_file(OFFICE, bytes_of(admission.data, len)), STATUS_JOIN_FILE_WRONG);
    }
    assert_int_equal(store_join_file(OFFICE, buffer_bytes(&request)), STATUS_JOIN_FILE_WRONG); /* the other file */
    no_node(OFFICE);
    assert_int_equal(store_join_file(OFFICE, buffer_bytes(&admission)), STATUS_OK);
}

static void an_admission_is_for_one_pc(void **state) {
    (void)state;
    bool complete;
    assert_int_equal(answer("{'unit': '01'}", &complete), STATUS_OK);
    assert_int_equal(store_join_file(OTHER, buffer_bytes(&admission)), STATUS_JOIN_OTHER_PC);
    no_node(OTHER);
}

/* A file that somebody else signed, with a key of his own in it; one from which the end of the logs was cut; one without any. */
static void only_the_logs_prove_the_signer(void **state) {
    (void)state;
    bool complete;
    struct join_admission file;
    struct joined joined;
    struct node_keys thief;
    const uint8_t seeds[2][32] = {{8}, {16}};
    struct buffer forged;
    assert_int_equal(answer("{'unit': '01'}", &complete), STATUS_OK);
    assert_int_equal(keys_from_seeds(&thief, seeds[0], seeds[1]), STATUS_OK);
    buffer_init(&forged, 2 * (size_t)JOIN_FILE_BYTES_MAX);
    assert_int_equal(join_admission_decode(&file, &joined, buffer_bytes(&admission)), STATUS_OK);
    memcpy(file.inviter_signing, thief.signing_public, 32);
    assert_int_equal(join_admission_encode(&file, &root->founding.association, &thief, &forged), STATUS_OK);
    assert_int_equal(store_join_file(OFFICE, buffer_bytes(&forged)), STATUS_JOIN_FILE_WRONG);
    no_node(OFFICE);
    memcpy(file.inviter_signing, root->keys->signing_public, 32);
    file.message_count = 0;
    file.messages = (struct bytes){0};
    buffer_clear(&forged);
    assert_int_equal(join_admission_encode(&file, &root->founding.association, root->keys, &forged), STATUS_OK);
    assert_int_equal(store_join_file(OFFICE, buffer_bytes(&forged)), STATUS_JOIN_FILE_WRONG);
    no_node(OFFICE);
    assert_int_equal(store_join_file(OFFICE, buffer_bytes(&admission)), STATUS_OK); /* the keys stayed: the right file still does it */
    buffer_fini(&forged);
}

/* The requests of docs/control.md: what they take and refuse. */
static void the_requests_of_both_files(void **state) {
    (void)state;
    ask_fails(root, "admit", "{'unit': '01', 'request': 'no base64!'}", STATUS_BAD_REQUEST);
    ask_fails(root, "admit", "{'unit': '01', 'request': 'AAAA'}", STATUS_JOIN_FILE_WRONG);
    ask_fails(root, "admit", "{'unit': '01'}", STATUS_BAD_REQUEST);
    ask_fails(root, "admission", "{'node': 'ab'}", STATUS_BAD_REQUEST);
    ask_fails(root, "admission", "{'node': '00112233445566778899aabbccddeeff'}", STATUS_NOT_FOUND);
    char text[4096], args[5000];
    sodium_bin2base64(text, sizeof text, request.data, request.len, sodium_base64_VARIANT_ORIGINAL);
    (void)snprintf(args, sizeof args, "{'unit': '99', 'request': '%s'}", text);
    ask_fails(root, "admit", args, STATUS_UNIT_UNKNOWN);
    (void)snprintf(args, sizeof args, "{'unit': '01', 'request': '%s'}", text);
    json_t *admitted = ask_ok(root, "admit", args);
    assert_string_equal(json_string_value(json_object_get(admitted, "fingerprint")), fingerprint);
    (void)snprintf(args, sizeof args, "{'node': '%s'}", json_string_value(json_object_get(admitted, "node")));
    json_t *made = ask_ok(root, "admission", args); /* without any address: there is no line yet */
    assert_true(json_is_true(json_object_get(made, "complete")));
    json_decref(admitted);
    json_decref(made);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_two_files_make_a_node),      TEST(every_altered_byte_is_found), TEST(an_admission_is_for_one_pc),
        TEST(only_the_logs_prove_the_signer), TEST(the_requests_of_both_files),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
