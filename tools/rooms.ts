/** Which room may import which. Rooms listed with a pattern `serve/*` are siblings that never import each other. */
export const rooms: Record<string, readonly string[]> = {
  base: [],
  codec: ["base"],
  props: ["base", "codec"],
  format: ["base", "codec"],
  wire: ["base", "codec", "props", "format"],
  convert: ["base", "props", "format"],
  store: ["base", "props"],
  directory: ["base", "store"],
  mailbox: ["base", "props", "format", "convert", "store", "directory"],
  calendar: ["base", "codec", "props", "format", "mailbox"],
  net: ["base", "directory"],
  transport: ["base", "codec", "format", "wire/smtp", "store", "net", "directory", "mailbox", "calendar"],
  serve: [
    "base", "codec", "props", "format", "wire", "convert", "directory", "mailbox", "calendar", "net", "transport",
  ],
  admin: ["base", "format", "store", "directory", "mailbox", "transport"],
  main: [
    "base", "codec", "props", "format", "wire", "convert", "store", "directory", "mailbox", "calendar", "net",
    "transport", "serve", "admin",
  ],
};

/** Rooms whose code is a function of its arguments: no sockets, files, clock, random numbers or logs. */
export const pureRooms = ["base", "codec", "props", "format", "wire", "convert"];

/** Rooms cut into siblings that know nothing of each other. */
export const siblingRooms = ["wire", "serve"];
