/* segment.c: one file of the log: made, validated, written into. Layout: internal.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/hash.h"
#include "log/internal.h"

static const uint8_t MAGIC[8] = {'C', 'C', 'L', 'O', 'G', 'S', 'G', '1'};

typedef struct {
    uint8_t magic[8];
    uint64_t epoch, first, size;
    uint32_t crc;
} segment_header;

void cc_segment_path(const cc_log *log, uint64_t first, char *path_out) {
    snprintf(path_out, PATH_SIZE, "%s/%020" PRIu64 ".seg", log->directory, first);
}

void cc_segment_store(cc_log *log, cc_segment *segment, uint64_t offset, const void *data, size_t size) {
    CC_ASSERT(offset + size <= segment->size);
    if (CC_UNLIKELY(segment->file != NULL && log->fs->store != NULL))
        log->fs->store(log->fs, segment->file, segment->data + offset, data, size);
    else if (size != 0)
        memcpy(segment->data + offset, data, size);
}

cc_status cc_segment_wipe_tail(cc_log *log, cc_segment *segment, cc_error *error) {
    /* A record is dead without its epoch, which stands at a multiple of 8. Only matching words are
     * written, so an unused or recycled tail stays as clean as it was. The sync matters: were the
     * next record to reach the medium before these zeros, a crash would bring old ones back. */
    const uint64_t zero = 0;
    bool wiped = false;
    for (uint64_t at = segment->end; at + sizeof zero <= segment->size; at += sizeof zero) {
        uint64_t word;
        memcpy(&word, segment->data + at, sizeof word);
        if (CC_UNLIKELY(word == segment->epoch)) {
            cc_segment_store(log, segment, at, &zero, sizeof zero);
            wiped = true;
        }
    }
    return wiped ? log->fs->sync(log->fs, segment->file, error) : CC_OK;
}

void cc_segment_free(cc_log *log, cc_segment *segment) {
    if (segment == NULL)
        return;
    if (segment->data != NULL) {
        if (segment->file != NULL)
            log->fs->unmap(log->fs, segment->file, segment->data, segment->size);
        else
            (void)munmap(segment->data, (size_t)segment->size);
    }
    if (segment->file != NULL)
        log->fs->close(log->fs, segment->file);
    free(segment);
}

static void write_header(cc_log *log, cc_segment *segment) {
    segment_header header = {.epoch = segment->epoch, .first = segment->first, .size = segment->size};
    memcpy(header.magic, MAGIC, sizeof MAGIC);
    header.crc = cc_crc32c(0, &header, offsetof(segment_header, crc));
    cc_segment_store(log, segment, 0, &header, offsetof(segment_header, crc) + 4);
}

static cc_status map_file(cc_log *log, const char *path, uint64_t size, cc_segment *segment,
                          cc_error *error) {
    cc_fs *fs = log->fs;
    char spare[PATH_SIZE];
    snprintf(spare, sizeof spare, "%s/spare", log->directory);
    cc_status status = CC_OK;
    bool recycle = log->spare_size >= size;
    log->names_changed = true;
    if (recycle) {
        CC_TRY(fs->rename(fs, spare, path, error));
        log->disk_bytes -= log->spare_size; /* counted again below, or gone on failure */
        log->spare_size = 0;
    }
    CC_TRY_GOTO(fs->open(fs, path, CC_OPEN_CREATE, &segment->file, error));
    if (!recycle)
        CC_TRY_GOTO(fs->allocate(fs, segment->file, size, error));
    /* What is really there: a recycled file, or one that a failed attempt left, may be larger. */
    CC_TRY_GOTO(fs->size(fs, segment->file, &size, error));
    CC_TRY_GOTO(fs->map(fs, segment->file, size, true, &segment->data, error));
    segment->size = size;
    log->disk_bytes += size;
    return CC_OK;
cleanup:
    /* Best effort: a file without a header is taken for what it is when the log is next opened. */
    if (fs->remove(fs, path, NULL) != CC_OK)
        log->names_changed = true;
    return status;
}

static void set_place_shift(cc_segment *segment) {
    while (segment->size >> segment->place_shift >= PLACES)
        segment->place_shift++;
}

