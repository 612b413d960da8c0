/* Enrolment in the store: what a token admits and refuses, by whose clock it expires, and that an answer is given, and believed, once and again. */
#include "store_ask.h"

#include "store/admit.h"
#include "store/enrol.h"
#include "store/log.h"
#include "tests/disk/disk.h"

#define ROOT "/root/hoi"
#define OFFICE "/office/hoi"
#define ADDRESS "'addresses': ['tcp://10.0.0.1:7400']"

enum { NOW = 1795400000, HOUR = 3600 };

static struct store *root;

static int setup(void **state) {
    (void)state;
    assert_int_equal(keys_init(), STATUS_OK);
    disk_begin(11);
    disk_clock(NOW, 0);
    (void)disk_new("/root");
    (void)disk_new("/office");
    scratch_found(ROOT);
    root = scratch_open(ROOT);
    ask_done(root, "unit.add", "{'code': '01', 'name': 'Hà Nội', 'level': '1'}");
    ask_done(root, "unit.add", "{'code': '02', 'name': 'Hà Giang', 'level': '1'}");
    return 0;
}

static int teardown(void **state) {
    (void)state;
    store_close(root);
    disk_end();
    return 0;
}

static void clock_at(int64_t time) {
    static int64_t monotonic_ms;
    disk_clock(time, ++monotonic_ms);
}

static int64_t entries(void) {
    return scratch_count(root, "SELECT count(*) FROM entry");
}

/* ---- a newcomer ---- */

struct newcomer {
    struct node_keys keys;
    struct token token;
    struct buffer memory, message, answer;
};

static char *invite(const char *args) {
    json_t *result = ask_ok(root, "invite", args);
    char *token = strdup(json_string_value(json_object_get(result, "token")));
    json_decref(result);
    assert_non_null(token);
    return token;
}

/* With keys of its own and that token. */
static void newcomer_init(struct newcomer *newcomer, const char *token) {
    uint8_t seeds[2][32];
    memset(newcomer, 0, sizeof *newcomer);
    buffer_init(&newcomer->memory, TOKEN_MEMORY_MAX);
    buffer_init(&newcomer->message, 4096);
    buffer_init(&newcomer->answer, BODY_BYTES_MAX);
    os_random(seeds, sizeof seeds);
    assert_int_equal(keys_from_seeds(&newcomer->keys, seeds[0], seeds[1]), STATUS_OK);
    assert_int_equal(token_decode(&newcomer->token, bytes_of(token, strlen(token)), &newcomer->memory), STATUS_OK);
}

static void newcomer_invited(struct newcomer *newcomer, const char *args) {
    char *token = invite(args);
    newcomer_init(newcomer, token);
    free(token);
}

static void newcomer_fini(struct newcomer *newcomer) {
    buffer_fini(&newcomer->memory);
    buffer_fini(&newcomer->message);
    buffer_fini(&newcomer->answer);
}

static enum status knock(struct newcomer *newcomer) {
    struct join join;
    buffer_clear(&newcomer->message);
    buffer_clear(&newcomer->answer);
    assert_int_equal(join_encode(&join, &newcomer->token, &newcomer->keys, &newcomer->message), STATUS_OK);
    return store_enrol(root, buffer_bytes(&newcomer->message), newcomer->keys.transport_public, &newcomer->answer);
}

/* A refusal leaves no answer and writes nothing. */
static void turned_away(struct newcomer *newcomer, enum status expected) {
    int64_t before = entries();
    assert_int_equal(knock(newcomer), expected);
    assert_int_equal(newcomer->answer.len, 0);
    assert_int_equal(entries(), before);
}

/* ---- tokens ---- */

