/* Random histories: what their entries say. Most of it is lawful; of everything that section 12 of docs/protocol.md sets aside something comes up now and then.
 */
#include "tests/sim/audit_history.h"

#include <assert.h>
#include <stdlib.h>

enum {
    JUNE = 20269,      /* days since 1970: 2025-06-30, the last day of the periods that puts are about */
    CHANGES_A_BODY = 3 /* and a person */
};

/* One body in the making: its changes' payloads stay until it is written. */
struct body {
    struct history *history;
    uint8_t nonce[16];
    struct change changes[CHANGES_A_BODY + 1];
    struct buffer payloads[CHANGES_A_BODY + 1];
    size_t count;
    bool recovery; /* for the recovery log */
};

static uint64_t below(struct history *history, uint64_t bound) {
    return random_below(&history->random, bound);
}

static bool chance(struct history *history, unsigned permille) {
    return random_chance(&history->random, permille);
}

static struct buffer *add(struct body *body, uint64_t kind) {
    struct buffer *payload = &body->payloads[body->count];
    buffer_init(payload, BODY_BYTES_MAX);
    body->changes[body->count] = (struct change){.kind = kind, .place = (uint32_t)body->count};
    body->count++;
    return payload;
}

/* A payload of no known shape, which bodies may hold of unknown kinds only. */
static void add_shapeless(struct body *body, uint64_t kind) {
    static const uint8_t PAYLOAD[] = {0x92, 0x01, 0x90}; /* [1, []] */
    enum status status = buffer_append(add(body, kind), PAYLOAD, sizeof PAYLOAD);
    assert(status == STATUS_OK);
}

/* ---- whom and what an entry is about ---- */

static bool is_under(const struct history *history, int unit, int above) {
    while (unit >= 0 && unit != above) {
        unit = history->units[unit].parent;
    }
    return unit == above;
}

/* Does every office that hears of the author's units know this one: made, and all above it, by the author's unit or one above that? */
static bool is_known_around(const struct history *history, int author_unit, int unit) {
    for (; history->units[unit].parent >= 0; unit = history->units[unit].parent) {
        if (!is_under(history, author_unit, history->units[unit].creator)) {
            return false;
        }
    }
    return true;
}

/* Mostly the author's own unit or one below; now and then any. */
static int choose_unit(struct history *history, int node) {
    for (unsigned tries = 0; tries < 20; tries++) {
        int unit = (int)below(history, history->unit_count);
        if (is_under(history, unit, history->nodes[node].unit) || chance(history, 40)) {
            return unit;
        }
    }
    return history->nodes[node].unit;
}

static struct date choose_date(struct history *history) {
    static const int32_t DAYS[] = {JUNE - 400, JUNE - 1, JUNE, JUNE + 1, JUNE + 20000};
    return chance(history, 600) ? (struct date){0} : (struct date){true, DAYS[below(history, sizeof DAYS / sizeof *DAYS)]};
}

static struct bytes choose_text(struct history *history) {
    static const char TEXTS[] = "012345";
    return bytes_of(&TEXTS[below(history, 6)], 1);
}

/* ---- control ---- */

/* The place of a unit of that id, -1: none. */
static int find_unit(const struct history *history, const struct unit_id *id) {
    for (size_t i = 0; i < history->unit_count; i++) {
        if (ID_EQUAL(&history->units[i].id, id)) {
            return (int)i;
        }
    }
    return -1;
}

static void add_unit(struct body *body, int node, int parent) {
    struct history *history = body->history;
    struct history_unit unit = {.creator = history->nodes[node].unit, .thief = -1, .place = (uint32_t)body->count};
    keys_unit_id(&unit.id, &history->founding.association, body->nonce, unit.place);
    memcpy(unit.nonce, body->nonce, sizeof unit.nonce);
    int known = find_unit(history, &unit.id);
    bool steals = known >= 0 && unit.creator != history->units[known].creator && is_known_around(history, unit.creator, known);
    parent = known < 0 || steals ? parent : history->units[known].parent;
    unit.parent = parent;
    struct unit_change change = {.parent = history->units[parent].id,
                                 .level = (uint8_t)(1 + below(history, 4)),
                                 .code = chance(history, 200) ? (struct bytes){0} : choose_text(history),
                                 .name = choose_text(history),
                                 .effective = choose_date(history)};
    struct line above = history_line(history, parent);
    change.line.units[0] = change.parent;
    memcpy(change.line.units + 1, above.units, above.count * sizeof *above.units);
    change.line.count = above.count + 1;
    enum status status = unit_change_encode(&change, add(body, CHANGE_UNIT));
    assert(status == STATUS_OK);
    if (known < 0 && history->unit_count < HISTORY_UNITS) {
        history->units[history->unit_count++] = unit;
    }
}

