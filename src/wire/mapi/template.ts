/**
 * Dialog templates of the address book: what Outlook draws when a person asks for the details of an entry. Positions
 * are in dialog units. [MS-OXOABKT] 2.2.2.1
 */
import type { PropertyTag } from "#props/types.ts";

/** [MS-OXOABKT] 2.2.2.1.2, the values of PidTagControlType */
export const controlTypes = {
  label: 0, edit: 1, listBox: 2, checkBox: 5, groupBox: 6, button: 7, page: 8, valuesListBox: 0xb,
} as const;

/** [MS-OXOABKT] 2.2.2.1.2, the values of PidTagControlFlags */
export const controlFlags = { multipleLines: 0x1, editable: 0x2, required: 0x4, doubleByte: 0x20 } as const;

export interface Control {
  readonly type: keyof typeof controlTypes;
  readonly left: number;
  readonly width: number;
  readonly top: number;
  readonly height: number;
  readonly flags: number;
  /** What it shows; 0 for a static text. */
  readonly property: PropertyTag | 0;
  /** Most characters of an edit control. */
  readonly sizeMax: number;
  /** Static text, or the characters an edit control takes. */
  readonly text: string;
}

const headBytes = 8;
const rowBytes = 36;

/** A TRowSet: the rows, then the texts they point to. [MS-OXOABKT] 2.2.2.1.1 */
export function encodeTemplate(controls: readonly Control[], encodeText: (text: string) => Uint8Array): Buffer {
  const texts = controls.map(({ text }) => encodeText(text));
  const textsFrom = headBytes + controls.length * rowBytes;
  const size = texts.reduce((sum, text) => sum + text.length + 1, textsFrom);
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(1, 0);
  bytes.writeUInt32LE(controls.length, 4);
  let textAt = textsFrom;
  for (const [index, control] of controls.entries()) {
    const { left, width, top, height, flags, property, sizeMax } = control;
    const fields = [left, width, top, height, controlTypes[control.type], flags, property, sizeMax, textAt];
    fields.forEach((value, field) => bytes.writeUInt32LE(value, headBytes + index * rowBytes + field * 4));
    const text = texts[index]!;
    bytes.set(text, textAt);
    textAt += text.length + 1;
  }
  return bytes;
}

/** The first word of each instruction of a script. [MS-OXOABKT] 2.2.2.2 */
export const scriptInstructions = { halt: 0x0, error: 0x1, emitProperty: 0x2, jumpIfNotExists: 0x4 } as const;

/** A script: the number of its words, then these; jumps count bytes from the first of them. [MS-OXOABKT] 2.2.2.2 */
export function encodeScript(words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + words.length * 4);
  bytes.writeUInt32LE(words.length, 0);
  words.forEach((word, index) => bytes.writeUInt32LE(word >>> 0, 4 + index * 4));
  return bytes;
}
