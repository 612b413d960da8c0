/* The words of a form file (store/form_words.h) as people read them. */
#ifndef TOOLS_FORM_TEXT_H
#define TOOLS_FORM_TEXT_H

/* "quarter" as "quý", "sum" as "cộng"; a word without a translation is returned as it is. */
const char *form_text_word(const char *word);

#endif
