/* Goal f: the most memory that a receiver ever has resident while it takes W, and ten times W. The receiver is a process of its own that reads the entries from
 * a pipe and holds one transaction's worth of them, as a session does. */
#include "tests/bench/bench.h"
#include "tests/bench/receiver.h"
#include "tests/bench/workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 10, ENTRY_BYTES_MAX = HEADER_BYTES_MAX + SIGNATURE_BYTES_MAX + SALT_BYTES + BODY_BYTES_MAX };

/* ---- the receiver ---- */

/* What goes before an entry's bytes. */
struct frame {
    struct log_id log;
    uint64_t seq;
    struct hash hash;
    size_t lens[4]; /* header, signature, salt, body */
};

static bool read_entry(struct buffer *memory, struct persist *out) {
    static uint8_t room[ENTRY_BYTES_MAX];
    struct frame frame;
    struct bytes *parts[] = {&out->entry.header, &out->entry.signature, &out->entry.salt, &out->entry.body};
    if (fread(&frame, sizeof frame, 1, stdin) != 1)
        return false;
    size_t len = frame.lens[0] + frame.lens[1] + frame.lens[2] + frame.lens[3], at = 0;
    bench_right(len <= sizeof room && fread(room, len, 1, stdin) == 1, "an entry from the pipe");
    buffer_clear(memory);
    bench_must(buffer_append(memory, room, len), "memory");
    out->kind = PERSIST_ENTRY;
    out->log = frame.log;
    out->seq = frame.seq;
    out->hash = frame.hash;
    for (size_t i = 0; i < 4; at += frame.lens[i], i++)
        *parts[i] = bytes_of(memory->data + at, frame.lens[i]);
    return true;
}

/* Says at the end, in a file beside the store, how much memory it took. */
static int receive(const char *dir, const char *result) {
    struct receiver receiver;
    struct persist items[AT_ONCE] = {0};
    struct buffer memory[AT_ONCE];
    size_t count = 0;
    bench_must(keys_init(), "libsodium");
    for (size_t i = 0; i < AT_ONCE; i++)
        buffer_init(&memory[i], ENTRY_BYTES_MAX);
    receiver_open(&receiver, dir);
    while (read_entry(&memory[count], &items[count])) {
        if (++count == AT_ONCE) {
            receiver_take(&receiver, items, count);
            count = 0;
        }
    }
    if (count > 0)
        receiver_take(&receiver, items, count);
    receiver_close(&receiver);
    for (size_t i = 0; i < AT_ONCE; i++)
        buffer_fini(&memory[i]);
    FILE *file = fopen(result, "w");
    bench_right(file != NULL && fprintf(file, "%lld\n", (long long)bench_memory_peak()) > 0 && fclose(file) == 0, "the result of the receiver");
    return 0;
}

/* ---- who sends ---- */

static void send_all(struct workload *workload, FILE *pipe) {
    const struct workload_shape *shape = &workload->shape;
    for (size_t i = 0; i < shape->units * shape->changesets; i++) {
        struct buffer memory;
        struct persist item;
        workload_next(workload, i / shape->changesets, &memory, &item);
        const struct entry *entry = &item.entry;
        const struct frame frame = {item.log, item.seq, item.hash, {entry->header.len, entry->signature.len, entry->salt.len, entry->body.len}};
        bench_right(fwrite(&frame, sizeof frame, 1, pipe) == 1 && fwrite(memory.data, memory.len, 1, pipe) == 1, "the receiver's pipe");
        buffer_fini(&memory);
    }
}

static double run_receiver(const struct bench *bench, const struct workload_shape *shape) {
    char dir[BENCH_PATH_BYTES], result[BENCH_PATH_BYTES], command[3 * BENCH_PATH_BYTES];
    struct workload workload;
    long long kilobytes = 0;
    bench_path(bench, "root", dir);
    bench_path(bench, "peak", result);
    workload_found(&workload, &(struct workload_place){.root = dir}, shape);
    (void)snprintf(command, sizeof command, "'%.150s' --receive '%s' '%s'", bench->program, dir, result);
    FILE *pipe = popen(command, "w");
    bench_right(pipe != NULL, "a receiver");
    send_all(&workload, pipe);
    bench_right(pclose(pipe) == 0, "the receiver's end");
    FILE *file = fopen(result, "r");
    bench_right(file != NULL && fscanf(file, "%lld", &kilobytes) == 1 && fclose(file) == 0, "the result of the receiver");
    workload_fini(&workload);
    bench_remove(dir);
    return (double)kilobytes * 1024 / 1e6;
}

int main(int argc, char **argv) {
    struct bench bench;
    if (argc == 4 && strcmp(argv[1], "--receive") == 0)
        return receive(argv[2], argv[3]);
    bench_begin(&bench, argc, argv);
    struct workload_shape shape = bench.smoke ? WORKLOAD_SMOKE : WORKLOAD_W;
    bench_row_bound("f", "peak memory of a receiver of W", "%.1f MB", run_receiver(&bench, &shape), bench.smoke ? 0 : 32);
    shape.units *= 10;
    bench_row_bound("f", "the same of ten times W", "%.1f MB", run_receiver(&bench, &shape), bench.smoke ? 0 : 32);
    return bench_end(&bench);
}
