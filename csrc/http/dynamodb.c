/* dynamodb.c: see dynamodb.h. */
#include "http/dynamodb.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"

static const char TARGET[] = "DynamoDB_20120810.";
enum { TARGET_SIZE = sizeof TARGET - 1, BODY_MAX = 16 << 20 };

void cc_http_dynamodb_init(cc_http_dynamodb *door, const char *account, const char *region, bool shared) {
    *door = (cc_http_dynamodb){.serial = cc_clock_monotonic_ns(), .shared = shared};
    snprintf(door->account, sizeof door->account, "%s", account);
    snprintf(door->region, sizeof door->region, "%s", region);
    cc_arena_init(&door->arena, (size_t)64 * 1024);
    cc_observed_init(&door->observed);
}

void cc_http_dynamodb_free(cc_http_dynamodb *door) {
    const cc_http_place *place = atomic_load_explicit(&door->places, memory_order_relaxed);
    for (const cc_http_place *next; place != NULL; place = next) {
        next = place->next;
        free((void *)place);
    }
    cc_arena_free(&door->arena);
    cc_observed_free(&door->observed);
}

cc_status cc_http_dynamodb_add(cc_http_dynamodb *door, cc_bytes account, cc_bytes region, cc_tables *tables,
                               cc_error *error) {
    if (account.size != CC_HTTP_ACCOUNT || region.size > CC_HTTP_REGION_MAX)
        return cc_fail(error, CC_ERR_ARGUMENT, "no account or no region");
    cc_http_place *place = calloc(1, sizeof *place);
    if (place == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory for a place");
    memcpy(place->account, account.data, account.size);
    memcpy(place->region, region.data, region.size);
    place->tables = tables;
    place->next = atomic_load_explicit(&door->places, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&door->places, &place->next, place, memory_order_release,
                                                  memory_order_relaxed))
        continue;
    return CC_OK;
}

static cc_tables *find_place(const cc_http_dynamodb *door, cc_bytes account, cc_bytes region) {
    const cc_http_place *place = atomic_load_explicit(&door->places, memory_order_acquire);
    while (place != NULL && !(cc_bytes_equal(account, cc_bytes_text(place->account)) &&
                              cc_bytes_equal(region, cc_bytes_text(place->region))))
        place = place->next;
    return place != NULL ? place->tables : NULL;
}

void cc_http_request_id(uint64_t serial, char *out) {
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
    uint64_t bits = 0;
    for (unsigned i = 0; i < 52; i++, bits >>= 5) {
        if (i % 12 == 0)
            bits = cc_hash64(&serial, sizeof serial, i);
        out[i] = alphabet[bits & 31];
    }
    out[52] = '\0';
}

/* Whose tables a request means; NULL: not ours to say. The credential scope names a region, an access key of
 * 12 digits an account: "Credential=KEY/date/region/service/aws4_request". */
static cc_tables *tables_of(cc_http_dynamodb *door, cc_bytes authorization) {
    cc_bytes account = cc_bytes_text(door->account), region = cc_bytes_text(door->region);
    const uint8_t *at = authorization.size == 0
                            ? NULL
                            : memmem(authorization.data, authorization.size, "Credential=", 11);
    if (door->shared || at == NULL) {
        if (door->home == NULL)
            door->home = find_place(door, account, region);
        return door->home;
    }
    at += 11;
    const uint8_t *end = authorization.data + authorization.size, *part = at;
    size_t left = (size_t)(end - at);
    if (door->scoped != NULL && left >= door->scope_size && memcmp(at, door->scope, door->scope_size) == 0)
        return door->scoped;
    cc_bytes parts[3];
    for (int i = 0; i < 3; i++) {
        const uint8_t *slash = memchr(part, '/', (size_t)(end - part));
        if (slash == NULL)
            return NULL;
        parts[i] = cc_bytes_of(part, (size_t)(slash - part));
        part = slash + 1;
    }
    bool digits = parts[0].size == CC_HTTP_ACCOUNT;
    for (size_t i = 0; i < parts[0].size; i++)
        digits = digits && parts[0].data[i] >= '0' && parts[0].data[i] <= '9';
    cc_tables *found = find_place(door, digits ? parts[0] : account, parts[2]);
    size_t size = (size_t)(part - at);
    if (found != NULL && size <= sizeof door->scope) {
        memcpy(door->scope, at, size);
        door->scope_size = size;
        door->scoped = found;
    }
    return found;
}

