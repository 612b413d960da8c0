/* What request handlers share beside store/internal.h: reading arguments, dates, texts as people write them. */
#ifndef STORE_REQUEST_H
#define STORE_REQUEST_H

#include "store/internal.h"

/* Today in the association's time (UTC+7, whatever this PC's zone is): days since 1970-01-01. */
int32_t request_today(void);
/* A date argument, INT32_MIN where there is none. DATE_INVALID (refused). */
CHECKED enum status request_date(struct request *request, const char *key, int32_t *out);
/* The text of an argument, appended in NFC without blanks around it; absent: empty. The bounds are in bytes. Refuses: VALUE_INVALID with field, read and expected; TEXT_INVALID. */
struct text_bounds { const char *key; size_t min, max; };
CHECKED enum status request_clean(struct request *request, const struct text_bounds *bounds, struct buffer *out);
/* The same for text that is no argument: VALUE_INVALID, TEXT_INVALID without refusing. lines: line breaks and tabs are taken. */
CHECKED enum status request_clean_text(struct bytes text, const struct text_bounds *bounds, bool lines, struct buffer *out);
bool request_flag(const struct request *request, const char *key);                                 /* true only where it is true */
CHECKED enum status request_integer(struct request *request, const char *key, int64_t fallback, int64_t *out); /* BAD_REQUEST if it is none */
/* Level as people write it, number or name: LEVEL_UNKNOWN (refused). */
CHECKED enum status request_level(struct request *request, const char *text, unsigned *out);
/* The verbs there are, by number from 0, those that only a daemon serves too; NULL after the last. */
const char *request_verb_name(size_t at);
json_t *request_string(struct bytes text); /* new reference; NULL without memory */
json_t *request_hex_json(const void *bytes, size_t len);
/* NODE:KIND:EPOCH:SEQ:HASH (store/request_ref.c); the recovery log's entries are nobody's to name. False: it is none. */
bool request_ref(const char *text, struct ref *out);
enum status request_refuse_ref(struct request *request, const char *key, const char *text); /* returns VALUE_INVALID */
bool request_read_hex(const char **text, void *out, size_t len);                            /* 2 * len digits, which *text then is past; false: they are not there */

#endif
