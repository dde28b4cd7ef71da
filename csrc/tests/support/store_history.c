/* store_history.c: see store_history.h. */
#include "tests/support/store_history.h"

#include <stdio.h>

#include "base/hash.h"

enum { CHANGES_MAX = 6, VALUE_MAX = 40000, LONG_PREFIX = 11 };
typedef enum { OP_CREATE, OP_DROP, OP_META, OP_WRITE } op_kind;

typedef struct {
    op_kind kind;
    uint32_t space, count;
    struct {
        uint32_t key;
        bool deletes;
    } changes[CHANGES_MAX];
} operation;

static uint64_t random_of(const history *h, uint64_t n, uint64_t what) {
    uint64_t words[2] = {n, what};
    return cc_hash64(words, sizeof words, h->seed);
}

static operation operation_of(const history *h, uint64_t n) {
    uint64_t dice = random_of(h, n, 0);
    operation op = {.kind = OP_WRITE,
                    .space = dice % 8 < 5 ? 0 : (uint32_t)(1 + dice / 8 % (HISTORY_SPACES - 1))};
    if (!h->spaces[op.space].exists)
        op.kind = OP_CREATE;
    else if (dice / 64 % 400 == 1 && op.space != 0)
        op.kind = OP_DROP;
    else if (dice / 64 % 50 == 2)
        op.kind = OP_META;
    op.count = dice / 4096 % 4 == 0 ? 1 + (uint32_t)(dice / 16384 % CHANGES_MAX) : 1;
    for (uint32_t i = 0; i < op.count; i++) {
        uint64_t one = random_of(h, n, 1 + i);
        op.changes[i].key = (uint32_t)(one % HISTORY_KEYS);
        /* Long phases of growing and of shrinking. */
        op.changes[i].deletes = one / HISTORY_KEYS % 10 < (n / 700 % 3 == 2 ? 7u : 2u);
    }
    return op;
}

/* ---- bytes ---- */
typedef struct {
    uint8_t partition[16], sort[32];
} key_memory;

static cc_key key_of(uint32_t number, key_memory *memory) {
    int partition = snprintf((char *)memory->partition, sizeof memory->partition, "p%u", number % 3);
    memset(memory->sort, 's', LONG_PREFIX);
    int sort = number % 5 == 0 ? 0 : LONG_PREFIX; /* some heads differ, most tie */
    sort += snprintf((char *)memory->sort + sort, sizeof memory->sort - (size_t)sort, "%u", number / 3);
    return (cc_key){{memory->partition, (size_t)partition}, {memory->sort, (size_t)sort}};
}

static size_t value_size(const history *h, uint64_t version, uint32_t key) {
    uint64_t dice = random_of(h, version, 100 + key);
    if (h->large_in != 0 && dice % h->large_in == 0)
        return 4000 + dice / 64 % (VALUE_MAX - 4000);
    return dice / 64 % 200;
}

static cc_bytes value_of(const history *h, uint64_t version, uint32_t key, uint8_t *memory) {
    size_t size = value_size(h, version, key);
    uint64_t word = random_of(h, version, 1000 + key);
    for (size_t at = 0; at < size; at++)
        memory[at] = (uint8_t)(word >> (at % 8 * 8)) ^ (uint8_t)(at / 8);
    return (cc_bytes){memory, size};
}

static cc_bytes name_of(uint32_t space, char *memory, size_t size) {
    int length = snprintf(memory, size, "space-%u", space);
    return cc_bytes_of(memory, (size_t)length);
}

static cc_bytes meta_of(uint64_t version, char *memory, size_t size) {
    int length = snprintf(memory, size, "described by operation %llu", (unsigned long long)version);
    return cc_bytes_of(memory, (size_t)length);
}

/* ---- the history alone ---- */
static void apply(history *h, const operation *op) {
    uint64_t n = ++h->done;
    switch (op->kind) {
    case OP_CREATE:
        h->spaces[op->space].exists = true;
        h->spaces[op->space].meta = n;
        return;
    case OP_DROP:
        memset(&h->spaces[op->space], 0, sizeof h->spaces[0]);
        return;
    case OP_META:
        h->spaces[op->space].meta = n;
        return;
    case OP_WRITE:
        for (uint32_t i = 0; i < op->count; i++)
            h->spaces[op->space].version[op->changes[i].key] = op->changes[i].deletes ? 0 : n;
    }
}

void history_go_to(history *h, uint64_t done) {
    if (done < h->done) {
        memset(h->spaces, 0, sizeof h->spaces);
        h->done = 0;
    }
    while (h->done < done) {
        operation op = operation_of(h, h->done + 1);
        apply(h, &op);
    }
}

/* ---- on a store ---- */
static cc_status write_changes(const history *h, cc_store *store, cc_space *space, const operation *op,
                               cc_log_ticket *ticket_out, cc_error *error) {
    uint8_t values[CHANGES_MAX][VALUE_MAX];
    key_memory keys[CHANGES_MAX];
    cc_change changes[CHANGES_MAX];
    for (uint32_t i = 0; i < op->count; i++) {
        changes[i] = (cc_change){.kind = op->changes[i].deletes ? CC_CHANGE_DELETE : CC_CHANGE_PUT,
                                 .space = space,
                                 .key = key_of(op->changes[i].key, &keys[i])};
        if (!op->changes[i].deletes)
            changes[i].value = value_of(h, h->done + 1, op->changes[i].key, values[i]);
    }
    return cc_store_write(store, changes, op->count, ticket_out, error);
}

