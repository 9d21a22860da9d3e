import { compilePolicy, type PolicyImage } from '@sallyport/gateway';
import { config } from '@sallyport/gateway/test-config';
import type { LogFields } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import {
  type CarriedPolicy,
  POLICY_BYTES_MAX,
  PolicyReceipt,
  piecesOf,
  RELEASE,
} from '../../../src/plane/hand-over/carried-policy.ts';
import type { HeldPolicy } from '../../../src/plane/hand-over/messages.ts';
import { PolicyCarrier } from '../../../src/plane/hand-over/policy-carrier.ts';

const HELD: HeldPolicy = { release: RELEASE, hash: 'a' };
const LISTS = { allow: [], deny: ['192.0.2.0/24', '2001:db8::/32'] };
const IMAGE: PolicyImage = compilePolicy(config({ upstreams: [], lists: LISTS }), 7);

/** A process that brings policies, and what arrives at the one before it. */
class Rig {
  readonly judgedBy: CarriedPolicy[] = [];
  readonly said: string[] = [];
  isRefusing = false;
  pieces = 0;
  readonly #receipt = new PolicyReceipt();
  readonly carrier: PolicyCarrier;

  constructor() {
    const say = (message: string, fields?: LogFields): void =>
      void this.said.push(
        `${message.includes('does not') ? 'no' : 'yes'} ${String(fields?.['error'] ?? fields?.['workers'])}`,
      );
    this.carrier = new PolicyCarrier({
      log: { info: say, warn: say, error: say },
      ask: async (question) => {
        if (question.kind !== 'policy') throw new TypeError(question.kind);
        this.pieces += 1;
        const policy = this.#receipt.take(structuredClone(question.piece));
        if (policy === undefined) return { kind: 'taken' };
        if (this.isRefusing) throw new Error('worker 1 cannot use it');
        this.judgedBy.push(policy);
        return { kind: 'judging', workers: 3 };
      },
    });
  }

  async begin(held: HeldPolicy | undefined = HELD, hash = 'a'): Promise<void> {
    this.carrier.begin(held, { hash, image: IMAGE });
    await settled();
  }

  async bring(...hashes: readonly string[]): Promise<void> {
    for (const hash of hashes) this.carrier.bring({ hash, image: IMAGE });
    await settled();
  }
}

/** Nothing is on its way any more. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) await Promise.resolve();
}

function carry(image: PolicyImage): CarriedPolicy | undefined {
  const receipt = new PolicyReceipt();
  let carried: CarriedPolicy | undefined;
  for (const piece of piecesOf({ hash: 'a', image })) carried = receipt.take(structuredClone(piece));
  return carried;
}

describe('a policy that is carried to another process', () => {
  it('is the same there, with its tables in memory that threads share', () => {
    const carried = carry(IMAGE);
    expect(carried).toEqual({ hash: 'a', image: IMAGE });
    expect(sharedIn(carried?.image)).toBe(sharedIn(IMAGE));
    expect(sharedIn(IMAGE)).toBeGreaterThan(0);
  });

  it('travels in pieces where it is large, and tables of one buffer stay tables of one buffer', () => {
    const buffer = new SharedArrayBuffer(2_600_008);
    new Uint32Array(buffer, 8).forEach((_, index, all) => void (all[index] = index * 7));
    const tables = {
      all: new Uint32Array(buffer, 8),
      some: new Uint16Array(buffer, 2, 3),
      none: new Uint8Array(new SharedArrayBuffer(0)),
    };
    const image = { ...IMAGE, ...tables };
    const pieces = [...piecesOf({ hash: 'a', image })];
    expect(pieces.every(({ bytes }) => bytes.length <= 1_048_576)).toBe(true);
    const carried = carry(image)?.image;
    expect(carried).toEqual(image);
    expect(bufferOf(carried, 'all')).toBe(bufferOf(carried, 'some'));
  });

  it.each([
    ['is larger than its sizes say', (bytes: Uint8Array) => ({ bytes: new Uint8Array([...bytes, 0]) })],
    ['is smaller than its sizes say', (bytes: Uint8Array) => ({ bytes: bytes.subarray(1), isLast: true })],
    ['begins in the middle', () => ({ isFirst: false })],
    ['is too large', () => ({ sizes: [POLICY_BYTES_MAX, 1] })],
    ['has no size', () => ({ sizes: [Number.NaN] })],
  ])('is refused when it %s', (_, change) => {
    const [piece] = [...piecesOf({ hash: 'a', image: IMAGE })];
    if (piece === undefined) throw new Error('there is no piece');
    const receipt = new PolicyReceipt();
    expect(() => receipt.take({ ...piece, ...change(piece.bytes) })).toThrow(RangeError);
    // And the next one is taken.
    expect(receipt.take(piece)).toBeUndefined();
  });
});

describe('what brings policies to the process before', () => {
  it('brings none that is there already', async () => {
    const rig = new Rig();
    await rig.begin();
    expect([rig.pieces, rig.said]).toEqual([0, []]);
  });

  it('brings the one in force at the beginning where it is another', async () => {
    const rig = new Rig();
    await rig.begin(HELD, 'b');
    expect([rig.judgedBy, rig.said]).toEqual([[{ hash: 'b', image: IMAGE }], ['yes 3']]);
  });

  it('brings, of several that come while one is on its way, the last one only', async () => {
    const rig = new Rig();
    await rig.begin();
    await rig.bring('b', 'c', 'd');
    expect(rig.judgedBy.map(({ hash }) => hash)).toEqual(['d']);
    await rig.bring('e');
    expect([rig.judgedBy.at(-1)?.hash, rig.said]).toEqual(['e', ['yes 3', 'yes 3']]);
  });

  it('says so when one cannot be used there, and brings the next', async () => {
    const rig = new Rig();
    await rig.begin();
    rig.isRefusing = true;
    await rig.bring('b');
    rig.isRefusing = false;
    await rig.bring('c');
    expect([rig.judgedBy.map(({ hash }) => hash), rig.said]).toEqual([
      ['c'],
      ['no Error: worker 1 cannot use it', 'yes 3'],
    ]);
  });

  it.each([
    ['of another release', { release: '0.0.1', hash: 'a' }, '0.0.1'],
    ['of a release that takes no policies', undefined, 'an earlier one'],
  ])('brings none to a process %s, and says so of each', async (_, held, named) => {
    const rig = new Rig();
    rig.carrier.begin(held, { hash: 'a', image: IMAGE });
    await rig.bring('b');
    expect([rig.pieces, rig.said.at(-1)]).toEqual([0, `no it is of another release: ${named}`]);
  });

  it('brings nothing before there is a process that follows, nor when that is gone', async () => {
    const rig = new Rig();
    await rig.bring('b');
    await rig.begin();
    rig.carrier.end();
    await rig.bring('c');
    expect([rig.pieces, rig.said]).toEqual([0, []]);
  });
});

/** How many tables lie in memory that threads share. */
function sharedIn(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.buffer instanceof SharedArrayBuffer ? 1 : 0;
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce((sum: number, item) => sum + sharedIn(item), 0);
}

function bufferOf(image: PolicyImage | undefined, table: string): unknown {
  return Reflect.get(Reflect.get(image ?? {}, table), 'buffer');
}
