// Lets Node run this package's TypeScript where Node itself does not strip types: below node_modules. Loaded with
// `--require`, which worker threads inherit. What was stripped once is kept beside the installed packages, by what it
// was made of; the stripper is loaded only when something new is met, and takes a second and 40 MB.
"use strict";
const { hash } = require("node:crypto");
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const { registerHooks } = require("node:module");
const { dirname, join } = require("node:path");
const { fileURLToPath, pathToFileURL } = require("node:url");
const { threadId } = require("node:worker_threads");

const root = dirname(__dirname);
const source = pathToFileURL(join(root, "src")).href + "/";
const kept = join(root, "node_modules", ".cache", "outpost", "stripped");

function keptText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not there yet, or not to be read: it is made again.
    return null;
  }
}

/** Written whole, so that another process never reads half of it. */
function keep(path, text) {
  try {
    mkdirSync(kept, { recursive: true });
    const own = `${path}.${process.pid}.${threadId}`;
    writeFileSync(own, text);
    renameSync(own, path);
  } catch {
    // A place where nothing can be kept: the next start strips again.
  }
}

function stripped(bytes) {
  const path = join(kept, `${hash("sha256", bytes)}-${process.versions.node}.js`);
  const before = keptText(path);
  if (before !== null) return before;
  const { stripTypeScriptTypes } = require("node:module");
  const text = stripTypeScriptTypes(bytes.toString("utf8"), { mode: "strip" });
  keep(path, text);
  return text;
}

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith(source) || !url.endsWith(".ts")) return nextLoad(url, context);
    return { format: "module", source: stripped(readFileSync(fileURLToPath(url))), shortCircuit: true };
  },
});
