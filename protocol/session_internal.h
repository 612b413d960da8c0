/* What the files of the reconciliation engine share: all that one session knows. Nobody outside protocol/session*.c includes this.
 *
 *   session.c          open, step, dispatch, greeting, timers
 *   session_log.c      the table of logs: what is here, what the peer is known to hold
 *   session_fork.c     branches: where they part, and the one that is wanted
 *   session_offer.c    logs beyond what both may hold: what refutes the peer's views, what is handed up
 *   session_state.c    digests; telling and hearing states; comparing
 *   session_have.c     vectors: have and buckets, both ways
 *   session_send.c     lanes of what the peer lacks, and the messages made of them
 *   session_line.c     bytes in flight, the rate of the line, the size of a message
 *   session_receive.c  entries messages item by item, receipts, and what is to be made durable
 *   session_check.c    the checks an item has to pass */
#ifndef PROTOCOL_SESSION_INTERNAL_H
#define PROTOCOL_SESSION_INTERNAL_H

#include "protocol/session.h"

/* Asks the replica. */
#define ASK(session, function, ...) ((session)->config.replica.ops->function((session)->config.replica.ctx, __VA_ARGS__))

enum {
    GREETING_MS_MAX = 30 * 1000, /* a hello that was not answered for so long will not be */
    SILENCE_MS_MAX = 300 * 1000, /* with an answer due: a 64 KiB message on a line of 1 KB/s and a slow disk behind it take less */
    RETRY_MS_MIN = 2 * 1000,     /* our have again after a refusal: not faster than an old phone line turns round */
    RETRY_MS_MAX = 600 * 1000,
    NO_ROOM_MS_MIN = 60 * 1000, /* a full disk is not emptied faster */
    RETRIES_MAX = 8,            /* of what came wrong, without anything durable in between: then the next session may heal it */
    MESSAGE_BYTES_FIRST = 16 * 1024,
    LINE_MS_A_MESSAGE = 4 * 1000,              /* of the line that one message may take */
    FLIGHT_MS = 8 * 1000,                      /* of the line in flight: one message arrives while another leaves */
    LAZY_PROGRESS_BYTES = MESSAGE_BYTES_LEAST, /* receipts not covered by progress yet; less than any sender's room in flight */
    WANTED_PAIRS_MAX = 16 * 1024,              /* a session's memory of bodies the peer lacks; more are told again by its have */
    RUN_ITEMS_MAX = 256,                       /* items made durable in one transaction */
    RECEIPTS_MS = 50,       /* between receipts in one burst of the peer's: each costs a signature and a write to the peer's disk, and the last one counts */
    HAVE_BYTES = 48 * 1024, /* where a have is split, at the border of a bucket */
    BUCKET_BYTES_MAX = 512 * 1024, /* of log states in one bucket, past which gaps and receipts are left out: a have is never longer than a message */
    BUCKET_GAP_PAIRS_MAX = 8 * 1024,
    OFFERS_TAKEN_MAX = 4096 /* offers of one session that are remembered: the logs of what one office ever had below it */
};

static_assert(BUCKET_BYTES_MAX < MESSAGE_BYTES_MAX / 2 + 1, "a bucket fits in one have");

/* Bodies from..to of one log that the peer lacks, as far as we know; offset: bytes of the first that it has. */
struct wanted {
    uint64_t from, to;
    uint32_t offset;
};

/* A receipt as the peer is known to have it (where known), and as it was last sent to it (where sent). due: ours is to be sent. */
struct receipt_mark {
    uint64_t seq, bodies, applied;
};
struct known_receipt {
    struct node_id holder;
    struct receipt_mark there, said;
    bool known, sent, due;
};

enum lane { LANE_URGENT, LANE_CUTS, LANE_CONTROL, LANE_REPORT, LANE_RECEIPTS, LANE_BODIES, LANES };

