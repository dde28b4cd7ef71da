/* fault_fs.c: see fault_fs.h. Memory running out ends the test (CC_ASSERT). */
#include "tests/support/fault_fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SECTOR = 512, NAMES_MAX = 256, PATH_BYTES = 64, CHANGES_MAX = 512 };

typedef struct inode {
    struct inode *next;
    uint8_t *live, *durable, *dirty; /* `capacity` bytes each; dirty: one byte a sector */
    uint64_t capacity, size, durable_size;
    uint32_t maps;
    bool locked;
} inode;

struct cc_file {
    inode *node;
    bool owns_lock;
};

typedef struct {
    char path[PATH_BYTES];
    inode *node;
} name_entry;

typedef struct {
    name_entry entries[NAMES_MAX];
    size_t count;
} name_table;

/* One change of a name since the last sync_directory: path -> node (NULL: gone). A rename is two
 * with `joined` on the first, so that it happens whole. */
typedef struct {
    char path[PATH_BYTES];
    inode *node;
    bool joined;
} name_change;

struct fault_fs {
    cc_fs table;
    inode *nodes;
    name_table live, durable;
    name_change *changes;
    size_t change_count;
    uint64_t calls, fail_at, random;
    fault_kind kind;
    bool sticky, failed_sync;
    void (*watch)(void *context);
    void *watch_context;
};

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Programs that make allocations fail (failing_memory.h) spare the disk. */
__attribute__((weak)) void memory_spares(bool on);
static void *disk_memory(void *old, size_t size) {
    if (memory_spares != NULL)
        memory_spares(true);
    void *data = old != NULL ? realloc(old, size) : calloc(1, size);
    if (memory_spares != NULL)
        memory_spares(false);
    CC_ASSERT(data != NULL);
    return data;
}

/* ---- inodes and names ---- */

static inode *node_new(fault_fs *disk, uint64_t capacity) {
    inode *node = disk_memory(NULL, sizeof *node);
    node->capacity = (capacity + SECTOR - 1) / SECTOR * SECTOR;
    if (node->capacity == 0)
        node->capacity = SECTOR;
    node->live = disk_memory(NULL, node->capacity);
    node->durable = disk_memory(NULL, node->capacity);
    node->dirty = disk_memory(NULL, node->capacity / SECTOR);
    node->next = disk->nodes;
    disk->nodes = node;
    return node;
}

static void *regrow(void *old, uint64_t from, uint64_t to) {
    uint8_t *data = disk_memory(old, to);
    if (to > from)
        memset(data + from, 0, to - from);
    return data;
}

static void node_resize(inode *node, uint64_t size) {
    CC_ASSERT(node->maps == 0); /* a mapping must not move */
    uint64_t capacity = (size + SECTOR - 1) / SECTOR * SECTOR;
    node->live = regrow(node->live, node->capacity, capacity);
    node->durable = regrow(node->durable, node->capacity, capacity);
    node->dirty = regrow(node->dirty, node->capacity / SECTOR, capacity / SECTOR);
    node->capacity = capacity;
}

/* By half at least: AddressSanitizer copies, and keeps, all that grows. */
static void node_reserve(inode *node, uint64_t size) {
    uint64_t more = node->capacity + node->capacity / 2;
    if (size > node->capacity)
        node_resize(node, size > more ? size : more);
}

static inode **find(name_table *table, const char *path) {
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->entries[i].path, path) == 0)
            return &table->entries[i].node;
    return NULL;
}

static void bind_name(name_table *table, const char *path, inode *node) {
    inode **slot = find(table, path);
    if (node == NULL) {
        if (slot != NULL) {
            size_t index = (size_t)((name_entry *)(void *)((char *)slot - offsetof(name_entry, node)) -
                                    table->entries);
            table->entries[index] = table->entries[--table->count];
        }
        return;
    }
    if (slot == NULL) {
        CC_ASSERT(table->count < NAMES_MAX && strlen(path) < PATH_BYTES);
        strcpy(table->entries[table->count].path, path);
        slot = &table->entries[table->count++].node;
    }
    *slot = node;
}

static void change_name(fault_fs *disk, const char *path, inode *node, bool joined) {
    bind_name(&disk->live, path, node);
    CC_ASSERT(disk->change_count < CHANGES_MAX);
    name_change *change = &disk->changes[disk->change_count++];
    strcpy(change->path, path);
    change->node = node;
    change->joined = joined;
}

/* ---- faults ---- */

