/**
 * Which room may import which. A part of a room that others may use without the rest (`calendar/zones`) has a row of
 * its own; everything in the room may use its parts.
 */
export const rooms: Record<string, readonly string[]> = {
  base: [],
  codec: ["base"],
  props: ["base", "codec"],
  format: ["base", "codec"],
  wire: ["base", "codec", "props", "format"],
  "calendar/zones": ["base", "codec", "props", "format"],
  "calendar/recurrence": ["base", "codec", "props", "format", "calendar/zones"],
  convert: ["base", "props", "format", "calendar/zones", "calendar/recurrence"],
  "calendar/occurrences": ["base", "codec", "props", "format", "convert", "calendar/zones", "calendar/recurrence"],
  "calendar/free-busy": [
    "base", "codec", "props", "format", "convert", "calendar/zones", "calendar/recurrence", "calendar/occurrences",
  ],
  "calendar/booking": [
    "base", "codec", "props", "format", "convert", "calendar/zones", "calendar/recurrence", "calendar/occurrences",
    "calendar/free-busy",
  ],
  "calendar/reminders": [
    "base", "codec", "props", "format", "convert", "calendar/zones", "calendar/recurrence", "calendar/occurrences",
  ],
  "calendar/tasks": ["base", "codec", "props", "format", "convert", "calendar/zones", "calendar/recurrence"],
  "calendar/sharing": ["base", "codec", "props", "format", "convert"],
  "calendar/published": [
    "base", "codec", "props", "format", "convert", "calendar/zones", "calendar/recurrence", "calendar/occurrences",
    "calendar/free-busy",
  ],
  "calendar/meetings": ["base", "codec", "props", "format", "convert", "calendar/zones", "calendar/recurrence"],
  rules: ["base", "codec", "props", "format", "convert"],
  store: ["base", "props"],
  directory: ["base", "store"],
  mailbox: ["base", "props", "format", "convert", "store", "directory", "calendar/zones", "calendar/recurrence"],
  calendar: [
    "base", "codec", "props", "format", "convert", "directory", "mailbox", "calendar/zones", "calendar/recurrence",
    "calendar/occurrences", "calendar/free-busy", "calendar/booking", "calendar/reminders", "calendar/tasks",
    "calendar/meetings", "calendar/published", "calendar/sharing",
  ],
  net: ["base", "directory"],
  transport: [
    "base", "codec", "props", "format", "convert", "wire/smtp", "rules", "store", "net", "directory", "mailbox",
    "calendar",
  ],
  serve: [
    "base", "codec", "props", "format", "wire", "convert", "directory", "mailbox", "calendar", "net", "transport",
  ],
  admin: [
    "base", "props", "format", "convert", "calendar/zones", "rules", "store", "directory", "mailbox", "transport",
  ],
  doctor: ["base", "codec", "wire/autodiscover", "wire/mapi", "directory", "net", "admin"],
  main: [
    "base", "codec", "props", "format", "wire", "convert", "rules", "store", "directory", "mailbox", "calendar", "net",
    "transport", "serve", "admin", "doctor",
  ],
};

/** Rooms whose code is a function of its arguments: no sockets, files, clock, random numbers or logs. */
export const pureRooms = [
  "base", "codec", "props", "format", "wire", "convert", "calendar/zones", "calendar/recurrence",
  "calendar/occurrences", "calendar/free-busy", "calendar/booking", "calendar/reminders", "calendar/tasks",
  "calendar/meetings", "calendar/published", "calendar/sharing", "rules",
];

/** Rooms cut into siblings that know nothing of each other. */
export const siblingRooms = ["wire", "serve"];