struct session_log {
    struct log_id log;
    /* Here, when last looked. */
    bool shared;                 /* both may hold it and at least one header is held here; named: only if the peer lists it, too */
    bool named, peer_lists;      /* the views only let this side accept it: it is listed all the same */
    bool cuts;                   /* goes before other logs */
    uint64_t walk;               /* the full walk that last met it */
    uint64_t head_seq, told_seq; /* told_seq: the head in the state last told */
    struct short_hash head_hash;
    struct fork_mark fork, told_fork;
    /* There. */
    uint64_t peer_seq;   /* held or on the way */
    uint64_t sent_mark;  /* bytes sent when its last items left, plus one: in flight until progress reaches it */
    uint64_t flight_low; /* the lowest seq in flight */
    uint64_t listed;     /* the have that last named it */
    /* A fork is looked for: the peer's branch is ours up to `alike`, and another from `apart` on (0: nowhere). Both sides show each other the same headers,
     * so that they know the same. */
    uint64_t alike, apart;
    uint64_t show[2], shown[2]; /* our headers to be shown; shown last. 0: none */
    struct fork_mark peer_fork;
    struct short_hash apart_hash; /* of the peer's header at `apart`; all zeros: not seen */
    uint64_t peer_head;           /* the head that the peer's last have named; 0: none */
    /* The peer holds a wanted branch (replica.wanted): to this peer this side says that it holds what is the same on both branches and what of the peer's is
     * kept beside the log, and takes what follows. */
    bool yields;
    uint64_t yield_seq, yield_upto;
    struct hash yield_hash;
    bool blocked;        /* refused: waits for the peer's have */
    bool probing;        /* refused before: one item at a time until one is taken */
    bool forked;         /* the peer has another branch */
    bool urgent;         /* a control body is among the wanted */
    uint8_t lanes;       /* bit set of the lanes it stands in */
    bool not_entitled;   /* refused as such */
    /* Given beyond what both may hold (session_offer.c), as far as head_seq. claimed: the peer has named this entry of it, and may not hold it; what of the
     * log refutes that goes without an offer. offered: as far as offer_seq; known: a have of the peer's has come after it had heard of the offer. handed: up
     * the line. */
    bool claimed, offered, offer_due, offer_known, handed;
    struct ref claim, offer_of;
    uint64_t offer_seq, offer_mark, offer_walk; /* bytes sent when the offer left, plus one; when it was last found to be given */
    uint64_t taken_seq;                         /* the peer has offered the log as far as that, and it is taken */
    struct wanted *wanted;
    size_t wanted_count, wanted_capacity, wanted_at; /* those before wanted_at are not held here either */
    struct known_receipt *receipts;                  /* by holder */
    size_t receipt_count, receipt_capacity, due_count;
    /* The head that the run of items under way leads to; meaningful where run is the session's. */
    uint64_t run, run_seq;
    struct hash run_hash;
};

struct bucket {
    struct session_log **logs; /* by log */
    size_t count, capacity;
    uint8_t digest[8];
    uint64_t missing;
    bool dirty; /* digest and missing are to be made anew */
    bool known; /* what the peer holds of these logs is known */
};

struct lane_queue {
    struct session_log **logs;
    size_t first, count, capacity;
};

struct told {
    struct state_digest digest;
    uint64_t missing;
};

/* What goes to the peer and is on its way (session_line.c). Byte counts are of entries and receipts messages together. */
struct session_line {
    uint64_t sent, entries_mark, progressed; /* entries_mark: sent, when the last entries message had left */
    uint32_t window, message_max, target;
    uint64_t rate; /* bytes a second; 0: not measured yet */
    bool sampling;
    uint64_t sample_mark, sample_base;
    int64_t sample_ms;
};

/* An entries or receipts message under way from check to disk (session_receive.c). */
struct receiving {
    bool active;
    unsigned type;
    struct buffer inbox; /* the message: what is persisted points into it, or into entries */
    struct entries entries;
    bool again; /* item stands for another check, after the run before it is durable */
    struct item item;
    struct hash hash; /* of the item's header */
    struct persist *run;
    size_t run_count, run_capacity;
    bool run_full;          /* nothing more may join this run */
    struct buffer whole;    /* a body put together from parts */
    struct log_id *refused; /* in this message */
    size_t refused_count, refused_capacity;
    bool failed;             /* the disk refused a run: the rest of the message is refused */
    uint64_t done, reported; /* bytes of entries and receipts messages dealt with; told by progress */
};

struct scratch {
    struct header header;
    struct log_state state;
    struct gap gaps[GAP_PAIRS_MAX];
    size_t gap_count;
};

enum phase { PHASE_GREETING, PHASE_OPEN, PHASE_CLOSED };

