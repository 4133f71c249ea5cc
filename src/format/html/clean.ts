import sanitizeHtml from "sanitize-html";
import { limits } from "#base/limits.ts";
import { htmlToText } from "#format/html/to-text.ts";
import { allowedStyles } from "#format/html/clean-styles.ts";
import type { Attributes, IOptions } from "sanitize-html";

export interface CleanOptions {
  /** Where the part with a Content-ID (no angle brackets, percent-decoded) is to be had; null when there is none. */
  readonly cid?: (contentId: string) => string | null;
  /** What becomes of pictures elsewhere: left out, kept, or another address (a proxy) for each; null leaves one out. */
  readonly remote?: "block" | "allow" | ((url: string) => string | null);
}

export interface CleanHtml {
  /** A fragment to stand in a document of its own or in an element. */
  readonly html: string;
  /** Pictures elsewhere that were left out. */
  readonly blockedCount: number;
  /** Content-IDs that the text shows, in order, each once. */
  readonly contentIds: readonly string[];
  /** Past a limit: cut short, or shown as its plain text. */
  readonly cut: boolean;
}

const elements = [
  "a", "abbr", "acronym", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption",
  "center",
  "cite", "code", "col", "colgroup", "dd", "del", "dfn", "dir", "div", "dl", "dt", "em", "figcaption", "figure", "font",
  "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "main", "mark", "menu",
  "nav",
  "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "sup",
  "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
];

/** Elements that go with all that is in them: what acts, is not for reading, or is read by other rules in browsers. */
const dropped = [
  "script", "style", "title", "textarea", "option", "select", "xmp", "noscript", "iframe", "noembed", "noframes",
  "template",
  "plaintext", "svg", "math", "object", "applet", "audio", "video", "canvas", "xml",
];

const cells = ["align", "valign", "width", "height", "bgcolor", "background", "nowrap"];
const attributes: IOptions["allowedAttributes"] = {
  "*": ["style", "dir", "lang", "title", "align"],
  a: ["href", "target", "rel", "id", "name"],
  img: ["src", "alt", "width", "height", "border", "hspace", "vspace"],
  font: ["color", "face", "size"],
  table: ["border", "cellpadding", "cellspacing", "summary", "rules", "frame", ...cells],
  tr: cells, tbody: cells, thead: cells, tfoot: cells,
  td: ["colspan", "rowspan", "abbr", "headers", "scope", ...cells],
  th: ["colspan", "rowspan", "abbr", "headers", "scope", ...cells],
  col: ["span", "width"], colgroup: ["span", "width"],
  div: ["bgcolor", "background"],
  ol: ["start", "type", "reversed"], ul: ["type"], li: ["type", "value"],
  blockquote: ["cite", "type"], hr: ["size", "width", "noshade", "color"],
  time: ["datetime"], br: ["clear"], bdo: ["dir"],
};

const linkSchemes = ["http", "https", "mailto", "tel", "ftp"];
/** Names in the message never meet names of the page around it. */
const namePrefix = "m-";
const dataImage = /^data:image\/(?:png|gif|jpe?g|webp|bmp|x-icon)(?:;charset=[\w-]+)?;base64,[A-Za-z0-9+/=\s]*$/i;
const styleMaxCharacters = 4096;

class TooMuch extends Error {}

/**
 * HTML of a stranger made fit to show: nothing in it runs, submits, covers the page or tells anybody that it was read.
 * Scripts, style sheets, forms, frames, media, SVG and MathML go, unknown elements leave their text; styles keep only
 * listed properties; links open elsewhere and tell nothing of the page; pictures come from the message (`cid`) or, when
 * allowed, from elsewhere. What is too large is cut, what nests too deep is shown as its text. RFC 2392 §2, RFC 2557 §8
 */
export function cleanHtml(html: string, options: CleanOptions = {}): CleanHtml {
  const max = limits.htmlCleanMaxCharacters;
  const cleaner = new Cleaner(options);
  const input = html.length > max ? html.slice(0, max) : html;
  if (tagCountOf(input) > limits.htmlCleanTagsMax) return cleaner.asText(input);
  try {
    return cleaner.clean(input, html.length > max);
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    return new Cleaner(options).asText(input);
  }
}

/** As far as it matters. */
function tagCountOf(html: string): number {
  let count = 0;
  for (let at = html.indexOf("<"); at >= 0 && count <= limits.htmlCleanTagsMax; at = html.indexOf("<", at + 1)) count++;
  return count;
}

class Cleaner {
  readonly #options: CleanOptions;
  readonly #contentIds = new Set<string>();
  #blockedCount = 0;
  /** Elements that are open, as the library's parser sees them. */
  #depth = 0;

  constructor(options: CleanOptions) {
    this.#options = options;
  }

