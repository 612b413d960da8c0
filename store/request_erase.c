/* The request erase: what was written by mistake and must be nowhere (a person's data in a note, a letter to the wrong office) loses its contents at every
 * office, for good. Signed headers stay, and who erased it and why. What may not be erased is refused before anything is written. And what `status` and `show`
 * say of erasures. */
#include "store/erase.h"
#include "store/json_memory.h"
#include "store/log.h"
#include "store/request_care.h"
#include "store/request_person.h"
#include "store/structure.h"
#include "store/trust_write.h"

#include <stdlib.h>

/* Two requests: the answer of one that changes something is kept with its id, and what is erased must not live on in an answer. */
enum { SHOWN_MAX = 20 };

/* ---- what is named ---- */

struct target {
    struct ref ref;
    uint32_t unit; /* whose entry it is: by a node of which unit */
    bool erased;   /* already */
};
struct erasing {
    bool look; /* tell what the entries say, write nothing */
    size_t count;
    struct target targets[TRUST_REFS_MAX];
    struct header header;
    struct erasure erasure;
    struct buffer reason, person;
};

static enum status refuse_target(struct request *request, enum status status, const struct target *target) {
    json_t *ref = request_ref_json(&target->ref);
    (void)request_refuse(request, status, "what", json_string_value(ref), NULL);
    json_decref(ref);
    return status;
}

