/* page_content.c: what stands in leaf, value, directory and catalog pages; see page.h.
 *
 *   leaf item        u8 flags (1: value away, 2: same partition as the item before) | u8 0 | u16 sort size
 *                    | u32 value size | u16 partition size, partition (without 2) | sort | value, or its ref
 *   directory entry  ref | u64 value bytes | u64 hash, u64 sort of the separator | u8 items | u8 flags (1: key)
 *                    | u16 partition size | u16 sort size | u16 away | refs of those | partition | sort
 *   catalog          u32 next space id | u32 0 | entries: u32 id | u32 flags | u64 items | u64 value bytes
 *                    | u32 name size | u32 meta size | u32 directories | u32 0 | name | meta | refs */
#include "base/little.h"
#include "store/page.h"
#include "store/store.h"

enum {
    ITEM_HEAD = 8,
    ITEM_AWAY = 1,
    ITEM_SAME = 2,
    ENTRY_HEAD = CC_PAGE_REF + 32,
    ENTRY_KEY = 1,
    CATALOG_HEAD = 8,
    CATALOG_ENTRY = 40,
};

static cc_status corrupt(cc_error *error, const char *what) {
    return cc_fail(error, CC_ERR_CORRUPT, "%s", what);
}

/* Takes `size` bytes off the front; NULL when there are fewer. */
static const uint8_t *take(cc_bytes *rest, uint64_t size) {
    const uint8_t *data = rest->data;
    if (rest->size < size)
        return NULL;
    *rest = cc_bytes_of(data + size, rest->size - (size_t)size);
    return data;
}

static cc_status begin_entry(cc_page_walk *walk, cc_error *error) {
    if (walk->left == 0)
        return CC_ERR_NOT_FOUND;
    if (walk->rest.size == 0)
        return corrupt(error, "it ends before its last entry");
    walk->left--;
    return CC_OK;
}

/* ---- leaf ---- */
cc_status cc_leaf_page_add(cc_buffer *page, const cc_page_item *item, cc_bytes before) {
    bool same = before.data != NULL && cc_bytes_equal(before, item->key.partition);
    size_t partition = same ? 0 : 2 + item->key.partition.size;
    size_t value = item->value.data == NULL ? 0 : item->value.size;
    CC_TRY(cc_buffer_reserve(page, ITEM_HEAD + partition + item->key.sort.size + value));
    uint8_t *to = page->data + page->size;
    bool away = item->value.data == NULL;
    to[0] = (uint8_t)((away ? ITEM_AWAY : 0) | (same ? ITEM_SAME : 0));
    to[1] = 0;
    cc_put_u16(to + 2, (uint16_t)item->key.sort.size);
    cc_put_u32(to + 4, item->value_size);
    to += ITEM_HEAD;
    if (!same) {
        cc_put_u16(to, (uint16_t)item->key.partition.size);
        if (item->key.partition.size != 0)
            memcpy(to + 2, item->key.partition.data, item->key.partition.size);
        to += partition;
    }
    if (item->key.sort.size != 0)
        memcpy(to, item->key.sort.data, item->key.sort.size);
    if (value != 0)
        memcpy(to + item->key.sort.size, item->value.data, value);
    page->size += ITEM_HEAD + partition + item->key.sort.size + value;
    return away ? cc_page_ref_append(page, &item->away) : CC_OK;
}

cc_status cc_leaf_page_next(cc_page_walk *walk, cc_page_item *item_out, cc_error *error) {
    CC_TRY(begin_entry(walk, error));
    const uint8_t *head = take(&walk->rest, ITEM_HEAD);
    if (head == NULL || head[0] > (ITEM_AWAY | ITEM_SAME) || head[1] != 0)
        return corrupt(error, "the head of an item");
    uint16_t sort_size = cc_get_u16(head + 2);
    uint32_t value_size = cc_get_u32(head + 4);
    if ((head[0] & ITEM_SAME) == 0) {
        const uint8_t *size = take(&walk->rest, 2);
        const uint8_t *partition = size == NULL ? NULL : take(&walk->rest, cc_get_u16(size));
        if (partition == NULL)
            return corrupt(error, "the partition of an item");
        walk->partition = cc_bytes_of(partition, cc_get_u16(size));
    } else if (walk->partition.data == NULL) {
        return corrupt(error, "the first item names the partition before it");
    }
    bool away = (head[0] & ITEM_AWAY) != 0;
    const uint8_t *sort = take(&walk->rest, sort_size);
    const uint8_t *value = sort == NULL ? NULL : take(&walk->rest, away ? CC_PAGE_REF : value_size);
    if (value == NULL || value_size > CC_SPACE_VALUE_MAX || away != (value_size > CC_VALUE_INLINE_MAX))
        return corrupt(error, "the sizes of an item");
    *item_out = (cc_page_item){.key = {walk->partition, {sort, sort_size}}, .value_size = value_size};
    if (!away) {
        item_out->value = cc_bytes_of(value, value_size);
        return CC_OK;
    }
    item_out->away = cc_page_ref_read(value);
    if (item_out->away.size != (uint64_t)value_size + CC_PAGE_HEAD)
        return corrupt(error, "the place of a value");
    return CC_OK;
}

/* ---- value ---- */
cc_status cc_value_page_fill(cc_buffer *page, cc_bytes value) {
    CC_TRY(cc_page_begin(page));
    return cc_buffer_append(page, value.data, value.size);
}

