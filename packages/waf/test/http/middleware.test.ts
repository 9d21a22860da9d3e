import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { INSPECT_BEGINNING_ONLY, type WafMiddlewareOptions, wafMiddleware } from '../../src/http/index.ts';
import type { Transaction } from '../../src/index.ts';
import { engineOf, idsOf } from '../engine/rig.ts';
import { server as example } from './example.ts';

const RULES = `
SecResponseBodyAccess On
SecRule REQUEST_HEADERS:X-Bad "@streq 1" "id:1,phase:1,deny"
SecRule REQUEST_HEADERS:X-Move "@streq 1" "id:2,phase:1,redirect:/elsewhere"
SecRule REQUEST_HEADERS:X-Drop "@streq 1" "id:3,phase:1,drop"
SecRule ARGS "@contains attack" "id:4,phase:2,deny,status:406"
SecRule RESPONSE_HEADERS:X-Secret "@streq 1" "id:5,phase:3,deny"
SecRule RESPONSE_BODY "@contains stack trace" "id:6,phase:4,deny,status:502"
SecRule REMOTE_ADDR "@streq 192.0.2.9" "id:7,phase:1,pass"`;

const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const open: Server[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function listen(server: Server): Promise<number> {
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('it does not listen');
  return address.port;
}

/** A server behind the middleware, and the transactions that have ended. */
async function serve(
  app: (request: IncomingMessage, response: ServerResponse) => unknown,
  options: Partial<WafMiddlewareOptions> = {},
): Promise<{ port: number; ended: Transaction[] }> {
  const ended: Transaction[] = [];
  const inspect = wafMiddleware({ waf: engineOf(RULES), onEnd: (transaction) => ended.push(transaction), ...options });
  const port = await listen(
    createServer((request, response) => inspect(request, response, () => void app(request, response))),
  );
  return { port, ended };
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

async function ask(
  port: number,
  {
    method = 'GET',
    path = '/',
    headers = {},
    body = [],
  }: { method?: string; path?: string; headers?: Record<string, string>; body?: readonly string[] } = {},
): Promise<Answer> {
  const sent = httpRequest({ port, host: '127.0.0.1', method, path, headers, agent: false });
  for (const piece of body) {
    sent.write(piece);
    await turn();
  }
  sent.end();
  const [answer]: IncomingMessage[] = await once(sent, 'response');
  if (answer === undefined) throw new Error('there is no answer');
  return { status: answer.statusCode, headers: answer.headers, text: await textOf(answer) };
}

async function textOf(stream: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

const hello: RequestListener = (_request, response) => void response.end('hello');
const echo = async (request: IncomingMessage, response: ServerResponse): Promise<void> =>
  void response.end(await textOf(request));

describe('the middleware', () => {
  test.each<[string, Record<string, string>, number, string]>([
    ['passes what the rules pass', {}, 200, 'hello'],
    ['refuses by the head', { 'X-Bad': '1' }, 403, 'The request was refused.\n'],
    ['redirects', { 'X-Move': '1' }, 302, ''],
  ])('%s', async (_, headers, status, text) => {
    const { port } = await serve(hello);
    const answer = await ask(port, { headers });
    expect([answer.status, answer.text]).toEqual([status, text]);
    if (status === 302) expect(answer.headers.location).toBe('/elsewhere');
  });

  test('drops the connection where a rule says so', async () => {
    const { port } = await serve(hello);
    await expect(ask(port, { headers: { 'X-Drop': '1' } })).rejects.toThrow(/hang up|ECONNRESET/);
  });

  test.each<[string, (request: IncomingMessage, response: ServerResponse) => unknown]>([
    ['asynchronous iteration', echo],
    [
      'events',
      (request, response) => {
        let text = '';
        request.on('data', (chunk) => (text += String(chunk))).on('end', () => response.end(text));
      },
    ],
    ['a pipe', (request, response) => request.pipe(response)],
    [
      'reading that begins later',
      async (request, response) => {
        for (let turns = 0; turns < 5; turns += 1) await turn();
        await echo(request, response);
      },
    ],
  ])('gives the application the body that was judged, by %s', async (_, app) => {
    const { port, ended } = await serve((request, response) => void app(request, response));
    const body = ['a=1&b=', 'x'.repeat(70_000), '&c=3'];
    for (const chunked of [true, false]) {
      const headers = chunked ? FORM : { ...FORM, 'Content-Length': String(body.join('').length) };
      expect((await ask(port, { method: 'POST', headers, body })).text).toBe(body.join(''));
    }
    expect(ended.at(-1)?.valueOf('ARGS', 'c')).toBe('3');
  });

  test('refuses by the body, wherever it was cut', async () => {
    const { port, ended } = await serve(echo);
    const answer = await ask(port, { method: 'POST', headers: FORM, body: ['a=1&b=at', 'tack'] });
    expect(answer.status).toBe(406);
    await turn();
    expect(ended.map(idsOf)).toEqual([[4]]);
  });

  test('does not wait where there is no body', async () => {
    const { port } = await serve(echo);
    expect((await ask(port, { method: 'POST', headers: { 'Content-Length': '0' } })).status).toBe(200);
    expect((await ask(port, { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } })).status).toBe(200);
  });

  test('takes the address that it is told', async () => {
    const { port, ended } = await serve(hello, { clientIp: () => '192.0.2.9' });
    await ask(port);
    expect(ended.map(idsOf)).toEqual([[7]]);
  });

  test.each([
    ['with its length', { 'Content-Length': '101' }, ['x'.repeat(101)]],
    ['in chunks', {}, ['x'.repeat(60), 'x'.repeat(60)]],
  ])('refuses a body that is larger than it may be, %s', async (_, headers, body) => {
    const { port } = await serve(echo, { requestBodyBytesMax: 100 });
    expect((await ask(port, { method: 'POST', headers, body })).status).toBe(413);
  });

  test('takes a body of exactly that size', async () => {
    const { port } = await serve(echo, { requestBodyBytesMax: 100 });
    expect((await ask(port, { method: 'POST', body: ['x'.repeat(100)] })).text).toBe('x'.repeat(100));
  });

  test('can be told to look at the beginning only, and loses nothing of the rest', async () => {
    const { port } = await serve(echo, { requestBodyBytesMax: 100, largerBodies: INSPECT_BEGINNING_ONLY });
    const body = ['a='.padEnd(120, 'x'), 'y'.repeat(100_000), 'attack'];
    expect((await ask(port, { method: 'POST', headers: FORM, body })).text).toBe(body.join(''));
    expect((await ask(port, { method: 'POST', headers: FORM, body: [`a=attack${'x'.repeat(200)}`] })).status).toBe(406);
  });

  test('refuses a body that it cannot read', async () => {
    const { port } = await serve(echo);
    expect((await ask(port, { method: 'POST', headers: { 'Content-Encoding': 'gzip' }, body: ['x'] })).status).toBe(
      415,
    );
    expect((await ask(port, { method: 'POST', headers: { 'Content-Encoding': 'identity' }, body: ['x'] })).status).toBe(
      200,
    );
  });

  test('does not call the application for a client that left', async () => {
    let calls = 0;
    const { port, ended } = await serve(() => (calls += 1));
    const socket = connect(port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc');
    await once(socket, 'connect');
    for (let turns = 0; turns < 20; turns += 1) await turn();
    socket.destroy();
    for (let turns = 0; turns < 1_000 && ended.length === 0; turns += 1) await turn();
    expect([calls, ended.length]).toEqual([0, 1]);
  });
});

describe('the middleware, looking at answers', () => {
  const html = { 'Content-Type': 'text/html' };
  const saying =
    (pieces: readonly string[], headers: Record<string, string> = html): RequestListener =>
    (_request, response) => {
      response.writeHead(200, headers);
      for (const piece of pieces) response.write(piece);
      response.end();
    };

  test('passes a harmless one as it is', async () => {
    const { port } = await serve(saying(['a', 'b', 'c'], { ...html, 'X-Own': '1' }), { responses: 'inspect' });
    const answer = await ask(port);
    expect([answer.status, answer.text, answer.headers['x-own']]).toEqual([200, 'abc', '1']);
  });

  test('replaces one whose head is refused, and nothing of it is left', async () => {
    const { port } = await serve(saying(['a'], { ...html, 'X-Secret': '1', 'X-Own': '1' }), { responses: 'inspect' });
    const answer = await ask(port);
    expect([answer.status, answer.text, answer.headers['x-own']]).toEqual([
      403,
      'The request was refused.\n',
      undefined,
    ]);
  });

  test('replaces one whose body is refused, however it was written', async () => {
    const ways: RequestListener[] = [
      saying(['a stack', ' trace']),
      (_request, response) => void response.setHeader('Content-Type', 'text/html').end('a stack trace'),
      (_request, response) =>
        void response.writeHead(200, 'OK', ['Content-Type', 'text/html']).end(Buffer.from('a stack trace')),
      (_request, response) => {
        response.setHeader('Content-Type', 'text/html');
        response.write('YSBzdGFjayB0cmFjZQ==', 'base64', () => response.end());
      },
    ];
    for (const app of ways) {
      const { port } = await serve(app, { responses: 'inspect' });
      const answer = await ask(port);
      expect([answer.status, answer.text]).toEqual([502, 'The request was refused.\n']);
    }
  });

  test('looks at the beginning of a large one and lets the rest go by', async () => {
    const pieces = ['a'.repeat(80), 'b'.repeat(80), 'c'.repeat(100_000)];
    const { port } = await serve(saying(pieces), { responses: 'inspect', responseBodyBytesMax: 100 });
    expect((await ask(port)).text).toBe(pieces.join(''));
  });

  test.each([
    ['an event stream', { 'Content-Type': 'text/event-stream' }],
    ['what is encoded', { 'Content-Type': 'text/html', 'Content-Encoding': 'br' }],
    ['a type that no rule asks for', { 'Content-Type': 'image/png' }],
  ])('holds nothing of %s back', async (_, headers) => {
    let end = (): void => {};
    const { port } = await serve(
      (_request, response) => {
        response.writeHead(200, headers).write('first');
        end = () => response.end('last');
      },
      { responses: 'inspect' },
    );
    const sent = httpRequest({ port, host: '127.0.0.1', agent: false });
    sent.end();
    const [answer]: IncomingMessage[] = await once(sent, 'response');
    const [chunk]: unknown[] = answer === undefined ? [] : await once(answer, 'data');
    expect(String(chunk)).toBe('first');
    end();
  });
});

describe('the example', () => {
  test('runs, refuses and passes', async () => {
    const port = await listen(example);
    expect((await ask(port, { path: '/?q=hello' })).text).toBe('hello\n');
    expect((await ask(port, { path: '/?q=%3Cscript%3Ealert(1)%3C/script%3E' })).status).toBe(403);
  });

  test('stands in the README as it is', () => {
    const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
    expect(read('../../README.md')).toContain(read('example.ts').trim());
  });
});
