/* What the link of hoi is measured against: the least that could keep two offices in step, in one file. Two processes. The sender signs change-sets and sends
 * them, packed, ten to a message, over CURVE from a DEALER; the receiver, a ROUTER, verifies signatures, hashes and chains and inserts entries and packed rows
 * with SQLite, a message a transaction, durably, and answers. No rules, no authority, no entitlement, no state to compare, no restart, no second try.
 *
 *   proto_link DIR UNITS CHANGESETS ROWS LISTEN_PORT DIAL_PORT
 *
 * DIAL_PORT is LISTEN_PORT, or that of a proxy before it. Prints two durations in seconds, until the last answer is in: from the sender's connect, and from its
 * first change-set on, over a line that was open. */
#include "tests/bench/workload.h"

#include <arpa/inet.h>
#include <limits.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>
#include <zstd.h>

enum {
    AT_ONCE = 10, /* change-sets a message, and a transaction: as the bare loop of bench_apply.c has them */
    LEVEL = 3,
    KEY_BYTES = 32,
    SIGNATURE_BYTES = 64,
    SALT_BYTES_HERE = 32,
    VALUE_BYTES_MAX = 9,
    MESSAGE_MAX = 1 << 20,
    CACHE_KIB = 4096 /* as the store's */
};

/* What is signed of a change-set. */
struct head {
    uint32_t unit, seq, period, body_bytes;
    uint8_t before[KEY_BYTES], body[KEY_BYTES];
};
struct sides {
    uint8_t server_public[KEY_BYTES], server_secret[KEY_BYTES], client_public[KEY_BYTES], client_secret[KEY_BYTES];
    uint8_t signing_public[crypto_sign_PUBLICKEYBYTES], signing_secret[crypto_sign_SECRETKEYBYTES];
    const char *dir;
    struct workload_shape shape;
    int listen_port, dial_port;
};

static void need(bool fine, const char *what) {
    if (!fine) {
        fprintf(stderr, "proto_link: %s\n", what);
        exit(1);
    }
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void hash_of(uint8_t out[KEY_BYTES], const void *bytes, size_t len) {
    crypto_generichash(out, KEY_BYTES, bytes, len, NULL, 0);
}

/* ---- change-sets: head, signature, salt, then of each row its key's length, key, its values' length, values as msgpack ---- */

static size_t put_integer(uint8_t *out, uint64_t value) {
    if (value < 0x80) {
        out[0] = (uint8_t)value;
        return 1;
    }
    int bytes = value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
    out[0] = (uint8_t)(bytes == 1 ? 0xcc : bytes == 2 ? 0xcd : bytes == 4 ? 0xce : 0xcf);
    for (int i = 0; i < bytes; i++) {
        out[1 + i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
    return 1 + (size_t)bytes;
}

static size_t put_rows(const struct workload_shape *shape, size_t unit, size_t changeset, uint8_t *out) {
    uint8_t *at = out;
    for (size_t row = 0; row < shape->rows; row++) {
        char key[WORKLOAD_ROW_BYTES + 1];
        (void)workload_key(changeset, row, key);
        *at++ = WORKLOAD_ROW_BYTES;
        memcpy(at, key, WORKLOAD_ROW_BYTES);
        at += WORKLOAD_ROW_BYTES;
        uint8_t *len = at++;
        for (size_t field = 0; field < WORKLOAD_FIELDS; field++) {
            at += put_integer(at, (uint64_t)workload_value(shape, unit, changeset, row, field, false));
        }
        *len = (uint8_t)(at - len - 1);
    }
    return (size_t)(at - out);
}

/* All bodies, before the clock starts. */
struct bodies {
    uint8_t **body;
    size_t *len;
    size_t count;
};

static struct bodies make_bodies(const struct workload_shape *shape) {
    struct bodies bodies = {.count = shape->units * shape->changesets};
    bodies.body = calloc(bodies.count, sizeof *bodies.body);
    bodies.len = calloc(bodies.count, sizeof *bodies.len);
    need(bodies.body != NULL && bodies.len != NULL, "memory");
    for (size_t i = 0; i < bodies.count; i++) {
        bodies.body[i] = malloc(SALT_BYTES_HERE + shape->rows * (WORKLOAD_ROW_BYTES + 2 + WORKLOAD_FIELDS * VALUE_BYTES_MAX));
        need(bodies.body[i] != NULL, "memory");
        randombytes_buf(bodies.body[i], SALT_BYTES_HERE);
        bodies.len[i] = SALT_BYTES_HERE + put_rows(shape, i / shape->changesets, i % shape->changesets, bodies.body[i] + SALT_BYTES_HERE);
    }
    return bodies;
}

/* ---- sending ---- */

static void *socket_of(void *context, const struct sides *sides, bool serves) {
    void *socket = zmq_socket(context, serves ? ZMQ_ROUTER : ZMQ_DEALER);
    int yes = 1, none = 0;
    need(socket != NULL, "socket");
    zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof none);
    if (serves) {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &yes, sizeof yes);
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, sides->server_secret, KEY_BYTES);
    } else {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, sides->server_public, KEY_BYTES);
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, sides->client_public, KEY_BYTES);
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, sides->client_secret, KEY_BYTES);
    }
    char address[64];
    snprintf(address, sizeof address, "tcp://127.0.0.1:%d", serves ? sides->listen_port : sides->dial_port);
    need((serves ? zmq_bind(socket, address) : zmq_connect(socket, address)) == 0, "address");
    return socket;
}

