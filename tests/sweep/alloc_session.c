/* A whole session between two offices over their stores while memory runs out: it closes, or comes into step; what became durable stands, and the next session
 * brings the rest. */
#include "tests/sweep/alloc_sweep.h"
#include "tests/sweep/alloc_world.h"
#include "tests/unit/store_ask.h"

#include "protocol/session.h"

enum { QUEUE_MAX = 64, TRIES_A_COPY = 24, STEP_MS = 100, TEXT_BYTES = 3000 };

/* One side of the link. */
struct side {
    char dir[SCRATCH_PATH];
    struct store *store;
    struct session *session;
    struct buffer queue[QUEUE_MAX]; /* on the way to it */
    size_t first, count;
    bool closed;
    enum status reason;
};
struct link {
    const struct alloc_world *world;
    struct side sides[2]; /* the child, which dials; the root */
    int64_t now;
    unsigned tries, written;
};

/* ---- a link ---- */

static void queue(struct side *to, struct bytes message) {
    alloc_pause(); /* the network's own */
    if (to->count == 0)
        to->first = 0;
    assert_true(to->first + to->count < QUEUE_MAX);
    struct buffer *copy = &to->queue[to->first + to->count++];
    buffer_init(copy, MESSAGE_BYTES_MAX);
    assert_int_equal(buffer_append(copy, message.data, message.len), STATUS_OK);
    alloc_resume();
}

/* The driver's duty (protocol/session.h), as daemon/driver.c does it: what cannot be persisted ends the session. */
static void step(struct link *link, size_t which, struct session_event event) {
    struct side *side = &link->sides[which];
    struct session_output output;
    event.now_ms = link->now += STEP_MS;
    session_step(side->session, &event, &output);
    while (output.persist_count > 0) {
        event = (struct session_event){.kind = SESSION_PERSISTED, .now_ms = link->now};
        event.status = store_persist(side->store, output.persist, output.persist_count);
        session_step(side->session, &event, &output);
        if (event.status != STATUS_OK) {
            side->closed = true;
            side->reason = event.status;
            return;
        }
    }
    for (size_t i = 0; i < output.send_count; i++)
        queue(&link->sides[1 - which], output.send[i]);
    side->closed = output.closed;
    side->reason = output.reason;
}

static void disconnect(struct link *link) {
    for (size_t i = 0; i < 2; i++) {
        struct side *side = &link->sides[i];
        session_free(side->session);
        side->session = NULL;
        for (; side->count > 0; side->count--)
            buffer_fini(&side->queue[side->first++]);
    }
}

