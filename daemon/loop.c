#include "daemon/loop.h"

#include "daemon/control.h"
#include "daemon/logger.h"
#include "daemon/notify.h"
#include "store/os.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    ONCE_LOCK_WAIT_MS = 5000, /* somebody waits at the keyboard */
    LOCK_WAIT_MS = 30 * 1000, /* the tool holds the store for a request at a time */
    START_DELAY_MS = 1000,    /* when power returns to a district, its communes do not dial in the same instant */
    EVENTS_AT_ONCE = 256,     /* of the wire in a round: requests and timers have their turn after so many */
    EVENTS_MS = 200,          /* or after so long: some messages cost much more to answer than to send */
    IDLE_MS = 5000,           /* so long without a change, and the store tidies up */
    ONCE_LOOK_MS = 1000,      /* with --once: how often a silent exchange is looked at */
    FDS_OWN = 3,              /* signals, traffic of children, traffic of the uplink */
    WAIT_MS_MAX = 60 * 60 * 1000,
    PATH_BYTES = 1100
};

struct loop {
    const struct loop_options *options;
    struct store *store;
    struct link *link;
    struct driver driver;
    struct uplink uplink;
    struct downlink *downlink;
    struct service service;
    struct control *control;
    int signals;
    long holder; /* of the store, where somebody else has it */
    bool stopping;
    int64_t alive_ms;      /* when systemd wants to hear from us next */
    uint64_t idle_version; /* of the store, when it last changed */
    int64_t idle_ms;       /* when it tidies up, unless it changes before */
    char bound[LINK_ADDRESS_BYTES], listen_path[PATH_BYTES];
};

/* ---- start ---- */

static bool admit(void *arg, const uint8_t key[32]) {
    struct loop *loop = arg;
    return loop->downlink != NULL && downlink_admit(loop->downlink, key);
}

static enum status open_store(struct loop *loop) {
    enum status status = store_open(&loop->store, loop->options->dir, loop->options->once ? ONCE_LOCK_WAIT_MS : LOCK_WAIT_MS, &loop->holder);
    if (status == STATUS_STORE_LOCKED) {
        logger_line(LOGGER_ERROR, "store_locked", "holder=%ld", loop->holder);
    }
    return status;
}

static enum status open_link(struct loop *loop) {
    const struct node_keys *keys = store_keys(loop->store);
    const char *metered;
    enum status status = store_config(loop->store, "metered", &metered);
    if (status != STATUS_OK) {
        return status;
    }
    struct link_config config = {.transport_secret = keys->transport_secret,
                                 .transport_public = keys->transport_public,
                                 .metered = metered != NULL && strcmp(metered, "yes") == 0,
                                 .admit = admit,
                                 .admit_arg = loop};
    loop->driver = (struct driver){.store = loop->store};
    os_random(loop->driver.incarnation, sizeof loop->driver.incarnation);
    status = link_open(&loop->link, &config);
    loop->driver.link = loop->link;
    enum status begun = uplink_init(&loop->uplink, &loop->driver, loop->options->uplink, loop->options->once ? 0 : START_DELAY_MS, os_monotonic_ms());
    return status == STATUS_OK ? begun : status;
}

static enum status open_downlink(struct loop *loop) {
    const char *address = loop->options->listen;
    enum status status = address != NULL ? STATUS_OK : store_config(loop->store, "listen", &address);
    if (status != STATUS_OK) {
        return status;
    }
    snprintf(loop->listen_path, sizeof loop->listen_path, "%s/listen", loop->options->dir);
    os_file_remove(loop->listen_path);
    if (loop->options->once) {
        return STATUS_OK;
    }
    if (address == NULL || address[0] == 0) {
        size_t children = store_children(loop->store);
        if (children > 0) { /* nobody of them gets through, and nothing else here would show it */
            logger_line(LOGGER_WARN, "not_listening", "children=%zu", children);
        }
        return STATUS_OK;
    }
    status = downlink_open(&loop->downlink, &loop->driver, loop->options->connections_max);
    if (status == STATUS_OK) {
        status = link_listen(loop->link, address, loop->bound);
    }
    if (status != STATUS_OK) {
        logger_line(LOGGER_ERROR, "listen_failed", "address=%s status=%s", logger_safe(address).text, status_name(status));
        return status;
    }
    logger_line(LOGGER_INFO, "listening", "address=%s", logger_safe(loop->bound).text);
    return STATUS_OK;
}

