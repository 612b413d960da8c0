#include "store/json_memory.h"

#include <jansson.h>
#include <stdlib.h>

static bool missed;

static void *watched_malloc(size_t len) {
    void *memory = malloc(len);
    missed = missed || memory == NULL;
    return memory;
}

void json_memory_watch(void) {
    json_set_alloc_funcs(watched_malloc, free);
    missed = false;
}

bool json_memory_missed(void) {
    return missed;
}

void json_memory_miss(void) {
    missed = true;
}
