"""Deployment packages: kept as the zip files that were uploaded, named by their SHA-256.

    <directory>/code/<sha256>.zip    the truth
    <directory>/unpacked/<sha256>/   what environments run; made anew by each process that opens this
    <directory>/unpacked/opt-<...>/  several packages (layers) in one tree, later files over earlier ones

Source: AWS, "Lambda quotas" (50 MB zipped by upload, 250 MB unzipped).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import shutil
import tempfile
import threading
import zipfile
from collections import Counter
from zlib import error as zlib_error

from cloudcore.errors import ApiError

ZIPPED_MAX = 52_428_800
UNZIPPED_MAX = 262_144_000


class Packages:
    """The packages under `directory`. Any call from any thread."""

    def __init__(self, directory: str):
        self._zips = os.path.join(directory, "code")
        self._unpacked = os.path.join(directory, "unpacked")
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        os.makedirs(self._zips, exist_ok=True)
        for entry in os.listdir(self._zips):
            if entry.endswith(".part"):  # a kill left it half written
                os.unlink(os.path.join(self._zips, entry))
        shutil.rmtree(self._unpacked, ignore_errors=True)
        os.makedirs(self._unpacked)

    def add(self, data: bytes) -> str:
        """Keep a package, held once for the caller; its SHA-256 in hex.

        Raises InvalidParameterValueException for what is no zip.
        """
        if len(data) > ZIPPED_MAX:
            raise ApiError(
                "RequestEntityTooLargeException",
                f"Zipped size must be smaller than {ZIPPED_MAX} bytes", 413,
            )  # fmt: skip
        check(data)
        name = hashlib.sha256(data).hexdigest()
        self.hold(name)
        try:
            if not os.path.exists(self._place(name)):
                self._write(name, data)
        except BaseException:
            self.release(name)
            raise
        return name

    def hold(self, name: str | None) -> None:
        """Keep a package, whatever keep_only() is told, until it is released as often."""
        with self._lock:
            if name is not None:
                self._held[name] += 1

    def release(self, name: str | None) -> None:
        """Undo one hold(); the next keep_only() may forget the package."""
        with self._lock:
            if name is not None:
                self._held[name] -= 1
                if not self._held[name]:
                    del self._held[name]

    def path(self, name: str) -> str:
        """The zip file of a package."""
        return self._place(name)

    def _place(self, name: str) -> str:
        return os.path.join(self._zips, name + ".zip")

    def root(self, name: str) -> str:
        """The directory with the package's files, unpacked when first asked for."""
        target = os.path.join(self._unpacked, name)
        with self._lock:
            if not os.path.isdir(target):
                part = tempfile.mkdtemp(dir=self._unpacked)
                unpack(self.path(name), part)
                os.rename(part, target)
        return target

    def merged(self, names: list[str]) -> str:
        """The directory with the files of several packages, in which later ones win; "" for none."""
        if not names:
            return ""
        target = os.path.join(self._unpacked, merged_name(names) or "")
        with self._lock:
            if not os.path.isdir(target):
                part = tempfile.mkdtemp(dir=self._unpacked)
                os.chmod(part, 0o755)
                for name in names:
                    unpack(self.path(name), part)
                os.rename(part, target)
        return target

    def unzipped_size(self, names: list[str]) -> int:
        """Bytes of the files in these packages."""
        total = 0
        for name in names:
            with zipfile.ZipFile(self.path(name)) as archive:
                total += sum(entry.file_size for entry in archive.infolist())
        return total

    def below(self, name: str, directory: str) -> list[str]:
        """The files of a package in a directory ("extensions/")."""
        with zipfile.ZipFile(self.path(name)) as archive:
            return [one for one in archive.namelist() if one.startswith(directory) and not one.endswith("/")]

    def keep_only(self, names: set[str]) -> None:
        """Forget every package that is neither in `names` nor held."""
        with self._lock:
            names = names | self._held.keys()
            for entry in os.listdir(self._zips):
                stem, suffix = os.path.splitext(entry)
                if suffix == ".zip" and stem not in names:
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(os.path.join(self._zips, entry))
            for entry in os.listdir(self._unpacked):
                if entry not in names:
                    shutil.rmtree(os.path.join(self._unpacked, entry), ignore_errors=True)

    def _write(self, name: str, data: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=self._zips, suffix=".part", delete=False) as part:
            try:
                part.write(data)
                part.flush()
                os.fsync(part.fileno())
                os.replace(part.name, self._place(name))
            except BaseException:
                os.unlink(part.name)
                raise


def merged_name(names: list[str]) -> str | None:
    """What Packages.merged() calls the tree of these packages; None for none."""
    return "opt-" + hashlib.sha256(" ".join(names).encode()).hexdigest() if names else None


def sha256_base64(name: str) -> str:
    """CodeSha256 of a package name."""
    return base64.b64encode(bytes.fromhex(name)).decode()


def check(data: bytes) -> None:
    """Refuse what is no zip, is damaged, or would unpack to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if size > UNZIPPED_MAX:
                raise ApiError(
                    "InvalidParameterValueException",
                    f"Unzipped size must be smaller than {UNZIPPED_MAX} bytes",
                )
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, ValueError, zlib_error):
        damaged = "all"
    if damaged is not None:
        raise ApiError(
            "InvalidParameterValueException",
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
        )


def unpack(path: str, target: str) -> None:
    """Write the files of a checked zip under `target`, executable ones executable.

    zipfile itself keeps names inside `target` (no "..", no absolute path). A file takes the place of what an
    earlier package put there.
    """
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            place = os.path.join(target, entry.filename)
            if not entry.is_dir() and os.path.isdir(place):
                shutil.rmtree(place)
            written = archive.extract(entry, target)
            if not entry.is_dir() and entry.external_attr >> 16 & 0o111:
                os.chmod(written, 0o755)


def pack(files: dict[str, bytes]) -> bytes:
    """A deployment package of these files; the same files give the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name])
    return packed.getvalue()