  clean(input: string, cut: boolean): CleanHtml {
    const html = sanitizeHtml(input, {
      allowedTags: elements, allowedAttributes: attributes, nonTextTags: dropped, allowedStyles: { "*": allowedStyles },
      allowedSchemes: [...linkSchemes, "data"], allowedSchemesAppliedToAttributes: ["href", "src", "cite",
        "background"],
      allowProtocolRelative: false, disallowedTagsMode: "discard", enforceHtmlBoundary: false,
        parseStyleAttributes: true,
      nestingLimit: limits.htmlCleanDepthMax,
      transformTags: { "*": (name, given) => ({ tagName: name === "body" ? "div" : name,
        attribs: this.#attributes(name, given) }) },
      onOpenTag: () => {
        // Each end tag is looked for among all that is open, so that depth times tags is what hostile text costs.
        if (++this.#depth > limits.htmlCleanDepthMax) throw new TooMuch();
      },
      onCloseTag: () => {
        this.#depth--;
      },
    });
    return { html, blockedCount: this.#blockedCount, contentIds: [...this.#contentIds], cut };
  }

  asText(input: string): CleanHtml {
    const text = htmlToText(input).replaceAll(/[ \t]+/g, " ").replaceAll(/\s*\n\s*/g, "\n").trim();
    const html = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("\n",
      "<br />");
    return { html: `<div>${html}</div>`, blockedCount: 0, contentIds: [], cut: true };
  }

  /** What the library does not decide: addresses of links and pictures, names, and styles it would drop whole. */
  #attributes(element: string, given: Attributes): Attributes {
    const out: Attributes = {};
    for (const [key, value] of Object.entries(given)) {
      const name = key.toLowerCase();
      const kept = this.#attribute(element, name, value);
      if (kept !== null) out[name] = kept;
    }
    if (element === "a" && out["href"] !== undefined && !out["href"].startsWith("#")) {
      out["target"] = "_blank";
      out["rel"] = "noopener noreferrer nofollow";
    }
    return out;
  }

  #attribute(element: string, name: string, value: string): string | null {
    switch (name) {
      case "href": return linkOf(value);
      case "cite": return /^\s*(?:https?|mid|cid):/i.test(value) ? value.trim() : null;
      case "src": case "background": return this.#picture(value);
      case "id": case "name": return nameOf(value);
      case "style": return value.length > styleMaxCharacters ? null : lowerProperties(value);
      case "target": case "rel": return null;
      case "bgcolor": case "color": return /^#?[\w ]{1,40}$/.test(value) ? value : null;
      case "width": case "height": case "hspace": case "vspace": case "size":
        return /^[+-]?\d{1,5}(?:\.\d+)?(?:px|pt|em|%|\*)?$/i.test(value.trim()) ? value.trim() : null;
      default: return element === "a" && name === "title" ? value.slice(0, 1000) : value;
    }
  }

  #picture(given: string): string | null {
    const url = withoutControls(given);
    if (/^cid:/i.test(url)) return this.#part(url.slice(4));
    if (dataImage.test(url)) return url;
    const address = url.startsWith("//") ? `https:${url}` : url;
    if (!/^https?:\/\//i.test(address)) return null;
    const { remote } = this.#options;
    const allowed = typeof remote === "function" ? remote(address) : remote === "allow" ? address : null;
    if (allowed === null) this.#blockedCount++;
    return allowed;
  }

  #part(encoded: string): string | null {
    const contentId = decodePercent(encoded).replaceAll(/^<|>$/g, "");
    const url = this.#options.cid?.(contentId) ?? null;
    if (url !== null) this.#contentIds.add(contentId);
    return url;
  }
}

/** Browsers pass over what stands in an address and cannot be part of one. */
function withoutControls(url: string): string {
  return url.replaceAll(/[\0-\x20\x7f]+/g, "");
}

/** Once only, so that cleaning what is clean changes nothing. */
function nameOf(value: string): string | null {
  if (!/^[\w.:-]{1,200}$/.test(value)) return null;
  return value.startsWith(namePrefix) ? value : namePrefix + value;
}

function linkOf(given: string): string | null {
  const url = given.trim().replaceAll(/[\0-\x1f\x7f]+/g, "");
  if (url.startsWith("#")) {
    const name = nameOf(url.slice(1));
    return name === null ? null : `#${name}`;
  }
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(withoutControls(url))?.[1]?.toLowerCase();
  if (scheme !== undefined) return linkSchemes.includes(scheme) ? url : null;
  // Without a scheme people mean the web; anything else would lead into the page that shows the message.
  if (url.startsWith("//")) return `https:${url}`;
  return /^[\w-]+(?:\.[\w-]+)+(?:[/?#]|$)/.test(url) ? `http://${url}` : null;
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** Property names as the table has them; Outlook's own properties go before anybody parses them. */
function lowerProperties(style: string): string {
  return style.split(";").map((one) => {
    const colon = one.indexOf(":");
    return colon < 0 ? "" : `${one.slice(0, colon).trim().toLowerCase()}:${one.slice(colon + 1)}`;
  }).filter((one) => one !== "" && !one.startsWith("mso-")).join(";");
}
