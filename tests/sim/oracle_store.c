/* What must hold of the stores: at looks in between, and at the last judgement. */
#include "store/check.h"
#include "store/digest.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- looks ---- */

static int64_t count_of(struct world *world, unsigned place, struct query query) {
    int64_t count = query_next(&query) ? query_int(&query, 0) : 0;
    enum status status = query_end(&query);
    if (status != STATUS_OK) {
        world_fail(world, "n%u cannot count: %s", place, status_name(status));
    }
    return count;
}

void oracle_look(struct world *world, unsigned place) {
    struct office *office = &world->offices[place];
    if (!office->joined || !office_up(world, place) || office->kind == OFFICE_THIEF) {
        return;
    }
    office_look(world, place);
    /* An epoch that forgets what it continues makes conflicts of its own: they do not count. */
    if (!world->many_logs && !office->restored && count_of(world, place, db_query(office->store->db, "SELECT count(*) FROM record WHERE contested = 1")) > 0) {
        world_happened(world, EVENT_CONFLICT);
    }
    if (count_of(world, place, db_query(office->store->db, "SELECT count(*) FROM set_aside")) > 0) {
        world_happened(world, EVENT_SET_ASIDE);
    }
    office_looked(world, place);
    ledger_compare(world, place, false);
}

/* ---- the views ---- */

/* Every derived table that has a form of its own, as text that does not depend on local numbers. */
static const char views_query[] =
    "SELECT 'fact ' || entry || ' ' || place || ' ' || kind FROM fact"
    " UNION ALL SELECT 'form ' || hex(version) || hex(form_id) || hex(issuer) || name || label || hex(coalesce(previous, '')) || ' ' || entry || ' ' || place "
    "||"
    " hex(payload) FROM form"
    " UNION ALL SELECT 'record ' || hex(f.form_id) || r.period || ' ' || hex(u.unit) || r.row || ' ' || hex(r.state) || ' ' || r.contested FROM record r"
    " JOIN form_key f ON f.id = r.form JOIN unit_key u ON u.id = r.unit"
    " UNION ALL SELECT 'write ' || hex(f.form_id) || r.period || ' ' || hex(u.unit) || r.row || ' ' || r.entry FROM record_write r"
    " JOIN form_key f ON f.id = r.form JOIN unit_key u ON u.id = r.unit"
    " UNION ALL SELECT 'document ' || entry || ' ' || place || hex(unit) || time || title FROM document"
    " UNION ALL SELECT 'aside ' || entry || ' ' || place || ' ' || reason || hex(coalesce(detail, '')) FROM set_aside"
    " UNION ALL SELECT 'log ' || hex(node) || kind || hex(epoch) || ' ' || head_seq || ' ' || applied || ' ' || bodies || ' ' || gaps FROM log"
    " ORDER BY 1";

static void dump_views(struct world *world, unsigned place, struct buffer *out) {
    buffer_init(out, (size_t)64 << 20);
    struct query query = db_query(world->offices[place].store->db, views_query);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && query_next(&query)) {
        struct bytes row = query_text(&query, 0);
        status = buffer_append(out, row.data, row.len);
        status = status == STATUS_OK ? buffer_append(out, "\n", 1) : status;
    }
    enum status ended = query_end(&query);
    if (status != STATUS_OK || ended != STATUS_OK) {
        world_fail(world, "n%u cannot show its views: %s", place, status_name(ended));
    }
}

/* Prints the first line that differs, for whoever looks into it. */
static void say_difference(struct world *world, const struct buffer *before, const struct buffer *after) {
    size_t at = 0, line = 0;
    while (at < before->len && at < after->len && before->data[at] == after->data[at]) {
        line = before->data[at] == '\n' ? at + 1 : line;
        at++;
    }
    world_trace(world, "    %.*s\n    %.*s", (int)(before->len - line < 300 ? before->len - line : 300), (const char *)before->data + line,
                (int)(after->len - line < 300 ? after->len - line : 300), (const char *)after->data + line);
}

/* What `hoi rebuild` makes of the logs is what there was. */
static void judge_rebuild(struct world *world, unsigned place) {
    struct buffer before, after;
    dump_views(world, place, &before);
    enum status status = rebuild_run(world->offices[place].store, NULL, NULL);
    if (status != STATUS_OK) {
        world_fail(world, "n%u cannot rebuild: %s", place, status_name(status));
    }
    dump_views(world, place, &after);
    if (!bytes_equal(buffer_bytes(&before), buffer_bytes(&after))) {
        say_difference(world, &before, &after);
        world_fail(world, "n%u: a rebuild makes other views", place);
    }
    buffer_fini(&before);
    buffer_fini(&after);
}

/* For whoever looks into it: what the two have set aside, and the registers. */
static void trace_views(struct world *world, unsigned place) {
    struct query query =
        db_query(world->offices[place].store->db,
                 "SELECT 'aside ' || substr(hex(e.hash), 1, 8) || ' ' || s.place || ' ' || s.reason FROM set_aside s JOIN entry e ON e.id = s.entry"
                 " UNION ALL SELECT 'record ' || substr(hex(f.form_id), 1, 8) || ' ' || r.period || ' ' || substr(hex(u.unit), 1, 8) || ' ' ||"
                 " r.row || ' ' || r.contested || ' ' || length(r.state) FROM record r JOIN form_key f ON f.id = r.form JOIN unit_key u ON u.id ="
                 " r.unit UNION ALL SELECT 'form ' || substr(hex(version), 1, 8) FROM form UNION ALL SELECT 'fact ' || substr(hex(e.hash), 1, 8) || ' ' || "
                 "f.place || ' ' || f.kind FROM fact f JOIN entry e ON e.id = f.entry ORDER BY 1");
    while (query_next(&query)) {
        struct bytes row = query_text(&query, 0);
        world_trace(world, "    n%u %.*s", place, (int)row.len, (const char *)row.data);
    }
    (void)!query_end(&query);
}

