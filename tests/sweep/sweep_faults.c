/* The n-th read, write, sync, truncation, opening, removal or renaming of every scenario fails, alone or with all of its kind after it, for want of room or for
 * no reason: the step is done, or it is refused with a status that says what happened and nothing is changed; then the same store goes on, after a failed sync
 * (and where a page could not be read, which SQLite takes for damage) opened anew. */
#include "tests/sweep/scenario.h"

enum { FAULTS_MIN = 60 };

static const char *const operation_names[] = {"open", "read", "write", "sync", "truncate", "delete", "name"};
_Static_assert(sizeof operation_names / sizeof operation_names[0] == DISK_OPERATIONS, "a name for each");

struct faults {
    enum disk_operation operation;
    struct disk_fault fault;
    char what[80];
    uint64_t runs, refused, reopened, swallowed; /* of this scenario */
    unsigned tries;                              /* of the step that failed */
    size_t failed_step;
};

/* What may be said of such a fault. SQLite takes a page that cannot be read for one that is damaged, and opens for reading only what could not be opened. */
static bool status_fits(const struct faults *faults, enum status status) {
    if (faults->operation == DISK_OPEN && status == STATUS_PERMISSION)
        return true;
    if (faults->fault.trouble == DISK_NO_SPACE)
        return status == STATUS_DISK_FULL || (faults->operation == DISK_SYNC && status == STATUS_DISK_ERROR);
    return status == STATUS_DISK_ERROR || (faults->operation == DISK_READ && status == STATUS_STORE_DAMAGED);
}

static bool may_need_opening(const struct faults *faults, enum status status) {
    return faults->operation == DISK_SYNC || status == STATUS_STORE_DAMAGED;
}

static bool failed(struct scene *scene, struct store **store, size_t step, enum status status) {
    struct faults *faults = scene->ctx;
    const char *name = scene->scenario->name;
    if (faults->tries++ == 0) {
        if (disk_faults(scene->run) == 0)
            fail_msg("%s, %s: step %zu fails before it: %s", name, faults->what, step, status_name(status));
        if (!status_fits(faults, status))
            fail_msg("%s, %s: step %zu is refused with %s", name, faults->what, step, status_name(status));
        disk_fault(scene->run, (struct disk_fault){0});
        faults->failed_step = step;
        faults->refused++;
        /* Were the process killed now: what a failed sync should have made durable may have got there all the same, and what could not be removed is there. */
        const bool next_may_be = faults->operation == DISK_SYNC || (faults->operation == DISK_DELETE && !scene->scenario->opens);
        uint64_t chance = disk_random(0);
        size_t acknowledged = scene->acknowledged;
        scene_same_files(scene->copy, scene->run);
        (void)scene_judge(scene, SCENE_DIR("copy"), next_may_be, faults->what);
        scene->acknowledged = acknowledged;
        (void)disk_random(chance);
        if (faults->operation == DISK_SYNC)
            scene_kill(scene, faults->fault.nth, faults->what);
        if (*store == NULL && !scene->scenario->opens && scene->acknowledged == 0 && faults->operation != DISK_DELETE && os_file_exists(SCENE_DIR("run")))
            fail_msg("%s, %s: leaves a directory behind", name, faults->what);
        if (*store != NULL && !may_need_opening(faults, status) && !scene_sound(*store))
            fail_msg("%s, %s: not sound after step %zu was refused", name, faults->what, step);
        return true;
    }
    if (step != faults->failed_step || *store == NULL || faults->tries > 2 || !may_need_opening(faults, status))
        fail_msg("%s, %s: step %zu is refused after the trouble is over: %s", name, faults->what, step, status_name(status));
    faults->reopened++;
    store_close(*store);
    *store = NULL;
    return true;
}

/* One kind of fault at every place. */
static void sweep(struct scene *scene, struct faults *faults, bool lasting, enum disk_trouble trouble) {
    bool struck = true;
    for (uint64_t nth = 1; struck; nth++) {
        faults->fault = (struct disk_fault){.operations = 1U << faults->operation, .nth = nth, .lasting = lasting, .trouble = trouble};
        faults->tries = 0;
        (void)snprintf(faults->what, sizeof faults->what, "%s %llu%s %s", operation_names[faults->operation], (unsigned long long)nth,
                       lasting ? " and all after it:" : ":", trouble == DISK_NO_SPACE ? "ENOSPC" : "EIO");
        scene_again(scene);
        disk_fates(scene->run, nth * 4 + lasting);
        disk_fault(scene->run, faults->fault);
        enum status status = scene_run(scene, SCENE_DIR("run"), 0, scene->step_count);
        if (status != STATUS_OK)
            fail_msg("%s, %s: %s", scene->scenario->name, faults->what, status_name(status));
        struck = faults->tries > 0 || disk_faults(scene->run) > 0;
        faults->swallowed += faults->tries == 0 && struck;
        disk_fault(scene->run, (struct disk_fault){0});
        if (struck && (scene->scenario->repeats || faults->tries == 0))
            (void)scene_judge(scene, SCENE_DIR("run"), false, faults->what);
        else if (struck)
            scene_finish(scene, SCENE_DIR("run"), scene->step_count, faults->what);
        faults->runs += struck;
    }
}

static void every_fault_is_refused_and_survived(void **state) {
    const struct scenario *scenario = *state;
    struct scene scene;
    struct faults faults = {0};
    scene_begin(&scene, scenario);
    scene.failed = failed;
    scene.ctx = &faults;
    for (unsigned operation = 0; operation < DISK_OPERATIONS; operation++) {
        faults.operation = (enum disk_operation)operation;
        for (int lasting = 0; lasting < 2; lasting++) {
            sweep(&scene, &faults, lasting != 0, DISK_IO_ERROR);
            if (operation != DISK_READ && operation != DISK_DELETE)
                sweep(&scene, &faults, lasting != 0, DISK_NO_SPACE);
        }
    }
    print_message("%s: %llu faults, %llu steps refused, %llu stores opened anew, %llu faults without consequence\n", scenario->name,
                  (unsigned long long)faults.runs, (unsigned long long)faults.refused, (unsigned long long)faults.reopened,
                  (unsigned long long)faults.swallowed);
    assert_true(faults.runs >= FAULTS_MIN && faults.refused >= FAULTS_MIN / 2);
    scene_end(&scene);
}

int main(int argc, char **argv) {
    return scenario_main("sweep_faults", every_fault_is_refused_and_survived, argc, argv);
}