struct session {
    struct session_config config;
    enum phase phase;
    enum status reason; /* why it closed */
    int64_t now_ms, started_ms, time;
    int64_t quiet_ms; /* since when nothing came although something is due */
    bool waiting;
    /* Logs (session_log.c). */
    struct bucket buckets[BUCKETS];
    size_t shared_count, wanted_pairs;
    bool looked, rescan;
    bool cut, seen_cut; /* the peer's key is revoked: one lane is left */
    /* Beyond what both may hold (session_offer.c): logs given, senior ones first; of buckets in answer_mask the peer has offered logs. */
    struct session_log **offers;
    size_t offer_count, offer_capacity, taken_count, taken_grounds;
    uint64_t offer_walk, answer_mask;
    bool offers_stale, claims_any;
    bool probing; /* some log is being tried: progress is a reason to look again */
    uint64_t seen_version, seen_views, walk, have_id;
    /* States (session_state.c). */
    struct told fresh, told, heard, compared_told, compared_heard;
    bool has_told, has_heard, has_compared;
    uint64_t have_sent; /* buckets whose have has left since the last comparison */
    bool close_due;     /* the peer waits for a state: we sent entries, or it sent its have */
    bool pending;       /* a heard state waits to be compared */
    bool sent_since_heard;
    bool peer_burst;     /* the peer sent entries and will end them with a state */
    bool awaiting_close; /* the peer owes a state for our have */
    /* Refusals of ours that wait for another try. */
    uint64_t views_mask, retry_mask, refused_views;
    int64_t retry_at_ms, retried_ms;
    int64_t retry_delay_ms;
    unsigned retries;
    struct lane_queue lanes[LANES];
    int64_t receipts_ms; /* when receipts may leave again in the burst of the peer's that is under way */
    struct session_line line;
    struct receiving receiving;
    uint64_t run;
    /* Output. */
    struct buffer *messages;
    struct bytes *sends;
    size_t message_count, message_capacity;
    struct scratch *scratch;
    struct session_stats stats;
};

/* ---- session.c ---- */

/* The first error stands; it closes the session when the step ends. STATUS_PEER_PROTOCOL: the peer's fault. */
void session_fail(struct session *session, enum status status);
bool session_failed(const struct session *session);
/* An empty buffer of the output to encode one message into; NULL after an error. session_sent must follow: it drops the message if status is not OK. */
struct buffer *session_message(struct session *session);
void session_sent(struct session *session, enum status status);
/* Room for one decoded header and log state, gone when the step ends; NULL after NO_MEMORY. */
struct scratch *session_scratch(struct session *session);
/* Makes room for one element more in *array (doubling), the new room zeroed. False after NO_MEMORY (the session has failed). */
bool session_grow(struct session *session, void *array /* pointer to the pointer */, size_t count, size_t *capacity, size_t element_bytes);

/* ---- session_log.c ---- */

struct session_log *session_log_find(struct session *session, const struct log_id *log);
struct session_log *session_log_add(struct session *session, const struct log_id *log); /* finds or makes; NULL after NO_MEMORY */
void session_log_clear(struct session *session);                                        /* forgets all */
/* Takes in what changed in the replica since the last look, and puts what the peer lacks into lanes. */
void session_log_look(struct session *session);
void session_log_share(struct session *session, struct session_log *log, bool shared); /* it is shared from now on, or not any more */
bool session_log_in_flight(const struct session *session, const struct session_log *log);
/* The entry of the table for a holder's receipt; add: made if absent (NULL after NO_MEMORY). */
struct known_receipt *session_log_receipt(struct session *session, struct session_log *log, const struct node_id *holder, bool add);
/* The peer is known to have this much of a receipt, by its own word. */
void session_log_receipt_known(struct known_receipt *known, struct session_log *log, struct receipt_mark there);
/* Is ours to be sent, if the peer has what `known` says? The holder's own word replaces, others only raise. A word of our own that takes something back is said
 * once: somebody else may go on raising it, and the two of us must not argue for ever. */
bool session_log_receipt_news(const struct session *session, const struct receipt *ours, const struct known_receipt *known);
void session_log_want(struct session *session, struct session_log *log, struct wanted wanted);
void session_log_unwant(struct session *session, struct session_log *log);                  /* all */
void session_log_has_body(struct session *session, const struct log_id *log, uint64_t seq); /* the peer has this body: it has sent it */

/* ---- session_fork.c ---- */

/* Our header at seq and the peer's are, or are not, the same; linked: they follow the same entry; theirs: of the peer's, where it is another. What is to be
 * shown next is put into the lanes. */
struct compared {
    uint64_t seq;
    bool same, linked;
    struct short_hash theirs;
};
void session_fork_compared(struct session *session, struct session_log *log, const struct compared *compared);
/* Does the peer lack evidence of a fork that is known here, and hold the log as far as that? */
bool session_fork_lacks_evidence(const struct session *session, const struct session_log *log);
/* Looks whether the log is to yield to the peer's branch, after what is known of either has changed. */
void session_fork_look(struct session *session, struct session_log *log);
/* This entry of the peer's branch stands in the run under way. */
void session_fork_beside(struct session *session, struct session_log *log, uint64_t seq, const struct hash *hash);
/* The head as this peer is told of it. */
uint64_t session_fork_told(const struct session_log *log, struct short_hash *hash);
void session_fork_ended(struct session_log *log); /* both follow one branch again */
/* Has another branch taken the place of what the row knows, going at least as far? The row is not changed. */
bool session_fork_replaced(struct session *session, const struct session_log *log, const struct log_head *head);

/* ---- session_offer.c ---- */

