/* What the reconciliation engine may ask of whoever keeps the logs: a read-only table of functions. Served by store/replica.c and, in tests, by RAM.
 * Every answer is by the views as they stand; nothing here changes anything. Bytes handed out live until the next call of the same function.
 * No function is called from within a callback. */
#ifndef PROTOCOL_REPLICA_H
#define PROTOCOL_REPLICA_H

#include "protocol/changeset.h"
#include "protocol/message.h"

/* fork: what is known of a fork of the log, of the header held at that seq too. cuts: cuts of logs stand in it, or what such a log's author is admitted by: it
 * goes before other logs. named: this node's views only let it accept the log, not hold it. The last three are told by each_shared_log alone. */
struct log_head { struct log_id log; uint64_t seq; struct short_hash hash; struct fork_mark fork; bool cuts, named; };

/* A callback returns false to stop the walk early. */
typedef bool (*log_head_fn)(void *arg, const struct log_head *head);
typedef bool (*ground_fn)(void *arg, const struct log_head *head, const struct ref *of); /* of: the entry of which it speaks */
typedef bool (*gap_fn)(void *arg, uint64_t from, uint64_t to);
typedef bool (*receipt_fn)(void *arg, const struct receipt *receipt, const struct signed_receipt *bytes);

struct replica_ops {
    /* A number that rises with every durable change: entries, bodies, receipts, verdicts. Equal: nothing has changed. */
    uint64_t (*version)(void *ctx);
    /* A number that rises when entitlement may have changed (structure, admissions). */
    uint64_t (*views_version)(void *ctx);

    /* Each log held here (head seq >= 1) that both this node's unit and peer's unit may hold, of which an entry or a body came after version `since` (0: all):
     * the recovery log first, then by seniority of the author, directive before report. */
    enum status (*each_shared_log)(void *ctx, const struct unit_id *peer, uint64_t since, log_head_fn fn, void *arg);
    enum status (*head)(void *ctx, const struct log_id *log, struct log_head *out); /* NOT_FOUND: none held */
    bool (*may_hold_log)(void *ctx, const struct unit_id *unit, const struct log_id *log);
    /* May this node take the log from a peer of that unit? More than it may hold by its views: what they need to become right, and what is handed up. */
    bool (*may_accept_log)(void *ctx, const struct unit_id *peer, const struct log_id *log);
    bool (*may_hold_body)(void *ctx, const struct unit_id *unit, const struct header *header);

    /* One entry; body and salt empty where not held. NOT_FOUND. */
    enum status (*entry)(void *ctx, const struct log_id *log, uint64_t seq, struct entry *out);
    /* Header and signature of evidence: of the log's fork_mark, the header of that hash. NOT_FOUND. */
    enum status (*evidence)(void *ctx, const struct log_id *log, const struct short_hash *hash, struct entry *out);
    /* Has a revocation of this node been written that stands? Then a link with it is but the one lane of section 10. */
    bool (*revoked)(void *ctx, const struct node_id *node);
    /* The logs by which a revoked node can see that it is, each as if it ended with the last entry concerned; then the node's own logs, as they are held. */
    enum status (*each_lane_log)(void *ctx, const struct node_id *node, log_head_fn fn, void *arg);
    /* May the entry of this header be kept, if `entries` with `bytes` by the same author are about to be? 0: yes. Else why it is refused: REFUSED_CUT past a
     * cut, where evidence has a bound; REFUSED_QUOTA past the bounds of an author. */
    unsigned (*no_room)(void *ctx, const struct header *header, uint64_t entries, uint64_t bytes);
    /* Is an entry of a forked log wanted that a senior has pinned and nobody here holds? upto: its seq. */
    bool (*wanted)(void *ctx, const struct log_id *log, uint64_t *upto);
    /* How far the branch is kept beside the log (PERSIST_BESIDE) of which the header at `seq` has this hash, and its last hash. NOT_FOUND: it is not. */
    enum status (*beside)(void *ctx, const struct log_id *log, uint64_t seq, const struct short_hash *first, uint64_t *upto, struct hash *last);
    /* What refutes what a node of `peer` believes. claimed: entries, each the head of a directive log that it holds and says that it may hold. Told of each
     * that the views here do not let it hold, and of creations of units that lost to others in logs that it may hold: the logs by which it can see that, with
     * the claimed one where it is refuted, each as if it ended with the last entry concerned; senior ones first; the same log but once. */
    enum status (*each_ground)(void *ctx, const struct unit_id *peer, const struct ref *claimed, size_t count, ground_fn fn, void *arg);
    /* May this node take an offered log of which its views know nothing better: as what speaks of an entry that is held here, of a log that they let it hold?
     * taken: how many it has taken so in this session without holding anything of them yet. */
    bool (*takes_ground)(void *ctx, const struct node_id *peer, const struct log_id *log, const struct ref *of, size_t taken);
    /* Each log held here that is handed up to a peer of that unit: of a unit that once stood under both, and does not stand under this one's any more. */
    enum status (*each_handed)(void *ctx, const struct unit_id *peer, log_head_fn fn, void *arg);
    /* May a node of unit `lower` hand up this log, or this body of such a log, to one of `upper`? */
    bool (*hands_up)(void *ctx, const struct unit_id *lower, const struct unit_id *upper, const struct log_id *log);
    bool (*hands_body)(void *ctx, const struct unit_id *lower, const struct unit_id *upper, const struct header *header);
    /* Bodies of a log handed up by `lower` that it may hand up, and that are not held here; as each_gap. */
    enum status (*each_handed_gap)(void *ctx, const struct unit_id *lower, const struct log_id *log, gap_fn fn, void *arg);
    /* Ranges of seqs whose bodies this node is entitled to and does not hold (whole), ascending. */
    enum status (*each_gap)(void *ctx, const struct log_id *log, gap_fn fn, void *arg);
    /* Bytes held of a body begun in parts, from its start; 0: none. held (may be NULL) receives the bytes. */
    uint32_t (*partial)(void *ctx, const struct log_id *log, uint64_t seq, struct bytes *held);

