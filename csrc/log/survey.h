/* survey.h: the files of a log looked at record by record, without changing a byte.
 *
 * Where cc_log_open stops, a survey goes on: behind a record that does not check it looks for the next one
 * that does, and says which sequences are gone in between. So `cloudcore check` names every fault of a log,
 * and `cloudcore repair` keeps all of it that can be kept.
 *
 * The directory must be nobody else's while it is looked at: see cc_log_hold. */
#ifndef CC_LOG_SURVEY_H
#define CC_LOG_SURVEY_H

#include "base/finding.h"
#include "log/log.h"

typedef struct {
    cc_findings *findings;
    /* Each whole batch that checks, in order of sequence; its payload is valid during the call. NULL: none. */
    cc_status (*batch)(void *context, const cc_log_record *record, cc_error *error);
    void *context;
} cc_log_visitor;

typedef struct {
    uint64_t first_sequence; /* of the oldest batch that checks; last_sequence + 1: there is none */
    uint64_t last_sequence;  /* of the newest one, or of what the log has dropped */
    uint64_t batches, bytes; /* payloads */
    uint64_t lost;           /* sequences that are known to be gone */
    uint64_t synced_sequence;
    uint32_t segments;
} cc_log_survey;

/* Takes the lock of a log's directory as an owner does: CC_ERR_BUSY when there is one. *lock_out: to be closed
 * through `fs`; NULL when the directory has no lock file (a copy may lack it). */
CC_MUST_CHECK cc_status cc_log_hold(cc_fs *fs, const char *dir, cc_file **lock_out, cc_error *error);
/* Fails only when memory is out, a file cannot be read at all, or `batch` fails. */
CC_MUST_CHECK cc_status cc_log_survey_take(cc_fs *fs, const char *dir, const cc_log_visitor *visitor,
                                           cc_log_survey *survey_out, cc_error *error);
/* All batches of a log that check, with their sequences, and its cursors, into a new directory; what is lost in
 * between becomes CC_LOG_LOST. CC_ERR_BUSY, CC_ERR_EXISTS. */
CC_MUST_CHECK cc_status cc_log_salvage(cc_fs *fs, const char *from, const char *to, cc_findings *findings,
                                       cc_log_survey *survey_out, cc_error *error);

#endif