cc_status history_step(history *h, cc_store *store, cc_log_ticket *ticket_out, cc_error *error) {
    char name_memory[32], meta_memory[64];
    operation op = operation_of(h, h->done + 1);
    cc_bytes name = name_of(op.space, name_memory, sizeof name_memory);
    cc_bytes meta = meta_of(h->done + 1, meta_memory, sizeof meta_memory);
    cc_space *space = NULL;
    cc_status status;
    cc_store_lock(store);
    if (op.kind == OP_CREATE)
        status = cc_space_create(store, name, meta, &space, error);
    else if (op.kind == OP_DROP)
        status = cc_space_drop(store, name, error);
    else if (op.kind == OP_META)
        status = cc_space_set_meta(store, name, meta, error);
    else
        status = write_changes(h, store, cc_space_find(store, name), &op, ticket_out, error);
    if (status == CC_OK && op.kind != OP_WRITE)
        *ticket_out = (cc_log_ticket){h->done + 2, h->done + 2, h->done + 2};
    cc_store_unlock(store);
    if (status == CC_OK)
        apply(h, &op);
    return status;
}

uint64_t history_of(const cc_store *store) {
    return store->last_sequence == 0 ? 0 : store->last_sequence - 1;
}

/* ---- comparing ---- */
static bool differs(const char *what, uint32_t space, uint32_t key) {
    fprintf(stderr, "space %u, key %u: %s\n", space, key, what);
    return false;
}

static bool items_match(const history *h, cc_space *space, uint32_t number) {
    uint8_t memory[VALUE_MAX];
    uint64_t count = 0, bytes = 0;
    for (uint32_t key = 0; key < HISTORY_KEYS; key++) {
        uint64_t version = h->spaces[number].version[key];
        key_memory words;
        cc_bytes found;
        bool there = cc_space_get(space, key_of(key, &words), &found);
        if (there != (version != 0))
            return differs(there ? "is there" : "is missing", number, key);
        if (!there)
            continue;
        if (!cc_bytes_equal(found, value_of(h, version, key, memory)))
            return differs("has another value", number, key);
        count++;
        bytes += found.size;
    }
    cc_space_info info;
    cc_space_info_get(space, &info);
    if (info.item_count != count || info.item_bytes != bytes)
        return differs("another count or size", number, (uint32_t)info.item_count);
    uint64_t walked = 0;
    cc_space_cursor cursor;
    for (bool more = cc_space_seek_hash(space, 0, &cursor); more; more = cc_space_next(&cursor))
        walked++;
    return walked == count && cc_btree_check(&space->tree) == count ? true
                                                                    : differs("another order", number, 0);
}

bool history_matches(const history *h, cc_store *store) {
    for (uint32_t i = 0; i < HISTORY_SPACES; i++) {
        char name[32], meta[64];
        cc_space *space = cc_space_find(store, name_of(i, name, sizeof name));
        if ((space != NULL) != h->spaces[i].exists)
            return differs(space != NULL ? "exists" : "does not exist", i, 0);
        if (space == NULL)
            continue;
        if (!cc_bytes_equal(cc_space_meta(space), meta_of(h->spaces[i].meta, meta, sizeof meta)))
            return differs("has another meta", i, 0);
        if (!items_match(h, space, i))
            return false;
    }
    return true;
}

static bool touches(const operation *op, uint32_t key) {
    for (uint32_t i = 0; i < op->count; i++)
        if (op->changes[i].key == key)
            return true;
    return false;
}

uint64_t history_wrong(const history *h, cc_store *store, uint64_t lost) {
    uint8_t memory[VALUE_MAX];
    uint64_t wrong = 0;
    history before = {.seed = h->seed, .large_in = h->large_in};
    if (lost != 0)
        history_go_to(&before, lost - 1);
    operation op = operation_of(&before, lost);
    for (uint32_t i = 0; i < HISTORY_SPACES; i++) {
        char name[32];
        cc_space *space = cc_space_find(store, name_of(i, name, sizeof name));
        bool spared = lost != 0 && op.space == i;
        if (spared && op.kind != OP_WRITE)
            continue;
        for (uint32_t key = 0; key < HISTORY_KEYS; key++) {
            uint64_t version = h->spaces[i].version[key];
            key_memory words;
            cc_bytes found = {NULL, 0};
            if (spared && touches(&op, key))
                continue;
            bool there = space != NULL && cc_space_get(space, key_of(key, &words), &found);
            wrong += there != (version != 0) ||
                     (there && !cc_bytes_equal(found, value_of(h, version, key, memory)));
        }
    }
    return wrong;
}

/* Whether one of the operations so far put `found` under the key. */
static bool was_put(const history *h, uint32_t space, uint32_t key, cc_bytes found) {
    uint8_t memory[VALUE_MAX];
    history walk = {.seed = h->seed, .large_in = h->large_in};
    while (walk.done < h->done) {
        operation op = operation_of(&walk, walk.done + 1);
        apply(&walk, &op);
        if (op.kind == OP_WRITE && op.space == space && touches(&op, key) &&
            value_size(h, walk.done, key) == found.size &&
            cc_bytes_equal(found, value_of(h, walk.done, key, memory)))
            return true;
    }
    return false;
}

uint64_t history_strangers(const history *h, cc_store *store) {
    uint64_t strange = 0;
    for (uint32_t i = 0; i < HISTORY_SPACES; i++) {
        char name[32];
        cc_space *space = cc_space_find(store, name_of(i, name, sizeof name));
        if (space == NULL)
            continue;
        cc_space_info info;
        cc_space_info_get(space, &info);
        uint64_t known = 0;
        for (uint32_t key = 0; key < HISTORY_KEYS; key++) {
            key_memory words;
            cc_bytes found;
            if (cc_space_get(space, key_of(key, &words), &found))
                known += was_put(h, i, key, found);
        }
        strange += info.item_count - known;
    }
    return strange;
}
