import { connect, type Socket } from 'node:net';

export interface Pace {
  /** Called whenever something happens, so that the pace can tell quiet from busy. */
  onActivity(): void;
  /** Resolves when nothing more is to be expected from the bytes sent so far. */
  quiet(): Promise<void>;
}

/**
 * Sends the segments on one connection, each in a write of its own, waits for quiet, ends its side and waits until the
 * other side has ended too. `deadlineMs` bounds the last wait.
 */
export async function converse(
  port: number,
  segments: readonly string[],
  pace: Pace,
  deadlineMs: number,
): Promise<{ received: Buffer; isClosed: boolean }> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    pace.onActivity();
  });
  socket.on('error', () => socket.destroy());
  const closed = new Promise<true>((resolve) => {
    socket.once('end', () => pace.onActivity());
    socket.once('close', () => resolve(true));
  });
  await new Promise<void>((resolve) => {
    socket.once('connect', resolve);
    socket.once('close', resolve);
  });
  for (const segment of segments) await written(socket, segment);
  await pace.quiet();
  socket.end();
  const isClosed = await Promise.race([closed, deadline(deadlineMs)]);
  socket.destroy();
  return { received: Buffer.concat(chunks), isClosed };
}

/** Lets the other side read the segment before the next one is written. */
async function written(socket: Socket, segment: string): Promise<void> {
  if (!socket.writable) return;
  socket.write(segment, 'latin1');
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

function deadline(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(resolve, ms, false).unref());
}