/* An answer that may be packed is packed by Python; SDKs ask for identity. */
static bool takes_gzip(const cc_http_head *head) {
    cc_bytes accepted = head->known[CC_HTTP_ACCEPT_ENCODING];
    return accepted.size != 0 && (memchr(accepted.data, 'z', accepted.size) != NULL ||
                                  memchr(accepted.data, 'Z', accepted.size) != NULL);
}

uint64_t cc_http_dynamodb_limit(void *context, const cc_http_head *head, const char **refusal_out) {
    (void)context;
    *refusal_out = "{\"__type\":\"com.amazon.coral.service#RequestEntityTooLargeException\","
                   "\"message\":\"Request size exceeds 16 MB\"}";
    return head->known[CC_HTTP_TARGET].size != 0 ? BODY_MAX : UINT64_MAX;
}

static cc_status add_headers(cc_http_dynamodb *door, cc_http_reply_parts *reply) {
    static const char id_name[] = "x-amzn-RequestId: ", crc_name[] = "\r\nx-amz-crc32: ";
    char lines[sizeof id_name + 53 + sizeof crc_name + CC_HTTP_DIGITS_MAX], *at = lines;
    memcpy(at, id_name, sizeof id_name - 1);
    at += sizeof id_name - 1;
    cc_http_request_id(++door->serial, at);
    at += 52;
    memcpy(at, crc_name, sizeof crc_name - 1);
    at += sizeof crc_name - 1;
    at += cc_http_digits(cc_crc32(0, reply->body.data, reply->body.size), at);
    memcpy(at, "\r\n", 2);
    return cc_buffer_append(&reply->headers, lines, (size_t)(at + 2 - lines));
}

bool cc_http_dynamodb_fast(void *context, const cc_http_head *head, cc_bytes body,
                           cc_http_reply_parts *reply) {
    cc_http_dynamodb *door = context;
    cc_bytes target = head->known[CC_HTTP_TARGET];
    if (target.size <= TARGET_SIZE || memcmp(target.data, TARGET, TARGET_SIZE) != 0 ||
        head->method.size != 4 || memcmp(head->method.data, "POST", 4) != 0 || body.size > BODY_MAX)
        return false;
    cc_verb verb = cc_verb_from_name(cc_bytes_of(target.data + TARGET_SIZE, target.size - TARGET_SIZE));
    if (verb == CC_VERB_NONE || verb == CC_VERB_SEARCH || head->known[CC_HTTP_CONTENT_ENCODING].size != 0 ||
        head->known[CC_HTTP_ORIGIN].size != 0 || takes_gzip(head))
        return false;
    cc_tables *tables = tables_of(door, head->known[CC_HTTP_AUTHORIZATION]);
    if (tables == NULL)
        return false;
    cc_arena_reset(&door->arena);
    uint64_t began_ns = cc_clock_monotonic_ns();
    if (cc_table_call_json(tables, verb, body, &door->arena, &reply->body, &reply->status) != CC_OK) {
        /* Out of memory, perhaps after the write: never hand it on, it would be done twice. */
        cc_buffer_clear(&reply->body);
        reply->status = 500;
    }
    cc_observed_note(&door->observed, verb, reply->status, cc_clock_monotonic_ns() - began_ns, body,
                     reply->body.size);
    if (reply->status == 500 && reply->body.size == 0)
        return true;
    reply->content_type = "application/x-amz-json-1.0";
    if (add_headers(door, reply) != CC_OK)
        cc_buffer_clear(&reply->headers); /* it is done: answer without them */
    return true;
}
