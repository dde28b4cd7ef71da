// Node.js as a runtime of functions: loads the handler that argv names, then asks the Runtime API for events.
// Behaves as AWS's managed Node.js runtimes do. Source: AWS, "Building Lambda functions with Node.js"; "Define Lambda
// function handler in Node.js"; "Response streaming"; the Runtime API (2018-06-01).

import http from "node:http";
import { buffer } from "node:stream/consumers";

import { patchConsole, setRequest, writeError } from "./console.mjs";
import { errorPayload, named, readable } from "./errors.mjs";
import { loadHandler } from "./handler.mjs";
import { STREAMS, ResponseStream, streaming } from "./streaming.mjs";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const CALLBACKS_UNTIL = 24;

function request(method, path, headers = {}) {
  return http.request({ host, port, agent, method, path: "/2018-06-01/runtime/" + path, headers });
}

async function send(method, path, body = "", headers = {}) {
  const answer = await new Promise((resolve, reject) => {
    const asked = request(method, path, { "Content-Length": Buffer.byteLength(body), ...headers });
    asked.on("response", resolve).on("error", reject).end(body);
  });
  return { headers: answer.headers, body: await buffer(answer) };
}

function postError(path, error) {
  const { type, payload } = errorPayload(error);
  return send("POST", path, payload, {
    "Content-Type": "application/json",
    "Lambda-Runtime-Function-Error-Type": type,
  });
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const json = (name) => (headers[name] ? JSON.parse(headers[name]) : undefined);
  const env = process.env;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: json("lambda-runtime-client-context"),
    identity: json("lambda-runtime-cognito-identity"),
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

// Whatever happens outside of a handler's promise ends the process, with the invocation under way failed.
let current;

async function crash(title, error, code) {
  writeError(title, error);
  try {
    await (current ? postError(`invocation/${current}/error`, error) : postError("init/error", error));
  } finally {
    process.exit(code);
  }
}

process.on("uncaughtException", (error) => crash("Uncaught Exception", error, 129));
process.on("unhandledRejection", (reason, promise) => {
  const error = named("Runtime.UnhandledPromiseRejection", readable(reason));
  Object.assign(error, { reason, promise });
  crash("Unhandled Promise Rejection", error, 128);
});

// A handler that took no promise is done when it called back and nothing is left to do, or at once if it says so.
function callHandler(handler, event, context) {
  return new Promise((resolve, reject) => {
    let said;
    const settle = () => (said?.error == null ? resolve(said?.value) : reject(said.error));
    const callback = (error, value) => {
      said ??= { error, value };
      if (!context.callbackWaitsForEmptyEventLoop) settle();
    };
    const done = (error, value) => {
      context.callbackWaitsForEmptyEventLoop = false;
      callback(error, value);
    };
    Object.assign(context, { done, succeed: (value) => done(null, value), fail: (error) => done(error ?? "handled") });
    process.removeAllListeners("beforeExit");
    process.once("beforeExit", settle);
    const result = handler(event, context, callback);
    if (typeof result?.then === "function") result.then(resolve, reject);
  });
}

async function respond(id, value) {
  let body;
  try {
    body = JSON.stringify(value === undefined ? null : value) ?? "null";
  } catch {
    throw new Error("Unable to stringify response body");
  }
  await send("POST", `invocation/${id}/response`, body, { "Content-Type": "application/json" });
}

async function respondStreaming(id, handler, event, context) {
  const stream = new ResponseStream((headers) => request("POST", `invocation/${id}/response`, headers));
  const accepted = stream.accepted();
  try {
    await handler(event, stream, context);
    await stream.finish();
  } catch (error) {
    writeError("Invoke Error", error);
    if (!stream.begun) return postError(`invocation/${id}/error`, error);
    stream.fail(errorPayload(error));
  }
  return accepted;
}

async function main() {
  patchConsole();
  globalThis.awslambda = { ...globalThis.awslambda, ...streaming };
  let handler;
  try {
    handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.argv[2]);
    const version = Number(process.env.AWS_EXECUTION_ENV?.match(/nodejs(\d+)/)?.[1] ?? 0);
    if (version >= CALLBACKS_UNTIL && handler.length >= 3 && !handler[STREAMS]) {
      throw named(
        "Runtime.CallbackHandlerDeprecated",
        "ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You " +
          "need to modify this function to use a supported handler signature to use Node.js 24 or later."
      );
    }
  } catch (error) {
    return crash("Uncaught Exception", error, 1);
  }
  for (;;) {
    const { headers, body } = await send("GET", "invocation/next");
    current = headers["lambda-runtime-aws-request-id"];
    setRequest(current, headers["lambda-runtime-aws-tenant-id"]);
    if (headers["lambda-runtime-trace-id"]) process.env._X_AMZN_TRACE_ID = headers["lambda-runtime-trace-id"];
    try {
      const event = JSON.parse(body);
      const context = contextOf(headers);
      if (handler[STREAMS]) await respondStreaming(current, handler, event, context);
      else await respond(current, await callHandler(handler, event, context));
    } catch (error) {
      writeError("Invoke Error", error);
      await postError(`invocation/${current}/error`, error);
    }
    process.removeAllListeners("beforeExit");
    current = undefined;
  }
}

main();