static void add_attribute(struct body *body, int node) {
    struct history *history = body->history;
    struct unit_set_change change = {
        .unit = history->units[choose_unit(history, node)].id, .attribute = (uint8_t)(1 + below(history, 3)), .effective = choose_date(history)};
    change.level = change.attribute == UNIT_LEVEL ? (uint8_t)below(history, 5) : 0;
    change.text = change.attribute == UNIT_LEVEL ? (struct bytes){0} : choose_text(history);
    enum status status = unit_set_change_encode(&change, add(body, CHANGE_UNIT_SET));
    assert(status == STATUS_OK);
}

static void add_admission(struct body *body, int node, int unit) {
    struct history *history = body->history;
    struct admission *admission = calloc(1, sizeof *admission);
    assert(admission != NULL);
    admission->inviter = history->nodes[chance(history, 40) ? below(history, history->node_count) : (size_t)node].id;
    admission->inviter = body->recovery && chance(history, 900) ? (struct node_id){{0}} : admission->inviter;
    admission->unit = history->units[unit].id;
    random_fill(&history->random, admission->signing_key, 32);
    random_fill(&history->random, admission->transport_key, 32);
    random_fill(&history->random, admission->nonce, 16);
    bool partly = history->node_count > 5 && chance(history, 200);
    admission->roles = (uint8_t)(partly ? 1 + below(history, 2) : ROLE_WRITER | ROLE_STEWARD);
    admission->line = history_line(history, unit);
    enum status status = admission_encode(admission, add(body, CHANGE_ADMISSION));
    assert(status == STATUS_OK);
    if (history->node_count < HISTORY_NODES) {
        struct history_node *added = &history->nodes[history->node_count++];
        *added = (struct history_node){.unit = unit, .roles = admission->roles};
        admission_node_id(&added->id, &history->founding.association, admission);
    }
    free(admission);
}

static void add_levels(struct body *body) {
    struct level_table *table = calloc(1, sizeof *table);
    assert(table != NULL);
    table->count = below(body->history, 4);
    for (size_t i = 0; i < table->count; i++) {
        table->levels[i].number = (uint8_t)(i * 2);
        table->levels[i].names = (struct texts){1, {{bytes_of("vi", 2), choose_text(body->history)}}};
    }
    enum status status = level_table_encode(table, add(body, CHANGE_LEVEL_TABLE));
    assert(status == STATUS_OK);
    free(table);
}

/* ---- forms ---- */

static void write_form(struct history *history, const struct history_form *form, const struct hash *previous, struct buffer *out) {
    static const char *const NAMES[] = {"", "i", "d", "i", "t", "y", "c", "k", "f"};
    struct form_field fields[HISTORY_FIELDS] = {0};
    struct form_choice choices[4] = {0};
    for (size_t i = 0; i < 4; i++) {
        choices[i].code = bytes_of(&"wxyz"[3 - i], 1); /* a later version's choices may stand at other places */
    }
    for (size_t i = 0; i < form->field_count; i++) {
        uint8_t type = form->types[i];
        fields[i] = (struct form_field){.name = bytes_of(NAMES[type], 1), .type = type, .over_time = type == FIELD_COMPUTED ? 0 : TIME_LAST};
        fields[i].choices = type == FIELD_CHOICE ? choices + (4 - form->choices) : NULL;
        fields[i].choice_count = type == FIELD_CHOICE ? form->choices : 0;
        fields[i].places = type == FIELD_DECIMAL ? form->places : 0;
        fields[i].formula = type == FIELD_COMPUTED ? bytes_of("i", 1) : (struct bytes){0};
    }
    static const uint8_t EXTENSION[] = {0x91, 0x93, 0x01, 0xc3, 0xc4, 0x00}; /* [[1, true, ""]] */
    struct form encoded = {.issuer = form->issuer,
                           .name = bytes_of(form->name, 1),
                           .label = 1 + below(history, 1000),
                           .has_previous = previous != NULL,
                           .period = form->period,
                           .window = form->window,
                           .reach = form->reach,
                           .policy = form->policy,
                           .list = form->list,
                           .level_count = form->level_count,
                           .field_count = form->field_count,
                           .fields = fields};
    memcpy(encoded.levels, form->levels, form->level_count);
    encoded.previous = previous != NULL ? *previous : encoded.previous;
    enum status status = form_encode(&encoded, out);
    assert(status == STATUS_OK);
    if (chance(history, 20)) { /* of a later version of the program: what is understood of it is not enough */
        out->len--;
        status = buffer_append(out, EXTENSION, sizeof EXTENSION);
        assert(status == STATUS_OK);
    }
}

