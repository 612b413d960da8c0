/* Requests that look after a store: digest, check, rebuild; status and log have files of their own. */
#include "store/request_care.h"

#include "store/check.h"
#include "store/digest.h"
#include "store/restore.h"

#include <sodium.h>
#include <stdlib.h>

static enum status digest(struct request *request) {
    uint32_t unit, with = 0;
    struct hash hash;
    const char *other = request_text(request, "with");
    enum status status = request_unit(request, request_text(request, "unit"), INT32_MIN, &unit);
    if (status == STATUS_OK && other != NULL) {
        status = request_unit(request, other, INT32_MIN, &with);
    }
    if (status == STATUS_OK) {
        status = digest_of(request->store, unit, with, &hash);
    }
    if (status == STATUS_OK) {
        request->result = json_pack("{s:o}", "state", request_hex_json(hash.b, sizeof hash.b));
    }
    return status;
}

static enum status check(struct request *request) {
    struct check_counts counts = {0};
    json_t *findings = json_array(), *finding;
    size_t i;
    enum status status = findings == NULL ? STATUS_NO_MEMORY : check_run(request->store, findings, &counts);
    if (status != STATUS_OK) {
        json_decref(findings);
        return status;
    }
    if (json_array_size(findings) == 0) {
        request->result = json_pack("{s:I, s:I, s:I, s:o}", "entries", (json_int_t)counts.entries, "records", (json_int_t)counts.records, "units",
                                    (json_int_t)counts.units, "findings", findings);
        return STATUS_OK;
    }
    json_array_foreach(findings, i, finding) {
        request_problem(request, STATUS_STORE_DAMAGED, json_incref(finding));
    }
    json_decref(findings);
    return request_refuse(request, STATUS_STORE_DAMAGED, "dir", request->store->dir, NULL);
}

/* Has a transaction of its own, and changes nothing that a repeated request would change again: no verb with an id. */
static enum status rebuild(struct request *request) {
    int64_t entries = 0, records = 0;
    enum status status = rebuild_run(request->store, &entries, &records);
    if (status == STATUS_OK) {
        request->result = json_pack("{s:I, s:I}", "entries", (json_int_t)entries, "records", (json_int_t)records);
    }
    return status;
}

/* ---- backups: made here, handed over in parts, so that the file that a person names is written by her own program ---- */

enum { PART_BYTES = 3 * 1024 * 1024 };

static enum status backup_begin(struct request *request) {
    int64_t bytes;
    enum status status = backup_make(request->store, &bytes);
    if (status == STATUS_OK) {
        request->result = json_pack("{s:I, s:I}", "bytes", (json_int_t)bytes, "part", (json_int_t)PART_BYTES);
    }
    return status;
}

static enum status backup_part(struct request *request) {
    struct buffer part;
    int64_t offset;
    char *text = NULL;
    enum status status = request_integer(request, "offset", 0, &offset);
    if (status == STATUS_OK && offset < 0) {
        status = request_refuse(request, STATUS_BAD_REQUEST, "what", "offset", NULL);
    }
    buffer_init(&part, PART_BYTES);
    if (status == STATUS_OK) {
        status = backup_read(request->store, offset, PART_BYTES, &part);
    }
    if (status == STATUS_OK) {
        size_t len = sodium_base64_encoded_len(part.len, sodium_base64_VARIANT_ORIGINAL);
        text = malloc(len);
        if (text == NULL) {
            status = STATUS_NO_MEMORY;
        } else {
            sodium_bin2base64(text, len, part.data, part.len, sodium_base64_VARIANT_ORIGINAL);
            request->result = json_pack("{s:s}", "data", text);
        }
    }
    free(text);
    buffer_fini(&part);
    return status;
}

static enum status backup_end(struct request *request) {
    backup_drop(request->store);
    request->result = json_object();
    return STATUS_OK;
}

const struct request_verb request_care_verbs[] = {
    {"status", request_status, false}, {"log", request_log, false}, {"digest", digest, false},
    {"check", check, false},           {"rebuild", rebuild, false}, {"backup.begin", backup_begin, false},
    {"backup.part", backup_part, false}, {"backup.end", backup_end, false}, {NULL, NULL, false},
};
