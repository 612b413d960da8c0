/* The scenarios: what is done to a store that must not lose anything. */
#include "tests/sweep/scenario.h"

#include "tests/sweep/older_store.h"
#include "tests/unit/store_ask.h"
#include "tests/unit/store_trust.h"

#define VALUE(text) "{'state':'value','value':'" text "'}"

/* ---- two offices ---- */

static enum status answered(json_t *response) {
    enum status status = (enum status)json_integer_value(json_object_get(response, "status"));
    json_decref(response);
    return status;
}

/* A changing request as a client makes it, with an id by which its answer is found again. */
static enum status request(struct store *store, const char *id, const char *verb, const char *args) {
    const struct store_caller caller = {.uid = 0};
    json_t *whole = json_pack("{s:s, s:s, s:o}", "do", verb, "id", id, "args", ask_json(args));
    json_t *response = store_request(store, &caller, whole);
    json_decref(whole);
    return response == NULL ? STATUS_NO_MEMORY : answered(response);
}

static void carry_log(struct store *from, struct store *to, const struct log_id *log) {
    struct replica replica;
    struct log_head head, held = {0};
    store_replica(from, &replica);
    assert_int_equal(replica.ops->head(replica.ctx, log, &head), STATUS_OK);
    store_replica(to, &replica);
    (void)!replica.ops->head(replica.ctx, log, &held);
    for (uint64_t seq = held.seq + 1; seq <= head.seq; seq++)
        assert_int_equal(offices_carry(from, to, log, seq, true), STATUS_OK);
}

/* The root, the province 01 that joined it, two more without an office, two forms, a figure and a document: all of it known to both. */
static struct offices *offices_make(struct scene *scene, const char *root_dir, const char *child_dir) {
    struct offices *offices = &scene->offices;
    if (strncmp(root_dir, "/base/", 6) != 0 || strncmp(child_dir, "/base/", 6) != 0)
        (void)disk_new("/other");
    (void)snprintf(offices->root_dir, sizeof offices->root_dir, "%s", root_dir);
    (void)snprintf(offices->child_dir, sizeof offices->child_dir, "%s", child_dir);
    scratch_found(root_dir);
    offices->root = scratch_open(root_dir);
    offices_join(offices);
    offices->child = scratch_open(child_dir);
    struct store *root = offices->root;
    ask_done(root, "unit.add", "{'code':'02','name':'Huế','level':'1'}");
    ask_done(root, "unit.add", "{'code':'03','name':'Đà Nẵng','level':'1'}");
    ask_done(root, "form.add",
             "{'form':{'name':'f','period':'month','levels':[1],'fields':[{'name':'a','type':'integer','maximum':1000000},{'name':'b','type':'text'},"
             "{'name':'s','type':'computed','formula':'a'}]}}");
    ask_done(root, "form.add", "{'form':{'name':'l','period':'quarter','list':true,'fields':[{'name':'m','type':'money'}]}}");
    ask_done(root, "put", "{'form':'f','period':'2025-05','unit':'02','on_behalf':true,'cells':{'a':" VALUE("5") "}}");
    ask_done(root, "send", "{'to':'01,02','title':'Về kỳ báo cáo','text':'Nộp trước ngày 5.','number':'12/CV','date':'2025-06-01','due':'2025-07-05'}");
    carry_log(root, offices->child, &offices->directive);
    return offices;
}

static void offices_close(struct offices *offices) {
    store_close(offices->child);
    store_close(offices->root);
    offices->child = offices->root = NULL;
}

/* ---- append: what is entered here ---- */

static void prepare_append(struct scene *scene) {
    offices_close(offices_make(scene, SCENE_DIR("base"), "/other/hoi"));
}

static enum status put_figure(struct scene *scene, struct store *store, const char *dir) {
    (void)scene, (void)dir;
    return request(store, "append-put-1", "put",
                   "{'form':'f','period':'2025-06','unit':'02','on_behalf':true,'cells':{'a':" VALUE("7") ",'b':" VALUE("năm") "}}");
}

static enum status put_correction(struct scene *scene, struct store *store, const char *dir) {
    (void)scene, (void)dir;
    return request(store, "append-put-2", "put",
                   "{'form':'f','period':'2025-05','unit':'02','on_behalf':true,'reason':'đếm lại','cells':{'a':" VALUE("6") "}}");
}

