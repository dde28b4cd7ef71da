// Errors as payloads and as lines of the log.

export function named(name, message) {
  const error = new Error(message);
  error.name = name;
  error.stack = error.stack.replace(/^Error/, name);
  return error;
}

export function readable(value) {
  return value instanceof Error ? `${value.name}: ${value.message}` : String(value);
}

const isError = (value) => value !== null && typeof value === "object" && "message" in value && "name" in value;
const plain = (text) => String(text ?? "").replaceAll("\x7f", "%7F");
const linesOf = (error) => (typeof error.stack === "string" ? error.stack.split("\n") : []);

// {type, payload}: the name of an error, and what the caller gets.
export function errorPayload(error) {
  const told = isError(error)
    ? { errorType: plain(error.name), errorMessage: plain(error.message), trace: linesOf(error) }
    : { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { type: told.errorType, payload: JSON.stringify(told) };
}

// What the log says of an error, its own members (code, reason) included.
export function errorDetails(error) {
  if (!isError(error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  const { name, message, stack, ...more } = Object.getOwnPropertyDescriptors(error);
  const own = Object.fromEntries(Object.entries(more).map(([key, found]) => [key, found.value]));
  if (own.cause instanceof Error) own.cause = errorDetails(own.cause);
  if (own.reason instanceof Error) own.reason = errorDetails(own.reason);
  return { errorType: error.name ?? "UnknownError", errorMessage: error.message, ...own, stack: linesOf(error) };
}

export function toJson(value) {
  const seen = new WeakSet();
  return JSON.stringify(value, (key, one) => {
    if (typeof one === "bigint") return one.toString();
    if (typeof one === "object" && one !== null) {
      if (seen.has(one)) return "[Circular]";
      seen.add(one);
    }
    return one;
  });
}