static inline bool session_offer_gives(const struct session_log *log) {
    return !log->shared && (log->claimed || log->offered);
}
void session_offer_look(struct session *session, bool views_changed); /* something has changed, here or in what the peer claims: finds anew what is given */
void session_offer_consider(struct session *session);                 /* puts that into the lanes, in its order */
void session_offer_clear(struct session *session);
bool session_offer_open(const struct session *session); /* is an answer to an offer waited for? */
uint64_t session_offer_awaited(const struct session *session); /* buckets in which a have of the peer's, by now, answers an offer */
bool session_offer_body_given(struct session *session, const struct session_log *log, const struct header *header);
/* A have of the peer's names a log that is not shared. *log: the row that is to know what the peer holds, NULL: none. True: the two sides differ in that. */
bool session_offer_named(struct session *session, const struct log_state *state, struct session_log **log);
void session_offer_answered(struct session *session, struct session_log *log); /* it marks the log's bucket: an offer that it had heard of is answered */
/* It does not name a log of a bucket that it marks. True: the row is to know that the peer holds nothing. */
bool session_offer_unnamed(struct session *session, struct session_log *log);
void session_offer_take(struct session *session, const struct item *item); /* an offer has come */
void session_offer_answer(struct session *session);                        /* our have for what the peer has offered */
/* May an entry, or evidence, of the log at seq be taken from the peer? ground: though the views do not let this side hold it. */
bool session_offer_accepts(struct session *session, const struct log_id *log, uint64_t seq, bool *ground);
bool session_offer_body_accepted(struct session *session, const struct header *header);

/* ---- session_state.c ---- */

void session_state_refresh(struct session *session); /* looks, and makes fresh */
void session_state_told(struct session *session);    /* fresh has gone out in a hello or state */
void session_state_heard(struct session *session, const struct state_digest *digest, uint64_t missing);
bool session_state_settled(const struct session *session);
/* If settled: tells our state where due, compares. True if there may be more to send. */
bool session_state_settle(struct session *session);
/* A have or buckets of the peer's has come: if the states last told and heard were not compared yet, this is that comparison. */
void session_state_join_comparison(struct session *session);
uint64_t session_state_missing_mask(const struct session *session);
bool session_state_in_step(const struct session *session);

/* ---- session_have.c ---- */

void session_have_send(struct session *session, uint64_t mask);
void session_have_send_buckets(struct session *session);
void session_have_ask(struct session *session); /* for the peer's state, by a have of no bucket */
void session_have_take(struct session *session, struct bytes message);
void session_have_take_buckets(struct session *session, struct bytes message);

/* ---- session_send.c ---- */

void session_send_consider(struct session *session, struct session_log *log); /* puts it in the lanes where it has something to send */
void session_send_clear_lanes(struct session *session);
bool session_send_idle(const struct session *session); /* all lanes empty */
void session_send_receipts(struct session *session);   /* those due, as far as the line and a burst of the peer's allow */
/* How long receipts that are due have to wait for others like them; 0: they need not. */
int64_t session_send_receipts_wait_ms(const struct session *session);
void session_send_pump(struct session *session); /* everything, as far as the line allows */
void session_send_take_refused(struct session *session, struct bytes message);

/* ---- session_line.c ---- */

void session_line_init(struct session_line *line, uint32_t peer_window, uint32_t peer_message_max);
uint32_t session_line_room(const struct session_line *line); /* bytes of items for the next message; 0: wait for progress */
uint64_t session_line_in_flight(const struct session_line *line);
void session_line_sent(struct session_line *line, size_t bytes, bool entries, int64_t now_ms);
/* False if the peer claims more than was sent. */
bool session_line_progress(struct session_line *line, uint64_t bytes, int64_t now_ms);

/* ---- session_receive.c ---- */

void session_receive_message(struct session *session, unsigned type, struct bytes message);
void session_receive_persisted(struct session *session, enum status status);
void session_receive_fini(struct session *session);
void session_receive_refuse(struct session *session, const struct log_id *log, uint64_t seq, unsigned reason);
bool session_receive_is_refused(const struct session *session, const struct log_id *log);
struct persist *session_receive_add(struct session *session, uint8_t kind); /* NULL after NO_MEMORY */
/* Our have again for what was refused, where its time has come. */
void session_receive_retry(struct session *session);
void session_receive_progress(struct session *session);

/* ---- session_check.c ---- */

enum verdict { VERDICT_DONE, VERDICT_PERSIST_FIRST };
/* Checks the item under way: adds what is to be persisted to the run, or refuses it, or passes it over (DONE); PERSIST_FIRST: come again when the run is
 * durable. */
enum verdict session_check_item(struct session *session);
void session_check_receipt(struct session *session, const struct signed_receipt *bytes);

#endif
