import { REASONS } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { always, ok, onRequest, type Script, startServer } from './scripted-server.ts';
import { Answer, ask, GET, metric, post, send, setUp, until } from './setup.ts';

/** A port nobody listens on. */
async function deadPort(): Promise<number> {
  const server = await startServer(() => {});
  await server.close();
  return server.port;
}

const HEAD_10 = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n';

const FAILURES: readonly {
  readonly name: string;
  readonly script: Script;
  readonly code: 'UPSTREAM_CLOSED' | 'UPSTREAM_MALFORMED';
  readonly message: string;
  readonly log: readonly string[];
}[] = [
  {
    name: 'dies before it answers',
    script: (socket) => onRequest(socket, () => socket.destroy()),
    code: 'UPSTREAM_CLOSED',
    message: 'before the response',
    log: ['failure'],
  },
  {
    name: 'resets the connection',
    script: (socket) => onRequest(socket, () => socket.resetAndDestroy()),
    code: 'UPSTREAM_CLOSED',
    message: 'ECONNRESET before the response',
    log: ['failure'],
  },
  {
    name: 'dies within its head',
    script: (socket) => onRequest(socket, () => socket.end('HTTP/1.1 200 OK\r\ncontent-le')),
    code: 'UPSTREAM_CLOSED',
    message: 'within the response',
    log: ['failure'],
  },
  {
    name: 'closes within a body with a length',
    script: (socket) => onRequest(socket, () => socket.end(`${HEAD_10}abc`)),
    code: 'UPSTREAM_CLOSED',
    message: 'within the response',
    log: ['head', 'data', 'failure'],
  },
  {
    name: 'closes within a chunked body',
    script: (socket) =>
      onRequest(socket, () => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n')),
    code: 'UPSTREAM_CLOSED',
    message: 'within the response',
    log: ['head', 'data', 'failure'],
  },
  {
    name: 'resets within a body that lasts until the end',
    script: (socket) =>
      onRequest(socket, () => socket.write('HTTP/1.1 200 OK\r\n\r\nabc', () => socket.resetAndDestroy())),
    code: 'UPSTREAM_CLOSED',
    message: 'within the response',
    log: ['head', 'data', 'failure'],
  },
  {
    name: 'answers garbage',
    script: (socket) => onRequest(socket, () => socket.write('\x16\x03\x01 what?\r\n\r\n')),
    code: 'UPSTREAM_MALFORMED',
    message: 'a control character in the head',
    log: ['failure'],
  },
  {
    name: 'speaks another protocol and waits',
    script: (socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'),
    code: 'UPSTREAM_MALFORMED',
    message: 'not an HTTP/1.x status line',
    log: ['failure'],
  },
  {
    name: 'breaks its chunks',
    script: (socket) =>
      onRequest(socket, () => socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n')),
    code: 'UPSTREAM_MALFORMED',
    message: 'a chunk longer than its size',
    log: ['head', 'data', 'failure'],
  },
];

describe('a server that fails', () => {
  it.each(FAILURES)('that $name is blamed with $code', async ({ script, code, message, log }) => {
    await using server = await startServer(script);
    const { upstream } = setUp([server.port], { retries: { attemptsMax: 1, budgetRatio: 1 } });
    const answer = await ask(upstream);
    expect(answer.short).toBe(`${code} upstream`);
    expect(answer.error?.message).toContain(message);
    expect(answer.error?.retry).toBe(false);
    expect(answer.log).toEqual(log);
    expect(REASONS[code].status).toBe(502);
    expect(answer.call.server).toBe(`127.0.0.1:${server.port}`);
  });

  it('is blamed with UPSTREAM_CONNECT_FAILED when nobody listens', async () => {
    const port = await deadPort();
    const { upstream, metrics } = setUp([port]);
    const answer = await ask(upstream);
    expect(answer.short).toBe('UPSTREAM_CONNECT_FAILED upstream');
    expect(answer.error?.message).toBe('ECONNREFUSED');
    expect(answer.error?.retry).toBe(true);
    expect(answer.call.attempts).toBe(2);
    const series = `gateway_upstream_requests_total{upstream="arena",server="127.0.0.1:${port}",result="connect_failed"}`;
    expect(metric(metrics, series)).toBe(2);
  });

  it('gets as long for its head as configured, however it trickles', async () => {
    await using server = await startServer((socket) => {
      onRequest(socket, () => socket.write('HTTP/1.1 200 OK\r\n'));
      trickle = () => socket.write('a: b\r\n');
    });
    let trickle: () => void = () => {};
    const { upstream, advance } = setUp([server.port]);
    const answer = new Answer(upstream, GET);
    await until(() => server.received() !== '');
    for (let passed = 0; passed < 5_000; passed += 1_000) {
      expect(answer.log).toEqual([]);
      trickle();
      advance(1_000);
    }
    expect((await answer.ended()).short).toBe('UPSTREAM_TIMEOUT upstream');
    expect(answer.error?.message).toBe('no response head within 5000 ms');
    expect(answer.call.attempts).toBe(1);
    expect(REASONS.UPSTREAM_TIMEOUT.status).toBe(504);
  });

  it('may pause within a body as long as configured, and no longer', async () => {
    await using server = await startServer((socket) => {
      onRequest(socket, () => socket.write(`${HEAD_10}a`));
      trickle = () => socket.write('b');
    });
    let trickle: () => void = () => {};
    const { upstream, advance } = setUp([server.port]);
    const answer = new Answer(upstream, GET);
    await until(() => answer.body === 'a');
    advance(0);
    advance(2_999);
    trickle();
    await until(() => answer.body === 'ab');
    advance(0);
    advance(2_999);
    expect(answer.log).toEqual(['head', 'data']);
    advance(1);
    expect(answer.short).toBe('UPSTREAM_TIMEOUT upstream');
    expect(answer.error?.message).toBe('nothing of the response body came within 3000 ms');
  });

  it('must take the request body', async () => {
    await using server = await startServer((socket) => socket.pause());
    const { upstream, advance } = setUp([server.port]);
    const answer = new Answer(upstream, post(50_000_000), (call) => call.write(Buffer.alloc(50_000_000)));
    await until(() => answer.log.includes('wanted') && server.connections() === 1);
    advance(0);
    advance(2_999);
    expect(answer.isOver).toBe(false);
    advance(1);
    expect(answer.error?.message).toBe('nothing of the request body was taken within 3000 ms');
    expect(answer.short).toBe('UPSTREAM_TIMEOUT upstream');
  });

  it('is not blamed for a client that sends its body slowly', async () => {
    await using server = await startServer((socket) => {
      socket.on('data', () => {
        if (server.received().endsWith('hello')) socket.write(ok('thanks'));
      });
    });
    const { upstream, advance } = setUp([server.port]);
    const answer = new Answer(upstream, post(5), () => {});
    await until(() => answer.log.includes('wanted'));
    for (let count = 0; count < 10; count += 1) advance(10_000);
    answer.call.write(Buffer.from('hello'));
    answer.call.end();
    expect((await answer.ended()).short).toBe('200 thanks');
  });

  it('that accepts nothing in time is a timeout', async () => {
    const { upstream, advance } = setUp([], {
      servers: [{ address: { kind: 'tcp', host: 'arena.internal', port: 80 }, weight: 1 }],
      retries: { attemptsMax: 1, budgetRatio: 1 },
      lookUp: () => new Promise(() => {}),
    });
    const answer = new Answer(upstream, GET);
    advance(1_999);
    expect(answer.log).toEqual([]);
    advance(1);
    expect(answer.short).toBe('UPSTREAM_TIMEOUT upstream');
    expect(answer.error?.message).toBe('name lookup: not done within 2000 ms');
    expect(answer.error?.retry).toBe(true);
  });
});

describe('a connection between two requests', () => {
  it('is closed when bytes come that nobody asked for, so that they answer nobody', async () => {
    await using server = await startServer((socket, count) => {
      onRequest(socket, () => {
        socket.write(ok('mine'));
        if (count === 0) poison = () => socket.write(ok('evil'));
      });
    });
    let poison: () => void = () => {};
    const { upstream, metrics } = setUp([server.port]);
    expect((await ask(upstream)).short).toBe('200 mine');
    poison();
    const idle = `gateway_upstream_connections{upstream="arena",server="127.0.0.1:${server.port}",state="idle"}`;
    await until(() => metric(metrics, idle) === 0);
    expect((await ask(upstream)).short).toBe('200 mine');
    expect(server.connections()).toBe(2);
  });

  it('is not used again when a second response came with the first', async () => {
    await using server = await startServer(always(`${ok('mine')}${ok('evil')}`));
    const { upstream } = setUp([server.port]);
    expect((await ask(upstream)).short).toBe('200 mine');
    expect((await ask(upstream)).short).toBe('200 mine');
    expect(server.connections()).toBe(2);
  });

  it('is closed after the configured time', async () => {
    await using server = await startServer(always(ok('x')));
    const { upstream, advance, metrics } = setUp([server.port]);
    await ask(upstream);
    const idle = `gateway_upstream_connections{upstream="arena",server="127.0.0.1:${server.port}",state="idle"}`;
    advance(3_999);
    expect(metric(metrics, idle)).toBe(1);
    advance(1);
    expect(metric(metrics, idle)).toBe(0);
  });

  it('is closed a second before the server would close it, where the server tells', async () => {
    const response = 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=3, max=100\r\ncontent-length: 0\r\n\r\n';
    await using server = await startServer(always(response));
    const { upstream, advance, metrics } = setUp([server.port]);
    await ask(upstream);
    const idle = `gateway_upstream_connections{upstream="arena",server="127.0.0.1:${server.port}",state="idle"}`;
    advance(1_999);
    expect(metric(metrics, idle)).toBe(1);
    advance(1);
    expect(metric(metrics, idle)).toBe(0);
  });

  it('that was closed meanwhile costs an idempotent request one more try, and not its server’s health', async () => {
    await using server = await startServer((socket, count) => {
      onRequest(socket, (requests) => {
        if (count === 0 && requests === 1) socket.destroy();
        else socket.write(ok(`${count}`));
      });
    });
    const { upstream, metrics, events } = setUp([server.port], { ejection: { failuresMax: 1, durationMs: 10_000 } });
    expect((await ask(upstream)).short).toBe('200 0');
    const answer = await ask(upstream);
    expect(answer.short).toBe('200 1');
    expect(answer.call.attempts).toBe(2);
    expect(metric(metrics, 'gateway_upstream_retries_total{upstream="arena"}')).toBe(1);
    expect(events).toEqual([]);
  });

  it('goes to the one that was used last', async () => {
    await using server = await startServer((socket, count) => onRequest(socket, () => socket.write(ok(`${count}`))));
    const { upstream } = setUp([server.port]);
    const both = [new Answer(upstream, GET), new Answer(upstream, GET)];
    for (const answer of both) await answer.ended();
    const last = (await ask(upstream)).body;
    expect((await ask(upstream)).body).toBe(last);
    expect(server.connections()).toBe(2);
  });
});

describe('limits of a pool', () => {
  const POOL = { connectionsMax: 2, idleMax: 1, idleMs: 4_000, pendingMax: 3 };

  it('opens no more connections than allowed, lets as many wait as allowed and refuses the next', async () => {
    const answers: (() => void)[] = [];
    await using server = await startServer((socket) =>
      onRequest(socket, () => answers.push(() => socket.write(ok('x')))),
    );
    const { upstream } = setUp([server.port], { pool: POOL, retries: { attemptsMax: 1, budgetRatio: 1 } });
    const begun = [new Answer(upstream, GET), new Answer(upstream, GET)];
    await until(() => answers.length === 2);
    begun.push(new Answer(upstream, GET), new Answer(upstream, GET), new Answer(upstream, GET));
    const refused = await ask(upstream);
    expect(refused.short).toBe('UPSTREAM_UNAVAILABLE upstream');
    expect(refused.error?.message).toBe('3 requests are waiting for a connection already');
    expect(REASONS.UPSTREAM_UNAVAILABLE.status).toBe(503);
    for (let count = 0; count < 5; count += 1) {
      await until(() => answers.length > count);
      answers[count]?.();
    }
    for (const answer of begun) expect((await answer.ended()).short).toBe('200 x');
    expect(server.connections()).toBe(2);
  });

  it('counts nobody as waiting whose connection is being opened', async () => {
    await using server = await startServer(always(ok('x')));
    const { upstream } = setUp([server.port], { pool: POOL, retries: { attemptsMax: 1, budgetRatio: 1 } });
    const answers = [1, 2, 3, 4, 5, 6].map(() => new Answer(upstream, GET));
    for (const answer of answers) await answer.ended();
    expect(answers.map(({ short }) => short)).toEqual([
      '200 x',
      '200 x',
      '200 x',
      '200 x',
      '200 x',
      'UPSTREAM_UNAVAILABLE upstream',
    ]);
  });

  it('lets nobody wait longer than a connection may take', async () => {
    await using server = await startServer(() => {});
    const { upstream, advance, events } = setUp([server.port], {
      pool: { ...POOL, connectionsMax: 1 },
      retries: { attemptsMax: 1, budgetRatio: 1 },
      ejection: { failuresMax: 1, durationMs: 1_000 },
    });
    const first = new Answer(upstream, GET);
    await until(() => server.received() !== '');
    const second = new Answer(upstream, GET);
    advance(1_999);
    expect(second.log).toEqual([]);
    advance(1);
    expect(second.short).toBe('UPSTREAM_UNAVAILABLE upstream');
    expect(second.error?.message).toBe('no connection became free within 2000 ms');
    expect(events).toEqual([]);
    first.call.abort();
  });

  it('keeps no more idle connections than allowed', async () => {
    await using server = await startServer(always(ok('x')));
    const { upstream, metrics } = setUp([server.port], { pool: POOL });
    const both = [new Answer(upstream, GET), new Answer(upstream, GET)];
    for (const answer of both) await answer.ended();
    const labels = `upstream="arena",server="127.0.0.1:${server.port}"`;
    expect(metric(metrics, `gateway_upstream_connections{${labels},state="idle"}`)).toBe(1);
    expect(metric(metrics, `gateway_upstream_connections{${labels},state="active"}`)).toBe(0);
  });
});

describe('closing upstreams', () => {
  it('closes idle connections, finishes what is under way and refuses what is new', async () => {
    let finish: () => void = () => {};
    let closed = 0;
    await using server = await startServer((socket, count) => {
      socket.on('close', () => {
        closed += 1;
      });
      onRequest(socket, () => {
        if (count === 0) finish = () => socket.write(ok('late'));
        else socket.write(ok('early'));
      });
    });
    const { upstreams, upstream } = setUp([server.port]);
    const late = new Answer(upstream, GET);
    await until(() => server.received() !== '');
    expect((await ask(upstream)).short).toBe('200 early');
    upstreams.close();
    await until(() => closed === 1);
    expect(upstream.isAvailable()).toBe(false);
    const refused = await ask(upstream);
    expect(refused.short).toBe('UPSTREAM_UNAVAILABLE internal');
    finish();
    expect((await late.ended()).short).toBe('200 late');
    await until(() => closed === 2);
  });
});

describe('retries', () => {
  it('never send a body twice, whatever happens to it', async () => {
    let requests = 0;
    await using bad = await startServer((socket) =>
      onRequest(socket, () => {
        requests += 1;
        socket.destroy();
      }),
    );
    await using good = await startServer((socket) =>
      onRequest(socket, () => {
        requests += 1;
        socket.write(ok('x'));
      }),
    );
    const { upstream } = setUp([bad.port, good.port]);
    const answer = await send(upstream, post(5), 'hello');
    expect(answer.short).toBe('UPSTREAM_CLOSED upstream');
    expect(requests).toBe(1);
  });

  it.each(['POST', 'PATCH'])('do not repeat %s even without a body, once it was sent', async (method) => {
    await using bad = await startServer((socket) => onRequest(socket, () => socket.destroy()));
    await using good = await startServer(always(ok('x')));
    const { upstream } = setUp([bad.port, good.port]);
    expect((await ask(upstream, { ...GET, method })).short).toBe('UPSTREAM_CLOSED upstream');
    expect(good.received()).toBe('');
  });

  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])('repeat %s on another server', async (method) => {
    await using bad = await startServer((socket) => onRequest(socket, () => socket.destroy()));
    await using good = await startServer(always('HTTP/1.1 204 No Content\r\n\r\n'));
    const { upstream } = setUp([bad.port, good.port]);
    const answer = await ask(upstream, { ...GET, method });
    expect(answer.head?.status).toBe(204);
    expect(answer.call).toMatchObject({ attempts: 2, server: `127.0.0.1:${good.port}` });
  });

  it('repeat a request with a body where no connection was made', async () => {
    await using good = await startServer((socket) => {
      socket.on('data', () => {
        if (good.received().endsWith('hello')) socket.write(ok('thanks'));
      });
    });
    const { upstream } = setUp([await deadPort(), good.port]);
    const answer = await send(upstream, post(5), 'hello');
    expect(answer.short).toBe('200 thanks');
    expect(answer.log.filter((what) => what === 'wanted')).toHaveLength(1);
    expect(answer.call.attempts).toBe(2);
  });

  it('stop after the first byte of a response', async () => {
    await using bad = await startServer((socket) => onRequest(socket, () => socket.end('HTTP')));
    await using good = await startServer(always(ok('x')));
    const { upstream } = setUp([bad.port, good.port]);
    expect((await ask(upstream)).short).toBe('UPSTREAM_CLOSED upstream');
    expect(good.received()).toBe('');
  });

  it('stop at the number of tries', async () => {
    const { upstream } = setUp([await deadPort(), await deadPort(), await deadPort(), await deadPort()], {
      retries: { attemptsMax: 3, budgetRatio: 1 },
    });
    const answer = await ask(upstream);
    expect(answer.short).toBe('UPSTREAM_CONNECT_FAILED upstream');
    expect(answer.call.attempts).toBe(3);
  });

  it('stop when the budget is spent, and go on when it has grown again', async () => {
    const { upstream, clock, metrics } = setUp([await deadPort()], { retries: { attemptsMax: 2, budgetRatio: 0.1 } });
    const attempts = async (requests: number): Promise<number> => {
      let sum = 0;
      for (let count = 0; count < requests; count += 1) sum += (await ask(upstream)).call.attempts;
      return sum;
    };
    // Three are always allowed; a tenth of 50 is two more.
    expect(await attempts(50)).toBe(55);
    expect(metric(metrics, 'gateway_upstream_retries_total{upstream="arena"}')).toBe(5);
    clock.advance(10_000);
    expect(await attempts(2)).toBe(4);
  });
});
