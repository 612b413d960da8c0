/* hoi status: one page in words: this node, its links, what waits, what is wrong and what to do about it. */
#include "tools/client.h"
#include "tools/output.h"
#include "tools/refusal.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>

const struct option verb_status_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};

enum { DISK_LITTLE_BYTES = 200 * 1000 * 1000, ADVICE_MAX = 16, ERASED_SHOWN = 3, CLOCKS_ADVISED = 3 };

/* The page, and what there is to do, in the order in which it was found. */
struct page {
    struct table *facts;
    char *advice[ADVICE_MAX];
    size_t advice_count;
    const json_t *status;
    bool daemon;
};

static void fact(struct page *page, const char *what, char *value /* taken over */) {
    table_cell(page->facts, what);
    table_cell(page->facts, value);
    table_row_end(page->facts);
    free(value);
}

static void advise(struct page *page, char *sentence /* taken over */) {
    if (page->advice_count < ADVICE_MAX) {
        page->advice[page->advice_count++] = sentence;
    } else {
        free(sentence);
    }
}

static char *plain(const char *text) {
    return text_format("{text}", "text", text, NULL);
}

/* ---- who this is ---- */

static void add_identity(struct page *page, const json_t *hello) {
    const json_t *unit = json_object_get(page->status, "unit"), *node = json_object_get(page->status, "node");
    const char *association = output_text(hello, "name");
    const char *id = json_is_string(node) ? json_string_value(node) : output_text(node, "id");
    id = *id != '\0' ? id : output_text(hello, "node");
    fact(page, _("Association"), plain(association));
    fact(page, _("Unit"), output_unit(json_is_object(unit) ? unit : json_object_get(hello, "unit")));
    fact(page, _("Node"), text_format("{id}", "id", id, NULL));
    fact(page, _("Directory"), plain(output_text(hello, "dir")));
    fact(page, _("Daemon"), plain(page->daemon ? _("running") : _("not running")));
}

/* ---- the level above ---- */

static const struct {
    const char *state, *msgid;
} STATES[] = {
    {"connected", N_("connected")}, {"connecting", N_("connecting")}, {"waiting", N_("not connected, will be tried again")},
    {"refused", N_("refused")},     {"none", N_("not connected")},
};

static const char *state_word(const char *state) {
    for (size_t i = 0; i < sizeof STATES / sizeof STATES[0]; i++) {
        if (strcmp(STATES[i].state, state) == 0) {
            return _(STATES[i].msgid);
        }
    }
    return state;
}

static bool is_root(const struct page *page) {
    return json_is_null(json_object_get(json_object_get(page->status, "unit"), "parent")) && json_array_size(json_object_get(page->status, "uplinks")) == 0;
}

static void add_uplinks(struct page *page) {
    const json_t *uplinks = json_object_get(page->status, "uplinks"), *uplink;
    size_t i;
    bool connected = false, refused = false;
    json_array_foreach(uplinks, i, uplink) {
        char time[TEXT_SHORT];
        const char *state = output_text(uplink, "state");
        int64_t contact = json_integer_value(json_object_get(uplink, "last_contact"));
        connected = connected || strcmp(state, "connected") == 0;
        refused = refused || strcmp(state, "refused") == 0;
        fact(page, i == 0 ? _("Level above") : "",
             text_format(_("{address}: {state}[, last contact {time}]"), "address", output_text(uplink, "address"), "state",
                         *state != '\0' && page->daemon ? state_word(state) : _("not connected"), "time", contact > 0 ? text_time(time, contact) : NULL, NULL));
    }
    if (json_array_size(uplinks) == 0) {
        fact(page, _("Level above"), plain(is_root(page) ? _("none: this is the root") : _("not set")));
        if (!is_root(page)) {
            advise(page, plain(_("No level above is set: `hoi config uplink tcp://HOST:PORT`.")));
        }
    } else if (refused) {
        advise(page, plain(_("The level above refuses this node: its key may have been shut out. Call the level above.")));
    } else if (!page->daemon) {
        advise(page, plain(_("No daemon runs: nothing goes up by itself. Start hoid, or use `hoi sync` from time to time.")));
    } else if (!connected) {
        advise(page,
               plain(_("No connection to the level above: check the line (and the address: `hoi config uplink`). What is entered is kept and goes up later.")));
    }
}

/* ---- the levels below ---- */

