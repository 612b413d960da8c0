/* One change of a body as words, as tests/oracle/lines.py has them. */
#include "protocol/person.h"
#include "protocol/put.h"
#include "protocol/trust.h"
#include "tests/oracle/tree_lines.h"
#include "tests/sim/dump.h"

#include <inttypes.h>
#include <stdlib.h>

struct teller {
    FILE *out;
    const struct founding *founding;
    const struct change *change;
    const uint8_t *nonce; /* of the body */
};

/* ---- words ---- */

static void say_text(FILE *out, struct bytes text) {
    if (text.len == 0) {
        fputc('-', out);
    }
    hex_print(out, text.data, text.len);
}

static void say_date(FILE *out, struct date date) {
    if (date.set) {
        fprintf(out, "%" PRId32, date.days);
    } else {
        fputc('-', out);
    }
}

static void say_units(FILE *out, const struct unit_id *units, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s%s", i > 0 ? "," : "", HEX(&units[i]));
    }
    if (count == 0) {
        fputc('-', out);
    }
}

void dump_log(FILE *out, const struct log_id *log) {
    fprintf(out, "%s:%d:%s", HEX(&log->node), log->kind, HEX(&log->epoch));
}

static void say_refs(FILE *out, const struct ref *refs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fputs(i > 0 ? "," : "", out);
        dump_log(out, &refs[i].log);
        fprintf(out, ":%" PRIu64 ":%s", refs[i].seq, HEX(&refs[i].hash));
    }
    if (count == 0) {
        fputc('-', out);
    }
}

static void *memory(size_t bytes) {
    void *out = calloc(1, bytes);
    if (out == NULL) {
        abort();
    }
    return out;
}

/* ---- structure ---- */

static enum status say_unit(const struct teller *teller) {
    struct unit_change unit;
    struct unit_id id;
    enum status status = unit_change_decode(&unit, teller->change->payload);
    if (status == STATUS_OK) {
        keys_unit_id(&id, &teller->founding->association, teller->nonce, teller->change->place);
        fprintf(teller->out, "unit %s %s %u ", HEX(&id), HEX(&unit.parent), unit.level);
        say_units(teller->out, unit.line.units, unit.line.count);
        fputc(' ', teller->out);
        say_text(teller->out, unit.code);
        fputc(' ', teller->out);
        say_text(teller->out, unit.name);
        fputc(' ', teller->out);
        say_date(teller->out, unit.effective);
    }
    return status;
}

static enum status say_attribute(const struct teller *teller) {
    struct unit_set_change set;
    enum status status = unit_set_change_decode(&set, teller->change->payload);
    if (status == STATUS_OK) {
        fprintf(teller->out, "set %s %u ", HEX(&set.unit), set.attribute);
        if (set.attribute == UNIT_LEVEL) {
            fprintf(teller->out, "%u", set.level);
        } else {
            say_text(teller->out, set.text);
        }
        fputc(' ', teller->out);
        say_date(teller->out, set.effective);
    }
    return status;
}

static enum status say_admission(const struct teller *teller) {
    struct admission *admission = memory(sizeof *admission);
    struct node_id id;
    enum status status = admission_decode(admission, teller->change->payload);
    if (status == STATUS_OK) {
        admission_node_id(&id, &teller->founding->association, admission);
        fprintf(teller->out, "admit %s %s %s %u ", HEX(&id), HEX(&admission->inviter), HEX(&admission->unit), admission->roles);
        say_units(teller->out, admission->line.units, admission->line.count);
        fputc(' ', teller->out);
        say_refs(teller->out, admission->pins, admission->pin_count);
        fprintf(teller->out, " %s %s %s", admission->has_succeeds ? HEX(&admission->succeeds) : "-",
                hex_text(admission->signing_key, sizeof admission->signing_key), hex_text(admission->transport_key, sizeof admission->transport_key));
    }
    free(admission);
    return status;
}

static enum status say_placing(const struct teller *teller) {
    uint64_t kind = teller->change->kind;
    struct placing *placing = memory(sizeof *placing);
    enum status status = placing_decode(placing, kind, teller->change->payload);
    if (status == STATUS_OK) {
        fprintf(teller->out, "%s %s %s ",
                kind == CHANGE_MOVE    ? "move"
                : kind == CHANGE_CLOSE ? "close"
                                       : "same",
                HEX(&placing->unit), HEX(&placing->line.units[0]));
        say_units(teller->out, placing->line.units, placing->line.count);
        fputc(' ', teller->out);
        say_units(teller->out, placing->former.units, placing->former.count);
    }
    free(placing);
    return status;
}

