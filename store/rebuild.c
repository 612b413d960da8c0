#include "store/rebuild.h"

#include "protocol/planted.h"

static enum status count_rows(struct query query, int64_t *out) {
    int64_t count = query_next(&query) ? query_int(&query, 0) : 0;
    enum status status = query_end(&query);
    if (out != NULL)
        *out = count;
    return status;
}

enum status rebuild_views(struct store *store) {
    store->tree_touched = true; /* until the commit, the tree is made of what may be rolled back */
    enum status status = schema_clear_views(store->db);
    form_view_close(store);
    if (status == STATUS_OK)
        status = store_load_tree(store);
    if (status == STATUS_OK)
        status = apply_pending(store);
    return status == STATUS_OK && PLANTED("rebuild-forgets-set-asides") ? db_script(store->db, "DELETE FROM set_aside") : status;
}

enum status rebuild_run(struct store *store, int64_t *entries, int64_t *records) {
    enum status status = store_begin(store);
    if (status != STATUS_OK)
        return status;
    status = rebuild_views(store);
    if (status == STATUS_OK)
        status = store_touch(store);
    if (status == STATUS_OK)
        status = count_rows(db_query(store->db, "SELECT count(*) FROM entry"), entries);
    if (status == STATUS_OK)
        status = count_rows(db_query(store->db, "SELECT count(*) FROM record"), records);
    if (status != STATUS_OK) {
        store_rollback(store);
        return status;
    }
    store->apply_status = STATUS_OK;
    return store_commit(store);
}
