/* The power goes at every write, sync, cut, removal and renaming of every scenario, each time with several fates for what no sync had confirmed: what was
 * acknowledged is there, what was not is wholly there or wholly not, the chain is whole, and the office goes on. */
#include "tests/sweep/scenario.h"

enum { FATES = 4, POINTS_MIN = 12 };

struct power {
    struct scene *scene;
    uint64_t points, images;
};

/* One moment: the run stands still in the middle of an operation. */
static void cut_here(void *ctx) {
    struct power *power = ctx;
    struct scene *scene = power->scene;
    size_t acknowledged = scene->acknowledged;
    uint64_t chance = disk_random(0); /* the step under way goes on with the one it had */
    power->points++;
    for (uint64_t fate = 0; fate < FATES; fate++) {
        char what[60];
        (void)snprintf(what, sizeof what, "power cut before operation %llu, fate %llu", (unsigned long long)power->points, (unsigned long long)fate);
        disk_fates(scene->copy, power->points * FATES + fate);
        disk_image(scene->copy, scene->run);
        size_t state = scene_judge(scene, SCENE_DIR("copy"), true, what);
        if (fate == power->points % FATES)
            scene_finish(scene, SCENE_DIR("copy"), state, what);
        scene->acknowledged = acknowledged;
        power->images++;
    }
    if (acknowledged < scene->step_count)
        scene_kill(scene, power->points, "killed here, then the power cut");
    (void)disk_random(chance);
}

static void no_cut_of_the_power_loses_what_was_acknowledged(void **state) {
    const struct scenario *scenario = *state;
    struct scene scene;
    struct power power = {.scene = &scene};
    scene_begin(&scene, scenario);
    scene_again(&scene);
    disk_watch(scene.run, DISK_CHANGES, cut_here, &power);
    assert_int_equal(scene_run(&scene, SCENE_DIR("run"), 0, scene.step_count), STATUS_OK);
    disk_watch(scene.run, 0, NULL, NULL);
    cut_here(&power); /* and after the last */
    print_message("%s: %llu points, %llu images\n", scenario->name, (unsigned long long)power.points, (unsigned long long)power.images);
    assert_true(power.points >= POINTS_MIN);
    scene_end(&scene);
}

int main(int argc, char **argv) {
    return scenario_main("sweep_power", no_cut_of_the_power_loses_what_was_acknowledged, argc, argv);
}
