import { describe, expect, it } from 'vitest';
import { onRequest, startServer } from './scripted-server.ts';
import { Answer, ask, GET, metric, setUp, until } from './setup.ts';

const HANDSHAKE = { ...GET, target: '/ws', headers: ['sec-websocket-version', '13'], isUpgrade: true };
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n';

describe('an upgrade', () => {
  it('hands over the socket, paused, with what came behind the head', async () => {
    await using server = await startServer((socket) => {
      onRequest(socket, () => {
        socket.write(`${SWITCH}\x81\x02hi`, 'latin1');
      });
    });
    const { upstream, advance } = setUp([server.port]);
    const answer = await new Answer(upstream, HANDSHAKE).ended();
    expect(server.received()).toBe(
      'GET /ws HTTP/1.1\r\nhost: arena.example\r\nsec-websocket-version: 13\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n',
    );
    expect(answer.log).toEqual(['upgrade']);
    expect(answer.head?.status).toBe(101);
    expect(answer.firstBytes).toBe('\x81\x02hi');
    expect(answer.socket?.isPaused()).toBe(true);
    expect(answer.socket?.listenerCount('data')).toBe(0);
    expect(answer.socket?.listenerCount('error')).toBe(0);
    // It is not ours any more: no deadline of ours ends it.
    for (let count = 0; count < 5; count += 1) advance(100_000);
    answer.call.abort();
    answer.socket?.write('to the server');
    await until(() => server.received().endsWith('to the server'));
    answer.socket?.destroy();
  });

  it('counts as load of its server until it ends, and not against the connections of the pool', async () => {
    await using server = await startServer((socket) => onRequest(socket, () => socket.write(SWITCH)));
    const { upstream, metrics } = setUp([server.port], {
      pool: { connectionsMax: 1, idleMax: 1, idleMs: 4_000, pendingMax: 10 },
    });
    const answers = [];
    for (let count = 0; count < 3; count += 1) answers.push(await new Answer(upstream, HANDSHAKE).ended());
    const labels = `upstream="arena",server="127.0.0.1:${server.port}"`;
    const upgraded = `gateway_upstream_connections{${labels},state="upgraded"}`;
    expect(metric(metrics, upgraded)).toBe(3);
    expect(metric(metrics, `gateway_upstream_connections{${labels},state="active"}`)).toBe(0);
    for (const { socket } of answers) socket?.destroy();
    await until(() => metric(metrics, upgraded) === 0);
  });

  it('that the server refuses is an ordinary response', async () => {
    await using server = await startServer((socket) => {
      onRequest(socket, () => socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno'));
    });
    const { upstream } = setUp([server.port]);
    expect((await ask(upstream, HANDSHAKE)).short).toBe('403 no');
    expect((await ask(upstream, HANDSHAKE)).short).toBe('403 no');
    expect(server.connections()).toBe(1);
  });

  it('that nobody asked for is refused', async () => {
    await using server = await startServer((socket) => onRequest(socket, () => socket.write(SWITCH)));
    const { upstream } = setUp([server.port]);
    const answer = await ask(upstream);
    expect(answer.short).toBe('UPSTREAM_MALFORMED upstream');
    expect(answer.error?.message).toBe('101 without having been asked');
  });
});
