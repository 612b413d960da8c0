/* A form file's JSON object (docs/forms.md) into a form, with every mistake told by its path. The way back is store/form_write.h. */
#ifndef STORE_FORM_JSON_H
#define STORE_FORM_JSON_H

#include "protocol/change.h"
#include "store/tree.h"

#include <jansson.h>

/* One mistake: where ("fields[2].type"), and what was expected there (a stable word or a list of the words allowed, for the tool's text). read: what stood
 * there, short; "" for nothing. */
struct form_mistake {
    enum status status;
    const char *path, *read, *expected;
};
typedef void (*form_mistake_fn)(void *ctx, const struct form_mistake *mistake);

/* A form as read: form's texts are owned by it. Zero it or let form_json_read do so; form_json_fini in any case. */
struct form_json {
    struct form form;
    void **blocks;
    size_t block_count;
};
/* Levels by number or by the names in the tree's table. label is 1, issuer and previous are left for the caller. OK, FORM_INVALID (after all mistakes have been
 * told), NO_MEMORY. */
CHECKED enum status form_json_read(struct form_json *out, const json_t *object, const struct tree *tree, form_mistake_fn mistake, void *ctx);
void form_json_fini(struct form_json *form);

#endif
