/* item.h: the encoded item: self-describing, compared and walked without decoding.
 *
 * A value is (type, payload bytes). The payload of a map is an item, so a document nests:
 *
 *   item / map payload
 *     u32 size            whole payload, this header included
 *     u32 count           attributes
 *     count x { u32 name_hash; u32 type:8 | offset:24 }   sorted by (name_hash, name): lookup is a scan of words
 *     at each offset:     u16 name_size, name bytes, value payload
 *   value payloads
 *     S, B     u32 size, bytes                N    u8 size, number.h encoding
 *     BOOL     u8 0 or 1                      NULL (nothing)
 *     SS BS    u32 size, u32 count, then count x { u32 size, bytes }, members sorted, distinct
 *     NS       u32 size, u32 count, then count x { u8 size, number },  members sorted, distinct
 *     L        u32 size, u32 count, count x { u32 type:8 | offset:24 }, then the value payloads
 *     M        an item
 * Little-endian, unaligned. Equal values have equal bytes (deep equality is memcmp), because names
 * are sorted, sets are sorted and numbers canonical. Names are inline: a log record of it is readable
 * without its table. Limits: 16 MiB - 1 per payload, depth CC_ITEM_DEPTH_MAX, names <= 65,535 bytes.
 *
 * cc_item_check walks untrusted bytes once; every other reader trusts checked bytes. */
#ifndef CC_CODEC_ITEM_H
#define CC_CODEC_ITEM_H

#include "base/bytes.h"
#include "codec/json.h"

#define CC_ITEM_DEPTH_MAX 32
#define CC_ITEM_SIZE_LIMIT ((size_t)400 * 1024) /* DynamoDB's item size limit, by cc_item_size */

typedef enum {
    CC_TYPE_NONE = 0,
    CC_TYPE_S,
    CC_TYPE_N,
    CC_TYPE_B,
    CC_TYPE_BOOL,
    CC_TYPE_NULL,
    CC_TYPE_SS,
    CC_TYPE_NS,
    CC_TYPE_BS,
    CC_TYPE_L,
    CC_TYPE_M
} cc_type;

/* A value inside an encoded item; `payload` is the whole payload as pictured (sizes included). */
typedef struct {
    cc_type type;
    cc_bytes payload;
} cc_value;

const char *cc_type_name(cc_type type); /* "S", "N", ... */
cc_type cc_type_from_name(cc_bytes name);

/* ---- reading (checked bytes only) ---- */
CC_MUST_CHECK cc_status cc_item_check(cc_bytes item, cc_error *error);
uint32_t cc_item_count(cc_bytes item);
uint32_t cc_name_hash(cc_bytes name);
/* False (and type NONE) when absent. */
bool cc_item_find(cc_bytes item, cc_bytes name, cc_value *value_out);
/* i-th attribute in stored order. */
void cc_item_at(cc_bytes item, uint32_t index, cc_bytes *name_out, cc_value *value_out);
cc_bytes cc_value_bytes(cc_value value); /* S, B: the bytes; N: the number encoding */
bool cc_value_bool(cc_value value);
uint32_t cc_value_count(cc_value value); /* SS NS BS L M */
bool cc_list_at(cc_value list, uint32_t index, cc_value *value_out);
/* Iterate a set: start with *position 0; false at the end. Members come as raw bytes / number encodings. */
bool cc_set_next(cc_value set, size_t *position, cc_bytes *member_out);
bool cc_value_equal(cc_value a, cc_value b);
/* Size as DynamoDB counts it (names + values), for the 400 KB limit and capacity units. */
size_t cc_item_size(cc_bytes item);
size_t cc_value_size(cc_value value);

/* ---- building ----
 * A writer appends one value tree to a cc_buffer. Attributes and set members may come in any order;
 * closing sorts them and refuses duplicates (CC_ERR_VALIDATION, DynamoDB's words for sets).
 * Depth over the limit: CC_ERR_VALIDATION. On failure the buffer's content is undefined. */
typedef struct {
    cc_buffer *out;
    cc_arena *scratch;
    struct cc_item_frame *frame; /* innermost open container */
    uint32_t depth;
} cc_item_writer;

