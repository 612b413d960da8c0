/* What the files of store/ share: the open store itself, and how an entry is written and found again. Nobody outside store/ includes this. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/db.h"
#include "store/life.h"
#include "store/os.h"
#include "store/store.h"
#include "store/tree.h"

struct request_cache;
struct bounds;

/* What store_prepare has made of a new store, and how much of its directory's path was there before: for store_abandon. */
struct store_made { size_t directory_there; bool lock, keys, database; };

/* What extract_cut looked at last: the store's version, its views, the greatest entry. */
struct extracted { uint64_t version, views; int64_t entry; };

struct store {
    char dir[1024];
    struct os_lock lock;
    struct store_made made;
    struct db *db;
    int64_t schema_version;          /* that the database was of when it was opened: store_open brings it to the present one */
    struct tree *tree;               /* structure, nodes, authority: in memory, derived */
    struct founding founding;
    struct buffer founding_bytes;    /* the statement, then its 64-byte signature */
    struct node_keys *keys;          /* sodium_malloc */
    struct node_id self;
    struct unit_id unit;
    struct line line_hint;           /* from the answer to join, until the views know better */
    uint64_t version, views_version; /* version is kept in the database, views_version counts from open */
    uint64_t views_reviewed;         /* the views by which bodies were last judged: bodies_review */
    struct extracted extracted;      /* zero: not since this process opened the store */
    struct header *scratch;          /* one decoded header for short use */
    json_t *uplinks;                 /* what the daemon told, for status */
    json_t *config;                  /* behind store_config: what was handed out */
    json_t *uplink_addresses;        /* behind store_uplink */
    struct buffer read_bytes;        /* behind log_read */
    struct compressor *compressor;   /* for bodies as they are kept, and what one of them comes to: log_keep_body */
    struct buffer kept_body;
    const struct fresh *fresh;       /* entries that came in the open transaction, ascending by id, still at hand: log_read need not read them back */
    size_t fresh_count;
    struct buffer replica_entry, replica_part, replica_receipt, replica_evidence; /* behind the replica's functions of these names */
    struct header *seen_header;      /* behind log_has_seen */
    bool tree_touched;               /* control changes came in the open transaction: its rollback makes the tree anew */
    bool erased;                     /* bodies went in the open transaction: its commit cuts the write-ahead log, where their old pages are */
    bool tree_stale;                 /* that could not be done for want of memory or disk: store_tree_ready does it before anything is judged by the tree */
    struct life life;                /* whether the own logs may be gone on with */
    enum status apply_status;        /* how the last try to apply went: anything but OK is the store's own trouble, and tried again */
    struct bounds *bounds;           /* what each author has here (store/bounds.c): bounds_forget */
    struct imports *imports;         /* imports under way (request_import.c); store_close: request_import_close */
    struct forms *forms;             /* form versions, decoded (form_view.c); store_close: form_view_close */
    struct rollup_kept *rollup_kept; /* who belongs to the roll-up asked last (rollup_plan.c); store_close: rollup_plan_close */
};

/* ---- transactions and odds and ends (store/store.c) ---- */

/* The first steps of opening: the lock, the keys, the database with its tables (of whatever older version: store->schema_version); create makes the directory and the two files where they are missing (0700, 0600). STORE_MISSING,
 * PERMISSION (also where the directory cannot be looked into). store_close undoes it; a failure leaves nothing behind that was not there (store/prepare.c). */
CHECKED enum status store_prepare(struct store **out, const char *dir, bool create, int64_t wait_ms, long *holder);
/* store_close for a store that could not be made: what store_prepare made goes too, directories as far as they are empty. */
void store_abandon(struct store *store);
/* Every change of the open store stands between these. A rollback also brings the tree back to what the database says, where control changes were in it. */
CHECKED enum status store_begin(struct store *store);
CHECKED enum status store_commit(struct store *store); /* on failure all is rolled back */
void store_rollback(struct store *store);              /* harmless where none is open */
/* Inside the open transaction: the version rises and is kept with it; what changes now is marked with store->version. log_append does this itself. */
CHECKED enum status store_touch(struct store *store);
/* DISK_FULL where so little is free that nothing new of this is taken: own writes stop first, then what other offices send, then their control entries too. */
enum store_taking { STORE_OWN = 0, STORE_RECEIVED = 1, STORE_CONTROL = 2 };
CHECKED enum status store_disk_room(struct store *store, enum store_taking taking);
/* A number that rises when entitlement may have changed, also where the tree was made anew. */
uint64_t store_views_version(const struct store *store);
/* Makes the tree anew from the fact view (tree_new, control_load). The old tree stands if it fails. */
CHECKED enum status store_load_tree(struct store *store);
/* The tree is what the database says, or is made so now: first of all in every way in. */
CHECKED enum status store_tree_ready(struct store *store);
/* Rows of meta. Keys in use: statement, signature, self, unit, core, line, root, uplink, version, epoch.1, epoch.2, forgot.1, forgot.2 (store/life.h), backup (store/restore.h), next (store/rotate.h), pinned, pinned.time (store/trust_write.h), reissued, former.NODE (store/reissue.h), recovery_path (text: where init wrote the recovery keys). */
CHECKED enum status store_meta(struct db *db, const char *key, struct buffer *out); /* replaces what out holds; NOT_FOUND */
CHECKED enum status store_meta_put(struct db *db, const char *key, struct bytes value);
/* Gives every control fact of the fact view to store->tree (store/control.c): at open and after a rollback. */
CHECKED enum status control_load(struct store *store);
/* Drops every view and applies all entries again, in one transaction of its own (store/rebuild.c). Counts of what was applied; either may be NULL. */
CHECKED enum status rebuild_run(struct store *store, int64_t *entries, int64_t *records);

