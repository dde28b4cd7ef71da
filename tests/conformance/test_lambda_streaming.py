"""Answers that are streamed: InvokeWithResponseStream under unmodified boto3, function URLs, the whole by Invoke."""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import socket
import sys
from typing import Any

import pytest
from lambda_clients import ECHO, create, refusal
from test_lambda_provided import executable

from cloudcore.lambda_.code import pack

NODE = shutil.which("node") is not None
needs_node = pytest.mark.skipif(not NODE, reason="needs Node.js: apt-get install nodejs, or nodejs.org")

# Writes a piece only after the reader has shown that it saw the one before.
BOOTSTRAP = f"""#!{sys.executable} -u
import http.client, json, os, socket
link = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    link.request("GET", "/2018-06-01/runtime/invocation/next")
    answer = link.getresponse()
    event, mine = json.loads(answer.read()), answer.headers["Lambda-Runtime-Aws-Request-Id"]
    raw = socket.create_connection((link.host, link.port))
    raw.sendall(f"POST /2018-06-01/runtime/invocation/{{mine}}/response HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n"
                "Lambda-Runtime-Function-Response-Mode: streaming\\r\\nContent-Type: text/x-own\\r\\n\\r\\n".encode())
    def chunk(data):
        raw.sendall(b"%x\\r\\n" % len(data) + data + b"\\r\\n")
    if event.get("size"):
        for _ in range(event["size"]):
            chunk(b"x" * 1000000)
    else:
        with socket.create_connection(("127.0.0.1", event["port"])) as seen:
            for number in range(3):
                chunk(b"piece %d;" % number)
                seen.recv(1)
    if event.get("fail"):
        body = __import__("base64").b64encode(b'{{"errorType": "Own", "errorMessage": "midway"}}').decode()
        raw.sendall(f"0\\r\\nLambda-Runtime-Function-Error-Type: Own\\r\\nLambda-Runtime-Function-Error-Body: {{body}}\\r\\n\\r\\n".encode())
    else:
        raw.sendall(b"0\\r\\n\\r\\n")
    raw.recv(4096)
"""


