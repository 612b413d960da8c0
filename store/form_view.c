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

/* Who follows whom, between a version and those before it in the table. */
static void follow(struct form_family *family, struct form_version_view *version) {
    for (size_t i = 0; i < family->version_count; i++) {
        struct form_version_view *other = family->versions[i];
        other->followed |= version->form.has_previous && ID_EQUAL(&version->form.previous, &other->version);
        version->followed |= other->form.has_previous && ID_EQUAL(&other->form.previous, &version->version);
    }
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
        follow(family, version);
        grown[family->version_count++] = version;
        family->stale = true;
    }
    return status == STATUS_NO_MEMORY || status == STATUS_OK ? status : STATUS_STORE_DAMAGED;
}

/* Negative: a goes before b. An author that stands no longer comes last. */
static int rivals(const struct store *store, const struct form_version_view *a, const struct form_version_view *b) {
    uint32_t x = tree_node(store->tree, &a->author), y = tree_node(store->tree, &b->author);
    int order = x == y || x == TREE_NONE || y == TREE_NONE ? (x == TREE_NONE) - (y == TREE_NONE) : tree_seniority(store->tree, x, y);
    return order != 0 ? order : ID_COMPARE(&a->version, &b->version);
}

static void choose_newest(const struct store *store, struct form_family *family) {
    family->newest = NULL;
    family->stale = false;
    for (size_t i = 0; i < family->version_count; i++) {
        const struct form_version_view *version = family->versions[i];
        if (!version->followed && (family->newest == NULL || rivals(store, version, family->newest) < 0))
            family->newest = version;
    }
    assert(family->newest != NULL); /* a hash cannot follow itself */
}

static int by_name(const void *a, const void *b) {
    const struct form_family *x = *(struct form_family *const *)a, *y = *(struct form_family *const *)b;
    int order = bytes_compare(x->newest->form.name, y->newest->form.name);
    return order != 0 ? order : ID_COMPARE(&x->issuer, &y->issuer);
}

/* The rows behind those read before. */
static enum status read_rows(struct store *store, struct forms *forms) {
    struct query query = db_query(store->db, "SELECT f.id, f.version, f.form_id, f.entry, f.place, f.payload, l.node FROM form f"
                                             " JOIN entry e ON e.id = f.entry JOIN log l ON l.id = e.log WHERE f.id > ? ORDER BY f.id");
    query_bind_int(&query, forms->last_id);
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
        query_fixed(&query, 6, version->author.b, sizeof version->author.b);
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

/* Takes in what has been added to the table. A failure leaves nothing in memory. */
static enum status extend(struct store *store) {
    struct forms *forms = store->forms;
    size_t families = forms->family_count;
    enum status status = read_rows(store, forms);
    if (status != STATUS_OK) {
        form_view_close(store);
        return status;
    }
    for (size_t i = 0; i < forms->family_count; i++) {
        if (forms->families[i]->stale)
            choose_newest(store, forms->families[i]);
    }
    if (forms->family_count > families)
        qsort(forms->families, forms->family_count, sizeof(struct form_family *), by_name);
    return STATUS_OK;
}

/* Does the row that was read last still stand as it was read? */
static enum status last_stands(struct store *store, bool *stands) {
    struct query query = db_query(store->db, "SELECT version FROM form WHERE id = ?");
    struct hash version = {0};
    query_bind_int(&query, store->forms->last_id);
    *stands = query_next(&query);
    if (*stands)
        query_fixed(&query, 0, version.b, sizeof version.b);
    *stands = *stands && ID_EQUAL(&version, &store->forms->last_version);
    return query_end(&query);
}

/* What is kept in memory is that of the table, whatever was rolled back since. A version that has come costs itself, not the reading of all the others: else
 * whoever writes thousands of small ones would stop this node for minutes. */
static enum status refresh(struct store *store) {
    struct query query = db_query(store->db, "SELECT coalesce(max(id), 0) FROM form");
    int64_t id = query_next(&query) ? query_int(&query, 0) : 0;
    bool stands = false;
    enum status status = query_end(&query);
    if (status == STATUS_OK && store->forms != NULL && store->forms->last_id > 0 && store->forms->last_id <= id)
        status = last_stands(store, &stands);
    if (status != STATUS_OK || (stands && store->forms->last_id == id))
        return status;
    if (!stands) {
        form_view_close(store);
        store->forms = calloc(1, sizeof *store->forms);
    }
    return store->forms == NULL ? STATUS_NO_MEMORY : extend(store);
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

enum status form_view_room(struct store *store, const uint8_t form_id[16], const struct hash *version, const struct form *form) {
    const struct form_family *family;
    const struct form_version_view *there;
    enum status status = form_view_version(store, version, &family, &there);
    if (status == STATUS_NOT_FOUND)
        status = form_view_family(store, form_id, &family);
    else
        return status;
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    size_t names = family->field_count;
    if (names + form->field_count > REGISTER_FIELDS_MAX) {
        for (size_t i = 0; i < form->field_count; i++) {
            size_t number = 0;
            while (number < family->field_count && !bytes_equal(family->fields[number], form->fields[i].name))
                number++;
            names += number == family->field_count;
        }
    }
    return family->version_count >= FORM_VIEW_VERSIONS_MAX || names > REGISTER_FIELDS_MAX ? STATUS_TOO_LARGE : STATUS_OK;
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
            return tree_exists(store->tree, unit, date); /* one that is not there yet has no level, though the tree says 0 */
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