static enum status tidy(struct scene *scene, struct store *store, const char *dir) {
    (void)scene, (void)dir;
    return store_idle(store);
}

static enum status add_unit(struct scene *scene, struct store *store, const char *dir) {
    (void)scene, (void)dir;
    return request(store, "append-unit", "unit.add", "{'code':'04','name':'Quảng Trị','level':'1'}");
}

static const struct scenario append = {
    .name = "append", .prepare = prepare_append, .steps = {put_figure, put_correction, tidy, add_unit}, .opens = true, .repeats = true};

/* ---- apply: what another office sends ---- */

static struct bytes kept(struct scene_item *item, size_t at, struct bytes bytes) {
    buffer_init(&item->bytes[at], BODY_BYTES_MAX);
    assert_int_equal(buffer_append(&item->bytes[at], bytes.data, bytes.len), STATUS_OK);
    return buffer_bytes(&item->bytes[at]);
}

static struct scene_item *item_new(struct scene *scene) {
    assert_true(scene->item_count < SCENE_ITEMS_MAX);
    return &scene->items[scene->item_count++];
}

static void take_entry(struct scene *scene, struct store *from, const struct log_id *log, uint64_t seq) {
    struct scene_item *item = item_new(scene);
    item->item = offices_item(from, log, seq);
    struct entry *entry = &item->item.entry;
    *entry = (struct entry){.header = kept(item, 0, entry->header),
                            .signature = kept(item, 1, entry->signature),
                            .salt = kept(item, 2, entry->salt),
                            .body = kept(item, 3, entry->body)};
}

/* Three figures (of which the second corrects the first), then a long document; and a unit of its own making. */
static void prepare_apply(struct scene *scene) {
    struct offices *offices = offices_make(scene, SCENE_DIR("base"), "/other/hoi");
    struct store *child = offices->child;
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("7") ",'b':" VALUE("bảy") "}}");
    ask_done(child, "put", "{'form':'f','period':'2025-06','reason':'đếm lại','cells':{'a':" VALUE("8") "}}");
    ask_done(child, "put", "{'form':'l','period':'2025-Q2','row':'Nguyễn Thị A','cells':{'m':" VALUE("5000000") "}}");
    struct stored stored = offices_document(child, LOG_REPORT, &child->founding.root, "Báo cáo quý. ", 600);
    assert_int_equal(stored.ref.seq, 4);
    for (uint64_t seq = 1; seq <= 4; seq++)
        take_entry(scene, child, &stored.ref.log, seq);
    ask_done(child, "unit.add", "{'code':'0101','name':'Ba Đình','level':'2'}");
    struct log_id directive = {.node = child->self, .kind = LOG_DIRECTIVE};
    struct query query = db_query(child->db, "SELECT epoch FROM log WHERE node = (SELECT value FROM meta WHERE key = 'self') AND kind = 2");
    assert_true(query_next(&query));
    query_fixed(&query, 0, directive.epoch.b, sizeof directive.epoch.b);
    assert_int_equal(query_end(&query), STATUS_OK);
    take_entry(scene, child, &directive, 1);
    store_close(child);
    /* As after kill: what the root knows is in its write-ahead log. */
    struct disk *as_killed = disk_new("/killed");
    disk_copy(as_killed, scene->base);
    store_close(offices->root);
    disk_copy(scene->base, as_killed);
    offices->child = offices->root = NULL;
}

static enum status take_figures(struct scene *scene, struct store *store, const char *dir) {
    (void)dir;
    const struct persist items[3] = {scene->items[0].item, scene->items[1].item, scene->items[2].item};
    return store_persist(store, items, 3);
}

enum { PART_BYTES = 3000 };

/* The header first, its body in parts. */
static enum status take_beginning(struct scene *scene, struct store *store, const char *dir) {
    (void)dir;
    const struct persist *whole = &scene->items[3].item;
    struct persist items[2] = {*whole, {.kind = PERSIST_PART, .log = whole->log, .seq = whole->seq, .salt = whole->entry.salt}};
    items[0].entry.salt = items[0].entry.body = (struct bytes){0};
    items[1].part = bytes_of(whole->entry.body.data, PART_BYTES);
    return store_persist(store, items, 2);
}

static enum status take_rest(struct scene *scene, struct store *store, const char *dir) {
    (void)dir;
    struct persist items[2] = {scene->items[3].item, scene->items[4].item};
    items[0].kind = PERSIST_BODY;
    return store_persist(store, items, 2);
}

