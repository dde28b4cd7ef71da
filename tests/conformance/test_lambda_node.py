"""Node.js functions: how handlers are found, called and answered, what the log says, how they fail."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest

import cloudcore
from cloudcore.errors import ApiError
from cloudcore.lambda_.code import pack

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None, reason="needs Node.js: apt-get install nodejs, or nodejs.org"
)
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture(scope="module")
def cloud():
    with cloudcore.open(":memory:") as made:
        yield made


@pytest.fixture
def call(cloud, request):
    """call(files, event) -> (payload, Result); a function of its own for each test."""
    name = "fn" + str(abs(hash(request.node.name)))

    def run(files: dict[str, str], event: Any = None, **settings: Any) -> tuple[Any, Any]:
        settings = {"handler": "index.handler", "runtime": "nodejs20.x", "timeout": 30} | settings
        code = pack({path: text.encode() for path, text in files.items()})
        cloud.function(name, code, **settings)
        result = cloud.lambda_.invoke(name, json.dumps(event).encode())
        return json.loads(result.payload), result

    return run


ADD = "(event) => event.a + event.b"


@pytest.mark.parametrize(
    ("files", "settings"),
    [
        ({"index.js": f"exports.handler = async {ADD};"}, {}),
        ({"index.cjs": f"exports.handler = async {ADD};"}, {}),
        ({"index.mjs": f"export const handler = async {ADD};"}, {}),
        ({"index.mjs": f"const ready = await Promise.resolve(1); export const handler = async {ADD};"}, {}),
        ({"package.json": '{"type": "module"}', "index.js": f"export const handler = async {ADD};"}, {}),
        ({"src/deep/index.js": f"exports.handler = async {ADD};"}, {"handler": "src/deep/index.handler"}),
        ({"index.js": f"exports.my = {{ own: async {ADD} }};"}, {"handler": "index.my.own"}),
        ({"index.js": "exports.handler = (event, context, callback) => callback(null, event.a + event.b);"}, {}),
        (
            {"index.js": "exports.handler = (e, c, done) => { setTimeout(() => done(null, e.a + e.b), 20); };"},
            {},
        ),
        ({"index.js": "exports.handler = (event, context) => context.succeed(event.a + event.b);"}, {}),
        (
            {"index.js": "exports.handler = (e, c, done) => { c.callbackWaitsForEmptyEventLoop = false;"
                         " setInterval(() => {}, 1000); done(null, e.a + e.b); };"},
            {},
        ),
        (
            {"node_modules/sum/index.js": "module.exports = (a, b) => a + b;",
             "index.js": "const sum = require('sum'); exports.handler = async (e) => sum(e.a, e.b);"},
            {},
        ),
    ],
    ids=range(12),
)  # fmt: skip
def test_every_kind_of_handler(call, files, settings):
    assert call(files, {"a": 2, "b": 3}, **settings)[0] == 5


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("throw new TypeError('so')", {"errorType": "TypeError", "errorMessage": "so"}),
        ("throw 'text'", {"errorType": "string", "errorMessage": "text"}),
        ("await Promise.reject(new RangeError('far'))", {"errorType": "RangeError", "errorMessage": "far"}),
        ("const x = {}; x.x = x; return x", {"errorType": "Error", "errorMessage": "Unable to stringify response body"}),
        (
            "Promise.reject(new Error('lost')); await new Promise((r) => setTimeout(r, 500))",
            {"errorType": "Runtime.UnhandledPromiseRejection", "errorMessage": "Error: lost"},
        ),
        ("setImmediate(() => { throw new Error('later'); }); await new Promise((r) => setTimeout(r, 500))",
         {"errorType": "Error", "errorMessage": "later"}),
    ],
    ids=["throw", "string", "reject", "circular", "unhandled", "uncaught"],
)  # fmt: skip
def test_errors_of_handlers(call, source, error):
    body, result = call({"index.js": f"exports.handler = async (event) => {{ {source}; }};"})
    assert result.function_error == "Unhandled"
    assert {name: body[name] for name in error} == error and list(body) == ["errorType", "errorMessage", "trace"]
    if error["errorType"] != "string":
        assert body["trace"][0] == f"{error['errorType']}: {error['errorMessage']}"
    title = {"Runtime.UnhandledPromiseRejection": "Unhandled Promise Rejection"}.get(error["errorType"], "Invoke Error")
    title = "Uncaught Exception" if error["errorMessage"] == "later" else title
    line = re.search(rf"^{TIME}\t{result.request_id}\tERROR\t{title} \t(.*)$", result.log.decode(), re.M)
    assert json.loads(line[1])["errorMessage"] == error["errorMessage"]


def test_an_error_that_is_called_back(call):
    body, _ = call({"index.js": "exports.handler = (e, c, done) => done(new Error('back'));"})
    assert (body["errorType"], body["errorMessage"]) == ("Error", "back")
    body, _ = call({"index.js": "exports.handler = (e, c) => c.fail(new Error('failed'));"})
    assert (body["errorType"], body["errorMessage"]) == ("Error", "failed")


@pytest.mark.parametrize(
    ("files", "settings", "kind", "said"),
    [
        ({"other.js": ""}, {}, "Runtime.ImportModuleError", "Error: Cannot find module 'index'"),
        ({"index.js": "require('absent')"}, {}, "Runtime.ImportModuleError", "Error: Cannot find module 'absent'"),
        ({"index.js": "exports.other = 1"}, {}, "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ({"index.js": "exports.handler = 1"}, {}, "Runtime.HandlerNotFound", "index.handler is not a function"),
        ({"index.js": "exports.handler = ("}, {}, "Runtime.UserCodeSyntaxError", "SyntaxError: "),
        ({"index.js": ""}, {"handler": "index"}, "Runtime.MalformedHandlerName", "Bad handler"),
        ({"index.js": "throw new Error('at load')"}, {}, "Error", "at load"),
        (
            {"index.js": "exports.handler = (event, context, callback) => callback();"},
            {"runtime": "nodejs24.x"},
            "Runtime.CallbackHandlerDeprecated",
            "ERROR: AWS Lambda has removed support for callback-based function handlers",
        ),
    ],
    ids=["no module", "import", "undefined", "no function", "syntax", "name", "throws", "callback"],
)  # fmt: skip
def test_handlers_that_cannot_be_loaded(call, files, settings, kind, said):
    body, result = call(files, **settings)
    assert (result.function_error, body["errorType"]) == ("Unhandled", kind)
    assert body["errorMessage"].startswith(said)
    assert b"\tERROR\tUncaught Exception \t" in result.log and b"INIT_REPORT" in result.log


def test_the_log_as_text(call):
    source = """exports.handler = async () => {
      console.log("one", 1, { a: [1] }); console.error("two"); console.warn("three"); console.debug("four");
      process.stdout.write("raw\\n");
    };"""
    _, result = call({"index.js": source})
    lines = re.findall(rf"^{TIME}\t{result.request_id}\t(\w+)\t(.*)$", result.log.decode(), re.M)
    assert lines == [
        ("INFO", "one 1 { a: [ 1 ] }"), ("ERROR", "two"), ("WARN", "three"), ("DEBUG", "four"),
    ]  # fmt: skip
    assert b"\nraw\n" in result.log
    assert re.match(rb"INIT_START Runtime Version: nodejs:\d+\.v\d+\tRuntime Version ARN: arn:", result.log)


def test_the_context_and_the_environment(call):
    source = """exports.handler = async (event, context) => ({
      name: context.functionName, version: context.functionVersion, memory: context.memoryLimitInMB,
      group: context.logGroupName, id: context.awsRequestId, left: context.getRemainingTimeInMillis(),
      waits: context.callbackWaitsForEmptyEventLoop, arn: context.invokedFunctionArn,
      execution: process.env.AWS_EXECUTION_ENV, here: process.cwd() === process.env.LAMBDA_TASK_ROOT, zone: process.env.TZ,
    });"""
    body, result = call({"index.js": source}, memory=256)
    assert (body["version"], body["memory"], body["id"]) == ("$LATEST", "256", result.request_id)
    assert body["group"] == "/aws/lambda/" + body["name"] and body["arn"].endswith(":function:" + body["name"])
    assert 20_000 < body["left"] <= 30_000 and body["waits"] is True
    assert (body["execution"], body["here"], body["zone"]) == ("AWS_Lambda_nodejs20.x", True, ":UTC")


def test_a_crash_and_a_timeout_get_a_new_environment(call, cloud):
    source = """let calls = 0; exports.handler = async (event) => {
      calls += 1; if (event === "exit") process.exit(3); if (event === "hang") while (true);
      return calls; };"""
    assert call({"index.js": source}, timeout=3)[0] == 1
    body, result = call({"index.js": source}, "exit", timeout=3)
    text = f"RequestId: {result.request_id} Error: Runtime exited with error: exit status 3"
    assert body == {"errorType": "Runtime.ExitError", "errorMessage": text}
    assert call({"index.js": source}, timeout=3)[0] == 1
    body, result = call({"index.js": source}, "hang", timeout=3)
    assert body["errorType"] == "Sandbox.Timedout" and result.billed_ms == 3000
    assert call({"index.js": source}, timeout=3)[0] == 1


def test_a_layer_of_node_modules(cloud, call):
    files = {"nodejs/node_modules/shared/index.js": b"module.exports = 'from the layer';"}
    made = cloud.client("lambda").publish_layer_version(LayerName="shared", Content={"ZipFile": pack(files)})
    source = "exports.handler = async () => require('shared');"
    assert call({"index.js": source}, layers=[made["LayerVersionArn"]])[0] == "from the layer"


def test_a_machine_without_node(cloud, monkeypatch):
    monkeypatch.setenv("CLOUDCORE_NODE", "/absent/node")
    with pytest.raises(ApiError, match=r"needs Node\.js on this machine") as caught:
        cloud.function("none", pack({"index.js": b""}), handler="index.handler", runtime="nodejs20.x")
    assert caught.value.code == "InvalidParameterValueException"
