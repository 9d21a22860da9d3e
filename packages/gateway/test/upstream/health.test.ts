import type { HealthCheck } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import {
  afterCheck,
  afterFailure,
  afterSuccess,
  type Health,
  isIn,
  UNKNOWN_HEALTH,
} from '../../src/upstream/health.ts';
import { always, ok, onRequest, startServer } from './scripted-server.ts';
import { Answer, ask, GET, metric, setUp, until } from './setup.ts';

const CHECK: HealthCheck = { path: '/healthz', intervalMs: 1_000, timeoutMs: 500, healthyAfter: 2, unhealthyAfter: 3 };
const EJECTION = { failuresMax: 3, durationMs: 10_000 };

/** `+` healthy, `-` not. */
function checked(results: string): Health {
  return [...results].reduce((health, result) => afterCheck(health, result === '+', CHECK), UNKNOWN_HEALTH);
}

describe('health', () => {
  it.each([
    ['', true],
    ['+', true],
    ['-', false],
    ['+--', true],
    ['+---', false],
    ['+--+--', true],
    ['-+', false],
    ['-++', true],
    ['-+-+', false],
  ])('after the checks "%s" lets the server in: %s', (results, expected) => {
    expect(isIn(checked(results), 0)).toBe(expected);
  });

  it('leaves a server out after as many failures in a row as allowed, for as long as configured', () => {
    let health = UNKNOWN_HEALTH;
    health = afterFailure(health, EJECTION, 0);
    health = afterFailure(health, EJECTION, 0);
    health = afterSuccess(health);
    health = afterFailure(health, EJECTION, 0);
    health = afterFailure(health, EJECTION, 0);
    expect(isIn(health, 0)).toBe(true);
    health = afterFailure(health, EJECTION, 0);
    expect(isIn(health, 0)).toBe(false);
    expect(isIn(health, 9_999)).toBe(false);
    expect(isIn(health, 10_000)).toBe(true);
  });

  it('leaves a server out again after one more failure, unless a request succeeded', () => {
    let health = UNKNOWN_HEALTH;
    for (let count = 0; count < 3; count += 1) health = afterFailure(health, EJECTION, 0);
    expect(isIn(afterFailure(health, EJECTION, 10_000), 10_001)).toBe(false);
    expect(isIn(afterFailure(afterSuccess(health), EJECTION, 10_000), 10_001)).toBe(true);
  });

  it('does not leave a server out for longer because of requests that were under way', () => {
    let health = UNKNOWN_HEALTH;
    for (let count = 0; count < 3; count += 1) health = afterFailure(health, EJECTION, 0);
    health = afterFailure(health, EJECTION, 9_000);
    expect(isIn(health, 10_000)).toBe(true);
  });
});

