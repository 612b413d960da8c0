/* One message without end, from a peer with a good key: after a whole message, which shows the key to be admitted, part after part with the mark that more will
 * come, as fast as the other side takes them. No ZeroMQ library would send that.
 *
 *   endless PART_BYTES BYTES_MAX <KEYS
 *
 * Standard input: the port on the loopback, then in hex the server's transport key, the own public and secret one, and the message to begin with, a line each.
 * Prints the bytes sent and the milliseconds until the connection was closed; exit status 1: it was not, though BYTES_MAX had gone. */
#include "tests/e2e/curve_client.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE_BYTES = 8192, PART_BYTES_MAX = 512 * 1024, PATIENCE_S = 120 };

static double now_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t read_hex(uint8_t *out, size_t max) {
    static char line[LINE_BYTES];
    size_t len;
    if (fgets(line, sizeof line, stdin) == NULL || sodium_hex2bin(out, max, line, strlen(line), "\n", &len, NULL) != 0) {
        fputs("endless: standard input is not as it must be\n", stderr);
        exit(2);
    }
    return len;
}

int main(int argc, char **argv) {
    static uint8_t part[PART_BYTES_MAX], hello[LINE_BYTES / 2];
    uint8_t server[32], public[32], secret[32];
    char line[32];
    size_t part_bytes = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    unsigned long long bytes_max = argc == 3 ? strtoull(argv[2], NULL, 10) : 0, sent = 0;
    if (part_bytes == 0 || part_bytes > sizeof part || bytes_max == 0 || sodium_init() < 0 || fgets(line, sizeof line, stdin) == NULL) {
        fputs("usage: endless PART_BYTES BYTES_MAX\n", stderr);
        return 2;
    }
    read_hex(server, sizeof server);
    read_hex(public, sizeof public);
    read_hex(secret, sizeof secret);
    size_t hello_len = read_hex(hello, sizeof hello);

    struct curve_client client;
    bool closed = false;
    double began = now_s(), end = began + PATIENCE_S;
    curve_client_connect_as(&client, atoi(line), server, (struct curve_key){public, secret});
    while (!curve_client_shake(&client, server) && now_s() < end) {}
    while (!curve_client_send(&client, hello, hello_len, false, &closed) && !closed && now_s() < end) {}
    while (!closed && sent < bytes_max && now_s() < end) {
        sent += curve_client_send(&client, part, part_bytes, true, &closed) ? part_bytes : 0;
    }
    printf("%llu %.0f\n", sent, (now_s() - began) * 1000);
    curve_client_close(&client);
    return closed ? 0 : 1;
}
