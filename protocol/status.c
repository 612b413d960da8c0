#include "protocol/status.h"

#include "protocol/planted.h"

#include <stddef.h>

struct row {
    enum status status;
    int exit_status;
    const char *name, *text;
};
static const struct row TABLE[] = {
#define STATUS_ROW(name, number, exit_status, text) {STATUS_##name, exit_status, #name, text},
    STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};
static const struct row UNKNOWN = {STATUS_INTERNAL, 4, "UNKNOWN", "unknown status"};

static const struct row *row_of(enum status status) {
    for (size_t i = 0; i < sizeof TABLE / sizeof TABLE[0]; i++) {
        if (TABLE[i].status == status) {
            return &TABLE[i];
        }
    }
    return &UNKNOWN;
}

const char *status_name(enum status status) {
    return row_of(status)->name;
}

const char *status_text(enum status status) {
    return row_of(status)->text;
}

int status_exit(enum status status) {
    return PLANTED("exit-always-done") ? 0 : row_of(status)->exit_status;
}
