/* The stable words by which the store says what it expected or found (docs/control.md, args "expected" and "what"), as people read them. A word without a line
 * here is shown as it is. */
#ifndef TOOLS_REFUSAL_WORDS_H
#define TOOLS_REFUSAL_WORDS_H

#include "tools/text.h"

static const struct refusal_word {
    const char *word, *msgid;
} REFUSAL_WORDS[] = {
    /* forms: store/form_json.c, store/form_follow.c */
    {"another field that is a number", N_("another field that is a number")},
    {"at least the minimum", N_("at least the minimum")},
    {"choice kept", N_("the choice kept")},
    {"code of 1 to 64 bytes", N_("a code of 1 to 64 bytes")},
    {"days by level", N_("days for each level")},
    {"days", N_("a number of days")},
    {"distinct codes", N_("every code only once")},
    {"distinct levels", N_("every level only once")},
    {"distinct names", N_("every name only once")},
    {"field that is a number", N_("fields that are numbers")},
    {"formula", N_("a formula")},
    {"issuer kept", N_("the same issuer")},
    {"known key", N_("a key that form files know")},
    {"language of 2 to 8 letters", N_("a language of 2 to 8 letters, such as vi")},
    {"level", N_("a level")},
    {"list of 1 to 100 choices", N_("a list of 1 to 100 choices")},
    {"list of 1 to 300 fields", N_("a list of 1 to 300 fields")},
    {"list of levels", N_("a list of levels")},
    {"maximum", N_("a maximum")},
    {"name kept", N_("the same name")},
    {"name of a-z, 0-9, _", N_("a name of a-z, 0-9 and _, beginning with a letter")},
    {"nothing for this type", N_("nothing: it does not go with this type")},
    {"object", N_("an object {...}")},
    {"over_units average", N_("over_units: average")},
    {"reach of a level", N_("a reach that ends at a level: above it, the extract goes on")},
    {"retired", N_("the field kept, with \"retired\": true")},
    {"text", N_("text")},
    {"texts by language", N_("texts by language: {\"vi\": ..., \"en\": ...}")},
    {"weight", N_("a weight: the name of a field")},
    {"wider or the same", N_("the same reach or a wider one")},
    /* units */
    {"A-Z 0-9 . - _", N_("letters, digits and . - _, without blanks")},
    {"CODE", N_("a unit's code")},
    /* entries */
    {"NODE:KIND:EPOCH:SEQ:HASH", N_("an entry, as `hoi log --refs` names it")},
    {"figures or a document", N_("an entry of figures or a document; structure, admissions and the like are never erased")},
    /* settings */
    {"rights", N_("words joined by commas, of read, enter, submit, lock, send, form, unit, invite, revoke, export, config, care; or all, or none")},
    {"tcp://ADDRESS:PORT", N_("tcp://ADDRESS:PORT, such as tcp://0.0.0.0:7400")},
    {"tcp://HOST:PORT", N_("tcp://HOST:PORT")},
    {"yes, no", N_("yes or no, in these words")},
    /* what a check found: store/check.c */
    {"header damaged", N_("an entry's header is damaged")},
    {"chain broken", N_("the chain of entries is broken")},
    {"author not admitted", N_("an entry's author was never admitted")},
    {"signature bad", N_("an entry's signature is not genuine")},
    {"body damaged", N_("an entry's contents are damaged")},
    {"head of the log is not its last entry", N_("the end of a log is not its last entry")},
    {"count of bodies wrong", N_("the number of contents held is wrong")},
    {"evidence of a fork damaged", N_("the evidence of a fork is damaged")},
    {"receipt damaged", N_("a receipt is damaged")},
    {"record row damaged", N_("a record's row is damaged")},
    {"views cannot be made from the logs", N_("the tables cannot be made from the entries")},
    {"views are not what the logs say: run rebuild", N_("the tables are not what the entries say: run `hoi rebuild`")},
    {"database pages damaged", N_("pages of the database are damaged")},
};

#endif
