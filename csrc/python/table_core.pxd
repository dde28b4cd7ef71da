# table_core.pxd: codec, store and table of the C core, as the table door uses them.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from core cimport *
from log_core cimport *


cdef extern from "codec/item.h" nogil:
    ctypedef enum cc_type:
        CC_TYPE_NONE
        CC_TYPE_S
        CC_TYPE_N
        CC_TYPE_B
        CC_TYPE_BOOL
        CC_TYPE_NULL
        CC_TYPE_SS
        CC_TYPE_NS
        CC_TYPE_BS
        CC_TYPE_L
        CC_TYPE_M
    ctypedef struct cc_value:
        cc_type type
        cc_bytes payload
    ctypedef struct cc_item_writer:
        cc_buffer *out
    cc_type cc_type_from_name(cc_bytes name)
    uint32_t cc_item_count(cc_bytes item)
    bint cc_item_find(cc_bytes item, cc_bytes name, cc_value *value_out)
    void cc_item_at(cc_bytes item, uint32_t index, cc_bytes *name_out, cc_value *value_out)
    cc_bytes cc_value_bytes(cc_value value)
    bint cc_value_bool(cc_value value)
    uint32_t cc_value_count(cc_value value)
    bint cc_list_at(cc_value list, uint32_t index, cc_value *value_out)
    bint cc_set_next(cc_value set, size_t *position, cc_bytes *member_out)
    uint32_t cc_name_hash(cc_bytes name)
    void cc_item_writer_init(cc_item_writer *writer, cc_buffer *out, cc_arena *scratch)
    cc_status cc_item_begin(cc_item_writer *writer, cc_error *error)
    cc_status cc_item_end(cc_item_writer *writer, cc_error *error)
    cc_status cc_item_name(cc_item_writer *writer, cc_bytes name, cc_error *error)
    cc_status cc_item_put_string(cc_item_writer *writer, cc_bytes text, cc_error *error)
    cc_status cc_item_put_binary(cc_item_writer *writer, cc_bytes data, cc_error *error)
    cc_status cc_item_put_number_text(cc_item_writer *writer, cc_bytes text, cc_error *error)
    cc_status cc_item_put_bool(cc_item_writer *writer, bint value, cc_error *error)
    cc_status cc_item_put_null(cc_item_writer *writer, cc_error *error)
    cc_status cc_item_begin_map(cc_item_writer *writer, cc_error *error)
    cc_status cc_item_begin_list(cc_item_writer *writer, cc_error *error)
    cc_status cc_item_begin_set(cc_item_writer *writer, cc_type set_type, cc_error *error)
    cc_status cc_item_set_member(cc_item_writer *writer, cc_bytes member, cc_error *error)
    cc_status cc_item_end_container(cc_item_writer *writer, cc_error *error)
    enum: CC_FLAT_MAX
    ctypedef struct cc_flat_attribute:
        cc_bytes name
        cc_bytes data
        uint32_t hash
        cc_type type
    bint cc_item_write_flat(const cc_flat_attribute *attributes, uint32_t count, uint8_t *order,
                            cc_buffer *out)
    cc_status cc_item_put_number(cc_item_writer *writer, cc_bytes number, cc_error *error)
    cc_status cc_item_put_value(cc_item_writer *writer, cc_value value, cc_error *error)
    cc_status cc_item_to_json(cc_bytes item, cc_buffer *out)
    cc_status cc_item_to_plain_json(cc_bytes item, cc_buffer *out)
    cc_status cc_item_check(cc_bytes item, cc_error *error)


cdef extern from "codec/number.h" nogil:
    enum: CC_NUMBER_MAX
    enum: CC_NUMBER_TEXT_MAX
    cc_status cc_number_parse(cc_bytes text, uint8_t *number_out, size_t *size_out, cc_error *error)
    size_t cc_number_text(cc_bytes number, char *text_out)
    size_t cc_number_from_int64(int64_t value, uint8_t *number_out)
    bint cc_number_to_int64(cc_bytes number, int64_t *value_out)
    double cc_number_to_double(cc_bytes number)
    cc_status cc_number_from_double(double value, uint8_t *number_out, size_t *size_out, cc_error *error)


