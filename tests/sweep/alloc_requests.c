/* Every request of a store while memory runs out: the answer is the right one or NO_MEMORY, and a change is made as a whole or not at all. */
#include "tests/sweep/alloc_sweep.h"
#include "tests/sweep/alloc_world.h"
#include "tests/unit/store_ask.h"

#define VALUE(text) "{'state':'value','value':'" text "'}"
#define STEPS_MAX 4

enum { AGAIN_EACH = 16 /* after so many failures it is done with all its memory, on the store that has suffered them */ };

enum effect { ASKS, CHANGES, REMAKES /* the views, anew: other rows, which say the same */ };

/* Requests, one after the other; "@" is the import begun before. */
struct request_case {
    const char *name;
    uint64_t refused_min;
    enum effect effect;
    const char *steps[STEPS_MAX][2];
};
static const struct request_case cases[] = {
    {"put",
     200,
     CHANGES,
     {{"put", "{'id':'0123456789','form':'f','period':'2025-07','unit':'02','on_behalf':true,'cells':{'a':" VALUE("9") ",'b':" VALUE("chín") ",'d':" VALUE(
                  "y") "}}"}}},
    {"put in a list",
     200,
     CHANGES,
     {{"put", "{'form':'l','period':'2025-Q2','row':'Nguyễn Thị A','reason':'nhầm','cells':{'m':" VALUE("6000000") ",'n':{'state':'na'}}}"}}},
    {"put, refused",
     20,
     CHANGES,
     {{"put", "{'form':'f','period':'2025-07','unit':'02','on_behalf':true,'cells':{'a':" VALUE("-9") ",'zz':" VALUE("1") ",'d':" VALUE("q") "}}"}}},
    {"put, unknown unit", 10, CHANGES, {{"put", "{'form':'f','period':'2025-07','unit':'99','cells':{'a':" VALUE("9") "}}"}}},
    {"import",
     150,
     CHANGES,
     {{"import.begin", "{'form':'f','columns':['a','b','g'],'on_behalf':true,'reason':'bảng tháng'}"},
      {"import.rows", "{'import':'@','rows':[[2,'02','2025-07',null,[" VALUE("5") ",null," VALUE("2025-07-02") "]],[3,'03','tháng 7/2025','',[null," VALUE(
                          "bảy") ",null]],[4,'02','2025-06',null,[" VALUE("6") ",null,null]]]}"},
      {"import.commit", "{'import':'@'}"}}},
    {"import, refused",
     100,
     CHANGES,
     {{"import.begin", "{'form':'f','columns':['a','b']}"},
      {"import.rows", "{'import':'@','rows':[[2,'99','2025-07',null,[" VALUE("5") ",null]],[3,'03','2025-07','',[" VALUE("x") "," VALUE(
                          "bảy") "]],[4,'03','2025-07',null,[null,null]]]}"},
      {"import.commit", "{'import':'@'}"}}},
    {"import, given up",
     20,
     CHANGES,
     {{"import.begin", "{'form':'f','columns':['a']}"},
      {"import.rows", "{'import':'@','rows':[[2,'02','2025-07',null,[" VALUE("5") "]]]}"},
      {"import.abort", "{'import':'@'}"}}},
    {"hello", 10, ASKS, {{"hello", "{}"}}},
    {"unit.add", 100, CHANGES, {{"unit.add", "{'code':'04','name':'Đà Lạt','level':'tỉnh','effective':'2025-07-01'}"}}},
    {"unit.add, refused", 10, CHANGES, {{"unit.add", "{'code':'02','name':'Huế','level':'1'}"}}},
    {"unit.import",
     150,
     CHANGES,
     {{"unit.import", "{'rows':[[2,'00','','0','Trung ương'],[3,'05','00','1','Lào Cai'],[4,'0501','05','3','Sa Pa'],[5,'02','00','1','Huế']]}"}}},
    {"unit.import, refused", 40, CHANGES, {{"unit.import", "{'rows':[[2,'05','00','1','Lào Cai'],[3,'0501','77','3','Sa Pa'],[4,'05','00','9','']]}"}}},
    {"unit.list", 30, ASKS, {{"unit.list", "{}"}}},
    {"unit.show", 30, ASKS, {{"unit.show", "{'unit':'02'}"}}},
    {"level.list", 10, ASKS, {{"level.list", "{}"}}},
    {"form.add",
     150,
     CHANGES,
     {{"form.add",
       "{'form':{'name':'k','period':'year','levels':[1,3],'due':{'1':7,'3':2},'title':{'vi':'Quỹ','en':'Fund'},'fields':[{'name':'a','type':'money','label':'"
       "Số tiền','required':true},{'name':'b','type':'choice','choices':['x',{'code':'y','label':{'vi':'khác'}}]},{'name':'s','type':'computed','formula':'a * "
       "2 - 1'}]}}"}}},
    {"form.add, next version",
     150,
     CHANGES,
     {{"form.add",
       "{'form':{'name':'l','period':'quarter','list':true,'fields':[{'name':'m','type':'money'},{'name':'n','type':'text'},{'name':'o','type':'date'}]}}"}}},
    {"form.add, refused",
     50,
     CHANGES,
     {{"form.add", "{'form':{'name':'K','period':'week','levels':[99],'fields':[{'name':'a','type':'mony'},{'name':'a','type':'choice'},{'name':'s','type':'"
                   "computed','formula':'a * '}]}}"}}},
    {"form.check", 50, ASKS, {{"form.check", "{'form':{'name':'k','period':'year','fields':[{'name':'a','type':'money'}]}}"}}},
    {"form.list", 20, ASKS, {{"form.list", "{}"}}},
    {"form.show", 50, ASKS, {{"form.show", "{'form':'f'}"}}},
    {"show", 100, ASKS, {{"show", "{'form':'f','period':'2025-06','unit':'02','history':true}"}}},
    {"show a list", 100, ASKS, {{"show", "{'form':'l','period':'2025-Q2'}"}}},
    {"rollup", 50, ASKS, {{"rollup", "{'form':'f','period':'2025-06'}"}}},
    {"rollup by unit", 50, ASKS, {{"rollup", "{'form':'f','period':'2025-05','period_to':'2025-06','by':'unit'}"}}},
    {"rollup by period", 50, ASKS, {{"rollup", "{'form':'f','period':'2025-05','period_to':'2025-06','by':'period','fields':['a','s']}"}}},
    {"log", 100, ASKS, {{"log", "{'limit':3}"}}},
    {"status", 50, ASKS, {{"status", "{}"}}},
    {"node.list", 20, ASKS, {{"node.list", "{}"}}},
    {"invite", 100, CHANGES, {{"invite", "{'unit':'02'}"}}},
    {"config", 20, CHANGES, {{"config", "{'key':'advertise','value':'tcp://192.0.2.1:5670'}"}}},
    {"send", 150, CHANGES, {{"send", "{'to':'01,02/*','title':'Kế hoạch','text':'Họp ngày 7.','number':'13/CV','date':'2025-06-01','due':'2025-07-05'}"}}},
    {"inbox", 20, ASKS, {{"inbox", "{'all':true}"}}},
    {"digest", 50, ASKS, {{"digest", "{}"}}},
    {"digest of two", 50, ASKS, {{"digest", "{'unit':'01','with':'00'}"}}},
    {"check", 100, ASKS, {{"check", "{}"}}},
    {"rebuild", 200, REMAKES, {{"rebuild", "{}"}}},
    {"no request", 2, ASKS, {{"nonsense", "{}"}}},
};

