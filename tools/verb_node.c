/* hoi node list. */
#include "tools/client.h"
#include "tools/output.h"
#include "tools/table.h"
#include "tools/text.h"
#include "tools/verbs.h"

#include <stdlib.h>

const struct option verb_node_list_options[] = {{NULL, OPTION_FLAG, NULL, NULL}};

static void print_nodes(const json_t *nodes) {
    struct table *table = table_new();
    size_t i;
    const json_t *node;
    table_column(table, _("Node"), TABLE_LEFT);
    table_column(table, _("Unit"), TABLE_LEFT | TABLE_WRAP);
    table_column(table, _("Invited by"), TABLE_LEFT);
    table_column(table, _("Last contact"), TABLE_LEFT);
    table_column(table, "", TABLE_LEFT);
    json_array_foreach(nodes, i, node) {
        char id[12], inviter[12], time[TEXT_SHORT];
        char *unit = output_unit(json_object_get(node, "unit"));
        snprintf(id, sizeof id, "%.8s", output_text(node, "node"));
        snprintf(inviter, sizeof inviter, "%.8s", output_text(node, "inviter"));
        table_cell(table, id);
        table_cell(table, unit);
        table_cell(table, *inviter != '\0' ? inviter : _("founder"));
        table_cell(table, text_time(time, json_integer_value(json_object_get(node, "last_contact"))));
        table_cell(table, json_is_true(json_object_get(node, "self")) ? _("this one") : "");
        table_row_end(table);
        free(unit);
    }
    table_print(table, stdout, true, 0);
    table_free(table);
}

int verb_node_list(const struct command *command) {
    json_t *result;
    enum status status = client_once(command, "node.list", NULL, &result);
    if (status == STATUS_OK && command->json) {
        output_json(result);
    } else if (status == STATUS_OK) {
        print_nodes(json_object_get(result, "nodes"));
    }
    json_decref(result);
    return status_exit(status);
}
