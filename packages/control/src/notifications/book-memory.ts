import type { Notice, NoticeSeverity } from '@sallyport/kernel';

/** What of a book outlives the process. Times are of the wall clock. */
export interface BookMemory {
  /** States that somebody was told of, and not of their end. */
  readonly told: readonly {
    readonly notice: Notice;
    readonly sinceMs: number;
    readonly channels: readonly ToldChannel[];
  }[];
  /** When channels were sent messages lately. */
  readonly sent: readonly { readonly channel: string; readonly sentMs: readonly number[] }[];
}

export interface ToldChannel {
  readonly channel: string;
  readonly severity: NoticeSeverity;
  /** The last message of its group. */
  readonly sentMs: number;
}

export function writeMemory(memory: BookMemory): string {
  return JSON.stringify({ version: VERSION, ...memory });
}

/** Undefined for what `writeMemory` has not written. */
export function readMemory(text: string): BookMemory | undefined {
  try {
    const memory: unknown = JSON.parse(text);
    const isOurs = typeof memory === 'object' && memory !== null && Reflect.get(memory, 'version') === VERSION;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Only our own user can write where it is kept, and only `writeMemory` writes this version.
    return isOurs ? (memory as BookMemory & { readonly version: number }) : undefined;
  } catch {
    return undefined;
  }
}

/** Another form has another number. */
const VERSION = 1;
