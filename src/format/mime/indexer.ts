import { limits } from "#base/limits.ts";
import { attachmentNames, hasAttachments } from "#format/mime/attachments.ts";
import { captureFieldsDefault } from "#format/mime/content.ts";
import { LineEnds } from "#format/mime/line-ends.ts";
import { MimeScanner } from "#format/mime/scanner.ts";
import { searchText } from "#format/mime/search-text.ts";
import { TextCollector } from "#format/mime/text.ts";
import { mimeIndexVersion } from "#format/mime/types.ts";
import type { SearchText } from "#format/mime/search-text.ts";
import type { MimeIndex } from "#format/mime/types.ts";

export interface MimeIndexerOptions {
  /** Header fields of the message to keep in `MimeIndex.fields`, lower case. */
  readonly captureFields?: readonly string[];
  readonly depthMax?: number;
  readonly partsMax?: number;
  readonly headerSectionMaxBytes?: number;
  readonly searchTextMaxCharacters?: number;
  /** Header text of parts and enclosed messages kept in the index. */
  readonly storedMaxCharacters?: number;
}

export interface IndexedMessage {
  /** Plain data; `JSON.stringify` keeps all of it. */
  readonly index: MimeIndex;
  /** Kept apart from the index, since only the search index wants it. */
  readonly searchText: SearchText;
}

const captureDefault: ReadonlySet<string> = new Set(captureFieldsDefault);

export interface MimeIndexer {
  /** The next bytes of the message, in any cut; they are not kept beyond the call. */
  push(bytes: Uint8Array): void;
  /** Once, after the last byte. */
  end(): IndexedMessage;
}

/**
 * Reads a message once, in whatever pieces it comes, and tells all that is known of it. Memory stays flat: header
 * sections and the text kept for search are bounded, bodies pass through. No bytes make it fail.
 * RFC 5322, RFC 2045 to 2047
 */
export function createMimeIndexer(options: MimeIndexerOptions = {}): MimeIndexer {
  const charactersMax = options.searchTextMaxCharacters ?? limits.searchTextMaxCharacters;
  const texts = new TextCollector(charactersMax);
  const scanner = new MimeScanner({
    depthMax: options.depthMax ?? limits.mimeDepthMax,
    partsMax: options.partsMax ?? limits.mimePartsMax,
    headerSectionMaxBytes: options.headerSectionMaxBytes ?? limits.headerSectionMaxBytes,
    storedMaxCharacters: options.storedMaxCharacters ?? limits.mimeStoredMaxCharacters,
  }, texts, options.captureFields === undefined ? captureDefault : new Set(options.captureFields));
  const lineEnds = new LineEnds((bytes) => scanner.write(bytes));
  return {
    push: (bytes) => lineEnds.push(bytes),
    end: () => {
      lineEnds.end();
      const { root, envelope, fields } = scanner.end();
      const names = attachmentNames(root);
      const index: MimeIndex = {
        version: mimeIndexVersion,
        sizeBytes: lineEnds.sizeBytes,
        headerStart: root.headerStart,
        headerSizeBytes: root.bodyStart,
        lineCount: lineEnds.lineCount,
        bareLineFeedCount: lineEnds.bareLineFeedCount,
        eightBit: lineEnds.eightBit,
        eightBitHeader: scanner.eightBitHeader,
        nulBytes: lineEnds.nulBytes,
        truncated: scanner.truncated,
        envelope,
        root,
        fields,
        preview: texts.preview(),
        hasAttachments: hasAttachments(root),
        attachmentNames: names,
      };
      return { index, searchText: searchText(envelope, root, names, texts.bodyText(), charactersMax) };
    },
  };
}

/** The same at once, for a message in memory. RFC 5322, RFC 2045 */
export function indexMessage(bytes: Uint8Array, options: MimeIndexerOptions = {}): IndexedMessage {
  const indexer = createMimeIndexer(options);
  indexer.push(bytes);
  return indexer.end();
}
