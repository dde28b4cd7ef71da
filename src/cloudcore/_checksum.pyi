"""The checksums of S3's uploads that the standard library has not, by the processor's own instructions.

Both take a buffer and the value so far, as zlib.crc32 does; the GIL is released.
"""

from typing_extensions import Buffer

def crc32c(data: Buffer, value: int = 0) -> int:
    """CRC-32C (Castagnoli) of `data`, 0 to 2**32 - 1."""

def crc64nvme(data: Buffer, value: int = 0) -> int:
    """CRC-64/NVME of `data`, 0 to 2**64 - 1."""