static bool fails(fault_fs *disk) {
    disk->calls++;
    return disk->fail_at != 0 &&
           (disk->calls == disk->fail_at || (disk->sticky && disk->calls > disk->fail_at));
}
static cc_status failure(fault_fs *disk, cc_error *error) {
    return cc_fail_errno(error, disk->kind == FAULT_ENOSPC ? ENOSPC : EIO, "injected fault at call %llu",
                         (unsigned long long)disk->calls);
}
static fault_fs *disk_of(cc_fs *fs) { return fs->context; }
static void watch(fault_fs *disk) {
    if (disk->watch != NULL)
        disk->watch(disk->watch_context);
}

#define MAY_FAIL(disk)                                                                                       \
    do {                                                                                                     \
        if (fails(disk))                                                                                     \
            return failure(disk, error);                                                                     \
    } while (0)

/* Copies a dirty sector to the medium. */
static void write_back(inode *node, uint64_t sector) {
    memcpy(node->durable + sector * SECTOR, node->live + sector * SECTOR, SECTOR);
    if (node->durable_size < node->size)
        node->durable_size = node->size;
    node->dirty[sector] = 0;
}

static void change_bytes(fault_fs *disk, inode *node, uint64_t offset, const void *data, size_t size) {
    if (size == 0)
        return;
    memmove(node->live + offset, data, size);
    for (uint64_t sector = offset / SECTOR; sector <= (offset + size - 1) / SECTOR; sector++) {
        node->dirty[sector] = 1;
        if (next_random(&disk->random) % 8 == 0)
            write_back(node, sector);
    }
}

/* ---- the calls ---- */

static cc_status fault_open(cc_fs *fs, const char *path, cc_open_mode mode, cc_file **file_out,
                            cc_error *error) {
    fault_fs *disk = disk_of(fs);
    watch(disk);
    MAY_FAIL(disk);
    inode **slot = find(&disk->live, path);
    if (slot == NULL && mode != CC_OPEN_CREATE)
        return cc_fail(error, CC_ERR_NOT_FOUND, "no such file: %s", path);
    cc_file *file = disk_memory(NULL, sizeof *file);
    if (slot == NULL) {
        file->node = node_new(disk, 0);
        change_name(disk, path, file->node, false);
    } else {
        file->node = *slot;
    }
    *file_out = file;
    return CC_OK;
}

static void fault_close(cc_fs *fs, cc_file *file) {
    (void)fs;
    if (file == NULL)
        return;
    if (file->owns_lock)
        file->node->locked = false;
    free(file);
}

static cc_status fault_size(cc_fs *fs, cc_file *file, uint64_t *size_out, cc_error *error) {
    MAY_FAIL(disk_of(fs));
    *size_out = file->node->size;
    return CC_OK;
}

static cc_status fault_read_at(cc_fs *fs, cc_file *file, uint64_t offset, void *data, size_t size,
                               size_t *read_out, cc_error *error) {
    MAY_FAIL(disk_of(fs));
    uint64_t left = offset < file->node->size ? file->node->size - offset : 0;
    *read_out = left < size ? (size_t)left : size;
    if (*read_out != 0)
        memcpy(data, file->node->live + offset, *read_out);
    return CC_OK;
}

static cc_status fault_write_at(cc_fs *fs, cc_file *file, uint64_t offset, const void *data, size_t size,
                                cc_error *error) {
    fault_fs *disk = disk_of(fs);
    watch(disk);
    bool failed = fails(disk);
    if (failed && disk->kind != FAULT_SHORT)
        return failure(disk, error);
    /* A write stops at a sector: within one, neither page cache nor medium ever cuts it. */
    uint64_t middle = (offset + size / 2) / SECTOR * SECTOR;
    size_t half = middle > offset ? (size_t)(middle - offset) : 0;
    node_reserve(file->node, offset + size);
    if (file->node->size < offset + half)
        file->node->size = offset + half;
    change_bytes(disk, file->node, offset, data, half);
    watch(disk);
    if (failed)
        return failure(disk, error);
    if (file->node->size < offset + size)
        file->node->size = offset + size;
    change_bytes(disk, file->node, offset + half, (const uint8_t *)data + half, size - half);
    return CC_OK;
}

static cc_status fault_allocate(cc_fs *fs, cc_file *file, uint64_t size, cc_error *error) {
    fault_fs *disk = disk_of(fs);
    watch(disk);
    bool failed = fails(disk);
    if (failed && disk->kind != FAULT_SHORT)
        return failure(disk, error);
    uint64_t reached = failed ? size / 2 : size;
    node_reserve(file->node, reached);
    if (file->node->size < reached)
        file->node->size = reached;
    return failed ? failure(disk, error) : CC_OK;
}

