/* The changes in a body (docs/protocol.md 4.2, 5, 7): kinds, classes, and the shapes of unit, unit-set, admission, form, level table, document.
 * The put and the person have files of their own (protocol/put.h, protocol/person.h). Decoding checks shape and bounds only; authority is judged elsewhere. */
#ifndef PROTOCOL_CHANGE_H
#define PROTOCOL_CHANGE_H

#include "protocol/changeset.h"

enum change_kind {
    CHANGE_UNIT = 1,
    CHANGE_UNIT_SET,
    CHANGE_MOVE,
    CHANGE_CLOSE,
    CHANGE_SAME,
    CHANGE_HANDOVER,
    CHANGE_ADMISSION,
    CHANGE_REVOCATION,
    CHANGE_PIN,
    CHANGE_FORK_DECISION,
    CHANGE_FORM,
    CHANGE_LEVEL_TABLE,
    CHANGE_TERM_TABLE,
    CHANGE_FORM_ASSIGNMENT,
    CHANGE_LOCK,
    CHANGE_UNLOCK,
    CHANGE_RETURN,
    CHANGE_ERASE,
    CHANGE_CALL,
    CHANGE_FEATURE_LEVEL,
    CHANGE_ADOPT,
    CHANGE_ACCEPT,
    CHANGE_PUT = 64,
    CHANGE_SUBMISSION,
    CHANGE_EXTRACT,
    CHANGE_OBJECTION,
    CHANGE_RECORD_PERSON,
    CHANGE_DOCUMENT = 96,
    CHANGE_READ,
    CHANGE_DONE,
    CHANGE_WITHDRAWAL,
    CHANGE_REASON,
    CHANGE_DOCUMENT_PERSON
};

/* The class a kind belongs to (1-63, 64-95, 96-127), known or not; 0 for any other number. */
uint8_t change_class(uint64_t kind);
/* Has this version a shape for the kind (sections 5 to 7)? */
bool change_known(uint64_t kind);

/* ---- bodies ---- */

/* Walks the changes of a body: body_open, then body_next until false, then body_close. Borrowed from the body's bytes. */
struct body_reader {
    struct reader reader;
    uint8_t cls;
    bool has_nonce, person_seen; /* behind the person of a body nothing stands */
    uint8_t nonce[16];
    size_t count, place;
};
struct change {
    uint64_t kind;
    uint32_t place;
    struct bytes payload;
};
CHECKED enum status body_open(struct body_reader *out, struct bytes body, uint8_t cls);
bool body_next(struct body_reader *reader, struct change *out); /* false at the end and on error */
CHECKED enum status body_close(struct body_reader *reader);
/* The one change of a body that has no other, its payload not looked at: all that is left of the body. Whoever decodes it finds whether it ends there, and has not
 * read it twice. After body_open; no walk follows. False: the body has several, or its kind is none of the class. */
bool body_only(struct body_reader *reader, struct change *out);

/* Builds a body: nonce NULL unless the class is control. count payloads, each already encoded. */
CHECKED enum status body_encode(struct buffer *out, const uint8_t *nonce, const struct change *changes, size_t count);

/* ---- payloads: X_encode appends, X_decode borrows ---- */

struct line {
    size_t count;
    struct unit_id units[LINE_UNITS_MAX];
}; /* nearest first, root last */
struct date {
    bool set;
    int32_t days;
}; /* days since 1970-01-01; not set: nil */

struct unit_change {
    struct unit_id parent;
    uint8_t level;
    struct bytes code, name;
    struct date effective;
    struct line line;
};
CHECKED enum status unit_change_encode(const struct unit_change *change, struct buffer *out);
CHECKED enum status unit_change_decode(struct unit_change *out, struct bytes payload);

enum unit_attribute { UNIT_CODE = 1, UNIT_NAME, UNIT_LEVEL };
struct unit_set_change {
    struct unit_id unit;
    uint8_t attribute;
    struct bytes text;
    uint8_t level;
    struct date effective;
};
CHECKED enum status unit_set_change_encode(const struct unit_set_change *change, struct buffer *out);
CHECKED enum status unit_set_change_decode(struct unit_set_change *out, struct bytes payload);