static void judge_check(struct world *world, unsigned place) {
    struct check_counts counts;
    json_t *findings = json_array();
    enum status status = check_run(world->offices[place].store, findings, &counts);
    if (status != STATUS_OK || json_array_size(findings) > 0) {
        char *text = json_dumps(findings, JSON_COMPACT);
        world_fail(world, "n%u: check says %s %.300s", place, status_name(status), text);
        trace_views(world, place);
        judge_rebuild(world, place); /* for whoever looks into it: where the views differ */
        trace_views(world, place);
        free(text);
    }
    json_decref(findings);
}

/* ---- digests ---- */

static struct hash digest_at(struct world *world, unsigned place, const struct unit_id *unit, const struct unit_id *with) {
    struct store *store = world->offices[place].store;
    uint32_t a = tree_unit(store->tree, unit), b = tree_unit(store->tree, with);
    struct hash out = {0};
    enum status status = a == TREE_NONE || b == TREE_NONE ? STATUS_UNIT_UNKNOWN : digest_of(store, a, b, &out);
    if (status != STATUS_OK) {
        world_fail(world, "n%u has no digest: %s", place, status_name(status));
    }
    return out;
}

/* What one of two has and the other has not. */
void oracle_trace(struct world *world, unsigned i, unsigned j) {
    for (size_t at = 0; at < world->written_count; at++) {
        const struct written *written = &world->ledger[at];
        enum holding here = ledger_holds(world, i, written), there = ledger_holds(world, j, written);
        char name[32];
        world_name(world, &written->log, name);
        if (here != there) {
            world_trace(world, "    %s:%llu class %u: n%u %u, n%u %u", name, (unsigned long long)written->seq, written->facts.cls, i, here, j, there);
        }
    }
}

/* Two offices of which one stands above the other agree on all that both may hold. */
static void judge_pair(struct world *world, unsigned i, unsigned j) {
    const struct unit_id *a = world_unit(world, i), *b = world_unit(world, j);
    if (!ID_EQUAL(a, b) && !ram_tree_above(&world->truth, a, b) && !ram_tree_above(&world->truth, b, a)) {
        return;
    }
    struct hash here = digest_at(world, i, a, b), there = digest_at(world, j, a, b);
    if (!ID_EQUAL(&here, &there)) {
        trace_views(world, i);
        trace_views(world, j);
        oracle_trace(world, i, j);
        world_fail(world, "n%u and n%u disagree: their digests differ", i, j);
    }
}

/* ---- the last judgement ---- */

/* An office whose disk is well takes a figure, whatever befell it before. */
void oracle_life(struct world *world, unsigned place) {
    json_t *args = json_pack("{s:s, s:s, s:{s:{s:s, s:s}}, s:s}", "form", "members@00", "period", "2024-12", "cells", "total", "state", "value", "value", "7",
                             "reason", "cuoi");
    json_t *response = office_ask(world, place, "put", args);
    if (office_answer(response) != STATUS_OK) {
        world_fail(world, "n%u takes no figure in the end: %s", place, status_name(office_answer(response)));
    }
    json_decref(response);
    if (office_up(world, place)) {
        drive_changed(world, place, OFFICES_MAX);
    }
}

/* The power goes everywhere at once, when nobody expects it any more: nothing that was said to be durable is gone. */
static void judge_durability(struct world *world, unsigned place) {
    office_cut(world, place, false, 0);
    office_start(world, place);
    if (office_up(world, place)) {
        ledger_compare(world, place, false);
    } else {
        world_fail(world, "n%u does not come back", place);
    }
}

static void judge_alone(struct world *world, unsigned place) {
    judge_check(world, place);
    if (!world->failed) {
        oracle_trust(world, place);
    }
    for (unsigned j = 0; j < place && !world->failed && !oracle_may_differ(world); j++) {
        if (office_serves(world, j)) {
            judge_pair(world, place, j);
        }
    }
}

void oracle_judge(struct world *world) {
    for (unsigned i = 0; i < world->office_count && !world->failed; i++) {
        if (office_serves(world, i)) {
            judge_durability(world, i);
        }
    }
    for (unsigned i = 0; i < world->office_count && !world->failed; i++) {
        if (office_serves(world, i)) {
            judge_alone(world, i);
        }
    }
    if (!world->failed) {
        oracle_root(world);
    }
    for (unsigned i = 0; i < world->office_count && !world->failed; i++) {
        if (!office_serves(world, i)) {
            continue;
        }
        oracle_look(world, i);
        if (!world->powers && world->root == 0) { /* the auditor knows no cuts */
            audit_compare(world, i);
        }
        if (!world->failed) {
            judge_rebuild(world, i);
        }
    }
}