/* Only a running daemon can tell: without one nobody listens, and that is said already. */
static void add_children(struct page *page) {
    char count[TEXT_SHORT];
    int64_t children = json_integer_value(json_object_get(page->status, "children"));
    if (children == 0 || !page->daemon || !json_is_false(json_object_get(page->status, "listening"))) {
        return;
    }
    fact(page, _("Levels below"), plain(_("not listened to")));
    advise(page, text_format(PLURAL("{count} node that this office admitted cannot reach it: hoid listens nowhere. Set an address with `hoi config listen "
                                    "tcp://ADDRESS:PORT`, then start hoid again.",
                                    "{count} nodes that this office admitted cannot reach it: hoid listens nowhere. Set an address with `hoi config listen "
                                    "tcp://ADDRESS:PORT`, then start hoid again.",
                                    children),
                             "count", text_count(count, children), NULL));
}

/* ---- what waits ---- */

/* "2202 Huyện A: 12 stored, 11 counted, 1 set aside", as its last receipt says. */
static void add_holder(struct page *page, const json_t *holder, bool first) {
    char stored[TEXT_SHORT], counted[TEXT_SHORT], aside[TEXT_SHORT];
    const json_t *unit = json_object_get(holder, "unit");
    int64_t set_aside = json_integer_value(json_object_get(holder, "set_aside"));
    char *shown = json_is_null(json_object_get(unit, "parent")) ? plain(_("at the centre")) : output_unit(unit);
    fact(page, first ? _("On its way up") : "",
         text_format(_("{unit}: {stored} stored, {counted} counted[, {aside} set aside]"), "unit", shown, "stored",
                     text_count(stored, json_integer_value(json_object_get(holder, "stored"))), "counted",
                     text_count(counted, json_integer_value(json_object_get(holder, "counted"))), "aside", set_aside > 0 ? text_count(aside, set_aside) : NULL,
                     NULL));
    free(shown);
}

static void add_log(struct page *page) {
    const json_t *log = json_object_get(page->status, "log");
    char number[TEXT_SHORT];
    int64_t written = json_integer_value(json_object_get(log, "written")), stored = json_integer_value(json_object_get(log, "stored_above"));
    fact(page, _("Written here"), plain(text_count(number, written)));
    if (is_root(page)) {
        return;
    }
    const json_t *above = json_object_get(page->status, "above"), *holder;
    size_t i;
    json_array_foreach(above, i, holder) {
        add_holder(page, holder, i == 0);
    }
    if (json_array_size(above) == 0) {
        fact(page, _("On its way up"), plain(_("not known: no level above has confirmed anything yet")));
    }
    if (written > stored) {
        char count[TEXT_SHORT];
        fact(page, _("Waiting to go up"), plain(text_count(count, written - stored)));
    }
}

/* "560 Tỉnh A, 562 Tỉnh B": whose entries were set aside. malloc. */
static char *units_text(const json_t *units) {
    struct text_memory memory;
    size_t i;
    const json_t *unit;
    text_memory_begin(&memory);
    json_array_foreach(units, i, unit) {
        char *shown = output_unit(unit);
        fprintf(memory.file, "%s%s", i > 0 ? ", " : "", shown);
        free(shown);
    }
    return text_memory_end(&memory);
}

/* What this office wrote itself, each with its reason: whoever wrote it is the one who can do something about it. */
static void add_own_aside(struct page *page) {
    const json_t *own = json_object_get(page->status, "own_aside"), *item;
    size_t i;
    json_array_foreach(own, i, item) {
        char time[TEXT_SHORT];
        char *reason = refusal_sentence(refusal_named(output_text(item, "reason")), NULL);
        const char *what = output_text(json_object_get(item, "change"), "what");
        fact(page, i == 0 ? _("Of this office set aside") : "",
             text_format("{time}[, {what}]: {reason}", "time", text_time(time, json_integer_value(json_object_get(item, "time"))), "what",
                         *what != '\0' ? what : NULL, "reason", reason, NULL));
        free(reason);
    }
}

