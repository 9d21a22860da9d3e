import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { Direction, WRITE_OVERHEAD_BYTES } from '../../src/websocket/direction.ts';
import { close, frame, readStream } from './frame-builder.ts';
import { limitsWith } from './harness.ts';

interface Room {
  readonly direction: Direction;
  readonly counted: number[];
  /** Lets the target take what waits; returns everything it has got. */
  readonly take: () => Promise<Buffer>;
}

function room(bufferBytesMax = 262_144): Room {
  const [source] = duplexPair();
  const [target, end] = duplexPair();
  const counted: number[] = [];
  const chunks: Buffer[] = [];
  const direction = new Direction({
    name: 'in',
    source,
    target,
    limits: limitsWith({ bufferBytesMax }),
    observer: { onMessage: (_, bytes) => counted.push(bytes), onRefusal: () => undefined },
  });
  const take = async (): Promise<Buffer> => {
    end.on('data', (chunk: Buffer) => chunks.push(chunk));
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    return Buffer.concat(chunks);
  };
  return { direction, counted, take };
}

describe('a direction', () => {
  it('counts each waiting write with its overhead, so that tiny frames cannot fill memory unseen', async () => {
    const bufferBytesMax = 65_536;
    const { direction, take } = room(bufferBytesMax);
    let writes = 0;
    while (!direction.isPaused) {
      direction.carry(frame('x'));
      writes += 1;
    }
    expect(writes).toBeLessThanOrEqual(bufferBytesMax / WRITE_OVERHEAD_BYTES + 1);
    await take();
    expect(direction.isPaused).toBe(false);
    expect(direction.waitingBytes).toBe(0);
    expect(direction.writesDone).toBe(writes);
  });

  it('leaves a chunk of many frames as one write', async () => {
    const { direction, counted, take } = room();
    const frames = Array.from({ length: 100 }, (_, index) => frame(`message ${index}`));
    expect(direction.carry(Buffer.concat(frames))).toBe('carried');
    const bytes = await take();
    expect(direction.writesDone).toBe(1);
    expect(readStream(bytes, 'client').frames.map(({ payload }) => payload.toString())).toEqual(
      frames.map((_, index) => `message ${index}`),
    );
    expect(counted).toHaveLength(100);
  });

  it('counts a message when its last byte has come, and once', () => {
    const { direction, counted } = room();
    const stream = Buffer.concat([
      frame('abc', { isFinal: false }),
      frame('', { opcode: 9 }),
      frame('de', { opcode: 0 }),
    ]);
    direction.carry(stream.subarray(0, stream.length - 1));
    expect(counted).toEqual([]);
    direction.carry(stream.subarray(stream.length - 1));
    expect([counted, direction.messages, direction.bytes]).toEqual([[5], 1, 5]);
  });

  it('passes a close frame on as its last one and names its code', async () => {
    const { direction, take } = room();
    expect(direction.carry(Buffer.concat([frame('a'), close(3001, 'x'), frame('b')]))).toBe('closed');
    expect([direction.hasClosed, direction.isFinished, direction.closeCode]).toEqual([true, true, 3001]);
    expect(readStream(await take(), 'client').frames.map(({ opcode }) => opcode)).toEqual([2, 8]);
  });

  it('reads on for the close frame after it was finished, and writes nothing of what comes', async () => {
    const { direction, counted, take } = room();
    direction.finish(close(1012, '', { key: Buffer.from('wxyz') }));
    expect(direction.carry(frame('late'))).toBe('carried');
    expect(direction.carry(close(1000))).toBe('closed');
    const { frames } = readStream(await take(), 'client');
    expect(frames.map(({ opcode, payload }) => [opcode, payload.toString('hex')])).toEqual([[8, '03f4']]);
    expect(counted).toEqual([]);
  });
});