@pytest.fixture
def seen():
    """The other end of what the bootstrap waits for."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield listener


def make(client: Any, source: str = BOOTSTRAP, **more: Any) -> None:
    settings = {"Runtime": "provided.al2023", "Timeout": 60, "Code": {"ZipFile": executable("bootstrap", source)}}
    create(client, **settings | more)


def stream(client: Any, event: Any, **more: Any) -> Any:
    return client.invoke_with_response_stream(FunctionName="fn", Payload=json.dumps(event).encode(), **more)


@pytest.mark.parametrize("fail", [False, True])
def test_pieces_come_while_the_function_still_writes(functions: Any, seen: Any, fail: bool) -> None:
    make(functions)
    answer = stream(functions, {"port": seen.getsockname()[1], "fail": fail}, LogType="Tail")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    events = iter(answer["EventStream"])
    link, pieces = seen.accept()[0], []
    with link:
        for _ in range(3):
            pieces.append(next(events)["PayloadChunk"]["Payload"])
            link.sendall(b"!")
    assert pieces == [b"piece 0;", b"piece 1;", b"piece 2;"]
    told = next(events)["InvokeComplete"]
    assert b"REPORT RequestId: " in base64.b64decode(told.pop("LogResult"))
    error = {"errorType": "Own", "errorMessage": "midway"}
    assert told.pop("ErrorCode", None) == ("Unhandled" if fail else None)
    assert json.loads(told.pop("ErrorDetails", "null")) == (error if fail else None)
    assert told == {} and list(events) == []


def test_invoke_gets_the_whole(functions: Any) -> None:
    make(functions)
    answer = functions.invoke(FunctionName="fn", Payload=b'{"size": 3}')
    assert answer["Payload"].read() == b"x" * 3_000_000
    answer = functions.invoke(FunctionName="fn", Payload=b'{"size": 7}')
    assert json.loads(answer["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"
    sizes = [len(e["PayloadChunk"]["Payload"]) for e in stream(functions, {"size": 20})["EventStream"] if "PayloadChunk" in e]
    assert sum(sizes) == 20_000_000  # more than Invoke gives


def test_functions_that_do_not_stream(functions: Any) -> None:
    create(functions, source=ECHO)
    chunk, end = list(stream(functions, 7)["EventStream"])
    assert json.loads(chunk["PayloadChunk"]["Payload"])["event"] == 7 and end == {"InvokeComplete": {}}
    functions.update_function_code(FunctionName="fn", ZipFile=pack({"h.py": b"def handler(e, c): raise KeyError('x')"}))
    (end,) = list(stream(functions, 7)["EventStream"])
    assert end["InvokeComplete"]["ErrorCode"] == "Unhandled"
    assert json.loads(end["InvokeComplete"]["ErrorDetails"])["errorType"] == "KeyError"
    assert refusal(functions.invoke_with_response_stream, FunctionName="absent")[:2] == (
        "ResourceNotFoundException", 404,
    )  # fmt: skip
    assert functions.invoke_with_response_stream(FunctionName="fn", InvocationType="DryRun")["StatusCode"] == 204


def test_a_reader_that_goes_away_harms_nobody(functions: Any, cloud: Any) -> None:
    make(functions)
    answer = stream(functions, {"size": 150})
    next(iter(answer["EventStream"]))
    answer["EventStream"].close()
    assert functions.invoke(FunctionName="fn", Payload=b'{"size": 1}')["Payload"].read() == b"x" * 1_000_000


def test_in_process_events_are_read_lazily(cloud: Any, seen: Any) -> None:
    cloud.function("fn", executable("bootstrap", BOOTSTRAP), handler="x", runtime="provided.al2023", timeout=60)
    payload = json.dumps({"port": seen.getsockname()[1]}).encode()
    answer = cloud.client("lambda").invoke_with_response_stream(FunctionName="fn", Payload=payload)
    events = iter(answer["EventStream"])
    with seen.accept()[0] as link:
        for number in range(3):
            assert next(events)["PayloadChunk"]["Payload"] == b"piece %d;" % number
            link.sendall(b"!")
    assert next(events) == {"InvokeComplete": {}}


STREAMIFY = """
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  const query = event.queryStringParameters ?? event;
  if (query.early) throw new Error("early");
  if (query.plain) stream.setContentType("text/plain");
  else stream = awslambda.HttpResponseStream.from(stream, {
    statusCode: 201, headers: { "X-Own": "yes", "Content-Type": "text/own" }, cookies: ["a=1", "b=2"] });
  for (let n = 0; n < 3; n++) { stream.write(`line ${n}\\n`); await new Promise((r) => setTimeout(r, 5)); }
  if (query.late) throw new RangeError("late");
  stream.end();
});
"""


def url_of(client: Any) -> tuple[str, int, str]:
    """Host, port and Host header of a streaming function URL."""
    made = client.create_function_url_config(FunctionName="fn", AuthType="NONE", InvokeMode="RESPONSE_STREAM")
    client.add_permission(
        FunctionName="fn", StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*",
        FunctionUrlAuthType="NONE",
    )  # fmt: skip
    host = made["FunctionUrl"].removeprefix("http://").rstrip("/")
    return "127.0.0.1", int(host.rpartition(":")[2]), host


def get(place: tuple[str, int, str], query: str, method: str = "GET") -> tuple[int, Any, bytes]:
    link = http.client.HTTPConnection(place[0], place[1], timeout=60)
    link.request(method, "/" + query, headers={"Host": place[2]})
    answer = link.getresponse()
    try:
        return answer.status, answer.headers, answer.read()
    finally:
        link.close()


@needs_node
def test_streamify_response(functions: Any) -> None:
    code = {"ZipFile": pack({"index.js": STREAMIFY.encode()})}
    create(functions, Runtime="nodejs20.x", Handler="index.handler", Code=code, Timeout=20)
    *pieces, end = list(stream(functions, {"plain": 1})["EventStream"])
    assert b"".join(p["PayloadChunk"]["Payload"] for p in pieces) == b"line 0\nline 1\nline 2\n"
    assert end == {"InvokeComplete": {}}
    (end,) = list(stream(functions, {"early": 1})["EventStream"])
    assert json.loads(end["InvokeComplete"]["ErrorDetails"])["errorMessage"] == "early"
    *pieces, end = list(stream(functions, {"plain": 1, "late": 1})["EventStream"])
    assert len(pieces) >= 1 and json.loads(end["InvokeComplete"]["ErrorDetails"])["errorType"] == "RangeError"
    answer = functions.invoke(FunctionName="fn", Payload=b'{"plain": 1}')
    assert answer["Payload"].read() == b"line 0\nline 1\nline 2\n"


@needs_node
def test_a_function_url_streams(functions: Any) -> None:
    code = {"ZipFile": pack({"index.js": STREAMIFY.encode()})}
    create(functions, Runtime="nodejs20.x", Handler="index.handler", Code=code, Timeout=20)
    place = url_of(functions)
    status, headers, body = get(place, "?a=1")
    assert (status, headers["X-Own"], headers["Content-Type"]) == (201, "yes", "text/own")
    assert headers.get_all("Set-Cookie") == ["a=1", "b=2"] and headers["Transfer-Encoding"] == "chunked"
    assert body == b"line 0\nline 1\nline 2\n"
    status, headers, body = get(place, "?plain=1")
    assert (status, headers["Content-Type"], body) == (200, "text/plain", b"line 0\nline 1\nline 2\n")
    assert get(place, "?early=1")[0] == 502


def test_a_streaming_url_of_a_function_that_does_not_stream(functions: Any) -> None:
    create(functions, source=b"def handler(event, context): return {'path': event['rawPath']}")
    status, headers, body = get(url_of(functions), "a/b")
    assert (status, headers["Content-Type"], json.loads(body)) == (200, "application/json", {"path": "/a/b"})