struct office {
    const struct alloc_world *world;
    const struct request_case *the_case;
    char dir[SCRATCH_PATH];
    struct store *store;
    char *answers[STEPS_MAX]; /* of this try */
    char *right[STEPS_MAX];   /* with all memory */
    char *views, *digest, *right_views;
    uint64_t rows;
    unsigned failures;
};

static void begin(void *ctx) {
    struct office *office = ctx;
    world_copy(office->world->root, office->dir);
    office->store = scratch_open(office->dir);
    office->rows = world_rows(office->store);
    office->views = world_views(office->store);
    office->digest = world_digest(office->store);
    office->failures = 0;
}

static void forget_answers(struct office *office) {
    for (size_t i = 0; i < STEPS_MAX; i++) {
        free(office->answers[i]);
        office->answers[i] = NULL;
    }
}

/* The store as it is on the disk is the one in memory, and sound. */
static void end(void *ctx) {
    struct office *office = ctx;
    char *views = world_views(office->store), *digest = world_digest(office->store);
    store_close(office->store);
    office->store = scratch_open(office->dir);
    char *views_again = world_views(office->store), *digest_again = world_digest(office->store);
    sweep_expect_text(views_again, views, "opened again");
    sweep_expect_text(digest_again, digest, "the digest, opened again");
    sweep_expect(world_sound(office->store), "check finds something");
    store_close(office->store);
    office->store = NULL;
    forget_answers(office);
    free(views);
    free(digest);
    free(views_again);
    free(digest_again);
    free(office->views);
    free(office->digest);
    office->views = office->digest = NULL;
}

