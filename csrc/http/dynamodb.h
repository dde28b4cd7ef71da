/* dynamodb.h: item verbs answered on the epoll thread, without the GIL.
 *
 * The credential scope of a request says whose tables in which region are meant. Places are added while
 * the server runs, from any thread, and stay until it has stopped; the rest is the epoll thread's. */
#ifndef CC_HTTP_DYNAMODB_H
#define CC_HTTP_DYNAMODB_H

#include <stdatomic.h>

#include "http/observed.h"
#include "http/server.h"
#include "table/table.h"

enum { CC_HTTP_ACCOUNT = 12, CC_HTTP_REGION_MAX = 31 };

typedef struct cc_http_place cc_http_place;
struct cc_http_place { /* what one account has in one region */
    const cc_http_place *next;
    char account[CC_HTTP_ACCOUNT + 1], region[CC_HTTP_REGION_MAX + 1];
    cc_tables *tables;
};

typedef struct {
    _Atomic(const cc_http_place *) places;                             /* grows at its front */
    char account[CC_HTTP_ACCOUNT + 1], region[CC_HTTP_REGION_MAX + 1]; /* meant where none is named */
    bool shared;     /* whatever a request names, these are meant */
    cc_tables *home; /* theirs, once it was found */
    char scope[128]; /* "KEY/date/region/" of the request before, and its tables */
    size_t scope_size;
    cc_tables *scoped;
    cc_arena arena; /* one request's memory */
    uint64_t serial;
    cc_observed observed;
} cc_http_dynamodb;

void cc_http_dynamodb_init(cc_http_dynamodb *door, const char *account, const char *region, bool shared);
void cc_http_dynamodb_free(cc_http_dynamodb *door);
/* Item verbs of `account` in `region` are answered from `tables` from now on. */
CC_MUST_CHECK cc_status cc_http_dynamodb_add(cc_http_dynamodb *door, cc_bytes account, cc_bytes region,
                                             cc_tables *tables, cc_error *error);
/* A cc_http_fast: takes POST / with an item verb of a place that was added, leaves the rest. */
bool cc_http_dynamodb_fast(void *door, const cc_http_head *head, cc_bytes body, cc_http_reply_parts *reply);
/* A cc_http_limit: 16 MB for services that are asked by X-Amz-Target. */
uint64_t cc_http_dynamodb_limit(void *door, const cc_http_head *head, const char **refusal_out);
/* 52 characters, upper case and digits, as DynamoDB's request ids; `out` holds 53. */
void cc_http_request_id(uint64_t serial, char *out);

#endif
