#include "store/local_right.h"

#include "protocol/planted.h"

#include <stdio.h>

static const struct {
    const char *word;
    unsigned right;
} WORDS[] = {
    {"read", RIGHT_READ}, {"enter", RIGHT_ENTER},   {"submit", RIGHT_SUBMIT}, {"lock", RIGHT_LOCK},     {"send", RIGHT_SEND},     {"form", RIGHT_FORM},
    {"unit", RIGHT_UNIT}, {"invite", RIGHT_INVITE}, {"revoke", RIGHT_REVOKE}, {"export", RIGHT_EXPORT}, {"config", RIGHT_CONFIG}, {"care", RIGHT_CARE},
};
enum { WORD_COUNT = sizeof WORDS / sizeof WORDS[0] };

/* One line for every request there is, those of the daemon alone too. test_store_local_right walks the tables of verbs and fails where one has no line here. */
static const struct {
    const char *verb;
    unsigned right;
} VERBS[] = {
    {"hello", RIGHTS_NONE},
    {"status", RIGHT_READ},
    {"show", RIGHT_READ},
    {"rollup", RIGHT_READ},
    {"log", RIGHT_READ},
    {"digest", RIGHT_READ},
    {"unit.list", RIGHT_READ},
    {"unit.show", RIGHT_READ},
    {"level.list", RIGHT_READ},
    {"node.list", RIGHT_READ},
    {"form.check", RIGHT_READ},
    {"form.list", RIGHT_READ},
    {"form.show", RIGHT_READ},
    {"inbox", RIGHT_READ},
    {"put", RIGHT_ENTER},
    {"import.begin", RIGHT_ENTER},
    {"import.rows", RIGHT_ENTER},
    {"import.commit", RIGHT_ENTER},
    {"import.abort", RIGHT_ENTER},
    {"sync", RIGHT_ENTER},
    {"send", RIGHT_SEND},
    {"form.add", RIGHT_FORM},
    {"unit.add", RIGHT_UNIT},
    {"unit.import", RIGHT_UNIT},
    {"invite", RIGHT_INVITE},
    {"admit", RIGHT_INVITE},
    {"admission", RIGHT_INVITE}, /* for a PC that asks by a file */
    {"node.revoke", RIGHT_REVOKE},
    {"erase", RIGHT_REVOKE},
    {"erase.look", RIGHT_REVOKE},
    {"backup.begin", RIGHT_EXPORT}, /* all that this node holds, in one file */
    {"backup.part", RIGHT_EXPORT},
    {"backup.end", RIGHT_EXPORT},
    {"config", RIGHT_CONFIG}, /* to change one; see below */
    {"check", RIGHT_CARE},
    {"rebuild", RIGHT_CARE},
    {"node.fork", RIGHT_REVOKE},
    {"stop", RIGHT_CARE},
    {"node.rotate", RIGHT_REVOKE},
    {"recovery.draft", RIGHT_REVOKE},
    {"recovery.sign", RIGHT_REVOKE},
    {"uplink.follow", RIGHT_CONFIG},
};
enum { VERB_COUNT = sizeof VERBS / sizeof VERBS[0], VERB_UNKNOWN = VERB_COUNT };

static size_t find_verb(const char *verb) {
    size_t i = 0;
    while (i < VERB_COUNT && strcmp(VERBS[i].verb, verb) != 0) {
        i++;
    }
    return i;
}

bool local_right_named(const char *verb) {
    return find_verb(verb) != VERB_UNKNOWN;
}

/* Settings may be read by whoever reads. Who gives rights could give himself all of them: that is the owner's. */
static unsigned needed_for_config(const json_t *args) {
    const char *key = json_string_value(json_object_get(args, "key"));
    const json_t *value = json_object_get(args, "value");
    if (value == NULL || json_is_null(value)) {
        return RIGHT_READ;
    }
    return key != NULL && strncmp(key, LOCAL_RIGHT_KEY, strlen(LOCAL_RIGHT_KEY)) == 0 && !PLANTED("rights-given-by-anybody") ? RIGHT_OWNER : RIGHT_CONFIG;
}

unsigned local_right_needed(const char *verb, const json_t *args) {
    size_t at = find_verb(verb);
    if (at == VERB_UNKNOWN) {
        return RIGHT_OWNER;
    }
    return strcmp(verb, "config") == 0 ? needed_for_config(args) : VERBS[at].right;
}

/* ---- whose rights ---- */

enum status local_right_of(struct store *store, const struct store_caller *caller, unsigned *out) {
    char key[sizeof LOCAL_RIGHT_KEY + OS_ACCOUNT_BYTES];
    const char *held = NULL;
    *out = RIGHTS_OWNER;
    if (caller->uid == 0 || caller->uid == os_owner(store->dir)) {
        return STATUS_OK;
    }
    *out = caller->member ? RIGHTS_MEMBER : RIGHTS_NONE;
    if (caller->account == NULL) {
        return STATUS_OK;
    }
    (void)snprintf(key, sizeof key, LOCAL_RIGHT_KEY "%s", caller->account);
    enum status status = store_config(store, key, &held);
    if (status == STATUS_OK && held != NULL && !local_right_parse(held, out)) {
        *out = RIGHTS_NONE; /* written by a version that knew other words: who is not sure gives nothing */
    }
    return status;
}

static const char *word_of(unsigned right) {
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (WORDS[i].right == right) {
            return WORDS[i].word;
        }
    }
    return NULL;
}

