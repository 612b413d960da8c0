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
 *                nodes                                 queue.c          events in virtual time
 *   keys.c       whose key is whose, what was said     oracle_trust.c   forks, accusations, pins and figures, by the ledger alone
 *                of keys and logs: outside the nodes   thief.c          copies of a key at work, and a PC that runs twice
 *   trust.c      what people do about keys             thief_lies.c     what a thief shows of what he has
 *   renew.c      new keys, and other PCs               thief_write.c    what he writes
 *   recover.c    a root that is lost */
#ifndef SIM_H
#define SIM_H

#include "protocol/session.h"
#include "store/store.h"
#include "tests/disk/disk.h"
#include "tests/sim/ram_tree.h"
#include "tests/sim/random.h"

enum { OFFICES_ENROLLED = 9, OFFICES_MAX = 24, LINKS_MAX = 40, KEYS_MAX = 48, FORKS_MAX = 64, PINS_KEPT = 256, TRACE_TEXT = 400, PATH_TEXT = 24 };

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
    FAULT_CLONE, /* an old copy of the disk put back behind hoi's back */
    FAULTS_PLAIN,
    FAULT_TWIN = FAULTS_PLAIN, /* a copy of the disk runs on another PC at the same time */
    FAULT_THEFT,               /* somebody has a copy of an office's disk and goes on in its logs */
    FAULT_EQUIVOCATE,          /* with two such copies, which say different things to different offices */
    FAULT_WITHHOLD,            /* hides logs and shows others as they were long ago */
    FAULT_REPLAY,              /* says again what was once said on some line */
    FAULT_BACKDATE,            /* with an old copy and an old clock */
    FAULT_DUEL,                /* nodes revoke one another, with no line between them */
    FAULT_ROOT_LOST,           /* the root's PC is gone: the recovery keys make another one the root */
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
    EVENT_FORK,       /* two entries of one number are written */
    EVENT_EVIDENCE,   /* and an honest office has both */
    EVENT_CUT,        /* a revocation, or the decision of a fork, is written */
    EVENT_PIN,        /* by a senior, of what stands */
    EVENT_FALLEN,     /* what was held made room for a pinned branch */
    EVENT_REISSUED,   /* what fell was written again */
    EVENT_NEW_KEY,    /* an office got another key */
    EVENT_ROTATION,   /* by itself */
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
    const char *dump; /* a directory: what all offices hold and conclude in the end is written there (dump.h). NULL: nowhere */
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
    unsigned author, key; /* the PC that wrote it; whose key signed it: KEYS_MAX, the recovery keys */
    uint32_t next;        /* the next one of this log and number, by place from 1 */
    bool acknowledged;    /* its author was told that it is written */
    bool lost, body_lost; /* a restore took the only copy */
    bool crooked;         /* a thief wrote it */
};

/* What is known outside the nodes of what a node holds: what it has reported as durable, or has shown after a start. By place in the ledger. FALLEN besides: it
 * is kept, and stands in the log no more. */
enum holding { HOLDS_NOTHING, HOLDS_HEADER, HOLDS_BODY, HOLDS_FALLEN = 4 };

/* A key: a node, as it was admitted. */
struct key {
    struct node_id id;
    uint8_t signing_key[32];
    unsigned owner, inviter, rank; /* the office's place; a key, KEYS_MAX: the recovery keys or nobody; the lower is senior, of one rank nobody says */
    struct unit_id unit;
    bool stolen, twice; /* a thief has it; it was at work on two PCs */
    bool dealt_with;    /* in the end, by the root or the recovery keys */
    bool cut;           /* somebody wrote a revocation of it, or decided a fork of its logs, who may have had the right to */
    unsigned cut_rank;  /* the rank of the most senior of those */
};
/* Two entries of one number, the lowest of that log. */
struct fork {
    struct log_id log;
    uint64_t seq;
    bool decided; /* somebody wrote a decision or revocation about it */
};
/* Somebody has said that an entry is good. */
struct pin {
    struct ref ref;
    size_t entry; /* of the ledger, in which it says so */
};

enum office_kind { OFFICE_HONEST, OFFICE_TWIN /* honest people, who do not know of the other PC with their key */, OFFICE_THIEF };

enum clock_kind { CLOCK_TRUE, CLOCK_1970, CLOCK_AHEAD, CLOCK_SAWTOOTH, CLOCK_FROZEN, CLOCKS };