enum { ROLE_WRITER = 1, ROLE_STEWARD = 2 };
struct admission {
    struct node_id inviter;
    struct unit_id unit;
    uint8_t signing_key[32], transport_key[32], nonce[16];
    uint8_t roles;
    bool has_succeeds;
    struct node_id succeeds;
    struct line line;
    size_t pin_count;
    struct ref pins[PINS_MAX];
};
CHECKED enum status admission_core_encode(const struct admission *admission, struct buffer *out); /* the part a node's id is the hash of */
CHECKED enum status admission_core_decode(struct admission *out, struct bytes core);              /* line and pins left empty */
CHECKED enum status admission_encode(const struct admission *admission, struct buffer *out);
CHECKED enum status admission_decode(struct admission *out, struct bytes payload);
void admission_node_id(struct node_id *out, const struct association_id *association, const struct admission *admission);

struct text {
    struct bytes lang, text;
};
struct texts {
    size_t count;
    struct text items[FORM_LANGUAGES_MAX];
};

enum field_type { FIELD_INTEGER = 1, FIELD_DECIMAL, FIELD_MONEY, FIELD_TEXT, FIELD_YESNO, FIELD_CHOICE, FIELD_DATE, FIELD_COMPUTED };
enum aggregate {
    AGGREGATE_NONE = 0,
    AGGREGATE_SUM = 1,
    UNITS_MIN = 2,
    UNITS_MAX = 3,
    UNITS_AVERAGE = 4,
    UNITS_COUNT = 5,
    TIME_LAST = 2,
    TIME_MIN = 3,
    TIME_MAX = 4,
    TIME_AVERAGE = 5
};
enum period_kind { PERIOD_MONTH = 1, PERIOD_QUARTER, PERIOD_HALF, PERIOD_NINE_MONTHS, PERIOD_YEAR, PERIOD_TERM, PERIOD_SCHOOL_YEAR, PERIOD_AD_HOC };
enum { WINDOW_CALENDAR = 1, WINDOW_OFFICIAL = 2, POLICY_OWNER = 1, POLICY_UPPER = 2 };

struct form_choice {
    struct bytes code;
    struct texts labels;
};
struct form_field {
    struct bytes name, measure, weight, formula;
    uint8_t type, places, over_units, over_time;
    bool required, retired, has_minimum, has_maximum;
    int64_t minimum, maximum; /* scaled by 10^places */
    struct texts labels;
    size_t choice_count;
    struct form_choice *choices;
    struct bytes extensions; /* as encoded; empty: none */
};
struct form_rule {
    uint8_t severity;
    struct bytes expression;
    struct texts texts;
};
struct form_due {
    uint8_t level;
    int64_t days;
};
/* A form version. fields, rules and choices are one allocation owned by the form; all text is borrowed from the payload's bytes. */
struct form {
    struct unit_id issuer;
    struct bytes name;
    uint64_t label;
    bool has_previous;
    struct hash previous;
    struct texts titles;
    uint8_t period, window, reach, policy;
    bool list;
    size_t level_count, due_count, field_count, rule_count;
    uint8_t levels[LEVEL_MAX + 1];
    struct form_due due[LEVEL_MAX + 1];
    struct form_field *fields;
    struct form_rule *rules;
    struct bytes extensions; /* as encoded; empty: none */
    bool extract;            /* extension 16: beyond the reach, extracts go on; and below which a figure is suppressed there and in exports (0: none is). form_decode sets both, form_encode writes extensions alone */
    uint16_t suppress_below;
    void *memory;
};
/* The extensions that say the two; none where both are nothing. */
CHECKED enum status form_extensions_encode(bool extract, unsigned suppress_below, struct buffer *out);
CHECKED enum status form_encode(const struct form *form, struct buffer *out);
CHECKED enum status form_decode(struct form *out, struct bytes payload); /* out needs form_fini also after an error */
void form_fini(struct form *form);
void form_version(struct hash *out, const struct association_id *association, struct bytes payload);

struct level_name {
    uint8_t number;
    struct texts names;
};
struct level_table {
    size_t count;
    struct level_name levels[LEVEL_MAX + 1];
};
CHECKED enum status level_table_encode(const struct level_table *table, struct buffer *out);
CHECKED enum status level_table_decode(struct level_table *out, struct bytes payload);

struct attachment {
    struct bytes name;
    uint64_t bytes;
    struct hash hash;
};
struct document {
    uint8_t kind, ask;
    struct bytes number, title, text;
    struct date date, due;
    bool has_supersedes;
    struct ref supersedes;
    size_t attachment_count;
    struct attachment attachments[ATTACHMENTS_MAX];
    struct bytes extensions; /* as encoded, borrowed; empty: none */
};
CHECKED enum status document_encode(const struct document *document, struct buffer *out);
CHECKED enum status document_decode(struct document *out, struct bytes payload);

#endif