static void add_aside(struct page *page) {
    const json_t *aside = json_object_get(page->status, "set_aside"), *item;
    int64_t above = json_integer_value(json_object_get(page->status, "aside_above"));
    char count[TEXT_SHORT];
    size_t i;
    json_array_foreach(aside, i, item) {
        char *sentence = refusal_sentence(refusal_named(output_text(item, "reason")), NULL), *units = units_text(json_object_get(item, "units"));
        fact(page, i == 0 ? _("Set aside") : "",
             text_format(_("{count}[ (from {units})]: {reason}"), "count", text_count(count, json_integer_value(json_object_get(item, "count"))), "units",
                         *units != '\0' ? units : NULL, "reason", sentence, NULL));
        free(units);
        free(sentence);
    }
    add_own_aside(page);
    if (json_array_size(aside) > 0) {
        advise(page, plain(_("What was set aside is kept and tried again by itself; `hoi log` shows it. If it stays for days, call the level above.")));
    }
    above -= json_integer_value(json_object_get(page->status, "own_aside_count")); /* those are said by name */
    if (above > 0) {
        advise(page, text_format(PLURAL("{count} entry of this office was set aside above: `hoi log` and a call to the level above say why.",
                                        "{count} entries of this office were set aside above: `hoi log` and a call to the level above say why.", above),
                                 "count", text_count(count, above), NULL));
    }
}

/* Copies put back, copies at work twice, forks: what every level above hears of, too. */
static void add_trust(struct page *page) {
    const json_t *taken = json_object_get(page->status, "taken_back"), *forks = json_object_get(page->status, "forks"), *item;
    char count[TEXT_SHORT], time[TEXT_SHORT];
    size_t i;
    json_array_foreach(taken, i, item) {
        bool both = json_is_true(json_object_get(item, "both"));
        char *unit = output_unit(json_object_get(item, "unit"));
        fact(page, i == 0 ? _("Copies put back") : "",
             text_format(both ? _("{unit}, node {node}: two copies of its store seem to be at work") : _("{unit}, node {node}: took back {count} entries that it did not remember, {time}"), "unit", unit,
                         "node", output_text(item, "node"), "count", text_count(count, json_integer_value(json_object_get(item, "entries"))), "time",
                         text_time(time, json_integer_value(json_object_get(item, "time"))), NULL));
        if (both) {
            advise(page, text_format(_("{unit}: find out on which PCs its folder runs. At the one that goes on: `hoi node rotate`; the other one is shut out by that."), "unit", unit, NULL));
        }
        free(unit);
    }
    json_array_foreach(forks, i, item) {
        bool waits = json_is_true(json_object_get(item, "waits"));
        char *unit = output_unit(json_object_get(item, "unit"));
        fact(page, i == 0 ? _("Forks") : "",
             text_format(waits ? _("{unit}: two entries of one number, {held} and {other}; what comes after waits") : _("{unit}: two entries of one number, {held} and {other}; decided"), "unit", unit, "held",
                         output_text(item, "held"), "other", output_text(item, "other"), NULL));
        if (waits) {
            advise(page, text_format(_("{unit} has a forked log: a copy of its key was at work. A level above it decides: `hoi node fork --keep ENTRY`, with one of the two entries above."), "unit", unit, NULL));
        }
        free(unit);
    }
}

/* Offices whose PC cannot be right about the time: what they write counts, but nobody can tell from it when. */
static void add_clocks(struct page *page) {
    const json_t *clocks = json_object_get(page->status, "clocks"), *item;
    char time[TEXT_SHORT];
    size_t i;
    json_array_foreach(clocks, i, item) {
        bool own = json_is_true(json_object_get(item, "own"));
        char *unit = output_unit(json_object_get(item, "unit"));
        text_time(time, json_integer_value(json_object_get(item, "time")));
        fact(page, i == 0 ? _("Doubtful clocks") : "",
             text_format(_("{unit}, node {node}: {time}"), "unit", unit, "node", output_text(item, "node"), "time", time, NULL));
        if (own) {
            advise(page,
                   plain(_(
                       "This PC's clock cannot be right: set its date and time. Nothing is lost by it, but nobody can tell when something was written here.")));
        } else if (i < CLOCKS_ADVISED) {
            advise(page,
                   text_format(_("{unit}: its PC's clock cannot be right ({time}): call there to have date and time set. What it writes counts all the same."),
                               "unit", unit, "time", time, NULL));
        }
        free(unit);
    }
}

/* The newest three: the rest `--json` tells. */
static void add_erased(struct page *page) {
    const json_t *item;
    char count[TEXT_SHORT], time[TEXT_SHORT];
    size_t i;
    json_array_foreach(json_object_get(page->status, "erased"), i, item) {
        if (i == ERASED_SHOWN) {
            return;
        }
        int64_t entries = json_integer_value(json_object_get(item, "entries"));
        char *unit = output_unit(json_object_get(item, "unit"));
        const char *reason = output_text(item, "reason");
        fact(page, i == 0 ? _("Erased") : "",
             text_format(
                 PLURAL("contents of {count} entry, by {unit}, {time}[: {reason}]", "contents of {count} entries, by {unit}, {time}[: {reason}]", entries),
                 "count", text_count(count, entries), "unit", unit, "time", text_time(time, json_integer_value(json_object_get(item, "time"))), "reason",
                 *reason != '\0' ? reason : NULL, NULL));
        free(unit);
    }
}

