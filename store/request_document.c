/* Requests about documents: send, inbox. */
#include "store/document.h"
#include "store/period.h"
#include "store/request_person.h"

#include <stdlib.h>

enum { INBOX_TEXT_MAX = 4 * 1024 * 1024 /* half a frame of the control socket: JSON may double a text */, SELECTOR_BYTES_MAX = 8192 };

/* ---- send: who it is for ---- */

struct audience {
    struct request *request;
    uint32_t own;
    bool above, below; /* some terms are units above the own one; some are the own one or below */
    size_t count;
    struct term terms[AUDIENCE_TERMS_MAX];
};

static int term_order(const void *left, const void *right) {
    const struct term *a = left, *b = right;
    int order = ID_COMPARE(&a->unit, &b->unit);
    return order != 0 ? order : a->scope - b->scope;
}

/* A unit, with all below it where a slash and a star follow, or those of a level where /level:LEVEL follows. */
static enum status add_term(struct audience *audience, char *text) {
    static const char level_mark[] = "/level:";
    struct request *request = audience->request;
    const struct tree *tree = request->store->tree;
    size_t len = strlen(text);
    char *mark = strstr(text, level_mark);
    unsigned level = 0;
    uint8_t scope = SCOPE_UNIT;
    uint32_t unit;
    if (mark != NULL) {
        enum status status = request_level(request, mark + sizeof level_mark - 1, &level);
        if (status != STATUS_OK) {
            return status;
        }
        scope = (uint8_t)(SCOPE_LEVEL + level);
        *mark = '\0';
    } else if (len > 2 && strcmp(text + len - 2, "/*") == 0) {
        scope = SCOPE_SUBTREE;
        text[len - 2] = '\0';
    }
    if (text[0] == '\0' || audience->count == AUDIENCE_TERMS_MAX) {
        return request_refuse(request, STATUS_SELECTOR_INVALID, "selector", request_text(request, "to"), NULL);
    }
    enum status status = request_unit(request, text, INT32_MIN, &unit);
    if (status != STATUS_OK) {
        return status;
    }
    bool below = tree_over(tree, audience->own, unit);
    if (!below && !(scope == SCOPE_UNIT && tree_over(tree, unit, audience->own))) {
        return request_refuse(request, STATUS_UNIT_OUTSIDE, "unit", text, NULL);
    }
    audience->below |= below;
    audience->above |= !below;
    audience->terms[audience->count++] = (struct term){*tree_unit_id(tree, unit), scope};
    return STATUS_OK;
}

static enum status read_selector(struct audience *audience) {
    const char *to = request_text(audience->request, "to");
    if (to == NULL || to[0] == '\0' || strlen(to) > SELECTOR_BYTES_MAX) {
        return request_refuse(audience->request, STATUS_SELECTOR_INVALID, "selector", to, NULL);
    }
    char *copy = malloc(strlen(to) + 1), *rest = copy;
    if (copy == NULL) {
        return STATUS_NO_MEMORY;
    }
    memcpy(copy, to, strlen(to) + 1);
    enum status status = STATUS_OK;
    for (char *item; status == STATUS_OK && (item = strsep(&rest, ",")) != NULL;) {
        size_t len = strlen(item);
        while (len > 0 && item[len - 1] == ' ') {
            item[--len] = '\0';
        }
        status = add_term(audience, item + strspn(item, " "));
    }
    free(copy);
    if (status != STATUS_OK) {
        return status;
    }
    qsort(audience->terms, audience->count, sizeof *audience->terms, term_order);
    size_t kept = 0;
    for (size_t i = 0; i < audience->count; i++) {
        if (kept == 0 || term_order(&audience->terms[kept - 1], &audience->terms[i]) != 0) {
            audience->terms[kept++] = audience->terms[i];
        }
    }
    audience->count = kept;
    return STATUS_OK;
}

/* ---- send: what it says ---- */

struct letter {
    struct buffer number, title, text, payload, person, body;
    struct document document;
};

static enum status read_letter(struct request *request, struct letter *letter) {
    static const struct text_bounds number = {"number", 0, 100}, title = {"title", 1, DOCUMENT_TITLE_BYTES_MAX}, text = {"text", 0, DOCUMENT_TEXT_BYTES_MAX};
    int32_t date = INT32_MIN, due = INT32_MIN;
    enum status status = request_clean(request, &number, &letter->number);
    if (status == STATUS_OK) {
        status = request_clean(request, &title, &letter->title);
    }
    if (status == STATUS_OK) {
        status = request_clean(request, &text, &letter->text);
    }
    if (status == STATUS_OK) {
        status = request_date(request, "date", &date);
    }
    if (status == STATUS_OK) {
        status = request_date(request, "due", &due);
    }
    struct document *document = &letter->document;
    document->number = buffer_bytes(&letter->number);
    document->title = buffer_bytes(&letter->title);
    document->text = buffer_bytes(&letter->text);
    document->date = (struct date){.set = date != INT32_MIN, .days = date == INT32_MIN ? 0 : date};
    document->due = (struct date){.set = due != INT32_MIN, .days = due == INT32_MIN ? 0 : due};
    document->ask = document->due.set ? 2 : 0; /* what has a day to be done by asks to be done */
    return status;
}

