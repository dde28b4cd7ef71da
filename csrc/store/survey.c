/* survey.c: see survey.h. */
#include "store/survey.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "store/poison.h"

static const char FILE_NAME[] = "pages";
static const char *const KINDS[] = {"", "leaf", "value", "directory", "catalog"};

typedef struct {
    cc_pager *pager;
    const cc_superblock *superblock;
    cc_map_name map;
    uint64_t hash_mask;
    const cc_page_visitor *visitor;
    cc_page_survey *out;
    /* ---- the space in turn ---- */
    const cc_catalog_entry *space;
    uint64_t item_count, item_bytes;
    bool space_whole;
    bool in_gap, gap_unknown; /* from gap_from on to the next separator */
    cc_page_bound gap_from;
    uint32_t gap_count;
    cc_buffer gap_memory;
    /* The item before, with its key copied; and whether there is one. */
    bool has_before;
    cc_head before_head;
    cc_key before;
    cc_buffer before_memory;
    cc_buffer catalog, directory, leaf, value;
} survey;

static cc_status no_memory(cc_error *error) {
    return cc_fail(error, CC_ERR_NOMEM, "no memory to look at a checkpoint");
}

static int name_size(const survey *work) {
    return work->space == NULL ? 0 : (int)(work->space->name.size < 100 ? work->space->name.size : 100);
}
static const char *name_of(const survey *work) {
    return work->space == NULL ? "" : (const char *)work->space->name.data;
}

/* What is wrong with a page, in the space in turn. */
static void tell(survey *work, cc_page_kind kind, uint64_t offset, const char *what) {
    bool spaced = work->space != NULL;
    cc_found(work->visitor->findings, false, FILE_NAME, offset, "checkpoint %" PRIu64 "%s%.*s%s, %s page: %s",
             work->superblock->generation, spaced ? ", table '" : "", name_size(work), name_of(work),
             spaced ? "'" : "", KINDS[kind], what);
}

static uint64_t hash_of(const survey *work, cc_bytes partition) {
    return cc_hash64(partition.data, partition.size, work->superblock->seed) & work->hash_mask;
}

/* ---- pages ---- */
static bool zeros(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (data[i] != 0)
            return false;
    return true;
}

/* The page that `ref` names, with the rest of its last block. CC_ERR_CORRUPT: it was told. */
static cc_status load(survey *work, const cc_page_ref *ref, cc_page_kind kind, cc_buffer *page,
                      cc_error *error) {
    cc_pager *pager = work->pager;
    uint32_t space = kind == CC_PAGE_CATALOG ? 0 : work->space->id;
    cc_error why = {0};
    size_t got = 0, whole = (size_t)cc_page_blocks(ref->size) * CC_BLOCK;
    cc_status status = cc_pager_mark(pager, work->map, ref, &why);
    cc_buffer_clear(page);
    if (status == CC_OK && (cc_store_alloc_fails() || cc_buffer_reserve(page, whole) != CC_OK))
        return no_memory(error);
    if (status == CC_OK)
        status = pager->fs->read_at(pager->fs, pager->file, ref->offset, page->data, whole, &got, &why);
    if (status == CC_OK && got < ref->size)
        status = cc_fail(&why, CC_ERR_CORRUPT, "the file ends before it does");
    if (status == CC_OK)
        status = cc_page_check(page->data, ref, kind, space, &why);
    if (status == CC_ERR_NOMEM)
        return no_memory(error);
    if (status != CC_OK) { /* an unreadable sector is damage too */
        tell(work, kind, ref->offset, why.message);
        return CC_ERR_CORRUPT;
    }
    page->size = ref->size;
    work->out->pages++;
    work->out->bytes += ref->size;
    if (got != whole || !zeros(page->data + ref->size, whole - ref->size))
        tell(work, kind, ref->offset + ref->size, "the unused bytes behind it are not zero");
    return CC_OK;
}

