#include "daemon/service.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>

enum { WAIT_S_MAX = 24 * 60 * 60 };

json_t *service_refusal(enum status status, json_t *args) {
    return json_pack("{s:i, s:s, s:o}", "status", (int)status, "name", status_name(status), "args", args != NULL ? args : json_object());
}

/* ---- sync ---- */

bool service_in_step(struct service *service, uint64_t written, struct store_progress *progress) {
    *progress = (struct store_progress){0};
    bool known = store_progress(service->store, progress) == STATUS_OK;
    return known && progress->stored_above >= written && uplink_in_step(service->uplink);
}

static json_t *sync_result(const struct store_progress *progress, bool in_step) {
    return json_pack("{s:i, s:{s:I, s:I, s:b}}", "status", 0, "result", "stored_above", (json_int_t)progress->stored_above, "written",
                     (json_int_t)progress->written, "in_step", in_step);
}

static json_t *answer_sync(struct service *service, const json_t *args, struct service_wait *wait, int64_t now_ms) {
    struct store_progress progress = {0};
    enum status status = uplink_wake(service->uplink, now_ms);
    if (status == STATUS_OK) {
        status = store_progress(service->store, &progress);
    }
    if (status != STATUS_OK) {
        return service_refusal(status, NULL);
    }
    double seconds = json_number_value(json_object_get(args, "wait")); /* 0 where there is none */
    if (!(seconds > 0)) {
        return sync_result(&progress, service_in_step(service, progress.written, &progress));
    }
    seconds = seconds > WAIT_S_MAX ? WAIT_S_MAX : seconds;
    *wait = (struct service_wait){.active = true, .until_ms = now_ms + (int64_t)(seconds * 1000), .wait_s = (int64_t)seconds, .written = progress.written};
    return NULL;
}

json_t *service_resume(struct service *service, struct service_wait *wait, int64_t now_ms) {
    struct store_progress progress;
    bool late = now_ms >= wait->until_ms;
    uplink_watch(service->uplink, now_ms);
    if (!late && !uplink_in_step(service->uplink)) {
        return NULL; /* the usual case while a link is being made: not worth asking the store */
    }
    if (service_in_step(service, wait->written, &progress)) {
        wait->active = false;
        return sync_result(&progress, true);
    }
    if (!late) {
        return NULL;
    }
    wait->active = false;
    return service_refusal(STATUS_TIMEOUT, json_pack("{s:I, s:I, s:I}", "wait", (json_int_t)wait->wait_s, "written", (json_int_t)progress.written,
                                                     "stored_above", (json_int_t)progress.stored_above));
}

/* ---- invite ---- */

/* Is the host of tcp://HOST:PORT one that stands for every interface, and so can't be dialled? */
static bool is_wildcard(const char *address) {
    return strncmp(address, "tcp://0.0.0.0:", 14) == 0 || strncmp(address, "tcp://[::]:", 11) == 0;
}

/* The addresses of this PC's interfaces with the port that is listened at; the loopback only where there is nothing else. */
static void add_own_addresses(json_t *addresses, const char *port) {
    struct ifaddrs *interfaces = NULL;
    if (getifaddrs(&interfaces) != 0) {
        return;
    }
    for (int loopback = 0; loopback < 2 && json_array_size(addresses) == 0; loopback++) {
        for (const struct ifaddrs *at = interfaces; at != NULL && json_array_size(addresses) < TOKEN_ADDRESSES_MAX; at = at->ifa_next) {
            bool fits = at->ifa_addr != NULL && at->ifa_addr->sa_family == AF_INET && (at->ifa_flags & IFF_UP) != 0 &&
                        ((at->ifa_flags & IFF_LOOPBACK) != 0) == (loopback == 1);
            char host[INET_ADDRSTRLEN], text[LINK_ADDRESS_BYTES];
            if (fits && inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)at->ifa_addr)->sin_addr, host, sizeof host) != NULL) {
                snprintf(text, sizeof text, "tcp://%s:%s", host, port);
                (void)json_array_append_new(addresses, json_string(text));
            }
        }
    }
    freeifaddrs(interfaces);
}

