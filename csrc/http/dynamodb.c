/* dynamodb.c: see dynamodb.h. */
#include "http/dynamodb.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"

static const char TARGET[] = "DynamoDB_20120810.";
enum { TARGET_SIZE = sizeof TARGET - 1, BODY_MAX = 16 << 20 };

void cc_http_dynamodb_init(cc_http_dynamodb *door, cc_tables *tables, const char *account,
                           const char *region) {
    *door = (cc_http_dynamodb){.tables = tables, .serial = cc_clock_monotonic_ns()};
    snprintf(door->account, sizeof door->account, "%s", account);
    snprintf(door->region, sizeof door->region, "%s", region);
    cc_arena_init(&door->arena, (size_t)64 * 1024);
}

void cc_http_dynamodb_free(cc_http_dynamodb *door) { cc_arena_free(&door->arena); }

void cc_http_request_id(uint64_t serial, char *out) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    for (int i = 0; i < 52; i += 4) {
        uint64_t bits = cc_hash64(&serial, sizeof serial, (uint64_t)i);
        for (int j = 0; j < 4; j++, bits /= 36)
            out[i + j] = alphabet[bits % 36];
    }
    out[52] = '\0';
}

/* The credential scope names a region, and an access key of 12 digits an account; neither given means
 * the default. "Credential=KEY/date/region/service/aws4_request" */
static bool is_ours(const cc_http_dynamodb *door, cc_bytes authorization) {
    const uint8_t *at = memmem(authorization.data, authorization.size, "Credential=", 11);
    if (authorization.size == 0 || at == NULL)
        return true;
    const uint8_t *end = authorization.data + authorization.size, *part = at + 11;
    cc_bytes parts[3];
    for (int i = 0; i < 3; i++) {
        const uint8_t *slash = memchr(part, '/', (size_t)(end - part));
        if (slash == NULL)
            return false;
        parts[i] = cc_bytes_of(part, (size_t)(slash - part));
        part = slash + 1;
    }
    bool digits = parts[0].size == 12;
    for (size_t i = 0; i < parts[0].size; i++)
        digits = digits && parts[0].data[i] >= '0' && parts[0].data[i] <= '9';
    if (digits && !cc_bytes_equal(parts[0], cc_bytes_text(door->account)))
        return false;
    return cc_bytes_equal(parts[2], cc_bytes_text(door->region));
}

bool cc_http_dynamodb_fast(void *context, const cc_http_head *head, cc_bytes body,
                           cc_http_reply_parts *reply) {
    cc_http_dynamodb *door = context;
    cc_bytes target = cc_http_head_find(head, "x-amz-target");
    if (target.size <= TARGET_SIZE || memcmp(target.data, TARGET, TARGET_SIZE) != 0 ||
        head->method.size != 4 || memcmp(head->method.data, "POST", 4) != 0 || body.size > BODY_MAX)
        return false;
    cc_verb verb = cc_verb_from_name(cc_bytes_of(target.data + TARGET_SIZE, target.size - TARGET_SIZE));
    if (verb == CC_VERB_NONE || cc_http_head_find(head, "content-encoding").size != 0 ||
        cc_http_head_find(head, "origin").size != 0 ||
        !is_ours(door, cc_http_head_find(head, "authorization")))
        return false;
    cc_arena_reset(&door->arena);
    if (cc_table_call_json(door->tables, verb, body, &door->arena, &reply->body, &reply->status) != CC_OK) {
        /* Out of memory, perhaps after the write: never hand it on, it would be done twice. */
        cc_buffer_clear(&reply->body);
        reply->status = 500;
        return true;
    }
    char id[53], lines[160];
    cc_http_request_id(++door->serial, id);
    int size = snprintf(lines, sizeof lines, "x-amzn-RequestId: %s\r\nx-amz-crc32: %u\r\n", id,
                        cc_crc32(0, reply->body.data, reply->body.size));
    reply->content_type = "application/x-amz-json-1.0";
    if (cc_buffer_append(&reply->headers, lines, (size_t)size) != CC_OK)
        cc_buffer_clear(&reply->headers); /* it is done: answer without them */
    return true;
}
