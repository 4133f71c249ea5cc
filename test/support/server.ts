/**
 * A whole server as people run it: `bin/outpost` in a process of its own, on a data folder of its own and free ports.
 * Everything it says is kept in a file and shown when the test process fails.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { randomInt } from "node:crypto";
import { mustHere } from "./cli.ts";
import { pause } from "./real-ctx.ts";
import type { WireAddress } from "./wire-socket.ts";

export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const program = join(projectRoot, "bin", "outpost");
export const password = "secret";
export const domain = "example.test";

const standardPorts = {
  smtp: 25, submission: 587, submissions: 465, imap: 143, imaps: 993, pop3: 110, pop3s: 995, http: 80, https: 443,
} as const;
export type PortName = keyof typeof standardPorts;

/** What `--ready-file` holds. */
export interface Ready {
  readonly pid: number;
  readonly hostname: string;
  readonly ports: Readonly<Record<PortName, number>>;
  /** Not there with certificates of others. */
  readonly ca: string;
}

/** As `tools/run-tests.js` sets it, for files that are run by themselves: a start then takes half the time. */
const environment = {
  NODE_COMPILE_CACHE: join(projectRoot, "node_modules", ".cache", "outpost-tests"), ...process.env,
};

export interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ServerOptions {
  /** Local parts; the first is the administrator. */
  readonly users?: readonly string[];
  /** Where the data goes; a temporary folder when absent. */
  readonly dataDir?: string;
  /** Keys of `outpost.json` put over what `init` wrote. */
  readonly config?: Record<string, unknown>;
  readonly startTimeoutMs?: number;
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}

/** A base for `--port-base` below the ports that systems hand to outgoing connections. */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const base = randomInt(20_000, 31_700);
    const free = await Promise.all(Object.values(standardPorts).map((port) => isFree(base + port)));
    if (free.every(Boolean)) return base;
  }
  throw new Error("no free ports found");
}

/** Runs the command line and waits for its end. */
export async function outpost(args: readonly string[], input = ""): Promise<Answer> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: projectRoot, stdio: ["pipe", "pipe", "pipe"], env: environment,
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => { stdout += chunk.toString(); });
  child.stderr.on("data", (chunk: Buffer) => { stderr += chunk.toString(); });
  child.stdin.end(input);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, stdout, stderr };
}

const alive = new Set<TestServer>();
const lastWords: string[] = [];
process.on("exit", (code) => {
  for (const server of alive) {
    lastWords.push(server.lastWords());
    server.killNow();
    server.removeFiles();
  }
  if (code !== 0) process.stderr.write(lastWords.join(""));
});

export class TestServer {
  readonly dataDir: string;
  readonly #logPath: string;
  readonly #readyPath: string;
  readonly #startTimeoutMs: number;
  #portBase = 0;
  #child: ChildProcess | null = null;
  #exit: Promise<number | null> = Promise.resolve(null);
  ready!: Ready;
  caPem = "";
  /** How long the last start took until everything answered. */
  startMs = 0;

  private constructor(options: ServerOptions) {
    const scratch = mkdtempSync(join(tmpdir(), "outpost-server-"));
    this.dataDir = options.dataDir ?? join(scratch, "data");
    this.#logPath = join(scratch, "log");
    this.#readyPath = join(scratch, "ready.json");
    this.#startTimeoutMs = options.startTimeoutMs ?? 30_000;
  }

