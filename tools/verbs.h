/* The verbs of the command line: each is a function that gets its command and returns the exit status of the tool, and the options that it takes. hoi.c has the
 * one table of them. */
#ifndef TOOLS_VERBS_H
#define TOOLS_VERBS_H

#include "tools/options.h"

#define VERB(name) \
    int verb_##name(const struct command *command); \
    extern const struct option verb_##name##_options[];
VERB(init)
VERB(unit_add)
VERB(unit_import)
VERB(unit_list)
VERB(unit_show)
VERB(form_add)
VERB(form_check)
VERB(form_list)
VERB(form_show)
VERB(put)
VERB(show)
VERB(import)
VERB(rollup)
VERB(log)
VERB(status)
VERB(invite)
VERB(join)
VERB(node_list)
VERB(node_export_key)
VERB(node_import_key)
VERB(sync)
VERB(config)
VERB(send)
VERB(inbox)
VERB(digest)
VERB(check)
VERB(rebuild)
VERB(erase)
VERB(node_revoke)
VERB(node_fork)
VERB(node_rotate)
VERB(recovery_admit)
VERB(recovery_revoke)
VERB(recovery_follow)
VERB(backup)
VERB(restore)
#undef VERB

#endif
