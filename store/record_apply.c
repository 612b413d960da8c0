/* Puts into records. The common cases cost one insertion a record: a record nobody wrote before, or one whose writes this put has all seen. Everything else is
 * merged anew from all standing puts of the record: slower, and equal by construction to what any other order of arrival gives. */
#include "store/record_apply.h"

#include "protocol/person.h"
#include "protocol/planted.h"
#include "store/apply.h"
#include "store/extract.h"
#include "store/form_view.h"
#include "store/period.h"
#include "store/record.h"
#include "store/record_load.h"

#include <stdlib.h>

enum {
    STATE_BYTES_MAX = 4 * 1024 * 1024, /* three times what one put after the other can fill */
    WRITERS_MAX = 4096,                /* of one record: a figure put right every day for eleven years. Each more costs those before it once again */
    ROWS_AT_ONCE = 25                  /* rows that go in by one statement: most of what an insertion costs is beginning and ending its statement */
};

/* For one record's cells; never cleared as a whole. */
struct room {
    uint16_t fields[FORM_FIELDS_MAX];
    struct cell cells[FORM_FIELDS_MAX];
};

/* One put being applied. */
struct application {
    struct store *store;
    int64_t entry;
    bool alone; /* the only change of its body: nothing else can have written its records under the same entry */
    const struct put *put;
    const struct form_family *family;
    const struct form_version_view *version;
    struct record_columns columns;
    struct record_place place;
    struct buffer state, old;
    struct room *room;
    int64_t asked; /* the last earlier entry asked about, and the answer: records of one put mostly follow records of one other */
    bool follows;
};

/* ---- rows ---- */

static void bind_place(struct query *query, const struct record_place *place) {
    query_bind_int(query, place->form);
    query_bind_int(query, place->period);
    query_bind_int(query, place->unit);
    query_bind_text(query, place->row);
}

static enum status insert_row(struct store *store, const struct record_place *place, struct bytes state, bool *inserted) {
    struct query query = db_query(
        store->db,
        "INSERT INTO record(form, period, unit, row, state, sum, contested) VALUES(?, ?, ?, ?, ?, ?, 0) ON CONFLICT(form, period, unit, row) DO NOTHING");
    bind_place(&query, place);
    query_bind_blob(&query, state);
    query_bind_int(&query, record_sum(place, state));
    enum status status = query_run(&query);
    *inserted = status == STATUS_OK && db_changes(store->db) == 1;
    return status;
}

/* Rows of one form and unit, none of which is there before: else some are left out, and inserted is false. */
struct rows {
    const struct record_key *keys;
    struct bytes states[ROWS_AT_ONCE];
};

#define ROW "(?1, ?2, ?, ?, ?, ?, 0)"
#define ROWS_5 ROW ", " ROW ", " ROW ", " ROW ", " ROW

static enum status insert_rows(struct store *store, const struct record_place *place, const struct rows *rows, bool *inserted) {
    static_assert(ROWS_AT_ONCE == 25, "the statement below says the same");
    /* OR IGNORE: of a statement that can fail half-way SQLite keeps the old pages beside, which costs more than the insertion. */
    struct query query = db_query(store->db, "INSERT OR IGNORE INTO record(form, unit, period, row, state, sum, contested) VALUES " ROWS_5 ", " ROWS_5
                                             ", " ROWS_5 ", " ROWS_5 ", " ROWS_5);
    query_bind_int(&query, place->form);
    query_bind_int(&query, place->unit);
    for (size_t i = 0; i < ROWS_AT_ONCE; i++) {
        const struct record_place at = {place->form, place->unit, rows->keys[i].period, rows->keys[i].row};
        query_bind_int(&query, at.period);
        query_bind_text(&query, at.row);
        query_bind_blob(&query, rows->states[i]);
        query_bind_int(&query, record_sum(&at, rows->states[i]));
    }
    enum status status = query_run(&query);
    *inserted = status == STATUS_OK && db_changes(store->db) == ROWS_AT_ONCE;
    return status;
}

