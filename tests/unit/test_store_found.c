/* Making stores: founding, joining, opening, and what is refused; the key file under damage. */
#include "store_place.h"

#include "store/key_file.h"

#include <sys/stat.h>

static enum status open_status(const char *dir) {
    struct store *store = NULL;
    enum status status = store_open(&store, dir, 0, NULL);
    assert_true((status == STATUS_OK) == (store != NULL));
    store_close(store);
    return status;
}

static void a_founded_store_opens_as_its_root(void **state) {
    const struct place *place = *state;
    scratch_found(place->dir);
    struct store *store = scratch_open(place->dir);
    assert_true(store_founding_of(store)->practice);
    assert_true(bytes_equal(store_founding_of(store)->name, bytes_of("Hội thử", strlen("Hội thử"))));
    assert_memory_equal(store->self.b, store->founding.founder.b, 16);
    assert_memory_equal(store->unit.b, store->founding.root.b, 16);
    assert_true(bytes_equal(tree_code(store->tree, 0, TREE_TODAY), bytes_of("00", 2)));
    assert_true(bytes_equal(tree_name(store->tree, 0, TREE_TODAY), bytes_of("Trung ương", strlen("Trung ương"))));
    struct store_uplink uplink;
    assert_int_equal(store_uplink(store, &uplink), STATUS_NO_UPLINK);
    struct store_progress progress;
    assert_int_equal(store_progress(store, &progress), STATUS_OK);
    assert_int_equal(progress.written, 1);
    assert_int_equal(progress.at_root, 1);
    struct node_id node;
    struct unit_id unit;
    assert_int_equal(store_peer(store, store_keys(store)->transport_public, NULL, &node, &unit), STATUS_OK);
    assert_memory_equal(node.b, store->self.b, 16);
    const uint8_t stranger[32] = {1};
    assert_int_equal(store_peer(store, stranger, NULL, &node, &unit), STATUS_NOT_FOUND);
    store_close(store);
    struct stat about;
    assert_int_equal(stat(place->db, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_equal(stat(place->key, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static void nobody_founds_over_a_store(void **state) {
    const struct place *place = *state;
    struct node_keys keys;
    scratch_found(place->dir);
    const struct store_founding founding = {.name = "Other", .unit_code = "X", .unit_name = "Other", .practice = true};
    assert_int_equal(store_found(place->dir, &founding), STATUS_STORE_EXISTS);
    assert_int_equal(store_join_keys(place->dir, &keys), STATUS_ALREADY_JOINED);
    assert_int_equal(open_status(place->dir), STATUS_OK);
}

static void a_broken_off_founding_goes_on(void **state) {
    const struct place *place = *state;
    struct node_keys before, after;
    /* The keys were made, then the power went: */
    assert_int_equal(key_file_make(place->key, &before), STATUS_OK);
    assert_int_equal(open_status(place->dir), STATUS_STORE_MISSING);
    /* Or the empty database too: */
    assert_int_equal(os_file_create(place->db, (struct bytes){0}, true), STATUS_OK);
    assert_int_equal(open_status(place->dir), STATUS_STORE_MISSING);
    scratch_found(place->dir);
    assert_int_equal(key_file_load(place->key, &after), STATUS_OK);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(open_status(place->dir), STATUS_OK);
}

/* Of a directory that was not there, nothing; of one that was, what was in it. */
static void assert_founding_fails(const struct place *place, const struct store_founding *founding, enum status expected) {
    char above[SCRATCH_PATH], deep[SCRATCH_PATH];
    scratch_path(above, place->dir, "a");
    scratch_path(deep, place->dir, "a/b/c//");
    assert_int_equal(store_found(deep, founding), expected);
    assert_false(os_file_exists(above));
    assert_int_equal(store_found(place->dir, founding), expected);
    assert_int_equal(rmdir(place->dir), 0); /* empty as it was */
    assert_int_equal(mkdir(place->dir, 0700), 0);
}

static void texts_are_held_to_the_rules_of_units(void **state) {
    const struct place *place = *state;
    char name[ASSOCIATION_NAME_BYTES_MAX + 2];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    const struct store_founding good = {.name = " Hội  ", .unit_code = " 00 ", .unit_name = "Trung u\u031bo\u031bng", .practice = true};
    const struct {
        struct store_founding founding;
        enum status expected;
    } bad[] = {
        {{.name = "", .unit_code = "00", .unit_name = "A"}, STATUS_VALUE_INVALID},
        {{.name = NULL, .unit_code = "00", .unit_name = "A"}, STATUS_VALUE_INVALID},
        {{.name = name, .unit_code = "00", .unit_name = "A"}, STATUS_VALUE_INVALID},
        {{.name = "A\nB", .unit_code = "00", .unit_name = "A"}, STATUS_VALUE_INVALID},
        {{.name = "A", .unit_code = "0 0", .unit_name = "A"}, STATUS_VALUE_INVALID},
        {{.name = "A", .unit_code = "0@0", .unit_name = "A"}, STATUS_VALUE_INVALID},
        {{.name = "A", .unit_code = "000000000000000000000000000000000", .unit_name = "A"}, STATUS_VALUE_INVALID},
        {{.name = "A", .unit_code = "00", .unit_name = "  "}, STATUS_VALUE_INVALID},
        {{.name = "A", .unit_code = "00", .unit_name = "\xff"}, STATUS_TEXT_INVALID},
        {{.name = "A", .unit_code = "00", .unit_name = "A", .level = LEVEL_MAX + 1}, STATUS_LEVEL_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_founding_fails(place, &bad[i].founding, bad[i].expected);
    /* What is let through is cleaned as a unit's is. */
    assert_int_equal(store_found(place->dir, &good), STATUS_OK);
    struct store *store = scratch_open(place->dir);
    assert_true(bytes_equal(store_founding_of(store)->name, bytes_of("Hội", strlen("Hội"))));
    assert_true(bytes_equal(tree_code(store->tree, 0, TREE_TODAY), bytes_of("00", 2)));
    assert_true(bytes_equal(tree_name(store->tree, 0, TREE_TODAY), bytes_of("Trung ương", strlen("Trung ương"))));
    store_close(store);
}

static void a_failed_founding_leaves_nothing_behind(void **state) {
    const struct place *place = *state;
    struct node_keys before, after;
    const struct store_founding founding = {.name = "A", .unit_code = "00", .unit_name = "A", .recovery_threshold = 3, .recovery_count = 2};
    /* Three of two recovery keys: found out only when the store is half made. */
    assert_founding_fails(place, &founding, STATUS_MALFORMED);
    /* A key that was there before stays, and so does an empty database; what was not there goes. */
    assert_int_equal(key_file_make(place->key, &before), STATUS_OK);
    assert_int_equal(store_found(place->dir, &founding), STATUS_MALFORMED);
    assert_false(os_file_exists(place->db));
    assert_int_equal(key_file_load(place->key, &after), STATUS_OK);
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(os_file_create(place->db, (struct bytes){0}, true), STATUS_OK);
    assert_int_equal(store_found(place->dir, &founding), STATUS_MALFORMED);
    assert_true(os_file_exists(place->db));
    scratch_found(place->dir);
    /* Over a store that lives, nothing at all is touched. */
    assert_int_equal(store_found(place->dir, &founding), STATUS_STORE_EXISTS);
    assert_int_equal(open_status(place->dir), STATUS_OK);
}

static void keys_that_cannot_be_made_leave_nothing_behind(void **state) {
    const struct place *place = *state;
    char lock[SCRATCH_PATH];
    struct node_keys keys;
    scratch_path(lock, place->dir, "lock");
    /* A key that others can read: */
    assert_int_equal(key_file_make(place->key, &keys), STATUS_OK);
    assert_int_equal(chmod(place->key, 0644), 0);
    assert_int_equal(store_join_keys(place->dir, &keys), STATUS_KEY_UNSAFE);
    assert_true(os_file_exists(place->key));
    assert_false(os_file_exists(place->db));
    assert_false(os_file_exists(lock));
    /* Something in the way of the database: */
    assert_int_equal(unlink(place->key), 0);
    assert_int_equal(mkdir(place->db, 0700), 0);
    assert_int_not_equal(store_join_keys(place->dir, &keys), STATUS_OK);
    assert_true(os_file_exists(place->db));
    assert_false(os_file_exists(place->key));
    assert_false(os_file_exists(lock));
}

/* A closed door is no empty room. Root goes through any door, so it is tried as nobody. */
static void a_directory_that_cannot_be_looked_into_is_told(void **state) {
    const struct place *place = *state;
    const uid_t self = geteuid();
    char inner[SCRATCH_PATH];
    scratch_path(inner, place->dir, "inner");
    scratch_found(inner);
    assert_int_equal(chmod(inner, 0), 0);
    assert_true(self != 0 || seteuid(65534) == 0);
    enum status opened = open_status(inner);
    assert_true(self != 0 || seteuid(0) == 0);
    assert_int_equal(chmod(inner, 0700), 0);
    assert_int_equal(opened, STATUS_PERMISSION);
    assert_int_equal(open_status(inner), STATUS_OK);
}

static void only_one_process_has_the_store(void **state) {
    const struct place *place = *state;
    scratch_found(place->dir);
    struct store *store = scratch_open(place->dir), *other = NULL;
    long holder = 0;
    assert_int_equal(store_open(&other, place->dir, 0, &holder), STATUS_STORE_LOCKED);
    assert_null(other);
    assert_int_equal(holder, getpid());
    store_close(store);
    assert_int_equal(open_status(place->dir), STATUS_OK);
}

static void an_unclean_end_loses_nothing_and_is_checked(void **state) {
    const struct place *place = *state;
    char copy[SCRATCH_PATH], db[SCRATCH_PATH];
    scratch_found(place->dir);
    struct store *store = scratch_open(place->dir);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(store_begin(store), STATUS_OK);
        scratch_rename(store, "Renamed");
        assert_int_equal(apply_pending(store), STATUS_OK);
        assert_int_equal(store_commit(store), STATUS_OK);
    }
    uint64_t version = store_version(store);
    (void)snprintf(copy, sizeof copy, "%.120s-copy", place->dir);
    scratch_copy(place->dir, copy);
    store_close(store);
    store = scratch_open(copy);
    assert_true(store_version(store) >= version);
    assert_int_equal(scratch_count(store, "SELECT count(*) FROM entry"), 41);
    assert_true(bytes_equal(tree_name(store->tree, 0, TREE_TODAY), bytes_of("Renamed", 7)));
    store_close(store);
    scratch_remove(copy);
    /* A page that the disk has changed: found at the start after an unclean end. */
    store = scratch_open(place->dir);
    assert_int_equal(store_begin(store), STATUS_OK);
    scratch_rename(store, "Again");
    assert_int_equal(store_commit(store), STATUS_OK);
    scratch_copy(place->dir, copy);
    store_close(store);
    scratch_path(db, copy, "store.db");
    for (long page = 2; page < 12; page++)
        scratch_flip(db, page * 4096L + 3); /* the count of cells of a page */
    assert_int_equal(open_status(copy), STATUS_STORE_DAMAGED);
    scratch_remove(copy);
}

static void a_damaged_key_is_refused_wherever_the_damage(void **state) {
    const struct place *place = *state;
    scratch_found(place->dir);
    struct stat about;
    assert_int_equal(stat(place->key, &about), 0);
    for (long at = 0; at < about.st_size; at++) {
        struct node_keys keys;
        scratch_flip(place->key, at);
        assert_int_equal(key_file_load(place->key, &keys), STATUS_KEY_DAMAGED);
        scratch_flip(place->key, at);
    }
    assert_int_equal(truncate(place->key, about.st_size - 1), 0);
    assert_int_equal(open_status(place->dir), STATUS_KEY_DAMAGED);
    assert_int_equal(unlink(place->key), 0);
    assert_int_equal(open_status(place->dir), STATUS_KEY_DAMAGED);
    struct node_keys other;
    assert_int_equal(key_file_make(place->key, &other), STATUS_OK);
    assert_int_equal(key_file_make(place->key, &other), STATUS_STORE_EXISTS);
    assert_int_equal(open_status(place->dir), STATUS_KEY_DAMAGED); /* whole, but another node's */
}

static void a_key_that_others_can_read_is_refused(void **state) {
    const struct place *place = *state;
    char elsewhere[SCRATCH_PATH];
    scratch_found(place->dir);
    assert_int_equal(chmod(place->key, 0640), 0);
    assert_int_equal(open_status(place->dir), STATUS_KEY_UNSAFE);
    assert_int_equal(chmod(place->key, 0600), 0);
    scratch_path(elsewhere, place->dir, "elsewhere");
    assert_int_equal(rename(place->key, elsewhere), 0);
    assert_int_equal(symlink(elsewhere, place->key), 0);
    assert_int_equal(open_status(place->dir), STATUS_KEY_UNSAFE);
}

/* ---- joining ---- */

struct invited {
    struct token token;
    struct joined joined;
    struct buffer core;
    struct admission admission;
};

/* The answer of a parent whose store is at `parent`, for the given keys. */
static void invite(struct invited *out, struct store *parent, const struct node_keys *keys) {
    memset(out, 0, sizeof *out);
    buffer_init(&out->core, 4096);
    out->admission.inviter = parent->self;
    memset(out->admission.unit.b, 7, 16);
    memcpy(out->admission.signing_key, keys->signing_public, 32);
    memcpy(out->admission.transport_key, keys->transport_public, 32);
    out->admission.roles = ROLE_WRITER;
    assert_int_equal(admission_core_encode(&out->admission, &out->core), STATUS_OK);
    out->token = (struct token){.secret = {7}, .address_count = 2};
    out->token.addresses[0] = bytes_of("tcp://a:1", 9);
    out->token.addresses[1] = bytes_of("tcp://b:22", 10);
    memcpy(out->token.transport_key, parent->keys->transport_public, 32);
    out->joined = (struct joined){.statement = bytes_of(parent->founding_bytes.data, parent->founding_bytes.len - 64), .core = buffer_bytes(&out->core)};
    memcpy(out->joined.signature, parent->founding_bytes.data + parent->founding_bytes.len - 64, 64);
    out->joined.line = (struct line){.count = 1, .units = {parent->founding.root}};
    out->joined.root = (struct ref){.log = {.node = parent->self, .kind = LOG_DIRECTIVE}, .seq = 1};
    const struct token_terms terms = {
        .association = parent->founding.association, .inviter = parent->self, .unit = out->admission.unit, .root = out->joined.root};
    assert_int_equal(token_bond(out->token.bond, &out->token, &terms), STATUS_OK);
}

static void a_joined_store_knows_itself_and_its_uplink(void **state) {
    const struct place *place = *state;
    char root[SCRATCH_PATH], child[SCRATCH_PATH];
    scratch_path(root, place->dir, "root");
    scratch_path(child, place->dir, "child");
    scratch_found(root);
    struct store *parent = scratch_open(root);
    struct node_keys keys, again, other;
    struct invited invited;
    assert_int_equal(store_join_keys(child, &keys), STATUS_OK);
    assert_int_equal(store_join_keys(child, &again), STATUS_OK);
    assert_memory_equal(&keys, &again, sizeof keys); /* a repeated try is the same key */
    invite(&invited, parent, &keys);
    /* Answers that are not ours: */
    struct joined wrong = invited.joined;
    wrong.signature[5] ^= 1;
    assert_int_equal(store_join(child, &keys, &invited.token, &wrong), STATUS_SIGNATURE_BAD);
    struct token token = invited.token;
    token.bond[0] ^= 1; /* of another association, inviter, unit or root */
    assert_int_equal(store_join(child, &keys, &token, &invited.joined), STATUS_JOIN_REFUSED);
    token = invited.token;
    token.transport_key[0] ^= 1;
    assert_int_equal(store_join(child, &keys, &token, &invited.joined), STATUS_JOIN_REFUSED);
    assert_int_equal(keys_from_seeds(&other, keys.transport_public, keys.signing_public), STATUS_OK);
    assert_int_equal(store_join(child, &other, &invited.token, &invited.joined), STATUS_JOIN_REFUSED);
    assert_int_equal(open_status(child), STATUS_STORE_MISSING);
    /* And the right one: */
    assert_int_equal(store_join(child, &keys, &invited.token, &invited.joined), STATUS_OK);
    assert_int_equal(store_join(child, &keys, &invited.token, &invited.joined), STATUS_ALREADY_JOINED);
    struct store *store = scratch_open(child);
    struct node_id id;
    admission_node_id(&id, &parent->founding.association, &invited.admission);
    assert_memory_equal(store->self.b, id.b, 16);
    assert_memory_equal(store->unit.b, invited.admission.unit.b, 16);
    struct store_uplink uplink;
    assert_int_equal(store_uplink(store, &uplink), STATUS_OK);
    assert_int_equal(uplink.address_count, 2);
    assert_string_equal(uplink.addresses[0], "tcp://a:1");
    assert_string_equal(uplink.addresses[1], "tcp://b:22");
    assert_memory_equal(uplink.transport_key, parent->keys->transport_public, 32);
    assert_memory_equal(uplink.node.b, parent->self.b, 16);
    assert_memory_equal(uplink.unit.b, parent->unit.b, 16);
    const char *config, *config_again;
    assert_int_equal(store_config(store, "uplink", &config), STATUS_OK);
    assert_string_equal(config, "tcp://a:1,tcp://b:22");
    assert_int_equal(store_config(store, "uplink", &config_again), STATUS_OK);
    assert_ptr_equal(config, config_again);
    assert_int_equal(store_config(store, "nothing", &config_again), STATUS_OK);
    assert_null(config_again);
    store_close(store);
    store_close(parent);
    buffer_fini(&invited.core);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        PLACE_TEST(a_founded_store_opens_as_its_root),
        PLACE_TEST(nobody_founds_over_a_store),
        PLACE_TEST(a_broken_off_founding_goes_on),
        PLACE_TEST(texts_are_held_to_the_rules_of_units),
        PLACE_TEST(a_failed_founding_leaves_nothing_behind),
        PLACE_TEST(keys_that_cannot_be_made_leave_nothing_behind),
        PLACE_TEST(a_directory_that_cannot_be_looked_into_is_told),
        PLACE_TEST(only_one_process_has_the_store),
        PLACE_TEST(an_unclean_end_loses_nothing_and_is_checked),
        PLACE_TEST(a_damaged_key_is_refused_wherever_the_damage),
        PLACE_TEST(a_key_that_others_can_read_is_refused),
        PLACE_TEST(a_joined_store_knows_itself_and_its_uplink),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