describe('active checks', () => {
  it('take a server out and back, tell so, and say when the first is done (part of R2.23)', async () => {
    let status = 200;
    await using sick = await startServer((socket) =>
      onRequest(socket, (_, head) => {
        const isCheck = head.startsWith('GET /healthz ');
        socket.write(`HTTP/1.1 ${isCheck ? status : 200} X\r\ncontent-length: 4\r\n\r\nsick`);
      }),
    );
    await using well = await startServer(always(ok('well')));
    const { upstreams, upstream, events, advance, metrics } = setUp([sick.port, well.port], { healthCheck: CHECK });
    await upstreams.ready();
    expect(events).toEqual([]);
    status = 500;
    // A check is over when its connection is closed.
    for (let count = 1; count <= 3; count += 1) {
      await until(() => sick.closed() === count);
      expect(events).toEqual([]);
      advance(1_000);
    }
    await until(() => sick.closed() === 4);
    expect(events).toEqual([`upstream-down arena 127.0.0.1:${sick.port}: the health check was answered with 500`]);
    const healthy = `gateway_upstream_healthy{upstream="arena",server="127.0.0.1:${sick.port}"}`;
    expect(metric(metrics, healthy)).toBe(0);
    for (let count = 0; count < 4; count += 1) expect((await ask(upstream)).body).toBe('well');
    status = 302;
    for (let count = 5; count <= 6; count += 1) {
      expect(events).toHaveLength(1);
      advance(1_000);
      await until(() => sick.closed() === count);
    }
    expect(events[1]).toBe(`upstream-up arena 127.0.0.1:${sick.port}: the health check was answered with 302`);
    expect(metric(metrics, healthy)).toBe(1);
    expect(new Set([(await ask(upstream)).body, (await ask(upstream)).body])).toEqual(new Set(['sick', 'well']));
    expect(sick.received()).toContain(
      `GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:${sick.port}\r\nuser-agent: sallyport-health\r\nconnection: close\r\n\r\n`,
    );
    upstreams.close();
  });

  it('end in their own time when the server does not answer', async () => {
    await using server = await startServer(() => {});
    const { upstreams, upstream, events, advance } = setUp([server.port], { healthCheck: CHECK });
    let isReady = false;
    const ready = upstreams.ready().then(() => {
      isReady = true;
      return undefined;
    });
    await until(() => server.received() !== '');
    advance(499);
    expect(isReady).toBe(false);
    advance(1);
    await ready;
    expect(events).toEqual([
      `upstream-down arena 127.0.0.1:${server.port}: no answer to the health check within 500 ms`,
    ]);
    expect(upstream.isAvailable()).toBe(false);
    upstreams.close();
  });

  it('are spread by a tenth of their interval, so that gateways do not check in step', async () => {
    await using server = await startServer(always(ok('')));
    const { upstreams, advance } = setUp([server.port], { healthCheck: CHECK, random: () => 0 });
    await upstreams.ready();
    advance(899);
    await until(() => server.connections() === 1);
    advance(1);
    await until(() => server.connections() === 2);
    upstreams.close();
  });

  it('do not keep anybody waiting where there are none, or when it is all over', async () => {
    const { upstreams } = setUp([1]);
    await upstreams.ready();
    upstreams.close();
    await upstreams.ready();
  });
});

