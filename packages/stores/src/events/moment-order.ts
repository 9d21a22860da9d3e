import type { StoredEvent } from './flat-fields.ts';
import { timeOf } from './flat-fields.ts';

/** The place of an event among all others: by its time, then by who emitted it, then by its sequence there. */
export interface Moment {
  readonly timeMs: number;
  readonly source: string;
  readonly sequence: number;
}

/** Below 0 when `one` comes before `other`. No two events have the same moment. */
export function compareMoments(one: Moment, other: Moment): number {
  if (one.timeMs !== other.timeMs) return one.timeMs - other.timeMs;
  if (one.source !== other.source) return one.source < other.source ? -1 : 1;
  return one.sequence - other.sequence;
}

export function momentOf(event: StoredEvent): Moment {
  const { node, boot, sequence } = event;
  return { timeMs: timeOf(event), source: sourceText(node, boot), sequence: Number(sequence ?? 0) };
}

export function sourceText(node: unknown, boot: unknown): string {
  return `${typeof node === 'string' ? node : ''} ${typeof boot === 'string' ? boot : ''}`;
}

/** A moment as a text that says where a list of events goes on. */
export function cursorOf({ timeMs, source, sequence }: Moment): string {
  return Buffer.from(JSON.stringify([timeMs, source, sequence])).toString('base64url');
}

/** Undefined when it is none: clients send it back. */
export function parseCursor(text: string): Moment | undefined {
  if (text.length > CURSOR_LENGTH_MAX) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (!Array.isArray(parts)) return undefined;
    const [timeMs, source, sequence] = parts as readonly unknown[];
    if (typeof timeMs !== 'number' || typeof source !== 'string' || typeof sequence !== 'number') return undefined;
    return { timeMs, source, sequence };
  } catch {
    return undefined;
  }
}

const CURSOR_LENGTH_MAX = 1_024;
