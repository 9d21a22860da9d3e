import type { ErrorReport } from '@sallyport/stores';

/** An error without what could not go from thread to thread. */
export type ThrownFacts = Pick<ErrorReport, 'name' | 'message' | 'stack'>;

/** What can be said of something thrown, as texts that go from thread to thread. Never throws, whatever its getters do. */
export function describeThrown(cause: unknown): ThrownFacts {
  try {
    if (!(cause instanceof Error)) return { name: 'Thrown', message: String(cause) };
    const of = (key: string): string => String(Reflect.get(cause, key) ?? '');
    return { name: of('name'), message: of('message'), stack: of('stack') };
  } catch {
    return { name: 'Thrown', message: 'something that cannot be read' };
  }
}