static enum status connect_both(struct link *link) {
    for (size_t i = 0; i < 2; i++) {
        struct store *other = link->sides[1 - i].store;
        struct session_config config = {.peer = other->self, .peer_unit = other->unit, .dials = i == 0, .incarnation = {(uint8_t)(i + 1)}};
        store_replica(link->sides[i].store, &config.replica);
        link->sides[i].closed = false;
        link->sides[i].reason = STATUS_OK;
        enum status status = session_open(&link->sides[i].session, &config);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Until both have nothing more to say, or one has closed. */
static enum status talk(struct link *link) {
    enum status status = connect_both(link);
    for (size_t i = 2; status == STATUS_OK && i-- > 0;)
        step(link, i, (struct session_event){.kind = SESSION_START});
    for (bool any = true; status == STATUS_OK && any;) {
        any = false;
        for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
            struct side *side = &link->sides[i];
            if (side->count > 0 && !side->closed) {
                struct buffer message = side->queue[side->first++];
                side->count--;
                step(link, i, (struct session_event){.kind = SESSION_MESSAGE, .message = buffer_bytes(&message)});
                alloc_pause();
                buffer_fini(&message);
                alloc_resume();
                any = true;
            }
            status = side->closed ? side->reason : status;
        }
    }
    return status;
}

/* ---- what is tried ---- */

static void begin(void *ctx) {
    struct link *link = ctx;
    for (size_t i = 0; i < 2; i++) {
        world_copy(i == 0 ? link->world->child : link->world->root, link->sides[i].dir);
        link->sides[i].store = scratch_open(link->sides[i].dir);
    }
    assert_int_equal(talk(link), STATUS_OK);
    disconnect(link);
    link->tries = 0;
}

/* Something new on both sides, long enough to be compressed. */
static void write_news(struct link *link) {
    static char args[TEXT_BYTES + 200];
    char text[TEXT_BYTES];
    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = (char)('a' + (i * i + link->written) % 26);
    text[sizeof text - 1] = '\0';
    link->written++;
    (void)snprintf(args, sizeof args, "{'form':'f','period':'2025-06','reason':'mới','cells':{'a':{'state':'value','value':'%u'}}}", link->written);
    ask_done(link->sides[0].store, "put", args);
    (void)snprintf(args, sizeof args, "{'to':'01','title':'Số %u','text':'%s'}", link->written, text);
    ask_done(link->sides[1].store, "send", args);
}

static enum status act(void *ctx) {
    struct link *link = ctx;
    alloc_pause();
    write_news(link);
    alloc_resume();
    return talk(link);
}

static bool in_step(const struct link *link) {
    return session_in_step(link->sides[0].session) && session_in_step(link->sides[1].session);
}

static char *digest_for_both(struct store *store) {
    json_t *response = world_ask(store, "digest", "{'unit':'01','with':'00'}", false);
    char *text = json_dumps(response, JSON_COMPACT);
    json_decref(response);
    return text;
}

/* Whatever became of the session, the next one with memory comes into step, and both sides say the same. */
static bool judge(void *ctx, enum status status, const struct alloc_count *count) {
    struct link *link = ctx;
    (void)count;
    sweep_expect(status == STATUS_OK || status == STATUS_NO_MEMORY, "the session ended with %s", status_name(status));
    if (status == STATUS_OK)
        sweep_expect(in_step(link), "the session is quiet and not in step");
    disconnect(link);
    status = talk(link);
    sweep_expect(status == STATUS_OK && in_step(link), "the next session ends with %s", status_name(status));
    disconnect(link);
    char *digests[2];
    for (size_t i = 0; i < 2; i++) {
        ask_done(link->sides[i].store, "config", "{'key':'metered','value':'yes'}"); /* what could not be applied before is now */
        digests[i] = digest_for_both(link->sides[i].store);
        sweep_expect(link->sides[i].store->apply_status == STATUS_OK, "not applied: %s", status_name(link->sides[i].store->apply_status));
    }
    sweep_expect_text(digests[0], digests[1], "the digests");
    free(digests[0]);
    free(digests[1]);
    return ++link->tries < TRIES_A_COPY;
}

static void end(void *ctx) {
    struct link *link = ctx;
    for (size_t i = 0; i < 2; i++) {
        struct side *side = &link->sides[i];
        sweep_expect(world_sound(side->store), "check finds something");
        store_close(side->store);
    }
}

static void cool(void *ctx) {
    struct link *link = ctx;
    world_cool(link->sides[0].store);
    world_cool(link->sides[1].store);
}

static void sessions(void **state) {
    struct link link = {.world = *state, .now = 1000};
    struct sweep_subject subject = {.name = "session", .refused_min = 400, .begin = begin, .act = act, .judge = judge, .end = end, .ctx = &link};
    scratch_path(link.sides[0].dir, link.world->dir, "link-child");
    scratch_path(link.sides[1].dir, link.world->dir, "link-root");
    sweep_run(&subject);
    subject.name = "session (first time)";
    subject.cool = cool;
    alloc_short(true, false);
    sweep_run(&subject);
    alloc_short(false, false);
    assert_int_equal(sweep_wrong(), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {cmocka_unit_test(sessions)};
    alloc_begin();
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
