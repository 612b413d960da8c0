/* Proves the whole store: the database's pages, every chain and signature, every body and receipt, the rows that figures are computed from, and that the views
 * are what the logs say (by making them anew inside a transaction that is rolled back). Changes nothing. */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include "store/internal.h"

struct check_counts {
    int64_t entries, records, units;
};
enum { CHECK_FINDINGS_MAX = 1000 }; /* what a person can read; the walk goes on, only the list ends */

/* findings: a JSON array to which {"what": TEXT, "where": TEXT} are added; empty afterwards: nothing wrong. OK also with findings; other statuses: the check
 * itself failed. */
CHECKED enum status check_run(struct store *store, json_t *findings, struct check_counts *counts);

#endif
