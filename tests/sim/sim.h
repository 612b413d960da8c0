/* The simulator: whole associations in virtual time, one process, one seed. Under test are the real engine and the real store, driven in the order of the
 * daemon (persist, commit, send); the disks below them (tests/disk), the lines between them and the people in front of them are simulated.
 *
 *   main.c       command line                         line.c           what happens to messages on the way
 *   seeds.c      many seeds, what happened in them,    work.c           what people ask for, office by office
 *                making a failure small                work_record.c    figures, sheets, corrections, forms
 *   run.c        one seed from beginning to end        work_outside.c   what no request allows: written with a node's own keys
 *   world.c      the world, clocks, the trace          fault.c          what befalls machines, disks and lines
 *   office.c     a node's process: start, end, calls   oracle.c         what must hold of everything sent and made durable
 *   join.c       how an office comes to be             oracle_store.c   what must hold of the stores, the last judgement
 *   ledger.c     all that was ever written, and        audit_compare.c  the stores against an independent auditor
 *                who holds what, kept outside the      drive.c          sessions and connections
 *                nodes                                 queue.c          events in virtual time */
#ifndef SIM_H
#define SIM_H

#include "protocol/session.h"
#include "store/store.h"
#include "tests/disk/disk.h"
#include "tests/sim/ram_tree.h"
#include "tests/sim/random.h"

enum { OFFICES_MAX = 9, TRACE_TEXT = 400, PATH_TEXT = 24 };

/* What a seed may switch on, and what is counted. */
enum feature {
    FAULT_DROP,
    FAULT_DUPLICATE,
    FAULT_REORDER,
    FAULT_DELAY,
    FAULT_PARTITION,
    FAULT_STALL,
    FAULT_KILL,            /* the process ends as by kill -9: what it wrote is there */
    FAULT_POWER,           /* the power goes between two steps: what was not synced may be there, torn, or not */
    FAULT_POWER_PERSIST,   /* before a session's items are made durable */
    FAULT_POWER_SEND,      /* after that, before the answer leaves */
    FAULT_POWER_OPERATION, /* at one of the disk's operations in the middle of a call */
    FAULT_DISK_FULL,
    FAULT_DISK_ERROR, /* reads, writes or syncs fail for a while */
    FAULT_CLOCK,
    FAULT_FORGERY,
    FAULT_RESTORE,
    FAULT_CLONE,
    FAULTS,
    EVENT_CRASH = FAULTS, /* any of the five above */
    EVENT_UNDECIDED,      /* a request whose answer nobody heard, asked again */
    EVENT_JOIN_AGAIN,     /* an enrolment broken off, tried again */
    EVENT_OUT_OF_SPACE,   /* something was refused for a full disk */
    EVENT_FATAL,          /* the store failed in a way that ends the process */
    EVENT_RECORD,
    EVENT_SHEET,
    EVENT_LARGE,
    EVENT_LIMITED_REACH,
    EVENT_DOCUMENT,
    EVENT_CORRECTION,
    EVENT_FORM,
    EVENT_LARGE_CONTROL,
    EVENT_UNIT,
    EVENT_SECOND_NODE,
    EVENT_OUTSIDE,
    EVENT_CONFLICT,
    EVENT_SET_ASIDE,
    EVENT_RESUME,
    EVENT_REFUSED,
    EVENT_BUCKETS,
    FEATURES
};
extern const char *const feature_names[FEATURES];
#define FEATURE(feature) (UINT64_C(1) << (feature))

/* A run is a function of these. */
struct options {
    uint64_t seed, until;            /* until: the step after which the run stops; 0: none */
    uint32_t faults;                 /* those that may be switched on */
    unsigned offices, jobs, minutes; /* at most; 0: as many as the seed says */
    bool tracing;
};
struct run {
    uint64_t hash, happened, step, messages, entries;
    int64_t converged_ms;
    bool failed, in_step, new_lines;
    char failure[TRACE_TEXT];
};

/* One entry as its author wrote it. */
struct written {
    struct log_id log;
    uint64_t seq;
    struct hash hash;
    struct buffer header, body;
    struct body_facts facts;
    unsigned author;
    bool acknowledged;    /* its author was told that it is written */
    bool lost, body_lost; /* a restore took the only copy */
};

/* What is known outside the nodes of what a node holds: what it has reported as durable, or has shown after a start. By place in the ledger. */
enum holding { HOLDS_NOTHING, HOLDS_HEADER, HOLDS_BODY };

enum clock_kind { CLOCK_TRUE, CLOCK_1970, CLOCK_AHEAD, CLOCK_SAWTOOTH, CLOCK_FROZEN, CLOCKS };

