#include "store/request_person.h"

#include "store/json_memory.h"

enum status request_person(struct request *request, struct buffer *out) {
    static const struct text_bounds by = {"by", 0, PERSON_TEXT_BYTES_MAX}, role = {"role", 0, PERSON_TEXT_BYTES_MAX};
    const char *account = request->caller->account;
    if (account == NULL) {
        return STATUS_OK;
    }
    struct buffer name, office;
    buffer_init(&name, 4 * PERSON_TEXT_BYTES_MAX);
    buffer_init(&office, 4 * PERSON_TEXT_BYTES_MAX);
    enum status status = request_clean(request, &by, &name);
    if (status == STATUS_OK) {
        status = request_clean(request, &role, &office);
    }
    if (status == STATUS_OK) {
        const struct person person = {.account = bytes_of(account, strlen(account)), .name = buffer_bytes(&name), .role = buffer_bytes(&office)};
        status = person_encode(&person, out);
    }
    buffer_fini(&name);
    buffer_fini(&office);
    return status;
}

json_t *request_person_json(const struct stored_entry *entry, uint8_t cls) {
    struct person person;
    if (entry->entry.salt.len == 0 || !person_of(&person, entry->entry.body, cls)) {
        return NULL;
    }
    json_t *shown =
        json_pack("{s:o, s:o, s:o}", "account", request_string(person.account), "name", request_string(person.name), "role", request_string(person.role));
    if (shown == NULL) {
        json_memory_miss();
    }
    return shown;
}
