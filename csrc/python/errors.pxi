# errors.pxi: the one place where a cc_status becomes a Python exception; include it in a door.
#
# An error with an AWS name is an ApiError; every other status has one exception class. The map is
# total over cc_status (tests/unit/test_status_map.py).
from core cimport *

from cloudcore import errors as _errors

_STATUS_EXCEPTIONS = {
    "nomem": MemoryError,
    "io": OSError,
    "full": _errors.FullError,
    "corrupt": _errors.CorruptError,
    "format": _errors.FormatError,
    "argument": ValueError,
    "validation": _errors.ApiError,
    "serialization": _errors.ApiError,
    "condition": _errors.ApiError,
    "not_found": KeyError,
    "exists": FileExistsError,
    "limit": ValueError,
    "busy": _errors.BusyError,
    "stale": _errors.StaleError,
    "closed": _errors.ClosedError,
    "poisoned": _errors.PoisonedError,
    "forked": _errors.ForkedError,
    "timeout": TimeoutError,
    "died": ConnectionError,
    "unsupported": NotImplementedError,
}
_API_DEFAULTS = {
    "validation": "ValidationException",
    "serialization": "SerializationException",
    "condition": "ConditionalCheckFailedException",
}


cdef object error_of(cc_status status, const cc_error *error, dict fields=None):
    """The exception that stands for a failed status; `error` holds its message."""
    name = (<bytes>cc_status_name(status)).decode("ascii")
    message = (<bytes>error.message).decode("utf-8", "replace") or name
    kind = (<bytes>error.type).decode("ascii") or _API_DEFAULTS.get(name, "")
    if kind:
        return _errors.ApiError(kind, message, 500 if kind == "InternalServerError" else 400, fields)
    exception = _STATUS_EXCEPTIONS.get(name, _errors.EngineError)
    if issubclass(exception, _errors.EngineError):
        return exception(message, name, error.position)
    if exception is OSError:
        return OSError(error.sys_errno, message)
    return exception(message)


cdef int check(cc_status status, const cc_error *error) except -1:
    if status != CC_OK:
        raise error_of(status, error)
    return 0


def _status_names():
    """Every status name of the core, for the test that the map is total."""
    cdef int status
    return [(<bytes>cc_status_name(<cc_status>status)).decode("ascii")
            for status in range(1, <int>CC_STATUS_COUNT)]


def _status_map():
    """Status name -> exception class, as check() uses it."""
    return dict(_STATUS_EXCEPTIONS)
