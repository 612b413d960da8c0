/* Extracts held here (docs/protocol.md 6.2): what other levels have cut of records whose own bodies this node may not have. Kept beside the records, never among them: which of the two counts is
 * asked when figures are added up, so that it follows from what is held and from nothing else. Writing them: store/extract_cut.h. */
#ifndef STORE_EXTRACT_H
#define STORE_EXTRACT_H

#include "protocol/extract.h"
#include "store/form_view.h"
#include "store/record.h"

/* ---- applying: inside the open transaction (store/record_apply.c has judged) ---- */

CHECKED enum status extract_apply(struct store *store, int64_t entry, uint32_t place, const struct extract *extract, const struct form_family *family,
                                  const struct form_version_view *version, const struct unit_id *unit);
CHECKED enum status extract_withdraw(struct store *store, int64_t entry, uint32_t place); /* place UINT32_MAX: all of the entry. Harmless where there is none */

/* ---- which one stands ---- */

/* One extracted record. state: of one write by EXTRACT_ENTRY, whoever wrote it, so that equal figures have equal states. contested: numbers of the family, two bytes each, low first.
 * cut: as extract_cut_write writes it. Bytes are its own (extract_item_fini). */
enum { EXTRACT_ENTRY = 1, EXTRACT_REF_BYTES = 49 };
struct extract_item {
    struct record_place place;
    int64_t entry;
    uint32_t change; /* its place in the body */
    struct buffer row, state, contested, cut;
};
void extract_item_fini(struct extract_item *item);
CHECKED enum status extract_cut_write(const struct ref *cut, size_t count, struct buffer *out);

/* Does an extract stand that was cut from these? held: each of them is here with its body. */
CHECKED enum status extract_stands(struct store *store, struct bytes cut, bool *stands, bool *held);

struct extract_list {
    size_t count, capacity;
    struct extract_item *items;
};
void extract_list_fini(struct extract_list *list);
/* The extracts of a form's records from period first to last that count in place of the records, ascending by period, unit, row; of each record one. Cheap where no extract of the form is
 * held. The list needs extract_list_fini also after an error. STORE_DAMAGED: a row is not what was written. */
CHECKED enum status extract_counted(struct store *store, int64_t form, uint32_t first, uint32_t last, struct extract_list *out);
/* The place in the list of the first extract of that period and unit, list->count where there is none. */
size_t extract_find(const struct extract_list *list, uint32_t period, int64_t unit);
/* Of one record: those that do not fall and that none of the others has seen (row as in store/record.h). Whether any of what is held of the record falls is none of its business. */
CHECKED enum status extract_heads(struct store *store, const struct record_place *place, struct extract_list *out);

/* Each extract change that is in the views and does not fall, by the entry's hash, then place: for the digest. */
typedef enum status (*extract_walk_fn)(void *arg, int64_t entry, const struct short_hash *hash, uint32_t place, const struct unit_id *unit);
CHECKED enum status extract_walk(struct store *store, extract_walk_fn fn, void *arg);

#endif
