/* Entering figures: the rules that a record passes before this node signs it, and the change-sets it goes out in. One way in for `put` and for sheets. Rules:
 * docs/forms.md, "Who enters what".
 *
 * For the own unit: report log. For a unit below: directive log, as a correction (with a reason, of a record that exists), as a first entry on its behalf (of
 * one that does not), or, while neither it nor any unit between has a node, without either. Cells that change nothing are not written. A field in conflict is
 * settled by writing it, with a reason. */
#ifndef STORE_ENTRY_H
#define STORE_ENTRY_H

#include "store/form_view.h"
#include "store/period.h"
#include "store/record.h"

/* One record to be entered: cells (never untouched) by ordinal of the version, ascending. */
struct entry_record {
    uint32_t unit, period;
    struct bytes row;
    size_t count;
    const uint16_t *ordinals;
    const struct cell *cells;
};

/* What needs no look at what stands there: UNIT_OUTSIDE, FORM_UNKNOWN (not in force for the unit), PERIOD_WRONG_KIND, UNIT_NOT_REPORTING, ROW_NEEDED,
 * ROW_UNWANTED, OUTSIDE_AUTHORITY (this node may write no records), TEXT_INVALID (row key). */
CHECKED enum status entry_allowed(const struct store *store, const struct form_family *family, uint32_t unit, const struct period *period, struct bytes row);

struct entry_batch;
struct entry_options {
    const struct form_family *family;
    const struct form_version_view *version;
    bool on_behalf, dry_run;
    struct bytes reason;
    struct bytes person;          /* the payload of who wrote it; empty: nobody is named */
    const struct batch_id *batch; /* NULL: none; lives as long as the batch */
};
struct entry_counts {
    size_t records, entries, changed;
    bool has_last;
    struct ref last;
}; /* last: the last change-set's reference */

/* Inside the open transaction: family and version must stay what they are. */
CHECKED enum status entry_begin(struct entry_batch **out, struct store *store, const struct entry_options *options);
/* Records in order of unit (all of one together), period, row; each once. Refusals, after which others may still be added: REASON_NEEDED, RECORD_EXISTS,
 * NOT_FOUND (a correction of nothing), TOO_LARGE. Anything else is the store's own trouble. */
CHECKED enum status entry_add(struct entry_batch *batch, const struct entry_record *record);
bool entry_refuses(enum status status); /* is it one of those refusals? */
/* Writes what is left. */
CHECKED enum status entry_finish(struct entry_batch *batch, struct entry_counts *counts);
void entry_end(struct entry_batch *batch); /* NULL harmless */

#endif
