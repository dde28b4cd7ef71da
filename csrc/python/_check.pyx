"""The door to checking and repairing files: log/survey.h, store/verify.h, store/salvage.h. See _check.pyi.

The GIL is released for all of it and taken for each finding.
"""
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from log_core cimport *

include "errors.pxi"

cdef extern from "base/file.h" nogil:
    ctypedef struct cc_fs:
        pass
    ctypedef struct cc_file:
        pass
    cc_fs *cc_fs_system()

cdef extern from "base/finding.h" nogil:
    ctypedef struct cc_finding:
        bint harmless
        const char *file
        uint64_t offset
        char what[400]
    ctypedef struct cc_findings:
        void (*found)(void *context, const cc_finding *finding) noexcept nogil
        void *context
        uint64_t faults
        uint64_t notices

cdef extern from "log/survey.h" nogil:
    ctypedef struct cc_log_visitor:
        cc_findings *findings
    ctypedef struct cc_log_survey:
        uint64_t first_sequence
        uint64_t last_sequence
        uint64_t batches
        uint64_t bytes
        uint64_t lost
        uint32_t segments
    cc_status cc_log_survey_take(cc_fs *fs, const char *dir, const cc_log_visitor *visitor,
                                 cc_log_survey *out, cc_error *error)
    cc_status cc_log_hold(cc_fs *fs, const char *dir, cc_file **out, cc_error *error)
    cc_status cc_log_salvage(cc_fs *fs, const char *source, const char *to, cc_findings *findings,
                             cc_log_survey *out, cc_error *error)

cdef extern from "codec/item.h" nogil:
    cc_status cc_item_check(cc_bytes item, cc_error *error)

cdef extern from "store/verify.h" nogil:
    ctypedef struct cc_space:
        pass
    ctypedef struct cc_key:
        pass
    ctypedef struct cc_page_survey:
        uint64_t pages
        uint64_t bytes
        uint64_t items
    ctypedef struct cc_store_survey:
        cc_log_survey log
        uint64_t generation
        cc_page_survey newest
        cc_page_survey previous
        uint64_t spaces
        uint64_t items
        uint64_t item_bytes
        bint opened
    ctypedef struct cc_verify_options:
        cc_findings *findings
        const char *(*item)(void *context, const cc_space *space, cc_key key, cc_bytes value) noexcept nogil
        void *context
    cc_bytes cc_space_name(const cc_space *space)
    cc_status cc_store_verify(const char *dir, const void *options, const cc_verify_options *verify,
                              cc_store_survey *out, cc_error *error)

cdef extern from "store/salvage.h" nogil:
    ctypedef struct cc_salvage:
        uint64_t spaces
        uint64_t items
        uint64_t item_bytes
        uint64_t last_sequence
        uint64_t regained
        uint64_t orphans
        uint64_t lost_sequences
        uint64_t stray_changes
        bint complete
    cc_status cc_store_salvage(const char *source, const char *to, const void *options, cc_findings *findings,
                               cc_salvage *out, cc_error *error)


cdef void _found(void *context, const cc_finding *finding) noexcept with gil:
    what = (<bytes>finding.what).decode("utf-8", "replace")
    (<list>context).append((bool(finding.harmless), (<bytes>finding.file).decode(), finding.offset, what))


cdef const char *_look_at_item(void *context, const cc_space *space, cc_key key,
                               cc_bytes value) noexcept nogil:
    # Spaces of the services' own (tokens of transactions, jobs) have names that no table can have; no items.
    if cc_space_name(space).data[0] != 35 and cc_item_check(value, NULL) != CC_OK:  # '#'
        return "its value is not an item"
    return NULL


cdef cc_findings _into(list found):
    cdef cc_findings findings
    memset(&findings, 0, sizeof(findings))
    findings.found = _found
    findings.context = <void *>found
    return findings


cdef dict _log_of(const cc_log_survey *log):
    return {"first_sequence": log.first_sequence, "last_sequence": log.last_sequence, "records": log.batches,
            "record_bytes": log.bytes, "segments": log.segments, "lost_sequences": log.lost}


def check_log(directory, list found not None):
    cdef cc_findings findings = _into(found)
    cdef cc_log_visitor visitor
    cdef cc_log_survey survey
    cdef cc_file *lock = NULL
    cdef cc_fs *fs = cc_fs_system()
    cdef cc_error error
    cdef cc_status status
    import os
    cdef bytes path = os.fsencode(directory)
    cdef const char *where = path
    memset(&visitor, 0, sizeof(visitor))
    visitor.findings = &findings
    with nogil:
        status = cc_log_hold(fs, where, &lock, &error)
        if status == CC_OK:
            status = cc_log_survey_take(fs, where, &visitor, &survey, &error)
            _release(fs, lock)
    check(status, &error)
    return _log_of(&survey)


cdef extern from *:
    """
    static void _release(cc_fs *fs, cc_file *lock) {
        if (lock != NULL)
            fs->close(fs, lock);
    }
    """
    void _release(cc_fs *fs, cc_file *lock) nogil


def check_store(directory, list found not None):
    cdef cc_findings findings = _into(found)
    cdef cc_verify_options verify
    cdef cc_store_survey survey
    cdef cc_error error
    cdef cc_status status
    import os
    cdef bytes path = os.fsencode(directory)
    cdef const char *where = path
    verify.findings = &findings
    verify.item = _look_at_item
    verify.context = NULL
    with nogil:
        status = cc_store_verify(where, NULL, &verify, &survey, &error)
    check(status, &error)
    return {
        **_log_of(&survey.log), "generation": survey.generation, "opened": bool(survey.opened),
        "pages": survey.newest.pages + survey.previous.pages,
        "page_bytes": survey.newest.bytes + survey.previous.bytes,
        "spaces": survey.spaces, "items": survey.items, "item_bytes": survey.item_bytes,
    }


def repair_log(source, target, list found not None):
    cdef cc_findings findings = _into(found)
    cdef cc_log_survey survey
    cdef cc_error error
    cdef cc_status status
    import os
    cdef bytes path = os.fsencode(source), other = os.fsencode(target)
    cdef const char *where = path
    cdef const char *to = other
    with nogil:
        status = cc_log_salvage(cc_fs_system(), where, to, &findings, &survey, &error)
    check(status, &error)
    return _log_of(&survey)


def repair_store(source, target, list found not None):
    cdef cc_findings findings = _into(found)
    cdef cc_salvage saved
    cdef cc_error error
    cdef cc_status status
    import os
    cdef bytes path = os.fsencode(source), other = os.fsencode(target)
    cdef const char *where = path
    cdef const char *to = other
    with nogil:
        status = cc_store_salvage(where, to, NULL, &findings, &saved, &error)
    check(status, &error)
    return {
        "spaces": saved.spaces, "items": saved.items, "item_bytes": saved.item_bytes,
        "last_sequence": saved.last_sequence, "regained_items": saved.regained,
        "orphan_items": saved.orphans, "lost_sequences": saved.lost_sequences,
        "stray_changes": saved.stray_changes, "complete": bool(saved.complete),
    }