/* What goes only to units above stands in the report log; all else in the directive log, which those above hold too. */
static enum status write_letter(struct request *request, const struct audience *audience, struct letter *letter, struct stored *stored) {
    enum status status = document_encode(&letter->document, &letter->payload);
    if (status == STATUS_OK) {
        status = request_person(request, &letter->person);
    }
    if (status == STATUS_OK) {
        const struct change changes[] = {{.kind = CHANGE_DOCUMENT, .payload = buffer_bytes(&letter->payload)},
                                         {.kind = CHANGE_DOCUMENT_PERSON, .place = 1, .payload = buffer_bytes(&letter->person)}};
        status = body_encode(&letter->body, NULL, changes, letter->person.len > 0 ? 2 : 1);
    }
    if (status == STATUS_OK) {
        struct draft draft = {.kind = audience->below ? LOG_DIRECTIVE : LOG_REPORT,
                              .cls = CLASS_DOCUMENT,
                              .audience_count = audience->count,
                              .audience = audience->terms,
                              .body = buffer_bytes(&letter->body)};
        status = log_append(request->store, &draft, stored);
    }
    return status;
}

static json_int_t count_selected(const struct tree *tree, const struct audience *audience) {
    json_int_t count = 0;
    for (uint32_t unit = 0; unit < tree_unit_count(tree); unit++) {
        count += tree_stands(tree, unit) && tree_selected(tree, audience->terms, audience->count, unit);
    }
    return count;
}

static enum status send_with(struct request *request, struct audience *audience, struct letter *letter) {
    struct store *store = request->store;
    struct stored stored;
    uint32_t self = tree_node(store->tree, &store->self);
    audience->request = request;
    enum status status = self == TREE_NONE ? request_refuse(request, STATUS_LINE_BROKEN, NULL) : STATUS_OK;
    if (status == STATUS_OK && (tree_node_at(store->tree, self)->roles & ROLE_WRITER) == 0) {
        status = request_refuse(request, STATUS_OUTSIDE_AUTHORITY, NULL);
    }
    if (status == STATUS_OK) {
        audience->own = tree_node_at(store->tree, self)->unit;
        status = read_letter(request, letter);
    }
    if (status == STATUS_OK) {
        status = read_selector(audience);
    }
    if (status == STATUS_OK) {
        status = write_letter(request, audience, letter, &stored);
    }
    if (status == STATUS_OK) {
        request->result = json_pack("{s:o, s:I}", "entry", request_ref_json(&stored.ref), "units", count_selected(store->tree, audience));
    }
    return status;
}

static enum status send_letter(struct request *request) {
    struct audience *audience = calloc(1, sizeof *audience);
    struct letter *letter = calloc(1, sizeof *letter);
    enum status status = STATUS_NO_MEMORY;
    if (audience != NULL && letter != NULL) {
        struct buffer *const buffers[] = {&letter->number, &letter->title, &letter->text, &letter->payload, &letter->person, &letter->body};
        for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
            buffer_init(buffers[i], 4 * BODY_BYTES_MAX);
        }
        status = send_with(request, audience, letter);
        for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
            buffer_fini(buffers[i]);
        }
    }
    free(audience);
    free(letter);
    return status;
}

/* ---- inbox ---- */

struct inbox {
    struct store *store;
    json_t *documents;
    size_t text_bytes;
    json_int_t more;
    bool all;
};

static json_t *date_json(struct date date) {
    char text[11];
    if (!date.set) {
        return json_null();
    }
    period_date_text(text, date.days);
    return json_string(text);
}

static json_t *from_json(struct store *store, const struct unit_id *from) {
    uint32_t unit = tree_unit(store->tree, from);
    return unit == TREE_NONE ? json_pack("{s:o}", "id", request_hex_json(from->b, sizeof from->b)) : request_unit_json(store, unit, INT32_MIN);
}

static bool show_document(void *arg, const struct document_item *item) {
    struct inbox *inbox = arg;
    const struct document *document = item->document;
    if (!inbox->all && !item->addressed) {
        return true;
    }
    inbox->text_bytes += document->text.len + document->title.len;
    if (inbox->text_bytes > INBOX_TEXT_MAX) {
        inbox->more++;
        return true;
    }
    json_t *shown =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:b}", "id", request_ref_json(&item->ref), "title", request_string(document->title), "number",
                  request_string(document->number), "date", date_json(document->date), "from", from_json(inbox->store, &item->from), "time",
                  (json_int_t)item->time, "text", request_string(document->text), "due", date_json(document->due), "addressed", item->addressed);
    json_array_append_new(inbox->documents, shown);
    return true;
}

static enum status inbox(struct request *request) {
    struct inbox inbox = {.store = request->store, .documents = json_array(), .all = request_flag(request, "all")};
    enum status status = document_each(request->store, show_document, &inbox);
    if (status != STATUS_OK) {
        json_decref(inbox.documents);
        return status;
    }
    request->result = json_pack("{s:o, s:I}", "documents", inbox.documents, "more", inbox.more);
    return STATUS_OK;
}

const struct request_verb request_document_verbs[] = {{"send", send_letter, true}, {"inbox", inbox, false}, {NULL, NULL, false}};