describe('an upstream', () => {
  it('leaves out a server that fails again and again, and tells so (part of R2.23)', async () => {
    await using bad = await startServer((socket) => onRequest(socket, () => socket.destroy()));
    await using good = await startServer(always(ok('good')));
    const { upstream, events, advance } = setUp([bad.port, good.port], {
      ejection: EJECTION,
      retries: { attemptsMax: 1, budgetRatio: 0 },
    });
    const answers: string[] = [];
    for (let count = 0; count < 10; count += 1) answers.push((await ask(upstream)).short);
    expect(answers.filter((short) => short === 'UPSTREAM_CLOSED upstream')).toHaveLength(3);
    expect(events).toHaveLength(1);
    expect(events[0]).toContain(
      `upstream-down arena 127.0.0.1:${bad.port}: 3 failures in a row, the last: UPSTREAM_CLOSED`,
    );
    expect(upstream.isAvailable()).toBe(true);
    advance(10_000);
    expect(events[1]).toBe(`upstream-up arena 127.0.0.1:${bad.port}: the time of its ejection is over`);
    const again = [(await ask(upstream)).short, (await ask(upstream)).short];
    expect(again).toContain('UPSTREAM_CLOSED upstream');
  });

  it('asks all servers when all are out', async () => {
    let isBroken = true;
    await using server = await startServer((socket) =>
      onRequest(socket, () => (isBroken ? socket.destroy() : socket.write(ok('back')))),
    );
    const { upstream } = setUp([server.port], {
      ejection: EJECTION,
      retries: { attemptsMax: 1, budgetRatio: 0 },
    });
    for (let count = 0; count < 3; count += 1) await ask(upstream);
    expect(upstream.isAvailable()).toBe(false);
    isBroken = false;
    expect((await ask(upstream)).short).toBe('200 back');
  });

  it('does not take an answer for a failure, whatever its status', async () => {
    await using server = await startServer(always('HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n'));
    const { upstream, events } = setUp([server.port], {
      ejection: { failuresMax: 1, durationMs: 1_000 },
      breaker: { errorRatio: 0.1, requestsMin: 1, windowMs: 10_000, openMs: 5_000 },
    });
    for (let count = 0; count < 5; count += 1) expect((await ask(upstream)).head?.status).toBe(503);
    expect(events).toEqual([]);
  });

  it('stops asking when too much fails, tries once after a while, and goes on when that is answered', async () => {
    let isBroken = true;
    let requests = 0;
    await using server = await startServer((socket) =>
      onRequest(socket, () => {
        requests += 1;
        if (isBroken) socket.destroy();
        else socket.write(ok('back'));
      }),
    );
    const { upstream, events, advance, metrics } = setUp([server.port], {
      breaker: { errorRatio: 0.5, requestsMin: 4, windowMs: 10_000, openMs: 5_000 },
      ejection: { failuresMax: 100, durationMs: 1 },
      retries: { attemptsMax: 1, budgetRatio: 0 },
    });
    const gauge = 'gateway_upstream_breaker_state{upstream="arena"}';
    for (let count = 0; count < 4; count += 1) await ask(upstream);
    expect(metric(metrics, gauge)).toBe(2);
    expect(upstream.isAvailable()).toBe(false);
    const refused = await ask(upstream);
    expect(refused.short).toBe('UPSTREAM_UNAVAILABLE upstream');
    expect(refused.error?.message).toBe('the circuit breaker is open');
    expect(refused.call).toMatchObject({ attempts: 0, server: '', headMs: -1 });
    expect(requests).toBe(4);
    advance(5_000);
    isBroken = false;
    const both = [new Answer(upstream, GET), new Answer(upstream, GET)];
    expect(metric(metrics, gauge)).toBe(1);
    expect((await both[1]?.ended())?.short).toBe('UPSTREAM_UNAVAILABLE upstream');
    expect((await both[0]?.ended())?.short).toBe('200 back');
    expect((await ask(upstream)).short).toBe('200 back');
    expect(metric(metrics, gauge)).toBe(0);
    expect(events).toEqual([
      'breaker-open arena: too many requests failed',
      'breaker-closed arena: the probe was answered',
    ]);
  });

  it('lets the next request probe when a client aborts the probe', async () => {
    await using server = await startServer((socket) => onRequest(socket, () => socket.destroy()));
    const { upstream, advance } = setUp([server.port], {
      breaker: { errorRatio: 0.5, requestsMin: 1, windowMs: 10_000, openMs: 5_000 },
      retries: { attemptsMax: 1, budgetRatio: 0 },
    });
    await ask(upstream);
    advance(5_000);
    new Answer(upstream, GET).call.abort();
    expect((await ask(upstream)).short).toBe('UPSTREAM_CLOSED upstream');
    expect((await ask(upstream)).short).toBe('UPSTREAM_UNAVAILABLE upstream');
  });
});

describe('the choice of a server', () => {
  it('takes turns', async () => {
    await using a = await startServer(always(ok('a')));
    await using b = await startServer(always(ok('b')));
    const { upstream } = setUp([a.port, b.port]);
    const bodies: string[] = [];
    for (let count = 0; count < 6; count += 1) bodies.push((await ask(upstream)).body);
    expect(bodies).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
  });

  it('prefers the server with fewer requests under way', async () => {
    await using a = await startServer(() => {});
    await using b = await startServer(always(ok('b')));
    const { upstream } = setUp([a.port, b.port], { balance: 'least-connections', random: () => 0 });
    const stuck = new Answer(upstream, GET);
    for (let count = 0; count < 5; count += 1) expect((await ask(upstream)).body).toBe('b');
    stuck.call.abort();
    const next = new Answer(upstream, GET);
    expect(next.call.server).toBe(`127.0.0.1:${a.port}`);
    next.call.abort();
  });

  it('keeps a client at its server while that is in', async () => {
    await using a = await startServer(always(ok('a')));
    await using b = await startServer(always(ok('b')));
    const { upstream } = setUp([a.port, b.port], { balance: 'consistent-hash' });
    const bodyOf = async (hashKey: string): Promise<string> => (await ask(upstream, { ...GET, hashKey })).body;
    const keys = Array.from({ length: 16 }, (_, index) => `192.0.2.${index}`);
    const first = await Promise.all(keys.map(bodyOf));
    const second = await Promise.all(keys.map(bodyOf));
    expect(second).toEqual(first);
    expect(new Set(first)).toEqual(new Set(['a', 'b']));
  });
});
