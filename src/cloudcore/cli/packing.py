"""A function's code as the zip that CreateFunction takes."""

from __future__ import annotations

import io
import os
import zipfile

from cloudcore.cli.connection import Refusal

_LEFT_OUT = {"__pycache__", ".git", ".venv", "node_modules/.cache"}
_DATED = (1980, 1, 1, 0, 0, 0)  # the same files make the same zip, so that nothing is deployed twice


def package(path: str) -> bytes:
    """The bytes of a zip file, or of one made of a directory or of a single source file. Raises Refusal."""
    if not os.path.exists(path):
        raise Refusal(f"there is no {path}")
    if os.path.isfile(path) and zipfile.is_zipfile(path):
        with open(path, "rb") as file:
            return file.read()
    files = [path] if os.path.isfile(path) else sorted(_files(path))
    if not files:
        raise Refusal(f"{path} is empty")
    root = os.path.dirname(path) if os.path.isfile(path) else path
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in files:
            entry = zipfile.ZipInfo(os.path.relpath(name, root or "."), _DATED)
            entry.external_attr = (os.stat(name).st_mode & 0o777) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            with open(name, "rb") as file:
                archive.writestr(entry, file.read())
    return made.getvalue()


def default_handler(path: str, runtime: str) -> str:
    """The handler of a package whose deployer named none. Raises Refusal where there is no telling."""
    node = runtime.startswith("nodejs")
    suffixes = (".js", ".mjs", ".cjs") if node else (".py",)
    if os.path.isfile(path) and path.endswith(suffixes):
        stem = os.path.splitext(os.path.basename(path))[0]
        return f"{stem}.handler" if node else f"{stem}.{_python_name(path)}"
    for stem in ("index",) if node else ("lambda_function", "app", "main", "handler"):
        for suffix in suffixes:
            file = os.path.join(path, stem + suffix)
            if os.path.isfile(file):
                return f"{stem}.handler" if node else f"{stem}.{_python_name(file)}"
    raise Refusal(f"which function of {path} is the handler?", "say --handler module.function")


def _python_name(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return "lambda_handler" if "def lambda_handler(" in file.read() else "handler"


def _files(directory: str) -> list[str]:
    found = []
    for root, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if name not in _LEFT_OUT]
        found += [os.path.join(root, name) for name in names if not name.endswith(".pyc")]
    return found
