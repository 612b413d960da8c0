/* The words of a form file and their numbers in the format (docs/protocol.md 5.4): one table each way. */
#ifndef STORE_FORM_WORDS_H
#define STORE_FORM_WORDS_H

#include <stdint.h>

struct form_word {
    const char *word;
    uint8_t number;
};
/* Each ended by a NULL word. */
extern const struct form_word form_words_type[], form_words_units[], form_words_time[], form_words_period[], form_words_window[], form_words_policy[];

/* -1: no such word. */
int form_words_number(const struct form_word *words, const char *word);
/* "" for a number without a word. */
const char *form_words_text(const struct form_word *words, uint8_t number);

#endif
