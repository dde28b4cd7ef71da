"""Starting the shared zygote: a `multiprocessing` process that inherits nothing but one socket.

It is spawned, so it has none of the owner's memory, threads or descriptors; unlike the library's own
spawn it does not import the owner's main module, so scripts need no `if __name__ == "__main__"`, and
it needs no resource tracker.
"""

from __future__ import annotations

import io
import os
import sys
from multiprocessing import context as mp_context
from multiprocessing import popen_spawn_posix, reduction, spawn, util
from typing import Any

from cloudcore.lambda_ import zygote


def _module_path() -> list[str]:
    """sys.path without the directory of the owner's script: environments must not import from it."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    script = os.path.dirname(os.path.abspath(main)) if main else None
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    kept = [path for path in sys.path if path and os.path.abspath(path) != script]
    return kept if package in kept else [*kept, package]


class _Popen(popen_spawn_posix.Popen):
    """Spawn without a main module and without a resource tracker."""

    def _launch(self, process_obj: Any) -> None:
        given = io.BytesIO()
        preparation = {
            "name": process_obj.name,
            "authkey": bytes(process_obj.authkey),
            "sys_path": _module_path(),
            "sys_argv": [""],
            "log_to_stderr": False,
            "start_method": "spawn",
        }
        mp_context.set_spawning_popen(self)
        try:
            reduction.dump(preparation, given)
            reduction.dump(process_obj, given)
        finally:
            mp_context.set_spawning_popen(None)
        child_r, parent_w = os.pipe()
        parent_r, child_w = os.pipe()
        try:
            command = spawn.get_command_line(pipe_handle=child_r)
            passed = [child_r, child_w, process_obj.link]
            self.pid = util.spawnv_passfds(os.fsencode(spawn.get_executable()), command, passed)
            self.sentinel = parent_r
            with open(parent_w, "wb", closefd=False) as pipe:
                pipe.write(given.getbuffer())
        finally:
            # The sentinel stays until the process object is closed.
            self.finalizer = util.Finalize(self, os.close, (parent_r,))
            for descriptor in (child_r, child_w, parent_w):
                os.close(descriptor)


class Process(mp_context.SpawnProcess):
    """A spawned process that inherits one socket, under its own number."""

    def __init__(self, link: int, scratch: str):
        args = (link, os.getpid(), scratch)
        super().__init__(target=zygote.main, args=args, daemon=True, name="cloudcore-zygote")
        self.link = link

    @staticmethod
    def _Popen(process_obj: Any) -> _Popen:
        return _Popen(process_obj)
