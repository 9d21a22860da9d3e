import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/admin/json-body.ts';
import { isProblem, startAdmin } from './rig.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

describe('a web page', () => {
  it.each([
    'evil.example.com',
    'evil.example.com:PORT',
    '127.0.0.1.evil.example.com:PORT',
    'localhost.evil.example.com:PORT',
    '127.0.0.1@evil.example.com',
    '127.0.0.1',
    '127.0.0.1:1',
    '127.0.0.2:PORT',
    'localhost',
    '[::1]:PORT',
    '0.0.0.0:PORT',
    '127.0.0.1:PORT:PORT',
  ])('whose name leads to this machine (%j) is told nothing (DNS rebinding)', async (name) => {
    const rig = await startAdmin();
    const host = name.replace('PORT', String(rig.port));
    const headers = { ...(await rig.signIn()), host };
    isProblem(await rig.call('GET', '/api/v1/status', { headers }), 421, 'WRONG_HOST');
    expect((await rig.call('GET', '/.sallyport/admin', { headers: { host } })).status).toBe(421);
  });

  it.each(['127.0.0.1:PORT', 'localhost:PORT', 'LOCALHOST:PORT'])('of ours is answered under %s', async (name) => {
    const rig = await startAdmin();
    const headers = { ...(await rig.signIn()), host: name.replace('PORT', String(rig.port)) };
    expect((await rig.call('GET', '/api/v1/status', { headers })).status).toBe(200);
  });

  it.each([
    ['POST', { origin: 'http://evil.example.com' }],
    ['POST', { origin: 'null' }],
    ['POST', { origin: 'https://127.0.0.1:PORT' }],
    ['POST', { origin: 'http://localhost:PORT' }],
    ['POST', { origin: 'http://127.0.0.1:3000' }],
    ['POST', { 'sec-fetch-site': 'cross-site' }],
    ['POST', { 'sec-fetch-site': 'same-site' }],
    ['POST', { 'sec-fetch-site': 'none' }],
    ['POST', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' }],
    ['GET', { origin: 'http://evil.example.com' }],
    ['GET', { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }],
    ['GET', { 'sec-fetch-site': 'same-site', 'sec-fetch-mode': 'cors' }],
  ])('of another origin changes and reads nothing: %s %j', async (method, fields) => {
    const rig = await startAdmin();
    const own = Object.entries(fields).map(([name, value]) => [name, value.replace('PORT', String(rig.port))]);
    const headers = { ...(await rig.signIn()), ...Object.fromEntries(own) };
    const path = method === 'GET' ? '/api/v1/status' : '/api/v1/reload';
    isProblem(await rig.call(method, path, { headers }), 403, 'FOREIGN_ORIGIN');
  });

  it('of our own origin is let in', async () => {
    const rig = await startAdmin();
    const own = { origin: `http://127.0.0.1:${rig.port}`, 'sec-fetch-site': 'same-origin' };
    const headers = { ...(await rig.signIn()), ...own };
    expect((await rig.call('POST', '/api/v1/reload', { headers })).status).toBe(200);
  });

  it.each(['OPTIONS', 'HEAD', 'PUT', 'PATCH', 'TRACE'])('gets nothing by %s', async (method) => {
    const reply = await (await startAdmin()).call(method, '/api/v1/status');
    expect(reply.status).toBe(405);
    expect(reply.headers).toMatchObject({ allow: 'GET', connection: 'close' });
  });

  it.each([{ origin: 'http://localhost' }, { 'sec-fetch-site': 'none' }])(
    'that reaches the socket through somebody’s forwarding is refused: %j',
    async (headers) => {
      isProblem(await (await startAdmin()).callSocket('GET', '/api/v1/status', { headers }), 403, 'FOREIGN_ORIGIN');
    },
  );
});

describe('a request that was forwarded here', () => {
  it.each(['x-forwarded-for', 'forwarded', 'via', 'cf-connecting-ip', 'X-Real-IP', 'x-forwarded-host'])(
    'is refused for its %s, over the port and over the socket',
    async (name) => {
      const rig = await startAdmin();
      const headers = { ...(await rig.signIn()), [name]: '203.0.113.7' };
      isProblem(await rig.call('GET', '/api/v1/status', { headers }), 403, 'FOREIGN_ORIGIN');
      isProblem(await rig.callSocket('GET', '/api/v1/status', { headers }), 403, 'FOREIGN_ORIGIN');
    },
  );
});

describe('credentials', () => {
  it.each([
    'Bearer',
    'Bearer ',
    'Basic YWRtaW46YWRtaW4=',
    'Bearer a b',
    `Bearer ${'a'.repeat(129)}`,
    `Bearer splink_0123456789abcdef_${'A'.repeat(43)}`,
  ])('that are none (%s) open nothing and stand in no line', async (authorization) => {
    const rig = await startAdmin();
    isProblem(await rig.call('GET', '/api/v1/status', { headers: { authorization } }), 401, 'UNAUTHENTICATED');
    expect(JSON.stringify(rig.lines)).not.toContain('AAAA');
  });

  it('of a session are worth nothing with another secret', async () => {
    const rig = await startAdmin();
    const { authorization = '' } = await rig.signIn();
    const other = authorization.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    isProblem(await rig.call('GET', '/api/v1/status', { headers: { authorization: other } }), 401, 'UNAUTHENTICATED');
    expect((await rig.call('GET', '/api/v1/status', { headers: { authorization } })).status).toBe(200);
  });

  it('are counted, and stand in the metrics by their result', async () => {
    const rig = await startAdmin();
    await rig.call('GET', '/api/v1/status');
    await rig.callSocket('GET', '/api/v1/status');
    const text = rig.metrics.render();
    expect(text).toContain('sallyport_admin_calls_total{operation="getStatus",result="UNAUTHENTICATED"} 1');
    expect(text).toContain('sallyport_admin_calls_total{operation="getStatus",result="done"} 1');
  });
});

describe('a body', () => {
  it.each([
    ['{"__proto__":{"isAdmin":true}}', 'BODY_INVALID'],
    ['{"name":{"__proto__":1}}', 'BODY_INVALID'],
    ['{"\\u005f_proto__":1}', 'BODY_INVALID'],
    ['{"constructor":{"prototype":{}}}', 'BODY_INVALID'],
    ['{"name":"a"}}', 'BODY_INVALID'],
    ['{"name":NaN}', 'BODY_INVALID'],
    ['', 'BODY_INVALID'],
    ['"text"', 'BODY_INVALID'],
    ['\ufeff{}', 'BODY_INVALID'],
    ['['.repeat(9), 'BODY_INVALID'],
    ['['.repeat(16_000), 'BODY_INVALID'],
    ['{"a":'.repeat(3_000), 'BODY_INVALID'],
  ])('%.40s is refused', async (raw, code) => {
    const rig = await startAdmin();
    isProblem(await rig.callSocket('POST', '/api/v1/links', { headers: JSON_TYPE, raw }), 400, code);
    expect(Reflect.get({}, 'isAdmin')).toBeUndefined();
  });

  it('that is not UTF-8 is refused', async () => {
    const raw = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const reply = await (await startAdmin()).callSocket('POST', '/api/v1/links', { headers: JSON_TYPE, raw });
    isProblem(reply, 400, 'BODY_INVALID');
  });

  it('may have brackets in its texts', () => {
    const text = JSON.stringify({ a: '[{'.repeat(100), b: '\\"[[[[[[[[[[' });
    expect(parseJson(Buffer.from(text))).toEqual({ kind: 'json', value: JSON.parse(text) });
  });

  it('where none belongs is not read', async () => {
    const rig = await startAdmin();
    isProblem(await rig.callSocket('POST', '/api/v1/reload', { body: {} }), 400, 'BAD_REQUEST');
    const request = 'GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n';
    const answers = await rig.exchange(
      `POST /api/v1/reload HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\nContent-Length: ${request.length}\r\n\r\n${request}`,
    );
    expect(answers.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it('that trickles ends with its connection', async () => {
    const rig = await startAdmin({ headMs: 50, requestMs: 100 });
    const head = `POST /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n`;
    // What comes back is the end of the connection: no answer to half a request.
    expect(await rig.exchange(head, '{', '"', 't')).not.toContain('200 OK');
    expect((await rig.callSocket('GET', '/api/v1/status')).status).toBe(200);
  });
});

describe('a client that holds on', () => {
  it('is cut off when it sends a second request before it has its answer', async () => {
    const rig = await startAdmin();
    const { authorization } = await rig.signIn();
    rig.plane.accident = 'hangs';
    const one = `GET /api/v1/workers HTTP/1.1\r\nHost: 127.0.0.1:${rig.port}\r\nAuthorization: ${authorization}\r\n\r\n`;
    expect(await rig.exchange(one.repeat(50))).toBe('');
    rig.plane.accident = 'none';
    expect((await rig.callSocket('GET', '/api/v1/workers')).status).toBe(200);
  });

  it('with silent connections keeps nobody out', async () => {
    const rig = await startAdmin();
    const silent = Array.from({ length: 200 }, () => connect(rig.port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    expect((await rig.call('GET', '/api/v1/status', { headers: await rig.signIn() })).status).toBe(200);
    for (const socket of silent) socket.destroy();
  });

  it.each([
    '\u0016\u0003\u0001',
    'GET / HTTP/1.1\r\n\r\n',
    'GET /api/v1/status HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
    `GET /api/v1/status HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9_000)}\r\n\r\n`,
    'POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'GET http://127.0.0.1/api/v1/status HTTP/1.1\r\nHost: a\r\n\r\n',
    'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
  ])('and speaks something else is sent away (%.30j)', async (bytes) => {
    const rig = await startAdmin();
    expect(await rig.exchange(bytes)).not.toContain('200 OK');
    expect((await rig.callSocket('GET', '/api/v1/status')).status).toBe(200);
  });
});

describe('a path', () => {
  it.each([
    '/',
    '/api/v1/status/',
    '/api/v1/../v1/status',
    '/api/v1/%73tatus',
    '//api/v1/status',
    '/API/v1/status',
    '/api/v1/decisions/',
    '/api/v1/decisions/a/b',
    '/api/v1/decisions/%2e%2e',
    `/api/v1/decisions/${'a'.repeat(65)}`,
    '/.sallyport/admin/',
  ])('%s is nowhere', async (path) => {
    isProblem(await (await startAdmin()).callSocket('GET', path), 404, 'NOT_FOUND');
  });

  it('with a long query is refused', async () => {
    const path = `/api/v1/status?${'a'.repeat(1_024)}`;
    isProblem(await (await startAdmin()).callSocket('GET', path), 400, 'BAD_REQUEST');
  });

  it('to the page of links is answered on the port only, whoever leads there', async () => {
    const rig = await startAdmin();
    const headers = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate' };
    const page = await rig.call('GET', '/.sallyport/admin', { headers });
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toMatch(
      /^default-src 'none'; script-src 'sha256-[\w+/=]+'; style-src 'sha256-[\w+/=]+'; connect-src 'self'; .*frame-ancestors 'none'$/,
    );
    isProblem(await rig.callSocket('GET', '/.sallyport/admin'), 404, 'NOT_FOUND');
  });
});

describe('an author', () => {
  it.each([
    ['alice', 'socket:alice'],
    ['alice@example.com', 'socket:alice@example.com'],
    ['a b', /^socket:uid-\d+$/],
    ['\u001b[31m', /^socket:uid-\d+$/],
    ['x'.repeat(33), /^socket:uid-\d+$/],
  ])('who says %j is written down as a name that may stand in a log', async (name, author) => {
    const rig = await startAdmin();
    const fields = name.includes('\u001b') ? {} : { 'sallyport-author': name };
    await rig.callSocket('POST', '/api/v1/reload', { headers: fields });
    const line = rig.lines.find(({ message }) => message === 'admin call');
    expect(line?.['author']).toEqual(author instanceof RegExp ? expect.stringMatching(author) : author);
  });
});