static enum status act(void *ctx) {
    struct office *office = ctx;
    enum status status = STATUS_OK;
    char import[40] = "";
    alloc_pause();
    forget_answers(office);
    for (size_t i = 0; i < STEPS_MAX && office->the_case->steps[i][0] != NULL && status == STATUS_OK; i++) {
        char args[2048];
        const char *text = office->the_case->steps[i][1], *at = strchr(text, '@');
        (void)snprintf(args, sizeof args, "%.*s%s%s", (int)(at != NULL ? (size_t)(at - text) : strlen(text)), text, at != NULL ? import : "",
                       at != NULL ? at + 1 : "");
        json_t *response = world_ask(office->store, office->the_case->steps[i][0], args, true);
        status = response == NULL ? STATUS_NO_MEMORY : (enum status)json_integer_value(json_object_get(response, "status"));
        const char *begun = json_string_value(member_of(response, "result.import"));
        (void)snprintf(import, sizeof import, "%s", begun != NULL ? begun : import);
        office->answers[i] = response != NULL ? world_text(response) : NULL;
        json_decref(response);
    }
    alloc_resume();
    return status;
}

/* A copy that outlives the try, on purpose. */
static char *keep(const char *text) {
    char *copy = text != NULL ? strdup(text) : NULL;
    alloc_taken(copy);
    return copy;
}

/* All answers are the right ones. */
static bool judge_done(struct office *office) {
    bool first = office->right_views == NULL;
    for (size_t i = 0; i < STEPS_MAX; i++) {
        if (first)
            office->right[i] = keep(office->answers[i]);
        else if (office->right[i] != NULL)
            sweep_expect_text(office->answers[i], office->right[i], "the answer");
    }
    char *views = world_views(office->store);
    if (first)
        office->right_views = keep(views);
    sweep_expect_text(views, office->right_views, "done");
    free(views);
    if (office->the_case->effect == ASKS)
        sweep_expect(world_rows(office->store) == office->rows, "asking changed the store");
    return office->the_case->effect == ASKS;
}

static bool judge(void *ctx, enum status status, const struct alloc_count *count) {
    struct office *office = ctx;
    (void)count;
    if (status != STATUS_NO_MEMORY)
        return judge_done(office);
    bool again = ++office->failures % AGAIN_EACH == 0;
    if (office->the_case->effect != REMAKES)
        sweep_expect(world_rows(office->store) == office->rows, "it failed and changed the store");
    if (office->the_case->effect != ASKS || again) {
        char *views = world_views(office->store), *digest = world_digest(office->store);
        sweep_expect_text(views, office->views, "failed");
        sweep_expect_text(digest, office->digest, "failed, and the digest");
        free(views);
        free(digest);
    }
    if (!again)
        return true;
    status = act(ctx);
    sweep_expect(status != STATUS_NO_MEMORY, "with all its memory it fails still");
    return judge_done(office);
}

static void cool(void *ctx) {
    world_cool(((struct office *)ctx)->store);
}

static void sweep_cases(void **state) {
    const struct alloc_world *world = *state;
    const char *only = getenv("ALLOC_ONLY");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (only != NULL && strcmp(only, cases[i].name) != 0)
            continue;
        struct office office = {.world = world, .the_case = &cases[i]};
        char name[40];
        scratch_path(office.dir, world->dir, "office");
        struct sweep_subject subject = {
            .name = cases[i].name, .refused_min = cases[i].refused_min, .begin = begin, .act = act, .judge = judge, .end = end, .ctx = &office, .warms = true};
        sweep_run(&subject);
        /* The same with statements that have to be prepared first. */
        (void)snprintf(name, sizeof name, "%s (first time)", cases[i].name);
        subject.name = name;
        subject.warms = false;
        subject.cool = cool;
        alloc_short(true, false);
        sweep_run(&subject);
        alloc_short(false, false);
        for (size_t j = 0; j < STEPS_MAX; j++)
            free(office.right[j]);
        free(office.right_views);
    }
    assert_int_equal(sweep_wrong(), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(sweep_cases, world_set_up, world_tear_down)};
    alloc_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
