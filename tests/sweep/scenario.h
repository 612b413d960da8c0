/* What an office does, step by step, as a table for the sweeps: each makes a state on a disk in memory, acts on a copy of it, and is judged by what the
 * untroubled run left after each step. A step is all or nothing: whatever goes wrong on the way, the store is as after as many steps as were acknowledged, or
 * as after one more where the answer never came. Randomness begins anew with every step, so that a step done again writes the same bytes. Needs a program
 * that links `disk`; says nothing about what goes wrong. */
#ifndef TESTS_SWEEP_SCENARIO_H
#define TESTS_SWEEP_SCENARIO_H

#include "tests/disk/disk.h"
#include "tests/unit/store_offices.h"

enum { SCENARIO_STEPS_MAX = 8, SCENE_ITEMS_MAX = 12 };
/* What a scenario's step draws, counted from 0, begins with SCENE_RANDOM and its number. */
enum { SCENE_RANDOM = 20260717 };
#define SCENE_DIR(disk) "/" disk "/hoi"

struct scene;
typedef enum status scenario_step(struct scene *scene, struct store *store, const char *dir);
struct scenario {
    const char *name;
    void (*prepare)(struct scene *scene); /* makes the state before on scene->base; what the steps need goes into the scene */
    scenario_step *steps[SCENARIO_STEPS_MAX];
    bool opens;   /* a store is open while the steps are done; else each gets NULL */
    bool repeats; /* a step done again gives the same bytes, also over what a cut of the power left */
};
extern const struct scenario *const scenarios[]; /* ended by NULL */

/* An entry or a receipt of another office, ready to be persisted; owns its bytes. */
struct scene_item {
    struct persist item;
    struct buffer bytes[4];
};
/* What is done about a step that failed; step: SCENE_OPENING where the store could not be opened. True: it is tried again (on *store, which may have been
 * opened anew or be NULL, which opens it). */
#define SCENE_OPENING SIZE_MAX
typedef bool scene_failed(struct scene *scene, struct store **store, size_t step, enum status status);

struct scene {
    const struct scenario *scenario;
    struct disk *base, *run, *copy, *cut; /* "/base", "/run", "/copy", "/cut" */
    size_t step_count;
    struct hash states[SCENARIO_STEPS_MAX + 1];
    size_t acknowledged; /* steps of this run so far */
    scene_failed *failed;
    void (*done)(struct scene *scene); /* NULL, or: a step was acknowledged; the store is open */
    uint64_t fates;                    /* while scene_kill goes on: what is drawn, and what is said */
    const char *what;
    void *ctx; /* the sweep's */
    struct scene_item *items;
    size_t item_count;
    struct offices offices; /* while it is prepared; both are closed then */
    struct node_keys keys;
    struct token token;
    struct joined joined;
    struct buffer joined_bytes[2];
};

/* Makes a world with the scenario's state in it, and learns what each step leaves. */
void scene_begin(struct scene *scene, const struct scenario *scenario);
void scene_end(struct scene *scene);
/* The state before, on the disk `run`, without a fault. */
void scene_again(struct scene *scene);
/* A disk becomes what another is, with all that was written and the same files: not a copy of them. */
void scene_same_files(struct disk *out, const struct disk *from);
/* Opens (where the scenario does), does the steps from..to-1, closes. The first status that was not OK and not tried again. */
enum status scene_run(struct scene *scene, const char *dir, size_t from, size_t to);
/* After the trouble: the store opens, its check finds nothing, and it is as after so many steps, which are returned: those acknowledged, or (where next may
 * be) one more. what: names the trouble in a complaint. */
size_t scene_judge(struct scene *scene, const char *dir, bool next_may_be, const char *what);
/* It goes on: the steps that are missing come through, and all is as if nothing had happened. */
void scene_finish(struct scene *scene, const char *dir, size_t state, const char *what);
/* The process is killed now (run may be in the middle of an operation, and stays as it is), another takes its place and goes on to the end; right after each
 * acknowledgement the power goes: what was not durable when it was killed must not be told as if it were, nor take with it what came later. */
void scene_kill(struct scene *scene, uint64_t fates, const char *what);
/* `check` on an open store finds nothing. */
bool scene_sound(struct store *store);

/* A program that puts every scenario through the same test, whose state is the scenario; one argument names the scenario that is wanted. */
int scenario_main(const char *program, CMUnitTestFunction test, int argc, char **argv);

#endif