struct office {
    char dir[PATH_TEXT];
    struct disk *disk, *spare; /* spare: holds the backup */
    uint8_t *backup_held;      /* what the backup holds, as `held`, of the first backup_count of the ledger */
    size_t backup_count;
    struct store *store;     /* NULL: no process runs */
    bool enrolled, joined;   /* has an answer to its join; is a node that has been up */
    bool lossless;           /* the process was killed, the PC goes on */
    bool sick;               /* an operation of its disk has failed since its process began */
    bool trouble;            /* its disk may give errors just now, or be full */
    struct disk_fault fault; /* in which way */
    bool restored, cloned, admits;
    bool forgetful; /* restored, and its logs have not gone on in new epochs yet */
    bool patient;   /* its driver leaves a session open when the disk did not take its items */
    struct node_keys keys;
    struct node_id self;
    struct unit_id unit;
    enum clock_kind clock;
    int64_t clock_frozen;
    uint32_t window, message_max;
    uint64_t starts;
    uint64_t version, views; /* of the store and its views, when its sessions were last told of a change */
    uint8_t *held;           /* enum holding, written_capacity of them */
    int64_t last_entry;      /* the row up to which own entries are in the ledger */
    json_t *undecided;       /* a request that the power cut off */
    unsigned inviter;
    char *token; /* of an office that is about to join */
    bool keys_made;
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
    struct unit_id peer_unit;
    int64_t tick_at, delivered_at, stalled_until;
    uint64_t sent, progressed;
    struct shipped *shipped;
    size_t shipped_count, shipped_capacity;
    struct log_id *refused; /* by this side */
    size_t refused_count, refused_capacity;
    struct receipt *heard; /* that came to this side */
    size_t heard_count, heard_capacity;
    uint64_t messages, bytes;
};
struct link {
    struct side sides[2]; /* the dialling one first */
    bool up;
    bool hostile;     /* what was sent in this connection is not what came */
    bool stood_still; /* and it was silent for a while */
    bool disk_failed; /* one of the two could not read or write in this connection */
    uint64_t generation;
    int64_t latency_ms, cut_until;
    uint64_t rate; /* bytes a second */
};

enum event_kind { EVENT_DELIVER, EVENT_TICK, EVENT_DIAL, EVENT_START, EVENT_JOIN, EVENT_WORK, EVENT_FAULT, EVENT_RELIEF, EVENT_LOOK };
struct event {
    int64_t at;
    uint64_t order, generation;
    uint8_t kind, side;
    unsigned place; /* link or office */
    struct buffer message;
};

struct world {
    struct options options;
    uint64_t order, step, messages, hash, happened;
    struct random random;
    bool failed;
    bool calm;      /* faults and work have stopped */
    bool many_logs; /* offices begin new epochs for no reason: more logs than vectors go without digests of buckets */
    bool outside;   /* what is written now, the rules do not allow */
    char failure[TRACE_TEXT];
    int64_t now;
    struct event *events;
    size_t event_count, event_capacity;
    uint32_t faults; /* switched on */
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
    unsigned form_labels; /* counts what was put into forms, so that each version differs */
};

/* ---- main.c, run.c, seeds.c ---- */
void main_running(const struct options *options); /* what is to be said should the run end in an assertion */
void run_seed(const struct options *options, struct run *run);
int seeds_many(uint64_t from, uint64_t count);        /* with statistics; the exit status */
int seeds_first(uint64_t from, uint64_t count);       /* up to the first that fails */
void seeds_make_small(const struct options *options); /* prints the smallest run that still fails */
void seeds_command(const struct options *options, char *out, size_t size);

