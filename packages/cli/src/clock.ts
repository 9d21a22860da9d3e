import type { Clock } from '@sallyport/kernel';

/** The clocks of the machine. */
export const systemClock: Clock = { wallMs: () => Date.now(), monotonicMs: () => performance.now() };
