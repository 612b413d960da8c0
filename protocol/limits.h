/* Every maximum of the formats and the engine, with its reason. Nothing else in protocol/ states a bound of its own.
 * Sources: docs/protocol.md section 13. */
#ifndef PROTOCOL_LIMITS_H
#define PROTOCOL_LIMITS_H

#include <assert.h>
#include <stdint.h>

enum {
    DEPTH_MAX = 16, /* nesting of arrays: the deepest structure of this version, a form in its body, needs 10 */

    HEADER_BYTES_MAX = 32 * 1024,  /* 256 seen refs and 64 audience terms fit, with room for extensions */
    BODY_BYTES_MAX = 256 * 1024,   /* what one signature covers; four messages of the usual size */
    SIGNATURE_BYTES_MAX = 16 * 65, /* recovery log: sixteen keys at most */
    SALT_BYTES = 32,
    FOUNDING_BYTES_MAX = 4096, /* sixteen recovery keys and a long name take less than 1 KiB */
    RECEIPT_BYTES_MAX = 1024,  /* a receipt of this version takes at most 120 bytes */

    SEEN_REFS_MAX = 256,
    AUDIENCE_TERMS_MAX = 64,
    CHANGES_MAX = 4096, /* changes in one body; the tree of a country takes a handful of bodies */
    MEMBERS_MAX = 64,   /* of a structure of another version, whose members we do not know */
    EXTENSIONS_MAX = 16,
    EXTENSION_BYTES_MAX = 4096,
    LINE_UNITS_MAX = 30, /* levels above a unit */
    PINS_MAX = 64,
    TRUST_REFS_MAX = 256,   /* refs of a handover, revocation, pin, erase, accept: with 64 bytes each, 16 KiB of a body */
    SUCCESSORS_MAX = 64,    /* units that go on with what a closed one did */
    ADMISSION_CORE_BYTES_MAX = 256, /* the core has one length but for succeeds: at most 167 bytes */
    LEVEL_MAX = 30,
    REACH_PRIVATE = 31,

    RECOVERY_KEYS_MAX = 16,
    ASSOCIATION_NAME_BYTES_MAX = 200,
    UNIT_CODE_BYTES_MAX = 32,
    UNIT_NAME_BYTES_MAX = 200,

    FORM_NAME_BYTES_MAX = 64,
    FORM_FIELDS_MAX = 300, /* the widest form in the field has 118 */
    FORM_CHOICES_MAX = 100,
    FORM_RULES_MAX = 100,
    FORM_LANGUAGES_MAX = 8,
    LANGUAGE_BYTES_MIN = 2,
    LANGUAGE_BYTES_MAX = 8,
    FORM_TEXT_BYTES_MAX = 500,
    FORM_FORMULA_BYTES_MAX = 1000,
    FORM_PLACES_MAX = 9, /* 10^9 still leaves nine digits before the point in an int64 */
    FORM_CHOICE_CODE_BYTES_MAX = 64,
    FORM_SUPPRESS_BELOW_MAX = 1000, /* a figure of a thousand people names nobody */
    FORM_DUE_DAYS_MAX = 3660, /* either way: a due day further off than ten years is a slip */

    PUT_RECORDS_MAX = 1000,
    ROW_KEY_BYTES_MAX = 200,
    TEXT_VALUE_BYTES_MAX = 4000,
    NOTE_BYTES_MAX = 500,
    REASON_BYTES_MAX = 2000,

    DOCUMENT_TITLE_BYTES_MAX = 500,
    DOCUMENT_TEXT_BYTES_MAX = 200000,
    DOCUMENT_NUMBER_BYTES_MAX = 100,
    ATTACHMENTS_MAX = 64,
    ATTACHMENT_NAME_BYTES_MAX = 200,

    PERSON_ACCOUNT_BYTES_MAX = 64, /* account names have 32 bytes on the systems we know */
    PERSON_TEXT_BYTES_MAX = 100,   /* a name, a role */

    MESSAGE_BYTES_MAX = 1024 * 1024,  /* ZMQ_MAXMSGSIZE: what one peer can make us hold before we look at it */
    MESSAGE_BYTES_WANTED = 64 * 1024, /* what we ask peers to keep to */
    MESSAGE_BYTES_LEAST = 4 * 1024,
    RAW_BYTES_MAX = 1024 * 1024, /* an entries message unpacked */
    ITEMS_MAX = 4096,
    WINDOW_BYTES = 512 * 1024,
    WINDOW_BYTES_LEAST = 64 * 1024,
    WINDOW_BYTES_MOST = 1024 * 1024, /* what a sender keeps on the way at most, whatever the peer offers */
    RECEIPTS_PER_MESSAGE_MAX = 256,
    BUCKETS = 64,
    HAVE_AT_ONCE_LOGS_MAX = 32, /* with no more shared logs than this, vectors go without digests of buckets */
    GAP_PAIRS_MAX = 256,
    PARTIAL_PAIRS_MAX = 64,
    GROUNDS_MAX = 64,            /* logs held beyond what the views let a node hold, of those that one peer brought */
    LOG_STATE_RECEIPTS_MAX = 64, /* holders on the path between two units: levels times nodes a unit */

    TOKEN_ADDRESSES_MAX = 4,
    ADDRESS_BYTES_MAX = 200,
    TOKEN_BYTES_MAX = 1200, /* with its check byte */
    JOIN_FILE_BYTES_MAX = 5242880 /* in base64 it passes the control socket as one frame */
};

#define SEQ_MAX 9223372036854775807 /* 2^63 - 1: sequence numbers fit a signed integer of 64 bits, as databases keep them */

#define DATE_MIN (-25567) /* 1900-01-01, days since 1970-01-01 */
#define DATE_MAX 47481    /* 2099-12-31 */

static_assert(BODY_BYTES_MAX + HEADER_BYTES_MAX + SIGNATURE_BYTES_MAX < RAW_BYTES_MAX, "any entry fits in one message");
static_assert(DOCUMENT_TEXT_BYTES_MAX < BODY_BYTES_MAX, "the longest document fits in a body");
static_assert(WINDOW_BYTES >= 2 * MESSAGE_BYTES_WANTED, "one message may be on the way while another is answered");
static_assert(WINDOW_BYTES_LEAST <= WINDOW_BYTES && WINDOW_BYTES <= WINDOW_BYTES_MOST, "what we offer is within what we accept");
static_assert(MESSAGE_BYTES_LEAST <= MESSAGE_BYTES_WANTED && MESSAGE_BYTES_WANTED <= MESSAGE_BYTES_MAX, "what we ask for is within what we accept");
static_assert(RECEIPTS_PER_MESSAGE_MAX * (RECEIPT_BYTES_MAX + 128) < MESSAGE_BYTES_MAX, "a full receipts message fits");
static_assert(RECEIPT_BYTES_MAX <= HEADER_BYTES_MAX && FOUNDING_BYTES_MAX <= HEADER_BYTES_MAX, "what is signed is no longer than a header");
static_assert(SEQ_MAX == INT64_MAX, "the greatest sequence number is the greatest int");
static_assert(SEEN_REFS_MAX * 64 + AUDIENCE_TERMS_MAX * 20 + 1024 < HEADER_BYTES_MAX, "the fullest header fits");

#endif
