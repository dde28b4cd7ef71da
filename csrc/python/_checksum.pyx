"""The door to the checksums of base/hash.h that the standard library has not. See _checksum.pyi."""
from libc.stdint cimport uint32_t, uint64_t

cdef extern from "base/hash.h" nogil:
    uint32_t cc_crc32c(uint32_t crc, const void *data, size_t size)
    uint64_t cc_crc64nvme(uint64_t crc, const void *data, size_t size)


def crc32c(const unsigned char[::1] data not None, uint32_t value=0):
    cdef size_t size = data.shape[0]
    if size:
        with nogil:
            value = cc_crc32c(value, &data[0], size)
    return value


def crc64nvme(const unsigned char[::1] data not None, uint64_t value=0):
    cdef size_t size = data.shape[0]
    if size:
        with nogil:
            value = cc_crc64nvme(value, &data[0], size)
    return value
