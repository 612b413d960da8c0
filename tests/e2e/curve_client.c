#include "tests/e2e/curve_client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GREETING = 64, WELCOME = 2 + 168, COOKIE = 96, FRAME_MAX = 512 * 1024, SHORT_MAX = 255 };

/* State of the handshake between calls of curve_client_shake; one client at a time is all that tests need. */
static uint8_t secret[32], short_public[32];
static unsigned step;

static void send_all(int fd, const void *data, size_t len) {
    for (const uint8_t *at = data; len > 0;) {
        ssize_t gone = send(fd, at, len, MSG_NOSIGNAL);
        assert(gone > 0);
        at += gone;
        len -= (size_t)gone;
    }
}

/* Has so much arrived? Then takes it. */
static bool receive(int fd, uint8_t *out, size_t len) {
    if (recv(fd, out, len, MSG_PEEK | MSG_DONTWAIT) < (ssize_t)len) {
        return false;
    }
    return recv(fd, out, len, 0) == (ssize_t)len;
}

/* "prefix" and a counter of 8 bytes make the nonce; the counter stands in the frame. */
static void nonce_make(uint8_t nonce[24], const char prefix[17], uint64_t counter, uint8_t shown[8]) {
    memcpy(nonce, prefix, 16);
    for (size_t i = 0; i < 8; i++) {
        nonce[16 + i] = shown[i] = (uint8_t)(counter >> (56 - 8 * i));
    }
}

static void send_command(int fd, const uint8_t *body, size_t len) {
    uint8_t frame[SHORT_MAX + 9] = {len > SHORT_MAX ? 0x06 : 0x04};
    size_t head = 2;
    frame[1] = (uint8_t)len;
    if (len > SHORT_MAX) {
        memset(frame + 1, 0, 8);
        frame[7] = (uint8_t)(len >> 8);
        frame[8] = (uint8_t)len;
        head = 9;
    }
    send_all(fd, frame, head);
    send_all(fd, body, len);
}

void curve_client_connect(struct curve_client *client, int port, const uint8_t server_key[32]) {
    uint8_t long_public[32], long_secret[32];
    crypto_box_keypair(long_public, long_secret);
    curve_client_connect_as(client, port, server_key, (struct curve_key){long_public, long_secret});
}

void curve_client_connect_as(struct curve_client *client, int port, const uint8_t server_key[32], struct curve_key key) {
    *client = (struct curve_client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .nonce = 1};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert(client->fd >= 0 && connect(client->fd, (const struct sockaddr *)&to, sizeof to) == 0);
    uint8_t greeting[GREETING] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1, 'C', 'U', 'R', 'V', 'E'};
    send_all(client->fd, greeting, sizeof greeting);
    memcpy(client->public, key.public, 32);
    memcpy(secret, key.secret, 32);
    crypto_box_keypair(short_public, client->short_secret);
    uint8_t hello[200] = {5, 'H', 'E', 'L', 'L', 'O', 1, 0}, nonce[24], zeroes[64] = {0};
    memcpy(hello + 80, short_public, 32);
    nonce_make(nonce, "CurveZMQHELLO---", client->nonce++, hello + 112);
    int rc = crypto_box_easy(hello + 120, zeroes, sizeof zeroes, nonce, server_key, client->short_secret);
    assert(rc == 0);
    send_command(client->fd, hello, sizeof hello);
    step = 0;
}