/* ---- world.c ---- */
void world_init(struct world *world, const struct options *options);
void world_fini(struct world *world);
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_trace(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
void world_hash(struct world *world, const void *data, size_t len);           /* into the trace hash */
bool world_fault(struct world *world, enum feature fault, unsigned permille); /* does it happen now? */
void world_happened(struct world *world, enum feature feature);
const struct unit_id *world_unit(const struct world *world, unsigned office);
void world_name(const struct world *world, const struct log_id *log, char out[32]);
void world_link(struct world *world, unsigned dialling, unsigned listening);

/* ---- queue.c ---- */
void queue_add(struct world *world, struct event event, int64_t at);
bool queue_take(struct world *world, struct event *out);

/* ---- office.c: every call into a store stands between office_enter and office_leave ---- */
unsigned office_new(struct world *world);
void office_enter(struct world *world, unsigned place);                   /* sets its clock */
void office_risk(struct world *world, unsigned place, unsigned permille); /* the same, and its power may go at one of the next operations */
/* False: its power has gone meanwhile; what the call said, nobody heard. */
bool office_leave(struct world *world, unsigned place);
/* Reads of the simulator's own, between these, never go wrong: they are no part of what happens. */
void office_look(struct world *world, unsigned place);
void office_looked(struct world *world, unsigned place);
void office_note(struct office *office); /* takes down what its disk refused, before that is counted anew */
bool office_up(const struct world *world, unsigned place);
void office_cut(struct world *world, unsigned place, bool lossless, int64_t down_ms); /* power cut, or killed */
void office_end(struct world *world, unsigned place, int64_t down_ms);                /* the process ends by itself, in good order */
void office_start(struct world *world, unsigned place);
/* Is this status of a call one that ends the process (daemon/driver.c)? Then it has ended. */
bool office_fatal(struct world *world, unsigned place, enum status status);
void office_mind(struct world *world); /* what every process does after each turn */
/* Did the disk's trouble make this status? Anything else is a failure of the simulation's subject. */
bool office_excused(struct world *world, unsigned place, enum status status);
/* Asks, as `hoi` does through the socket. args is taken over. The response (new reference), or NULL: the office is down. */
json_t *office_ask(struct world *world, unsigned place, const char *verb, json_t *args);
enum status office_answer(const json_t *response); /* its status; NULL: TIMEOUT */

/* ---- join.c ---- */
void join_begin(struct world *world, unsigned inviter, const struct unit_id *unit);
void join_try(struct world *world, unsigned place);
void join_found(struct world *world); /* the first office */

/* ---- ledger.c ---- */
struct written *ledger_find(struct world *world, const struct log_id *log, uint64_t seq, const struct hash *hash); /* hash NULL: any */
struct written *ledger_held(struct world *world, unsigned place, const struct log_id *log, uint64_t seq);          /* the one that the office holds */
enum holding ledger_holds(const struct world *world, unsigned place, const struct written *written);
void ledger_own(struct world *world, unsigned place, bool acknowledged); /* takes down what the office has written since */
void ledger_persisted(struct world *world, unsigned place, const struct persist *items, size_t count);
void ledger_compare(struct world *world, unsigned place, bool started); /* the store against what is known of it; started: more may be there */

/* ---- drive.c ---- */
void drive_dial(struct world *world, unsigned link);
void drive_drop(struct world *world, unsigned link);
void drive_hang_up(struct world *world, unsigned office); /* all its lines */
void drive_message(struct world *world, struct event *event);
void drive_tick(struct world *world, const struct event *event);
void drive_changed(struct world *world, unsigned office, unsigned except_link); /* tells the office's sessions; OFFICES_MAX: all */
bool drive_knows_more(const struct office *office);                             /* than its sessions were told? */

/* ---- line.c ---- */
void line_send(struct world *world, unsigned link, unsigned from, struct bytes message);

/* ---- work.c, work_record.c, work_outside.c, fault.c ---- */
void work_begin(struct world *world);
void work_once(struct world *world);
void work_asked(struct world *world, unsigned place, const char *verb, json_t *args, enum feature feature);
void work_text(struct world *world, char *out, size_t len); /* len characters and a NUL */
void work_unit_text(const struct unit_id *unit, char out[33]);
void work_forms(struct world *world);
void work_record(struct world *world, unsigned office);
void work_sheet(struct world *world, unsigned office, bool large);
void work_correction(struct world *world, unsigned office);
void work_together(struct world *world, unsigned office); /* two offices write one record before they hear of each other */
void work_form(struct world *world, unsigned office, bool large);
void work_outside(struct world *world, unsigned office);
void work_epoch(struct world *world, unsigned office, uint8_t kind); /* its log of that kind goes on in a new epoch */
void fault_once(struct world *world);
void fault_relief(struct world *world, unsigned office); /* the trouble of its disk is over */

/* ---- oracle.c, oracle_store.c, audit_compare.c ---- */
void oracle_came(struct world *world, unsigned link, unsigned side, struct bytes message);
void oracle_sent(struct world *world, unsigned link, unsigned side, struct bytes message);
void oracle_persisted(struct world *world, unsigned office, const struct persist *items, size_t count);
bool oracle_converged(struct world *world, bool complain);
bool oracle_may_differ(const struct world *world);      /* something was lost for good, or an office was cloned */
void oracle_look(struct world *world, unsigned office); /* cheap: what has come to be in its views */
void oracle_life(struct world *world, unsigned office);
void oracle_judge(struct world *world); /* the last judgement */
void audit_compare(struct world *world, unsigned office);

#endif