void cc_item_writer_init(cc_item_writer *writer, cc_buffer *out, cc_arena *scratch);
/* The outermost container: begin with begin_map(NONE name); the finished item is all that was appended to `out`. */
CC_MUST_CHECK cc_status cc_item_begin(cc_item_writer *writer, cc_error *error);
CC_MUST_CHECK cc_status cc_item_end(cc_item_writer *writer, cc_error *error);
/* Inside a map name the value first; inside a list do not. */
CC_MUST_CHECK cc_status cc_item_name(cc_item_writer *writer, cc_bytes name, cc_error *error);
CC_MUST_CHECK cc_status cc_item_put_string(cc_item_writer *writer, cc_bytes text, cc_error *error);
CC_MUST_CHECK cc_status cc_item_put_binary(cc_item_writer *writer, cc_bytes data, cc_error *error);
/* `number` is a number encoding. */
CC_MUST_CHECK cc_status cc_item_put_number(cc_item_writer *writer, cc_bytes number, cc_error *error);
CC_MUST_CHECK cc_status cc_item_put_number_text(cc_item_writer *writer, cc_bytes text, cc_error *error);
CC_MUST_CHECK cc_status cc_item_put_bool(cc_item_writer *writer, bool value, cc_error *error);
CC_MUST_CHECK cc_status cc_item_put_null(cc_item_writer *writer, cc_error *error);
CC_MUST_CHECK cc_status cc_item_put_value(cc_item_writer *writer, cc_value value, cc_error *error); /* copy */
CC_MUST_CHECK cc_status cc_item_begin_map(cc_item_writer *writer, cc_error *error);
CC_MUST_CHECK cc_status cc_item_begin_list(cc_item_writer *writer, cc_error *error);
CC_MUST_CHECK cc_status cc_item_begin_set(cc_item_writer *writer, cc_type set_type, cc_error *error);
/* A member of a number set is given as text. */
CC_MUST_CHECK cc_status cc_item_set_member(cc_item_writer *writer, cc_bytes member, cc_error *error);
CC_MUST_CHECK cc_status cc_item_end_container(cc_item_writer *writer, cc_error *error); /* map, list or set */

/* ---- building an item whose attributes are all known and not nested ----
 * Types S, N, B, BOOL and NULL; `data` is the text, the number encoding, the bytes, one byte, or nothing.
 * `order` holds a guess of the sorted order and is corrected: items of one shape pass the same one.
 * False, with nothing appended, when the general writer must do it (and word the refusal, if any). */
#define CC_FLAT_MAX 32
typedef struct {
    cc_bytes name, data;
    uint32_t hash; /* cc_name_hash(name) */
    cc_type type;
} cc_flat_attribute;
CC_MUST_CHECK bool cc_item_write_flat(const cc_flat_attribute *attributes, uint32_t count, uint8_t *order,
                                      cc_buffer *out);

/* ---- DynamoDB JSON ({"name": {"S": "..."}, ...}) ----
 * from_json appends one encoded item to `out` and leaves the cursor behind the object. Wrong JSON
 * shape (a JSON number for N, an unknown structure): CC_ERR_SERIALIZATION; wrong content (two types in
 * one value, empty set, bad number, NULL false, bad base64): CC_ERR_VALIDATION; both with AWS's type and words. */
CC_MUST_CHECK cc_status cc_item_from_json(cc_json_cursor *cursor, cc_buffer *out, cc_arena *scratch,
                                          cc_error *error);
CC_MUST_CHECK cc_status cc_item_to_json(cc_bytes item, cc_buffer *out);
CC_MUST_CHECK cc_status cc_value_to_json(cc_value value, cc_buffer *out); /* {"S":"..."} */

/* ---- plain JSON ({"name": "...", ...}); item_plain.c says what becomes of which type ----
 * from_plain appends one encoded item to `out` and leaves the cursor behind the object; CC_ERR_SERIALIZATION:
 * broken JSON or a name twice; CC_ERR_VALIDATION: a number, name or nesting that DynamoDB refuses. On failure
 * nothing is appended. */
CC_MUST_CHECK cc_status cc_item_from_plain_json(cc_json_cursor *cursor, cc_buffer *out, cc_arena *scratch,
                                                cc_error *error);
CC_MUST_CHECK cc_status cc_item_to_plain_json(cc_bytes item, cc_buffer *out);
CC_MUST_CHECK cc_status cc_value_to_plain_json(cc_value value, cc_buffer *out);
/* Ion text, {name:"..."}; item_ion.c says what becomes of which type. */
CC_MUST_CHECK cc_status cc_item_to_ion(cc_bytes item, cc_buffer *out);
/* The digits of a number encoding. */
CC_MUST_CHECK cc_status cc_json_write_number(cc_buffer *out, cc_bytes number);

#endif
