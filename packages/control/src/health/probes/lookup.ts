import { lookup as lookupName } from 'node:dns';
import type { LookupFunction } from 'node:net';

/**
 * Names as the machine knows them (files, resolvers), at most {@link LOOKUPS_AT_ONCE_MAX} at once. Each occupies one of the four
 * threads that this process has for everything that waits, for as long as a dead resolver likes: checks must leave some to others.
 */
export const lookup: LookupFunction = (host, options, callback) => {
  const begin = (): void => {
    running += 1;
    lookupName(host, options, (error, address, family) => {
      running -= 1;
      waiting.shift()?.();
      callback(error, address, family);
    });
  };
  if (running < LOOKUPS_AT_ONCE_MAX) begin();
  else if (waiting.length < LOOKUPS_WAITING_MAX) waiting.push(begin);
  else queueMicrotask(() => callback(Object.assign(new Error('too many lookups'), { code: 'EAI_AGAIN' }), '', 0));
};

const LOOKUPS_AT_ONCE_MAX = 2;

/** Each belongs to a check, which may have been given up meanwhile. */
const LOOKUPS_WAITING_MAX = 200;

let running = 0;
const waiting: (() => void)[] = [];
