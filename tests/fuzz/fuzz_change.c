/* The founding statement, headers, bodies, and the changes in them whose shape this version knows. The first byte chooses the structure. */
#include "tests/fuzz/fuzz.h"

static const struct {
    uint64_t kind;
    recode_fn fn;
} KINDS[] = {
    {CHANGE_UNIT, recode_unit}, {CHANGE_UNIT_SET, recode_unit_set},       {CHANGE_ADMISSION, recode_admission},
    {CHANGE_FORM, recode_form}, {CHANGE_LEVEL_TABLE, recode_level_table}, {CHANGE_DOCUMENT, recode_document},
    {CHANGE_PUT, recode_put},   {CHANGE_RECORD_PERSON, recode_person},    {CHANGE_DOCUMENT_PERSON, recode_person},
    {CHANGE_MOVE, recode_move}, {CHANGE_CLOSE, recode_close},             {CHANGE_SAME, recode_same},
    {CHANGE_HANDOVER, recode_handover}, {CHANGE_REVOCATION, recode_revocation}, {CHANGE_PIN, recode_pin},
    {CHANGE_FORK_DECISION, recode_fork_decision}, {CHANGE_ERASE, recode_erasure}, {CHANGE_ACCEPT, recode_acceptance},
    {CHANGE_REASON, recode_reason}, {CHANGE_EXTRACT, recode_extract},
};

/* The changes of a body that was accepted are each of their class, and those of a known kind recode too. */
static void walk_body(struct bytes in, uint8_t cls) {
    struct body_reader reader;
    struct change change;
    if (body_open(&reader, in, cls) != STATUS_OK) {
        return;
    }
    while (body_next(&reader, &change)) {
        bool shaped = false;
        FUZZ_REQUIRE(change.place < CHANGES_MAX && codec_check(change.payload) == STATUS_OK);
        for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
            if (KINDS[i].kind == change.kind) {
                shaped = true;
                (void)fuzz_recode(KINDS[i].fn, change.payload);
            }
        }
        FUZZ_REQUIRE(shaped == change_known(change.kind));
        FUZZ_REQUIRE(change_class(change.kind) == cls);
    }
    (void)!body_close(&reader);
}

static bool recode_any_body(struct bytes in) {
    for (uint8_t cls = CLASS_CONTROL; cls <= CLASS_DOCUMENT; cls++) {
        walk_body(in, cls);
    }
    return fuzz_recode(recode_body, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    /* The order is that of seed.py's CHANGES; then a body, a person, and what moves trust: so what was found before there were any means the same. */
    static const recode_fn structures[] = {recode_founding, recode_header, recode_unit,        recode_unit_set, recode_admission,
                                           recode_core,     recode_form,   recode_level_table, recode_document};
    static const recode_fn later[] = {recode_person,     recode_move, recode_close,         recode_same,    recode_handover,
                                      recode_revocation, recode_pin,  recode_fork_decision, recode_erasure, recode_acceptance,
                                      recode_reason,     recode_extract};
    struct bytes in = bytes_of(data, size);
    size_t count = sizeof structures / sizeof structures[0];
    unsigned choice = fuzz_choice(&in, (unsigned)(count + 1 + sizeof later / sizeof later[0]));
    (void)(choice == count ? recode_any_body(in) : fuzz_recode(choice > count ? later[choice - count - 1] : structures[choice], in));
    return 0;
}
