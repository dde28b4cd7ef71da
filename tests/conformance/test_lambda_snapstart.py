"""SnapStart: a published version is initialised once; its environments are restored from there."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import socket
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from lambda_clients import ARN, ROLE, change, create, invoke, refusal

import cloudcore
from cloudcore.lambda_ import Lambda
from cloudcore.lambda_.code import pack

ON = {"ApplyOn": "PublishedVersions"}
SOURCE = b"""
import os, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot
ONCE, SEEN = str(uuid.uuid4()), []
open("/tmp/kept", "w").write("kept")
register_before_snapshot(SEEN.append, "first")
register_before_snapshot(lambda *args, **named: SEEN.append([args, named]), 1, two=2)
@register_after_restore
def restored():
    SEEN.append("restored")
    print("restored")
def handler(event, context):
    open("/tmp/" + str(os.getpid()), "w").close()
    if event:
        import socket
        with socket.create_connection(("127.0.0.1", event), 60) as link: link.recv(1)
    return {"once": ONCE, "seen": SEEN, "pid": os.getpid(), "tmp": open("/tmp/kept").read(),
            "files": [n for n in os.listdir("/tmp") if n.isdigit()], "parent": os.getppid(),
            "type": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], "stream": context.log_stream_name}
"""


def publish(client: Any, source: bytes = SOURCE, **more: Any) -> None:
    create(client, source=source, SnapStart=ON, Publish=True, **more)
    settled(client)


def settled(client: Any, number: str = "1") -> dict[str, Any]:
    """The version's configuration once it is not Pending."""
    deadline = time.monotonic() + 60
    while (found := client.get_function_configuration(FunctionName="fn", Qualifier=number))[
        "State"
    ] == "Pending":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    held: dict[str, Any] = found
    return held


def test_versions_are_initialised_once_and_restored(functions: Any, cloud: cloudcore.Cloud) -> None:
    made = create(functions, source=SOURCE, SnapStart=ON, Publish=True, Timeout=60)
    assert (made["Version"], made["State"], made["StateReasonCode"]) == ("1", "Pending", "Creating")
    assert made["SnapStart"] == ON | {"OptimizationStatus": "On"}
    latest = functions.get_function_configuration(FunctionName="fn")
    assert latest["SnapStart"] == ON | {"OptimizationStatus": "Off"} and latest["State"] == "Active"
    functions.get_waiter("published_version_active").wait(
        FunctionName="fn", Qualifier="1", WaiterConfig={"Delay": 1}
    )
    assert "StateReason" not in functions.get_function_configuration(FunctionName="fn", Qualifier="1")
    with ThreadPoolExecutor(3) as threads, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        port = listener.getsockname()[1]
        calls = [threads.submit(invoke, functions, "fn:1", port, LogType="Tail") for _ in range(3)]
        for link in [listener.accept()[0] for _ in calls]:  # all three run now
            link.close()
        found = [call.result() for call in calls]
    told = [answer for answer, _ in found]
    assert len({one["once"] for one in told}) == 1 and len({one["pid"] for one in told}) == 3
    assert len({one["stream"] for one in told}) == 3
    for one in told:
        assert one["seen"] == [[[1], {"two": 2}], "first", "restored"] and one["type"] == "snap-start"
        assert one["tmp"] == "kept" and one["files"] == [str(one["pid"])]  # a /tmp of its own
    log = base64.b64decode(found[0][1]["LogResult"]).decode()
    assert re.fullmatch(
        r"RESTORE_START Runtime Version: python:3\.\d+\.v\d+\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:\w{64}\n"
        r"restored\nRESTORE_REPORT Restore Duration: \d+\.\d\d ms\nSTART RequestId: [-\w]{36} Version: 1\nEND RequestId: .*\n"
        r"REPORT .*\tMax Memory Used: \d+ MB\tRestore Duration: \d+\.\d\d ms\tBilled Restore Duration: \d+ ms\t\n", log,
    ), log  # fmt: skip
    duration = float(re.findall(r"\tDuration: ([\d.]+) ms", log)[0])
    billed, restore = map(int, re.findall(r"Billed (?:Restore )?Duration: (\d+) ms", log))
    assert restore + duration - 0.01 <= billed <= restore + duration + 1
    kept = cloud.function("fn").log()
    assert kept.startswith("INIT_START ") and re.search(
        r"^INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: init\t$", kept, re.M
    )
    assert invoke(functions, "fn:1", 0)[0]["once"] == told[0]["once"]
    on_demand = invoke(functions, "fn", 0)[0]  # $LATEST initialises itself
    assert on_demand["type"] == "on-demand" and on_demand["once"] != told[0]["once"]
    assert on_demand["seen"] == []
    stats = cloud.function("fn").stats()
    assert stats["restores"] == 3 and stats["cold_starts"] == 1 and stats["restored_gb"] == 3 * 128 / 1024
    assert stats["snapshot_gb_seconds"] > 0 and stats["cost"]["snapstart"] > 0
    assert any(line.what == "snapshots restored" for line in cloud.bill())


