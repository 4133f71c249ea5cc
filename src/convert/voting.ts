/** Voting: the options a message offers and the one an answer chose. [MS-OXOMSG] 2.2.1.74, 2.2.1.75 */
import { Buffer } from "node:buffer";
import { WireError } from "#base/fault.ts";
import { limits } from "#base/limits.ts";
import { decodeVerbStream, encodeVerbStream, sendBehaviors, voteVerbType } from "#format/mapi/verb-stream.ts";
import type { VerbStream, VoteOption } from "#format/mapi/verb-stream.ts";
import { decodeCharset } from "#format/mime/charset.ts";
import { properties } from "#props/registry.ts";
import { getProperty, setProperty } from "#convert/item.ts";
import { codePageLabel } from "#format/mapi/code-page.ts";
import type { ItemObject } from "#convert/item.ts";

const p = properties;

export interface VotingOption {
  readonly name: string;
  /** 1 for the first; what PidTagLastVerbExecuted of who chose it says. [MS-OXOMSG] 2.2.1.14, 2.2.1.74.1 */
  readonly id: number;
  /** Whether the client asks for words of its own before the answer goes. */
  readonly isAsked: boolean;
}

function streamOf(item: ItemObject): VerbStream | undefined {
  const found = getProperty(item, p.PidLidVerbStream);
  if (found === undefined) return undefined;
  try {
    return decodeVerbStream(found);
  } catch (error) {
    // A stream that is broken offers nothing.
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** What may be chosen; the buttons to reply and forward are not among it. [MS-OXOMSG] 2.2.1.74 */
export function votingOptionsOf(item: ItemObject): VotingOption[] {
  const stream = streamOf(item);
  const label = codePageLabel(getProperty(item, p.PidTagMessageCodepage));
  return (stream?.options ?? []).flatMap(({ verbType, displayName, sendBehavior, id }, index) => {
    if (verbType !== voteVerbType) return [];
    const name = stream?.extras[index]?.displayName ?? decodeCharset(displayName, label);
    return [{ name, id, isAsked: sendBehavior === sendBehaviors.asked }];
  });
}

const none = new Uint8Array(0);
const unsaid = 0xffff_ffff;
const nameMax = 255;

function optionOf(name: string, id: number): VoteOption {
  // Names beyond Latin-1 stand whole in the second list only.
  const displayName = Buffer.from(name.replaceAll(/[^\x20-\xff]/g, "?"), "latin1");
  return {
    verbType: voteVerbType, displayName, messageClass: Buffer.from("IPM.Note", "latin1"), internal1: none,
    displayNameRepeat: displayName, internal2: 0, internal3: 0, useUsHeaders: 0, internal4: 1,
    sendBehavior: sendBehaviors.asked, internal5: 2, id, internal6: unsaid,
  };
}

/** Offers these names; other buttons that the item has stay. [MS-OXOMSG] 2.2.1.74 */
export function setVotingOptions(item: ItemObject, names: readonly string[]): void {
  const wanted = names.slice(0, limits.votingOptionsMax).map((name) => name.trim().slice(0, nameMax).toWellFormed());
  const before = streamOf(item);
  const buttons = (before?.options ?? []).map((option, index) => ({ option, extra: before?.extras[index] }))
    .flatMap(({ option, extra }) =>
      option.verbType === voteVerbType || extra === undefined ? [] : [{ option, extra }],
    );
  const votes = wanted.filter((name) => name !== "").map((name, index) => ({
    option: optionOf(name, index + 1), extra: { displayName: name, displayNameRepeat: name },
  }));
  const all = [...buttons, ...votes];
  setProperty(item, p.PidLidVerbStream, encodeVerbStream({
    version: 0x0102, version2: 0x0104, trailing: none,
    options: all.map(({ option }) => option), extras: all.map(({ extra }) => extra),
  }));
}

/** Marks an answer with the option it chose. [MS-OXOMSG] 2.2.1.75 */
export function setVote(answer: ItemObject, { name }: VotingOption): void {
  setProperty(answer, p.PidLidVerbResponse, name);
}

/** The name of the option that an answer chose; undefined for what is no vote. [MS-OXOMSG] 2.2.1.75 */
export function voteOf(answer: ItemObject): string | undefined {
  const name = getProperty(answer, p.PidLidVerbResponse)?.trim();
  return name === undefined || name === "" ? undefined : name;
}
