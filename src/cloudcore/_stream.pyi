"""Records, columns and Parquet files (csrc/ingest, csrc/compress, csrc/parquet) from Python."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, final

from typing_extensions import Buffer

def frame(records: Sequence[bytes]) -> bytes:
    """One batch payload: repeated u32 little-endian size | bytes."""

def split(payload: Buffer) -> list[bytes]:
    """The records of a batch payload. CorruptError when the sizes do not add up."""

def concat(payload: Buffer, delimiter: bytes = b"") -> bytes:
    """All records of a batch payload end to end, `delimiter` behind each."""

def measure(records: Iterable[bytes | memoryview], unit: int) -> tuple[int, int]: ...
def framed_units(payload: bytes, unit: int) -> int: ...
def decode_put_records(body: bytes) -> tuple[str, bytes, int]:
    """(DeliveryStreamName, framed payload, record count) of a PutRecord or PutRecordBatch JSON body;
    base64 decoded straight into the payload. ApiError in AWS's words when it is malformed or too large
    (500 records, 4 MiB in all, 1,024,000 bytes a record)."""

def transform_event(
    head: bytes, data_name: bytes, origin_name: bytes, sequences: Sequence[int], parts: list[int] | None,
    arrivals: list[int], records: list[bytes], origins: list[bytes] | None,
) -> bytes:
    """The event of a transform: `head`, which ends inside the list of records, each record with its id (of
    its sequence number and part), its time of arrival in ms, its data as base64 and where it came from, if
    that is told, and the event's end."""

def transform_answer(
    answer: Buffer, data_name: bytes, sequences: Sequence[int], parts: list[int] | None
) -> tuple[list[Any], dict[int, bytes]] | None:
    """What a transform's answer says of the records that were sent, in order: the new data, or None for one
    that is Dropped; by index the JSON of each that is neither Ok with data nor Dropped. None when the answer
    has another form than these records in this order, or is no JSON."""

def gzip_member(deflated: Buffer, crc32: int, size: int) -> bytes:
    """A GZIP member (RFC 1952, mtime 0) around raw deflate data of `size` bytes with that CRC-32."""

def snappy_frames(
    data: Buffer, compress: Callable[[memoryview], bytes], *, hadoop: bool, begin: bool = True
) -> bytes:
    """`data` in frames of 32 KiB blocks that `compress` made raw Snappy of: Hadoop's, or xerial's with the
    stream header in front when `begin`."""

def crc32(data: Buffer, value: int = 0) -> int:
    """CRC-32 (IEEE) as zlib.crc32, with the processor's carry-less multiply."""

@final
class ArrowBatch:
    """A finished batch; `pyarrow.record_batch(batch)` takes it over without a copy, once."""

    def __arrow_c_array__(self, requested_schema: Any = None) -> tuple[Any, Any]: ...

@final
class Columns:
    """JSON records to Arrow columns in one pass.

    schema: anything with `__arrow_c_schema__` (a pyarrow.Schema). Missing and null are null, unknown
    keys are skipped, numbers in string columns become their text, numeric strings become numbers.
    A bad record leaves no trace in the columns and is reported: ("DataFormatConversion.ParseError" for
    broken JSON, "DataFormatConversion.MalformedData" for a value that does not fit its column).
    """

    @property
    def rows(self) -> int: ...
    def __new__(
        cls,
        schema: Any,
        *,
        case_insensitive: bool = True,
        dots_as_underscores: bool = False,
        strict: bool = False,
        millis: bool = False,
        every_attribute: bool = False,
        orc_times: bool = False,
    ) -> Columns:
        """`dots_as_underscores`: the key "a.b" is the column a_b. `strict`: as Hive's JSON SerDe reads (text
        is no number, text columns take scalars, timestamps are "yyyy-m-d hh:mm:ss[.f]"), and with `millis`
        also whole milliseconds since 1970. `every_attribute`: an item's attribute without a column does not
        fit, in the place of being left out. `orc_times`: nor does a timestamp of the last second before
        1970 that has milliseconds, which ORC cannot hold."""
    def append(self, payload: Buffer) -> list[tuple[int, str, str]]:
        """Append a framed batch; (index of the record, code, reason) of each bad one. No GIL meanwhile."""
    def append_lines(self, data: Buffer, first_line: int = 1) -> list[tuple[int, str, str]]:
        """Append NDJSON text, one record a line; (line number, code, reason) of each bad one."""
    def append_items(self, page: Any) -> None:
        """Append the items of a cloudcore._table.Page, a row each; ValueError for an item that does not fit,
        with all rows before it appended. No GIL meanwhile."""
    def finish(self) -> ArrowBatch:
        """The columns so far as a batch; the builder starts again empty."""

