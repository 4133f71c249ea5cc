/**
 * Proves on every vCard file of the collection what is lost when its cards become contacts and cards again, in the
 * version they came in and in the other: files in which no card is, properties that differ after the second way in, and
 * lines of the source that what is written does not have. `test/data/items-loss-vcf.tsv` holds every loss with its
 * reason; nothing else may be lost, and nothing throws.
 */
import { suite, test } from "node:test";
import { Fault } from "#base/fault.ts";
import { meaningOf } from "#convert/ical/test-kit.ts";
import { readComponents } from "#convert/vcard/lines.ts";
import { readVcards } from "#convert/vcard/read.ts";
import { writeVcards } from "#convert/vcard/write.ts";
import type { Line } from "#convert/vcard/lines.ts";
import type { VcardVersion } from "#convert/vcard/write.ts";
import type { ItemBag } from "#convert/item.ts";
import { corpusMissing } from "./support/corpus.ts";
import { propertyNameOf } from "./support/item-losses.ts";
import { checkLosses, corpusFilesOf } from "./support/loss-table.ts";
import type { Loss, Reasons } from "./support/loss-table.ts";

const reasons: Reasons = [
  [/^refused: no card$/, "a broken file: no card begins in it, or nothing stands before its end"],
  [/^refused: /, "a broken file: more of one thing than any program writes"],
  [/line gone: X-MS-OL-DEFAULT-POSTAL-ADDRESS$/, "that no address is the mailing address is said by no line"],
  [/line gone: X-EVOLUTION-FILE-AS$/, "filed under what every card without the line is filed under"],
  [/^4\.0 line gone: X-GENDER$/, "GENDER says it in 4.0"],
  [/^3\.0 line gone: RELATED$/, "before 4.0 relatives have lines of their own names"],
];

/** How an item was spelled is remembered beside it, and is not what it means. */
const isMemory = (line: string): boolean => line.includes("|OutpostKnownLines=");

function propertyLosses(item: ItemBag, again: ItemBag | undefined): string[] {
  const [before, after] = [meaningOf(item), again === undefined ? ["nothing=1"] : meaningOf(again)]
    .map((lines) => lines.filter((line) => !isMemory(line))) as [string[], string[]];
  const name = (line: string): string => propertyNameOf(/^(?:PidTag\w+=[^:]*: )?([^=]*)=/.exec(line)?.[1] ?? line);
  const gone = new Set(before.filter((line) => !after.includes(line)).map(name));
  const added = new Set(after.filter((line) => !before.includes(line)).map(name));
  return [
    ...[...gone].map((one) => (added.has(one) ? `changed: ${one}` : `gone: ${one}`)),
    ...[...added].filter((one) => !gone.has(one)).map((one) => `added: ${one}`),
  ];
}

const lineNames = (lines: readonly Line[]): Set<string> => new Set(lines.map(({ name }) => name));

function lossesOf(bytes: Buffer): string[] {
  let cards: ReturnType<typeof readVcards>["cards"];
  try {
    ({ cards } = readVcards(bytes));
  } catch (error) {
    if (error instanceof Fault) return [`refused: ${error.message}`];
    throw error;
  }
  if (cards.length === 0) return ["refused: no card"];
  const sources = readComponents(bytes).components.filter(({ name }) => name === "VCARD");
  const losses: string[] = [];
  for (const to of ["3.0", "4.0"] satisfies VcardVersion[]) {
    // Lists name cards of the same file.
    const written = writeVcards(cards.map(({ item }) => item), { version: to });
    const again = readVcards(written).cards;
    const texts = readComponents(written).components;
    for (const [index, { item, version }] of cards.entries()) {
      losses.push(...propertyLosses(item, again[index]?.item).map((loss) => `${to} ${loss}`));
      if ((version === "4.0") !== (to === "4.0")) continue;
      const names = lineNames(texts[index]!.lines);
      for (const { name, value } of sources[index]!.lines) {
        if (!names.has(name) && value.trim() !== "") losses.push(`${to} line gone: ${name}`);
      }
    }
  }
  return losses;
}

suite("cards of the collection through contacts", { skip: corpusMissing }, () => {
  test("what each loses is in the table", (t) => {
    const files = corpusFilesOf("vcf");
    const losses: Loss[] = files.flatMap(({ name, bytes }) => lossesOf(bytes).map((what) => ({ file: name, what })));
    checkLosses(t, "vcf", files.map(({ name }) => name), losses, reasons);
  });
});
