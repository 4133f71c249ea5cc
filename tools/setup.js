// Installs what is missing, once. Plain JavaScript because it runs under whatever Node the machine has, before the
// right one is there.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const marker = join(root, "node_modules", ".package-lock.json");
const lock = join(root, "package-lock.json");

function isComplete() {
  if (!existsSync(marker) || !existsSync(join(root, "node_modules", "node", "bin"))) return false;
  if (statSync(marker).mtimeMs >= statSync(lock).mtimeMs) return true;
  const installed = JSON.parse(readFileSync(marker, "utf8")).packages;
  const wanted = JSON.parse(readFileSync(lock, "utf8")).packages;
  return Object.entries(wanted).every(([path, entry]) =>
    path === "" || entry.optional || installed[path]?.version === entry.version);
}

if (!isComplete()) {
  console.log("Installing what is missing (npm ci), this takes about half a minute …");
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: root, stdio: "inherit", shell: process.platform === "win32" });
}
