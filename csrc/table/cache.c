/* cache.c: compiled expressions by text, two places per hash bucket, the older one replaced.
 *
 * Thread rule: any thread. The mutex is only tried, so a caller that holds the GIL or the store's
 * lock never waits here; who finds it taken compiles for itself. Programs are reference-counted,
 * so a replaced one lives on until its last request ends. */
#include <stdlib.h>

#include "base/hash.h"
#include "table/expression.h"

enum { BUCKETS = 256, WAYS = 2 };

struct cc_expression_cache {
    cc_mutex mutex;
    cc_expression *places[BUCKETS][WAYS]; /* [0] is the newer one */
};

cc_expression_cache *cc_expression_cache_new(void) {
    cc_expression_cache *cache = calloc(1, sizeof *cache);
    if (cache != NULL)
        cc_mutex_init(&cache->mutex);
    return cache;
}

void cc_expression_cache_free(cc_expression_cache *cache) {
    if (cache == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (size_t way = 0; way < WAYS; way++)
            cc_expression_release(cache->places[i][way]);
    cc_mutex_destroy(&cache->mutex);
    free(cache);
}

static cc_expression *find(cc_expression *const places[WAYS], cc_expression_kind kind, cc_bytes text,
                           uint64_t hash) {
    for (size_t way = 0; way < WAYS; way++) {
        cc_expression *program = places[way];
        if (program != NULL && program->hash == hash && program->kind == kind &&
            cc_bytes_equal(program->text, text)) {
            atomic_fetch_add_explicit(&program->references, 1, memory_order_relaxed);
            return program;
        }
    }
    return NULL;
}

cc_status cc_expression_get(cc_expression_cache *cache, cc_expression_kind kind, cc_bytes text,
                            cc_expression **expression_out, cc_error *error) {
    if (text.size > CC_EXPRESSION_SIZE_MAX)
        return cc_expression_compile(kind, text, expression_out, error);
    cc_expression_kind plain = kind & ~CC_EXPRESSION_GENERATED;
    uint64_t hash = cc_hash64(text.data, text.size, (uint64_t)plain);
    cc_expression **places = cache->places[hash % BUCKETS];
    if (cc_mutex_try_lock(&cache->mutex)) {
        cc_expression *known = find(places, plain, text, hash);
        cc_mutex_unlock(&cache->mutex);
        if (known != NULL) {
            *expression_out = known;
            return CC_OK;
        }
    }
    cc_expression *program = NULL;
    CC_TRY(cc_expression_compile(kind, text, &program, error));
    program->hash = hash;
    cc_expression *replaced = NULL;
    if (cc_mutex_try_lock(&cache->mutex)) {
        replaced = places[1];
        places[1] = places[0];
        places[0] = program;
        atomic_fetch_add_explicit(&program->references, 1, memory_order_relaxed);
        cc_mutex_unlock(&cache->mutex);
    }
    cc_expression_release(replaced);
    *expression_out = program;
    return CC_OK;
}
