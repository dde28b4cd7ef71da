/* change_json.c: one change as the JSON that its followers know. Forms: changes.h. */
#include <stdio.h>

#include "base/hash.h"
#include "codec/json.h"
#include "table/changes.h"

/* ---- sequence numbers: '1', the log's sequence in 18 digits, the change's number in 7 ----
 * The leading digit keeps their length, so they also sort as text. */
enum { SEQUENCE_PART = 18, INDEX_PART = 7 };
_Static_assert(1 + SEQUENCE_PART + INDEX_PART == CC_SEQUENCE_DIGITS, "three parts");

void cc_sequence_write(cc_feed_place place, char digits[CC_SEQUENCE_DIGITS]) {
    digits[0] = '1';
    cc_json_put_digits(digits + 1, SEQUENCE_PART, place.sequence);
    cc_json_put_digits(digits + 1 + SEQUENCE_PART, INDEX_PART, place.index);
}

bool cc_sequence_read(cc_bytes text, cc_feed_place *place_out) {
    if (text.size != CC_SEQUENCE_DIGITS || text.data[0] != '1')
        return false;
    uint64_t parts[2] = {0, 0};
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        uint64_t *part = &parts[i > SEQUENCE_PART];
        *part = *part * 10 + (text.data[i] - '0');
    }
    *place_out = (cc_feed_place){parts[0], (uint32_t)parts[1]};
    return true;
}

void cc_event_id_write(const cc_feed_change *change, char digits[CC_EVENT_ID]) {
    static const char hex[] = "0123456789abcdef";
    uint64_t of[4] = {change->place.sequence, change->place.index, change->space_id, change->time_ms};
    for (uint64_t half = 0; half < 2; half++) {
        uint64_t hash = cc_hash64(of, sizeof of, half + 1);
        for (size_t i = 0; i < 16; i++, hash >>= 4)
            digits[half * 16 + i] = hex[hash & 15];
    }
}

const char *cc_event_name(const cc_feed_change *change) {
    return change->kind != CC_CHANGE_PUT ? "REMOVE" : change->replaced ? "MODIFY" : "INSERT";
}

/* ---- keys ---- */
static cc_status put_key(cc_item_writer *writer, cc_bytes name, cc_type type, cc_bytes bytes,
                         cc_error *error) {
    CC_TRY(cc_item_name(writer, name, error));
    if (type == CC_TYPE_N)
        return cc_item_put_number(writer, bytes, error);
    return type == CC_TYPE_S ? cc_item_put_string(writer, bytes, error)
                             : cc_item_put_binary(writer, bytes, error);
}

cc_status cc_change_keys(const cc_feed_change *change, const cc_key_schema *schema, cc_arena *arena,
                         cc_buffer *out, cc_error *error) {
    cc_item_writer writer;
    cc_bytes partition = change->key.partition;
    if (partition.size == 0)
        return cc_fail(error, CC_ERR_CORRUPT, "a change has no partition key");
    cc_item_writer_init(&writer, out, arena);
    CC_TRY(cc_item_begin(&writer, error));
    CC_TRY(put_key(&writer, schema->partition_name, schema->partition_type,
                   cc_bytes_of(partition.data + 1, partition.size - 1), error)); /* behind its type byte */
    if (schema->sort_name.size != 0)
        CC_TRY(put_key(&writer, schema->sort_name, schema->sort_type, change->key.sort, error));
    return cc_item_end(&writer, error);
}

static bool shows_new(const cc_feed_change *change, uint32_t images) {
    return (images & CC_IMAGE_NEW) != 0 && change->kind == CC_CHANGE_PUT;
}
static bool shows_old(const cc_feed_change *change, uint32_t images) {
    return (images & CC_IMAGE_OLD) != 0 && change->has_old;
}

size_t cc_change_size(const cc_feed_change *change, cc_bytes keys, uint32_t images) {
    size_t size = cc_item_size(keys);
    if (shows_new(change, images))
        size += cc_item_size(change->value);
    if (shows_old(change, images))
        size += cc_item_size(change->old);
    return size;
}

/* ---- JSON ---- */
static cc_status put_text(cc_buffer *out, const char *text) { return cc_buffer_append_text(out, text); }
static cc_status put_bytes(cc_buffer *out, cc_bytes bytes) {
    return cc_buffer_append(out, bytes.data, bytes.size);
}

static cc_status put_images(const cc_feed_change *change, const cc_change_view *view, cc_bytes keys,
                            cc_buffer *out) {
    CC_TRY(put_text(out, ",\"Keys\":"));
    CC_TRY(cc_item_to_json(keys, out));
    if (shows_new(change, view->images)) {
        CC_TRY(put_text(out, ",\"NewImage\":"));
        CC_TRY(cc_item_to_json(change->value, out));
    }
    if (shows_old(change, view->images)) {
        CC_TRY(put_text(out, ",\"OldImage\":"));
        CC_TRY(cc_item_to_json(change->old, out));
    }
    return CC_OK;
}