struct office {
    uint8_t kind;
    bool gone, given_up; /* the PC is not used any more; nor is its unit there any more */
    unsigned waited;     /* so often its unit did not stand in the end */
    unsigned heir; /* the place that has taken over from it, else its own */
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
    bool restored, admits, rotates; /* rotates: it waits for its new key to come into force */
    bool forgetful; /* restored, and its logs have not gone on in new epochs yet */
    bool patient;   /* its driver leaves a session open when the disk did not take its items */
    struct node_keys keys;
    struct node_id self;
    struct unit_id unit;
    enum clock_kind clock;
    int64_t clock_frozen, clock_ahead;
    uint32_t window, message_max;
    uint64_t starts;
    uint64_t version, views; /* of the store and its views, when its sessions were last told of a change */
    uint8_t *held;           /* enum holding, written_capacity of them */
    int64_t last_entry;      /* the row up to which own entries are in the ledger */
    json_t *undecided;       /* a request that the power cut off */
    unsigned tries, inviter, replaces; /* replaces: the place that it takes over from when it has joined, its own: none */
    char *token; /* of an office that is about to join */
    bool keys_made;
    int64_t fallen;      /* what of its store has fallen, as a number that changes with it */
    bool unsure;         /* something came of a forked log: what has become of it its store says */
    struct replica real; /* THIEF: what he has, behind what he shows */
    struct replica_ops shown;
    uint64_t lies; /* which logs he hides, and how; 0: none */
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
    bool crooked;     /* one side is a thief */
    bool gone;        /* not used any more */
    unsigned strikes; /* how often it was silent although one side did not know of a fork */
    int64_t said_at;  /* when something went over it last */
    uint64_t generation;
    int64_t latency_ms, cut_until;
    uint64_t rate; /* bytes a second */
};

enum event_kind { EVENT_DELIVER, EVENT_TICK, EVENT_DIAL, EVENT_START, EVENT_JOIN, EVENT_WORK, EVENT_FAULT, EVENT_RELIEF, EVENT_LOOK, EVENT_TRUST };
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
    struct link links[LINKS_MAX];
    size_t link_count;
    struct written *ledger;
    uint32_t *index; /* of the ledger, by log and number: places from 1 */
    size_t written_count, written_capacity, index_capacity;
    struct random fate; /* for what thieves and keys come to: seeds without them run as if there were none */
    bool trust;         /* some of that is switched on */
    bool powers;        /* somebody has revoked, pinned or forked anything */
    unsigned root;      /* the root's office */
    unsigned renews;    /* who is about to join takes over from that place; OFFICES_MAX: from nobody */
    struct key keys[KEYS_MAX];
    struct fork forks[FORKS_MAX];
    struct pin pins[PINS_KEPT];
    size_t key_count, fork_count, pin_count, pins_judged;
    uint8_t recovery_seeds[3][32];
    struct buffer heard; /* a message that went over some line, for whoever says it again */
    struct header *header;
    unsigned form_labels; /* counts what was put into forms, so that each version differs */
};

/* ---- main.c, run.c, seeds.c ---- */
void main_running(const struct options *options); /* what is to be said should the run end in an assertion */
void run_seed(const struct options *options, struct run *run);
void run_until(struct world *world, int64_t until); /* takes events until that time, or until something fails */
int seeds_many(uint64_t from, uint64_t count, bool hostile); /* with statistics; the exit status. hostile: else with the plain faults alone */
int seeds_first(uint64_t from, uint64_t count);              /* up to the first that fails */
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
bool office_serves(const struct world *world, unsigned place);      /* a PC of the association that is used, up or not */
unsigned office_heir(const struct world *world, unsigned place);    /* who has taken over from it, and from that one */
void office_cut(struct world *world, unsigned place, bool lossless, int64_t down_ms); /* power cut, or killed */
void office_end(struct world *world, unsigned place, int64_t down_ms);                /* the process ends by itself, in good order */
void office_start(struct world *world, unsigned place);
/* Is this status of a call one that ends the process (daemon/driver.c)? Then it has ended. */
bool office_fatal(struct world *world, unsigned place, enum status status);
void office_idle(struct world *world, unsigned place); /* its housekeeping, when nothing has been asked for a while */
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
struct written *ledger_named(struct world *world, const struct ref *ref);
struct written *ledger_before(struct world *world, const struct written *written); /* the one that it follows; NULL */
enum holding ledger_holds(const struct world *world, unsigned place, const struct written *written); /* in the log */
enum holding ledger_keeps(const struct world *world, unsigned place, const struct written *written); /* were it but what fell */
void ledger_own(struct world *world, unsigned place, bool acknowledged); /* takes down what the office has written since */
void ledger_give_up(struct world *world, unsigned place, unsigned heir);         /* what that PC wrote and the heir has not, nobody looks for any more */
struct written *ledger_stolen(struct world *world, const struct persist *item); /* takes down what only a thief can have written, and has hidden; NULL */
void ledger_persisted(struct world *world, unsigned place, const struct persist *items, size_t count);
void ledger_compare(struct world *world, unsigned place, bool started); /* the store against what is known of it; started: more may be there */