/* The invitation names where this daemon listens, unless it says itself or a setting says where others find it. A copy of the request; NULL: pass it on as it
 * is. */
static json_t *with_addresses(struct service *service, const json_t *request) {
    const json_t *given = json_object_get(json_object_get(request, "args"), "addresses");
    const char *advertise;
    if (json_array_size(given) > 0 || service->bound[0] == 0 || store_config(service->store, "advertise", &advertise) != STATUS_OK || advertise != NULL) {
        return NULL;
    }
    json_t *addresses = json_array();
    if (is_wildcard(service->bound)) {
        add_own_addresses(addresses, strrchr(service->bound, ':') + 1);
    } else {
        (void)json_array_append_new(addresses, json_string(service->bound));
    }
    json_t *copy = json_deep_copy(request), *args = json_object_get(copy, "args");
    if (args == NULL) {
        (void)json_object_set_new(copy, "args", args = json_object());
    }
    (void)json_object_set_new(args, "addresses", addresses);
    return copy;
}

/* ---- all of them ---- */

static void add_contacts(struct service *service, json_t *answer) {
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(json_object_get(answer, "result"), "nodes"), i, entry) {
        const char *text = json_string_value(json_object_get(entry, "node"));
        struct node_id node;
        unsigned byte;
        bool fine = text != NULL && strlen(text) == 2 * sizeof node.b;
        for (size_t k = 0; fine && k < sizeof node.b; k++) {
            fine = sscanf(text + 2 * k, "%2x", &byte) == 1;
            node.b[k] = fine ? (uint8_t)byte : 0;
        }
        int64_t contact = fine && service->downlink != NULL ? downlink_contact(service->downlink, &node) : 0;
        if (contact != 0) {
            (void)json_object_set_new(entry, "last_contact", json_integer(contact));
        }
        if (fine && service->downlink != NULL && downlink_twice(service->downlink, &node)) {
            (void)json_object_set_new(entry, "twice", json_true());
        }
    }
}

json_t *service_answer(struct service *service, const struct store_caller *caller, const json_t *request, struct service_wait *wait, int64_t now_ms) {
    const json_t *args = json_object_get(request, "args");
    const char *verb = json_string_value(json_object_get(request, "do"));
    if (verb == NULL) {
        return service_refusal(STATUS_BAD_REQUEST, NULL);
    }
    json_t *refused;
    if (!store_request_allowed(service->store, caller, request, &refused)) {
        return refused;
    }
    if (strcmp(verb, "sync") == 0) {
        return answer_sync(service, args, wait, now_ms);
    }
    if (strcmp(verb, "stop") == 0) {
        service->stop = true;
        return json_pack("{s:i, s:{}}", "status", 0, "result");
    }
    if (strcmp(verb, "status") == 0) {
        json_t *links = uplink_report(service->uplink);
        store_set_links(service->store, links);
        json_decref(links);
    }
    json_t *copy = strcmp(verb, "invite") == 0 ? with_addresses(service, request) : NULL;
    json_t *answer = store_request(service->store, caller, copy != NULL ? copy : request);
    json_decref(copy);
    bool done = answer != NULL && json_integer_value(json_object_get(answer, "status")) == STATUS_OK;
    if (done && strcmp(verb, "node.list") == 0) {
        add_contacts(service, answer);
    } else if (done && strcmp(verb, "status") == 0) {
        (void)json_object_set_new(json_object_get(answer, "result"), "listening", json_boolean(service->downlink != NULL));
    }
    const char *key = json_string_value(json_object_get(args, "key"));
    if (done && strcmp(verb, "config") == 0 && key != NULL && strcmp(key, "uplink") == 0 && json_object_get(args, "value") != NULL) {
        (void)!uplink_wake(service->uplink, now_ms); /* the new address is dialled now */
    }
    return answer;
}