/* ---- directory ---- */
cc_status cc_directory_add(cc_buffer *page, const cc_directory_entry *entry) {
    CC_TRY(cc_page_ref_append(page, &entry->leaf));
    uint8_t head[ENTRY_HEAD - CC_PAGE_REF];
    cc_put_u64(head, entry->item_bytes);
    cc_put_u64(head + 8, entry->separator.hash);
    cc_put_u64(head + 16, entry->separator.sort);
    head[24] = (uint8_t)entry->count;
    head[25] = entry->has_key ? ENTRY_KEY : 0;
    cc_put_u16(head + 26, (uint16_t)entry->key.partition.size);
    cc_put_u16(head + 28, (uint16_t)entry->key.sort.size);
    cc_put_u16(head + 30, (uint16_t)entry->away_count);
    CC_TRY(cc_buffer_append(page, head, sizeof head));
    CC_TRY(cc_buffer_append(page, entry->away, (size_t)entry->away_count * CC_PAGE_REF));
    CC_TRY(cc_buffer_append(page, entry->key.partition.data, entry->key.partition.size));
    return cc_buffer_append(page, entry->key.sort.data, entry->key.sort.size);
}

cc_status cc_directory_next(cc_page_walk *walk, cc_directory_entry *entry_out, cc_error *error) {
    CC_TRY(begin_entry(walk, error));
    const uint8_t *head = take(&walk->rest, ENTRY_HEAD);
    if (head == NULL)
        return corrupt(error, "the head of an entry");
    const uint8_t *own = head + CC_PAGE_REF;
    uint16_t partition_size = cc_get_u16(own + 26), sort_size = cc_get_u16(own + 28);
    *entry_out = (cc_directory_entry){.leaf = cc_page_ref_read(head),
                                      .count = own[24],
                                      .item_bytes = cc_get_u64(own),
                                      .separator = {cc_get_u64(own + 8), cc_get_u64(own + 16)},
                                      .has_key = own[25] == ENTRY_KEY,
                                      .away_count = cc_get_u16(own + 30)};
    entry_out->away = take(&walk->rest, (uint64_t)entry_out->away_count * CC_PAGE_REF);
    const uint8_t *partition = entry_out->away == NULL ? NULL : take(&walk->rest, partition_size);
    const uint8_t *sort = partition == NULL ? NULL : take(&walk->rest, sort_size);
    if (sort == NULL || own[25] > ENTRY_KEY || entry_out->count < 1 || entry_out->count > CC_NODE_FANOUT ||
        entry_out->away_count > entry_out->count ||
        (!entry_out->has_key && (partition_size != 0 || sort_size != 0 || entry_out->separator.sort != 0)))
        return corrupt(error, "an entry contradicts itself");
    entry_out->key = (cc_key){{partition, partition_size}, {sort, sort_size}};
    return CC_OK;
}

/* ---- catalog ---- */
cc_status cc_catalog_start(cc_buffer *page, uint32_t next_id) {
    uint8_t head[CATALOG_HEAD] = {0};
    CC_TRY(cc_page_begin(page));
    cc_put_u32(head, next_id);
    return cc_buffer_append(page, head, sizeof head);
}

cc_status cc_catalog_add(cc_buffer *page, const cc_catalog_entry *entry) {
    uint8_t head[CATALOG_ENTRY] = {0};
    cc_put_u32(head, entry->id);
    cc_put_u32(head + 4, entry->flags);
    cc_put_u64(head + 8, entry->item_count);
    cc_put_u64(head + 16, entry->item_bytes);
    cc_put_u32(head + 24, (uint32_t)entry->name.size);
    cc_put_u32(head + 28, (uint32_t)entry->meta.size);
    cc_put_u32(head + 32, entry->directory_count);
    CC_TRY(cc_buffer_append(page, head, sizeof head));
    CC_TRY(cc_buffer_append(page, entry->name.data, entry->name.size));
    CC_TRY(cc_buffer_append(page, entry->meta.data, entry->meta.size));
    return cc_buffer_append(page, entry->directories, (size_t)entry->directory_count * CC_PAGE_REF);
}

cc_status cc_catalog_open(cc_page_walk *walk, uint32_t *next_id_out, cc_error *error) {
    const uint8_t *head = take(&walk->rest, CATALOG_HEAD);
    if (head == NULL || cc_get_u32(head + 4) != 0)
        return corrupt(error, "the head of the catalog");
    *next_id_out = cc_get_u32(head);
    return CC_OK;
}

cc_status cc_catalog_next(cc_page_walk *walk, cc_catalog_entry *entry_out, cc_error *error) {
    CC_TRY(begin_entry(walk, error));
    const uint8_t *head = take(&walk->rest, CATALOG_ENTRY);
    if (head == NULL || cc_get_u32(head + 36) != 0 || cc_get_u32(head + 4) > CC_CATALOG_COLLIDED)
        return corrupt(error, "the head of a space");
    uint32_t name_size = cc_get_u32(head + 24), meta_size = cc_get_u32(head + 28);
    *entry_out = (cc_catalog_entry){.id = cc_get_u32(head),
                                    .flags = cc_get_u32(head + 4),
                                    .item_count = cc_get_u64(head + 8),
                                    .item_bytes = cc_get_u64(head + 16),
                                    .directory_count = cc_get_u32(head + 32)};
    const uint8_t *name = take(&walk->rest, name_size);
    const uint8_t *meta = name == NULL ? NULL : take(&walk->rest, meta_size);
    entry_out->directories = meta == NULL
                                 ? NULL
                                 : take(&walk->rest, (uint64_t)entry_out->directory_count * CC_PAGE_REF);
    if (entry_out->directories == NULL || name_size < 1 || name_size > 255)
        return corrupt(error, "the sizes of a space");
    entry_out->name = cc_bytes_of(name, name_size);
    entry_out->meta = cc_bytes_of(meta, meta_size);
    return CC_OK;
}