cc_status cc_segment_create(cc_log *log, uint64_t size, uint64_t first, cc_segment **segment_out,
                            cc_error *error) {
    cc_segment *segment = calloc(1, sizeof *segment);
    if (segment == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a log segment");
    cc_status status = CC_OK;
    segment->first = first;
    segment->last = first - 1;
    segment->end = SEGMENT_HEADER;
    segment->epoch = ++log->state.last_epoch;
    if (log->directory[0] == '\0') {
        void *data = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (data == MAP_FAILED) {
            free(segment);
            return cc_fail(error, CC_ERR_NOMEM, "no memory for a log segment");
        }
        (void)madvise(data, (size_t)size, MADV_DONTFORK);
        segment->data = data;
        segment->size = size;
        log->disk_bytes += size;
    } else {
        char path[PATH_SIZE];
        cc_segment_path(log, first, path);
        CC_TRY_GOTO(map_file(log, path, size, segment, error));
        write_header(log, segment);
    }
    set_place_shift(segment);
    *segment_out = segment;
    return CC_OK;
cleanup:
    cc_segment_free(log, segment);
    return status;
}

bool cc_segment_record(const cc_segment *segment, uint64_t offset, cc_record_header *header_out) {
    if (offset + RECORD_HEADER > segment->size)
        return false;
    memcpy(header_out, segment->data + offset, RECORD_HEADER);
    if (header_out->epoch != segment->epoch || header_out->count == 0 ||
        (header_out->type_flags & 0xffffff) == 0 || header_out->size > CC_LOG_BATCH_MAX ||
        offset + cc_record_span(header_out->size) > segment->size)
        return false;
    if (header_out->first == 0 || header_out->first > CC_LOG_SEQUENCE_MAX ||
        header_out->count - 1 > CC_LOG_SEQUENCE_MAX - header_out->first)
        return false;
    uint32_t crc = cc_crc32c(0, segment->data + offset + 4, RECORD_HEADER - 4 + header_out->size);
    return crc == header_out->crc;
}

void cc_segment_took(cc_segment *segment, uint64_t offset, const cc_record_header *header, uint64_t topics) {
    cc_place_in_log *place = &segment->places[offset >> segment->place_shift];
    if (place->offset == 0)
        *place = (cc_place_in_log){offset, header->first};
    segment->last = header->first + header->count - 1;
    segment->newest_ms = header->time_ms;
    if (CC_LIKELY(topics == 0))
        return;
    segment->topics |= topics;
    segment->marked_last = segment->last;
    if (segment->marked_ms < header->time_ms)
        segment->marked_ms = header->time_ms;
}

/* Walks the records; stops at the first that is not good or is not the expected next one. */
static void validate(cc_segment *segment, bool *torn_out) {
    uint64_t offset = SEGMENT_HEADER;
    cc_record_header header;
    while (cc_segment_record(segment, offset, &header)) {
        if (header.first != segment->last + 1)
            break;
        offset += cc_record_span(header.size);
        uint32_t flags = header.type_flags >> 24;
        if ((flags & RECORD_MORE) == 0) {
            cc_segment_took(segment, segment->end, &header, (flags & RECORD_MARKED) != 0 ? UINT64_MAX : 0);
            segment->end = offset;
        }
    }
    *torn_out = false; /* an unused tail is zero, or stale bytes of another epoch */
    if (segment->end + RECORD_HEADER <= segment->size) {
        memcpy(&header, segment->data + segment->end, RECORD_HEADER);
        *torn_out = header.epoch == segment->epoch;
    }
}

bool cc_segment_header_read(const uint8_t *head, uint64_t size, const char *name, uint64_t *epoch_out,
                            uint64_t *first_out) {
    segment_header header;
    char expected[32];
    memcpy(&header, head, sizeof header);
    snprintf(expected, sizeof expected, "%020" PRIu64 ".seg", header.first);
    if (size < SEGMENT_HEADER || memcmp(header.magic, MAGIC, sizeof MAGIC) != 0 ||
        header.crc != cc_crc32c(0, &header, offsetof(segment_header, crc)) || header.size != size ||
        header.first == 0 || header.first - 1 > CC_LOG_SEQUENCE_MAX || header.epoch == 0 ||
        header.epoch > CC_LOG_SEQUENCE_MAX || strcmp(expected, name) != 0)
        return false;
    *epoch_out = header.epoch;
    *first_out = header.first;
    return true;
}

cc_status cc_segment_open(cc_log *log, const char *name, cc_segment **segment_out, bool *torn_out,
                          cc_error *error) {
    cc_fs *fs = log->fs;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", log->directory, name);
    cc_segment *segment = calloc(1, sizeof *segment);
    if (segment == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a log segment");
    cc_status status = CC_OK;
    bool writable = !log->options.read_only;
    CC_TRY_GOTO(fs->open(fs, path, writable ? CC_OPEN_WRITE : CC_OPEN_READ, &segment->file, error));
    CC_TRY_GOTO(fs->size(fs, segment->file, &segment->size, error));
    uint8_t head[SEGMENT_HEADER] = {0};
    size_t got = 0;
    CC_TRY_GOTO(fs->read_at(fs, segment->file, 0, head, sizeof head, &got, error));
    if (!cc_segment_header_read(head, segment->size, name, &segment->epoch, &segment->first)) {
        status = cc_fail(error, CC_ERR_CORRUPT, "log segment %s: bad header", name);
        goto cleanup;
    }
    segment->last = segment->first - 1;
    segment->end = SEGMENT_HEADER;
    CC_TRY_GOTO(fs->map(fs, segment->file, segment->size, writable, &segment->data, error));
    set_place_shift(segment);
    validate(segment, torn_out);
    log->disk_bytes += segment->size;
    *segment_out = segment;
    return CC_OK;
cleanup:
    cc_segment_free(log, segment);
    return status;
}