static void choose_form(struct history *history, int node, struct history_form *form) {
    static const uint8_t ALL[HISTORY_FIELDS] = {FIELD_INTEGER, FIELD_TEXT, FIELD_CHOICE, FIELD_DECIMAL, FIELD_YESNO, FIELD_DATE, FIELD_COMPUTED};
    size_t issuer = chance(history, 50) ? below(history, history->unit_count) : (size_t)history->nodes[node].unit;
    *form = (struct history_form){.issuer = history->units[issuer].id,
                                  .name = {chance(history, 600) ? 'a' : 'b'},
                                  .window = (uint8_t)(1 + below(history, 2)),
                                  .policy = (uint8_t)(1 + below(history, 2)),
                                  .field_count = 3 + below(history, HISTORY_FIELDS - 2),
                                  .choices = (uint8_t)(2 + below(history, 3)),
                                  .places = (uint8_t)(1 + below(history, 2))};
    form->list = form->name[0] == 'b';
    form->period = (uint8_t)(chance(history, 700) ? PERIOD_MONTH : 1 + below(history, 8));
    memcpy(form->types, ALL, sizeof ALL);
    if (chance(history, 300)) {
        form->level_count = 2;
        form->levels[0] = (uint8_t)below(history, 2);
        form->levels[1] = (uint8_t)(2 + below(history, 2));
    }
}

/* A version that follows: mostly as it may. */
static void change_form(struct history *history, struct history_form *form) {
    switch (below(history, 10)) {
    case 0:
        form->field_count = form->field_count < HISTORY_FIELDS ? form->field_count + 1 : form->field_count;
        break;
    case 1:
        form->choices = form->choices < 4 ? form->choices + 1 : form->choices;
        break;
    case 2:
        form->field_count--;
        break;
    case 3:
        form->choices = form->choices > 2 ? form->choices - 1 : form->choices;
        break;
    case 4:
        form->reach = (uint8_t)below(history, 3);
        break;
    case 5:
        form->window = chance(history, 300) ? (uint8_t)(3 - form->window) : form->window;
        form->list = chance(history, 200) ? !form->list : form->list;
        break;
    case 6:
        form->types[0] = chance(history, 300) ? FIELD_MONEY : form->types[0];
        form->places = chance(history, 500) ? (uint8_t)(3 - form->places) : form->places;
        break;
    default:
        form->policy = (uint8_t)(1 + below(history, 2));
        break;
    }
    form->field_count = form->field_count < 1 ? 1 : form->field_count;
}

static void add_form(struct body *body, int node) {
    struct history *history = body->history;
    struct history_form form;
    struct hash previous, *follows = NULL;
    choose_form(history, node, &form);
    if (history->form_count > 0 && chance(history, 600)) {
        for (unsigned tries = 0; tries == 0 || (tries < 4 && !ID_EQUAL(&form.issuer, &history->units[history->nodes[node].unit].id)); tries++) {
            form = history->forms[below(history, history->form_count)]; /* mostly the own office's */
        }
        previous = form.version;
        follows = &previous;
        change_form(history, &form);
    }
    if (chance(history, 30)) {
        random_fill(&history->random, previous.b, sizeof previous.b);
        follows = &previous;
    }
    struct buffer *payload = add(body, CHANGE_FORM);
    write_form(history, &form, follows, payload);
    form_version(&form.version, &history->founding.association, buffer_bytes(payload));
    if (history->form_count < HISTORY_FORMS) {
        history->forms[history->form_count++] = form;
    }
}