void ledger_follow(struct world *world, unsigned place); /* a branch may have made room there */

/* ---- keys.c ---- */
unsigned key_find(const struct world *world, const struct node_id *id); /* KEYS_MAX: nobody's */
unsigned key_of(const struct world *world, unsigned place);
void key_found(struct world *world);                                    /* the founder's */
void key_owned(struct world *world, unsigned place);                    /* the office works under its key from now on */
/* Has anything been done by which the key may not stand: is one of its chain cut or stolen; or, too, one of its unit or above? */
bool key_chain_shaken(const struct world *world, unsigned key);
bool key_shaken(const struct world *world, unsigned key);
void key_note(struct world *world, size_t entry);                       /* what a control entry says of keys */
struct fork *fork_find(struct world *world, const struct log_id *log);
void fork_note(struct world *world, const struct log_id *log, uint64_t seq);

/* ---- drive.c ---- */
void drive_dial(struct world *world, unsigned link);
void drive_drop(struct world *world, unsigned link);
void drive_hang_up(struct world *world, unsigned office); /* all its lines */
void drive_message(struct world *world, struct event *event);
void drive_tick(struct world *world, const struct event *event);
void drive_changed(struct world *world, unsigned office, unsigned except_link); /* tells the office's sessions; OFFICES_MAX: all */
bool drive_knows_more(const struct office *office);                             /* than its sessions were told? */

void link_retire(struct world *world, unsigned office);                         /* all its lines, for good */

/* ---- thief.c, thief_lies.c, thief_write.c ---- */
void thief_twin(struct world *world);                                               /* an office's folder runs on a second PC, too */
void thief_steal(struct world *world);                                              /* somebody gets a copy of an office's disk, or two */
void thief_once(struct world *world);                                               /* what they do meanwhile */
void thief_end(struct world *world);                                                /* thieves give up; a second PC is found */
void thief_ready(struct world *world, unsigned place);                              /* he goes on in the logs that he has */
/* His store is open: what is written there; of an old copy the key is an old one, and one that was to come into force may have. */
void thief_follow(struct world *world, unsigned place);
void thief_shows(struct world *world, unsigned place, struct replica *replica);     /* replaces what it tells by what he tells */
void thief_write(struct world *world, unsigned place);
/* Writes a control change with a node's own key, whatever its requests allow. blind: it has seen nothing. */
void thief_control(struct world *world, unsigned place, uint64_t kind, struct bytes payload, bool blind);

/* ---- renew.c ---- */
bool renew_stands(const struct world *world, unsigned place);   /* does the root, as its screen says, know the office's key as one that stands? */
void renew_office(struct world *world, unsigned place);         /* it is let in again: another PC joins, and takes over */
void renew_take_over(struct world *world, unsigned place);      /* it has joined, and may take over from another PC */
void renew_follow(struct world *world);                         /* everybody is told whom to dial */
void renew_rotate(struct world *world, unsigned place);         /* it makes itself another key */
bool renew_start(struct world *world);                          /* keys that wait come into force at a start; did any wait? */
bool renew_all(struct world *world);                            /* whoever is shut out is let in again; was anybody? */

/* ---- trust.c, recover.c ---- */
void trust_once(struct world *world);                                         /* what befalls keys, and what people do about them */
void trust_mend(struct world *world);                                         /* in the end: forks are decided, who has lost his key gets another */
void trust_duel(struct world *world);
void recover_keys(struct world *world, struct store_founding *founding);      /* the association has some, if its root may be lost */
void recover_root(struct world *world);                                       /* loses it, and makes another */
bool recover_revoke(struct world *world);                                     /* the recovery keys cut the old one's key, once; did they? */

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
bool oracle_may_differ(const struct world *world);      /* something was lost for good */
void oracle_look(struct world *world, unsigned office); /* cheap: what has come to be in its views */
void oracle_trace(struct world *world, unsigned i, unsigned j); /* what one of two holds and the other does not */
void oracle_life(struct world *world, unsigned office);
void oracle_judge(struct world *world); /* the last judgement */
void oracle_links(struct world *world);                   /* lines that are silent: do both sides know of the forks that either can see? */
void oracle_trust(struct world *world, unsigned office);  /* nobody honest is accused, what is pinned stands, figures are shown */
bool oracle_again(struct world *world, const struct written *fell); /* has it been written again by whoever has taken over? */
void oracle_root(struct world *world);                    /* the root knows of every fork */
bool oracle_open_fork(struct world *world, unsigned a, unsigned b); /* do the two hold different branches, or may they? */
void audit_compare(struct world *world, unsigned office);

#endif