    /* The signing key and unit of a node whose admission (or founding) is held and stands. AUTHOR_UNKNOWN otherwise. */
    enum status (*node)(void *ctx, const struct node_id *node, uint8_t signing_key[32], struct unit_id *unit);

    /* Receipts about one log that a node of `peer` may hold too (section 8), by holder. */
    enum status (*each_receipt)(void *ctx, const struct unit_id *peer, const struct log_id *log, receipt_fn fn, void *arg);
    /* Receipts changed after version `since` that peer may hold, any log. */
    enum status (*each_receipt_since)(void *ctx, const struct unit_id *peer, uint64_t since, receipt_fn fn, void *arg);
    /* One receipt, and (bytes may be NULL) as it was signed. NOT_FOUND. */
    enum status (*receipt)(void *ctx, const struct node_id *holder, const struct log_id *log, struct receipt *out, struct signed_receipt *bytes);
    /* May a node of `unit` hold a receipt by `holder` about `log`? */
    bool (*may_hold_receipt)(void *ctx, const struct unit_id *unit, const struct node_id *holder, const struct log_id *log);
};

struct replica {
    const struct replica_ops *ops;
    void *ctx;
    const struct founding *founding; /* outlives every session */
    struct node_id self;
    struct unit_id unit;
};

/* What a session asks its driver to make durable. Entry hashes are computed and signatures, hashes and lengths verified already; bytes borrowed until the
 * step's outputs are consumed. Order matters: items are persisted in the order given, in one transaction. */
enum persist_kind {
    PERSIST_ENTRY = 1,
    PERSIST_BODY,
    PERSIST_PART,
    PERSIST_RECEIPT,
    PERSIST_FORK,
    PERSIST_BESIDE /* an entry of another branch than is held, up to the wanted one: kept beside the log until that is there, then in its place */
};
struct persist {
    uint8_t kind;
    struct log_id log;
    uint64_t seq;
    struct node_id peer;       /* ENTRY, BESIDE: who brought it */
    struct hash hash;          /* ENTRY, FORK, BESIDE: the entry's */
    struct entry entry;        /* ENTRY, FORK, BESIDE: header and signature, salt and body if they came; BODY: salt and body, whole and verified */
    uint32_t offset;           /* PART: where the part begins, at most what is held: what is held is cut there, the part appended. Never the last part: */
    struct bytes part, salt;   /* the engine puts the whole together, verifies it, gives a BODY, and what was begun goes away. Empty part: forget it */
    struct receipt receipt;    /* RECEIPT, decoded */
    struct signed_receipt receipt_bytes;
    bool ground;               /* ENTRY: of a log that the views do not let this node hold, taken as what refutes what they say */
    bool direct;               /* RECEIPT: the holder is the peer itself (replaces), else relayed (only raises) */
};

#endif
