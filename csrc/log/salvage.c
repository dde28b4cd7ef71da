/* salvage.c: see cc_log_salvage in survey.h. */
#include <stdio.h>
#include <stdlib.h>

#include "log/internal.h"
#include "log/survey.h"

typedef struct {
    cc_log *to;
    uint64_t next; /* the sequence that the new log takes next */
} copying;

/* Sequences up to, and not with, `next` are lost. */
static cc_status fill(copying *work, uint64_t next, cc_error *error) {
    while (work->next < next) {
        uint64_t left = next - work->next;
        cc_log_batch batch = {.type = CC_LOG_LOST, .count = left < UINT32_MAX ? (uint32_t)left : UINT32_MAX};
        cc_log_ticket ticket;
        CC_TRY(cc_log_submit(work->to, &batch, CC_LOG_ANY, &ticket, error));
        work->next = ticket.last + 1;
    }
    return CC_OK;
}

static cc_status copy(void *context, const cc_log_record *record, cc_error *error) {
    copying *work = context;
    cc_log_batch batch = {.type = record->type,
                          .count = record->count,
                          .time_ms = record->time_ms,
                          .parts = &record->payload,
                          .part_count = 1};
    cc_log_ticket ticket;
    CC_TRY(fill(work, record->first, error));
    CC_TRY(cc_log_submit(work->to, &batch, CC_LOG_ANY, &ticket, error));
    work->next = ticket.last + 1;
    return CC_OK;
}

/* Of the cursors, none is behind `last`: what they had read may be lost. */
static cc_status copy_cursors(cc_fs *fs, const char *from, cc_log *to, uint64_t last, cc_error *error) {
    char path[PATH_SIZE];
    cc_file *file = NULL;
    cc_slot_state slots[2];
    cc_log_state *state = calloc(1, sizeof *state);
    if (state == NULL)
        return cc_fail(error, CC_ERR_NOMEM, "no memory to repair a log");
    snprintf(path, sizeof path, "%s/state", from);
    cc_status status = CC_OK;
    if (fs->open(fs, path, CC_OPEN_READ, &file, NULL) == CC_OK) {
        (void)!cc_log_state_read(fs, file, state, slots, NULL); /* was told; then there are none */
        fs->close(fs, file);
    }
    for (uint32_t i = 0; i < state->cursor_count && status == CC_OK; i++) {
        uint64_t sequence = state->cursors[i].sequence;
        status = cc_log_cursor_set(to, state->cursors[i].name, sequence < last ? sequence : last, error);
    }
    free(state);
    return status;
}

static cc_status run(cc_fs *fs, const char *from, const char *to, cc_findings *findings,
                     cc_log_survey *survey_out, cc_error *error) {
    cc_log_visitor looking = {.findings = findings};
    cc_findings silent = {0};
    copying work = {0};
    cc_log_visitor visitor = {.findings = &silent, .batch = copy, .context = &work};
    cc_log_survey again;
    CC_TRY(cc_log_survey_take(fs, from, &looking, survey_out, error));
    cc_log_options options = {.fs = fs, .begin_after = survey_out->first_sequence - 1};
    CC_TRY(cc_log_open(to, &options, &work.to, error));
    work.next = survey_out->first_sequence;
    cc_log_info info;
    cc_log_info_get(work.to, &info);
    cc_status status = info.last_sequence == options.begin_after && info.segments == 0
                           ? cc_log_survey_take(fs, from, &visitor, &again, error)
                           : cc_fail(error, CC_ERR_EXISTS, "there is a log in %.400s", to);
    if (status == CC_OK)
        status = fill(&work, survey_out->last_sequence + 1, error);
    if (status == CC_OK)
        status = copy_cursors(fs, from, work.to, survey_out->last_sequence, error);
    if (status == CC_OK)
        status = cc_log_sync(work.to, error);
    cc_error ignored;
    cc_status closed = cc_log_close(work.to, status == CC_OK ? error : &ignored);
    return status == CC_OK ? closed : status;
}

cc_status cc_log_salvage(cc_fs *fs, const char *from, const char *to, cc_findings *findings,
                         cc_log_survey *survey_out, cc_error *error) {
    cc_file *lock = NULL;
    *survey_out = (cc_log_survey){0};
    CC_TRY(cc_log_hold(fs, from, &lock, error));
    cc_status status = run(fs, from, to, findings, survey_out, error);
    if (lock != NULL)
        fs->close(fs, lock);
    return status;
}