static enum status say_levels(const struct teller *teller) {
    struct level_table *table = memory(sizeof *table);
    enum status status = level_table_decode(table, teller->change->payload);
    free(table);
    if (status == STATUS_OK) {
        fputs("levels ", teller->out);
        say_text(teller->out, teller->change->payload);
    }
    return status;
}

/* ---- trust ---- */

static enum status say_handover(const struct teller *teller) {
    struct handover *handover = memory(sizeof *handover);
    enum status status = handover_decode(handover, teller->change->payload);
    if (status == STATUS_OK) {
        fprintf(teller->out, "handover %s %s ", HEX(&handover->unit), HEX(&handover->parent));
        say_refs(teller->out, handover->upto.items, handover->upto.count);
    }
    free(handover);
    return status;
}

static enum status say_revocation(const struct teller *teller) {
    struct revocation *revocation = memory(sizeof *revocation);
    enum status status = revocation_decode(revocation, teller->change->payload);
    if (status == STATUS_OK) {
        fprintf(teller->out, "revoke %s ", HEX(&revocation->node));
        say_refs(teller->out, revocation->upto.items, revocation->upto.count);
    }
    free(revocation);
    return status;
}

static enum status say_decision(const struct teller *teller) {
    struct fork_decision decision;
    enum status status = fork_decision_decode(&decision, teller->change->payload);
    if (status == STATUS_OK) {
        fputs("fork ", teller->out);
        say_refs(teller->out, &decision.keeps, 1);
        fputc(' ', teller->out);
        say_refs(teller->out, &decision.rival, 1);
    }
    return status;
}

static enum status say_listed(const struct teller *teller) {
    uint64_t kind = teller->change->kind;
    struct erasure *erasure = memory(sizeof *erasure);
    enum status status = kind == CHANGE_PIN     ? pin_decode(&erasure->entries, teller->change->payload)
                         : kind == CHANGE_ERASE ? erasure_decode(erasure, teller->change->payload)
                                                : acceptance_decode(&erasure->entries, teller->change->payload);
    if (status == STATUS_OK) {
        fprintf(teller->out, "%s ", kind == CHANGE_PIN ? "pin" : kind == CHANGE_ERASE ? "erase" : "accept");
        say_refs(teller->out, erasure->entries.items, erasure->entries.count);
    }
    free(erasure);
    return status;
}

/* ---- forms, figures, documents ---- */

static void say_field(FILE *out, const struct form_field *field) {
    fprintf(out, "%.*s/%u/%u/", (int)field->name.len, (const char *)field->name.data, field->type, field->places);
    say_text(out, field->measure);
    fputc('/', out);
    for (size_t i = 0; i < field->choice_count; i++) {
        fputs(i > 0 ? ";" : "", out);
        say_text(out, field->choices[i].code);
    }
    if (field->choice_count == 0) {
        fputc('-', out);
    }
}

static void say_form_words(const struct teller *teller, const struct form *form) {
    struct hash version;
    uint8_t id[16];
    form_version(&version, &teller->founding->association, teller->change->payload);
    keys_form_id(id, &teller->founding->association, &form->issuer, form->name);
    fprintf(teller->out, "form %s %s %s ", HEX(&version), hex_text(id, sizeof id), HEX(&form->issuer));
    say_text(teller->out, form->name);
    fprintf(teller->out, " %s %u %u %d %u %u ", form->has_previous ? HEX(&form->previous) : "-", form->period, form->window, form->list, form->reach,
            form->policy);
    for (size_t i = 0; i < form->level_count; i++) {
        fprintf(teller->out, "%s%u", i > 0 ? "," : "", form->levels[i]);
    }
    fputs(form->level_count == 0 ? "- " : " ", teller->out);
    for (size_t i = 0; i < form->field_count; i++) {
        fputs(i > 0 ? "," : "", teller->out);
        say_field(teller->out, &form->fields[i]);
    }
}

