/** Entry of a writer thread: loads the procedures, then answers batches in order. */
import { parentPort, workerData } from "node:worker_threads";
import type { Batch } from "#store/batch.ts";
import { SqliteWriter } from "#store/sqlite-writer.ts";

const { dataDir, procedureModules, openFilesMax } = workerData as {
  dataDir: string; procedureModules: readonly string[]; openFilesMax: number;
};
for (const url of procedureModules) await import(url);

const writer = new SqliteWriter(dataDir, openFilesMax);
const port = parentPort!;
port.on("message", (message: { id: number; batch: Batch } | "close") => {
  if (message === "close") {
    writer.close();
    port.close();
    return;
  }
  port.postMessage({ id: message.id, outcome: writer.run(message.batch) });
});
port.postMessage("ready");