static const struct scenario apply = {
    .name = "apply", .prepare = prepare_apply, .steps = {take_figures, take_beginning, tidy, take_rest}, .opens = true, .repeats = true};

/* ---- trust: what an office hears of its own logs ---- */

static struct ref ref_at(struct store *store, const struct log_id *log, uint64_t seq) {
    struct persist item = offices_item(store, log, seq);
    return (struct ref){.log = *log, .seq = seq, .hash = hash_short(&item.hash)};
}

static void take_stored(struct scene *scene, struct store *from, const struct stored *stored) {
    take_entry(scene, from, &stored->ref.log, stored->ref.seq);
}

/* A province has entered a figure, corrected it and written a letter. It erases the letter, cuts itself off after the first figure, and takes that back; then
 * there is evidence that its log is forked, of a branch that the root has pinned already. */
static void prepare_trust(struct scene *scene) {
    struct offices *offices = offices_make(scene, SCENE_DIR("base"), "/other/hoi");
    struct store *child = offices->child, *root = offices->root;
    ask_done(child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("7") "}}");
    ask_done(child, "put", "{'form':'f','period':'2025-06','reason':'đếm lại','cells':{'a':" VALUE("8") "}}");
    struct stored letter = offices_document(child, LOG_REPORT, &root->unit, "Thư riêng. ", 100);
    struct ref first = ref_at(child, &letter.ref.log, 1);
    struct forged forged;
    struct persist one = offices_item(child, &letter.ref.log, 1);
    forge(&forged, child, &letter.ref.log, 2, &one.hash, &root->unit, 9);
    carry_log(child, root, &letter.ref.log);
    trust_pin(root, &forged.ref, 4);
    struct stored erasure = trust_erase(child, &letter.ref, 1), cut = trust_revoke(child, &child->self, &first, 1, 2);
    struct stored back = trust_revoke(child, &child->self, &letter.ref, 1, 3);
    take_stored(scene, child, &erasure);
    take_stored(scene, child, &cut);
    take_stored(scene, child, &back);
    struct scene_item *evidence = item_new(scene);
    evidence->item = forged_item(&forged, PERSIST_FORK);
    evidence->item.entry.header = kept(evidence, 0, evidence->item.entry.header);
    evidence->item.entry.signature = kept(evidence, 1, evidence->item.entry.signature);
    forged_free(&forged);
    offices_close(offices);
}

static enum status hear_erasure(struct scene *scene, struct store *store, const char *dir) {
    (void)dir;
    return store_persist(store, &scene->items[0].item, 1);
}

static enum status hear_cut(struct scene *scene, struct store *store, const char *dir) {
    (void)dir;
    return store_persist(store, &scene->items[1].item, 1);
}

static enum status hear_back(struct scene *scene, struct store *store, const char *dir) {
    (void)dir;
    return store_persist(store, &scene->items[2].item, 1);
}

static enum status hear_branch(struct scene *scene, struct store *store, const char *dir) {
    (void)dir;
    return store_persist(store, &scene->items[3].item, 1);
}

static const struct scenario trusting = {
    .name = "trust", .prepare = prepare_trust, .steps = {hear_erasure, hear_cut, hear_back}, .opens = true, .repeats = true};
static const struct scenario branching = {.name = "branch", .prepare = prepare_trust, .steps = {hear_branch}, .opens = true, .repeats = true};

/* ---- import: a sheet ---- */

enum { SHEET_ROWS = 60 };

static enum status import_sheet(struct scene *scene, struct store *store, const char *dir) {
    (void)scene, (void)dir;
    json_t *begun = ask(store, "import.begin", ask_json("{'form':'f','columns':['a','b'],'on_behalf':true,'reason':'sổ giấy'}"));
    const char *import = json_string_value(member_of(begun, "result.import"));
    if (import == NULL)
        return answered(begun);
    json_t *rows = json_array();
    for (int i = 0; i < SHEET_ROWS; i++) {
        char period[16], value[16];
        (void)snprintf(period, sizeof period, "%d-%02d", 2020 + i / 24, 1 + i / 2 % 12);
        (void)snprintf(value, sizeof value, "%d", 100 + i);
        json_t *row = json_pack("[i, s, s, n, [{s:s, s:s}, n]]", i + 2, i % 2 == 0 ? "02" : "03", period, "state", "value", "value", value);
        assert_int_equal(json_array_append_new(rows, row), 0);
    }
    enum status status = answered(ask(store, "import.rows", json_pack("{s:s, s:o}", "import", import, "rows", rows)));
    if (status == STATUS_OK) {
        char args[80];
        (void)snprintf(args, sizeof args, "{'import':'%s'}", import);
        status = request(store, "import-1", "import.commit", args);
    }
    json_decref(begun);
    return status;
}

