import { once } from 'node:events';
import { connect, type NetConnectOpts } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { type AdminRig, startAdmin } from './rig.ts';

/** Asks on a connection of its own; answers what came back until it ended in order. @throws Error when it was reset. */
function ask(where: NetConnectOpts): Promise<string> {
  const socket = connect(where);
  socket.write('GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n');
  return text(socket);
}

const DOORS = [
  ['the socket file', ({ socket }: AdminRig) => ({ path: socket }), /^HTTP\/1\.1 200 [^]*\r\nconnection: close\r\n/i],
  ['the port', ({ port }: AdminRig) => ({ host: '127.0.0.1', port }), /^HTTP\/1\.1 421 [^]*\r\nconnection: close\r\n/i],
] as const;

describe('an admin API that leaves', () => {
  it.each(DOORS)(
    'answers all who have come by %s and wait in the queue of the kernel, and takes nobody after them',
    async (_, at, answer) => {
      const rig = await startAdmin();
      const calls = Array.from({ length: 40 }, () => ask(at(rig)));
      const left = rig.server.leave();
      for (const heard of await Promise.all(calls)) expect(heard).toMatch(answer);
      await left;
      await expect(ask(at(rig))).rejects.toThrow(/ECONNREFUSED|ENOENT/);
    },
  );

  it('ends at once who has been answered and asks nothing', async () => {
    const rig = await startAdmin();
    const socket = connect({ path: rig.socket });
    const heard = text(socket);
    const answered = once(socket, 'data');
    socket.write('GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await answered;
    await rig.server.leave();
    expect(await heard).toMatch(/^HTTP\/1\.1 200 [^]*\r\nConnection: keep-alive\r\n/);
  });
});
