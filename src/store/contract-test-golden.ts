/** Gathers the SQL texts that run and compares them with the golden files. */
import { strict as assert } from "node:assert";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Dialect, Procedure, Store } from "#store/api.ts";
import type { Backend } from "#store/contract-test-kit.ts";
import type { StatementResult, Work } from "#store/sql.ts";

/** Texts by dialect, then by who ran them. */
const texts: Record<Dialect, Map<string, Set<string>>> = { sqlite: new Map(), postgres: new Map() };
const patched = new WeakSet<object>();
let recording = true;

/** What runs in `body` is not part of the golden file: it differs from run to run. */
export async function withoutRecording<T>(body: () => Promise<T>): Promise<T> {
  recording = false;
  try {
    return await body();
  } finally {
    recording = true;
  }
}

let readsOf: string | null = null;

/** Reads in `body` are part of the golden file under this name. */
export async function recordReads<T>(name: string, body: () => Promise<T>): Promise<T> {
  readsOf = name;
  try {
    return await body();
  } finally {
    readsOf = null;
  }
}

function* recorded<T>(dialect: Dialect, who: string, body: Work<T>): Work<T> {
  let step = body.next();
  while (!step.done) {
    if (recording) {
      const map = texts[dialect];
      const set = map.get(who) ?? map.set(who, new Set()).get(who)!;
      set.add(step.value.text.replace(/\s+/g, " ").trim());
    }
    let result: StatementResult;
    try {
      result = yield step.value;
    } catch (error) {
      step = body.throw(error);
      continue;
    }
    step = body.next(result);
  }
  return step.value;
}

/** The store, listening to what its procedures and reads run. On writer threads they run out of sight. */
export function recordTexts(store: Store, kind: Backend["kind"]): Store {
  if (kind === "threads") return store;
  const patch = <Args, Result, Ready>(row: Procedure<Args, Result, Ready>): void => {
    if (patched.has(row) || row.name.startsWith("contract.")) return;
    patched.add(row);
    const { run } = row;
    Object.assign(row, {
      run: (tx: Parameters<typeof run>[0], args: Args, ready: Ready) =>
        recorded(tx.dialect, row.name, run(tx, args, ready)),
    });
  };
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (key === "transact") {
        return (...args: Parameters<Store["transact"]>) => {
          patch(args[2]);
          return target.transact(...args);
        };
      }
      if (key === "read") {
        return (...[ctx, scope, body]: Parameters<Store["read"]>) => {
          const name = readsOf;
          return target.read(ctx, scope, name === null ? body : () => recorded(target.dialect, name, body()));
        };
      }
      return typeof value === "function" ? value.bind(target) as unknown : value;
    },
  });
}

export function compareWithGolden(dialect: Dialect): void {
  const path = new URL(`./sql/${dialect}.golden.sql`, import.meta.url);
  const now = [...texts[dialect]].sort(([left], [right]) => left < right ? -1 : 1)
    .map(([who, set]) => `-- ${who}\n${[...set].sort().map((text) => `${text};\n`).join("")}`).join("\n");
  if (process.env["UPDATE_GOLDEN"] === "1" || !existsSync(path)) {
    writeFileSync(path, now);
    return;
  }
  assert.equal(now, readFileSync(path, "utf8"), "SQL changed; run with UPDATE_GOLDEN=1 and look at the difference");
}
