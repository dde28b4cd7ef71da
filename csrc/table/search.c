/* search.c: SearchVectors: the nearest vectors of an index, all of them looked at.
 *
 *   expressions bound (no lock) -> lock: table, index, condition -> search without the lock -> lock: items
 *
 * The condition is one of equalities on elements of the search schema. In the matrix a hash stands for each value;
 * what is found is held against the condition itself before it is shown. */
#include <stdio.h>

#include "table/route.h"
#include "table/vectors.h"

enum { TOP_K_MAX = 100 };

typedef struct {
    cc_call *call;
    const cc_vector_index *index; /* under the lock alone */
    float vector[CC_VECTOR_DIMENSIONS_MAX];
    cc_vector_filter filters[CC_EXPRESSION_OPERATORS_MAX + 1];
    size_t filter_count;
    bool has_hash;
    uint64_t first, last; /* the tables' bounds (route.h) as the search began */
    cc_vector_search search;
} cc_searcher;

/* Whether an item is in the part of the tables that walks show. */
static bool within(const void *context, cc_key key) {
    const cc_searcher *self = context;
    uint64_t hash = cc_store_partition_hash(self->call->tables->store, key.partition);
    return hash >= self->first && hash <= self->last;
}

static const cc_node *node_at(const cc_searcher *self, uint32_t index) {
    return &self->call->search.program->nodes[index];
}

/* ---- the condition ---- */

static cc_status wrong_comparator(const cc_searcher *self, const char *what) {
    return CC_INVALID(self->call->error, "%sInvalid %s used in SearchConditionExpression",
                      cc_expression_prefix(CC_EXPRESSION_SEARCH), what);
}

/* Only `=` of a path and a value, joined by AND. Recursion is bounded by CC_EXPRESSION_DEPTH_MAX. */
static cc_status check_shape(const cc_searcher *self, uint32_t index) {
    const cc_node *node = node_at(self, index);
    if (node->kind == CC_NODE_AND) {
        for (uint32_t child = node->child; child != 0; child = node_at(self, child)->next)
            CC_TRY(check_shape(self, child));
        return CC_OK;
    }
    if (node->kind != CC_NODE_COMPARE)
        return wrong_comparator(self, "operator");
    const cc_node *left = node_at(self, node->child), *right = node_at(self, left->next);
    bool pair = (left->kind == CC_NODE_PATH && right->kind == CC_NODE_VALUE) ||
                (left->kind == CC_NODE_VALUE && right->kind == CC_NODE_PATH);
    return node->op == CC_TOKEN_EQ && pair ? CC_OK : wrong_comparator(self, "comparator");
}

static cc_status outside(const cc_searcher *self, uint32_t path) {
    char text[300];
    const cc_bound *bound = &self->call->search;
    cc_bytes name = bound->names[bound->program->paths[path].first];
    if (bound->program->paths[path].count > 1)
        cc_path_text(bound, path, text, sizeof text);
    else
        snprintf(text, sizeof text, "%.*s", (int)cc_utf8_cut(name, 255), (const char *)name.data);
    return CC_INVALID(
        self->call->error,
        "SearchConditionExpression must not contain any attributes that is not in SearchSchema. "
        "Invalid attribute: %s",
        text);
}

static cc_status add_filter(cc_searcher *self, const cc_node *path, const cc_node *operand) {
    const cc_bound *bound = &self->call->search;
    cc_bytes name = bound->names[bound->program->paths[path->ref].first];
    cc_value value = bound->values[operand->ref];
    uint32_t i = 0;
    while (i < self->index->element_count && !cc_bytes_equal(self->index->elements[i].name, name))
        i++;
    if (i == self->index->element_count || bound->program->paths[path->ref].count > 1)
        return outside(self, path->ref);
    if (value.type != self->index->elements[i].type)
        return CC_INVALID(self->call->error, "One or more parameter values were invalid: Condition parameter "
                                             "type does not match schema type");
    self->has_hash = self->has_hash || (i == 0 && self->index->has_hash);
    self->filters[self->filter_count++] = (cc_vector_filter){i, cc_vector_filter_of(self->index, value)};
    return CC_OK;
}

static cc_status add_filters(cc_searcher *self, uint32_t index) {
    const cc_node *node = node_at(self, index);
    if (node->kind == CC_NODE_AND) {
        for (uint32_t child = node->child; child != 0; child = node_at(self, child)->next)
            CC_TRY(add_filters(self, child));
        return CC_OK;
    }
    const cc_node *left = node_at(self, node->child), *right = node_at(self, left->next);
    return left->kind == CC_NODE_PATH ? add_filter(self, left, right) : add_filter(self, right, left);
}

/* ---- before the search ---- */

static cc_status check_request(cc_searcher *self) {
    const cc_request *request = self->call->request;
    uint32_t count = cc_value_count(request->vector);
    if (request->top_k > TOP_K_MAX)
        return CC_INVALID(
            self->call->error,
            "Provided TopK value '%u' is out of valid range. The value must be between 1 and %d "
            "inclusive",
            request->top_k, TOP_K_MAX);
    if (!cc_vector_read(request->vector, count, self->vector))
        return CC_INVALID(self->call->error,
                          "Search vector contains invalid values. All values in the search "
                          "vector must be a 32-bit floating-point number attribute");
    return self->call->search.program == NULL ? CC_OK : check_shape(self, self->call->search.program->root);
}

