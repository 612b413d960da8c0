/* Requests about forms: adding one (or the next version), checking a file, listing, showing. */
#include "store/form_follow.h"
#include "store/form_json.h"
#include "store/form_view.h"
#include "store/form_words.h"
#include "store/form_write.h"
#include "store/request_period.h"

#include <stdlib.h>

/* ---- form.check and form.add ---- */

static void note_mistake(void *ctx, const struct form_mistake *mistake) {
    struct request *request = ctx;
    request_problem(request, mistake->status, json_pack("{s:s, s:s, s:s}", "path", mistake->path, "read", mistake->read, "expected", mistake->expected));
}

/* What the file comes to beside what is held. */
struct wanted {
    struct form_json json;
    struct buffer payload;
    struct hash version;
    uint8_t form_id[16];
    const struct form_family *family; /* NULL: no version yet */
    bool changed;
};

static enum status encode(struct request *request, struct wanted *wanted) {
    buffer_clear(&wanted->payload);
    enum status status = form_encode(&wanted->json.form, &wanted->payload);
    form_version(&wanted->version, &request->store->founding.association, buffer_bytes(&wanted->payload));
    return status;
}

/* First as if nothing had changed: equal bytes are the version that stands. Else the version that follows it. */
static enum status compare(struct request *request, struct wanted *wanted) {
    struct form *form = &wanted->json.form;
    const struct form_version_view *newest = wanted->family != NULL ? wanted->family->newest : NULL;
    wanted->changed = true;
    if (newest == NULL)
        return encode(request, wanted);
    form->label = newest->form.label;
    form->has_previous = newest->form.has_previous;
    form->previous = newest->form.previous;
    enum status status = encode(request, wanted);
    if (status != STATUS_OK)
        return status;
    if (ID_EQUAL(&wanted->version, &newest->version)) {
        wanted->changed = false;
        return STATUS_OK;
    }
    if (form_follow_check(&newest->form, form, note_mistake, request) != STATUS_OK)
        return STATUS_FORM_CHANGED;
    form->label = newest->form.label + 1;
    form->has_previous = true;
    form->previous = newest->version;
    return encode(request, wanted);
}

static char *name_of(const struct form *form, char out[FORM_NAME_BYTES_MAX + 1]) {
    memcpy(out, form->name.data == NULL ? (const uint8_t *)"" : form->name.data, form->name.len);
    out[form->name.len] = 0;
    return out;
}

static enum status read_wanted(struct request *request, struct wanted *wanted) {
    struct store *store = request->store;
    char name[FORM_NAME_BYTES_MAX + 1];
    buffer_init(&wanted->payload, BODY_BYTES_MAX - 64); /* a body has a frame around it */
    enum status status = form_json_read(&wanted->json, json_object_get(request->args, "form"), store->tree, note_mistake, request);
    if (status == STATUS_OK) {
        wanted->json.form.issuer = store->unit;
        keys_form_id(wanted->form_id, &store->founding.association, &store->unit, wanted->json.form.name);
        status = form_view_family(store, wanted->form_id, &wanted->family);
        status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
    }
    if (status == STATUS_OK)
        status = compare(request, wanted);
    if (status == STATUS_OK && wanted->changed)
        status = form_view_room(store, wanted->form_id, &wanted->version, &wanted->json.form);
    if (status == STATUS_FORM_INVALID || status == STATUS_FORM_CHANGED || status == STATUS_TOO_LARGE)
        return request_refuse(request, status, "form", name_of(&wanted->json.form, name), NULL);
    return status;
}

static void wanted_fini(struct wanted *wanted) {
    form_json_fini(&wanted->json);
    buffer_fini(&wanted->payload);
}

static json_t *wanted_json(const struct wanted *wanted) {
    return json_pack("{s:o, s:I, s:o, s:o, s:b}", "name", request_string(wanted->json.form.name), "label", (json_int_t)wanted->json.form.label, "version",
                     request_hex_json(wanted->version.b, sizeof wanted->version.b), "form_id", request_hex_json(wanted->form_id, sizeof wanted->form_id),
                     "changed", wanted->changed);
}

