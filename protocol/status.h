/* The one table of outcomes: every function that can fail returns one of these, every refusal a person sees carries its number.
 * Numbers are stable for ever (people read them out over the telephone); texts are the tool's. */
#ifndef PROTOCOL_STATUS_H
#define PROTOCOL_STATUS_H

/* X(name, number, exit status of the tool (0 done, 1 refused, 2 usage, 3 nobody answered in time, 4 store or disk failed), text for logs) */
#define STATUS_TABLE(X) \
    X(OK, 0, 0, "done") \
    /* 01xx: the call itself */ \
    X(NO_MEMORY, 101, 4, "out of memory") \
    X(USAGE, 102, 2, "wrong use") \
    X(TIMEOUT, 103, 3, "nobody answered in time") \
    X(NOT_FOUND, 104, 1, "not found") \
    X(UNKNOWN_REQUEST, 105, 1, "unknown request") \
    X(BAD_REQUEST, 106, 1, "malformed request") \
    X(TOO_LARGE, 107, 1, "larger than allowed") \
    X(BUSY, 108, 3, "busy") \
    X(INTERNAL, 109, 4, "internal error") \
    X(RIGHT_MISSING, 110, 1, "this account may not ask that here") \
    /* 02xx: bytes */ \
    X(MALFORMED, 201, 1, "not canonical or out of bounds") \
    X(TRUNCATED, 202, 1, "bytes end too early") \
    X(TRAILING, 203, 1, "bytes after the end") \
    X(VERSION_UNKNOWN, 204, 1, "version or suite unknown") \
    X(CRITICAL_EXTENSION, 205, 1, "critical extension unknown") \
    X(HASH_MISMATCH, 206, 1, "hash does not match") \
    X(SIGNATURE_BAD, 207, 1, "signature does not verify") \
    X(CHANGE_UNKNOWN, 208, 1, "change of an unknown kind") \
    X(COMPRESSION_BAD, 209, 1, "compressed data is damaged") \
    /* 03xx: trust and logs */ \
    X(ASSOCIATION_OTHER, 301, 1, "another association") \
    X(AUTHOR_UNKNOWN, 302, 1, "the author's admission is not held") \
    X(NOT_ENTITLED, 303, 1, "not entitled") \
    X(GAP, 304, 1, "an entry before this one is missing") \
    X(FORK, 305, 1, "another entry stands at this place") \
    X(OUTSIDE_AUTHORITY, 306, 1, "outside the author's authority") \
    X(LINE_BROKEN, 307, 1, "the line to the root is not known") \
    X(TOKEN_UNKNOWN, 308, 1, "token unknown or expired") \
    X(TOKEN_USED, 309, 1, "token used by another key") \
    X(TOKEN_MALFORMED, 310, 1, "token damaged") \
    X(KEY_DAMAGED, 311, 4, "key file damaged") \
    X(KEY_UNSAFE, 312, 1, "key file readable by others") \
    X(AUTHOR_CUT, 313, 1, "the author is cut off here") \
    X(REQUEST_ONLY, 314, 1, "about a senior: a request only") \
    X(HANDED_OVER, 315, 1, "written after the unit was handed over") \
    X(HANDOVER_EMPTY, 316, 1, "a handover without a move") \
    X(STRUCTURE_CYCLE, 317, 1, "would make a circle of units") \
    X(TOKEN_EXPIRED, 320, 1, "token expired") \
    X(JOIN_FILE_WRONG, 321, 1, "not the file of enrolment that is needed") \
    X(JOIN_OTHER_PC, 322, 1, "admission for another PC") \
    X(KEY_ELSEWHERE, 323, 1, "key admitted for another unit") \
    X(NODE_UNKNOWN, 325, 1, "node unknown") \
    X(RECOVERY_KEYS, 326, 1, "not the recovery keys that are needed") \
    X(RECOVERY_NONE, 327, 1, "no recovery keys were made") \
    X(KEY_REVOKED, 328, 1, "the key of this PC was revoked") \
    X(ROOT_OTHER, 324, 1, "another log of the root than was named") \
    X(PASSPHRASE_WRONG, 318, 1, "wrong passphrase") \
    X(PASSPHRASE_WEAK, 319, 1, "passphrase too short or too long") \
    /* 04xx: what people enter */ \
    X(UNIT_UNKNOWN, 401, 1, "unit unknown") \
    X(UNIT_AMBIGUOUS, 402, 1, "several units fit") \
    X(UNIT_OUTSIDE, 403, 1, "unit outside one's subtree") \
    X(UNIT_EXISTS, 404, 1, "code already in use") \
    X(LEVEL_UNKNOWN, 405, 1, "level unknown") \
    X(LEVEL_WRONG, 406, 1, "level does not fit") \
    X(FORM_UNKNOWN, 407, 1, "form unknown") \
    X(FORM_AMBIGUOUS, 408, 1, "several forms of that name") \
    X(FORM_INVALID, 409, 1, "form has mistakes") \
    X(FORM_CHANGED, 410, 1, "new version breaks what may not change") \
    X(FIELD_UNKNOWN, 411, 1, "field unknown") \
    X(PERIOD_INVALID, 412, 1, "not a period") \
    X(PERIOD_WRONG_KIND, 413, 1, "period does not fit the form") \
    X(VALUE_INVALID, 414, 1, "not a value of this type") \
    X(VALUE_RANGE, 415, 1, "value out of range") \
    X(VALUE_AMBIGUOUS, 416, 1, "number can be read two ways") \
    X(FIELD_COMPUTED, 417, 1, "field is computed") \
    X(ROW_NEEDED, 418, 1, "form needs a row key") \
    X(ROW_UNWANTED, 419, 1, "form has no rows") \
    X(UNIT_NOT_REPORTING, 420, 1, "units of this level do not report the form") \
    X(REASON_NEEDED, 421, 1, "a reason is needed") \
    X(RECORD_EXISTS, 422, 1, "record already begun") \
    X(RECORD_OVERTAKEN, 423, 1, "changed meanwhile") \
    X(FILE_REJECTED, 424, 1, "file has bad cells; nothing imported") \
    X(COLUMN_UNKNOWN, 425, 1, "column unknown") \
    X(SUM_OVERFLOW, 426, 1, "sum too large") \
    X(CODE_CHANGED_MEANING, 427, 1, "code meant another unit then") \
    X(SELECTOR_INVALID, 428, 1, "not a selector") \
    X(CONFIG_UNKNOWN, 429, 1, "setting unknown") \
    X(CONFIG_INVALID, 430, 1, "setting invalid") \
    X(TEXT_INVALID, 431, 1, "text is not UTF-8") \
    X(DATE_INVALID, 432, 1, "not a date") \
    X(HEADER_LINE_INVALID, 433, 1, "header line not understood") \
    X(CELL_DUPLICATE, 434, 1, "given twice") \
    X(REACH_NARROWED, 435, 1, "reach may not be narrowed") \
    /* 05xx: store and disk */ \
    X(STORE_MISSING, 501, 1, "no store in this directory") \
    X(STORE_EXISTS, 502, 1, "a store is already there") \
    X(STORE_LOCKED, 503, 3, "store in use by another process") \
    X(STORE_DAMAGED, 504, 4, "store damaged") \
    X(STORE_NEWER, 505, 1, "store written by a newer version") \
    X(DISK_FULL, 506, 4, "disk full") \
    X(DISK_ERROR, 507, 4, "disk error") \
    X(PERMISSION, 508, 4, "permission denied") \
    X(FILE_UNREADABLE, 509, 1, "file cannot be read") \
    X(FILE_UNWRITABLE, 510, 4, "file cannot be written") \
    X(BACKUP_INVALID, 511, 1, "no backup of a store") \
    X(BACKUP_OTHER, 512, 1, "backup of another node") \
    /* 06xx: other offices */ \
    X(NO_UPLINK, 601, 1, "no level above configured") \
    X(NO_DAEMON, 602, 3, "no daemon") \
    X(JOIN_REFUSED, 603, 1, "joining refused") \
    X(PEER_PROTOCOL, 604, 1, "peer broke the protocol") \
    X(ADDRESS_INVALID, 605, 1, "address invalid") \
    X(ALREADY_JOINED, 606, 1, "directory already belongs to a node") \
    X(ADDRESS_IN_USE, 607, 4, "address in use")

enum status {
#define STATUS_ENUM(name, number, exit_status, text) STATUS_##name = number,
    STATUS_TABLE(STATUS_ENUM)
#undef STATUS_ENUM
};

#define CHECKED __attribute__((warn_unused_result))

/* The name ("FORM_UNKNOWN"), the text for logs, and the tool's exit status (0 to 4) of a status; for a number not in the table "UNKNOWN", 4. */
const char *status_name(enum status status);
const char *status_text(enum status status);
int status_exit(enum status status);

#endif