cdef extern from "codec/key.h" nogil:
    ctypedef struct cc_key_schema:
        cc_bytes partition_name
        cc_type partition_type
        cc_bytes sort_name
        cc_type sort_type
    ctypedef struct cc_key:
        cc_bytes partition
        cc_bytes sort
    cc_status cc_key_part(cc_type want, bint is_sort, cc_value value, cc_arena *arena,
                          cc_bytes *part_out, cc_error *error)


cdef extern from "store/store.h" nogil:
    ctypedef struct cc_store
    ctypedef struct cc_space
    ctypedef struct cc_store_options:
        cc_log_options log
        uint64_t feed_retention_ms
        uint64_t feed_bytes_max
        uint64_t checkpoint_bytes
        uint64_t seed
        uint64_t budget_bytes
    ctypedef struct cc_store_info:
        uint64_t memory_bytes
        uint64_t checkpoints
        uint64_t checkpoint_failures
        uint64_t generation
        uint64_t page_file_bytes
        uint64_t page_used_bytes
        uint64_t log_bytes
        bint fell_back
        uint64_t used_bytes
        uint64_t budget_bytes
        uint64_t spilled_items
        uint64_t spilled_bytes
        uint64_t disk_reads
        uint64_t disk_read_bytes
        uint64_t disk_written_bytes
        uint64_t spill_failures
    void cc_store_info_get(cc_store *store, cc_store_info *info_out)
    cc_status cc_store_checkpoint(cc_store *store, cc_error *error)
    ctypedef struct cc_space_info:
        uint64_t item_count
        uint64_t item_bytes
        uint64_t memory_bytes
    void cc_store_lock(cc_store *store)
    bint cc_store_try_lock(cc_store *store)
    void cc_store_unlock(cc_store *store)
    cc_status cc_store_failure(const cc_store *store, cc_error *error)
    cc_log *cc_store_log(cc_store *store)
    void cc_store_set_time(cc_store *store, uint64_t time_ms)
    cc_space *cc_space_find(cc_store *store, cc_bytes name)
    cc_space *cc_space_at(cc_store *store, size_t index)
    cc_bytes cc_space_name(const cc_space *space)
    cc_bytes cc_space_meta(const cc_space *space)
    void cc_space_info_get(const cc_space *space, cc_space_info *info_out)
    bint cc_space_get(cc_space *space, cc_key key, cc_bytes *value_out)


cdef extern from "store/feed.h" nogil:
    ctypedef enum cc_change_kind:
        CC_CHANGE_PUT
        CC_CHANGE_DELETE
        CC_CHANGE_EXPIRE
    ctypedef struct cc_feed
    ctypedef struct cc_feed_place:
        uint64_t sequence
        uint32_t index
    ctypedef struct cc_feed_change:
        cc_feed_place place
        uint64_t time_ms
        cc_change_kind kind
        uint32_t space_id
        bint replaced
        bint has_old
        cc_bytes value
        cc_bytes old
    uint32_t cc_space_id(const cc_space *space)
    uint64_t cc_log_topic(uint32_t number)
    cc_log *cc_store_feed_log(cc_store *store)
    cc_status cc_feed_open(cc_store *store, const uint32_t *ids, size_t count, cc_feed_place start,
                           cc_feed **feed_out, cc_error *error)
    void cc_feed_close(cc_feed *feed)
    uint64_t cc_store_feed_last(cc_store *store)
    bint cc_store_feed_wait(cc_store *store, uint64_t topics, uint64_t sequence, uint32_t timeout_ms,
                            uint64_t *wakes)
    void cc_store_feed_wake(cc_store *store)
    void cc_store_feed_trim(cc_store *store)


cdef extern from "store/feed_copy.h" nogil:
    cc_status cc_feed_copy_read(cc_log_reader *reader, uint64_t last, size_t size, cc_buffer *out,
                                size_t *count_out, cc_error *error)
    cc_status cc_feed_copy_begin(cc_store *store, uint64_t last, cc_error *error)
    cc_status cc_feed_copy_take(cc_store *store, cc_bytes records, cc_error *error)
    uint32_t cc_store_next_space(const cc_store *store)
    cc_status cc_store_skip_spaces(cc_store *store, uint32_t next, cc_error *error)


