/* cache.h: what was compiled from a text, kept for the next request with the same text.
 *
 * Thread rule: any thread. The mutex is only tried, so a caller that holds the GIL or the store's lock never
 * waits here; who finds it taken compiles for itself. Entries are reference-counted, so a replaced one lives
 * on until its last request ends. */
#ifndef CC_TABLE_CACHE_H
#define CC_TABLE_CACHE_H

#include <stdatomic.h>

#include "base/bytes.h"

#define CC_CACHED_TEXT_MAX 4096 /* longer texts are compiled each time */

/* The first member of whatever is kept. */
typedef struct cc_cached cc_cached;
struct cc_cached {
    _Atomic uint32_t references;
    uint32_t kind; /* with the text, what it is found by */
    uint64_t hash;
    cc_bytes text;
    void (*free)(cc_cached *cached);
};

static inline void cc_cached_init(cc_cached *cached, uint32_t kind, cc_bytes text,
                                  void (*free)(cc_cached *cached)) {
    atomic_init(&cached->references, 1);
    cached->kind = kind;
    cached->hash = 0;
    cached->text = text;
    cached->free = free;
}
/* NULL is fine. */
static inline void cc_cached_release(cc_cached *cached) {
    if (cached != NULL && atomic_fetch_sub_explicit(&cached->references, 1, memory_order_acq_rel) == 1)
        cached->free(cached);
}

typedef struct cc_text_cache cc_text_cache;
cc_text_cache *cc_text_cache_new(void); /* NULL when memory is out */
void cc_text_cache_free(cc_text_cache *cache);
/* With a reference for the caller; NULL when it is not there. */
cc_cached *cc_text_cache_find(cc_text_cache *cache, uint32_t kind, cc_bytes text);
/* The cache takes a reference of its own. */
void cc_text_cache_keep(cc_text_cache *cache, cc_cached *fresh);

#endif
