/* Between the files that apply entries (apply, control, document): what apply.c offers them beside store/internal.h. Inside the open transaction. */
#ifndef STORE_APPLY_H
#define STORE_APPLY_H

#include "store/internal.h"

/* Sets the whole entry aside: its body is malformed, or its header asks for what this version does not know. */
CHECKED enum status apply_whole_aside(struct store *store, int64_t entry_id, enum status reason);
/* What was set aside stands now. Harmless where it was not. */
CHECKED enum status apply_take_back(struct store *store, int64_t entry_id, uint32_t place);
/* The same for all of an entry, before it is judged anew. */
CHECKED enum status apply_take_back_all(struct store *store, int64_t entry_id);
/* Does this version apply changes of the kind? (change_known, and in a test build one more.) */
bool apply_knows(uint64_t kind);
/* The author's unit and roles. AUTHOR_UNKNOWN: it does not stand; unit TREE_NONE for the recovery log. */
CHECKED enum status apply_author(const struct store *store, const struct log_id *log, uint32_t *unit, uint8_t *roles);

#ifdef HOI_TEST_KIND            /* 1 in a test build (-DHOI_TEST_KIND); a unit test makes it a variable, to play two versions */
enum { APPLY_TEST_KIND = 127 }; /* a document of a later version: [title: str, text: str] */
#endif

/* ---- store/control.c ---- */

/* Gives the facts of a control body to the tree and to the fact view, to be settled and judged (control_retry) when all that came has been given. Not
 * given: the body was set aside as a whole. */
CHECKED enum status control_give(struct store *store, const struct stored_entry *entry, const struct header *header, bool *given);
/* The verdicts on a control body's changes as the tree is settled: what may not stand is set aside, forms are applied or set aside. place: of one
 * change; UINT32_MAX: of all. */
CHECKED enum status control_retry(struct store *store, const struct stored_entry *entry, const struct header *header, uint32_t place);
/* May a form of the issuer stand that was written at seq of the log? OK, OUTSIDE_AUTHORITY, AUTHOR_UNKNOWN, AUTHOR_CUT, FORK. */
enum status control_form_lawful(struct store *store, const struct log_id *log, uint64_t seq, const struct unit_id *issuer);

/* ---- store/apply.c ---- */

/* By what the tree says of a record's or document's header: may it stand? */
enum status apply_lawful(const struct store *store, const struct header *header, const struct hash *hash);
/* As if the entry came now, whatever was set aside of it before. What stands already is taken once: facts, forms, documents and records know the same
 * entry again. Of a control entry the facts have to be given before. */
CHECKED enum status apply_entry(struct store *store, const struct stored_entry *entry, const struct header *header);
/* It stands no longer: out of the views. Harmless where it is not in them. Its body has to be held still. */
CHECKED enum status apply_withdraw(struct store *store, int64_t entry_id, const struct header *header);

/* ---- store/apply_since.c ---- */

/* From which day on each unit was there before the tree changed. Empty where no unit ever moved. */
struct unit_since {
    struct unit_id unit;
    int32_t first;
};
struct apply_since {
    struct unit_since *days;
    size_t count;
};
CHECKED enum status apply_since_take(struct store *store, struct apply_since *out);
CHECKED enum status apply_since_review(struct store *store, const struct apply_since *before); /* puts of units of which that has changed are judged anew */
void apply_since_fini(struct apply_since *since);

/* ---- store/apply_logs.c ---- */

/* How far a log stands, as its row keeps it: by cuts, pins and forks, and nothing of it where its author does not stand. why: OK where it stands whole. */
struct apply_standing {
    int64_t upto;
    enum status why;
};
struct apply_standing apply_standing_of(const struct tree *tree, const struct log_id *log);

/* Gives the control entries of every log that have come, as far as their bodies are held, settles the tree once and judges them. */
CHECKED enum status apply_control_entries(struct store *store, struct header *header, struct apply_since *since);
/* Then everything else, log by log as far as bodies are held. */
CHECKED enum status apply_logs(struct store *store, struct header *header);

/* ---- store/apply_review.c ---- */

/* The tree has changed: what was judged by it before is judged anew, as far as it may come out otherwise. taken_back: something that stood may not stand
 * any more. *anew: the views rest on something that fell, and have to be made anew. */
CHECKED enum status apply_review(struct store *store, struct header *header, bool taken_back, const struct apply_since *since, bool *anew);

#endif