cdef extern from "table/changes.h" nogil:
    ctypedef enum cc_change_form:
        CC_FORM_STREAM
        CC_FORM_EVENT
        CC_FORM_KINESIS
    enum: CC_IMAGE_NEW
    enum: CC_IMAGE_OLD
    enum: CC_SEQUENCE_DIGITS
    enum: CC_EVENT_ID
    ctypedef struct cc_change_view:
        cc_key_schema key
        cc_change_form form
        uint32_t images
        cc_bytes region
        cc_bytes source
        bint microseconds
    void cc_sequence_write(cc_feed_place place, char *digits)
    bint cc_sequence_read(cc_bytes text, cc_feed_place *place_out)
    void cc_event_id_write(const cc_feed_change *change, char *digits)
    const char *cc_event_name(const cc_feed_change *change)
    size_t cc_change_size(const cc_feed_change *change, cc_bytes keys, uint32_t images)
    ctypedef struct cc_changes:
        cc_feed *feed
    ctypedef struct cc_changes_bounds:
        uint32_t limit
        size_t size_max
        uint64_t until
        uint64_t since_ms
        bint skips
        cc_key_schema key
        uint32_t images
    ctypedef struct cc_changes_page:
        uint32_t count
        bint more
        bint ended
        bint trimmed
        cc_feed_place next
    ctypedef cc_status (*cc_changes_take)(void *context, const cc_feed_change *change, cc_bytes keys,
                                          cc_error *error)
    cc_status cc_changes_read(cc_changes *changes, const cc_changes_bounds *bounds, cc_arena *arena,
                              cc_changes_take take, void *context, cc_changes_page *page_out, cc_error *error)
    ctypedef struct cc_changes_json:
        const cc_change_view *view
        cc_buffer *out
        size_t *ends
        uint32_t count
    cc_status cc_changes_take_json(void *context, const cc_feed_change *change, cc_bytes keys,
                                   cc_error *error)
    ctypedef struct cc_changes_copy:
        cc_arena *arena
        cc_feed_change *changes
        cc_bytes *keys
        uint32_t count
    cc_status cc_changes_take_copy(void *context, const cc_feed_change *change, cc_bytes keys,
                                   cc_error *error)