static enum status open_control(struct loop *loop) {
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/control.sock", loop->options->dir);
    loop->service = (struct service){.store = loop->store, .uplink = &loop->uplink, .downlink = loop->downlink, .bound = loop->bound};
    enum status status = control_open(&loop->control, &loop->service, path);
    const char *runtime = getenv("RUNTIME_DIRECTORY"); /* the service manager made it: this is an installed service, whose people have a group */
    if (status != STATUS_OK || runtime == NULL || runtime[0] != '/') {
        return status;
    }
    snprintf(path, sizeof path, "%.*s/control.sock", (int)strcspn(runtime, ":"), runtime);
    status = control_share(loop->control, path, "hoi");
    if (status != STATUS_OK) {
        logger_line(LOGGER_WARN, "control_not_shared", "path=%s status=%s", logger_safe(path).text, status_name(status));
    }
    return STATUS_OK;
}

/* Writes DIR/listen, the address as it became, for whoever starts a daemon on a port that the system chooses. Last of all: once the file is there, everything
 * is. */
static enum status tell_address(struct loop *loop) {
    char text[LINK_ADDRESS_BYTES + 1];
    int len = snprintf(text, sizeof text, "%s\n", loop->bound);
    return loop->bound[0] == 0 ? STATUS_OK : os_file_replace(loop->listen_path, bytes_of(text, (size_t)len), false);
}

static enum status open_signals(struct loop *loop) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    /* Blocked before libzmq begins its threads, which take the mask over. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || sigprocmask(SIG_BLOCK, &set, NULL) != 0) {
        return STATUS_INTERNAL;
    }
    loop->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return loop->signals < 0 ? STATUS_INTERNAL : STATUS_OK;
}

static enum status start(struct loop *loop) {
    enum status (*const steps[])(struct loop *) = {open_signals, open_store, open_link, open_downlink, open_control, tell_address};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        enum status status = steps[i](loop);
        if (status != STATUS_OK) {
            logger_line(LOGGER_ERROR, "start_failed", "status=%s number=%d", status_name(status), (int)status);
            return status;
        }
    }
    return STATUS_OK;
}

static void stop(struct loop *loop) {
    notify_state("STOPPING=1");
    if (loop->control != NULL) {
        control_close(loop->control);
    }
    if (loop->link != NULL) {
        if (loop->driver.fatal == STATUS_OK) {
            uplink_stop(&loop->uplink, os_monotonic_ms());
        }
        driver_drop(&loop->driver, &loop->uplink.peer);
        downlink_close(loop->downlink);
        loop->downlink = NULL; /* from here on nobody is admitted */
        link_close(loop->link);
    }
    if (loop->bound[0] != 0) {
        os_file_remove(loop->listen_path);
    }
    uplink_close(&loop->uplink);
    store_close(loop->store);
    if (loop->signals >= 0) {
        close(loop->signals);
    }
}

/* ---- the loop ---- */

static void take_signals(struct loop *loop, int64_t now_ms) {
    struct signalfd_siginfo info;
    while (read(loop->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            (void)!uplink_wake(&loop->uplink, now_ms);
        } else {
            loop->stopping = true;
        }
    }
}

static bool is_uplink(enum link_event_kind kind) {
    return kind <= LINK_UPLINK_MESSAGE;
}