static const char *view_type(uint32_t images) {
    static const char *const names[] = {"KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"};
    return names[images & 3];
}

/* GetRecords has the names of the API's model; those of events are beside them, for who reads the wire. */
static const char *identity(const cc_change_view *view) {
    if (view->form == CC_FORM_STREAM)
        return "{\"type\":\"Service\",\"principalId\":\"dynamodb.amazonaws.com\",\"Type\":\"Service\","
               "\"PrincipalId\":\"dynamodb.amazonaws.com\"}";
    return "{\"type\":\"Service\",\"principalId\":\"dynamodb.amazonaws.com\"}";
}

static cc_status stream_to_json(const cc_feed_change *change, const cc_change_view *view, cc_bytes keys,
                                cc_buffer *out) {
    char head[160], id[CC_EVENT_ID], digits[CC_SEQUENCE_DIGITS];
    cc_event_id_write(change, id);
    cc_sequence_write(change->place, digits);
    int size = snprintf(head, sizeof head,
                        "{\"eventID\":\"%.*s\",\"eventName\":\"%s\",\"eventVersion\":\"1.1\","
                        "\"eventSource\":\"aws:dynamodb\",\"awsRegion\":\"",
                        CC_EVENT_ID, id, cc_event_name(change));
    CC_TRY(cc_buffer_append(out, head, (size_t)size));
    CC_TRY(put_bytes(out, view->region));
    CC_TRY(put_text(out, "\",\"dynamodb\":{\"ApproximateCreationDateTime\":"));
    CC_TRY(cc_json_write_uint64(out, change->time_ms / 1000));
    CC_TRY(put_images(change, view, keys, out));
    size = snprintf(
        head, sizeof head, ",\"SequenceNumber\":\"%.*s\",\"SizeBytes\":%zu,\"StreamViewType\":\"%s\"}",
        CC_SEQUENCE_DIGITS, digits, cc_change_size(change, keys, view->images), view_type(view->images));
    CC_TRY(cc_buffer_append(out, head, (size_t)size));
    if (change->kind == CC_CHANGE_EXPIRE) {
        CC_TRY(put_text(out, ",\"userIdentity\":"));
        CC_TRY(put_text(out, identity(view)));
    }
    if (view->form == CC_FORM_EVENT) {
        CC_TRY(put_text(out, ",\"eventSourceARN\":\""));
        CC_TRY(put_bytes(out, view->source));
        CC_TRY(put_text(out, "\""));
    }
    return put_text(out, "}");
}

static cc_status kinesis_to_json(const cc_feed_change *change, const cc_change_view *view, cc_bytes keys,
                                 cc_buffer *out) {
    char head[160], id[CC_EVENT_ID];
    cc_event_id_write(change, id);
    CC_TRY(put_text(out, "{\"awsRegion\":\""));
    CC_TRY(put_bytes(out, view->region));
    int size = snprintf(head, sizeof head,
                        "\",\"eventID\":\"%.8s-%.4s-%.4s-%.4s-%.12s\",\"eventName\":\"%s\",\"userIdentity\":",
                        id, id + 8, id + 12, id + 16, id + 20, cc_event_name(change));
    CC_TRY(cc_buffer_append(out, head, (size_t)size));
    CC_TRY(put_text(out, change->kind == CC_CHANGE_EXPIRE ? identity(view) : "null"));
    CC_TRY(put_text(out, ",\"recordFormat\":\"application/json\",\"tableName\":\""));
    CC_TRY(put_bytes(out, view->source));
    CC_TRY(put_text(out, "\",\"dynamodb\":{\"ApproximateCreationDateTime\":"));
    CC_TRY(cc_json_write_uint64(out, view->microseconds ? change->time_ms * 1000 : change->time_ms));
    CC_TRY(put_images(change, view, keys, out));
    size = snprintf(head, sizeof head,
                    ",\"SizeBytes\":%zu,\"ApproximateCreationDateTimePrecision\":\"%s\"},"
                    "\"eventSource\":\"aws:dynamodb\"}",
                    cc_change_size(change, keys, view->images),
                    view->microseconds ? "MICROSECOND" : "MILLISECOND");
    return cc_buffer_append(out, head, (size_t)size);
}

cc_status cc_change_to_json(const cc_feed_change *change, const cc_change_view *view, cc_bytes keys,
                            cc_buffer *out) {
    return view->form == CC_FORM_KINESIS ? kinesis_to_json(change, view, keys, out)
                                         : stream_to_json(change, view, keys, out);
}
