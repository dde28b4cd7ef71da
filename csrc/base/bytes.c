/* bytes.c: the growing halves of cc_buffer and cc_arena; the fast halves are inline in bytes.h. */
#include "base/bytes.h"

#include <stdlib.h>

enum { BUFFER_FIRST = 64, ARENA_CHUNK_DEFAULT = 4096, TIGHT_UP_TO = 4096 };

struct cc_arena_chunk {
    cc_arena_chunk *older;
    size_t size; /* bytes of memory after this header */
};
/* Alignment of every chunk's memory follows from malloc and a header of 16 bytes. */
_Static_assert(sizeof(cc_arena_chunk) % 8 == 0, "arena memory must stay 8-byte aligned");

#if defined(CC_TIGHT_MEMORY) && defined(CC_COVERAGE)
bool cc_tightest;
#endif

void cc_buffer_free(cc_buffer *buffer) {
    free(buffer->data);
    *buffer = (cc_buffer){0};
}

cc_status cc_buffer_grow(cc_buffer *buffer, size_t extra) {
    if (extra > SIZE_MAX / 2 - buffer->size)
        return CC_ERR_NOMEM;
    size_t needed = buffer->size + extra;
    if (needed <= buffer->capacity && (needed == 0 || !cc_tightest))
        return CC_OK;
    size_t capacity = buffer->capacity == 0 ? BUFFER_FIRST : buffer->capacity;
    while (capacity < needed)
        capacity *= 2; /* cannot overflow: needed <= SIZE_MAX / 2 */
    if (CC_TIGHT && needed <= TIGHT_UP_TO && needed > buffer->capacity)
        capacity = needed;
    uint8_t *data = realloc(buffer->data, capacity);
    if (data == NULL)
        return CC_ERR_NOMEM;
    buffer->data = data;
    buffer->capacity = capacity;
    return CC_OK;
}

static uint8_t *chunk_memory(cc_arena_chunk *chunk) { return (uint8_t *)(chunk + 1); }

void cc_arena_init(cc_arena *arena, size_t chunk_size) {
    *arena = (cc_arena){0};
    arena->chunk_size = chunk_size == 0 ? ARENA_CHUNK_DEFAULT : (chunk_size + 7) & ~(size_t)7;
}

void *cc_arena_grow(cc_arena *arena, size_t size) {
    size_t chunk_size = arena->chunk_size == 0 ? ARENA_CHUNK_DEFAULT : arena->chunk_size;
    if (size > SIZE_MAX / 2)
        return NULL;
    if (size == 0 && arena->next != NULL)
        return arena->next;
    /* A run larger than a quarter of a chunk gets its own, behind the current one, so that the
     * room left in the current chunk is not thrown away. */
    bool own = !CC_TIGHT && arena->chunk != NULL && size > chunk_size / 4;
    size_t wanted = CC_TIGHT || own || size > chunk_size ? size : chunk_size;
    cc_arena_chunk *chunk = malloc(sizeof *chunk + wanted);
    if (chunk == NULL)
        return NULL;
    chunk->size = wanted;
    if (own) {
        chunk->older = arena->chunk->older;
        arena->chunk->older = chunk;
        return chunk_memory(chunk);
    }
    chunk->older = arena->chunk;
    arena->chunk = chunk;
    arena->next = chunk_memory(chunk) + size;
    arena->end = chunk_memory(chunk) + wanted;
    return chunk_memory(chunk);
}

void cc_arena_reset(cc_arena *arena) {
    cc_arena_chunk *kept = arena->chunk;
    if (kept == NULL)
        return;
    for (cc_arena_chunk *chunk = kept->older, *older; chunk != NULL; chunk = older) {
        older = chunk->older;
        free(chunk);
    }
    kept->older = NULL;
    arena->next = chunk_memory(kept);
    arena->end = chunk_memory(kept) + kept->size;
}

void cc_arena_free(cc_arena *arena) {
    for (cc_arena_chunk *chunk = arena->chunk, *older; chunk != NULL; chunk = older) {
        older = chunk->older;
        free(chunk);
    }
    arena->chunk = NULL;
    arena->next = NULL;
    arena->end = NULL;
}

cc_bytes cc_arena_copy(cc_arena *arena, cc_bytes bytes) {
    uint8_t *data = cc_arena_alloc(arena, bytes.size);
    if (data == NULL)
        return (cc_bytes){NULL, bytes.size};
    if (bytes.size != 0)
        memcpy(data, bytes.data, bytes.size);
    return (cc_bytes){data, bytes.size};
}