static cc_status fault_sync(cc_fs *fs, cc_file *file, cc_error *error) {
    fault_fs *disk = disk_of(fs);
    watch(disk);
    if (fails(disk)) {
        /* As Linux: the pages are marked clean, but the medium never got them. */
        memset(file->node->dirty, 0, file->node->capacity / SECTOR);
        disk->failed_sync = true;
        return failure(disk, error);
    }
    for (uint64_t sector = 0; sector < file->node->capacity / SECTOR; sector++)
        if (file->node->dirty[sector])
            write_back(file->node, sector);
    file->node->durable_size = file->node->size;
    return CC_OK;
}

static cc_status fault_map(cc_fs *fs, cc_file *file, uint64_t size, bool writable, uint8_t **data_out,
                           cc_error *error) {
    (void)writable;
    MAY_FAIL(disk_of(fs));
    CC_ASSERT(size <= file->node->size); /* beyond the end the real thing would be SIGBUS */
    if (file->node->maps == 0 && size != 0 && file->node->capacity >= file->node->size + SECTOR)
        node_resize(file->node, file->node->size); /* so that it sees a read behind the end */
    file->node->maps++;
    *data_out = file->node->live;
    return CC_OK;
}

static void fault_unmap(cc_fs *fs, cc_file *file, uint8_t *data, uint64_t size) {
    (void)fs;
    (void)size;
    CC_ASSERT(file->node->maps > 0 && data == file->node->live);
    file->node->maps--;
}

static void fault_store(cc_fs *fs, cc_file *file, uint8_t *target, const void *data, size_t size) {
    fault_fs *disk = disk_of(fs);
    uint64_t offset = (uint64_t)(target - file->node->live);
    CC_ASSERT(file->node->maps > 0 && offset + size <= file->node->size);
    watch(disk);
    size_t half = size / 2;
    change_bytes(disk, file->node, offset, data, half);
    watch(disk);
    change_bytes(disk, file->node, offset + half, (const uint8_t *)data + half, size - half);
}

static cc_status fault_rename(cc_fs *fs, const char *from, const char *to, cc_error *error) {
    fault_fs *disk = disk_of(fs);
    watch(disk);
    MAY_FAIL(disk);
    inode **slot = find(&disk->live, from);
    if (slot == NULL)
        return cc_fail_errno(error, ENOENT, "cannot rename %s", from);
    inode *node = *slot;
    change_name(disk, to, node, true);
    change_name(disk, from, NULL, false);
    return CC_OK;
}

static cc_status fault_remove(cc_fs *fs, const char *path, cc_error *error) {
    fault_fs *disk = disk_of(fs);
    watch(disk);
    MAY_FAIL(disk);
    if (find(&disk->live, path) != NULL)
        change_name(disk, path, NULL, false);
    return CC_OK;
}

static cc_status fault_make_directory(cc_fs *fs, const char *path, cc_error *error) {
    (void)path;
    MAY_FAIL(disk_of(fs));
    return CC_OK;
}

static cc_status fault_sync_directory(cc_fs *fs, const char *path, cc_error *error) {
    fault_fs *disk = disk_of(fs);
    (void)path;
    watch(disk);
    if (fails(disk)) {
        disk->failed_sync = true;
        return failure(disk, error);
    }
    disk->durable = disk->live;
    disk->change_count = 0;
    return CC_OK;
}

static cc_status fault_list(cc_fs *fs, const char *path, void (*visit)(void *context, const char *name),
                            void *context, cc_error *error) {
    fault_fs *disk = disk_of(fs);
    MAY_FAIL(disk);
    size_t prefix = strlen(path);
    for (size_t i = 0; i < disk->live.count; i++) {
        const char *name = disk->live.entries[i].path;
        if (strncmp(name, path, prefix) == 0 && name[prefix] == '/')
            visit(context, name + prefix + 1);
    }
    return CC_OK;
}

static cc_status fault_lock(cc_fs *fs, cc_file *file, cc_error *error) {
    MAY_FAIL(disk_of(fs));
    if (file->node->locked)
        return cc_fail(error, CC_ERR_BUSY, "another owner");
    file->node->locked = file->owns_lock = true;
    return CC_OK;
}

/* ---- disks ---- */

fault_fs *fault_fs_new(void) {
    fault_fs *disk = disk_memory(NULL, sizeof *disk);
    CC_ASSERT(disk != NULL);
    disk->changes = disk_memory(NULL, CHANGES_MAX * sizeof *disk->changes);
    CC_ASSERT(disk->changes != NULL);
    disk->table = (cc_fs){
        .context = disk,
        .open = fault_open,
        .close = fault_close,
        .size = fault_size,
        .read_at = fault_read_at,
        .write_at = fault_write_at,
        .allocate = fault_allocate,
        .sync = fault_sync,
        .map = fault_map,
        .unmap = fault_unmap,
        .store = fault_store,
        .rename = fault_rename,
        .remove = fault_remove,
        .make_directory = fault_make_directory,
        .sync_directory = fault_sync_directory,
        .list = fault_list,
        .lock = fault_lock,
    };
    return disk;
}