cdef extern from "table/table.h" nogil:
    ctypedef enum cc_verb:
        CC_VERB_NONE
        CC_VERB_PUT
        CC_VERB_GET
        CC_VERB_UPDATE
        CC_VERB_DELETE
        CC_VERB_QUERY
        CC_VERB_SCAN
        CC_VERB_BATCH_WRITE
        CC_VERB_BATCH_GET
        CC_VERB_TRANSACT_WRITE
        CC_VERB_TRANSACT_GET
        CC_VERB_STATEMENT
        CC_VERB_STATEMENT_BATCH
        CC_VERB_STATEMENT_TRANSACTION
        CC_VERB_SEARCH
    ctypedef enum cc_return_capacity:
        CC_CAPACITY_NONE
        CC_CAPACITY_TOTAL
        CC_CAPACITY_INDEXES
    ctypedef enum cc_select:
        CC_SELECT_COUNT
    ctypedef struct cc_name_pair:
        cc_bytes name
        cc_bytes value
    ctypedef struct cc_batch_entry:
        uint32_t table
        bint is_delete
        cc_bytes item
    ctypedef struct cc_batch_table:
        cc_bytes name
        bint consistent
        cc_bytes projection
        const cc_name_pair *names
        size_t name_count
        bint has_names
    ctypedef struct cc_request:
        cc_verb verb
        cc_durability durability
        cc_bytes table
        cc_bytes item
        cc_return_capacity capacity
        cc_select select
        const cc_batch_entry *batch
        size_t batch_count
        const cc_batch_table *tables
        size_t table_count
        size_t action_count
    ctypedef struct cc_bulk:
        size_t position
        uint64_t index
        bint written, loading, counts
        uint64_t units
    cc_status cc_table_bulk(cc_tables *tables, cc_bytes name, cc_bytes items, const uint8_t *deletes,
                            cc_bulk *bulk, cc_arena *arena, cc_error *error)
    cc_status cc_table_bulk_finish(cc_tables *tables, cc_bulk *bulk, cc_error *error)
    ctypedef struct cc_collection:
        uint32_t table
        cc_bytes key
        uint64_t gigabytes
    ctypedef struct cc_reason:
        const char *code
        cc_bytes message
        cc_bytes item
    ctypedef struct cc_statement_result:
        const char *code
        cc_bytes message
        cc_bytes failed
        cc_bytes table
        cc_bytes item
    ctypedef struct cc_index_units:
        cc_bytes name
        bint is_global "global"
        bint vector
        double units
    ctypedef struct cc_consumed:
        double table
        cc_index_units *indexes
        size_t index_count
    double cc_consumed_total(const cc_consumed *consumed)
    ctypedef struct cc_throttle:
        const char *reason
        cc_bytes resource
    ctypedef struct cc_reply:
        cc_bytes *items
        size_t item_count
        double *scores
        double search_bytes
        bint has_item
        uint32_t count
        uint32_t scanned_count
        cc_bytes last_key
        cc_consumed consumed
        cc_bytes table
        uint32_t *item_tables
        cc_consumed *table_consumed
        cc_batch_entry *unprocessed
        size_t unprocessed_count
        bint written
        bint has_condition_item
        cc_bytes condition_item
        cc_collection *collections
        size_t collection_count
        cc_bytes next_token
        const cc_statement_result *results
        size_t result_count
        const cc_bytes *tables
        size_t table_count
        const cc_reason *reasons
        size_t reason_count
        bint repeated
        cc_throttle *throttles
        size_t throttle_count
    ctypedef struct cc_tables
    cc_verb cc_verb_from_name(cc_bytes operation)
    bint cc_refusal_is_counted(cc_verb verb, cc_bytes message)
    void cc_tables_enforce_throughput(cc_tables *tables)
    void cc_tables_meter(cc_tables *tables, bint on)
    void cc_tables_expiring(cc_tables *tables, bint on)
    ctypedef struct cc_digest:
        uint64_t a
        uint64_t b
    ctypedef enum cc_part_mode:
        CC_PART_FORM
        CC_PART_TRY
        CC_PART_DO
        CC_PART_FINISH
    ctypedef struct cc_part:
        cc_part_mode mode
        cc_bytes token
        cc_digest digest
        uint64_t bytes
        bint repeated
    cc_status cc_table_call_part(cc_tables *tables, cc_verb verb, cc_bytes body, cc_part *part,
                                 cc_arena *arena, cc_buffer *reply_out, int *http_status_out)
    ctypedef struct cc_table_taken:
        double read_units
        double write_units
    cc_table_taken cc_table_taken_of(const cc_space *space)
    void cc_table_count_get(const cc_tables *tables, const cc_key_schema *schema, cc_bytes item)
    void cc_tables_set_place(cc_tables *tables, cc_bytes account, cc_bytes region)
    cc_status cc_tables_open(const char *dir, const cc_store_options *options, cc_tables **tables_out,
                             cc_error *error)
    cc_status cc_tables_close(cc_tables *tables, cc_error *error)
    cc_store *cc_tables_store(cc_tables *tables)
    cc_status cc_table_create(cc_tables *tables, cc_bytes name, cc_bytes description_json,
                              cc_error *error)
    cc_status cc_table_drop(cc_tables *tables, cc_bytes name, cc_error *error)
    ctypedef struct cc_table_index_info:
        cc_bytes name
        uint64_t item_count
        uint64_t item_bytes
        bint filling
    cc_status cc_table_describe(cc_tables *tables, cc_bytes name, cc_bytes description_json,
                                cc_error *error)
    cc_status cc_table_fill(cc_tables *tables, cc_bytes name, cc_error *error)
    bint cc_table_index_at(cc_tables *tables, cc_space *space, size_t at, cc_table_index_info *info_out)
    ctypedef struct cc_expiry:
        bint done
        uint64_t examined
        uint64_t deleted
    cc_status cc_table_expire(cc_tables *tables, cc_bytes name, cc_bytes attribute, int64_t now,
                              cc_arena *arena, cc_expiry *expiry, cc_error *error)
    void cc_expiry_free(cc_expiry *expiry)
    cc_status cc_table_execute(cc_tables *tables, const cc_request *request, bint locked,
                               cc_arena *arena, cc_reply *reply_out, cc_error *error)
    cc_status cc_table_finish(cc_tables *tables, const cc_request *request, const cc_reply *reply,
                              cc_error *error)
    bint cc_table_waits(const cc_tables *tables, cc_durability durability)
    cc_status cc_table_find(cc_tables *tables, cc_bytes name, cc_space **space_out,
                            const cc_key_schema **schema_out, cc_error *error)
    cc_status cc_reply_cancelled(const cc_reply *reply, cc_buffer *message_out)
    cc_bytes cc_table_name_of(cc_bytes name_or_arn)
    cc_status cc_table_call_json(cc_tables *tables, cc_verb verb, cc_bytes body, cc_arena *arena,
                                 cc_buffer *reply_out, int *http_status_out)