static void a_token_admits_one_key(void **state) {
    (void)state;
    struct newcomer first, second, again;
    struct joined joined;
    struct admission *core = calloc(1, sizeof *core);
    char *token = invite("{'unit': '01', 'addresses': ['tcp://10.0.0.1:7400', 'tcp://[::1]:7400']}");
    newcomer_init(&first, token);
    newcomer_init(&second, token);
    assert_non_null(core);
    assert_int_equal(first.token.address_count, 2);
    assert_memory_equal(first.token.transport_key, root->keys->transport_public, 32);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM invitation WHERE length(secret_hash) = 32"), 1);
    assert_int_equal(knock(&first), STATUS_OK);
    assert_int_equal(joined_decode(&joined, buffer_bytes(&first.answer)), STATUS_OK);
    assert_int_equal(admission_core_decode(core, joined.core), STATUS_OK);
    assert_memory_equal(core->signing_key, first.keys.signing_public, 32);
    assert_int_equal(joined.line.count, 1);
    assert_true(ID_EQUAL(&joined.line.units[0], &root->founding.root));
    uint32_t node = tree_node_by_transport(root->tree, first.keys.transport_public);
    assert_int_not_equal(node, TREE_NONE);
    assert_true(bytes_equal(tree_code(root->tree, tree_node_at(root->tree, node)->unit, TREE_TODAY), bytes_of("01", 2)));

    struct buffer answer = first.answer;
    first.answer = (struct buffer){.max = BODY_BYTES_MAX};
    int64_t written = entries();
    store_close(root); /* the line dropped, and the power too: the same key gets the same answer */
    root = scratch_open(ROOT);
    assert_int_equal(knock(&first), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&answer), buffer_bytes(&first.answer)));
    clock_at(NOW + 1000 * HOUR); /* also long after it has expired */
    assert_int_equal(knock(&first), STATUS_OK);
    assert_true(bytes_equal(buffer_bytes(&answer), buffer_bytes(&first.answer)));
    turned_away(&second, STATUS_TOKEN_USED);
    assert_int_equal(entries(), written);

    newcomer_invited(&again, "{'unit': '01', " ADDRESS "}"); /* the answer got lost and a second token was asked for: the first admission is the answer */
    again.keys = first.keys;
    assert_int_equal(knock(&again), STATUS_OK);
    assert_int_equal(entries(), written);
    struct joined told;
    assert_int_equal(joined_decode(&joined, buffer_bytes(&answer)), STATUS_OK);
    assert_int_equal(joined_decode(&told, buffer_bytes(&again.answer)), STATUS_OK);
    assert_true(bytes_equal(joined.core, told.core) && ref_compare(&joined.admission, &told.admission) == 0);
    free(core);
    free(token);
    buffer_fini(&answer);
    newcomer_fini(&first);
    newcomer_fini(&second);
    newcomer_fini(&again);
}

/* One key acts for one unit: with a second token, for another unit, it gets neither that unit nor the answer of the first. */
static void a_key_is_admitted_for_one_unit(void **state) {
    (void)state;
    struct newcomer first, second;
    newcomer_invited(&first, "{'unit': '01', " ADDRESS "}");
    newcomer_invited(&second, "{'unit': '02', " ADDRESS "}");
    second.keys = first.keys;
    assert_int_equal(knock(&first), STATUS_OK);
    turned_away(&second, STATUS_KEY_ELSEWHERE);
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM invitation WHERE signing_key IS NULL"), 1); /* the token is still good for whom it is for */
    newcomer_fini(&first);
    newcomer_fini(&second);
}