void fault_fs_free(fault_fs *disk) {
    for (inode *node = disk->nodes, *next; node != NULL; node = next) {
        next = node->next;
        free(node->live);
        free(node->durable);
        free(node->dirty);
        free(node);
    }
    free(disk->changes);
    free(disk);
}

cc_fs *fault_fs_table(fault_fs *disk) { return &disk->table; }

void fault_fs_fail(fault_fs *disk, uint64_t nth, fault_kind kind, bool sticky) {
    disk->fail_at = nth == 0 ? 0 : disk->calls + nth;
    disk->kind = kind;
    disk->sticky = sticky;
    disk->failed_sync = false;
}
uint64_t fault_fs_calls(const fault_fs *disk) { return disk->calls; }
bool fault_fs_failed_sync(const fault_fs *disk) { return disk->failed_sync; }
void fault_fs_watch(fault_fs *disk, void (*callback)(void *context), void *context) {
    disk->watch = callback;
    disk->watch_context = context;
}

void fault_fs_set(fault_fs *disk, const char *path, const void *data, size_t size) {
    inode *node = node_new(disk, size);
    if (size != 0) {
        memcpy(node->live, data, size);
        memcpy(node->durable, data, size);
    }
    node->size = node->durable_size = size;
    bind_name(&disk->live, path, node);
    bind_name(&disk->durable, path, node);
}

uint8_t *fault_fs_bytes(fault_fs *disk, const char *path, size_t *size_out) {
    inode **slot = find(&disk->live, path);
    if (slot == NULL)
        return NULL;
    *size_out = (size_t)(*slot)->size;
    return (*slot)->live;
}

const char *fault_fs_name(const fault_fs *disk, size_t index) {
    return index < disk->live.count ? disk->live.entries[index].path : NULL;
}

bool fault_fs_same(const fault_fs *a, const fault_fs *b, const char *prefix) {
    for (size_t i = 0; i < a->live.count; i++) {
        const name_entry *own = &a->live.entries[i];
        inode *const *other = find((name_table *)(uintptr_t)&b->live, own->path);
        if (strncmp(own->path, prefix, strlen(prefix)) == 0 &&
            (other == NULL || (*other)->size != own->node->size ||
             memcmp((*other)->live, own->node->live, own->node->size) != 0))
            return false;
    }
    return true;
}

fault_fs *fault_fs_kill(const fault_fs *disk) {
    fault_fs *image = fault_fs_new();
    for (size_t i = 0; i < disk->live.count; i++) {
        const inode *node = disk->live.entries[i].node;
        fault_fs_set(image, disk->live.entries[i].path, node->live, (size_t)node->size);
    }
    return image;
}

fault_fs *fault_fs_crash(const fault_fs *disk, uint64_t seed) {
    fault_fs *image = fault_fs_new();
    uint64_t random = seed;
    image->random = seed;
    name_table names = disk->durable;
    size_t kept = (size_t)(next_random(&random) % (disk->change_count + 1));
    for (size_t i = 0; i < kept || (i > 0 && i < disk->change_count && disk->changes[i - 1].joined); i++)
        bind_name(&names, disk->changes[i].path, disk->changes[i].node);
    /* Some crashes lose nearly all that was unsynced, some nearly nothing. */
    uint64_t survive = next_random(&random) % 5;
    for (size_t i = 0; i < names.count; i++) {
        const inode *node = names.entries[i].node;
        bool grown = next_random(&random) % 4 < survive || node->durable_size > node->size;
        uint64_t size = grown ? node->size : node->durable_size;
        fault_fs_set(image, names.entries[i].path, node->durable, (size_t)size);
        size_t got;
        uint8_t *bytes = fault_fs_bytes(image, names.entries[i].path, &got);
        inode *copy = *find(&image->live, names.entries[i].path);
        for (uint64_t sector = 0; sector * SECTOR < size; sector++)
            if (node->dirty[sector] && next_random(&random) % 4 < survive) {
                uint64_t left = size - sector * SECTOR;
                memcpy(bytes + sector * SECTOR, node->live + sector * SECTOR, left < SECTOR ? left : SECTOR);
                memcpy(copy->durable + sector * SECTOR, bytes + sector * SECTOR,
                       left < SECTOR ? left : SECTOR);
            }
    }
    return image;
}