/* ---- records ---- */

static uint32_t choose_period(struct history *history, uint8_t kind) {
    static const uint32_t ORDINALS[] = {[PERIOD_MONTH] = 24305, [PERIOD_QUARTER] = 8101, [PERIOD_HALF] = 4050,        [PERIOD_NINE_MONTHS] = 2025,
                                        [PERIOD_YEAR] = 2025,   [PERIOD_TERM] = 2021004, [PERIOD_SCHOOL_YEAR] = 2024, [PERIOD_AD_HOC] = 20250630};
    return chance(history, 15) ? (uint32_t)below(history, 30000) : ORDINALS[kind] - (uint32_t)below(history, 2);
}

static struct cell choose_cell(struct history *history, uint8_t type, bool fit) {
    struct cell cell = {.state = (uint8_t)(chance(history, 750) ? CELL_VALUE : below(history, 3)), .number = (int64_t)below(history, 3)};
    if (cell.state == CELL_VALUE) {
        type = fit ? type : (uint8_t)(1 + below(history, 8));
        cell.type = type == FIELD_TEXT ? CELL_TEXT : type == FIELD_YESNO ? CELL_BOOL : CELL_INT;
        cell.number = cell.type == CELL_BOOL ? cell.number % 2 : cell.number;
        cell.text = cell.type == CELL_TEXT ? choose_text(history) : (struct bytes){0};
        cell.qualifier = (type <= FIELD_MONEY || !fit) && cell.type == CELL_INT && chance(history, 150) ? (uint8_t)(1 + below(history, 5)) : 0;
    }
    return cell;
}

static void add_put(struct body *body) {
    struct history *history = body->history;
    struct history_form form = history->forms[below(history, history->form_count)];
    bool fit = !chance(history, 40);
    size_t records = 1 + below(history, 2), columns = 1 + below(history, 3), first = below(history, form.field_count);
    struct record_key keys[2] = {{.period = choose_period(history, form.period)}, {0}};
    uint16_t ordinals[3] = {0};
    struct cell cells[6] = {0};
    keys[1] = (struct record_key){.period = keys[0].period + 1};
    for (size_t r = 0; r < 2 && form.list != chance(history, 15); r++) {
        keys[r].row = bytes_of(&"pq"[below(history, 2)], 1);
    }
    if (form.list && chance(history, 300)) { /* two rows of one period */
        keys[1].period = keys[0].period;
        keys[0].row = bytes_of("p", 1);
        keys[1].row = bytes_of("q", 1);
    }
    columns = first + columns > form.field_count ? form.field_count - first : columns;
    for (size_t c = 0; c < columns; c++) {
        ordinals[c] = (uint16_t)(first + c);
        for (size_t r = 0; r < records; r++) {
            cells[c * records + r] = choose_cell(history, form.types[first + c], fit);
        }
    }
    for (size_t r = 0; r < records; r++) { /* each record has a touched cell */
        cells[r].state = cells[r].state == CELL_UNTOUCHED ? CELL_MISSING : cells[r].state;
    }
    struct put put = {.form_version = form.version,
                      .flags = (uint8_t)below(history, 8),
                      .reason = bytes_of("x", 1),
                      .record_count = records,
                      .column_count = columns,
                      .keys = keys,
                      .ordinals = ordinals,
                      .cells = cells};
    if (chance(history, 20)) {
        put.form_version.b[0] ^= 1;
    }
    enum status status = put_encode(&put, add(body, CHANGE_PUT));
    assert(status == STATUS_OK);
}