static void what_enrolment_refuses(void **state) {
    (void)state;
    struct newcomer newcomer;
    newcomer_invited(&newcomer, "{'unit': '01', " ADDRESS "}");
    int64_t before = entries();
    const uint8_t other_key[32] = {1};
    struct token good = newcomer.token;
    newcomer.token.secret[0] ^= 1;
    turned_away(&newcomer, STATUS_TOKEN_UNKNOWN);
    newcomer.token = good;
    newcomer.token.bond[0] ^= 1; /* another association, inviter, unit or root than the token was made for */
    turned_away(&newcomer, STATUS_MALFORMED);
    newcomer.token = good;
    newcomer.token.transport_key[0] ^= 1; /* meant for another office */
    turned_away(&newcomer, STATUS_MALFORMED);
    newcomer.token = good;
    assert_int_equal(knock(&newcomer), STATUS_OK);
    assert_int_equal(entries(), before + 1);
    buffer_clear(&newcomer.answer);
    assert_int_equal(store_enrol(root, buffer_bytes(&newcomer.message), other_key, &newcomer.answer), STATUS_MALFORMED); /* another link's key */
    newcomer.message.data[newcomer.message.len - 1] ^= 1;
    assert_int_equal(store_enrol(root, buffer_bytes(&newcomer.message), newcomer.keys.transport_public, &newcomer.answer), STATUS_MALFORMED);
    assert_int_equal(store_enrol(root, (struct bytes){0}, other_key, &newcomer.answer), STATUS_MALFORMED);
    assert_int_equal(newcomer.answer.len, 0);
    assert_int_equal(entries(), before + 1);
    newcomer_fini(&newcomer);
}

static void what_an_invitation_refuses(void **state) {
    (void)state;
    static const struct {
        const char *args;
        enum status status;
        const char *key, *value;
    } cases[] = {
        {"{'unit': '99', " ADDRESS "}", STATUS_UNIT_UNKNOWN, "unit", "99"},
        {"{'unit': '01'}", STATUS_ADDRESS_INVALID, "key", "advertise"},
        {"{'unit': '01', 'addresses': ['10.0.0.1:7400']}", STATUS_ADDRESS_INVALID, "address", "10.0.0.1:7400"},
        {"{'unit': '01', 'addresses': ['tcp://0.0.0.0:7400']}", STATUS_ADDRESS_INVALID, "address", "tcp://0.0.0.0:7400"},
        {"{'unit': '01', 'addresses': ['tcp://a:1', 'tcp://b:1', 'tcp://c:1', 'tcp://d:1', 'tcp://e:1']}", STATUS_ADDRESS_INVALID, "address", "tcp://e:1"},
        {"{'unit': '01', 'addresses': ['tcp://a:7400'], 'expires': 0}", STATUS_VALUE_RANGE, "field", "expires"},
        {"{'unit': '01', 'addresses': ['tcp://a:7400'], 'expires': 31622401}", STATUS_VALUE_RANGE, "field", "expires"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *response = ask_refused(root, "invite", cases[i].args, cases[i].status);
        assert_string_equal(json_string_value(member_of(response, "args") != NULL ? json_object_get(member_of(response, "args"), cases[i].key) : NULL),
                            cases[i].value);
        json_decref(response);
    }
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM invitation"), 0);
}

/* ---- clocks ---- */

static void a_token_expires_by_the_inviters_clock(void **state) {
    (void)state;
    struct newcomer newcomer;
    newcomer_invited(&newcomer, "{'unit': '01', 'expires': 3600, " ADDRESS "}");
    clock_at(NOW + HOUR + 1);
    turned_away(&newcomer, STATUS_TOKEN_EXPIRED);
    clock_at(NOW + HOUR);
    assert_int_equal(knock(&newcomer), STATUS_OK);
    newcomer_fini(&newcomer);
}

/* The inviter's clock stood at 1970 when it wrote the token and was set since, or stood at 2040 and was set back: nobody is shut out, and the token still ends.
 */
static void a_wrong_clock_shuts_nobody_out(void **state) {
    (void)state;
    static const int64_t wrong[] = {0, 3 * HOUR, (int64_t)2208988800 /* 2040 */};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct newcomer newcomer;
        clock_at(wrong[i]);
        newcomer_invited(&newcomer, "{'unit': '01', 'expires': 3600, " ADDRESS "}");
        clock_at(NOW + 100 * HOUR);
        assert_int_equal(knock(&newcomer), STATUS_OK);
        newcomer_fini(&newcomer);

        clock_at(wrong[i]);
        newcomer_invited(&newcomer, "{'unit': '01', 'expires': 3600, " ADDRESS "}");
        clock_at(NOW + 100 * HOUR);
        free(invite("{'unit': '02', " ADDRESS "}")); /* the next look at the tokens: from now on its hour runs */
        clock_at(NOW + 101 * HOUR + 1);
        turned_away(&newcomer, STATUS_TOKEN_EXPIRED);
        newcomer_fini(&newcomer);
    }
}