static size_t put_changeset(const struct sides *sides, const struct bodies *bodies, size_t i, uint8_t before[KEY_BYTES], uint8_t *out) {
    size_t changesets = sides->shape.changesets;
    struct head head = {
        (uint32_t)(i / changesets), (uint32_t)(i % changesets + 1), (uint32_t)(WORKLOAD_FIRST_MONTH + i % changesets), (uint32_t)bodies->len[i], {0}, {0}};
    if (head.seq > 1) {
        memcpy(head.before, before, KEY_BYTES);
    }
    hash_of(head.body, bodies->body[i], bodies->len[i]);
    hash_of(before, &head, sizeof head);
    memcpy(out, &head, sizeof head);
    crypto_sign_detached(out + sizeof head, NULL, out, sizeof head, sides->signing_secret);
    memcpy(out + sizeof head + SIGNATURE_BYTES, bodies->body[i], bodies->len[i]);
    return sizeof head + SIGNATURE_BYTES + bodies->len[i];
}

static void await_answer(void *socket, uint32_t *stored) {
    need(zmq_recv(socket, stored, sizeof *stored, 0) == (int)sizeof *stored, "answer");
}

static void send_all(const struct sides *sides) {
    struct bodies bodies = make_bodies(&sides->shape);
    uint8_t *raw = malloc(MESSAGE_MAX), *packed = malloc(ZSTD_compressBound(MESSAGE_MAX)), before[KEY_BYTES] = {0};
    uint32_t stored = 0;
    need(raw != NULL && packed != NULL, "memory");
    void *context = zmq_ctx_new();
    double dialled = seconds();
    void *socket = socket_of(context, sides, false);
    need(zmq_send(socket, "", 0, 0) == 0, "hello");
    await_answer(socket, &stored);
    double opened = seconds();
    for (size_t i = 0; i < bodies.count;) {
        size_t len = 0;
        for (size_t end = i + AT_ONCE; i < end && i < bodies.count; i++) {
            need(len + sizeof(struct head) + SIGNATURE_BYTES + bodies.len[i] <= MESSAGE_MAX, "message");
            len += put_changeset(sides, &bodies, i, before, raw + len);
        }
        size_t packed_len = ZSTD_compress(packed, ZSTD_compressBound(MESSAGE_MAX), raw, len, LEVEL);
        need(zmq_send(socket, packed, packed_len, 0) == (int)packed_len, "send");
    }
    while (stored < bodies.count) {
        await_answer(socket, &stored);
    }
    double ended = seconds();
    printf("%.6f %.6f\n", ended - dialled, ended - opened);
    zmq_close(socket);
    zmq_ctx_term(context);
    for (size_t i = 0; i < bodies.count; i++) {
        free(bodies.body[i]);
    }
    free(bodies.body);
    free(bodies.len);
    free(raw);
    free(packed);
}