static void add_document(struct body *body) {
    static const uint8_t EXTENSION[] = {0x91, 0x93, 0x01, 0xc3, 0xc4, 0x00};
    const struct document document = {.title = choose_text(body->history),
                                      .extensions = chance(body->history, 50) ? bytes_of(EXTENSION, sizeof EXTENSION) : (struct bytes){0}};
    struct buffer *out = add(body, CHANGE_DOCUMENT);
    enum status status = document_encode(&document, out);
    if (status == STATUS_CRITICAL_EXTENSION) { /* it does not write what it could not read: the last value by hand */
        const struct document plain = {.title = document.title};
        status = document_encode(&plain, out);
        out->len--;
        status = status == STATUS_OK ? buffer_append(out, EXTENSION, sizeof EXTENSION) : status;
    }
    assert(status == STATUS_OK);
}

/* A kind that no version knows: a person's stands where it must, or there is no body to be signed. */
static uint64_t unknown_kind(uint64_t kind) {
    while (person_is(kind) || change_known(kind))
        kind++;
    return kind;
}

/* Every third body names who wrote it, every fortieth in a shape that no person has: then nothing of it is applied. Nothing is drawn for that, so that the
 * histories of a seed are otherwise what they were before bodies named anybody. */
static void add_person(struct body *body, uint8_t cls) {
    static const struct person person = {.account = {(const uint8_t *)"lan.nt", 6}, .name = {(const uint8_t *)"Lan", 3}};
    size_t number = body->history->entry_count;
    if (cls == CLASS_CONTROL || body->count == 0 || (number % 3 != 0 && number % 40 != 0)) {
        return;
    }
    if (number % 40 == 0) {
        add_shapeless(body, person_kind(cls));
    } else {
        enum status status = person_encode(&person, add(body, person_kind(cls)));
        assert(status == STATUS_OK);
    }
}

/* ---- entries ---- */

static void finish(struct body *body, struct history_draft *draft) {
    struct buffer bytes;
    buffer_init(&bytes, BODY_BYTES_MAX);
    add_person(body, draft->cls);
    for (size_t i = 0; i < body->count; i++) {
        body->changes[i].payload = buffer_bytes(&body->payloads[i]);
    }
    enum status status = body_encode(&bytes, draft->cls == CLASS_CONTROL ? body->nonce : NULL, body->changes, body->count);
    assert(status == STATUS_OK);
    if (chance(body->history, 8)) {
        bytes.len--; /* its author signed what is no body */
    }
    draft->body = buffer_bytes(&bytes);
    history_append(body->history, draft);
    buffer_fini(&bytes);
    for (size_t i = 0; i < body->count; i++) {
        buffer_fini(&body->payloads[i]);
    }
}

/* A nonce of its own; or one used before, as a body issued again has it (with the same parent), or a thief's below: of a body that he may hold, and that nobody
 * has copied elsewhere. (A unit made twice, once under another that offices of this branch do not know, is for them another unit than for those above: as 5.1
 * says it, a creation that waits takes no part.) */
static void choose_nonce(struct history *history, struct body *body, int node) {
    const struct history_unit *copied = &history->units[below(history, history->unit_count)];
    int own = history->nodes[node].unit;
    random_fill(&history->random, body->nonce, sizeof body->nonce);
    bool known = copied->parent >= 0 && (copied->creator == own || is_known_around(history, own, (int)(copied - history->units)));
    if (!known || (copied->thief >= 0 && copied->thief != own) || history->unit_count <= 5 || !chance(history, 250)) {
        return;
    }
    memcpy(body->nonce, copied->nonce, sizeof body->nonce);
    for (size_t i = 0; i < history->unit_count; i++) {
        bool same = history->units[i].parent >= 0 && memcmp(history->units[i].nonce, body->nonce, sizeof body->nonce) == 0;
        history->units[i].thief = same ? own : history->units[i].thief;
    }
}

static void control_entry(struct history *history, int node) {
    struct body body = {.history = history};
    struct history_draft draft = {.node = node, .kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL};
    if (chance(history, 60)) {
        node = draft.node = 0;
        draft.kind = LOG_RECOVERY;
        body.recovery = true;
    }
    choose_nonce(history, &body, node);
    for (size_t wanted = 1 + below(history, CHANGES_A_BODY); body.count < wanted;) {
        uint64_t what = below(history, 100);
        if (what < 25) {
            add_unit(&body, node, choose_unit(history, node));
        } else if (what < 50) {
            add_attribute(&body, node);
        } else if (what < 68) {
            add_admission(&body, node, choose_unit(history, node));
        } else if (what < 92) {
            add_form(&body, node);
        } else if (what < 95) {
            add_levels(&body);
        } else {
            add_shapeless(&body, what < 99 ? unknown_kind(15 + below(history, 40)) : CHANGE_UNIT);
        }
    }
    finish(&body, &draft);
}