/* ---- entries (store/log.c) ---- */

/* What is to be written under this node's own signature. seen strictly ascending. */
struct draft {
    uint8_t kind, cls, reach;
    size_t audience_count; const struct term *audience;
    size_t seen_count; const struct ref *seen;
    struct bytes body;               /* encoded (body_encode) */
    const struct batch_id *batch;    /* NULL: none */
};
struct stored { int64_t id; struct ref ref; struct hash hash; };
/* Appends to the own log of that kind (begun on first use) inside the open transaction: seq, prev and head are read in it. Does not apply. */
CHECKED enum status log_append(struct store *store, const struct draft *draft, struct stored *out);

/* A row of the entry table, header decoded into *header (may be NULL). Bytes borrowed until the next log_read. NOT_FOUND, STORE_DAMAGED. */
struct stored_entry { int64_t id; struct log_id log; uint64_t seq; struct hash hash; struct entry entry; };
struct fresh { int64_t id; const struct persist *item; };
CHECKED enum status log_read(struct store *store, int64_t entry_id, struct stored_entry *out, struct header *header);
CHECKED enum status log_find(struct store *store, const struct log_id *log, uint64_t seq, int64_t *entry_id); /* NOT_FOUND */
/* Has entry a seen entry b? By a's own chain (and the epochs it continues) and the refs in a's header alone (design: direct). */
CHECKED enum status log_has_seen(struct store *store, int64_t a, int64_t b, bool *out);
/* The highest applied entry of a log, as a seen ref. NOT_FOUND. */
CHECKED enum status log_applied_ref(struct store *store, const struct log_id *log, struct ref *out);
/* Own receipts of logs touched since the last call are signed and written, inside the open transaction. */
CHECKED enum status receipt_refresh(struct store *store);

/* ---- applying (store/apply.c): inside the open transaction ---- */

/* Applies every entry appended and not applied yet, retries what may now stand (a form came, structure grew), refreshes receipts. */
CHECKED enum status apply_pending(struct store *store);
/* The same, but what fails is taken back and noted in store->apply_status, and the transaction goes on: what was written stands all the same. */
CHECKED enum status apply_apart(struct store *store);
/* Sets one change of an entry aside with a reason; detail (may be empty) is what it waits for (a form version's hash, a unit's id). */
CHECKED enum status apply_set_aside(struct store *store, int64_t entry_id, uint32_t place, enum status reason, struct bytes detail);

/* Class by class (control entries: store/apply.h). Each decides by its own rules: applied (OK), or set aside (then it calls apply_set_aside and returns OK); other statuses are failures of the store itself. */
CHECKED enum status record_apply(struct store *store, const struct stored_entry *entry, const struct header *header);    /* store/record.c */
CHECKED enum status document_apply(struct store *store, const struct stored_entry *entry, const struct header *header);  /* store/document.c */
/* A form version has come: called where control entries are judged. Writes the form view and retries the puts that waited for it. */
CHECKED enum status form_apply(struct store *store, const struct stored_entry *entry, const struct header *header, const struct change *change); /* store/form_view.c */

/* ---- requests (store/request.c) ---- */

/* A handler fills *result (new reference) or refuses: args and problems of the response are built in place. Changing handlers run inside one transaction that the dispatcher
 * opens (store_begin), commits (answer and id kept with it) or rolls back (store_rollback, so that the tree goes back too). */
struct request {
    struct store *store;
    const struct store_caller *caller;
    const json_t *args;
    json_t *result;   /* new reference, on OK */
    json_t *error;    /* arguments of the refusal: request_refuse */
    json_t *problems; /* request_problem */
};
typedef enum status request_fn(struct request *request);
struct request_verb { const char *name; request_fn *fn; bool changes; };
/* Each request_*.c has such a table, ended by a NULL name; request.c looks through them. */
extern const struct request_verb request_unit_verbs[], request_form_verbs[], request_record_verbs[], request_import_verbs[], request_rollup_verbs[], request_node_verbs[],
    request_document_verbs[], request_care_verbs[], request_trust_verbs[], request_erase_verbs[];

/* "key", value pairs (strings), ended by NULL; returns status, for `return request_refuse(...)`. */
enum status request_refuse(struct request *request, enum status status, ...);
void request_problem(struct request *request, enum status status, json_t *args /* stolen */);
const char *request_text(struct request *request, const char *key);           /* NULL if absent or no string */
/* Finds a unit by what people write (docs/control.md), at a date (days; INT32_MIN: today). UNIT_UNKNOWN, UNIT_AMBIGUOUS with args "unit"; NULL text: own unit. */
enum status request_unit(struct request *request, const char *text, int32_t date, uint32_t *unit);
json_t *request_unit_json(struct store *store, uint32_t unit, int32_t date);  /* UNIT object, new reference */
json_t *request_ref_json(const struct ref *ref);
void request_hex(char *out /* 2 * len + 1 */, const void *bytes, size_t len);

/* What requests and views keep in memory between calls; harmless where there is none. */
void request_import_close(struct store *store); /* store/request_import.c */
void form_view_close(struct store *store);      /* store/form_view.c */
void rollup_plan_close(struct store *store);    /* store/rollup_plan.c */

#endif
