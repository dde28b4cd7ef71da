/* finding.h: what a check of files finds wrong, one at a time, as it goes on past it. */
#ifndef CC_BASE_FINDING_H
#define CC_BASE_FINDING_H

#include "base/status.h"

typedef struct {
    bool harmless;    /* what a power cut or kill -9 leaves behind: open takes it in its stride */
    const char *file; /* its name in the directory; valid during the call */
    uint64_t offset;
    char what[400]; /* one sentence, UTF-8 */
} cc_finding;

typedef struct {
    void (*found)(void *context, const cc_finding *finding);
    void *context;
    uint64_t faults, notices; /* told so far: what is wrong, what is harmless */
} cc_findings;

/* Tells one. */
void cc_found(cc_findings *findings, bool harmless, const char *file, uint64_t offset, const char *format,
              ...) CC_PRINTF(5, 6);

#endif