/* ---- gaps ---- */
bool cc_page_bound_reached(const cc_page_bound *bound, uint64_t hash, cc_key key) {
    if (hash != bound->hash || !bound->has_key)
        return hash >= bound->hash;
    int order = cc_bytes_compare(key.partition, bound->key.partition);
    return (order != 0 ? order : cc_bytes_compare(key.sort, bound->key.sort)) >= 0;
}

/* A key in memory of its own. */
static cc_status keep(cc_buffer *memory, cc_key key, cc_key *kept_out, cc_error *error) {
    size_t partition = key.partition.size, sort = key.sort.size;
    cc_buffer_clear(memory);
    if (cc_buffer_reserve(memory, partition + sort + 1) != CC_OK ||
        cc_buffer_append(memory, key.partition.data, partition) != CC_OK ||
        cc_buffer_append(memory, key.sort.data, sort) != CC_OK)
        return no_memory(error);
    *kept_out = (cc_key){{memory->data, partition}, {memory->data + partition, sort}};
    return CC_OK;
}

/* `count` 0: of pages that are not known. */
static cc_status open_gap(survey *work, const cc_page_bound *from, uint32_t count, cc_error *error) {
    work->out->whole = work->space_whole = false;
    if (!work->in_gap) {
        work->gap_count = 0;
        work->gap_unknown = false;
        work->gap_from = *from;
        CC_TRY(keep(&work->gap_memory, from->key, &work->gap_from.key, error));
    }
    work->in_gap = true;
    work->gap_count += count;
    work->gap_unknown = work->gap_unknown || count == 0;
    return CC_OK;
}

/* From behind the item that was read last. */
static cc_status open_gap_here(survey *work, cc_error *error) {
    cc_page_bound from = {0};
    if (work->has_before)
        from = (cc_page_bound){work->before_head.hash, true, work->before};
    return open_gap(work, &from, 0, error);
}

static cc_status tell_gap(survey *work, const cc_page_bound *from, const cc_page_bound *to, uint32_t count,
                          cc_error *error) {
    return work->visitor->gap == NULL
               ? CC_OK
               : work->visitor->gap(work->visitor->context, work->space->id, from, to, count, error);
}

static cc_status close_gap(survey *work, const cc_page_bound *to, cc_error *error) {
    if (!work->in_gap)
        return CC_OK;
    work->in_gap = false;
    return tell_gap(work, &work->gap_from, to, work->gap_unknown ? 0 : work->gap_count, error);
}

static cc_status gap_of_one(survey *work, uint64_t hash, cc_key key, cc_error *error) {
    cc_page_bound at = {hash, true, key};
    work->out->whole = work->space_whole = false;
    return tell_gap(work, &at, &at, 1, error);
}

/* ---- items ---- */
static int compare(cc_head a, cc_key key_a, cc_head b, cc_key key_b) {
    if (a.hash != b.hash)
        return a.hash < b.hash ? -1 : 1;
    int order = cc_bytes_compare(key_a.partition, key_b.partition);
    return order != 0 ? order : cc_bytes_compare(key_a.sort, key_b.sort);
}

static cc_status remember(survey *work, cc_head head, cc_key key, cc_error *error) {
    CC_TRY(keep(&work->before_memory, key, &work->before, error));
    work->has_before = true;
    work->before_head = head;
    return CC_OK;
}

static cc_status take_item(survey *work, const cc_page_ref *leaf, cc_page_item *item, cc_error *error) {
    uint64_t hash = hash_of(work, item->key.partition);
    cc_head head = cc_head_of(hash, item->key.sort);
    bool collided = (work->space->flags & CC_CATALOG_COLLIDED) != 0;
    if (work->has_before && compare(work->before_head, work->before, head, item->key) >= 0)
        tell(work, CC_PAGE_LEAF, leaf->offset, "its items are not in order");
    if (work->has_before && !collided && work->before_head.hash == hash &&
        !cc_bytes_equal(work->before.partition, item->key.partition))
        tell(work, CC_PAGE_LEAF, leaf->offset,
             "two partitions share a hash, and the catalog does not say so");
    CC_TRY(remember(work, head, item->key, error));
    work->item_count++;
    work->item_bytes += item->value_size;
    if (item->value.data == NULL) {
        cc_page_ref away = item->away;
        cc_status status = load(work, &away, CC_PAGE_VALUE, &work->value, error);
        if (status == CC_ERR_CORRUPT)
            return gap_of_one(work, hash, item->key, error);
        CC_TRY(status);
        item->value = cc_value_page_bytes(work->value.data, away.size);
    }
    work->out->items++;
    return work->visitor->item == NULL
               ? CC_OK
               : work->visitor->item(work->visitor->context, work->space->id, hash, item, error);
}

