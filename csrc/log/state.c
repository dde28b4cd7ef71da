/* state.c: the small facts of a log that change in place: synced watermark, clean flag, cursors.
 *
 * Two slots written in turn; each carries a generation and a CRC, so a write cut off half way leaves the
 * other. A slot (little-endian):
 *   0 u32 CRC-32C of bytes 4..size   4 u32 size of the slot's used bytes   8 "CCLOGST1"
 *   16 u64 generation   24 u64 synced   32 u64 last epoch   40 u64 last dropped   48 u32 clean
 *   52 u32 cursor count   56 count x { u64 sequence, u8 name size, name }
 * A lost slot costs no record: the watermark may only lag, and a lagging cursor only re-reads.
 * Up to 512 bytes (some ten cursors) a slot is one sector, which the medium writes whole or not at
 * all, so it needs no sync. Larger slots are synced as they are written in INTERVAL and COMMIT;
 * in PROCESS a power cut may then tear both, and the log says so when it is opened. */
#include <stdio.h>

#include "base/hash.h"
#include "log/internal.h"

static const uint8_t MAGIC[8] = {'C', 'C', 'L', 'O', 'G', 'S', 'T', '1'};
enum { SLOT_FIXED = 56, SECTOR = 512 };

bool cc_log_name_valid(const char *name, size_t size) {
    if (size == 0 || size > CURSOR_NAME)
        return false;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
              c == '.' || c == '-'))
            return false;
    }
    return true;
}

static void put(uint8_t *slot, size_t *at, const void *data, size_t size) {
    memcpy(slot + *at, data, size);
    *at += size;
}

static size_t encode(const cc_log_state *state, uint8_t *slot) {
    size_t at = 8;
    uint32_t clean = state->clean;
    put(slot, &at, MAGIC, 8);
    put(slot, &at, &state->generation, 8);
    put(slot, &at, &state->synced, 8);
    put(slot, &at, &state->last_epoch, 8);
    put(slot, &at, &state->last_dropped, 8);
    put(slot, &at, &clean, 4);
    put(slot, &at, &state->cursor_count, 4);
    for (uint32_t i = 0; i < state->cursor_count; i++) {
        const cc_cursor *cursor = &state->cursors[i];
        uint8_t size = (uint8_t)strlen(cursor->name);
        put(slot, &at, &cursor->sequence, 8);
        put(slot, &at, &size, 1);
        put(slot, &at, cursor->name, size);
    }
    uint32_t used = (uint32_t)at;
    memcpy(slot + 4, &used, 4);
    uint32_t crc = cc_crc32c(0, slot + 4, at - 4);
    memcpy(slot, &crc, 4);
    return at;
}

static bool decode(const uint8_t *slot, size_t size, cc_log_state *state_out) {
    uint32_t crc, used, clean;
    if (size < SLOT_FIXED)
        return false;
    memcpy(&crc, slot, 4);
    memcpy(&used, slot + 4, 4);
    if (used < SLOT_FIXED || used > size || memcmp(slot + 8, MAGIC, 8) != 0 ||
        crc != cc_crc32c(0, slot + 4, used - 4))
        return false;
    memcpy(&state_out->generation, slot + 16, 8);
    memcpy(&state_out->synced, slot + 24, 8);
    memcpy(&state_out->last_epoch, slot + 32, 8);
    memcpy(&state_out->last_dropped, slot + 40, 8);
    memcpy(&clean, slot + 48, 4);
    memcpy(&state_out->cursor_count, slot + 52, 4);
    state_out->clean = clean == 1;
    if (state_out->cursor_count > CURSOR_MAX || state_out->synced > CC_LOG_SEQUENCE_MAX ||
        state_out->last_dropped > CC_LOG_SEQUENCE_MAX || state_out->last_epoch > CC_LOG_SEQUENCE_MAX)
        return false;
    size_t at = SLOT_FIXED;
    for (uint32_t i = 0; i < state_out->cursor_count; i++) {
        cc_cursor *cursor = &state_out->cursors[i];
        if (at + 9 > used)
            return false;
        memcpy(&cursor->sequence, slot + at, 8);
        uint8_t name_size = slot[at + 8];
        at += 9;
        if (at + name_size > used || !cc_log_name_valid((const char *)slot + at, name_size))
            return false;
        memcpy(cursor->name, slot + at, name_size);
        cursor->name[name_size] = '\0';
        at += name_size;
    }
    return true;
}

/* Never written: behind the end of the file, cut off by it, or still zero. */
static bool absent(const uint8_t *slot, size_t size) {
    static const uint8_t zeros[SLOT_FIXED];
    uint32_t used;
    if (size < SLOT_FIXED || memcmp(slot, zeros, SLOT_FIXED) == 0)
        return true;
    memcpy(&used, slot + 4, 4);
    return used <= STATE_SLOT && size < used && memcmp(slot + 8, MAGIC, 8) == 0;
}

cc_status cc_log_state_read(cc_fs *fs, cc_file *file, cc_log_state *state_out, cc_slot_state states_out[2],
                            cc_error *error) {
    cc_log_state candidates[2] = {{0}, {0}};
    bool valid[2] = {false, false};
    for (int i = 0; i < 2; i++) {
        uint8_t slot[STATE_SLOT];
        size_t got = 0;
        CC_TRY(fs->read_at(fs, file, (uint64_t)i * STATE_SLOT, slot, sizeof slot, &got, error));
        valid[i] = decode(slot, got, &candidates[i]);
        bool begun = got >= SLOT_FIXED && memcmp(slot + 8, MAGIC, 8) == 0;
        states_out[i] = valid[i]             ? CC_SLOT_GOOD
                        : !absent(slot, got) ? CC_SLOT_DAMAGED
                        : begun              ? CC_SLOT_CUT
                                             : CC_SLOT_UNUSED;
    }
    if (valid[0] || valid[1]) {
        int winner = !valid[0]                                             ? 1
                     : !valid[1]                                           ? 0
                     : candidates[1].generation > candidates[0].generation ? 1
                                                                           : 0;
        *state_out = candidates[winner];
    } else if (states_out[0] == CC_SLOT_DAMAGED || states_out[1] == CC_SLOT_DAMAGED) {
        return cc_fail(error, CC_ERR_CORRUPT, "log state: neither slot checks");
    }
    return CC_OK;
}

cc_status cc_log_state_load(cc_log *log, cc_error *error) {
    cc_slot_state states[2];
    return cc_log_state_read(log->fs, log->state_file, &log->state, states, error);
}

cc_status cc_log_state_save(cc_log *log, cc_error *error) {
    if (log->state_file == NULL)
        return CC_OK;
    uint8_t slot[STATE_SLOT];
    log->state.generation++;
    size_t size = encode(&log->state, slot);
    uint64_t offset = (log->state.generation & 1) * STATE_SLOT;
    cc_status status = log->fs->write_at(log->fs, log->state_file, offset, slot, size, error);
    if (status == CC_OK && size > SECTOR && log->options.durability != CC_DURABILITY_PROCESS)
        status = log->fs->sync(log->fs, log->state_file, error);
    if (status != CC_OK)
        log->state.generation--; /* try this slot again: the other one is the good one */
    return status;
}