static cc_status find_index(cc_searcher *self) {
    cc_call *call = self->call;
    cc_bytes name = call->request->index;
    CC_TRY(cc_call_find_table(call, call->request->table));
    const cc_table_schema *schema = (const cc_table_schema *)call->schema;
    self->index = cc_vector_index_find(schema, name);
    if (self->index == NULL && cc_table_index_find(schema, name) != NULL)
        return CC_INVALID(call->error, "SearchVectors operation not supported on this index type.");
    if (self->index == NULL)
        return CC_INVALID(call->error, "The table does not have the specified index: %.*s",
                          (int)cc_utf8_cut(name, 255), (const char *)name.data);
    if (self->index->filling)
        return CC_INVALID(call->error, "Cannot search backfilling vector index: %.*s",
                          (int)cc_utf8_cut(name, 255), (const char *)name.data);
    return CC_OK;
}

static cc_status begin(cc_searcher *self) {
    cc_call *call = self->call;
    CC_TRY(find_index(self));
    uint32_t count = cc_value_count(call->request->vector);
    if (count != self->index->dimensions)
        return CC_INVALID(call->error,
                          "Input search vector dimension %u does not match vector index dimension %u", count,
                          self->index->dimensions);
    if (call->search.program != NULL)
        CC_TRY(add_filters(self, call->search.program->root));
    if (self->index->has_hash && !self->has_hash)
        return CC_INVALID(call->error,
                          "SearchConditionExpression must be provided when SearchSchema has a HASH key");
    cc_status status = cc_vector_search_begin(&self->search, self->index->matrix, self->vector, self->filters,
                                              self->filter_count, call->request->top_k);
    if (cc_tables_bounded(call->tables)) {
        self->first = call->tables->first;
        self->last = UINT64_MAX - call->tables->beyond;
        self->search.shows = within;
        self->search.context = self;
    }
    return status == CC_OK ? CC_OK : cc_no_memory(call->error);
}

/* ---- after it ---- */

/* Whether the projection asks for the vector, which is shown to nobody else. */
static bool wants_vector(const cc_searcher *self) {
    const cc_bound *bound = &self->call->projection;
    for (uint32_t i = 0; bound->program != NULL && i < bound->program->path_count; i++)
        if (cc_bytes_equal(bound->names[bound->program->paths[i].first], self->index->attribute))
            return true;
    return false;
}

static cc_status show(cc_searcher *self, cc_bytes item, bool whole, size_t *bytes) {
    cc_call *call = self->call;
    cc_buffer image = {0};
    cc_status status;
    CC_TRY_GOTO(cc_vector_project(self->index, item, whole, call->arena, &image, call->error));
    *bytes += cc_item_size(cc_buffer_bytes(&image));
    if (*bytes > CC_BATCH_REPLY_BYTES)
        status = CC_INVALID(call->error, "The response of SearchVectors exceeds 16 MB: ask for a narrower "
                                         "projection or a smaller TopK");
    else
        status = cc_call_add_item(call, cc_buffer_bytes(&image), &call->projection);
cleanup:
    cc_buffer_free(&image);
    return status;
}

static cc_status collect(cc_searcher *self) {
    cc_call *call = self->call;
    cc_vector_search *search = &self->search;
    CC_TRY(find_index(self));
    if (self->index->matrix != search->matrix) /* another index under the same name since then */
        return CC_INVALID(call->error, "Cannot search backfilling vector index: %.*s",
                          (int)cc_utf8_cut(self->index->name, 255), (const char *)self->index->name.data);
    bool whole = wants_vector(self);
    size_t bytes = 0;
    cc_vector_search_settle(search);
    call->reply->scores = cc_arena_alloc(call->arena, (search->count + 1) * sizeof(double));
    if (call->reply->scores == NULL)
        return cc_no_memory(call->error);
    for (uint32_t i = 0; i < search->count; i++) {
        cc_bytes item;
        if (!cc_space_get(call->space, cc_vector_search_key(search, &search->hits[i]), &item)) {
            CC_TRY(cc_store_failure(call->tables->store, call->error));
            CC_ASSERT(!"what a vector index finds is an item");
        }
        if (call->search.program != NULL && !cc_evaluate(&call->search, item))
            continue;
        CC_TRY(show(self, item, whole, &bytes));
        call->reply->scores[call->reply->item_count - 1] = cc_vector_search_score(search, &search->hits[i]);
    }
    double examined = (double)search->examined * self->index->dimensions * sizeof(float) + (double)bytes;
    call->reply->search_bytes = examined < 1024 ? 1024 : examined;
    return CC_OK;
}

cc_status cc_verb_search(cc_call *call) {
    cc_store *store = call->tables->store;
    cc_searcher *self = cc_arena_alloc(call->arena, sizeof *self);
    if (self == NULL)
        return cc_no_memory(call->error);
    self->call = call;
    self->filter_count = 0;
    self->has_hash = false;
    self->search = (cc_vector_search){0};
    CC_TRY(check_request(self));
    cc_store_lock(store);
    cc_status status = begin(self);
    cc_store_unlock(store);
    if (status == CC_OK) {
        cc_vector_search_run(&self->search);
        cc_store_lock(store);
        status = collect(self);
        cc_store_unlock(store);
    }
    if (self->search.matrix != NULL)
        cc_vector_search_end(&self->search);
    return status;
}