cdef extern from "table/request.h" nogil:
    ctypedef enum cc_member_kind:
        CC_MEMBER_UNKNOWN
        CC_MEMBER_TEXT
        CC_MEMBER_BOOL
        CC_MEMBER_INT
        CC_MEMBER_ITEM
        CC_MEMBER_NAMES
        CC_MEMBER_ACTIONS
        CC_MEMBER_TABLES
        CC_MEMBER_LEGACY
        CC_MEMBER_LIST
        CC_MEMBER_VALUES
        CC_MEMBER_STATEMENTS
        CC_MEMBER_VECTOR
    ctypedef enum cc_member_id:
        CC_M_NONE
        CC_M_NAMES
        CC_M_PROJECTION
        CC_M_CONSISTENT
        CC_M_ATTRIBUTES_TO_GET
        CC_M_REQUEST_ITEMS
        CC_M_TRANSACT_ITEMS
        CC_M_PARAMETERS
        CC_M_STATEMENTS
        CC_M_COUNT
    ctypedef struct cc_member:
        cc_member_id id
        cc_member_kind kind
        const char *name
    ctypedef struct cc_request_builder:
        cc_request request
        bint *seen
        bint table_mixed
    const cc_member *cc_member_find(cc_verb verb, cc_bytes name)
    const cc_member *cc_table_member_find(cc_bytes name)
    cc_verb cc_action_verb(cc_verb transaction, cc_bytes name)
    const cc_member *cc_action_member_find(cc_verb action, cc_bytes name)
    cc_status cc_request_add_action(cc_request_builder *builder, cc_verb action,
                                    cc_request_builder **action_out, cc_error *error)
    cc_status cc_request_add_parameter(cc_request_builder *builder, cc_value value, cc_error *error)
    cc_status cc_request_add_statement(cc_request_builder *builder, cc_request_builder **statement_out,
                                       cc_error *error)
    const cc_member *cc_statement_member_find(cc_verb verb, cc_bytes name)
    void cc_request_end_action(cc_request_builder *builder, size_t count)
    void cc_request_begin(cc_request_builder *builder, cc_verb verb, cc_arena *arena)
    void cc_request_set_text(cc_request_builder *builder, cc_member_id id, cc_bytes text)
    void cc_request_set_bool(cc_request_builder *builder, cc_member_id id, bint value)
    void cc_request_set_int(cc_request_builder *builder, cc_member_id id, int64_t value)
    void cc_request_set_item(cc_request_builder *builder, cc_member_id id, cc_bytes item)
    void cc_request_set_vector(cc_request_builder *builder, cc_bytes item, cc_bytes name)
    void cc_request_set_names(cc_request_builder *builder, const cc_name_pair *names, size_t count)
    int cc_legacy_map_of(cc_member_id id)
    cc_status cc_request_add_attribute(cc_request_builder *builder, cc_batch_table *table, cc_bytes name,
                                       cc_error *error)
    cc_status cc_request_add_table(cc_request_builder *builder, cc_bytes name,
                                   cc_batch_table **table_out, cc_error *error)
    cc_status cc_request_add_entry(cc_request_builder *builder, bint is_delete, cc_bytes item,
                                   cc_error *error)
    cc_status cc_request_finish(cc_request_builder *builder, cc_request *request_out, cc_error *error)


cdef extern from "table/statement.h" nogil:
    ctypedef enum cc_statement_kind:
        CC_STATEMENT_SELECT
    ctypedef struct cc_statement:
        cc_statement_kind kind
        cc_bytes table
        cc_bytes index
    cc_status cc_statement_compile(cc_bytes text, cc_statement **statement_out, cc_error *error)
    void cc_statement_release(void *statement)


