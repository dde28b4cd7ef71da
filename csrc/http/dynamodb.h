/* dynamodb.h: item verbs answered on the epoll thread, without the GIL. */
#ifndef CC_HTTP_DYNAMODB_H
#define CC_HTTP_DYNAMODB_H

#include "http/server.h"
#include "table/table.h"

typedef struct {
    cc_tables *tables;
    char account[13]; /* whose tables these are: 12 digits */
    char region[32];
    cc_arena arena; /* one request's memory; the epoll thread's alone */
    uint64_t serial;
} cc_http_dynamodb;

void cc_http_dynamodb_init(cc_http_dynamodb *door, cc_tables *tables, const char *account,
                           const char *region);
void cc_http_dynamodb_free(cc_http_dynamodb *door);
/* A cc_http_fast: takes POST / with an item verb of this account and region, leaves the rest. */
bool cc_http_dynamodb_fast(void *door, const cc_http_head *head, cc_bytes body, cc_http_reply_parts *reply);
/* 52 characters, upper case and digits, as DynamoDB's request ids; `out` holds 53. */
void cc_http_request_id(uint64_t serial, char *out);

#endif
