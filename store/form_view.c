#include "store/form_view.h"

#include "store/register.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct forms {
    size_t family_count;
    struct form_family **families;
    int64_t last_id; /* the newest row when this was read: versions are only ever added, so an unchanged last row means unchanged rows */
    struct hash last_version;
};

/* ---- memory ---- */

static void version_free(struct form_version_view *version) {
    if (version == NULL)
        return;
    form_fini(&version->form);
    buffer_fini(&version->payload);
    free(version->numbers);
    free(version);
}

static void family_free(struct form_family *family) {
    if (family == NULL)
        return;
    for (size_t i = 0; i < family->version_count; i++)
        version_free(family->versions[i]);
    free(family->versions);
    free(family->fields);
    free(family);
}

static void forms_free(struct forms *forms) {
    if (forms == NULL)
        return;
    for (size_t i = 0; i < forms->family_count; i++)
        family_free(forms->families[i]);
    free(forms->families);
    free(forms);
}

void form_view_close(struct store *store) {
    forms_free(store->forms);
    store->forms = NULL;
}

/* ---- loading ---- */

static struct form_family *family_in(const struct forms *forms, const uint8_t form_id[16]) {
    for (size_t i = 0; i < forms->family_count; i++) {
        if (memcmp(forms->families[i]->form_id, form_id, 16) == 0)
            return forms->families[i];
    }
    return NULL;
}

static struct form_family *family_make(struct forms *forms, const uint8_t form_id[16]) {
    struct form_family *family = family_in(forms, form_id);
    if (family != NULL)
        return family;
    struct form_family **grown = realloc(forms->families, (forms->family_count + 1) * sizeof(struct form_family *));
    if (grown == NULL)
        return NULL;
    forms->families = grown;
    family = calloc(1, sizeof *family);
    if (family == NULL)
        return NULL;
    memcpy(family->form_id, form_id, 16);
    grown[forms->family_count++] = family;
    return family;
}

/* Gives each of the version's fields its number: an old one for a name had before, the next for a new one. */
static enum status number_fields(struct form_family *family, struct form_version_view *version) {
    size_t count = version->form.field_count;
    version->numbers = calloc(count, sizeof *version->numbers);
    struct bytes *names = realloc(family->fields, (family->field_count + count) * sizeof *names);
    if (names != NULL)
        family->fields = names;
    if (version->numbers == NULL || names == NULL)
        return STATUS_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        size_t number = 0;
        while (number < family->field_count && !bytes_equal(names[number], version->form.fields[i].name))
            number++;
        if (number == REGISTER_FIELDS_MAX)
            return STATUS_TOO_LARGE;
        if (number == family->field_count)
            names[family->field_count++] = version->form.fields[i].name;
        version->numbers[i] = (uint16_t)number;
    }
    return STATUS_OK;
}

static enum status version_add(struct forms *forms, struct form_version_view *version, const uint8_t form_id[16], struct bytes payload) {
    struct form_family *family = family_make(forms, form_id);
    struct form_version_view **grown = family != NULL ? realloc(family->versions, (family->version_count + 1) * sizeof(struct form_version_view *)) : NULL;
    if (grown == NULL)
        return STATUS_NO_MEMORY;
    family->versions = grown;
    buffer_init(&version->payload, BODY_BYTES_MAX);
    enum status status = buffer_append(&version->payload, payload.data, payload.len);
    if (status == STATUS_OK)
        status = form_decode(&version->form, buffer_bytes(&version->payload));
    if (status == STATUS_OK)
        status = number_fields(family, version);
    if (status == STATUS_OK) {
        family->issuer = version->form.issuer;
        grown[family->version_count++] = version;
    }
    return status == STATUS_NO_MEMORY || status == STATUS_OK ? status : STATUS_STORE_DAMAGED;
}

static bool is_followed(const struct form_family *family, const struct form_version_view *version) {
    for (size_t i = 0; i < family->version_count; i++) {
        if (family->versions[i]->form.has_previous && ID_EQUAL(&family->versions[i]->form.previous, &version->version))
            return true;
    }
    return false;
}

