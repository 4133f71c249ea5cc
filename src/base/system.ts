/**
 * Everything that is not a function of its arguments enters here, so that a test can run the whole server on a seeded
 * clock. Rooms other than `main` never touch the clock, random numbers, timers or the name system in another way.
 */
export interface System {
  /** Wall clock, milliseconds since 1970-01-01 UTC. */
  nowMs(): number;
  /** Never goes back; for measuring and deadlines. Milliseconds, with fractions. */
  monotonicMs(): number;
  /** Cryptographic random bytes. */
  randomBytes(size: number): Uint8Array;
  /** Runs `body` once after `delayMs`; the result takes it back. The timer does not keep the process alive. */
  setTimer(delayMs: number, body: () => void): () => void;
  readonly resolver: Resolver;
}

/** The name system. A name without the records asked for gives an empty list; a failing lookup throws. */
export interface Resolver {
  mx(name: string): Promise<{ exchange: string; priority: number }[]>;
  a(name: string): Promise<string[]>;
  aaaa(name: string): Promise<string[]>;
  txt(name: string): Promise<string[]>;
  srv(name: string): Promise<{ name: string; port: number; priority: number; weight: number }[]>;
  ptr(address: string): Promise<string[]>;
}
