/* Requests that look after a store: digest, check, rebuild; status and log have files of their own. */
#include "store/request_care.h"

#include "store/check.h"
#include "store/digest.h"

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

const struct request_verb request_care_verbs[] = {
    {"status", request_status, false}, {"log", request_log, false}, {"digest", digest, false},
    {"check", check, false},           {"rebuild", rebuild, false}, {NULL, NULL, false},
};
