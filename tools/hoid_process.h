/* Running hoid for a job that only it can do (talking to other offices) where no daemon runs: joining, and one exchange with the level above. */
#ifndef TOOLS_HOID_PROCESS_H
#define TOOLS_HOID_PROCESS_H

#include "protocol/status.h"

#include <jansson.h>
#include <stddef.h>

struct hoid_process {
    const char *arguments[12]; /* without the program's name; ended by NULL */
    const char *input;         /* what it reads on standard input, NULL: nothing. A secret stays out of the list of processes that way */
    int exit_status;           /* out */
    json_t *refusal;           /* out: the refusal it gave ({"status", "args"}), NULL: none. The caller's */
};

/* Takes the hoid beside this program, else the one in PATH; waits for its end. What it says on standard error besides a refusal is passed on. INTERNAL: it
 * cannot be started (told). */
CHECKED enum status hoid_process_run(struct hoid_process *process);
/* Tells the refusal, or that there was none; the exit status. Releases the refusal. */
int hoid_process_tell(struct hoid_process *process);

#endif