/* ---- receiving ---- */

struct table {
    sqlite3 *db;
    sqlite3_stmt *begin, *commit, *entry, *record;
};

static sqlite3_stmt *prepared(sqlite3 *db, const char *sql) {
    sqlite3_stmt *stmt;
    need(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK, sql);
    return stmt;
}

static void run(sqlite3_stmt *stmt) {
    need(sqlite3_step(stmt) == SQLITE_DONE && sqlite3_reset(stmt) == SQLITE_OK, "sqlite");
}

static void open_table(struct table *table, const char *dir) {
    char path[PATH_MAX], cache[64];
    snprintf(path, sizeof path, "%s/proto.db", dir);
    snprintf(cache, sizeof cache, "PRAGMA cache_size=-%d", CACHE_KIB);
    need(sqlite3_open(path, &table->db) == SQLITE_OK, path);
    const char *const script[] = {"PRAGMA locking_mode=EXCLUSIVE",
                                  "PRAGMA journal_mode=WAL",
                                  "PRAGMA synchronous=FULL",
                                  cache,
                                  "CREATE TABLE entry(unit INTEGER, seq INTEGER, hash BLOB, head BLOB, signature BLOB, body BLOB, PRIMARY KEY(unit, seq))",
                                  "CREATE TABLE record(period INTEGER, unit INTEGER, row TEXT, state BLOB, PRIMARY KEY(period, unit, row)) WITHOUT ROWID"};
    for (size_t i = 0; i < sizeof script / sizeof script[0]; i++) {
        need(sqlite3_exec(table->db, script[i], NULL, NULL, NULL) == SQLITE_OK, script[i]);
    }
    table->begin = prepared(table->db, "BEGIN IMMEDIATE");
    table->commit = prepared(table->db, "COMMIT");
    table->entry = prepared(table->db, "INSERT INTO entry VALUES(?, ?, ?, ?, ?, ?)");
    table->record = prepared(table->db, "INSERT INTO record VALUES(?, ?, ?, ?)");
}

static void close_table(struct table *table) {
    sqlite3_stmt *all[] = {table->begin, table->commit, table->entry, table->record};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        sqlite3_finalize(all[i]);
    }
    sqlite3_close(table->db);
}

static void insert_rows(struct table *table, const struct head *head, const uint8_t *at, const uint8_t *end) {
    sqlite3_bind_int64(table->record, 1, head->period);
    sqlite3_bind_int64(table->record, 2, head->unit);
    while (at < end) {
        const uint8_t *key = at + 1, *values = key + at[0] + 1;
        need(values <= end && values[-1] <= end - values, "row");
        sqlite3_bind_text(table->record, 3, (const char *)key, at[0], SQLITE_STATIC);
        sqlite3_bind_blob(table->record, 4, values, values[-1], SQLITE_STATIC);
        run(table->record);
        at = values + values[-1];
    }
}

