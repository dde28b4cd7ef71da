// Finds a handler by its name: "index.handler", "dir/index.handler", "index.nested.handler".

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { named } from "./errors.mjs";

function isModule(file) {
  if (file.endsWith(".mjs")) return true;
  if (!file.endsWith(".js")) return false;
  for (let directory = path.dirname(file); ; directory = path.dirname(directory)) {
    try {
      return JSON.parse(fs.readFileSync(path.join(directory, "package.json"), "utf8")).type === "module";
    } catch {
      if (directory === path.dirname(directory)) return false;
    }
  }
}

async function loadModule(root, place, name) {
  const base = path.resolve(root, place, name);
  const require = createRequire(path.join(root, "index.js"));
  for (const end of ["", ".js", ".mjs", ".cjs"]) {
    const file = base + end;
    if (!fs.statSync(file, { throwIfNoEntry: false })?.isFile()) continue;
    return isModule(file) ? import(pathToFileURL(file).href) : require(file);
  }
  return require(require.resolve(name, { paths: [root, path.resolve(root, place)] }));
}

export async function loadHandler(root, full) {
  if (full.includes("..")) {
    throw named(
      "Runtime.MalformedHandlerName",
      `'${full}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`
    );
  }
  const place = full.slice(0, full.lastIndexOf("/") + 1);
  const [, name, members] = full.slice(place.length).match(/^([^.]*)\.(.*)$/) ?? [];
  if (!name || !members) throw named("Runtime.MalformedHandlerName", "Bad handler");
  let found;
  try {
    found = await loadModule(root, place, name);
  } catch (error) {
    if (error instanceof SyntaxError) throw renamed("Runtime.UserCodeSyntaxError", error);
    if (["MODULE_NOT_FOUND", "ERR_MODULE_NOT_FOUND"].includes(error?.code)) throw renamed("Runtime.ImportModuleError", error);
    throw error;
  }
  const handler = members.split(".").reduce((at, member) => at?.[member] ?? at?.default?.[member], found);
  if (handler === undefined || handler === null) {
    throw named("Runtime.HandlerNotFound", `${full} is undefined or not exported`);
  }
  if (typeof handler !== "function") throw named("Runtime.HandlerNotFound", `${full} is not a function`);
  return handler;
}

function renamed(name, error) {
  const made = named(name, `${error.name}: ${error.message}`);
  made.stack = `${name}: ${error.stack}`;
  return made;
}
