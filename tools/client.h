/* How a verb asks the store (docs/control.md): over the control socket of a running hoid, else by opening the store itself under its lock. Tries both for 5
 * seconds, then says who holds it. Owns the connection; knows no verb. What goes wrong is told on standard error here, once: a verb only passes the status on.
 */
#ifndef TOOLS_CLIENT_H
#define TOOLS_CLIENT_H

#include "store/store.h"
#include "tools/options.h"

struct client {
    const struct command *command;
    int socket; /* -1: the store is open here */
    struct store *store;
    json_t *hello;     /* the answer to `hello`: who this node is */
    json_t *response;  /* the last response, whole */
    int64_t answer_ms; /* how long an answer may take */
};

/* out needs client_close also after an error. Says on every screen that this is a trial, where it is one. */
CHECKED enum status client_open(struct client *out, const struct command *command);
void client_close(struct client *client);
/* Sends one request; args is stolen (NULL: none). On OK *result is borrowed from the response, until the next request. A refusal is told. */
CHECKED enum status client_ask(struct client *client, const char *verb, json_t *args, json_t **result);
/* The same without a word about refusals of the store: the caller looks into client->response. What goes wrong on the way is told, and *told is set. */
CHECKED enum status client_request(struct client *client, const char *verb, json_t *args, bool *told);
/* How long an answer may take from now on; 0: the usual 10 minutes. */
void client_timeout(struct client *client, int64_t seconds);
bool client_practice(const struct client *client);

/* Open, ask, close. *result is a new reference, NULL on error. */
CHECKED enum status client_once(const struct command *command, const char *verb, json_t *args, json_t **result);

/* An object from pairs (key, string), ended by NULL; pairs whose value is NULL are left out. */
json_t *client_args(const char *key, ...);
/* Does a node live in the directory? False also where an init or join was broken off before it made one: there it may be tried again. */
bool client_node_lives(const struct command *command);
/* Does a hoid answer at this directory? */
bool client_daemon_runs(const struct command *command);

#endif