static enum status import_units(struct scene *scene, struct store *store, const char *dir) {
    (void)scene, (void)dir;
    return request(store, "import-2", "unit.import",
                   "{'rows':[[2,'05','00','1','Nghệ An'],[3,'0501','05','2','Vinh'],[4,'0502','05','2','Cửa Lò'],[5,'050101','0501','3','Hưng Dũng']]}");
}

static const struct scenario import = {.name = "import", .prepare = prepare_append, .steps = {import_sheet, import_units}, .opens = true, .repeats = true};

/* ---- receipt: one is made, one comes ---- */

static bool take_receipt(void *arg, const struct receipt *receipt, const struct signed_receipt *bytes) {
    struct scene *scene = arg;
    struct scene_item *item = item_new(scene);
    item->item = (struct persist){.kind = PERSIST_RECEIPT, .log = receipt->log, .receipt = *receipt, .direct = true};
    item->item.receipt_bytes.receipt = kept(item, 0, bytes->receipt);
    memcpy(item->item.receipt_bytes.signature, bytes->signature, sizeof bytes->signature);
    return true;
}

/* The child has written; the root writes something new to it, and has received what the child wrote. */
static void prepare_receipt(struct scene *scene) {
    struct offices *offices = offices_make(scene, "/other/hoi", SCENE_DIR("base"));
    ask_done(offices->child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("7") "}}");
    struct stored report = offices_document(offices->child, LOG_REPORT, &offices->root->unit, "Báo cáo", 1);
    struct stored directive = offices_rename(offices->root, "Trung ương Hội");
    take_entry(scene, offices->root, &directive.ref.log, directive.ref.seq);
    carry_log(offices->child, offices->root, &report.ref.log);
    struct replica replica;
    store_replica(offices->root, &replica);
    assert_int_equal(replica.ops->each_receipt(replica.ctx, &offices->unit, &report.ref.log, take_receipt, scene), STATUS_OK);
    assert_int_equal(scene->item_count, 2);
    offices_close(offices);
}

static enum status make_receipt(struct scene *scene, struct store *store, const char *dir) {
    (void)dir;
    return store_persist(store, &scene->items[0].item, 1);
}

static enum status take_receipts(struct scene *scene, struct store *store, const char *dir) {
    (void)dir;
    return store_persist(store, &scene->items[1].item, 1);
}

static const struct scenario receipts = {.name = "receipt", .prepare = prepare_receipt, .steps = {make_receipt, take_receipts}, .opens = true, .repeats = true};

/* ---- rebuild: all views anew ---- */

static void prepare_rebuild(struct scene *scene) {
    struct offices *offices = offices_make(scene, SCENE_DIR("base"), "/other/hoi");
    ask_done(offices->child, "put", "{'form':'f','period':'2025-06','cells':{'a':" VALUE("7") "}}");
    ask_done(offices->root, "put", "{'form':'f','period':'2025-06','unit':'02','on_behalf':true,'cells':{'a':" VALUE("9") "}}");
    struct stored report = offices_document(offices->child, LOG_REPORT, &offices->root->unit, "Báo cáo", 1);
    carry_log(offices->child, offices->root, &report.ref.log);
    offices_close(offices);
}

/* With a change first that shows which step it is. */
static enum status change_before(struct scene *scene, struct store *store, const char *dir) {
    (void)scene, (void)dir;
    return request(store, "rebuild-put", "put",
                   "{'form':'f','period':'2025-06','unit':'02','on_behalf':true,'reason':'đếm lại','cells':{'a':" VALUE("10") "}}");
}

static enum status rebuild(struct scene *scene, struct store *store, const char *dir) {
    (void)scene, (void)dir;
    return answered(ask(store, "rebuild", json_object()));
}

static const struct scenario rebuilding = {.name = "rebuild", .prepare = prepare_rebuild, .steps = {change_before, rebuild}, .opens = true, .repeats = true};

/* ---- founding and joining: keys and databases are made ---- */