/* One change-set; where the next one begins. */
static const uint8_t *take_changeset(struct table *table, const struct sides *sides, uint8_t (*before)[KEY_BYTES], const uint8_t *at, const uint8_t *end) {
    struct head head;
    uint8_t body_hash_here[KEY_BYTES], hash[KEY_BYTES];
    const uint8_t *signature = at + sizeof head, *body = signature + SIGNATURE_BYTES;
    need(body <= end, "changeset");
    memcpy(&head, at, sizeof head);
    need(head.unit < sides->shape.units && head.body_bytes <= end - body && head.body_bytes >= SALT_BYTES_HERE, "head");
    need(crypto_sign_verify_detached(signature, at, sizeof head, sides->signing_public) == 0, "signature");
    hash_of(body_hash_here, body, head.body_bytes);
    hash_of(hash, at, sizeof head);
    need(memcmp(body_hash_here, head.body, KEY_BYTES) == 0 && memcmp(before[head.unit], head.before, KEY_BYTES) == 0, "hash");
    memcpy(before[head.unit], hash, KEY_BYTES);
    sqlite3_bind_int64(table->entry, 1, head.unit);
    sqlite3_bind_int64(table->entry, 2, head.seq);
    sqlite3_bind_blob(table->entry, 3, hash, sizeof hash, SQLITE_STATIC);
    sqlite3_bind_blob(table->entry, 4, &head, sizeof head, SQLITE_STATIC);
    sqlite3_bind_blob(table->entry, 5, signature, SIGNATURE_BYTES, SQLITE_STATIC);
    sqlite3_bind_blob(table->entry, 6, body, (int)head.body_bytes, SQLITE_STATIC);
    run(table->entry);
    insert_rows(table, &head, body + SALT_BYTES_HERE, body + head.body_bytes);
    return body + head.body_bytes;
}

static void receive_all(const struct sides *sides) {
    struct table table;
    uint8_t *raw = malloc(MESSAGE_MAX), (*before)[KEY_BYTES] = calloc(sides->shape.units, sizeof *before), who[256];
    uint32_t stored = 0, total = (uint32_t)(sides->shape.units * sides->shape.changesets);
    need(raw != NULL && before != NULL, "memory");
    open_table(&table, sides->dir);
    void *context = zmq_ctx_new(), *socket = socket_of(context, sides, true);
    zmq_msg_t message;
    zmq_msg_init(&message);
    while (stored < total) {
        int who_len = zmq_recv(socket, who, sizeof who, 0);
        need(who_len > 0 && zmq_msg_recv(&message, socket, 0) >= 0, "receive");
        if (zmq_msg_size(&message) > 0) {
            size_t len = ZSTD_decompress(raw, MESSAGE_MAX, zmq_msg_data(&message), zmq_msg_size(&message));
            need(!ZSTD_isError(len), "packing");
            run(table.begin);
            for (const uint8_t *at = raw; at < raw + len; stored++) {
                at = take_changeset(&table, sides, before, at, raw + len);
            }
            run(table.commit);
        }
        need(zmq_send(socket, who, (size_t)who_len, ZMQ_SNDMORE) >= 0 && zmq_send(socket, &stored, sizeof stored, 0) >= 0, "answer");
    }
    zmq_msg_close(&message);
    const int patience_ms = 10000;
    zmq_setsockopt(socket, ZMQ_LINGER, &patience_ms, sizeof patience_ms);
    zmq_close(socket);
    zmq_ctx_term(context);
    close_table(&table);
    free(raw);
    free(before);
}

static void make_keys(struct sides *sides) {
    crypto_box_keypair(sides->server_public, sides->server_secret);
    crypto_box_keypair(sides->client_public, sides->client_secret);
    crypto_sign_keypair(sides->signing_public, sides->signing_secret);
}

int main(int argc, char **argv) {
    struct sides sides;
    int status;
    need(argc == 7, "usage: see the head of tests/bench/proto_link.c");
    need(sodium_init() >= 0, "libsodium");
    sides = (struct sides){.dir = argv[1],
                           .shape = {strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10)},
                           .listen_port = atoi(argv[5]),
                           .dial_port = atoi(argv[6])};
    make_keys(&sides);
    pid_t receiver = fork();
    need(receiver >= 0, "fork");
    if (receiver == 0) {
        receive_all(&sides);
        return 0;
    }
    struct timespec start = {.tv_nsec = 300 * 1000 * 1000}; /* for the receiver to make its tables and to listen */
    nanosleep(&start, NULL);
    send_all(&sides);
    need(waitpid(receiver, &status, 0) == receiver && status == 0, "the receiver failed");
    return 0;
}
