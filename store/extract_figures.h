/* The figures of an extract on their way from registers into a change: what counts of each summable field of a record, which entries that rests on, and records gathered until they make one change. */
#ifndef STORE_EXTRACT_FIGURES_H
#define STORE_EXTRACT_FIGURES_H

#include "store/extract.h"

struct extract_figures;
/* For the family's newest version; both have to stay while the figures live. */
CHECKED enum status extract_figures_new(struct extract_figures **out, struct store *store, const struct form_family *family);
void extract_figures_free(struct extract_figures *figures); /* NULL harmless */

/* 1. One row of a record; of a list, row by row. unit: its handle. STORE_DAMAGED: the state is none. */
CHECKED enum status extract_figures_gather(struct extract_figures *figures, const struct record_place *place, uint32_t unit, struct bytes state);
/* Is the place another row of what is being gathered (or nothing is)? */
bool extract_figures_same(const struct extract_figures *figures, const struct record_place *place);
/* 2. What was gathered is the record at *place; gathering begins anew. any: false where nothing of it is summable. */
CHECKED enum status extract_figures_take(struct extract_figures *figures, struct record_place *place, bool *any);
/* 3. Does the extract say of the record taken what would be said now, cut from the same? */
bool extract_figures_are(const struct extract_figures *figures, const struct extract_item *item);
/* 4. May the record taken stand in one change with those added, and what adds it; how many there are; and the change of them all, after which there are none. */
bool extract_figures_fit(const struct extract_figures *figures);
CHECKED enum status extract_figures_add(struct extract_figures *figures);
size_t extract_figures_count(const struct extract_figures *figures);
CHECKED enum status extract_figures_encode(struct extract_figures *figures, struct buffer *out);

#endif