static enum status update_row(struct store *store, const struct record_place *place, struct bytes state, bool contested) {
    struct query query = db_query(store->db, "UPDATE record SET state = ?, sum = ?, contested = ? WHERE form = ? AND period = ? AND unit = ? AND row = ?");
    query_bind_blob(&query, state);
    query_bind_int(&query, record_sum(place, state));
    query_bind_int(&query, contested);
    bind_place(&query, place);
    return query_run(&query);
}

static enum status add_writer(struct store *store, const struct record_place *place, int64_t entry) {
    struct query query = db_query(store->db, "INSERT INTO record_write(form, period, unit, row, entry) VALUES(?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    bind_place(&query, place);
    query_bind_int(&query, entry);
    return query_run(&query);
}

static enum status drop_writers(struct store *store, const struct record_place *place) {
    struct query query = db_query(store->db, "DELETE FROM record_write WHERE form = ? AND period = ? AND unit = ? AND row = ?");
    bind_place(&query, place);
    return query_run(&query);
}

/* The record's state from these entries, and they as its writers. */
static enum status merge_row(struct store *store, const struct record_place *place, const struct form_family *family, const int64_t *entries, size_t count,
                             struct buffer *state) {
    struct record_writes writes;
    bool contested = false;
    enum status status = record_load_writes(store, place, family, entries, count, &writes);
    buffer_clear(state);
    if (status == STATUS_OK)
        status = register_merge(writes.writes, writes.count, record_load_seen, store, state, &contested);
    if (status == STATUS_OK)
        status = update_row(store, place, buffer_bytes(state), contested);
    record_load_fini(&writes);
    return status;
}

/* ---- one record of a put ---- */

/* Has this put seen the earlier entry, and not the other way round? */
static enum status has_followed(struct application *application, int64_t earlier) {
    bool back = false;
    if (application->asked == earlier)
        return STATUS_OK;
    enum status status = log_has_seen(application->store, application->entry, earlier, &application->follows);
    if (status == STATUS_OK && application->follows)
        status = log_has_seen(application->store, earlier, application->entry, &back);
    application->follows = application->follows && !back;
    application->asked = status == STATUS_OK ? earlier : 0;
    return status;
}

/* Has this put seen all writers? Those before it in its own log it has, which takes one statement for all of them. */
static enum status has_followed_all(struct application *application, const int64_t *writers, size_t count) {
    if (count == 1)
        return has_followed(application, writers[0]);
    struct query query = db_query(application->store->db, "SELECT w.entry FROM record_write w JOIN entry e ON e.id = w.entry JOIN entry own ON own.id = ?"
                                                          " WHERE w.form = ? AND w.period = ? AND w.unit = ? AND w.row = ? AND w.entry <> own.id"
                                                          " AND NOT (e.log = own.log AND e.seq < own.seq)");
    query_bind_int(&query, application->entry);
    bind_place(&query, &application->place);
    enum status status = STATUS_OK;
    application->follows = true;
    application->asked = 0;
    while (status == STATUS_OK && application->follows && query_next(&query))
        status = has_followed(application, query_int(&query, 0));
    enum status ended = query_end(&query);
    return status != STATUS_OK ? status : ended;
}

/* What the put does to a record that stands already. */
static enum status change_row(struct application *application, const int64_t *writers, size_t count, const struct register_write *write) {
    struct store *store = application->store;
    const struct record_place *place = &application->place;
    bool again = false, follows = application->alone, contested = false;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count; i++)
        again = again || writers[i] == application->entry;
    if (again && application->alone)
        return STATUS_OK; /* applied before */
    if (!again && count >= WRITERS_MAX)
        return STATUS_TOO_LARGE;
    if (follows) {
        status = has_followed_all(application, writers, count);
        follows = application->follows;
    }
    if (status != STATUS_OK)
        return status;
    if (!again && count == 1)
        status = add_writer(store, place, writers[0]);
    if (!again && status == STATUS_OK)
        status = add_writer(store, place, application->entry);
    if (status != STATUS_OK)
        return status;
    if (follows) {
        status = record_read(store, place, &application->old);
        buffer_clear(&application->state);
        if (status == STATUS_OK)
            status = register_replace(buffer_bytes(&application->old), write, &application->state, &contested);
        return status == STATUS_OK ? update_row(store, place, buffer_bytes(&application->state), contested) : status;
    }
    int64_t *entries = malloc((count + 1) * sizeof *entries);
    if (entries == NULL)
        return STATUS_NO_MEMORY;
    memcpy(entries, writers, count * sizeof *entries);
    entries[count] = application->entry;
    status = merge_row(store, place, application->family, entries, again ? count : count + 1, &application->state);
    free(entries);
    return status;
}