def test_what_fails_in_initialisation_fails_the_version(functions: Any) -> None:
    publish(functions, b"raise KeyError('no')\n")
    held = settled(functions)
    assert (held["State"], held["StateReasonCode"]) == ("Failed", "FunctionError.RuntimeInitError")
    assert "KeyError" in held["StateReason"]
    assert refusal(invoke, functions, "fn:1")[:2] == ("ResourceConflictException", 409)
    change(functions, b"from snapshot_restore_py import *\n@register_before_snapshot\ndef no(): raise ValueError('hook')\n"
                      b"def handler(e, c): return 1\n")  # fmt: skip
    assert functions.publish_version(FunctionName="fn")["Version"] == "2"
    assert "ValueError: hook" in settled(functions, "2")["StateReason"]
    change(functions, b"import os\nos._exit(3)\n")
    functions.publish_version(FunctionName="fn")
    assert settled(functions, "3")["State"] == "Failed"
    change(functions, b"from snapshot_restore_py import *\n@register_after_restore\ndef no(): raise ValueError('hook')\n"
                      b"def handler(e, c): return 1\n")  # fmt: skip
    functions.publish_version(FunctionName="fn")
    assert settled(functions, "4")["State"] == "Active"
    code, status, message = refusal(invoke, functions, "fn:4")
    assert (code, status) == ("SnapStartException", 400) and "ValueError: hook" in message
    assert invoke(functions, "fn")[0] == 1  # hooks are SnapStart's alone


def test_a_version_that_is_not_ready_says_so(functions: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        waits = f"import socket\nwith socket.create_connection({listener.getsockname()!r}, 60) as link: link.recv(1)\n"
        source = waits.encode() + b"def handler(e, c): return 1\n"
        create(functions, source=source, SnapStart=ON, Publish=True)
        code, status, _ = refusal(invoke, functions, "fn:1")
        assert (code, status) == ("SnapStartNotReadyException", 409)
        listener.accept()[0].close()
    functions.create_alias(FunctionName="fn", Name="live", FunctionVersion="1")
    settled(functions)
    assert invoke(functions, "fn:live")[0] == 1
    with pytest.raises(functions.exceptions.ResourceConflictException):
        functions.delete_function(FunctionName="fn", Qualifier="1")
    functions.delete_alias(FunctionName="fn", Name="live")
    functions.delete_function(FunctionName="fn", Qualifier="1")
    assert refusal(invoke, functions, "fn:1")[0] == "ResourceNotFoundException"


def test_what_does_not_go_with_it_is_refused(functions: Any) -> None:
    for wrong, message in (
        ({"Runtime": "python3.11"}, "python3.11 is not supported for SnapStart enabled functions."),
        (
            {"Runtime": "nodejs20.x", "Handler": "index.handler"},
            "nodejs20.x is not supported for SnapStart enabled functions.",
        ),
        ({"Runtime": "provided.al2023"}, "provided.al2023 is not supported for SnapStart enabled functions."),
        (
            {"EphemeralStorage": {"Size": 1024}},
            "Ephemeral storage greater than 512 MB is not supported for SnapStart enabled functions.",
        ),
    ):
        assert refusal(create, functions, SnapStart=ON, **wrong) == (
            "InvalidParameterValueException",
            400,
            message,
        )
    assert refusal(create, functions, SnapStart={"ApplyOn": "Always"})[1] == 400
    publish(functions)
    refused = "Provisioned Concurrency is not supported for SnapStart enabled functions."
    wanted = {"FunctionName": "fn", "ProvisionedConcurrentExecutions": 1}
    assert refusal(functions.put_provisioned_concurrency_config, Qualifier="1", **wanted)[2] == refused
    functions.update_function_configuration(FunctionName="fn", SnapStart={"ApplyOn": "None"})
    assert functions.publish_version(FunctionName="fn")["State"] == "Active"
    functions.create_alias(FunctionName="fn", Name="live", FunctionVersion="2")
    functions.put_provisioned_concurrency_config(Qualifier="live", **wanted)
    assert refusal(functions.update_alias, FunctionName="fn", Name="live", FunctionVersion="1")[2] == refused
    assert (
        refusal(
            functions.update_function_configuration, FunctionName="fn", Runtime="python3.10", SnapStart=ON
        )[1]
        == 400
    )


def test_threads_cannot_be_held_by_a_snapshot(functions: Any, caplog: pytest.LogCaptureFixture) -> None:
    source = SOURCE.replace(
        b"import os",
        b"import threading, time, os\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()\nimport os",
        1,
    )
    publish(functions, source)
    assert settled(functions)["State"] == "Active" and "leaves 2 threads running" in caplog.text
    told, _ = invoke(functions, "fn:1", 0)
    assert told["type"] == "snap-start" and told["seen"] == [[[1], {"two": 2}], "first", "restored"]


def test_a_wrapper_script_starts_a_version_too(functions: Any) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("h.py", SOURCE.replace(b'"type":', b'"wrapped": os.environ["WRAPPED"], "type":'))
        entry = zipfile.ZipInfo("wrapper")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, '#!/bin/sh\nexport WRAPPED=yes\nexec "$@"\n')
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "./wrapper"}
    create(
        functions,
        SnapStart=ON,
        Publish=True,
        Environment={"Variables": variables},
        Code={"ZipFile": packed.getvalue()},
    )
    assert settled(functions)["State"] == "Active"
    told, _ = invoke(functions, "fn:1", 0)
    assert told["wrapped"] == "yes" and told["type"] == "snap-start"
    assert told["seen"] == [[[1], {"two": 2}], "first", "restored"]


