/** CSS properties a message may set on its own elements, each with what its value must look like. */

/** Words, lengths, colours, strings; no address, escape, comment or function but those of colours. */
const plain = /^(?:[#%.,\w\s+"'-]|\b(?:rgb|hsl)a?\([\d\s.,%/deg]*\))*$/i;
/** The same without negative numbers: nothing leaves its place to cover something else. */
const inPlace = /^(?!.*(?:^|[\s,])-)(?:[#%.,\w\s+"'-]|\b(?:rgb|hsl)a?\([\d\s.,%/deg]*\))*$/is;
const sides = ["", "-top", "-right", "-bottom", "-left"];

const inPlaceProperties = [
  ...sides.map((side) => `margin${side}`), ...sides.map((side) => `padding${side}`),
  "width", "height", "max-width", "max-height", "min-width", "min-height", "text-indent", "line-height",
  "border-spacing",
  "letter-spacing", "word-spacing", "font-size", "border-radius",
];

const plainProperties = [
  "background", "background-color", "color", "direction", "font", "font-family", "font-style", "font-variant",
  "font-weight",
  "text-align", "text-decoration", "text-decoration-color", "text-decoration-line", "text-decoration-style",
  "text-transform",
  "vertical-align", "white-space", "word-break", "word-wrap", "overflow-wrap", "unicode-bidi", "writing-mode",
  "hyphens",
  "border-collapse", "caption-side", "empty-cells", "table-layout", "list-style", "list-style-type",
  "list-style-position",
  "clear", "float", "box-sizing", "quotes", "tab-size", "text-overflow", "text-wrap",
  ...sides.map((side) => `border${side}`),
  ...["-color", "-style", "-width"].flatMap((what) => sides.map((side) => `border${side}${what}`)),
];

/** `position`, `z-index`, `opacity`, `content` and all that loads or moves have no row. CSS 2.1 §8 to §17 */
export const allowedStyles: Readonly<Record<string, RegExp[]>> = {
  ...Object.fromEntries(inPlaceProperties.map((name) => [name, [inPlace]])),
  ...Object.fromEntries(plainProperties.map((name) => [name, [plain]])),
  display: [/^(?:none|inline|block|inline-block|list-item|table(?:-[a-z-]+)?|inline-table|flex|inline-flex)$/i],
  visibility: [/^(?:visible|hidden|collapse)$/i],
  overflow: [/^(?:visible|hidden|auto|scroll)$/i],
};
