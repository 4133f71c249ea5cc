import { RtfReader } from "#format/rtf/reader.ts";
import type { RtfSink, RtfState } from "#format/rtf/reader.ts";

const lineEnds = new Set(["par", "line", "sect", "page", "row", "nestrow", "column"]);
const tabs = new Set(["tab", "cell", "nestcell"]);

class TextSink implements RtfSink {
  readonly out: string[] = [];

  text(text: string, state: Readonly<RtfState>): void {
    if (isShown(state)) this.out.push(text);
  }

  control(word: string, _parameter: number | undefined, state: Readonly<RtfState>): void {
    if (!isShown(state)) return;
    if (lineEnds.has(word)) this.out.push("\r\n");
    else if (tabs.has(word)) this.out.push("\t");
  }
}

function isShown(state: Readonly<RtfState>): boolean {
  return !state.hidden && (state.destination === "body" || state.destination === "listText");
}

/** What a reader of the RTF sees, without formatting; lines end in CRLF. [MSFT-RTF], [MS-OXRTFEX] 2.2.3.1 */
export function rtfToText(rtf: Uint8Array): string {
  const sink = new TextSink();
  new RtfReader(rtf, sink).run();
  return sink.out.join("");
}
