/* cache.c: two places per hash bucket, the older one replaced. Thread rule: cache.h. */
#include "table/cache.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/thread.h"
#include "table/expression.h"

enum { BUCKETS = 256, WAYS = 2 };

struct cc_text_cache {
    cc_mutex mutex;
    cc_cached *places[BUCKETS][WAYS]; /* [0] is the newer one */
};

cc_text_cache *cc_text_cache_new(void) {
    cc_text_cache *cache = calloc(1, sizeof *cache);
    if (cache != NULL)
        cc_mutex_init(&cache->mutex);
    return cache;
}

void cc_text_cache_free(cc_text_cache *cache) {
    if (cache == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        for (size_t way = 0; way < WAYS; way++)
            cc_cached_release(cache->places[i][way]);
    cc_mutex_destroy(&cache->mutex);
    free(cache);
}

static uint64_t hash_of(uint32_t kind, cc_bytes text) { return cc_hash64(text.data, text.size, kind); }

cc_cached *cc_text_cache_find(cc_text_cache *cache, uint32_t kind, cc_bytes text) {
    if (text.size > CC_CACHED_TEXT_MAX)
        return NULL;
    uint64_t hash = hash_of(kind, text);
    cc_cached *const *places = cache->places[hash % BUCKETS], *found = NULL;
    if (!cc_mutex_try_lock(&cache->mutex))
        return NULL;
    for (size_t way = 0; way < WAYS && found == NULL; way++) {
        cc_cached *known = places[way];
        if (known != NULL && known->hash == hash && known->kind == kind && cc_bytes_equal(known->text, text))
            found = known;
    }
    if (found != NULL)
        atomic_fetch_add_explicit(&found->references, 1, memory_order_relaxed);
    cc_mutex_unlock(&cache->mutex);
    return found;
}

void cc_text_cache_keep(cc_text_cache *cache, cc_cached *fresh) {
    if (fresh->text.size > CC_CACHED_TEXT_MAX)
        return;
    fresh->hash = hash_of(fresh->kind, fresh->text);
    cc_cached **places = cache->places[fresh->hash % BUCKETS], *replaced = NULL;
    if (cc_mutex_try_lock(&cache->mutex)) {
        replaced = places[1];
        places[1] = places[0];
        places[0] = fresh;
        atomic_fetch_add_explicit(&fresh->references, 1, memory_order_relaxed);
        cc_mutex_unlock(&cache->mutex);
    }
    cc_cached_release(replaced);
}

cc_status cc_expression_get(cc_text_cache *cache, cc_expression_kind kind, cc_bytes text,
                            cc_expression **expression_out, cc_error *error) {
    uint32_t plain = kind & ~(uint32_t)CC_EXPRESSION_GENERATED;
    *expression_out = (cc_expression *)(void *)cc_text_cache_find(cache, plain, text);
    if (*expression_out != NULL)
        return CC_OK;
    CC_TRY(cc_expression_compile(kind, text, expression_out, error));
    cc_text_cache_keep(cache, &(*expression_out)->cached);
    return CC_OK;
}
