/* The golden vectors: one fixed association, and for every structure of docs/protocol.md some of its values, as bytes and decoded.
 * Everything follows from names of seeds: no clock, no randomness, so that the same source writes the same file anywhere. */
#ifndef TESTS_GOLDEN_VECTORS_H
#define TESTS_GOLDEN_VECTORS_H

#include "protocol/message.h"
#include "protocol/put.h"

#include <jansson.h>

/* Ends the program with the status's name unless it is OK: a generator that cannot encode its own values has nothing to say. */
void vectors_must(enum status status, const char *what);

/* len bytes that follow from a seed's name. */
void vectors_fill(void *out, size_t len, const char *seed);
struct bytes vectors_text(const char *text);

/* The fixed association: founder at the root, one node each at province and commune. */
struct world {
    struct buffer statement;
    struct founding founding;
    struct node_keys recovery[3], founder, province, commune;
    struct unit_id province_unit, commune_unit;
    struct admission province_admission, commune_admission;
    struct node_id province_node, commune_node;
    uint8_t units_nonce[16]; /* of the body that creates the two units */
};
void vectors_world_init(struct world *world);
void vectors_world_fini(struct world *world);
struct log_id vectors_log(const struct node_id *node, uint8_t kind, const char *epoch);
struct ref vectors_ref(const struct log_id *log, uint64_t seq, const char *hash);

/* Appends {"name", "structure", "bytes", "association", "decoded"}; the object returned belongs to the list and takes more facts. */
json_t *vectors_add(json_t *list, const struct world *world, const char *name, const char *structure, struct bytes bytes);
void vectors_fact(json_t *vector, const char *name, const void *data, size_t len); /* as hex */
json_t *vectors_render(struct bytes canonical);

/* The vectors by subject. */
void vectors_add_identity(json_t *list, const struct world *world); /* founding statements, headers, receipts */
void vectors_add_changes(json_t *list, const struct world *world);  /* payloads and bodies */
void vectors_add_trust(json_t *list, const struct world *world);    /* what moves trust and structure: payloads, bodies, a recovery entry */
void vectors_add_puts(json_t *list, const struct world *world);
void vectors_add_messages(json_t *list, const struct world *world); /* messages, enrolment, token */

#endif
