/** Takes what has to be done when a test is over. The context of a node:test test is one. */
export interface Scope {
  after(end: () => Promise<void> | void): void;
}

/** The scope of a suite: create it in the suite, give it to what `before` starts, and hand its `end` to `after`. */
export class SuiteScope implements Scope {
  readonly #ends: (() => Promise<void> | void)[] = [];

  after(end: () => Promise<void> | void): void {
    this.#ends.push(end);
  }

  /** Does everything, the last that came first. */
  readonly end = async (): Promise<void> => {
    for (const end of this.#ends.toReversed()) await end();
  };
}

/** Longest wait for something that must come, in milliseconds. Only a defect needs it; no test says how fast something is. */
export const PATIENCE_MS = 60_000;

/** How often something that tells nobody when it changes is looked at, in milliseconds. */
const LOOK_MS = 20;

/** Looks until `find` answers something. @throws Error that names `what` when it does not come. */
export async function eventually<T>(what: string, find: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${what} did not come within ${PATIENCE_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** The same for a promise. @throws Error that names `what` when it does not settle. */
export async function patiently<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not come within ${PATIENCE_MS} ms`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