/* And where the clock jumps ahead between the two, what was expired by it is good again once it is right: nothing was thrown away. */
static void a_clock_that_jumps_ahead_takes_no_token_away(void **state) {
    (void)state;
    struct newcomer newcomer, other;
    newcomer_invited(&newcomer, "{'unit': '01', " ADDRESS "}");
    clock_at((int64_t)2208988800);
    turned_away(&newcomer, STATUS_TOKEN_EXPIRED);
    newcomer_invited(&other, "{'unit': '02', " ADDRESS "}");
    assert_int_equal(knock(&other), STATUS_OK); /* whoever asks for a new one gets in, whatever the clock says */
    clock_at(NOW + HOUR);
    assert_int_equal(knock(&newcomer), STATUS_OK);
    newcomer_fini(&newcomer);
    newcomer_fini(&other);
}

static void open_tokens_are_bounded(void **state) {
    (void)state;
    free(invite("{'unit': '01', 'expires': 60, " ADDRESS "}"));
    assert_int_equal(store_begin(root), STATUS_OK);
    assert_int_equal(db_script(root->db, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 19999)"
                                         " INSERT INTO invitation(secret_hash, unit, expires, nonce, invited, root)"
                                         " SELECT randomblob(32), unit, expires, nonce, invited, root FROM n, invitation"),
                     STATUS_OK);
    assert_int_equal(store_commit(root), STATUS_OK);
    ask_fails(root, "invite", "{'unit': '01', " ADDRESS "}", STATUS_BUSY);
    clock_at(NOW + 61);
    free(invite("{'unit': '01', " ADDRESS "}")); /* those that have expired make room */
    assert_int_equal(scratch_count(root, "SELECT count(*) FROM invitation"), 1);
}

/* ---- the new office ---- */

/* Joins in OFFICE with the newcomer's token and keys of the directory. */
static enum status join_there(struct newcomer *newcomer) {
    struct joined joined;
    assert_int_equal(joined_decode(&joined, buffer_bytes(&newcomer->answer)), STATUS_OK);
    return store_join(OFFICE, &newcomer->keys, &newcomer->token, &joined);
}

static void an_office_takes_the_answer_to_its_token_only(void **state) {
    (void)state;
    struct newcomer newcomer, other;
    newcomer_invited(&newcomer, "{'unit': '01', 'addresses': ['tcp://10.0.0.1:7400', 'tcp://[::1]:7400', 'tcp://tinh.example:7400']}");
    newcomer_invited(&other, "{'unit': '02', " ADDRESS "}");
    assert_int_equal(store_join_keys(OFFICE, &newcomer.keys), STATUS_OK);
    struct node_keys again;
    assert_int_equal(store_join_keys(OFFICE, &again), STATUS_OK); /* broken off and begun again: the same key */
    assert_memory_equal(&again, &newcomer.keys, sizeof again);
    assert_int_equal(knock(&newcomer), STATUS_OK);
    struct token good = newcomer.token;
    newcomer.token = other.token; /* the answer to another token: for another unit */
    assert_int_equal(join_there(&newcomer), STATUS_JOIN_REFUSED);
    newcomer.token = good;
    newcomer.token.bond[7] ^= 1;
    assert_int_equal(join_there(&newcomer), STATUS_JOIN_REFUSED);
    newcomer.token = good;
    newcomer.keys = other.keys; /* the answer to another PC */
    assert_int_equal(join_there(&newcomer), STATUS_JOIN_REFUSED);
    newcomer.keys = again;
    assert_int_equal(join_there(&newcomer), STATUS_OK);
    assert_int_equal(join_there(&newcomer), STATUS_ALREADY_JOINED);

    struct store *office = scratch_open(OFFICE);
    struct store_uplink uplink;
    assert_int_equal(store_uplink(office, &uplink), STATUS_OK);
    assert_int_equal(uplink.address_count, 3); /* each is tried in turn */
    assert_string_equal(uplink.addresses[0], "tcp://10.0.0.1:7400");
    assert_string_equal(uplink.addresses[2], "tcp://tinh.example:7400");
    assert_memory_equal(uplink.transport_key, root->keys->transport_public, 32);
    assert_true(ID_EQUAL(&uplink.node, &root->self));
    store_close(office);
    newcomer_fini(&newcomer);
    newcomer_fini(&other);
}

