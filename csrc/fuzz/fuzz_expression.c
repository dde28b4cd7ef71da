/* Expressions of every kind from hostile text: compile, bind, evaluate, project, update. First byte: kind. */
#include "table/expression.h"

static const char *const item_json = "{\"a\":{\"N\":\"5\"},\"b\":{\"M\":{\"c\":{\"L\":[{\"S\":\"x\"},"
                                     "{\"SS\":[\"p\",\"q\"]}]}}},\"d\":{\"B\":\"AAEC\"}}";
static const char *const values_json = "{\":v\":{\"N\":\"1\"},\":s\":{\"S\":\"x\"},\":l\":{\"L\":[]},"
                                       "\":t\":{\"SS\":[\"p\"]}}";

static bool encode(const char *json, cc_buffer *out, cc_arena *arena) {
    cc_json_cursor cursor = cc_json_open(cc_bytes_text(json));
    return cc_item_from_json(&cursor, out, arena, NULL) == CC_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    cc_expression_kind kind = (cc_expression_kind)(data[0] % 5);
    cc_expression *program = NULL;
    cc_error error = {0};
    if (cc_expression_compile(kind, cc_bytes_of(data + 1, size - 1), &program, &error) != CC_OK)
        return 0;
    cc_arena arena;
    cc_arena_init(&arena, 0);
    cc_buffer item = {0}, values = {0}, out = {0};
    cc_bound bound = {0};
    const cc_name_pair names[] = {{cc_bytes_text("#a"), cc_bytes_text("a")},
                                  {cc_bytes_text("#b"), cc_bytes_text("b")}};
    const cc_key_shape shape = {.hash = {{cc_bytes_text("a"), CC_TYPE_N}},
                                .range = {{cc_bytes_text("b"), CC_TYPE_S}, {cc_bytes_text("c"), CC_TYPE_S}},
                                .hash_count = 1,
                                .range_count = 2};
    cc_key_condition condition;
    CC_ASSERT(encode(item_json, &item, &arena) && encode(values_json, &values, &arena));
    if (cc_bind(program, names, 2, cc_buffer_bytes(&values), &arena, &bound, &error) == CC_OK) {
        cc_status status = CC_OK;
        if (kind == CC_EXPRESSION_UPDATE)
            status = cc_apply_update(&bound, cc_buffer_bytes(&item), &arena, &out, &error);
        else if (kind == CC_EXPRESSION_PROJECTION)
            status = cc_project(&bound, NULL, program->path_count, cc_buffer_bytes(&item), &arena, &out,
                                &error);
        else if (kind == CC_EXPRESSION_KEY)
            status = cc_key_condition_read(&bound, &shape, &condition, &error);
        else
            (void)cc_evaluate(&bound, cc_buffer_bytes(&item));
        if (status == CC_OK && out.size != 0)
            CC_ASSERT(cc_item_check(cc_buffer_bytes(&out), &error) == CC_OK);
    }
    cc_expression_release(program);
    cc_buffer_free(&item);
    cc_buffer_free(&values);
    cc_buffer_free(&out);
    cc_arena_free(&arena);
    return 0;
}
