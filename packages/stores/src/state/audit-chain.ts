import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { AuditEntry, AuditHead } from '@sallyport/kernel';

/** An entry as it is stored. */
export interface ChainLink {
  readonly sequence: number;
  /** The entry as canonical JSON: what is hashed is what is stored, byte for byte. */
  readonly entry: string;
  readonly hash: string;
  readonly mac: string;
}

export const EMPTY_HEAD: AuditHead = { sequence: 0, hash: '' };

/**
 * The chain of the audit log. The hash of a link covers the hash before it, its number and its entry, so nothing in the middle can
 * be changed or taken out alone. The key makes the code beside it: who can write to the database and has not the key cannot make
 * the chain anew.
 */
export class AuditChain {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  append(head: AuditHead, entry: AuditEntry): ChainLink {
    const sequence = head.sequence + 1;
    const text = canonical(entry);
    const hash = hashOf(head.hash, sequence, text);
    return { sequence, entry: text, hash, mac: this.seal({ sequence, hash }) };
  }

  /** What is wrong with a link behind `head`; undefined: nothing. */
  check(head: AuditHead, { sequence, entry, hash, mac }: ChainLink): string | undefined {
    if (sequence !== head.sequence + 1) return `entry ${head.sequence + 1} is missing`;
    if (hash !== hashOf(head.hash, sequence, entry)) return `entry ${sequence} is not what was written`;
    return this.isSealOf(mac, { sequence, hash }) ? undefined : `entry ${sequence} was not written with the key`;
  }

  seal({ sequence, hash }: AuditHead): string {
    return createHmac('sha256', this.#key).update(`${sequence}:${hash}`).digest('hex');
  }

  isSealOf(mac: string, head: AuditHead): boolean {
    const right = Buffer.from(this.seal(head));
    const given = Buffer.from(mac);
    return given.length === right.length && timingSafeEqual(given, right);
  }
}

function hashOf(previous: string, sequence: number, entry: string): string {
  return createHash('sha256').update(`${previous}\n${sequence}\n${entry}`).digest('hex');
}

/** RFC 8785 for what an entry is: a flat object of texts and whole numbers, its keys in order. */
function canonical(entry: AuditEntry): string {
  const { author, detail, operation, result, session, timeMs } = entry;
  return JSON.stringify({ author, detail, operation, result, session, timeMs });
}
