/* A ZMTP 3.1 client with CURVE, written out by hand over a blocking socket, for hostile peers: it can send what no ZeroMQ library would. Loopback only. Asserts that
 * the other side answers the handshake as it must. */
#ifndef TESTS_E2E_CURVE_CLIENT_H
#define TESTS_E2E_CURVE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct curve_client {
    int fd;
    uint8_t public[32];            /* its long-term key: what the other side knows it by */
    uint8_t short_secret[32], peer_short[32], shared[32]; /* shared: by both short keys */
    uint64_t nonce;
};

struct curve_key {
    const uint8_t *public, *secret; /* 32 bytes each, borrowed during the call */
};

/* Greeting and HELLO go out at once; the long-term key is a new one. */
void curve_client_connect(struct curve_client *client, int port, const uint8_t server_key[32]);
/* The same with a key of one's own: one that the other side has admitted. */
void curve_client_connect_as(struct curve_client *client, int port, const uint8_t server_key[32], struct curve_key key);
/* The handshake in steps, each done when it returns true, so that one thread can play both sides. */
bool curve_client_shake(struct curve_client *client, const uint8_t server_key[32]);
/* Sends one frame of a message, sealed; more: further frames follow. Does not wait: false when the line takes no more now or is closed (*closed). */
bool curve_client_send(struct curve_client *client, const void *data, size_t len, bool more, bool *closed);
void curve_client_close(struct curve_client *client);

#endif
