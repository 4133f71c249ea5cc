// Lets Node run this package's TypeScript where Node itself does not strip types: below node_modules. Loaded with
// `--require`, which worker threads inherit.
"use strict";
const { readFileSync } = require("node:fs");
const { registerHooks, stripTypeScriptTypes } = require("node:module");
const { dirname, join } = require("node:path");
const { fileURLToPath, pathToFileURL } = require("node:url");

const source = pathToFileURL(join(dirname(__dirname), "src")).href + "/";

registerHooks({
  load(url, context, nextLoad) {
    if (!url.startsWith(source) || !url.endsWith(".ts")) return nextLoad(url, context);
    const text = readFileSync(fileURLToPath(url), "utf8");
    return { format: "module", source: stripTypeScriptTypes(text, { mode: "strip" }), shortCircuit: true };
  },
});
