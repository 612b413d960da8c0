/* What the people of one PC may ask of its node: a list of rights for each account, kept among the settings (`hoi config local.ACCOUNT RIGHTS`), and which of
 * them each request needs. Knows accounts and requests, no socket. These rights are this PC's own affair: no other office sees them, and what a node may write
 * is judged elsewhere (store/tree.h). */
#ifndef STORE_LOCAL_RIGHT_H
#define STORE_LOCAL_RIGHT_H

#include "store/request.h"

/* Bits. Whoever has any right may read. */
enum local_right {
    RIGHT_READ = 1 << 0,
    RIGHT_ENTER = 1 << 1,
    RIGHT_SUBMIT = 1 << 2,
    RIGHT_LOCK = 1 << 3,
    RIGHT_SEND = 1 << 4,
    RIGHT_FORM = 1 << 5,
    RIGHT_UNIT = 1 << 6,
    RIGHT_INVITE = 1 << 7,
    RIGHT_REVOKE = 1 << 8,
    RIGHT_EXPORT = 1 << 9,
    RIGHT_CONFIG = 1 << 10,
    RIGHT_CARE = 1 << 11,
    RIGHT_OWNER = 1 << 12 /* the owner of the directory and root alone: nobody can be given it */
};
enum {
    RIGHTS_NONE = 0,
    RIGHTS_GIVEN = RIGHT_OWNER - 1,
    RIGHTS_OWNER = RIGHT_OWNER | RIGHTS_GIVEN,
    RIGHTS_MEMBER = RIGHT_READ | RIGHT_ENTER,
    LOCAL_RIGHT_TEXT_BYTES = 128
};

/* The rights that a request needs: RIGHTS_NONE for `hello` (who is this?). A verb without a line in the table needs RIGHT_OWNER, so that a forgotten one is
 * shut and not open. */
unsigned local_right_needed(const char *verb, const json_t *args);
bool local_right_named(const char *verb); /* has the verb a line in the table? */
/* The rights of whoever asks. The owner of the directory and root: all. Else those set for the account, else those of a member of the group, else none. */
CHECKED enum status local_right_of(struct store *store, const struct store_caller *caller, unsigned *out);
/* OK, or RIGHT_MISSING with args account, request, right (the word), owner (the directory's), give (what to set, to give it). */
CHECKED enum status local_right_check(struct store *store, const struct store_caller *caller, const char *verb, const json_t *args, json_t **refusal);

/* ---- settings ---- */

#define LOCAL_RIGHT_KEY "local."
bool local_right_key(const char *key); /* "local." and an account's name */
/* "read,enter", "all" or "none". False: a word that is none, or none at all. */
bool local_right_parse(const char *text, unsigned *out);
/* The request `config` for such a key: sets (value NULL: not; empty: takes away) and shows. CONFIG_INVALID. And all that are set, added to an object. */
enum status local_right_config(struct request *request, const char *key, const char *value);
CHECKED enum status local_right_list(struct store *store, json_t *shown);
void local_right_text(char out[LOCAL_RIGHT_TEXT_BYTES], unsigned rights); /* in the table's order; "all", "none" */

#endif
