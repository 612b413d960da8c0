#include "store/db_internal.h"

#include <assert.h>

static void note(struct query *query, int code) {
    if (query->status == STATUS_OK)
        query->status = db_status(query->db, code);
}

void query_bind_int(struct query *query, int64_t value) {
    if (query->status == STATUS_OK)
        note(query, sqlite3_bind_int64(query->stmt, ++query->bound, value));
}

void query_bind_blob(struct query *query, struct bytes value) {
    if (query->status == STATUS_OK)
        note(query, value.len == 0 ? sqlite3_bind_zeroblob(query->stmt, ++query->bound, 0)
                                   : sqlite3_bind_blob64(query->stmt, ++query->bound, value.data, value.len, SQLITE_STATIC));
}

void query_bind_text(struct query *query, struct bytes value) {
    if (query->status == STATUS_OK)
        note(query, sqlite3_bind_text64(query->stmt, ++query->bound, value.len == 0 ? "" : (const char *)value.data, value.len, SQLITE_STATIC, SQLITE_UTF8));
}

void query_bind_null(struct query *query) {
    if (query->status == STATUS_OK)
        note(query, sqlite3_bind_null(query->stmt, ++query->bound));
}

bool query_next(struct query *query) {
    if (query->status != STATUS_OK)
        return false;
    assert(query->bound == sqlite3_bind_parameter_count(query->stmt));
    int code = sqlite3_step(query->stmt);
    note(query, code);
    return query->status == STATUS_OK && code == SQLITE_ROW;
}

int64_t query_int(struct query *query, int column) {
    return query->status == STATUS_OK ? sqlite3_column_int64(query->stmt, column) : 0;
}

bool query_is_null(struct query *query, int column) {
    return query->status != STATUS_OK || sqlite3_column_type(query->stmt, column) == SQLITE_NULL;
}

/* A value may have to be read from overflow pages: then memory or the disk can fail here, and gives NULL. */
static struct bytes column_bytes(struct query *query, int column, const void *data) {
    size_t len = (size_t)sqlite3_column_bytes(query->stmt, column);
    if (data == NULL && sqlite3_errcode(query->db->sqlite) == SQLITE_NOMEM)
        note(query, SQLITE_NOMEM);
    return data == NULL ? (struct bytes){0} : bytes_of(data, len);
}

struct bytes query_blob(struct query *query, int column) {
    if (query->status != STATUS_OK)
        return (struct bytes){0};
    return column_bytes(query, column, sqlite3_column_blob(query->stmt, column));
}

struct bytes query_text(struct query *query, int column) {
    if (query->status != STATUS_OK)
        return (struct bytes){0};
    return column_bytes(query, column, sqlite3_column_text(query->stmt, column));
}

void query_fixed(struct query *query, int column, void *out, size_t len) {
    struct bytes bytes = query_blob(query, column);
    if (bytes.len == len) {
        memcpy(out, bytes.data, len);
        return;
    }
    memset(out, 0, len);
    if (query->status == STATUS_OK)
        query->status = STATUS_STORE_DAMAGED;
}

enum status query_end(struct query *query) {
    if (query->kept != NULL) {
        (void)sqlite3_reset(query->stmt); /* repeats the error that query_next has noted */
        (void)sqlite3_clear_bindings(query->stmt);
        query->kept->used = false;
    } else {
        sqlite3_finalize(query->stmt);
    }
    query->stmt = NULL;
    query->kept = NULL;
    if (query->status != STATUS_OK && query->db->begun && query->db->lost == STATUS_OK)
        query->db->lost = query->status;
    enum status status = query->status;
    query->status = STATUS_INTERNAL; /* of no further use */
    return status;
}

enum status query_run(struct query *query) {
    while (query_next(query)) {}
    return query_end(query);
}
