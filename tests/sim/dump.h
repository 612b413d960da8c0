/* What every office holds at a run's end, and what its store concludes from it, as lines of text that the model of the rules reads (tests/oracle/lines.py).
 * Writes files and changes nothing; knows the store's tables, and nothing of why the simulator did what it did. */
#ifndef SIM_DUMP_H
#define SIM_DUMP_H

#include "tests/sim/sim.h"

#include <stdio.h>

/* DIR/N.set and DIR/N.views of each office N whose process runs. */
void dump_world(struct world *world, const char *dir);

/* dump_change.c: the changes of a body, each after a " |". False: the body breaks a rule of shape, and nothing of it counts. */
bool dump_changes(FILE *out, const struct founding *founding, uint8_t cls, struct bytes body);
void dump_log(FILE *out, const struct log_id *log);

/* dump_views.c */
void dump_views(FILE *out, struct store *store, const struct unit_id *own);

#endif