enum status local_right_check(struct store *store, const struct store_caller *caller, const char *verb, const json_t *args, json_t **refusal) {
    unsigned rights, needed = local_right_needed(verb, args);
    char account[OS_ACCOUNT_BYTES], owner[OS_ACCOUNT_BYTES], give[LOCAL_RIGHT_TEXT_BYTES];
    *refusal = NULL;
    enum status status = local_right_of(store, caller, &rights);
    if (status != STATUS_OK || (rights & needed) == needed || PLANTED("local-rights-ignored")) {
        return status;
    }
    if (caller->account != NULL) {
        (void)snprintf(account, sizeof account, "%s", caller->account);
    } else {
        os_account(caller->uid, account);
    }
    os_account(os_owner(store->dir), owner);
    local_right_text(give, (rights | needed | RIGHT_READ) & RIGHTS_GIVEN);
    *refusal = json_pack("{s:s, s:s, s:s}", "account", account, "owner", owner, "request", verb);
    if (needed != RIGHT_OWNER && *refusal != NULL) {
        json_object_set_new(*refusal, "right", json_string(word_of(needed)));
        json_object_set_new(*refusal, "give", json_string(give));
    }
    return STATUS_RIGHT_MISSING;
}

/* ---- settings ---- */

bool local_right_key(const char *key) {
    size_t prefix = strlen(LOCAL_RIGHT_KEY), len = strlen(key);
    if (strncmp(key, LOCAL_RIGHT_KEY, prefix) != 0 || len == prefix || len - prefix >= OS_ACCOUNT_BYTES) {
        return false;
    }
    for (size_t i = prefix; i < len; i++) {
        if ((uint8_t)key[i] <= ' ' || key[i] == 0x7f || key[i] == ',') {
            return false;
        }
    }
    return true;
}

static unsigned right_of_word(const char *word, size_t len) {
    for (size_t i = 0; i < WORD_COUNT; i++) {
        if (strlen(WORDS[i].word) == len && memcmp(WORDS[i].word, word, len) == 0) {
            return WORDS[i].right;
        }
    }
    return 0;
}

bool local_right_parse(const char *text, unsigned *out) {
    bool all = strcmp(text, "all") == 0;
    *out = all ? RIGHTS_GIVEN : RIGHTS_NONE;
    if (all || strcmp(text, "none") == 0) {
        return true;
    }
    for (const char *at = text;; at++) {
        while (*at == ' ') {
            at++;
        }
        size_t len = strcspn(at, ", ");
        unsigned right = right_of_word(at, len);
        if (right == 0) {
            *out = RIGHTS_NONE;
            return false;
        }
        *out |= right | RIGHT_READ;
        at += len + strspn(at + len, " ");
        if (*at == '\0') {
            return true;
        }
        if (*at != ',') {
            *out = RIGHTS_NONE;
            return false;
        }
    }
}

void local_right_text(char out[LOCAL_RIGHT_TEXT_BYTES], unsigned rights) {
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < WORD_COUNT && (rights & RIGHTS_GIVEN) != RIGHTS_GIVEN; i++) {
        if ((rights & WORDS[i].right) != 0) {
            len += (size_t)snprintf(out + len, LOCAL_RIGHT_TEXT_BYTES - len, "%s%s", len > 0 ? "," : "", WORDS[i].word);
        }
    }
    if (len == 0) {
        (void)snprintf(out, LOCAL_RIGHT_TEXT_BYTES, "%s", (rights & RIGHTS_GIVEN) == RIGHTS_GIVEN ? "all" : "none");
    }
}

/* ---- the request `config` ---- */

static_assert(sizeof LOCAL_RIGHT_KEY == 7, "the statement below says the same");

static enum status keep(struct request *request, const char *key, const char *value) {
    char text[LOCAL_RIGHT_TEXT_BYTES];
    unsigned rights = RIGHTS_NONE;
    if (value[0] != '\0' && !local_right_parse(value, &rights)) {
        return request_refuse(request, STATUS_CONFIG_INVALID, "key", key, "value", value, "expected", "rights", NULL);
    }
    local_right_text(text, rights);
    struct query query = value[0] == '\0' ? db_query(request->store->db, "DELETE FROM config WHERE key = ?1")
                                          : db_query(request->store->db, "INSERT OR REPLACE INTO config(key, value) VALUES(?1, ?2)");
    query_bind_text(&query, bytes_of(key, strlen(key)));
    if (value[0] != '\0') {
        query_bind_text(&query, bytes_of(text, strlen(text)));
    }
    return query_run(&query);
}

enum status local_right_config(struct request *request, const char *key, const char *value) {
    const char *held = NULL;
    enum status status = value != NULL ? keep(request, key, value) : STATUS_OK;
    if (status == STATUS_OK) {
        status = store_config(request->store, key, &held);
    }
    if (status != STATUS_OK) {
        return status;
    }
    json_t *shown = json_object();
    if (held != NULL) {
        json_object_set_new(shown, key, json_string(held));
    }
    request->result = json_pack("{s:o}", "config", shown);
    return STATUS_OK;
}

enum status local_right_list(struct store *store, json_t *shown) {
    struct query query = db_query(store->db, "SELECT key, value FROM config WHERE substr(key, 1, 6) = ? ORDER BY key");
    query_bind_text(&query, bytes_of(LOCAL_RIGHT_KEY, strlen(LOCAL_RIGHT_KEY)));
    while (query_next(&query)) {
        struct bytes key = query_text(&query, 0);
        json_object_setn_new(shown, (const char *)key.data, key.len, request_string(query_text(&query, 1)));
    }
    return query_end(&query);
}
