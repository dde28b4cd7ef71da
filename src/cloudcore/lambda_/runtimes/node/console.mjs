// console.* as AWS writes it: TIME\tREQUEST\tLEVEL\tMESSAGE, or one JSON object a line; filtered by the log level.

import { format } from "node:util";
import { errorDetails, toJson } from "./errors.mjs";

const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const METHODS = { trace: "TRACE", debug: "DEBUG", log: "INFO", info: "INFO", warn: "WARN", error: "ERROR", fatal: "FATAL" };
const asJson = (process.env.AWS_LAMBDA_LOG_FORMAT ?? "").toUpperCase() === "JSON";
const least = asJson ? (LEVELS[(process.env.AWS_LAMBDA_LOG_LEVEL ?? "").toUpperCase()] ?? 0) : 0;

let requestId;
let tenantId;

export function setRequest(id, tenant) {
  requestId = id;
  tenantId = tenant;
}

function write(text) {
  process.stdout.write(text + "\n");
}

function jsonLine(level, args) {
  const line = { timestamp: new Date().toISOString(), level, requestId, ...(tenantId ? { tenantId } : {}) };
  const error = args.find((arg) => arg instanceof Error);
  if (args.length === 1 && typeof args[0] === "object" && args[0] !== null && !error) {
    return toJson({ ...line, message: args[0] });
  }
  if (!error) return toJson({ ...line, message: format(...args) });
  return toJson({
    ...line,
    message: format(...args),
    errorType: error.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: typeof error.stack === "string" ? error.stack.split("\n") : [],
  });
}

export function patchConsole() {
  for (const [method, level] of Object.entries(METHODS)) {
    if (LEVELS[level] < least) console[method] = () => {};
    else if (asJson) console[method] = (...args) => write(jsonLine(level, args));
    else console[method] = (...args) => write(`${new Date().toISOString()}\t${requestId}\t${level}\t${format(...args)}`);
  }
}

// The line that goes before an error is reported.
export function writeError(title, error) {
  if (asJson) {
    const told = errorDetails(error);
    const { stack, ...rest } = told;
    write(
      toJson({ timestamp: new Date().toISOString(), level: "ERROR", requestId, message: { ...rest, stackTrace: stack } })
    );
    return;
  }
  write(`${new Date().toISOString()}\t${requestId}\tERROR\t${title} \t${toJson(errorDetails(error))}`);
}