static enum status handle_check(struct request *request) {
    struct wanted wanted = {0};
    enum status status = read_wanted(request, &wanted);
    if (status == STATUS_OK)
        request->result = wanted_json(&wanted);
    wanted_fini(&wanted);
    return status;
}

static enum status append(struct request *request, const struct wanted *wanted) {
    uint8_t nonce[16];
    struct stored stored;
    struct buffer body;
    const struct change change = {.kind = CHANGE_FORM, .payload = buffer_bytes(&wanted->payload)};
    os_random(nonce, sizeof nonce);
    buffer_init(&body, BODY_BYTES_MAX);
    enum status status = body_encode(&body, nonce, &change, 1);
    if (status == STATUS_OK)
        status = log_append(request->store, &(struct draft){.kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL, .body = buffer_bytes(&body)}, &stored);
    buffer_fini(&body);
    return status;
}

static enum status handle_add(struct request *request) {
    struct wanted wanted = {0};
    uint32_t self = tree_node(request->store->tree, &request->store->self);
    if (self == TREE_NONE || (tree_node_at(request->store->tree, self)->roles & ROLE_STEWARD) == 0)
        return request_refuse(request, STATUS_OUTSIDE_AUTHORITY, NULL);
    enum status status = read_wanted(request, &wanted);
    if (status == STATUS_OK && wanted.changed)
        status = append(request, &wanted);
    if (status == STATUS_OK)
        request->result = wanted_json(&wanted);
    wanted_fini(&wanted);
    return status;
}

/* ---- form.list and form.show ---- */

static json_t *issuer_json(struct store *store, const struct unit_id *issuer) {
    uint32_t unit = tree_unit(store->tree, issuer);
    return unit == TREE_NONE ? json_null() : request_unit_json(store, unit, INT32_MIN);
}

static json_t *summary(struct store *store, const struct form_family *family) {
    const struct form *form = &family->newest->form;
    return json_pack("{s:o, s:o, s:I, s:s, s:o, s:o, s:o, s:I}", "name", request_string(form->name), "title", form_write_texts(&form->titles), "label",
                     (json_int_t)form->label, "period", form_words_text(form_words_period, form->period), "issuer", issuer_json(store, &family->issuer),
                     "version", request_hex_json(family->newest->version.b, sizeof family->newest->version.b), "form_id",
                     request_hex_json(family->form_id, sizeof family->form_id), "fields", (json_int_t)form->field_count);
}

static enum status handle_list(struct request *request) {
    const struct form_family *const *families;
    size_t count;
    enum status status = form_view_all(request->store, &families, &count);
    if (status != STATUS_OK)
        return status;
    json_t *forms = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(forms, summary(request->store, families[i]));
    request->result = json_pack("{s:o}", "forms", forms);
    return STATUS_OK;
}

static enum status handle_show(struct request *request) {
    const struct form_family *family;
    struct store *store = request->store;
    enum status status = request_period_form(request, tree_unit(store->tree, &store->unit), false, &family);
    if (status != STATUS_OK)
        return status;
    const struct form *form = &family->newest->form;
    request->result =
        json_pack("{s:o, s:I, s:o, s:o, s:o, s:o}", "name", request_string(form->name), "label", (json_int_t)form->label, "version",
                  request_hex_json(family->newest->version.b, sizeof family->newest->version.b), "form_id",
                  request_hex_json(family->form_id, sizeof family->form_id), "issuer", issuer_json(store, &family->issuer), "form", form_write_json(form));
    return request->result != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

const struct request_verb request_form_verbs[] = {{"form.check", handle_check, false},
                                                  {"form.add", handle_add, true},
                                                  {"form.list", handle_list, false},
                                                  {"form.show", handle_show, false},
                                                  {NULL, NULL, false}};
