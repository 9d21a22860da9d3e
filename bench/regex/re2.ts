import { Buffer } from 'node:buffer';

/** The peer, as far as the benchmark uses it. */
export interface Re2Module {
  one(pattern: string): { test(text: string): boolean };
  /** All patterns in one set; the dot matches everything, as rule sets for ModSecurity expect. */
  setOf(patterns: readonly string[]): { match(text: string): readonly number[] };
}

interface Re2Constructor {
  new (pattern: string, flags: string): { test(text: string): boolean };
  readonly Set: new (
    patterns: readonly string[],
    flags: string,
    options: { maxMem: number },
  ) => { match(text: Buffer): number[] };
}

/** `re2` from npm, which needs a native build and so is not among the dependencies; undefined if it is not there. */
export async function loadRe2(): Promise<Re2Module | undefined> {
  const name = 're2';
  try {
    // Typed by hand: the package is not there when types are checked.
    const { default: Re2 }: { default: Re2Constructor } = await import(name);
    return {
      one: (pattern) => new Re2(pattern.replace(/^\(\?i\)/, ''), pattern.startsWith('(?i)') ? 'i' : ''),
      setOf: (patterns) => {
        const set = new Re2.Set(patterns, 's', { maxMem: 256 * 2 ** 20 });
        // Bytes go in without a conversion; strings would be turned from UTF-16 at every call.
        return { match: (text) => set.match(Buffer.from(text, 'latin1')) };
      },
    };
  } catch {
    return undefined;
  }
}