def test_a_snapshot_is_taken_again_after_a_kill_a_pause_and_a_restart(tmp_path: Path) -> None:
    made = {"FunctionName": "fn", "Runtime": "python3.13", "Role": ROLE, "Handler": "h.handler",
            "Code": {"ZipFile": pack({"h.py": SOURCE})}, "SnapStart": ON, "Publish": True}  # fmt: skip

    def call(service: Lambda) -> Any:
        return json.loads(service.invoke("fn", b"0", qualifier="1").payload)

    with Lambda(tmp_path, idle_s=300.0) as service:
        service.call("CreateFunction", made)
        while (held := service.call("GetFunctionConfiguration", {"FunctionName": ARN + ":1"}))[
            "State"
        ] == "Pending":
            time.sleep(0.02)
        assert held["State"] == "Active"
        first = call(service)
        os.kill(first["parent"], signal.SIGKILL)  # the snapshot, and with it what was restored
        deadline, second = time.monotonic() + 60, call(service)
        while second.get("once", first["once"]) == first["once"]:  # the environment has not ended yet
            assert time.monotonic() < deadline
            second = call(service)
        assert second["parent"] != first["parent"]
        pool = service._targets[("fn", "1")].runner.pool()
        pool.retire(0)
        assert pool._tick(time.monotonic() + 1000) is None and pool._snapshot.get() is None  # to zero
        assert call(service)["once"] not in (first["once"], second["once"])
    with Lambda(tmp_path) as service:
        assert service.call("GetFunctionConfiguration", {"FunctionName": ARN + ":1"})["State"] == "Active"
        assert call(service)["once"] not in (first["once"], second["once"])


def test_the_initialisation_is_isolated(functions: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("no")
    source = f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def denied(call, *args):
    return call(*args) != 0 and ctypes.get_errno() == 1
FOUND = [denied(libc.umount2, b"/tmp", 2), denied(libc.mount, b"/", b"/mnt", None, 4096, None), denied(libc.setns, 0, 0),
         os.path.exists({str(secret)!r})]
def handler(event, context):
    again = [denied(libc.umount2, b"/tmp", 2), denied(libc.mount, b"none", b"/tmp", b"tmpfs", 6, None), denied(libc.unshare, 0x20000),
             os.path.exists({str(secret)!r})]
    return FOUND, again
"""
    publish(functions, source.encode())
    assert invoke(functions, "fn:1")[0] == [[True, True, True, False], [True, True, True, False]]