/* Of one with a critical extension only the issuer is read, its first member. */
static enum status say_form(const struct teller *teller) {
    struct form form;
    enum status status = form_decode(&form, teller->change->payload);
    if (status == STATUS_CRITICAL_EXTENSION) {
        struct reader reader;
        struct unit_id issuer;
        reader_init(&reader, teller->change->payload);
        (void)reader_array(&reader, 1, MEMBERS_MAX);
        reader_fixed(&reader, issuer.b, sizeof issuer.b);
        fprintf(teller->out, "critical %s", HEX(&issuer));
        status = STATUS_OK;
    } else if (status == STATUS_OK) {
        say_form_words(teller, &form);
    }
    form_fini(&form);
    return status;
}

static void say_cell(FILE *out, uint16_t ordinal, const struct record_key *key, const struct cell *cell) {
    fprintf(out, "%u/%" PRIu32 "/", ordinal, key->period);
    say_text(out, key->row);
    fprintf(out, "/%u/", cell->state);
    if (cell->state != CELL_VALUE) {
        fputs("-/-/0", out);
    } else if (cell->type == CELL_TEXT) {
        fputs("t/", out);
        say_text(out, cell->text);
        fputs("/0", out);
    } else {
        fprintf(out, "%c/%" PRId64 "/%u", cell->type == CELL_BOOL ? 'b' : 'i', cell->number, cell->qualifier);
    }
}

static enum status say_put(const struct teller *teller) {
    struct put put;
    enum status status = put_decode(&put, teller->change->payload);
    if (status == STATUS_OK) {
        fprintf(teller->out, "cells %s ", HEX(&put.form_version));
        bool first = true;
        for (size_t i = 0; i < put.column_count * put.record_count; i++) {
            if (put.cells[i].state != CELL_UNTOUCHED) {
                fputs(first ? "" : ",", teller->out);
                say_cell(teller->out, put.ordinals[i / put.record_count], &put.keys[i % put.record_count], &put.cells[i]);
                first = false;
            }
        }
    }
    put_fini(&put);
    return status;
}

static enum status say_document(const struct teller *teller) {
    struct document *document = memory(sizeof *document);
    enum status status = document_decode(document, teller->change->payload);
    free(document);
    if (status == STATUS_OK) {
        fputs("text 0", teller->out);
    } else if (status == STATUS_CRITICAL_EXTENSION) {
        fputs("critical -", teller->out);
        status = STATUS_OK;
    }
    return status;
}

static enum status say_note(const struct teller *teller) {
    struct person person;
    struct bytes reason;
    enum status status =
        teller->change->kind == CHANGE_REASON ? reason_decode(&reason, teller->change->payload) : person_decode(&person, teller->change->payload);
    if (status == STATUS_OK) {
        fprintf(teller->out, "note %" PRIu64, teller->change->kind);
    }
    return status;
}

/* ---- all ---- */

static enum status say_change(const struct teller *teller) {
    switch (teller->change->kind) {
    case CHANGE_UNIT:
        return say_unit(teller);
    case CHANGE_UNIT_SET:
        return say_attribute(teller);
    case CHANGE_MOVE:
    case CHANGE_CLOSE:
    case CHANGE_SAME:
        return say_placing(teller);
    case CHANGE_HANDOVER:
        return say_handover(teller);
    case CHANGE_ADMISSION:
        return say_admission(teller);
    case CHANGE_REVOCATION:
        return say_revocation(teller);
    case CHANGE_PIN:
    case CHANGE_ERASE:
    case CHANGE_ACCEPT:
        return say_listed(teller);
    case CHANGE_FORK_DECISION:
        return say_decision(teller);
    case CHANGE_FORM:
        return say_form(teller);
    case CHANGE_LEVEL_TABLE:
        return say_levels(teller);
    case CHANGE_PUT:
        return say_put(teller);
    case CHANGE_DOCUMENT:
        return say_document(teller);
    case CHANGE_RECORD_PERSON:
    case CHANGE_DOCUMENT_PERSON:
    case CHANGE_REASON:
        return say_note(teller);
    default:
        fprintf(teller->out, "other %" PRIu64, teller->change->kind);
        return STATUS_OK;
    }
}

bool dump_changes(FILE *out, const struct founding *founding, uint8_t cls, struct bytes body) {
    struct body_reader reader;
    struct change change;
    if (body_open(&reader, body, cls) != STATUS_OK) {
        return false;
    }
    bool sound = true;
    while (body_next(&reader, &change)) {
        const struct teller teller = {out, founding, &change, reader.nonce};
        fputs(" | ", out);
        sound = say_change(&teller) == STATUS_OK && sound;
    }
    return body_close(&reader) == STATUS_OK && sound;
}