static void take_events(struct loop *loop) {
    struct link_event event;
    int64_t now_ms = os_monotonic_ms(), end_ms = now_ms + EVENTS_MS;
    for (int i = 0; i < EVENTS_AT_ONCE && now_ms < end_ms && loop->driver.fatal == STATUS_OK && link_next(loop->link, &event); i++) {
        if (is_uplink(event.kind)) {
            uplink_event(&loop->uplink, &event, now_ms);
        } else if (loop->downlink != NULL) {
            downlink_event(loop->downlink, &event, now_ms);
        }
        now_ms = os_monotonic_ms();
    }
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The store's housekeeping, once after every spell of changes, when nothing has changed for a while. */
static int64_t take_idle(struct loop *loop, int64_t now_ms) {
    uint64_t version = store_version(loop->store);
    if (version != loop->idle_version) {
        loop->idle_version = version;
        loop->idle_ms = now_ms + IDLE_MS;
    }
    if (now_ms >= loop->idle_ms) {
        (void)store_idle(loop->store); /* tried again after the next change */
        loop->idle_ms = INT64_MAX;
    }
    return loop->idle_ms;
}

/* Everything that is due by time or because the store has changed; when the next is. */
static int64_t take_time(struct loop *loop) {
    int64_t now_ms = os_monotonic_ms();
    uplink_changed(&loop->uplink, now_ms);
    int64_t due = uplink_tick(&loop->uplink, now_ms);
    if (loop->downlink != NULL) {
        due = earlier(due, downlink_tick(loop->downlink, now_ms));
    }
    due = earlier(due, control_tick(loop->control, now_ms));
    due = earlier(due, take_idle(loop, now_ms));
    if (notify_watchdog_ms() > 0) {
        if (now_ms >= loop->alive_ms) {
            notify_state("WATCHDOG=1");
            loop->alive_ms = now_ms + notify_watchdog_ms();
        }
        due = earlier(due, loop->alive_ms);
    }
    return due;
}

static void turn(struct loop *loop, int64_t due_ms) {
    struct pollfd fds[FDS_OWN + CONTROL_FDS_MAX];
    fds[0] = (struct pollfd){.fd = loop->signals, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = loop->downlink == NULL ? -1 : downlink_traffic_fd(loop->downlink), .events = POLLIN};
    fds[2] = (struct pollfd){.fd = uplink_traffic_fd(&loop->uplink), .events = POLLIN};
    size_t count = FDS_OWN + control_fds(loop->control, fds + FDS_OWN);
    int64_t wait_ms = due_ms == INT64_MAX ? -1 : due_ms - os_monotonic_ms();
    wait_ms = wait_ms < -1 || (wait_ms < 0 && due_ms != INT64_MAX) ? 0 : wait_ms > WAIT_MS_MAX ? WAIT_MS_MAX : wait_ms;
    link_wait(loop->link, fds, count, wait_ms);
    int64_t now_ms = os_monotonic_ms();
    take_signals(loop, now_ms);
    take_events(loop);
    if (fds[1].revents != 0) {
        downlink_traffic(loop->downlink, now_ms);
    }
    if (fds[2].revents != 0) {
        uplink_traffic(&loop->uplink, now_ms);
    }
    control_serve(loop->control, fds + FDS_OWN, count - FDS_OWN, now_ms);
}

/* Also what a request, an enrolment or the housekeeping came upon: this process would answer every figure with an error from now on. */
static void look_at_store(struct loop *loop) {
    enum status failed = store_failed(loop->store);
    if (failed != STATUS_OK && loop->driver.fatal == STATUS_OK) {
        logger_line(LOGGER_ERROR, "store_failed", "status=%s number=%d", status_name(failed), (int)failed);
        loop->driver.fatal = failed;
    }
}

static void run(struct loop *loop) {
    notify_state("READY=1");
    logger_line(LOGGER_INFO, "ready", "version=%s pid=%ld", HOI_VERSION, (long)getpid());
    while (!loop->stopping && !loop->service.stop && loop->driver.fatal == STATUS_OK) {
        turn(loop, take_time(loop));
        look_at_store(loop);
    }
    logger_line(LOGGER_INFO, "stopping", "reason=%s", loop->driver.fatal != STATUS_OK ? status_name(loop->driver.fatal) : "asked");
}

/* Until everything written before is stored above and nothing is left to fetch, or the time is over. */
static enum status run_once(struct loop *loop) {
    struct store_progress progress = {0};
    int64_t end_ms = os_monotonic_ms() + loop->options->wait_s * 1000;
    enum status status = store_progress(loop->store, &progress);
    if (status == STATUS_OK) {
        status = uplink_wake(&loop->uplink, os_monotonic_ms());
    }
    uint64_t written = progress.written;
    while (status == STATUS_OK && !loop->stopping && !loop->service.stop && loop->driver.fatal == STATUS_OK) {
        turn(loop, earlier(take_time(loop), earlier(end_ms, os_monotonic_ms() + ONCE_LOOK_MS)));
        uplink_watch(&loop->uplink, os_monotonic_ms());
        if (uplink_in_step(&loop->uplink) && service_in_step(&loop->service, written, &progress)) {
            logger_line(LOGGER_INFO, "in_step", "written=%llu", (unsigned long long)written);
            return STATUS_OK;
        }
        if (os_monotonic_ms() >= end_ms) {
            status = STATUS_TIMEOUT;
        }
    }
    return loop->driver.fatal != STATUS_OK ? loop->driver.fatal : status == STATUS_OK ? STATUS_TIMEOUT : status;
}

/* For the tool that started us: it has the words for people. */
static void say_refusal(const struct loop *loop, enum status status) {
    json_t *args = json_object();
    if (status == STATUS_STORE_LOCKED) {
        (void)json_object_set_new(args, "holder", json_integer(loop->holder));
    } else if (status == STATUS_TIMEOUT) {
        (void)json_object_set_new(args, "wait", json_integer(loop->options->wait_s));
    }
    json_t *refusal = service_refusal(status, args);
    char *text = refusal == NULL ? NULL : json_dumps(refusal, JSON_COMPACT);
    fprintf(stderr, "%s\n", text != NULL ? text : "{}");
    free(text);
    json_decref(refusal);
}

int loop_run(const struct loop_options *options) {
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return status_exit(STATUS_NO_MEMORY);
    }
    loop->options = options;
    loop->signals = -1;
    notify_open();
    enum status status = start(loop);
    if (status == STATUS_OK && options->once) {
        status = run_once(loop);
    } else if (status == STATUS_OK) {
        run(loop);
        status = loop->driver.fatal;
    }
    if (status != STATUS_OK && options->once) {
        say_refusal(loop, status);
    }
    stop(loop);
    free(loop);
    return status_exit(status);
}