static enum status apply_record(struct application *application, size_t record) {
    const struct put *put = application->put;
    struct register_write write = {application->entry, 0, application->room->fields, application->room->cells};
    application->place.period = put->keys[record].period;
    application->place.row = put->keys[record].row;
    write.count = record_load_cells(&application->columns, put, application->version, record, application->room->fields, application->room->cells);
    if (write.count == 0)
        return STATUS_OK;
    buffer_clear(&application->state);
    bool inserted;
    enum status status = register_first(&write, 1, &application->state);
    if (status == STATUS_OK)
        status = insert_row(application->store, &application->place, buffer_bytes(&application->state), &inserted);
    if (status != STATUS_OK || inserted)
        return status;
    int64_t *writers;
    size_t count;
    status = record_writers(application->store, &application->place, &writers, &count);
    if (status == STATUS_OK)
        status = change_row(application, writers, count, &write);
    free(writers);
    return status;
}

/* Packs a record; from the put itself where its cells stand there as they are wanted. */
static enum status pack_record(struct application *application, size_t record) {
    const struct put *put = application->put;
    const struct record_columns *columns = &application->columns;
    struct register_write write = {application->entry, columns->count, columns->number, put->cells + record};
    if (columns->as_they_stand)
        return register_first(&write, put->record_count, &application->state);
    write = (struct register_write){application->entry, 0, application->room->fields, application->room->cells};
    write.count = record_load_cells(columns, put, application->version, record, application->room->fields, application->room->cells);
    return register_first(&write, 1, &application->state);
}

/* Records that nobody wrote before, which is the rule, many at once. Where one of them turns out to be there, all are taken up again one by one: those that
 * have just gone in are known as this entry's own. */
static enum status apply_records(struct application *application, size_t first) {
    size_t ends[ROWS_AT_ONCE];
    bool inserted;
    struct rows rows = {.keys = application->put->keys + first};
    enum status status = STATUS_OK;
    buffer_clear(&application->state);
    for (size_t i = 0; i < ROWS_AT_ONCE && status == STATUS_OK; i++) {
        status = pack_record(application, first + i);
        ends[i] = application->state.len;
    }
    for (size_t i = 0; i < ROWS_AT_ONCE && status == STATUS_OK; i++) {
        size_t begin = i > 0 ? ends[i - 1] : 0;
        rows.states[i] = bytes_of(application->state.data + begin, ends[i] - begin);
    }
    if (status == STATUS_OK)
        status = insert_rows(application->store, &application->place, &rows, &inserted);
    for (size_t i = first; status == STATUS_OK && !inserted && i < first + ROWS_AT_ONCE; i++)
        status = apply_record(application, i);
    return status;
}

static enum status apply_put(struct store *store, int64_t entry, bool alone, const struct put *put, const struct form_family *family,
                             const struct form_version_view *version, const struct unit_id *unit) {
    struct application application = {
        .store = store, .entry = entry, .alone = alone, .put = put, .family = family, .version = version, .room = malloc(sizeof *application.room)};
    if (application.room == NULL)
        return STATUS_NO_MEMORY;
    buffer_init(&application.state, STATE_BYTES_MAX);
    buffer_init(&application.old, STATE_BYTES_MAX);
    record_load_columns(&application.columns, put, version);
    enum status status = record_form_number(store, family->form_id, true, &application.place.form);
    if (status == STATUS_OK)
        status = record_unit_number(store, unit, true, &application.place.unit);
    size_t next = PLANTED("skip-record");
    for (; alone && next + ROWS_AT_ONCE <= put->record_count && status == STATUS_OK; next += ROWS_AT_ONCE)
        status = apply_records(&application, next);
    for (; next < put->record_count && status == STATUS_OK; next++)
        status = apply_record(&application, next);
    buffer_fini(&application.state);
    buffer_fini(&application.old);
    free(application.room);
    return status;
}

/* ---- one put ---- */

/* Units of a level that the form does not name do not report it: judged on the last day of each period. A form that names none leaves that to entry (units get
 * children later). */
