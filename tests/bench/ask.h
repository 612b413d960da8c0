/* Requests as the tool makes them (docs/control.md), inside the process. */
#ifndef TESTS_BENCH_ASK_H
#define TESTS_BENCH_ASK_H

#include "store/store.h"

/* args is taken over. The result, a new reference; a refusal ends the program. */
json_t *ask(struct store *store, const char *verb, json_t *args);
void ask_done(struct store *store, const char *verb, json_t *args); /* the same, the result not wanted */
/* A form of so many integer fields, "f01" and on, reported by month. */
void ask_form(struct store *store, const char *name, bool list, unsigned fields);

/* One row of a sheet as import.rows takes it: [line, unit, period, row key, cells]. The cells of a figure each: ask_cell. */
typedef json_t *ask_row_fn(const void *ctx, size_t row);
json_t *ask_cell(int64_t value);
/* Imports a sheet of the form's fields, from begin to commit. The seconds that the store took, without the making of its rows. */
double ask_sheet(struct store *store, const char *form, unsigned fields, bool on_behalf, size_t rows, ask_row_fn *row, const void *ctx);

#endif
