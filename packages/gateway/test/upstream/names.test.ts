import { ManualClock } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { ANSWER_AGE_MAX_MS, NameCache } from '../../src/upstream/dns.ts';
import { always, ok, startServer } from './scripted-server.ts';
import { Answer, ask, GET, setUp, until } from './setup.ts';

describe('the cache of host names', () => {
  it('asks once for as long as an answer is young, and once for all who ask at the same time', async () => {
    const clock = new ManualClock();
    let lookUps = 0;
    const names = new NameCache(() => {
      lookUps += 1;
      return Promise.resolve([`192.0.2.${lookUps}`]);
    }, clock);
    expect(await Promise.all([names.resolve('a'), names.resolve('a')])).toEqual([['192.0.2.1'], ['192.0.2.1']]);
    clock.advance(ANSWER_AGE_MAX_MS - 1);
    expect(await names.resolve('a')).toEqual(['192.0.2.1']);
    clock.advance(1);
    expect(await names.resolve('a')).toEqual(['192.0.2.2']);
    expect(lookUps).toBe(2);
  });

  it('keeps the last good answer while lookups fail or find nothing', async () => {
    const clock = new ManualClock();
    const answers: (readonly string[] | Error)[] = [['192.0.2.1'], new Error('SERVFAIL'), [], ['192.0.2.2']];
    const names = new NameCache(() => {
      const answer = answers.shift() ?? [];
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    }, clock);
    const seen: (readonly string[])[] = [];
    for (let count = 0; count < 4; count += 1) {
      seen.push(await names.resolve('a'));
      clock.advance(ANSWER_AGE_MAX_MS);
    }
    expect(seen.flat()).toEqual(['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2']);
  });

  it('fails where there has never been an answer, and asks again', async () => {
    let lookUps = 0;
    const names = new NameCache(() => {
      lookUps += 1;
      return Promise.reject(new Error('ENOTFOUND'));
    }, new ManualClock());
    await expect(names.resolve('a')).rejects.toThrow('ENOTFOUND');
    await expect(names.resolve('a')).rejects.toThrow('ENOTFOUND');
    expect(lookUps).toBe(2);
  });
});

describe('a server with a name', () => {
  it('is tried at all its addresses, and next time first where it was found', async () => {
    await using server = await startServer(always('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'));
    const { upstream } = setUp([], {
      servers: [{ address: { kind: 'tcp', host: 'arena.internal', port: server.port }, weight: 1 }],
      // The first refuses at once: nobody listens there.
      lookUp: () => Promise.resolve(['127.0.0.2', '127.0.0.1']),
    });
    const answer = await ask(upstream);
    expect(answer.short).toBe('200 ');
    expect(answer.call).toMatchObject({ attempts: 1, server: `arena.internal:${server.port}` });
    expect((await ask(upstream)).short).toBe('200 ');
  });

  it('that cannot be resolved could not be reached', async () => {
    const { upstream } = setUp([], {
      servers: [{ address: { kind: 'tcp', host: 'nowhere.internal', port: 80 }, weight: 1 }],
      lookUp: () => Promise.reject(new Error('ENOTFOUND')),
    });
    const answer = await ask(upstream);
    expect(answer.short).toBe('UPSTREAM_CONNECT_FAILED upstream');
    expect(answer.error?.message).toBe('nowhere.internal: the name could not be resolved');
  });

  it('is found with the system’s resolver', async () => {
    await using server = await startServer(always(ok('x')));
    const { upstream } = setUp([], {
      servers: [{ address: { kind: 'tcp', host: 'localhost', port: server.port }, weight: 1 }],
    });
    expect((await ask(upstream, { ...GET, authority: undefined })).short).toBe('200 x');
    expect(server.received()).toContain(`\r\nhost: localhost:${server.port}\r\n`);
  });

  it('may be aborted while its name is looked up', async () => {
    let answer: (addresses: readonly string[]) => void = () => {};
    await using server = await startServer(always(ok('x')));
    const { upstreams, upstream } = setUp([], {
      servers: [{ address: { kind: 'tcp', host: 'arena.internal', port: server.port }, weight: 1 }],
      lookUp: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    });
    const aborted = new Answer(upstream, GET);
    aborted.call.abort();
    upstreams.close();
    answer(['127.0.0.1']);
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(server.connections()).toBe(0);
    expect(aborted.log).toEqual([]);
    await until(() => !upstream.isAvailable());
  });
});
