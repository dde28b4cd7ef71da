"""A Python runtime as a program: asks the Runtime API for events. Run as `python loop.py HANDLER`.

Used where Python does not run in the environment's own process: behind a wrapper script. The handler is
loaded and called exactly as there (runtime.py).
"""

from __future__ import annotations

import http.client
import os
import sys


def main(handler: str) -> None:
    """Serve until the environment ends."""
    root = os.environ["LAMBDA_TASK_ROOT"]
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    sys.path[:1] = [root, f"/opt/python/lib/{version}/site-packages", "/opt/python"]
    sys.path.append(source)
    from cloudcore.lambda_ import context, hooks, logs, runtime

    sys.path.append(hooks.PLACE)

    context.prepare()
    logs.prepare()
    link = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def send(method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        link.request(method, "/2018-06-01/runtime/" + path, body)
        return link.getresponse()

    try:
        function = runtime.load(handler)
        if hooks.wanted():
            hooks.before_snapshot()
            send("GET", "restore/next").read()
            hooks.after_restore()
    except Exception as error:
        send("POST", "init/error", runtime.error_payload(error, "")).read()
        sys.exit(1)
    made = runtime.Runtime(function)
    while True:
        answer = send("GET", "invocation/next")
        event, get = answer.read(), answer.headers.get
        head = runtime.Head(
            int(get("Lambda-Runtime-Deadline-Ms", "0")),
            get("Lambda-Runtime-Aws-Request-Id", ""),
            get("Lambda-Runtime-Invoked-Function-Arn", ""),
            get("Lambda-Runtime-Client-Context", "").encode(),
            get("Lambda-Runtime-Trace-Id", ""),
            get("Lambda-Runtime-Aws-Tenant-Id", ""),
        )
        kind, data = made.answer(head, event, True)
        end = "response" if kind == runtime.RESULT else "error"
        send("POST", f"invocation/{head.request_id}/{end}", data).read()


if __name__ == "__main__":
    main(sys.argv[1])