static bool level_fits(struct store *store, const struct put *put, const struct form *form, uint32_t unit) {
    for (size_t i = 0; i < put->record_count && form->level_count > 0; i++) {
        const struct period period = {form->period, put->keys[i].period};
        int32_t first, last;
        if (i > 0 && put->keys[i].period == put->keys[i - 1].period)
            continue;
        period_window(&period, form->window, &first, &last);
        if (!form_view_expects(store, form, unit, last))
            return false;
    }
    return true;
}

struct verdict {
    enum status status;
    struct bytes detail; /* what it waits for */
};

/* A form of another branch is none for this unit, whose own offices never get to know it: those above must see the put as they do. A unit that has moved keeps what it
 * wrote by the forms of those it stood under. */
static bool in_force(const struct store *store, const struct form_family *family, uint32_t unit) {
    uint32_t issuer = tree_unit(store->tree, &family->issuer);
    return issuer != TREE_NONE && tree_ever_over(store->tree, issuer, unit);
}

static struct verdict judge(struct store *store, const struct put *put, const struct header *header, const struct form_family **family,
                            const struct form_version_view **version) {
    const struct unit_id *id = &header->audience[0].unit;
    uint32_t unit = tree_unit(store->tree, id);
    enum status status = form_view_version(store, &put->form_version, family, version);
    if (status == STATUS_NOT_FOUND)
        return (struct verdict){STATUS_FORM_UNKNOWN, bytes_of(put->form_version.b, sizeof put->form_version.b)};
    if (status != STATUS_OK)
        return (struct verdict){status, {0}};
    if (unit != TREE_NONE && !in_force(store, *family, unit))
        return (struct verdict){STATUS_FORM_UNKNOWN, {0}}; /* no form's coming changes that */
    if (put_fits(put, &(*version)->form) != STATUS_OK)
        return (struct verdict){STATUS_MALFORMED, {0}};
    for (size_t i = 0; i < put->record_count; i++) {
        if (!period_valid((*version)->form.period, put->keys[i].period))
            return (struct verdict){STATUS_MALFORMED, {0}};
    }
    if (unit == TREE_NONE)
        return (struct verdict){STATUS_UNIT_UNKNOWN, bytes_of(id->b, sizeof id->b)};
    if (!level_fits(store, put, &(*version)->form, unit))
        return (struct verdict){STATUS_UNIT_NOT_REPORTING, bytes_of(id->b, sizeof id->b)};
    return (struct verdict){STATUS_OK, {0}};
}

static bool sets_aside(enum status status) {
    return status == STATUS_FORM_UNKNOWN || status == STATUS_MALFORMED || status == STATUS_UNIT_UNKNOWN || status == STATUS_UNIT_NOT_REPORTING;
}

/* All puts of a body are judged before the first is applied: merging reads back what stands of the entry, and must not find one there that does not. */
enum step { JUDGE = 1, APPLY = 2 };

static enum status withdraw_put(struct store *store, int64_t entry, const struct unit_id *unit, struct bytes payload);

static enum status apply_extract(struct store *store, const struct stored_entry *entry, const struct header *header, const struct change *change, unsigned steps) {
    const struct form_family *family;
    const struct form_version_view *version;
    struct extract *extract = malloc(sizeof *extract);
    if (extract == NULL)
        return STATUS_NO_MEMORY;
    enum status status = extract_decode(extract, change->payload);
    if (status == STATUS_OK) {
        struct verdict verdict = judge(store, &extract->put, header, &family, &version);
        if (verdict.status == STATUS_OK && (header->log.kind != LOG_DIRECTIVE || extract_fits(extract, &version->form) != STATUS_OK))
            verdict.status = STATUS_MALFORMED;
        status = verdict.status;
        if (sets_aside(status)) { /* it may stand, by what was known when it was judged before */
            status = extract_withdraw(store, entry->id, change->place);
            status = status == STATUS_OK ? apply_set_aside(store, entry->id, change->place, verdict.status, verdict.detail) : status;
        } else if (status == STATUS_OK && (steps & APPLY) == 0)
            status = apply_take_back(store, entry->id, change->place);
        else if (status == STATUS_OK)
            status = extract_apply(store, entry->id, change->place, extract, family, version, &header->audience[0].unit);
    } else if (status != STATUS_NO_MEMORY) {
        status = apply_set_aside(store, entry->id, 0, STATUS_MALFORMED, (struct bytes){0});
    }
    extract_fini(extract);
    free(extract);
    return status;
}