static void prepare_nothing(struct scene *scene) {
    (void)scene;
}

static enum status found(struct scene *scene, struct store *store, const char *dir) {
    (void)scene, (void)store;
    const struct store_founding founding = {.name = "Hội thử", .unit_code = "00", .unit_name = "Trung ương", .level = 1, .practice = true};
    enum status status = store_found(dir, &founding);
    return status == STATUS_STORE_EXISTS ? STATUS_OK : status; /* by a process that was killed before it could say so: then it opens */
}

static const struct scenario founding = {.name = "found", .prepare = prepare_nothing, .steps = {found}};

/* Another child joins with the keys that the first step will make, and its answer is kept. */
static void prepare_join(struct scene *scene) {
    struct offices *offices = &scene->offices;
    struct buffer core = offices_buffer();
    (void)disk_new("/other");
    (void)disk_new("/first");
    (void)snprintf(offices->root_dir, sizeof offices->root_dir, "/other/hoi");
    (void)snprintf(offices->child_dir, sizeof offices->child_dir, "/first/hoi");
    scratch_found(offices->root_dir);
    offices->root = scratch_open(offices->root_dir);
    (void)disk_random(SCENE_RANDOM);
    offices_join(offices);
    offices->child = scratch_open(offices->child_dir);
    scene->keys = *offices->child->keys;
    assert_int_equal(store_meta(offices->child->db, "core", &core), STATUS_OK);
    assert_int_equal(buffer_append(&scene->joined_bytes[0], core.data, core.len), STATUS_OK);
    assert_int_equal(buffer_append(&scene->joined_bytes[1], offices->root->founding_bytes.data, offices->root->founding_bytes.len), STATUS_OK);
    const struct buffer *statement = &scene->joined_bytes[1];
    scene->joined = (struct joined){.statement = bytes_of(statement->data, statement->len - 64),
                                    .core = buffer_bytes(&scene->joined_bytes[0]),
                                    .line = {1, {offices->root->unit}},
                                    .root = {.log = {.node = offices->root->self, .kind = LOG_DIRECTIVE}, .seq = 1}};
    memcpy(scene->joined.signature, statement->data + statement->len - 64, 64);
    static const char address[] = "tcp://10.0.0.1:5555";
    scene->token = (struct token){.secret = {7}, .address_count = 1, .addresses = {bytes_of(address, sizeof address - 1)}};
    const struct token_terms terms = {
        .association = offices->root->founding.association, .inviter = offices->root->self, .unit = offices->unit, .root = scene->joined.root};
    assert_int_equal(token_bond(scene->token.bond, &scene->token, &terms), STATUS_OK);
    buffer_fini(&core);
    offices_close(offices);
}

static enum status join_keys(struct scene *scene, struct store *store, const char *dir) {
    (void)store;
    struct node_keys keys;
    enum status status = store_join_keys(dir, &keys);
    if (status == STATUS_OK)
        assert_memory_equal(keys.signing_public, scene->keys.signing_public, sizeof keys.signing_public);
    return status;
}

static enum status join(struct scene *scene, struct store *store, const char *dir) {
    (void)store;
    enum status status = store_join(dir, &scene->keys, &scene->token, &scene->joined);
    return status == STATUS_ALREADY_JOINED ? STATUS_OK : status; /* by a process that was killed before it could say so: as good as done */
}

static const struct scenario joining = {.name = "join", .prepare = prepare_join, .steps = {join_keys, join}, .repeats = true};

/* ---- migrate: an older version's store ---- */

static void prepare_migrate(struct scene *scene) {
    (void)scene;
    older_store_make(SCENE_DIR("base"), 0);
}

/* The store is open, and so of this version; what it goes on with shows that it is the same office. */
static enum status put_after(struct scene *scene, struct store *store, const char *dir) {
    (void)scene, (void)dir;
    return request(store, "migrate-put", "put",
                   "{'form':'f','period':'2025-06','unit':'02','on_behalf':true,'cells':{'a':" VALUE("7") ",'b':" VALUE("bảy") "}}");
}

static const struct scenario migrating = {.name = "migrate", .prepare = prepare_migrate, .steps = {put_after}, .opens = true, .repeats = true};

const struct scenario *const scenarios[] = {&append, &apply, &trusting, &branching, &import, &receipts, &rebuilding, &founding, &joining, &migrating, NULL};