/* Items on both sides of a separator keep to it. */
static bool separates(const survey *work, const cc_directory_entry *entry, cc_head head, cc_key key) {
    cc_head separator = entry->separator;
    if (!work->has_before)
        return true;
    if (!entry->has_key)
        return work->before_head.hash < separator.hash && head.hash >= separator.hash;
    return compare(work->before_head, work->before, separator, entry->key) < 0 &&
           compare(head, key, separator, entry->key) >= 0 &&
           cc_head_of(separator.hash, entry->key.sort).sort == separator.sort;
}

static cc_status walk_leaf(survey *work, const cc_directory_entry *entry, cc_error *error) {
    cc_page_walk walk;
    cc_page_item item;
    cc_error why = {0};
    uint64_t count = work->item_count, bytes = work->item_bytes;
    cc_status status;
    cc_page_walk_begin(work->leaf.data, &walk);
    while ((status = cc_leaf_page_next(&walk, &item, &why)) == CC_OK) {
        uint64_t hash = hash_of(work, item.key.partition);
        if (work->item_count == count && !separates(work, entry, cc_head_of(hash, item.key.sort), item.key))
            tell(work, CC_PAGE_LEAF, entry->leaf.offset, "the separator on its left does not separate");
        CC_TRY(take_item(work, &entry->leaf, &item, error));
    }
    if (status == CC_ERR_NOT_FOUND)
        status = cc_page_walk_end(&walk, &why);
    if (status != CC_OK) {
        tell(work, CC_PAGE_LEAF, entry->leaf.offset, why.message);
        CC_TRY(open_gap_here(work, error));
    } else if (work->item_count - count != entry->count || work->item_bytes - bytes != entry->item_bytes) {
        tell(work, CC_PAGE_LEAF, entry->leaf.offset, "its directory says another count or size");
    }
    return CC_OK;
}

/* ---- directories, spaces, the catalog ---- */
static cc_status walk_directory(survey *work, const cc_page_ref *ref, cc_error *error) {
    cc_page_walk walk;
    cc_directory_entry entry;
    cc_error why = {0};
    cc_status status = load(work, ref, CC_PAGE_DIRECTORY, &work->directory, error);
    if (status == CC_ERR_CORRUPT) {
        return open_gap_here(work, error);
    }
    CC_TRY(status);
    cc_page_walk_begin(work->directory.data, &walk);
    while ((status = cc_directory_next(&walk, &entry, &why)) == CC_OK) {
        cc_page_bound at = {entry.separator.hash, entry.has_key, entry.key};
        CC_TRY(close_gap(work, &at, error));
        status = load(work, &entry.leaf, CC_PAGE_LEAF, &work->leaf, error);
        if (status == CC_ERR_CORRUPT)
            CC_TRY(open_gap(work, &at, entry.count, error));
        else if (status == CC_OK)
            CC_TRY(walk_leaf(work, &entry, error));
        else
            return status;
    }
    if (status == CC_ERR_NOT_FOUND)
        status = cc_page_walk_end(&walk, &why);
    if (status != CC_OK) {
        tell(work, CC_PAGE_DIRECTORY, ref->offset, why.message);
        CC_TRY(open_gap_here(work, error));
    }
    return CC_OK;
}