static enum status apply_change(struct store *store, const struct stored_entry *entry, const struct header *header, const struct change *change,
                                unsigned steps) {
    if (person_is(change->kind))
        return STATUS_OK; /* kept with the body, and judged by nobody */
    if (change->kind == CHANGE_EXTRACT)
        return apply_extract(store, entry, header, change, steps);
    if (change->kind != CHANGE_PUT)
        return apply_set_aside(store, entry->id, change->place, STATUS_CHANGE_UNKNOWN, (struct bytes){0});
    struct put put;
    const struct form_family *family;
    const struct form_version_view *version;
    enum status status = put_decode(&put, change->payload);
    if (status == STATUS_OK) {
        struct verdict verdict = judge(store, &put, header, &family, &version);
        status = verdict.status;
        if (sets_aside(status)) { /* it may stand, by what was known when it was judged before */
            /* In the other round what stands of the entry is what others of its body have just written. */
            bool before = (steps & JUDGE) != 0 && !PLANTED("aside-and-counted");
            status = !before ? STATUS_OK : withdraw_put(store, entry->id, &header->audience[0].unit, change->payload);
            status = status == STATUS_OK ? apply_set_aside(store, entry->id, change->place, verdict.status, verdict.detail) : status;
        } else if (status == STATUS_OK && steps == JUDGE)
            status = apply_take_back(store, entry->id, change->place); /* it may have waited for what another of the body waited for, too */
        else if (status == STATUS_OK)
            status = apply_put(store, entry->id, steps == (JUDGE | APPLY), &put, family, version, &header->audience[0].unit);
    } else if (status != STATUS_NO_MEMORY) {
        status = apply_set_aside(store, entry->id, 0, STATUS_MALFORMED, (struct bytes){0});
    }
    put_fini(&put);
    return status;
}

/* Is every change of the body well formed? */
static enum status prove_all(struct bytes bytes, bool *sound) {
    struct body_reader body;
    struct change change;
    struct put put;
    struct person person;
    struct extract *extract = malloc(sizeof *extract);
    if (extract == NULL)
        return STATUS_NO_MEMORY;
    *sound = body_open(&body, bytes, CLASS_RECORD) == STATUS_OK;
    while (*sound && body_next(&body, &change)) {
        enum status status = change.kind == CHANGE_PUT       ? put_decode(&put, change.payload)
                             : change.kind == CHANGE_EXTRACT ? extract_decode(extract, change.payload)
                             : person_is(change.kind)        ? person_decode(&person, change.payload)
                                                             : STATUS_OK;
        if (change.kind == CHANGE_PUT)
            put_fini(&put);
        if (change.kind == CHANGE_EXTRACT)
            extract_fini(extract);
        if (status == STATUS_NO_MEMORY) {
            free(extract);
            return status;
        }
        *sound = status == STATUS_OK;
    }
    free(extract);
    *sound = *sound && body_close(&body) == STATUS_OK;
    return STATUS_OK;
}

/* One of its records has no room for it: the entry is taken out and set aside as a whole, so that nobody else is held up. Which one that is of many that have
 * not seen one another, the order decides in which they came. */
static enum status stand_back(struct store *store, int64_t entry) {
    enum status status = record_apply_withdraw(store, entry);
    if (status == STATUS_OK) {
        struct query query = db_query(store->db, "DELETE FROM set_aside WHERE entry = ?");
        query_bind_int(&query, entry);
        status = query_run(&query);
    }
    return status == STATUS_OK ? apply_set_aside(store, entry, 0, STATUS_TOO_LARGE, (struct bytes){0}) : status;
}

