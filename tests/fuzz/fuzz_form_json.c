/* Form files: every mistake has a path and a status; a form that is read can be encoded, decoded, written as a file and read again, and is the same form. */
#include "tests/fuzz/fuzz.h"

#include "store/form_json.h"
#include "store/form_write.h"

static struct tree *tree; /* of an association with nothing but its root: made once */

static void make_tree(void) {
    static struct founding founding;
    static struct buffer statement = {.max = FOUNDING_BYTES_MAX};
    founding.name = bytes_of("fuzz", 4);
    FUZZ_REQUIRE(keys_init() == STATUS_OK && founding_encode(&founding, &statement) == STATUS_OK);
    FUZZ_REQUIRE(tree_new(&tree, &founding) == STATUS_OK && tree_settle(tree) == STATUS_OK);
}

static void count_mistake(void *ctx, const struct form_mistake *mistake) {
    size_t *count = ctx;
    FUZZ_REQUIRE(mistake->path != NULL && mistake->read != NULL && mistake->expected != NULL && mistake->status != STATUS_OK);
    FUZZ_REQUIRE(codec_utf8_valid(bytes_of(mistake->path, strlen(mistake->path))) && codec_utf8_valid(bytes_of(mistake->read, strlen(mistake->read))));
    ++*count;
}

/* Reads the object and appends the form's encoding to out. False: it has mistakes. */
static bool encode(const json_t *object, struct buffer *out) {
    struct form_json file = {0};
    size_t mistakes = 0;
    enum status status = form_json_read(&file, object, tree, count_mistake, &mistakes);
    FUZZ_REQUIRE(status == STATUS_OK || status == STATUS_FORM_INVALID);
    FUZZ_REQUIRE((status == STATUS_OK) == (mistakes == 0));
    if (status == STATUS_OK) {
        enum status encoded = form_encode(&file.form, out);
        FUZZ_REQUIRE(encoded == STATUS_OK || encoded == STATUS_TOO_LARGE);
        status = encoded;
    }
    form_json_fini(&file);
    return status == STATUS_OK;
}

static void check_form(const json_t *object) {
    struct buffer bytes, again;
    struct form form;
    buffer_init(&bytes, BODY_BYTES_MAX);
    buffer_init(&again, BODY_BYTES_MAX);
    if (encode(object, &bytes)) {
        FUZZ_REQUIRE(form_decode(&form, buffer_bytes(&bytes)) == STATUS_OK);
        json_t *written = form_write_json(&form);
        FUZZ_REQUIRE(written != NULL && encode(written, &again));
        FUZZ_REQUIRE(bytes_equal(buffer_bytes(&bytes), buffer_bytes(&again)));
        json_decref(written);
        form_fini(&form);
    }
    buffer_fini(&bytes);
    buffer_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (tree == NULL) {
        make_tree();
    }
    json_t *object = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (object != NULL) {
        check_form(object);
    }
    json_decref(object);
    return 0;
}
