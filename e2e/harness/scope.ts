/** Takes what has to be done when a test is over. The context of a node:test test is one, and so is `{ after }` of a suite. */
export interface Scope {
  after(end: () => Promise<void> | void): void;
}

/** Longest wait for something that must come, in milliseconds. Only a defect needs it; no test says how fast something is. */
export const PATIENCE_MS = 20_000;

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