@final
class ParquetWriter:
    """Arrow record batches to the bytes of a Parquet file, with the C encoder of csrc/parquet.

    schema: anything with `__arrow_c_schema__`, of the types that Columns takes; NotImplementedError names
    another. codec: UNCOMPRESSED, SNAPPY, GZIP or ZSTD; `compress` makes that form of one page. Row groups end
    where `end_group` is called; the file is what `end_group` and `finish` return, end to end. The same calls
    give the same bytes. One thread at a time.
    """

    @property
    def group_bytes(self) -> int: ...
    def __new__(
        cls,
        schema: Any,
        codec: str,
        compress: Callable[[memoryview], Buffer] | None = None,
        *,
        dictionary: bool = True,
        v2: bool = False,
        page_bytes: int = 1 << 20,
        dictionary_bytes: int = 128 << 10,
    ) -> ParquetWriter:
        """`dictionary`: dictionaries are tried, and given up where they do not pay or grow over
        `dictionary_bytes`. `page_bytes`: about where a page ends, before compression."""
    def append(self, batch: Any) -> None:
        """Encode the rows of a batch (`__arrow_c_array__`), by position. ValueError for a null in
        a field that takes none. After an error the writer is of no more use. No GIL meanwhile."""
    def append_columns(self, columns: Columns) -> None:
        """Encode the rows of a builder of the same columns, which is empty then and keeps its memory."""
    def end_group(self) -> memoryview:
        """End the row group in hand, if it has rows: the next bytes of the file."""
    def finish(self, key: bytes = b"", value: bytes = b"") -> memoryview:
        """End the file, with one pair of metadata: its last bytes."""

@final
class OrcWriter:
    """Arrow record batches to the bytes of an ORC file, with the C encoder of csrc/orc.

    schema: anything with `__arrow_c_schema__`, of the types that Columns takes; NotImplementedError names
    another. codec: NONE, ZLIB or SNAPPY; `compress` makes that form of one block, of ZLIB raw deflate.
    Stripes end where `end_stripe` is called; the file is what `end_stripe` and `finish` return, end to end.
    The same calls give the same bytes. One thread at a time.
    """

    @property
    def stripe_bytes(self) -> int: ...
    def __new__(
        cls,
        schema: Any,
        codec: str,
        compress: Callable[[memoryview], Buffer] | None = None,
        *,
        v11: bool = False,
        block_bytes: int = 1 << 16,
        stride: int = 10_000,
        dictionary_threshold: float = 0.0,
        bloom_fields: Iterable[int] = (),
        bloom_probability: float = 0.05,
    ) -> OrcWriter:
        """`v11`: file version 0.11. `block_bytes`: of a chunk before compression. `stride`: rows of a group.
        `dictionary_threshold`: texts have a dictionary where at most this share of a stripe's is distinct.
        `bloom_fields`: columns, by position, whose values go into bloom filters of `bloom_probability`; trees
        and booleans have none. ValueError for an option out of its range."""
    def append(self, batch: Any) -> None:
        """Encode the rows of a batch (`__arrow_c_array__`), by position. ValueError for a time of the last
        second before 1970 that has milliseconds. After an error the writer is of no more use. No GIL
        meanwhile."""
    def append_columns(self, columns: Columns) -> None:
        """Encode the rows of a builder of the same columns, which is empty then and keeps its memory."""
    def end_stripe(self) -> memoryview:
        """End the stripe in hand, if it has rows: the next bytes of the file."""
    def finish(self) -> memoryview:
        """End the file: its last bytes."""

_Field = tuple[str, str, list["_Field"]]

@final
class Items:
    """The items of a cloudcore._table.Page; the doors' own."""

    def __new__(cls, page: Any) -> Items: ...

@final
class Inference:
    """The types that the attributes of items have, for a schema that takes them all."""

    def add(self, page: Any) -> None:
        """Look at the items of a cloudcore._table.Page. No GIL meanwhile."""
    def fields(self, numbers: str = "exact", documents_as_json: bool = False) -> list[_Field]:
        """(name, Arrow format or "json", fields of a struct or element of a list), sorted by name."""