static void record_entry(struct history *history, int node) {
    struct body body = {.history = history};
    struct history_draft draft = {.node = node, .kind = LOG_REPORT, .cls = CLASS_RECORD, .audience_count = 1};
    int unit = history->nodes[node].unit;
    if (chance(history, 500)) {
        draft.kind = LOG_DIRECTIVE;
        unit = choose_unit(history, node);
    } else if (chance(history, 30)) {
        unit = (int)below(history, history->unit_count); /* a report about others */
    }
    draft.audience[0].unit = history->units[unit].id;
    draft.reach = chance(history, 700) ? 0 : chance(history, 300) ? REACH_PRIVATE : (uint8_t)below(history, 4);
    size_t wanted = 1 + below(history, CHANGES_A_BODY);
    while (body.count < wanted) {
        if (chance(history, 960)) {
            add_put(&body);
        } else {
            add_shapeless(&body, unknown_kind(65 + below(history, 20)));
        }
    }
    finish(&body, &draft);
}

static int by_term(const void *a, const void *b) {
    const struct term *x = a, *y = b;
    int order = ID_COMPARE(&x->unit, &y->unit);
    return order != 0 ? order : (x->scope > y->scope) - (x->scope < y->scope);
}

static void document_entry(struct history *history, int node) {
    struct body body = {.history = history};
    struct history_draft draft = {.node = node, .kind = LOG_REPORT, .cls = CLASS_DOCUMENT, .audience_count = 1 + below(history, 2)};
    draft.kind = chance(history, 600) ? LOG_DIRECTIVE : LOG_REPORT;
    for (size_t i = 0; i < draft.audience_count; i++) {
        int unit = choose_unit(history, node);
        if (draft.kind == LOG_REPORT && chance(history, 600)) {
            unit = history->units[unit].parent >= 0 ? history->units[unit].parent : unit;
        }
        draft.audience[i] = (struct term){.unit = history->units[unit].id, .scope = (uint8_t)(chance(history, 500) ? 0 : below(history, 7))};
    }
    qsort(draft.audience, draft.audience_count, sizeof *draft.audience, by_term);
    if (draft.audience_count == 2 && by_term(&draft.audience[0], &draft.audience[1]) == 0) {
        draft.audience_count = 1;
    }
    for (size_t wanted = 1 + below(history, 2); body.count < wanted;) {
        if (chance(history, 850)) {
            add_document(&body);
        } else {
            add_shapeless(&body, unknown_kind(97 + below(history, 20)));
        }
    }
    finish(&body, &draft);
}

void history_random_entry(struct history *history) {
    int node = (int)below(history, history->node_count);
    uint64_t what = below(history, 100);
    if (what < 30) {
        control_entry(history, node);
    } else if (what < 82) {
        record_entry(history, node);
    } else {
        document_entry(history, node);
    }
}

/* ---- the beginning ---- */

/* A unit below `parent` and a node of it, admitted by `node`. */
static void open_office(struct history *history, int node, int parent) {
    struct body body = {.history = history};
    struct history_draft draft = {.node = node, .kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL};
    random_fill(&history->random, body.nonce, sizeof body.nonce);
    int unit = (int)history->unit_count;
    add_unit(&body, node, parent);
    add_admission(&body, node, unit);
    finish(&body, &draft);
}

void history_begin(struct history *history) {
    open_office(history, 0, 0); /* unit 1: a province, node 1 */
    open_office(history, 1, 1); /* unit 2: a district below it, node 2 */
    open_office(history, 2, 2); /* unit 3: a commune below that, node 3 */
    open_office(history, 0, 0); /* unit 4: another province, node 4 */
    struct body body = {.history = history};
    struct history_draft draft = {.node = 0, .kind = LOG_DIRECTIVE, .cls = CLASS_CONTROL};
    random_fill(&history->random, body.nonce, sizeof body.nonce);
    add_form(&body, 0);
    finish(&body, &draft);
}