/* The node that wrote a version; TREE_NONE where it stands no longer. Not by log_read: whoever looks a form up may hold what that lent. */
static uint32_t author_of(struct store *store, const struct form_version_view *version) {
    struct node_id node = {0};
    struct query query = db_query(store->db, "SELECT l.node FROM entry e JOIN log l ON l.id = e.log WHERE e.id = ?");
    query_bind_int(&query, version->entry);
    if (query_next(&query))
        query_fixed(&query, 0, node.b, sizeof node.b);
    return query_end(&query) == STATUS_OK ? tree_node(store->tree, &node) : TREE_NONE;
}

/* Negative: a goes before b. */
static int rivals(struct store *store, const struct form_version_view *a, const struct form_version_view *b) {
    uint32_t x = author_of(store, a), y = author_of(store, b);
    int order = x == y || x == TREE_NONE || y == TREE_NONE ? (x == TREE_NONE) - (y == TREE_NONE) : tree_seniority(store->tree, x, y);
    return order != 0 ? order : ID_COMPARE(&a->version, &b->version);
}

static void choose_newest(struct store *store, struct form_family *family) {
    family->newest = NULL;
    for (size_t i = 0; i < family->version_count; i++) {
        const struct form_version_view *version = family->versions[i];
        if (!is_followed(family, version) && (family->newest == NULL || rivals(store, version, family->newest) < 0))
            family->newest = version;
    }
    assert(family->newest != NULL); /* a hash cannot follow itself */
}

static int by_name(const void *a, const void *b) {
    const struct form_family *x = *(struct form_family *const *)a, *y = *(struct form_family *const *)b;
    int order = bytes_compare(x->newest->form.name, y->newest->form.name);
    return order != 0 ? order : ID_COMPARE(&x->issuer, &y->issuer);
}

static enum status read_rows(struct store *store, struct forms *forms) {
    struct query query = db_query(store->db, "SELECT id, version, form_id, entry, place, payload FROM form ORDER BY id");
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        uint8_t form_id[16];
        struct form_version_view *version = calloc(1, sizeof *version);
        if (version == NULL) {
            status = STATUS_NO_MEMORY;
            break;
        }
        forms->last_id = query_int(&query, 0);
        query_fixed(&query, 1, version->version.b, sizeof version->version.b);
        query_fixed(&query, 2, form_id, sizeof form_id);
        version->entry = query_int(&query, 3);
        version->place = (uint32_t)query_int(&query, 4);
        forms->last_version = version->version;
        struct bytes payload = query_blob(&query, 5);
        struct hash hash;
        form_version(&hash, &store->founding.association, payload);
        status = ID_EQUAL(&hash, &version->version) ? version_add(forms, version, form_id, payload) : STATUS_STORE_DAMAGED;
        if (status != STATUS_OK)
            version_free(version);
    }
    enum status ended = query_end(&query);
    return ended != STATUS_OK ? ended : status;
}

static enum status load(struct store *store) {
    form_view_close(store);
    struct forms *forms = calloc(1, sizeof *forms);
    if (forms == NULL)
        return STATUS_NO_MEMORY;
    enum status status = read_rows(store, forms);
    if (status != STATUS_OK) {
        forms_free(forms);
        return status;
    }
    for (size_t i = 0; i < forms->family_count; i++)
        choose_newest(store, forms->families[i]);
    if (forms->family_count > 0)
        qsort(forms->families, forms->family_count, sizeof(struct form_family *), by_name);
    store->forms = forms;
    return STATUS_OK;
}

/* What is kept in memory is that of the table, whatever was rolled back since. */
static enum status refresh(struct store *store) {
    struct query query = db_query(store->db, "SELECT id, version FROM form ORDER BY id DESC LIMIT 1");
    struct hash version = {0};
    int64_t id = 0;
    if (query_next(&query)) {
        id = query_int(&query, 0);
        query_fixed(&query, 1, version.b, sizeof version.b);
    }
    enum status status = query_end(&query);
    if (status != STATUS_OK)
        return status;
    if (store->forms != NULL && store->forms->last_id == id && ID_EQUAL(&store->forms->last_version, &version))
        return STATUS_OK;
    return load(store);
}

/* ---- looking up ---- */