static cc_status walk_space(survey *work, const cc_catalog_entry *entry, uint32_t next_id, cc_error *error) {
    work->space = entry;
    work->item_count = work->item_bytes = 0;
    work->space_whole = true;
    work->in_gap = work->has_before = false;
    work->out->spaces++;
    if (entry->id >= next_id)
        tell(work, CC_PAGE_CATALOG, work->superblock->catalog.offset, "the table's id was never given out");
    if (work->visitor->space != NULL)
        CC_TRY(work->visitor->space(work->visitor->context, entry, next_id, error));
    for (uint32_t i = 0; i < entry->directory_count; i++) {
        cc_page_ref ref = cc_page_ref_read(entry->directories + (size_t)i * CC_PAGE_REF);
        CC_TRY(walk_directory(work, &ref, error));
    }
    CC_TRY(close_gap(work, NULL, error));
    if (work->space_whole && (work->item_count != entry->item_count || work->item_bytes != entry->item_bytes))
        tell(work, CC_PAGE_CATALOG, work->superblock->catalog.offset,
             "it says another count or size of items");
    work->space = NULL;
    return CC_OK;
}

static cc_status walk_catalog(survey *work, cc_error *error) {
    cc_page_walk walk;
    cc_catalog_entry entry;
    cc_error why = {0};
    uint32_t next_id = 0;
    uint64_t offset = work->superblock->catalog.offset;
    cc_status status = load(work, &work->superblock->catalog, CC_PAGE_CATALOG, &work->catalog, error);
    if (status == CC_ERR_CORRUPT)
        return CC_OK;
    CC_TRY(status);
    cc_page_walk_begin(work->catalog.data, &walk);
    status = cc_catalog_open(&walk, &next_id, &why);
    work->out->catalog_read = work->out->whole = status == CC_OK;
    while (status == CC_OK && (status = cc_catalog_next(&walk, &entry, &why)) == CC_OK)
        CC_TRY(walk_space(work, &entry, next_id, error));
    if (status == CC_ERR_NOT_FOUND)
        status = cc_page_walk_end(&walk, &why);
    if (status != CC_OK) {
        tell(work, CC_PAGE_CATALOG, offset, why.message);
        work->out->whole = false;
    }
    return CC_OK;
}

cc_status cc_survey_checkpoint(cc_pager *pager, const cc_superblock *superblock, cc_map_name map,
                               uint64_t hash_mask, const cc_page_visitor *visitor, cc_page_survey *survey_out,
                               cc_error *error) {
    survey *work = cc_store_alloc_fails() ? NULL : calloc(1, sizeof *work);
    *survey_out = (cc_page_survey){0};
    if (work == NULL)
        return no_memory(error);
    work->pager = pager;
    work->superblock = superblock;
    work->map = map;
    work->hash_mask = hash_mask == 0 ? UINT64_MAX : hash_mask;
    work->visitor = visitor;
    work->out = survey_out;
    cc_status status = walk_catalog(work, error);
    cc_buffer_free(&work->before_memory);
    cc_buffer_free(&work->gap_memory);
    cc_buffer_free(&work->catalog);
    cc_buffer_free(&work->directory);
    cc_buffer_free(&work->leaf);
    cc_buffer_free(&work->value);
    free(work);
    return status;
}

cc_status cc_survey_slots(cc_pager *pager, cc_findings *findings, uint32_t *damaged_out, cc_error *error) {
    uint8_t bytes[CC_BLOCK];
    *damaged_out = 0;
    for (uint32_t slot = 0; slot < CC_SLOTS; slot++) {
        cc_superblock superblock;
        cc_error why = {0};
        size_t got = 0;
        memset(bytes, 0, sizeof bytes);
        CC_TRY(pager->fs->read_at(pager->fs, pager->file, (uint64_t)slot * CC_BLOCK, bytes, sizeof bytes,
                                  &got, error));
        if (cc_superblock_decode(bytes, slot, &superblock, &why) != CC_ERR_CORRUPT)
            continue;
        ++*damaged_out;
        cc_found(findings, false, FILE_NAME, (uint64_t)slot * CC_BLOCK, "superblock %u: %s", slot,
                 why.message);
    }
    return CC_OK;
}