cdef extern from "table/legacy.h" nogil:
    ctypedef struct cc_legacy_entry:
        cc_bytes op
        cc_value value
        bint has_value
        bint has_list
        bint has_exists
        bint exists
    cc_status cc_legacy_add(cc_request_builder *builder, int map, cc_bytes name, cc_legacy_entry **entry_out,
                            cc_error *error)
    cc_status cc_legacy_add_value(cc_request_builder *builder, cc_legacy_entry *entry, cc_value value,
                                  cc_error *error)


cdef extern from "store/snapshot.h" nogil:
    ctypedef struct cc_snapshot
    ctypedef struct cc_snapshot_info:
        uint64_t sequence
        uint64_t item_count
        uint64_t item_bytes
        uint64_t read_count
        uint64_t kept_count
        uint64_t kept_memory
        uint64_t memory_peak
    cc_status cc_snapshot_read(cc_snapshot *snapshot, size_t size, cc_buffer *out, size_t *count_out,
                               cc_error *error)
    void cc_snapshot_info_get(cc_snapshot *snapshot, cc_snapshot_info *info_out)
    void cc_snapshot_close(cc_snapshot *snapshot)


cdef extern from "table/load.h" nogil:
    cc_status cc_table_load(cc_tables *tables, cc_bytes name, cc_bytes entries, bint stamped,
                            uint64_t *count_out, cc_error *error)
    cc_status cc_table_filter(cc_tables *tables, cc_bytes name, bint present, cc_bytes entries,
                              cc_buffer *out, uint64_t *count, cc_error *error)
    cc_status cc_table_snapshot(cc_tables *tables, cc_bytes name, size_t memory_max,
                                cc_snapshot **snapshot_out, cc_error *error)


cdef extern from "store/feed.h" nogil:
    cc_log *cc_store_feed_log(cc_store *store)


cdef extern from "table/archive.h" nogil:
    ctypedef struct cc_archive_reader
    ctypedef struct cc_archive_page:
        size_t count
        uint64_t last
        uint64_t last_ms
        uint64_t seen
    ctypedef struct cc_archive_span:
        uint64_t after
        uint64_t since_ms
        uint64_t until_ms
        bint stamped
        bint past
        uint64_t count
    cc_status cc_archive_open(cc_tables *tables, cc_bytes name, uint64_t after,
                              cc_archive_reader **reader_out, cc_error *error)
    void cc_archive_close(cc_archive_reader *reader)
    cc_status cc_archive_read(cc_archive_reader *reader, size_t size, cc_buffer *out,
                              cc_archive_page *page_out, cc_error *error)
    cc_status cc_archive_entries(cc_bytes changes, cc_archive_span *span, cc_buffer *out, cc_error *error)


cdef extern from "table/export.h" nogil:
    ctypedef struct cc_export
    ctypedef struct cc_export_sum:
        uint64_t lines
        uint64_t bytes
    cc_status cc_export_open(cc_tables *tables, bint ion, bint query, cc_bytes request,
                             cc_export **export_out, cc_error *error)
    void cc_export_close(cc_export *self)
    cc_status cc_export_items(cc_export *self, cc_bytes entries, bint stamped, cc_buffer *out,
                              cc_export_sum *sum, cc_error *error)
    cc_status cc_export_changes(cc_export *self, cc_bytes entries, cc_tables *tables, cc_bytes old,
                                uint32_t images, cc_buffer *out, cc_export_sum *sum, cc_error *error)


cdef extern from "table/route.h" nogil:
    ctypedef enum cc_route_kind:
        CC_ROUTE_NOWHERE
        CC_ROUTE_KEYS
        CC_ROUTE_WALK
        CC_ROUTE_INDEX
    ctypedef struct cc_route:
        cc_route_kind kind
        uint64_t *hashes
        size_t count
        bint has_start
        uint64_t start
    ctypedef struct cc_place:
        uint64_t hash
        cc_key key
    cc_status cc_table_route(cc_tables *tables, cc_verb verb, cc_bytes body, cc_arena *arena,
                             cc_route *route_out, cc_error *error)
    cc_status cc_table_place(cc_tables *tables, cc_bytes name, cc_bytes index, cc_bytes item, cc_arena *arena,
                             cc_place *place_out, cc_error *error)
    void cc_tables_set_bounds(cc_tables *tables, uint64_t first, uint64_t last)
    cc_status cc_table_prune(cc_tables *tables, cc_bytes name, uint64_t first, uint64_t last, cc_arena *arena,
                             size_t *count_out, cc_error *error)