/* A body of several changes is read first, so that none of it stands where one of them is malformed. */
static enum status apply_all(struct store *store, const struct stored_entry *entry, const struct header *header) {
    bool sound;
    struct body_reader body;
    struct change change;
    enum status status = prove_all(entry->entry.body, &sound);
    if (status != STATUS_OK)
        return status;
    if (!sound)
        return apply_set_aside(store, entry->id, 0, STATUS_MALFORMED, (struct bytes){0});
    status = body_open(&body, entry->entry.body, CLASS_RECORD);
    while (status == STATUS_OK && body_next(&body, &change))
        status = apply_change(store, entry, header, &change, JUDGE);
    if (status == STATUS_OK)
        status = body_open(&body, entry->entry.body, CLASS_RECORD);
    while (status == STATUS_OK && body_next(&body, &change))
        status = apply_change(store, entry, header, &change, APPLY);
    return status;
}

enum status record_apply(struct store *store, const struct stored_entry *entry, const struct header *header) {
    struct change only;
    enum status status;
    if (person_body_only(entry->entry.body, CLASS_RECORD, &only) && only.kind == CHANGE_PUT)
        status = apply_change(store, entry, header, &only, JUDGE | APPLY); /* which finds out whether it is well formed */
    else
        status = apply_all(store, entry, header);
    return status == STATUS_TOO_LARGE ? stand_back(store, entry->id) : status;
}

/* ---- taking back ---- */

/* The record without the entry. */
static enum status withdraw_from(struct store *store, const struct record_place *place, const struct form_family *family, int64_t entry, struct buffer *state) {
    int64_t *writers;
    size_t count, kept = 0;
    enum status status = record_writers(store, place, &writers, &count);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    for (size_t i = 0; i < count; i++) {
        if (writers[i] != entry)
            writers[kept++] = writers[i];
    }
    if (status == STATUS_OK && kept < count) {
        status = drop_writers(store, place);
        for (size_t i = 0; i < kept && kept > 1 && status == STATUS_OK; i++)
            status = add_writer(store, place, writers[i]);
        if (status == STATUS_OK && kept > 0) {
            status = merge_row(store, place, family, writers, kept, state);
        } else if (status == STATUS_OK) {
            struct query query = db_query(store->db, "DELETE FROM record WHERE form = ? AND period = ? AND unit = ? AND row = ?");
            bind_place(&query, place);
            status = query_run(&query);
        }
    }
    free(writers);
    return status;
}

static enum status withdraw_put(struct store *store, int64_t entry, const struct unit_id *unit, struct bytes payload) {
    struct put put;
    const struct form_family *family;
    const struct form_version_view *version;
    struct record_place place = {0};
    struct buffer state;
    buffer_init(&state, STATE_BYTES_MAX);
    enum status status = put_decode(&put, payload);
    if (status == STATUS_OK)
        status = form_view_version(store, &put.form_version, &family, &version);
    if (status == STATUS_OK)
        status = record_form_number(store, family->form_id, false, &place.form);
    if (status == STATUS_OK)
        status = record_unit_number(store, unit, false, &place.unit);
    for (size_t i = 0; i < put.record_count && status == STATUS_OK; i++) {
        place.period = put.keys[i].period;
        place.row = put.keys[i].row;
        status = withdraw_from(store, &place, family, entry, &state);
    }
    buffer_fini(&state);
    put_fini(&put);
    bool nothing_there = status == STATUS_NOT_FOUND || status == STATUS_MALFORMED || status == STATUS_TRUNCATED || status == STATUS_TRAILING;
    return nothing_there ? STATUS_OK : status;
}

enum status record_apply_withdraw(struct store *store, int64_t entry_id) {
    struct header *header = malloc(sizeof *header);
    struct buffer memory = {0};
    struct stored_entry entry;
    struct body_reader body;
    struct change change;
    enum status status = header != NULL ? record_load_entry(store, entry_id, &memory, &entry, header) : STATUS_NO_MEMORY;
    if (status == STATUS_OK && entry.entry.body.len > 0 && header->cls == CLASS_RECORD && body_open(&body, entry.entry.body, CLASS_RECORD) == STATUS_OK) {
        while (status == STATUS_OK && body_next(&body, &change)) {
            if (change.kind == CHANGE_PUT)
                status = withdraw_put(store, entry_id, &header->audience[0].unit, change.payload);
        }
    }
    if (status == STATUS_OK)
        status = extract_withdraw(store, entry_id, UINT32_MAX);
    buffer_fini(&memory);
    free(header);
    return status;
}
