#include "protocol/change.h"

static const uint64_t KNOWN[] = {CHANGE_UNIT,           CHANGE_UNIT_SET,   CHANGE_MOVE, CHANGE_CLOSE,         CHANGE_SAME,   CHANGE_HANDOVER,
                                 CHANGE_ADMISSION,      CHANGE_REVOCATION, CHANGE_PIN,  CHANGE_FORK_DECISION, CHANGE_FORM,   CHANGE_LEVEL_TABLE,
                                 CHANGE_ERASE,          CHANGE_ACCEPT,     CHANGE_PUT,  CHANGE_DOCUMENT,      CHANGE_REASON, CHANGE_RECORD_PERSON,
                                 CHANGE_DOCUMENT_PERSON, CHANGE_EXTRACT};

static const struct {
    uint64_t least, most;
    uint8_t cls;
} CLASSES[] = {{1, 63, CLASS_CONTROL}, {64, 95, CLASS_RECORD}, {96, 127, CLASS_DOCUMENT}};

uint8_t change_class(uint64_t kind) {
    for (size_t i = 0; i < sizeof CLASSES / sizeof CLASSES[0]; i++) {
        if (kind >= CLASSES[i].least && kind <= CLASSES[i].most) {
            return CLASSES[i].cls;
        }
    }
    return 0;
}

bool change_known(uint64_t kind) {
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++) {
        if (KNOWN[i] == kind) {
            return true;
        }
    }
    return false;
}
