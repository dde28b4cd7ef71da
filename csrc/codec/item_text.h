/* item_text.h: the text of an item without its types, {name:value,..}; plain JSON and Ion differ in how a name, a
 * number and a binary are spelled, and in whether a set says what it is. */
#ifndef CC_CODEC_ITEM_TEXT_H
#define CC_CODEC_ITEM_TEXT_H

#include "codec/item.h"

typedef cc_status (*cc_spell)(cc_buffer *out, cc_bytes text);

typedef struct {
    cc_spell name, number, blob;
    cc_status (*annotate_set)(cc_buffer *out, cc_type type); /* stands in front of its list; may be NULL */
} cc_item_style;

CC_MUST_CHECK cc_status cc_item_write_text(cc_bytes item, const cc_item_style *style, cc_buffer *out);
CC_MUST_CHECK cc_status cc_value_write_text(cc_value value, const cc_item_style *style, cc_buffer *out);

#endif
