/* What is said of an entry in words, wherever one is shown: who wrote it, as it claims, and how far it has got, as receipts prove. */
#ifndef TOOLS_ENTRY_WORDS_H
#define TOOLS_ENTRY_WORDS_H

#include <jansson.h>
#include <stdbool.h>

/* "given as Nguyễn Thị Lan, chair (account lan)", of an entry with a "person"; NULL where it has none. malloc. */
char *entry_words_person(const json_t *entry);
/* The farthest stage of an entry with a "way" (docs/control.md); whole: every unit on the way, the nearest first. self: this node's id: what it wrote and no
 * receipt speaks of waits here. malloc. */
char *entry_words_way(const json_t *entry, const char *self, bool whole);
/* The "changes" of an entry: "figures: members 2025-06", or "unit created ×12" where many of one kind stand in a row; empty where there are none. malloc. */
char *entry_words_changes(const json_t *changes);

#endif