/* WELCOME gives the other side's short-term key and a cookie; INITIATE sends the cookie back with the long-term key and a vouch for the short-term one. */
static void initiate(struct curve_client *client, const uint8_t *welcome, const uint8_t server_key[32]) {
    static const uint8_t METADATA[] = "\x0bSocket-Type\0\0\0\x06"
                                      "DEALER";
    uint8_t nonce[24], opened[32 + COOKIE];
    memcpy(nonce, "WELCOME-", 8);
    memcpy(nonce + 8, welcome + 8, 16);
    int rc = crypto_box_open_easy(opened, welcome + 24, 16 + sizeof opened, nonce, server_key, client->short_secret);
    assert(rc == 0);
    memcpy(client->peer_short, opened, 32);
    rc = crypto_box_beforenm(client->shared, client->peer_short, client->short_secret);
    assert(rc == 0);
    uint8_t vouched[64], plain[32 + 16 + 80 + sizeof METADATA - 1], command[9 + COOKIE + 8 + 16 + sizeof plain] = {8, 'I', 'N', 'I', 'T', 'I', 'A', 'T', 'E'};
    memcpy(vouched, short_public, 32);
    memcpy(vouched + 32, server_key, 32);
    memcpy(plain, client->public, 32);
    memcpy(nonce, "VOUCH---", 8);
    randombytes_buf(nonce + 8, 16);
    memcpy(plain + 32, nonce + 8, 16);
    rc = crypto_box_easy(plain + 48, vouched, sizeof vouched, nonce, client->peer_short, secret);
    assert(rc == 0);
    memcpy(plain + 128, METADATA, sizeof METADATA - 1);
    memcpy(command + 9, opened + 32, COOKIE);
    nonce_make(nonce, "CurveZMQINITIATE", client->nonce++, command + 9 + COOKIE);
    rc = crypto_box_easy(command + 9 + COOKIE + 8, plain, sizeof plain, nonce, client->peer_short, client->short_secret);
    assert(rc == 0);
    send_command(client->fd, command, sizeof command);
}

bool curve_client_shake(struct curve_client *client, const uint8_t server_key[32]) {
    uint8_t bytes[WELCOME];
    if (step == 0 && receive(client->fd, bytes, GREETING)) {
        step = 1;
    }
    if (step == 1 && receive(client->fd, bytes, WELCOME)) {
        assert(memcmp(bytes + 2, "\x07WELCOME", 8) == 0);
        initiate(client, bytes + 2, server_key);
        step = 2;
    }
    if (step == 2 && receive(client->fd, bytes, 8)) { /* READY, or an ERROR that says why not */
        assert(memcmp(bytes + 2, "\x05READY", 6) == 0);
        step = 3;
    }
    return step == 3;
}

bool curve_client_send(struct curve_client *client, const void *data, size_t len, bool more, bool *closed) {
    static uint8_t plain[FRAME_MAX + 1], frame[9 + 16 + 16 + FRAME_MAX + 1];
    uint8_t nonce[24];
    /* The other side's end is seen at once: with its window shut, TCP would say so after a minute. */
    struct pollfd writable = {.fd = client->fd, .events = POLLOUT | POLLRDHUP};
    *closed = false;
    if (len > FRAME_MAX || poll(&writable, 1, 0) != 1) {
        return false;
    }
    if ((writable.revents & (POLLRDHUP | POLLERR | POLLHUP)) != 0) {
        *closed = true;
        return false;
    }
    plain[0] = more ? 1 : 0;
    memcpy(plain + 1, data, len);
    size_t body = 16 + 16 + 1 + len;
    frame[0] = 0x02;
    for (size_t i = 0; i < 8; i++) {
        frame[1 + i] = (uint8_t)(body >> (56 - 8 * i));
    }
    memcpy(frame + 9, "\x07MESSAGE", 8);
    nonce_make(nonce, "CurveZMQMESSAGEC", client->nonce++, frame + 17);
    int rc = crypto_box_easy_afternm(frame + 25, plain, len + 1, nonce, client->shared);
    assert(rc == 0);
    for (size_t at = 0; at < 9 + body;) {
        ssize_t gone = send(client->fd, frame + at, 9 + body - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (gone < 0 && errno == EAGAIN && poll(&writable, 1, -1) == 1 && (writable.revents & (POLLRDHUP | POLLERR | POLLHUP)) == 0) {
            continue;
        }
        if (gone <= 0) {
            *closed = true;
            return false;
        }
        at += (size_t)gone;
    }
    return true;
}

void curve_client_close(struct curve_client *client) {
    close(client->fd);
    client->fd = -1;
}
