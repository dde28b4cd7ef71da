/* bytes.h: borrowed bytes, growable buffers, arenas: the three ways memory is held in the core.
 *
 * cc_bytes borrows: whoever hands one out says until when it is valid.
 * cc_buffer owns one growable run. cc_arena owns many small runs that die together: one per
 * request, reset between requests, so that a verb needs no free(). None is thread-safe. */
#ifndef CC_BASE_BYTES_H
#define CC_BASE_BYTES_H

#include <string.h>

#include "base/status.h"

/* With CC_TIGHT_MEMORY (builds with sanitizers, and for coverage) buffers and arenas hold exactly what was asked for:
 * each run has its own bounds, and each growth may fail, where a test makes allocations fail. */
#ifdef CC_TIGHT_MEMORY
enum { CC_TIGHT = 1 };
#else
enum { CC_TIGHT = 0 };
#endif
/* For coverage a test may have each append ask for memory, whether it fits or not: each may fail then. */
#if defined(CC_TIGHT_MEMORY) && defined(CC_COVERAGE)
extern bool cc_tightest;
#else
enum { cc_tightest = 0 };
#endif
static inline void cc_buffer_tightest(bool on) {
#if defined(CC_TIGHT_MEMORY) && defined(CC_COVERAGE)
    cc_tightest = on;
#else
    (void)on;
#endif
}

typedef struct {
    const uint8_t *data;
    size_t size;
} cc_bytes;

static inline cc_bytes cc_bytes_of(const void *data, size_t size) {
    return (cc_bytes){(const uint8_t *)data, size};
}
static inline cc_bytes cc_bytes_text(const char *text) {
    return (cc_bytes){(const uint8_t *)text, strlen(text)};
}
static inline bool cc_bytes_equal(cc_bytes a, cc_bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
/* memcmp order, the shorter first when one is a prefix of the other: < 0, 0, > 0. */
static inline int cc_bytes_compare(cc_bytes a, cc_bytes b) {
    size_t n = a.size < b.size ? a.size : b.size;
    int order = n == 0 ? 0 : memcmp(a.data, b.data, n);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* ---- cc_buffer: zero-initialise ({0}) or cc_buffer_init; release with cc_buffer_free. ---- */
typedef struct {
    uint8_t *data;
    size_t size;
    size_t capacity;
} cc_buffer;

static inline void cc_buffer_init(cc_buffer *buffer) { *buffer = (cc_buffer){0}; }
void cc_buffer_free(cc_buffer *buffer);
static inline void cc_buffer_clear(cc_buffer *buffer) { buffer->size = 0; }
static inline cc_bytes cc_buffer_bytes(const cc_buffer *buffer) {
    return (cc_bytes){buffer->data, buffer->size};
}
/* Make room for `extra` more bytes (grows by doubling); data may move. */
CC_MUST_CHECK cc_status cc_buffer_grow(cc_buffer *buffer, size_t extra);
CC_MUST_CHECK static inline cc_status cc_buffer_reserve(cc_buffer *buffer, size_t extra) {
    if (CC_LIKELY(buffer->capacity - buffer->size >= extra && !cc_tightest))
        return CC_OK;
    return cc_buffer_grow(buffer, extra);
}
CC_MUST_CHECK static inline cc_status cc_buffer_append(cc_buffer *buffer, const void *data, size_t size) {
    CC_TRY(cc_buffer_reserve(buffer, size));
    if (size != 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return CC_OK;
}
CC_MUST_CHECK static inline cc_status cc_buffer_append_byte(cc_buffer *buffer, uint8_t byte) {
    CC_TRY(cc_buffer_reserve(buffer, 1));
    buffer->data[buffer->size++] = byte;
    return CC_OK;
}
CC_MUST_CHECK static inline cc_status cc_buffer_append_text(cc_buffer *buffer, const char *text) {
    return cc_buffer_append(buffer, text, strlen(text));
}

/* ---- cc_arena ---- */
typedef struct cc_arena_chunk cc_arena_chunk;
typedef struct {
    cc_arena_chunk *chunk; /* newest first */
    uint8_t *next;
    uint8_t *end;
    size_t chunk_size;
} cc_arena;

void cc_arena_init(cc_arena *arena, size_t chunk_size); /* allocates nothing yet; 0 = 4 KiB */
void cc_arena_reset(cc_arena *arena);                   /* keeps one chunk for reuse */
void cc_arena_free(cc_arena *arena);
void *cc_arena_grow(cc_arena *arena, size_t size);
/* 8-byte aligned, uninitialised; NULL when memory is out. Valid until reset or free. */
static inline void *cc_arena_alloc(cc_arena *arena, size_t size) {
    size = (size + 7) & ~(size_t)7;
    if (CC_LIKELY((size_t)(arena->end - arena->next) >= size && arena->next != NULL)) {
        void *result = arena->next;
        arena->next += size;
        return result;
    }
    return cc_arena_grow(arena, size);
}
/* A copy of `bytes` in the arena; data NULL when memory is out and size > 0. */
cc_bytes cc_arena_copy(cc_arena *arena, cc_bytes bytes);

#endif
