/* The simulator: offices in RAM, virtual time, one process, one seed. The engine under test is the one that the daemon drives, in the order persist, commit,
 * send.
 *
 *   main.c    command line, statistics        world.c    offices, the ledger of all that was ever written
 *   drive.c   sessions, lines, faults of both work.c     what people do: entries of all kinds, new units and offices, restores
 *   queue.c   events in virtual time          oracle.c   what must hold after every step, and at the end */
#ifndef SIM_H
#define SIM_H

#include "protocol/session.h"
#include "tests/sim/ram_build.h"

enum { OFFICES_MAX = 9, TRACE_TEXT = 256 };

/* What a seed may switch on, and what is counted. */
enum feature {
    FAULT_DROP,
    FAULT_DUPLICATE,
    FAULT_REORDER,
    FAULT_DELAY,
    FAULT_PARTITION,
    FAULT_STALL,
    FAULT_CRASH,
    FAULT_CRASH_BEFORE_PERSIST,
    FAULT_CRASH_BEFORE_SEND,
    FAULT_DISK,
    FAULT_FORGERY,
    FAULT_RESTORE,
    FAULT_CLONE,
    FAULTS,
    EVENT_RECORD = FAULTS,
    EVENT_LARGE,
    EVENT_LIMITED_REACH,
    EVENT_DOCUMENT,
    EVENT_CORRECTION,
    EVENT_LARGE_CONTROL,
    EVENT_UNIT,
    EVENT_SECOND_NODE,
    EVENT_RESUME,
    EVENT_REFUSED,
    EVENT_BUCKETS,
    FEATURES
};
extern const char *const feature_names[FEATURES];

/* One entry as its author wrote it. */
struct written {
    struct log_id log;
    uint64_t seq;
    struct hash hash;
    struct buffer header, body;
    struct body_facts facts;
    unsigned author;
    bool lost, body_lost; /* a restore took the only copy */
};

struct office {
    struct ram_replica ram, backup;
    bool up, has_backup, restored, cloned, admits;
    struct node_keys keys;
    struct epoch epochs[LOG_DIRECTIVE + 1];
    uint32_t window, message_max;
    uint64_t starts;
};

/* What one side of a connection has sent, for judging the other side's progress. */
struct shipped {
    uint64_t mark;
    struct log_id log;
    uint64_t seq;
    struct hash hash;
    bool entry;
};
struct side {
    unsigned office;
    struct session *session;
    int64_t tick_at, delivered_at, stalled_until;
    uint64_t sent, progressed;
    struct shipped *shipped;
    size_t shipped_count, shipped_capacity;
    struct log_id *refused; /* by this side */
    size_t refused_count, refused_capacity;
    uint64_t messages, bytes;
};
struct link {
    struct side sides[2]; /* the dialling one first */
    bool up;
    bool hostile;     /* what was sent in this connection is not what came */
    bool stood_still; /* and it was silent for a while */
    uint64_t generation;
    int64_t latency_ms, cut_until;
    uint64_t rate; /* bytes a second */
};

enum event_kind { EVENT_DELIVER, EVENT_TICK, EVENT_DIAL, EVENT_RESTART, EVENT_WORK, EVENT_FAULT, EVENT_CHECK };
struct event {
    int64_t at;
    uint64_t order, generation;
    uint8_t kind, side;
    unsigned place; /* link or office */
    struct buffer message;
};

struct world {
    uint64_t seed, order, messages, hash;
    struct random random;
    bool tracing, failed;
    bool calm;      /* faults and work have stopped */
    bool many_logs; /* offices begin new epochs for no reason: more logs than vectors go without digests of buckets */
    char failure[TRACE_TEXT];
    int64_t now;
    struct event *events;
    size_t event_count, event_capacity;
    uint32_t faults;   /* switched on */
    uint32_t happened; /* seen: bit set of enum feature */
    struct founding founding;
    struct buffer statement;
    struct ram_tree truth;
    struct office offices[OFFICES_MAX];
    size_t office_count, office_limit;
    struct link links[OFFICES_MAX];
    size_t link_count;
    struct written *ledger;
    size_t written_count, written_capacity;
    struct header *header;
};

/* ---- world.c ---- */
void world_init(struct world *world, uint64_t seed, bool tracing);
void world_fini(struct world *world);
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool world_fault(struct world *world, enum feature fault, unsigned permille); /* does it happen now? */
void world_happened(struct world *world, enum feature feature);
const struct unit_id *world_unit(const struct world *world, unsigned office);
/* The office that `inviter` has just admitted: a replica with nothing but its line, and a line to the inviter. */
void world_join(struct world *world, unsigned inviter, const struct newcomer *newcomer);
struct written *world_written(struct world *world, const struct log_id *log, uint64_t seq, const struct hash *hash);
void world_write(struct world *world, unsigned office, const struct ram_draft *draft); /* appends, and notes it in the ledger */
void world_name(const struct world *world, const struct log_id *log, char out[32]);

/* ---- queue.c ---- */
void queue_add(struct world *world, struct event event, int64_t at);
bool queue_take(struct world *world, struct event *out);

/* ---- drive.c ---- */
void drive_dial(struct world *world, unsigned link);
void drive_drop(struct world *world, unsigned link);
void drive_crash(struct world *world, unsigned office, int64_t down_ms);
void drive_event(struct world *world, struct event *event);
void drive_changed(struct world *world, unsigned office, unsigned except_link); /* tells the office's sessions; OFFICES_MAX: all */

/* ---- work.c ---- */
void work_begin(struct world *world);
void work_once(struct world *world);
void work_fault(struct world *world);

/* ---- oracle.c ---- */
void oracle_sent(struct world *world, unsigned link, unsigned side, struct bytes message);
void oracle_persisted(struct world *world, unsigned office, const struct persist *items, size_t count);
bool oracle_converged(struct world *world, bool complain);
void oracle_whole(struct world *world); /* every chain in every office */

#endif
