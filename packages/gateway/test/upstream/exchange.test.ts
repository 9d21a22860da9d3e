import { describe, expect, it } from 'vitest';
import { always, ok, onRequest, startServer } from './scripted-server.ts';
import { Answer, ask, GET, metric, post, send, setUp, until } from './setup.ts';

const CHUNKED = { ...GET, method: 'POST', framing: { kind: 'chunked' } } as const;

describe('a request to an upstream', () => {
  it('leaves as exactly these bytes and comes back with status, headers, body and facts', async () => {
    await using server = await startServer(always('HTTP/1.1 201 Made\r\nX-A: 1\r\ncontent-length: 2\r\n\r\nhi'));
    const { upstream } = setUp([server.port]);
    const answer = await ask(upstream);
    expect(server.received()).toBe(
      'GET /scores?top=10 HTTP/1.1\r\nhost: arena.example\r\naccept: */*\r\nx-request-id: 1\r\n\r\n',
    );
    expect(answer.log).toEqual(['head', 'data', 'end']);
    expect(answer.short).toBe('201 hi');
    expect(answer.head?.statusText).toBe('Made');
    expect(answer.head?.headers.get('x-a')).toBe('1');
    expect(answer.call).toMatchObject({ server: `127.0.0.1:${server.port}`, attempts: 1, headMs: 0 });
  });

  it('names the server itself when the client’s authority is not wanted', async () => {
    await using server = await startServer(always(ok('')));
    const { upstream } = setUp([server.port]);
    await ask(upstream, { ...GET, authority: undefined });
    expect(server.received()).toContain(`\r\nhost: 127.0.0.1:${server.port}\r\n`);
  });

  it('uses one connection for one request after the other', async () => {
    await using server = await startServer(always(ok('x')));
    const { upstream, metrics } = setUp([server.port]);
    for (let count = 0; count < 5; count += 1) expect((await ask(upstream)).short).toBe('200 x');
    expect(server.connections()).toBe(1);
    const labels = `upstream="arena",server="127.0.0.1:${server.port}"`;
    expect(metric(metrics, `gateway_upstream_requests_total{${labels},result="ok"}`)).toBe(5);
    expect(metric(metrics, `gateway_upstream_connections{${labels},state="idle"}`)).toBe(1);
  });

  it('sends a body with a length as it is', async () => {
    await using server = await startServer((socket) => {
      socket.on('data', () => {
        if (server.received().endsWith('hello')) socket.write(ok('thanks'));
      });
    });
    const { upstream } = setUp([server.port]);
    const answer = await send(upstream, post(5), 'hello');
    expect(answer.log).toEqual(['wanted', 'head', 'data', 'end']);
    expect(server.received()).toMatch(/\r\ncontent-length: 5\r\n\r\nhello$/);
  });

  it('gathers what comes in one turn into one chunk, and sends no empty chunk before the end', async () => {
    await using server = await startServer((socket) => {
      socket.on('data', () => {
        if (server.received().endsWith('0\r\n\r\n')) socket.write(ok('thanks'));
      });
    });
    const { upstream } = setUp([server.port]);
    const answer = new Answer(upstream, CHUNKED, (call) => {
      call.write(Buffer.from('hello world, hello'));
      call.write(Buffer.alloc(0));
      call.write(Buffer.from('!'));
      call.end();
    });
    expect((await answer.ended()).short).toBe('200 thanks');
    expect(server.received()).toMatch(/\r\ntransfer-encoding: chunked\r\n\r\n13\r\nhello world, hello!\r\n0\r\n\r\n$/);
  });

  it('turns a flood of one-byte pieces into few chunks, and loses none', async () => {
    await using server = await startServer((socket) => {
      socket.on('data', () => {
        if (server.received().endsWith('0\r\n\r\n')) socket.write(ok('thanks'));
      });
    });
    const { upstream } = setUp([server.port]);
    const answer = new Answer(upstream, CHUNKED, (call) => {
      for (let piece = 0; piece < 100_000; piece += 1) call.write(Buffer.from('x'));
      call.end();
    });
    expect((await answer.ended()).short).toBe('200 thanks');
    const sizes = [...server.received().matchAll(/\r\n([0-9a-f]+)\r\nx/g)].map(([, size = '']) =>
      Number.parseInt(size, 16),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100_000);
    expect(sizes.length).toBeLessThan(10);
  });

  it('wants no body that is announced as empty', async () => {
    await using server = await startServer(always(ok('')));
    const { upstream } = setUp([server.port]);
    const answer = new Answer(upstream, post(0));
    answer.call.end();
    expect((await answer.ended()).log).toEqual(['head', 'end']);
    expect(server.received()).toContain('\r\ncontent-length: 0\r\n\r\n');
  });

  it('tells when a body has to wait, and when it may go on', async () => {
    const bytes = 8_000_000;
    let got = 0;
    await using server = await startServer((socket) => {
      socket.pause();
      socket.on('data', (chunk) => {
        got += chunk.length;
        if (got > bytes) socket.write(ok('thanks'));
      });
      // Reading begins only when the test says so.
      resumes.push(() => socket.resume());
    });
    const { upstream } = setUp([server.port]);
    let isReady = true;
    const answer = new Answer(upstream, post(bytes), (call) => {
      isReady = call.write(Buffer.alloc(bytes));
      call.end();
    });
    await until(() => resumes.length === 1 && !isReady);
    expect(answer.log).toEqual(['wanted']);
    resumes.pop()?.();
    expect((await answer.ended()).short).toBe('200 thanks');
  });

  it('pauses the response until it is resumed', async () => {
    const body = 'x'.repeat(1_000_000);
    await using server = await startServer(always(ok(body)));
    const { upstream, advance } = setUp([server.port]);
    const answer = new Answer(upstream, GET);
    answer.isHungry = false;
    await until(() => answer.body.length > 0);
    // A client that reads nothing is not the server's fault: no deadline passes.
    for (let count = 0; count < 5; count += 1) advance(10_000);
    expect(answer.body.length).toBeLessThan(body.length);
    answer.isHungry = true;
    answer.call.resume();
    await answer.ended();
    expect(answer.body.length).toBe(body.length);
    expect((await ask(upstream)).body.length).toBe(body.length);
    expect(server.connections()).toBe(1);
  });

  it('passes on an answer that comes before the body is complete, and does not use the connection again', async () => {
    await using server = await startServer((socket) => {
      onRequest(socket, () => socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno'));
    });
    const { upstream } = setUp([server.port]);
    const answer = new Answer(upstream, post(100), (call) => call.write(Buffer.from('the first part')));
    expect((await answer.ended()).short).toBe('413 no');
    expect(answer.call.write(Buffer.from('what nobody wants'))).toBe(true);
    answer.call.end();
    await ask(upstream);
    expect(server.connections()).toBe(2);
  });

  it('ends a connection on which more of a body was written than announced', async () => {
    await using server = await startServer(() => {});
    const { upstream } = setUp([server.port]);
    const answer = await send(upstream, post(3), 'abcGET /evil HTTP/1.1');
    expect(answer.short).toBe('INTERNAL internal');
    expect(server.received()).not.toContain('evil');
  });

  it('ends a connection on which less of a body was written than announced', async () => {
    await using server = await startServer(() => {});
    const { upstream } = setUp([server.port]);
    expect((await send(upstream, post(10), 'abc')).short).toBe('INTERNAL internal');
  });

  it.each([
    ['a line break in a value', { headers: ['x', 'a\r\nevil: 1'] }],
    ['a character that loses its upper bits', { headers: ['x', 'a\u010aevil: 1'] }],
    ['a line break in a name', { headers: ['x\nevil', '1'] }],
    ['a space in the target', { target: '/a HTTP/1.1' }],
    ['a line break in the authority', { authority: 'a\r\nevil: 1' }],
  ])('does not write %s', async (_, part) => {
    await using server = await startServer(always(ok('')));
    const { upstream } = setUp([server.port]);
    expect((await ask(upstream, { ...GET, ...part })).short).toBe('INTERNAL internal');
    expect(server.received()).toBe('');
  });

  it('reads a body that ends with the connection', async () => {
    await using server = await startServer((socket) => {
      onRequest(socket, () => socket.end('HTTP/1.1 200 OK\r\n\r\nall of it'));
    });
    const { upstream } = setUp([server.port]);
    expect((await ask(upstream)).short).toBe('200 all of it');
  });

  it('goes over a Unix socket', async () => {
    const path = `/tmp/sallyport-test-${process.pid}-${Date.now()}.sock`;
    await using server = await startServer(always(ok('unix')), { path });
    const { upstream } = setUp([], { servers: [{ address: { kind: 'unix', path }, weight: 1 }] });
    const answer = await ask(upstream, { ...GET, authority: undefined });
    expect(answer.short).toBe('200 unix');
    expect(answer.call.server).toBe(`unix:${path}`);
    expect(server.received()).toContain('\r\nhost: localhost\r\n');
  });
});

describe('aborting a request', () => {
  it('closes the connection and says nothing more, at any moment and any number of times', async () => {
    let closed = 0;
    await using server = await startServer((socket) => {
      socket.on('close', () => {
        closed += 1;
      });
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc');
    });
    const { upstream } = setUp([server.port]);
    const whileConnecting = new Answer(upstream, GET);
    whileConnecting.call.abort();
    whileConnecting.call.abort();
    const answer = new Answer(upstream, GET);
    await until(() => answer.body === 'abc');
    answer.call.abort();
    answer.call.abort();
    answer.call.resume();
    answer.call.write(Buffer.from('x'));
    answer.call.end();
    await until(() => closed >= 1);
    expect(whileConnecting.log).toEqual([]);
    expect(answer.log).toEqual(['head', 'data']);
  });

  it('takes a request out of the queue', async () => {
    await using server = await startServer((socket) =>
      onRequest(socket, () => heads.push(() => socket.write(ok('x')))),
    );
    const heads: (() => void)[] = [];
    const { upstream } = setUp([server.port], {
      pool: { connectionsMax: 1, idleMax: 1, idleMs: 4_000, pendingMax: 10 },
    });
    const first = new Answer(upstream, GET);
    const second = new Answer(upstream, GET);
    const third = new Answer(upstream, GET);
    await until(() => heads.length === 1);
    second.call.abort();
    heads[0]?.();
    await first.ended();
    await until(() => heads.length === 2);
    heads[1]?.();
    expect((await third.ended()).short).toBe('200 x');
    expect(second.log).toEqual([]);
    expect(server.connections()).toBe(1);
  });
});

const resumes: (() => void)[] = [];
