/* project.c: the parts of an item that document paths name.
 *
 * Paths never overlap (bind.c), so at every level a set of paths splits by its next step: a path that
 * ends here takes the whole value, the others go down together. Parts of a list are returned
 * packed, in index order. A branch where nothing is found is left out. */
#include "table/expression.h"

typedef struct {
    const cc_bound *bound;
    const uint32_t *list; /* path indices; NULL: all paths of the program */
    uint32_t count;
    cc_item_writer writer;
    cc_error *error;
} cc_projector;

/* Below, a path is named by its place in the list. */
static uint32_t index_of(const cc_projector *self, uint32_t p) {
    return self->list == NULL ? p : self->list[p];
}
static cc_path path_of(const cc_projector *self, uint32_t p) {
    return self->bound->program->paths[index_of(self, p)];
}

/* Whether path `p` continues with the same first `depth` steps as `like`. */
static bool shares(const cc_projector *self, uint32_t p, uint32_t like, uint32_t depth) {
    const cc_expression *program = self->bound->program;
    cc_path a = path_of(self, p), b = path_of(self, like);
    if (a.count < depth || b.count < depth)
        return false;
    for (uint32_t i = 0; i < depth; i++) {
        const cc_path_element *ea = &program->elements[a.first + i];
        const cc_path_element *eb = &program->elements[b.first + i];
        if (ea->is_index ? ea->index != eb->index
                         : !cc_bytes_equal(self->bound->names[a.first + i], self->bound->names[b.first + i]))
            return false;
    }
    return true;
}

/* The first path with this prefix speaks for the group. */
static bool leads(const cc_projector *self, uint32_t p, uint32_t depth) {
    for (uint32_t other = 0; other < p; other++)
        if (shares(self, other, p, depth))
            return false;
    return true;
}

static bool group_finds(const cc_projector *self, uint32_t lead, uint32_t depth, cc_bytes item) {
    cc_value value;
    for (uint32_t p = lead; p < self->count; p++)
        if (shares(self, p, lead, depth) && cc_path_find(self->bound, index_of(self, p), item, &value))
            return true;
    return false;
}

static cc_status write_group(cc_projector *self, uint32_t lead, uint32_t depth, cc_value value,
                             cc_bytes item);

static cc_status write_map(cc_projector *self, uint32_t lead, uint32_t depth, cc_value map, cc_bytes item) {
    CC_TRY(cc_item_begin_map(&self->writer, self->error));
    for (uint32_t p = lead; p < self->count; p++) {
        if (!shares(self, p, lead, depth) || !leads(self, p, depth + 1) ||
            !group_finds(self, p, depth + 1, item))
            continue;
        cc_bytes name = self->bound->names[path_of(self, p).first + depth];
        cc_value inside;
        CC_ASSERT(cc_item_find(map.payload, name, &inside));
        CC_TRY(cc_item_name(&self->writer, name, self->error));
        CC_TRY(write_group(self, p, depth + 1, inside, item));
    }
    return cc_item_end_container(&self->writer, self->error);
}

static cc_status write_list(cc_projector *self, uint32_t lead, uint32_t depth, cc_value list, cc_bytes item) {
    const cc_expression *program = self->bound->program;
    CC_TRY(cc_item_begin_list(&self->writer, self->error));
    for (int64_t last = -1;;) {
        uint32_t next = UINT32_MAX; /* the path with the smallest index after `last` */
        int64_t best = INT64_MAX;
        for (uint32_t p = lead; p < self->count; p++) {
            if (!shares(self, p, lead, depth))
                continue;
            int64_t index = program->elements[path_of(self, p).first + depth].index;
            if (index > last && index < best && group_finds(self, p, depth + 1, item)) {
                best = index;
                next = p;
            }
        }
        if (next == UINT32_MAX)
            return cc_item_end_container(&self->writer, self->error);
        cc_value inside;
        CC_ASSERT(cc_list_at(list, (uint32_t)best, &inside));
        CC_TRY(write_group(self, next, depth + 1, inside, item));
        last = best;
    }
}

static cc_status write_group(cc_projector *self, uint32_t lead, uint32_t depth, cc_value value,
                             cc_bytes item) {
    if (path_of(self, lead).count == depth)
        return cc_item_put_value(&self->writer, value, self->error);
    return value.type == CC_TYPE_M ? write_map(self, lead, depth, value, item)
                                   : write_list(self, lead, depth, value, item);
}

cc_status cc_project(const cc_bound *bound, const uint32_t *list, uint32_t count, cc_bytes item,
                     cc_arena *arena, cc_buffer *out, cc_error *error) {
    cc_projector self = {.bound = bound, .list = list, .count = count, .error = error};
    bool plain = true; /* single names only: the common case needs no grouping */
    for (uint32_t p = 0; p < count; p++)
        plain = plain && path_of(&self, p).count == 1;
    cc_item_writer_init(&self.writer, out, arena);
    CC_TRY(cc_item_begin(&self.writer, error));
    for (uint32_t p = 0; p < count; p++) {
        cc_bytes name = bound->names[path_of(&self, p).first];
        cc_value value;
        if (!cc_item_find(item, name, &value) ||
            (!plain && (!leads(&self, p, 1) || !group_finds(&self, p, 1, item))))
            continue;
        CC_TRY(cc_item_name(&self.writer, name, error));
        CC_TRY(write_group(&self, p, 1, value, item));
    }
    return cc_item_end(&self.writer, error);
}
