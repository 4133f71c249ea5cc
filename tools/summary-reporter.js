// Ends a test run with what a person wants to know: what was skipped and why, what failed and where, and the counts.
export default async function* summary(source) {
  const skipped = [];
  const failed = [];
  let passed = 0;
  for await (const event of source) {
    const { data } = event;
    if (event.type === "test:fail") {
      if (data.details?.error?.failureType !== "subtestsFailed") failed.push(data);
    } else if (event.type === "test:pass") {
      if (data.skip !== undefined && data.skip !== false) skipped.push(data);
      else if (data.details?.type !== "suite") passed++;
    }
  }
  yield "\n";
  for (const data of skipped) yield `skipped: ${data.name} (${data.skip === true ? "no reason given" : data.skip})\n`;
  for (const data of failed) {
    const error = data.details?.error;
    yield `failed: ${data.name}\n  ${data.file}:${data.line}\n  ${String(error?.cause?.message ?? error?.message).split("\n").join("\n  ")}\n`;
  }
  // On a machine that has everything nothing may be left out.
  if (process.env.OUTPOST_EXPECT_CLIENTS === "1" && skipped.length > 0) {
    process.exitCode = 1;
    yield `Failing because of ${skipped.length} skipped: with OUTPOST_EXPECT_CLIENTS=1 every test must run.\n`;
  }
  yield `${passed} passed, ${failed.length} failed, ${skipped.length} skipped\n`;
}
