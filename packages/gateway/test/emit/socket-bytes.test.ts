import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { MetricsRegistry } from '@sallyport/kernel';
import { afterEach, describe, expect, test } from 'vitest';
import { SocketBytes } from '../../src/emit/socket-bytes.ts';

const opened: { destroy(): unknown }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.destroy();
});

async function pair(): Promise<{ readonly ours: Socket; readonly theirs: Socket }> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const accepted = once(server, 'connection');
  const theirs = connect(address.port, '127.0.0.1');
  const ours: unknown = (await accepted)[0];
  server.close();
  if (!isSocket(ours)) throw new Error('no socket');
  opened.push(ours, theirs);
  return { ours, theirs };
}

function isSocket(value: unknown): value is Socket {
  return typeof value === 'object' && value !== null && 'bytesRead' in value;
}

function setUp(): { readonly bytes: SocketBytes; readonly values: () => readonly number[] } {
  const family = new MetricsRegistry().counter('bytes_total', 'Bytes.', ['direction']);
  const bytes = new SocketBytes(family);
  const values = (): readonly number[] => {
    bytes.collect();
    return [family.with('in').value, family.with('out').value];
  };
  return { bytes, values };
}

describe('bytes of sockets', () => {
  test('are counted while they are open, and once after they have closed', async () => {
    const { bytes, values } = setUp();
    const { ours, theirs } = await pair();
    bytes.watch(ours);
    theirs.write('12345');
    await once(ours, 'data');
    ours.write('123');
    await once(theirs, 'data');
    expect(values()).toEqual([5, 3]);
    theirs.end('67');
    await once(ours, 'data');
    ours.end();
    await once(ours, 'close');
    expect(values()).toEqual([7, 3]);
    bytes.leave(ours);
    expect(values()).toEqual([7, 3]);
  });

  test('of several sockets add up, and what was not watched does not count', async () => {
    const { bytes, values } = setUp();
    const [one, other, stranger] = [await pair(), await pair(), await pair()];
    bytes.enter(one.ours);
    bytes.enter(other.ours);
    for (const [{ ours, theirs }, text] of [
      [one, 'a'],
      [other, 'bb'],
      [stranger, 'cccc'],
    ] as const) {
      theirs.write(text);
      await once(ours, 'data');
    }
    expect(values()).toEqual([3, 0]);
  });
});
