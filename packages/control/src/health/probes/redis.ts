import { type Probe, ProbeError } from '../probe.ts';
import type { RedisTarget } from '../service.ts';
import { wireProbe } from './socket-probes.ts';
import type { Wire } from './wire.ts';

/** Redis and whatever speaks its protocol (RESP 2): signs in where a password is given, and wants PING answered. */
export function redisProbe(target: RedisTarget): Probe {
  const { user, password } = target;
  return wireProbe(target, async (wire) => {
    if (password !== undefined) {
      wire.write(command(['AUTH', ...(user === undefined ? [] : [user]), password]));
      if ((await simpleReply(wire)) !== 'OK') throw new ProbeError('PROTOCOL');
    }
    wire.write(command(['PING']));
    if ((await simpleReply(wire)) !== 'PONG') throw new ProbeError('PROTOCOL');
  });
}

function command(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;
}

/** The text of a simple string. @throws ProbeError for an error, of which only the first word is kept, and for anything else. */
async function simpleReply(wire: Wire): Promise<string> {
  const line = (await wire.takeUntil('\r\n', REPLY_BYTES_MAX)).toString('latin1');
  if (line.startsWith('+')) return line.slice(1);
  if (!line.startsWith('-')) throw new ProbeError('PROTOCOL');
  const word = /^-([A-Z]{1,24})(?: |$)/.exec(line)?.[1] ?? '';
  throw new ProbeError(CREDENTIAL_ERRORS.has(word) ? 'AUTHENTICATION' : 'SERVER_ERROR', word);
}

const CREDENTIAL_ERRORS: ReadonlySet<string> = new Set(['NOAUTH', 'WRONGPASS', 'NOPERM']);

/** Longest line of a reply, in bytes: errors are sentences. */
const REPLY_BYTES_MAX = 1_024;