static void root_says(struct store *office, const char *expected) {
    json_t *hello = ask_ok(office, "hello", "{}");
    assert_string_equal(json_string_value(json_object_get(hello, "root")), expected);
    json_decref(hello);
}

/* The root's log that the token stands for is looked for in what has come: until it is here, and where another stands in its place. */
static void the_roots_log_is_the_one_that_was_named(void **state) {
    (void)state;
    struct newcomer newcomer;
    struct ref named, head;
    newcomer_invited(&newcomer, "{'unit': '01', " ADDRESS "}");
    assert_int_equal(admit_root(root, &named), STATUS_OK);
    ask_done(root, "unit.add", "{'code': '03', 'name': 'Cao Bằng', 'level': '1'}"); /* what is written later does not change what the token names */
    assert_int_equal(store_join_keys(OFFICE, &newcomer.keys), STATUS_OK);
    assert_int_equal(knock(&newcomer), STATUS_OK);
    assert_int_equal(join_there(&newcomer), STATUS_OK);
    assert_int_equal(admit_root(root, &head), STATUS_OK);
    assert_true(head.seq == named.seq + 2);
    root_says(root, "none");
    struct store *office = scratch_open(OFFICE);
    root_says(office, "awaited");
    struct persist *items = calloc(named.seq, sizeof *items);
    struct buffer *memory = calloc(named.seq, sizeof *memory);
    assert_true(items != NULL && memory != NULL);
    for (uint64_t seq = 1; seq <= named.seq; seq++) {
        struct stored_entry entry;
        buffer_init(&memory[seq - 1], 1 << 20);
        assert_int_equal(log_read_at(root, &named.log, seq, &memory[seq - 1], &entry), STATUS_OK);
        items[seq - 1] = (struct persist){.kind = PERSIST_ENTRY, .log = entry.log, .seq = seq, .hash = entry.hash, .entry = entry.entry};
    }
    assert_int_equal(store_persist(office, items, named.seq - 1), STATUS_OK);
    root_says(office, "awaited");
    assert_int_equal(store_persist(office, items + named.seq - 1, 1), STATUS_OK);
    root_says(office, "held");
    assert_int_equal(db_begin(office->db), STATUS_OK);
    uint8_t packed[ADMIT_ROOT_BYTES];
    named.hash.b[15] ^= 1;
    admit_root_pack(packed, &named);
    assert_int_equal(store_meta_put(office->db, "root", bytes_of(packed, sizeof packed)), STATUS_OK);
    assert_int_equal(db_commit(office->db), STATUS_OK);
    root_says(office, "other");
    for (uint64_t seq = 1; seq <= named.seq; seq++)
        buffer_fini(&memory[seq - 1]);
    free(memory);
    free(items);
    store_close(office);
    newcomer_fini(&newcomer);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_token_admits_one_key),
        TEST(a_key_is_admitted_for_one_unit),
        TEST(what_enrolment_refuses),
        TEST(what_an_invitation_refuses),
        TEST(a_token_expires_by_the_inviters_clock),
        TEST(a_wrong_clock_shuts_nobody_out),
        TEST(a_clock_that_jumps_ahead_takes_no_token_away),
        TEST(open_tokens_are_bounded),
        TEST(an_office_takes_the_answer_to_its_token_only),
        TEST(the_roots_log_is_the_one_that_was_named),
    };
#undef TEST
    return cmocka_run_group_tests(tests, NULL, NULL);
}