enum status form_view_version(struct store *store, const struct hash *version, const struct form_family **family, const struct form_version_view **out) {
    *family = NULL;
    *out = NULL;
    enum status status = refresh(store);
    for (size_t i = 0; status == STATUS_OK && i < store->forms->family_count; i++) {
        const struct form_family *each = store->forms->families[i];
        for (size_t j = 0; j < each->version_count; j++) {
            if (ID_EQUAL(&each->versions[j]->version, version)) {
                *family = each;
                *out = each->versions[j];
                return STATUS_OK;
            }
        }
    }
    return status != STATUS_OK ? status : STATUS_NOT_FOUND;
}

enum status form_view_family(struct store *store, const uint8_t form_id[16], const struct form_family **out) {
    enum status status = refresh(store);
    *out = status == STATUS_OK ? family_in(store->forms, form_id) : NULL;
    return status != STATUS_OK ? status : *out != NULL ? STATUS_OK : STATUS_NOT_FOUND;
}

enum status form_view_all(struct store *store, const struct form_family *const **out, size_t *count) {
    enum status status = refresh(store);
    *out = status == STATUS_OK ? (const struct form_family *const *)store->forms->families : NULL;
    *count = status == STATUS_OK ? store->forms->family_count : 0;
    return status;
}

/* Is the issuer meant by what stands behind the @: its code today, or the first digits of its id? */
static bool issuer_meant(const struct store *store, const struct unit_id *issuer, struct bytes text) {
    uint32_t unit = tree_unit(store->tree, issuer);
    if (unit != TREE_NONE && bytes_equal(tree_code(store->tree, unit, TREE_TODAY), text))
        return true;
    char hex[33];
    request_hex(hex, issuer->b, sizeof issuer->b);
    return text.len >= 6 && text.len <= 32 && memcmp(hex, text.data, text.len) == 0;
}

enum status form_view_find(struct store *store, struct bytes text, uint32_t unit, bool entering, const struct form_family **out) {
    *out = NULL;
    enum status status = refresh(store);
    if (status != STATUS_OK)
        return status;
    const uint8_t *at = text.len > 0 ? memchr(text.data, '@', text.len) : NULL;
    struct bytes name = {text.data, at != NULL ? (size_t)(at - text.data) : text.len};
    struct bytes issuer = at != NULL ? bytes_of(at + 1, text.len - name.len - 1) : (struct bytes){0};
    const struct form_family *elsewhere = NULL;
    size_t in_force = 0, held = 0;
    for (size_t i = 0; i < store->forms->family_count; i++) {
        const struct form_family *family = store->forms->families[i];
        if (!bytes_equal(family->newest->form.name, name) || (at != NULL && !issuer_meant(store, &family->issuer, issuer)))
            continue;
        uint32_t above = tree_unit(store->tree, &family->issuer);
        if (above != TREE_NONE && unit != TREE_NONE && tree_is_under(store->tree, unit, above, TREE_TODAY)) {
            in_force++;
            *out = family;
        } else {
            held++;
            elsewhere = family;
        }
    }
    if (in_force == 0 && !entering) {
        in_force = held;
        *out = elsewhere;
    }
    if (in_force != 1)
        *out = NULL;
    return in_force == 1 ? STATUS_OK : in_force == 0 ? STATUS_FORM_UNKNOWN : STATUS_FORM_AMBIGUOUS;
}

int form_view_field(const struct form *form, struct bytes name) {
    for (size_t i = 0; i < form->field_count; i++) {
        if (bytes_equal(form->fields[i].name, name))
            return (int)i;
    }
    return -1;
}

bool form_view_expects(const struct store *store, const struct form *form, uint32_t unit, int32_t date) {
    unsigned level = tree_level(store->tree, unit, date);
    for (size_t i = 0; i < form->level_count; i++) {
        if (form->levels[i] == level)
            return true;
    }
    if (form->level_count > 0)
        return false;
    const uint32_t *children;
    size_t count = tree_children(store->tree, unit, &children);
    for (size_t i = 0; i < count; i++) {
        if (tree_parent(store->tree, children[i], date) == unit)
            return false;
    }
    return true;
}
