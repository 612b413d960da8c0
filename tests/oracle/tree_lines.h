/* What a tree concludes, as lines of text (tests/oracle/lines.py, VIEWS). For programs whose conclusions are set beside the model's. */
#ifndef TESTS_ORACLE_TREE_LINES_H
#define TESTS_ORACLE_TREE_LINES_H

#include "store/tree.h"

#include <stdio.h>

struct lines {
    char **lines;
    size_t count;
};
__attribute__((format(printf, 2, 3))) void lines_say(struct lines *lines, const char *format, ...);
void lines_sort(struct lines *lines);
void lines_free(struct lines *lines);

void hex_print(FILE *out, const void *bytes, size_t len); /* lower-case digits */
const char *hex_text(const uint8_t *bytes, size_t len);   /* of an id or a hash; one of eight buffers, in turn */
#define HEX(id) hex_text((id)->b, sizeof(id)->b)

const char *lines_verdict(enum status verdict); /* the model's word for it */
void lines_nodes(struct lines *lines, const struct tree *tree);
void lines_units(struct lines *lines, const struct tree *tree); /* parents of today and ever, closings, names */
/* A log of a node that stands, or the recovery log: how far it stands, of `held` entries. The hash of the last of them is asked for. */
typedef const struct hash *lines_hash_fn(void *ctx, uint64_t seq);
void lines_log(struct lines *lines, const struct tree *tree, const struct log_id *log, uint64_t held, lines_hash_fn *hash_at, void *ctx);
/* A change of a control entry, if its author's judging met it. */
void lines_change(struct lines *lines, const struct tree *tree, int64_t entry, uint32_t place, const struct hash *hash);
/* An entry of class record or document; held: it is on the branch of its log that is held. */
void lines_entry(struct lines *lines, const struct tree *tree, const struct header *header, const struct hash *hash, bool held);

#endif