/* What came is kept, but this node has trouble of its own with applying it: figures shown may be behind. */
static void add_applying(struct page *page) {
    const char *name = output_text(page->status, "applying");
    if (*name == '\0' || strcmp(name, status_name(STATUS_OK)) == 0) {
        return;
    }
    fact(page, _("Not applied for now"), refusal_sentence(refusal_named(name), NULL));
    advise(page, plain(_("What other offices sent is kept but cannot be applied here for now: figures may be behind. It is tried again by itself; if it stays, "
                         "`hoi check` says whether the store is sound, and `hoi rebuild` applies everything anew.")));
}

static void add_waiting(struct page *page) {
    char number[TEXT_SHORT];
    int64_t conflicts = json_integer_value(json_object_get(page->status, "conflicts")), inbox = json_integer_value(json_object_get(page->status, "inbox"));
    if (conflicts > 0) {
        fact(page, _("Contested"), text_format(PLURAL("{count} record", "{count} records", conflicts), "count", text_count(number, conflicts), NULL));
        advise(page, plain(_("Contested figures count provisionally. `hoi show FORM PERIOD` shows the values side by side; entering the right one with "
                             "--reason settles it.")));
    }
    fact(page, _("Documents"),
         text_format(PLURAL("{count} document (hoi inbox)", "{count} documents (hoi inbox)", inbox), "count", text_count(number, inbox), NULL));
}

/* ---- disk and recovery keys ---- */

static void add_disk(struct page *page) {
    const json_t *disk = json_object_get(page->status, "disk");
    char store[TEXT_SHORT], left[TEXT_SHORT];
    int64_t size = json_integer_value(json_object_get(disk, "store")), free_bytes = json_integer_value(json_object_get(disk, "free"));
    fact(page, _("Disk"),
         text_format(_("{store} used by the store, {free} free"), "store", text_bytes(store, size), "free", text_bytes(left, free_bytes), NULL));
    if (free_bytes >= 0 && free_bytes < DISK_LITTLE_BYTES) {
        advise(page, plain(_("The disk is nearly full: make room, or nothing more can be entered soon.")));
    }
}

static void add_recovery(struct page *page) {
    const char *path = json_string_value(json_object_get(page->status, "recovery_keys"));
    const json_t *none = json_object_get(page->status, "recovery");
    if (path != NULL) {
        advise(page, text_format(_("The recovery keys still lie in {path}: print the pages, put each key in another place, and delete the files there."),
                                 "path", path, NULL));
    }
    if (json_is_string(none) && strcmp(json_string_value(none), "none") == 0) {
        fact(page, _("Recovery keys"), plain(_("none: this association cannot be recovered; for trials only")));
    }
}

static void print_page(struct page *page) {
    table_print(page->facts, stdout, false, 0);
    fputs(page->advice_count > 0 ? _("\nTo do:\n") : _("\nNothing to do.\n"), stdout);
    for (size_t i = 0; i < page->advice_count; i++) {
        char *line = text_format("  • {text}", "text", page->advice[i], NULL);
        table_paragraph(stdout, line, 4);
        free(line);
        free(page->advice[i]);
    }
}

int verb_status(const struct command *command) {
    struct client client;
    json_t *result;
    enum status status = client_open(&client, command);
    if (status == STATUS_OK) {
        status = client_ask(&client, "status", NULL, &result);
    }
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        struct page page = {.facts = table_new(), .status = result, .daemon = json_is_true(json_object_get(client.hello, "daemon"))};
        table_column(page.facts, "", TABLE_LEFT);
        table_column(page.facts, "", TABLE_LEFT | TABLE_WRAP);
        add_identity(&page, client.hello);
        add_uplinks(&page);
        add_children(&page);
        add_log(&page);
        add_aside(&page);
        add_trust(&page);
        add_clocks(&page);
        add_erased(&page);
        add_applying(&page);
        add_waiting(&page);
        add_disk(&page);
        add_recovery(&page);
        print_page(&page);
        table_free(page.facts);
    }
    client_close(&client);
    return status_exit(status);
}