/* Whose it is, and what; its contents, where they are here, are told. */
static enum status find_target(struct request *request, struct erasing *erasing, struct target *target, json_t *list) {
    struct store *store = request->store;
    int64_t id;
    struct stored_entry entry;
    enum status status = log_find(store, &target->ref.log, target->ref.seq, &id);
    if (status == STATUS_OK) {
        status = log_read(store, id, &entry, &erasing->header);
    }
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && memcmp(entry.hash.b, target->ref.hash.b, sizeof target->ref.hash.b) != 0)) {
        return refuse_target(request, STATUS_NOT_FOUND, target);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (erasing->header.cls == CLASS_CONTROL) {
        json_t *ref = request_ref_json(&target->ref);
        (void)request_refuse(request, STATUS_VALUE_INVALID, "field", "entries", "read", json_string_value(ref), "expected", "figures or a document", NULL);
        json_decref(ref);
        return STATUS_VALUE_INVALID;
    }
    target->unit = tree_author_unit(store->tree, &target->ref.log);
    if (target->unit == TREE_NONE) {
        return refuse_target(request, STATUS_AUTHOR_UNKNOWN, target);
    }
    status = structure_allowed(store, target->unit);
    if (status != STATUS_OK) {
        return refuse_target(request, status, target);
    }
    target->erased = tree_erased(store->tree, &target->ref);
    json_t *told =
        json_pack("{s:o, s:o, s:s, s:I, s:b}", "entry", request_ref_json(&target->ref), "unit", request_unit_json(store, target->unit, INT32_MIN), "class",
                  erasing->header.cls == CLASS_RECORD ? "record" : "document", "time", (json_int_t)erasing->header.time, "erased", target->erased);
    if (erasing->look && told != NULL) {
        json_object_set_new(told, "changes", entry.entry.salt.len > 0 ? request_log_changes(store, entry.entry.body, erasing->header.cls) : json_array());
    }
    return told != NULL && json_array_append_new(list, told) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

static int by_unit(const void *a, const void *b) {
    const struct target *x = a, *y = b;
    return x->unit != y->unit ? (x->unit > y->unit) - (x->unit < y->unit) : ref_compare(&x->ref, &y->ref);
}

static enum status read_targets(struct request *request, struct erasing *erasing) {
    const json_t *given = json_object_get(request->args, "entries"), *item;
    size_t i;
    erasing->count = 0;
    json_array_foreach(given, i, item) {
        const char *text = json_string_value(item);
        struct target *target = &erasing->targets[erasing->count];
        if (erasing->count == TRUST_REFS_MAX) {
            return request_refuse(request, STATUS_TOO_LARGE, "limit", "256", NULL);
        }
        if (!request_ref(text, &target->ref)) {
            return request_refuse_ref(request, "entries", text);
        }
        bool twice = false;
        for (size_t j = 0; j < erasing->count; j++) {
            twice = twice || ref_compare(&erasing->targets[j].ref, &target->ref) == 0;
        }
        erasing->count += !twice;
    }
    return erasing->count > 0 ? STATUS_OK : request_refuse(request, STATUS_BAD_REQUEST, "what", "entries", NULL);
}

/* ---- erase ---- */

static enum status read_reason(struct request *request, struct buffer *out) {
    static const struct text_bounds bounds = {"reason", 1, REASON_BYTES_MAX};
    const char *text = request_text(request, "reason");
    return text == NULL || text[0] == '\0' ? request_refuse(request, STATUS_REASON_NEEDED, NULL) : request_clean(request, &bounds, out);
}

static enum status append(struct store *store, const struct erasing *erasing, uint32_t unit, json_t *written) {
    uint8_t nonce[16];
    struct buffer payload;
    struct stored stored;
    buffer_init(&payload, BODY_BYTES_MAX);
    os_random(nonce, sizeof nonce);
    enum status status = erasure_encode(&erasing->erasure, &payload);
    if (status == STATUS_OK) {
        const struct change change = {.kind = CHANGE_ERASE, .payload = buffer_bytes(&payload)};
        const struct structure_draft draft = {.nonce = nonce, .units = &unit, .unit_count = 1, .changes = &change, .change_count = 1};
        status = structure_append(store, &draft, &stored);
    }
    if (status == STATUS_OK) {
        status = json_array_append_new(written, request_ref_json(&stored.ref)) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
    }
    buffer_fini(&payload);
    return status;
}

/* One change-set for each office whose entries are named, so that the reason goes to that office and to no other. What is erased already is not named again. */
static enum status write(struct request *request, struct erasing *erasing, json_t *written) {
    enum status status = STATUS_OK;
    qsort(erasing->targets, erasing->count, sizeof erasing->targets[0], by_unit);
    for (size_t i = 0; status == STATUS_OK && i < erasing->count;) {
        const uint32_t unit = erasing->targets[i].unit;
        struct erasure *erasure = &erasing->erasure;
        erasure->entries.count = 0;
        for (; i < erasing->count && erasing->targets[i].unit == unit; i++) {
            if (!erasing->targets[i].erased) {
                erasure->entries.items[erasure->entries.count++] = erasing->targets[i].ref;
            }
        }
        if (erasure->entries.count == 0) {
            continue;
        }
        erasure->has_reason = true;
        const struct trust_said said = {buffer_bytes(&erasing->reason), buffer_bytes(&erasing->person)};
        status = trust_reason(request->store, unit, &said, &erasure->reason);
        if (status == STATUS_OK) {
            status = append(request->store, erasing, unit, written);
        }
    }
    return status;
}

static enum status erase_with(struct request *request, struct erasing *erasing) {
    json_t *list = json_array(), *written = json_array();
    enum status status = list == NULL || written == NULL ? STATUS_NO_MEMORY : read_targets(request, erasing);
    for (size_t i = 0; status == STATUS_OK && i < erasing->count; i++) {
        status = find_target(request, erasing, &erasing->targets[i], list);
    }
    if (status == STATUS_OK && !erasing->look) {
        status = read_reason(request, &erasing->reason);
    }
    if (status == STATUS_OK && !erasing->look) {
        status = request_person(request, &erasing->person);
    }
    if (status == STATUS_OK && !erasing->look) {
        status = write(request, erasing, written);
    }
    if (status == STATUS_OK) {
        request->result = json_pack("{s:O, s:O*}", "entries", list, "written", erasing->look ? NULL : written);
        status = request->result == NULL ? STATUS_NO_MEMORY : STATUS_OK;
    }
    json_decref(list);
    json_decref(written);
    return status;
}

static enum status run(struct request *request, bool look) {
    struct erasing *erasing = calloc(1, sizeof *erasing);
    if (erasing == NULL) {
        return STATUS_NO_MEMORY;
    }
    erasing->look = look;
    buffer_init(&erasing->reason, 4 * REASON_BYTES_MAX);
    buffer_init(&erasing->person, BODY_BYTES_MAX);
    enum status status = erase_with(request, erasing);
    buffer_fini(&erasing->reason);
    buffer_fini(&erasing->person);
    free(erasing);
    return status;
}

static enum status erase(struct request *request) {
    return run(request, false);
}

static enum status erase_look(struct request *request) {
    return run(request, true);
}

/* ---- what is said of erasures ---- */

struct telling {
    struct store *store;
    const struct unit_id *unit; /* records of this one; NULL: everything */
    struct header *header;
    json_t *list, *last;
    enum status status;
};

/* Why and who gave the reason, where the entry that says so is here; else null. */
static void add_reason(struct store *store, const struct ref *reason, json_t *object) {
    json_object_set_new(object, "reason", json_null());
    int64_t id;
    struct stored_entry entry;
    struct body_reader reader;
    struct change change;
    struct bytes text;
    if (reason == NULL || log_find(store, &reason->log, reason->seq, &id) != STATUS_OK || log_read(store, id, &entry, NULL) != STATUS_OK ||
        entry.entry.salt.len == 0 || body_open(&reader, entry.entry.body, CLASS_DOCUMENT) != STATUS_OK) {
        return;
    }
    while (body_next(&reader, &change)) {
        if (change.kind == CHANGE_REASON && reason_decode(&text, change.payload) == STATUS_OK) {
            json_object_set_new(object, "reason", request_string(text));
        }
    }
    json_t *person = request_person_json(&entry, CLASS_DOCUMENT);
    if (person != NULL) {
        json_object_set_new(object, "person", person);
    }
}

static json_t *erasure_json(struct store *store, const struct erased_item *item) {
    uint32_t node = item->by.log.kind == LOG_RECOVERY ? TREE_NONE : tree_node(store->tree, &item->by.log.node);
    json_t *object = json_pack("{s:o, s:o, s:I, s:I}", "by", request_ref_json(&item->by), "unit",
                               node == TREE_NONE ? json_null() : request_unit_json(store, tree_node_at(store->tree, node)->unit, INT32_MIN), "time",
                               (json_int_t)item->time, "entries", (json_int_t)0);
    if (object != NULL) {
        add_reason(store, item->reason, object);
    }
    return object;
}

/* Does the entry concern the records of the unit that is asked for? One that is not here cannot be told. */
static bool concerns(struct telling *telling, const struct ref *ref) {
    int64_t id;
    struct stored_entry entry;
    if (telling->unit == NULL) {
        return true;
    }
    return log_find(telling->store, &ref->log, ref->seq, &id) == STATUS_OK && log_read(telling->store, id, &entry, telling->header) == STATUS_OK &&
           memcmp(entry.hash.b, ref->hash.b, sizeof ref->hash.b) == 0 && telling->header->cls == CLASS_RECORD && telling->header->audience_count == 1 &&
           ID_EQUAL(&telling->header->audience[0].unit, telling->unit);
}

static bool tell(void *arg, const struct erased_item *item) {
    struct telling *telling = arg;
    if (item->first) {
        telling->last = NULL;
    }
    if (!concerns(telling, item->entry)) {
        return true;
    }
    if (telling->last == NULL) {
        if (json_array_size(telling->list) == SHOWN_MAX) {
            return false;
        }
        telling->last = erasure_json(telling->store, item);
        telling->status = telling->last != NULL && json_array_append_new(telling->list, telling->last) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
        if (telling->status != STATUS_OK) {
            return false;
        }
    }
    json_object_set_new(telling->last, "entries", json_integer(json_integer_value(json_object_get(telling->last, "entries")) + 1));
    return true;
}

static enum status list_erasures(struct store *store, const struct unit_id *unit, json_t **out) {
    struct telling telling = {.store = store, .unit = unit, .header = malloc(sizeof *telling.header), .list = json_array()};
    enum status status = telling.header == NULL || telling.list == NULL ? STATUS_NO_MEMORY : erase_each(store, tell, &telling);
    status = status == STATUS_OK ? telling.status : status;
    free(telling.header);
    *out = status == STATUS_OK ? telling.list : NULL;
    if (status != STATUS_OK) {
        json_decref(telling.list);
    }
    return status;
}

enum status request_erase_status(struct store *store, json_t *page) {
    json_t *list;
    enum status status = list_erasures(store, NULL, &list);
    if (status == STATUS_OK) {
        status = json_object_set_new(page, "erased", list) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
    }
    return status;
}

enum status request_erase_shown(struct store *store, const struct unit_id *unit, json_t *page) {
    json_t *list;
    enum status status = tree_erases(store->tree) ? list_erasures(store, unit, &list) : STATUS_OK;
    if (status != STATUS_OK || !tree_erases(store->tree)) {
        return status;
    }
    if (json_array_size(list) == 0) {
        json_decref(list);
        return STATUS_OK;
    }
    return json_object_set_new(page, "erased", list) == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

const struct request_verb request_erase_verbs[] = {
    {"erase", erase, true},
    {"erase.look", erase_look, false},
    {NULL, NULL, false},
};
