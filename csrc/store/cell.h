/* cell.h: how one item lies in memory: key and value in one cell of the space's heap.
 *
 *   | u32 value_size | u16 partition_size | u16 sort_size | u8 class | u8 flags | u16 note |
 *   | partition bytes | sort bytes | value bytes | slack of the size class |
 *
 * The note is the owner's, of the value as it is; 0 when it was written without one. It is not logged.
 * A point read therefore costs one miss for the hash slot and one run of lines for the item.
 * Where the value is larger than CC_VALUE_INLINE_MAX, the last CC_CELL_REF bytes of the cell say where it lies
 * in the page file (cc_cell_ref): it has an extent of its own there, so that writing the items beside it again
 * does not write it again.
 * In a store with a memory budget a value of some size lies apart from its key (CC_CELL_APART): the cell has a cc_apart
 * behind the key, which says where in memory, where on the disk, or both. See spill.h.
 * A cell that separates two leaves (see btree.h) outlives its item: CC_CELL_SEPARATOR keeps it. */
#ifndef CC_STORE_CELL_H
#define CC_STORE_CELL_H

#include "codec/key.h"
#include "store/slab.h"

typedef struct {
    uint32_t value_size;
    uint16_t partition_size;
    uint16_t sort_size;
    uint8_t cell_class; /* CC_CELL_LARGE: a run of its own */
    uint8_t flags;
    uint16_t note;
    uint8_t bytes[];
} cc_cell;

/* A page of the page file, as its parent names it; offset 0: none. */
typedef struct {
    uint64_t offset;
    uint64_t generation; /* of the checkpoint it was written for */
    uint32_t size;       /* bytes in use */
    uint32_t crc;
} cc_page_ref;

enum { CC_VALUE_INLINE_MAX = 4096, CC_CELL_REF = sizeof(cc_page_ref) };

enum {
    CC_CELL_LIVE = 1,      /* an item: the tree's leaf and the hash index point to it */
    CC_CELL_SEPARATOR = 2, /* an inner node compares with its key */
    CC_CELL_DELETING = 4,  /* a delete of the batch being written will take it */
    CC_CELL_STAGED = 8,    /* a change of the batch being written has index work for it */
    CC_CELL_ABSENT = 16,   /* of a snapshot: there was no item */
    CC_CELL_FED = 32,      /* a change of the batch being written was looked at for the feed */
    CC_CELL_DIRTY = 64,    /* the page that its leaf was written to last does not have its value */
    CC_CELL_APART = 128,   /* the value is not in the cell */
};

/* Where a value is that lies apart. */
typedef struct {
    uint8_t *value; /* in memory; NULL: it is not */
    uint64_t where; /* in the page file, the very same bytes; 0: nowhere */
    uint32_t crc;   /* of the bytes there */
    bool used;      /* read since the clock's hand passed it */
    bool large;     /* in memory it is a run from malloc */
} cc_apart;

static inline cc_apart *cc_cell_apart(const cc_cell *cell) {
    size_t key_end = sizeof *cell + cell->partition_size + cell->sort_size;
    return (cc_apart *)(void *)((uint8_t *)(uintptr_t)cell + ((key_end + 7) & ~(size_t)7));
}

static inline cc_key cc_cell_key(const cc_cell *cell) {
    return (cc_key){{cell->bytes, cell->partition_size},
                    {cell->bytes + cell->partition_size, cell->sort_size}};
}
/* Of a value that is in memory. */
static inline uint8_t *cc_cell_value_data(cc_cell *cell) {
    if (CC_UNLIKELY((cell->flags & CC_CELL_APART) != 0))
        return cc_cell_apart(cell)->value;
    return cell->bytes + cell->partition_size + cell->sort_size;
}
static inline cc_bytes cc_cell_value(cc_cell *cell) {
    return (cc_bytes){cc_cell_value_data(cell), cell->value_size};
}
static inline bool cc_cell_has_key(const cc_cell *cell, cc_key key) {
    return cell->partition_size == key.partition.size && cell->sort_size == key.sort.size &&
           memcmp(cell->bytes, key.partition.data, key.partition.size) == 0 &&
           (key.sort.size == 0 ||
            memcmp(cell->bytes + cell->partition_size, key.sort.data, key.sort.size) == 0);
}
/* Order of keys whose partitions have the same hash. */
static inline int cc_cell_compare(const cc_cell *cell, cc_key key) {
    cc_key own = cc_cell_key(cell);
    int order = cc_bytes_compare(own.partition, key.partition);
    return order != 0 ? order : cc_bytes_compare(own.sort, key.sort);
}

/* A cell with its key written and `value_size` bytes of room behind it; NULL when memory is out. */
cc_cell *cc_cell_new(cc_heap *heap, cc_key key, size_t value_size);
/* The same for a value that is on the disk; NULL also when such a value would not lie apart. */
cc_cell *cc_cell_new_away(cc_heap *heap, cc_key key, size_t value_size);
bool cc_cell_lies_apart(const cc_heap *heap, cc_key key, size_t value_size);
void cc_cell_free(cc_heap *heap, cc_cell *cell);
/* Free unless something (a leaf, a separator) still needs it. */
void cc_cell_drop_flag(cc_heap *heap, cc_cell *cell, uint8_t flag);
/* A value of `value_size` bytes fits, and would not waste more than half the cell. */
bool cc_cell_fits(const cc_cell *cell, size_t value_size);
/* Where the value of a cell lies in the page file, or lay before the cell became dirty; only of values over
 * CC_VALUE_INLINE_MAX. */
cc_page_ref cc_cell_ref(const cc_cell *cell);
void cc_cell_set_ref(cc_cell *cell, const cc_page_ref *ref);

#endif