  /** Makes the data folder with its users and starts. */
  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(options);
    alive.add(server);
    const [first, ...others] = options.users ?? ["alice", "bob"];
    const init = ["init", "--hostname", "localhost", "--domain", domain, "--admin", `${first}@${domain}`];
    await mustHere(server.dataDir, [...init, "--password-stdin"], password);
    for (const user of others) {
      await mustHere(server.dataDir, ["user", "add", `${user}@${domain}`, "--password", password]);
    }
    if (options.config !== undefined) {
      const path = join(server.dataDir, "outpost.json");
      const before = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown> : {};
      writeFileSync(path, JSON.stringify({ ...before, ...options.config }));
    }
    for (let tries = 1; ; tries++) {
      server.#portBase = await freePortBase();
      try {
        await server.run();
        return server;
      } catch (error) {
        // Another test took one of the ports between the look and the start.
        if (tries === 3 || !String(error).includes("another program uses it")) throw error;
      }
    }
  }

  /** Starts the process; resolves when every port answers. */
  async run(): Promise<void> {
    rmSync(this.#readyPath, { force: true });
    const log = openSync(this.#logPath, "a");
    const began = performance.now();
    const child = spawn(process.execPath, [program, "serve", "--data", this.dataDir, "--listen", "127.0.0.1",
      "--port-base", String(this.#portBase), "--ready-file", this.#readyPath], {
      cwd: projectRoot, stdio: ["ignore", log, log], env: environment,
    });
    closeSync(log);
    this.#child = child;
    this.#exit = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
    let exited = false;
    void this.#exit.then(() => { exited = true; });
    while (!this.#readReady()) {
      if (exited) throw new Error(`the server ended before it was ready:\n${this.log().slice(-3000)}`);
      if (performance.now() - began > this.#startTimeoutMs) {
        this.killNow();
        throw new Error(`not ready after ${this.#startTimeoutMs} ms:\n${this.log().slice(-3000)}`);
      }
      await pause(3);
    }
    this.startMs = performance.now() - began;
  }

  #readReady(): boolean {
    if (!existsSync(this.#readyPath)) return false;
    try {
      this.ready = JSON.parse(readFileSync(this.#readyPath, "utf8")) as Ready;
    } catch {
      // Half written; the next look finds it whole.
      return false;
    }
    // It is null with certificates of others.
    this.caPem = existsSync(this.ready.ca ?? "") ? readFileSync(this.ready.ca, "utf8") : "";
    return true;
  }

  get pid(): number {
    return this.ready.pid;
  }

  get ports(): Ready["ports"] {
    return this.ready.ports;
  }

  /** Where a raw client connects; ports whose name says so have TLS from the first byte. */
  at(name: PortName): WireAddress {
    return { port: this.ports[name], ca: this.caPem, servername: "localhost", tls: /s$/.test(name) };
  }

  /** SIGTERM; the milliseconds it took. Fails when it takes more than 10 s or ends with another code than 0. */
  async stop(): Promise<number> {
    if (this.#child === null) return 0;
    const began = performance.now();
    process.kill(this.pid, "SIGTERM");
    const timeout = setTimeout(() => this.killNow(), 12_000);
    const code = await this.#exit;
    clearTimeout(timeout);
    this.#child = null;
    const tookMs = performance.now() - began;
    if (code !== 0 || tookMs > 10_500) {
      throw new Error(`stopping took ${Math.round(tookMs)} ms and ended with ${code}:\n${this.log().slice(-3000)}`);
    }
    return tookMs;
  }

  /** SIGKILL, as a power switch would. */
  async kill(): Promise<void> {
    this.killNow();
    await this.#exit;
    this.#child = null;
  }

  killNow(): void {
    if (this.#child === null) return;
    this.#child.kill("SIGKILL");
    if (this.#child.pid === this.ready?.pid) return;
    try {
      process.kill(this.ready.pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.run();
  }

  /** Stops it and removes what it left; for `after`. */
  async dispose(): Promise<void> {
    try {
      await this.stop();
    } finally {
      this.killNow();
      lastWords.push(this.lastWords());
      alive.delete(this);
      this.removeFiles();
    }
  }

  /** The log and, when nobody else chose its place, the data. */
  removeFiles(): void {
    rmSync(dirname(this.#readyPath), { recursive: true, force: true });
  }

  /** A command on this server's data. */
  async outpost(args: readonly string[], input = ""): Promise<Answer> {
    return await outpost([...args, "--data", this.dataDir], input);
  }

  async must(args: readonly string[], input = ""): Promise<string> {
    const { code, stdout, stderr } = await this.outpost(args, input);
    if (code !== 0) throw new Error(`outpost ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** `outpost check` must find nothing. */
  async mustCheckClean(): Promise<void> {
    const { code, stdout, stderr } = await this.outpost(["check"]);
    if (code !== 0) throw new Error(`outpost check ended with ${code}:\n${stdout}${stderr}`);
  }

  log(): string {
    return existsSync(this.#logPath) ? readFileSync(this.#logPath, "utf8") : "";
  }

  /** What the log ends with, and every warning and error. */
  lastWords(): string {
    const lines = this.log().split("\n");
    const bad = lines.filter((line) => line.startsWith("{") && !/"level":"(info|debug)"/.test(line)).slice(-40);
    const last = lines.slice(-12).join("\n");
    return `--- the server at ${this.dataDir} said, troubles:\n${bad.join("\n")}\n--- and last:\n${last}\n`;
  }

  /** Log lines of level error: bugs, or troubles a test must expect by name. */
  errors(): string[] {
    return this.log().split("\n").filter((line) => /"level":"(error|fatal)"/.test(line));
  }

  /** Resident memory of the server process, bytes, now and at its highest. */
  memory(): { nowBytes: number; highestBytes: number } {
    const status = readFileSync(`/proc/${this.pid}/status`, "latin1");
    const read = (key: string): number => Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) * 1024;
    return { nowBytes: read("VmRSS"), highestBytes: read("VmHWM") };
  }
}
