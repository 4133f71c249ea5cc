/** Looking at the first bytes of a connection before it is decided who speaks on it. */
import type { Socket } from "node:net";

/**
 * Reads until `parse` gives something, then puts back what lies beyond the `consumed` bytes. Null when the client left
 * or `maxBytes` came first. The caller bounds the time by destroying the socket.
 */
export function peek<T>(
  socket: Socket, maxBytes: number, parse: (bytes: Buffer) => { found: T; consumed: number } | null,
): Promise<T | null> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const finish = (result: { found: T; consumed: number } | null): void => {
      socket.off("readable", onReadable);
      for (const event of ["end", "close"]) socket.off(event, onEnd);
      const rest = bytes.subarray(result?.consumed ?? 0);
      if (rest.length > 0 && !socket.destroyed) socket.unshift(rest);
      resolve(result?.found ?? null);
    };
    const onEnd = (): void => finish(null);
    const onReadable = (): void => {
      for (let chunk: Buffer | null; (chunk = socket.read() as Buffer | null) !== null;) {
        bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      }
      const result = parse(bytes);
      if (result !== null || bytes.length >= maxBytes) finish(result);
    };
    for (const event of ["end", "close"]) socket.on(event, onEnd);
    socket.on("readable", onReadable);
  });
}
