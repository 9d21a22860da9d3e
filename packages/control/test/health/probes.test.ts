import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { failureOf } from '../../src/health/probe.ts';
import {
  addressOf,
  check,
  dnsTarget,
  httpTarget,
  listen,
  NO_TLS,
  postgresTarget,
  redisTarget,
  say,
  verdictOf,
  webSocketTarget,
} from './servers.ts';

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-probes-'));
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const names = ['-subj', '/CN=one', '-addext', 'subjectAltName=DNS:one.test,IP:127.0.0.1'];
  const files = ['-keyout', 'one.key', '-out', 'one.pem'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-days', '30', ...names, ...files], {
    cwd: folder,
    stdio: 'ignore',
  });
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function pair(): { readonly cert: string; readonly key: string } {
  return { cert: readFileSync(join(folder, 'one.pem'), 'utf8'), key: readFileSync(join(folder, 'one.key'), 'utf8') };
}

describe('a check of a web server', () => {
  const answers = async (status: number, body = ''): Promise<number> =>
    listen(
      createHttpServer((_, response) => {
        response.writeHead(status, { location: '/elsewhere' }).end(body);
      }),
    );

  it.each([
    [204, 'well'],
    [301, 'STATUS status 301'],
    [503, 'STATUS status 503'],
  ])('takes a status of %d as %s', async (status, verdict) => {
    expect(await verdictOf(httpTarget(await answers(status)))).toBe(verdict);
  });

  it('looks for a text in the first 64 KB of the body', async () => {
    const text = 'all is well';
    expect(await verdictOf(httpTarget(await answers(200, `${'x'.repeat(65_000)}${text}`), { text }))).toBe('well');
    const missing = 'CONTENT the text is not in the body';
    expect(await verdictOf(httpTarget(await answers(200, 'something else'), { text }))).toBe(missing);
    expect(await verdictOf(httpTarget(await answers(200, `${'x'.repeat(70_000)}${text}`), { text }))).toBe(missing);
  });

  it('finds a text that comes in pieces', async () => {
    const server = createHttpServer((_, response) => {
      const pieces = ['all is', ' we', 'll'];
      const more = (): void => {
        const piece = pieces.shift();
        if (piece === undefined) response.end();
        else response.write(piece, () => setImmediate(more));
      };
      more();
    });
    expect(await verdictOf(httpTarget(await listen(server), { text: 's well' }))).toBe('well');
  });

  it('sends its header fields over a connection of its own', async () => {
    const seen: IncomingMessage[] = [];
    const server = createHttpServer((request, response) => {
      seen.push(request);
      response.end();
    });
    const headers = [['authorization', 'Bearer hunter2']] as const;
    expect(await verdictOf(httpTarget(await listen(server), { headers }))).toBe('well');
    expect(seen[0]?.headers).toMatchObject({ authorization: 'Bearer hunter2', connection: 'close' });
  });

  it('wants a certificate that counts, for the right name, and says when it ends', async () => {
    const port = await listen(createHttpsServer(pair(), (_, response) => response.end('ok')));
    const url = `https://127.0.0.1:${port}/`;
    const ca = pair().cert;
    const good = await check(httpTarget(port, { url, tls: { ca, serverName: 'one.test' } }));
    expect(good.failure).toBeUndefined();
    expect(good.certificate?.endsMs).toBeGreaterThan(Date.now());
    expect(await verdictOf(httpTarget(port, { url }))).toBe('CERTIFICATE_INVALID DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(await verdictOf(httpTarget(port, { url, tls: { ca, serverName: 'two.test' } }))).toBe(
      'CERTIFICATE_INVALID ERR_TLS_CERT_ALTNAME_INVALID',
    );
  });
});

describe('a check of a TCP or TLS server', () => {
  it('finds one that takes connections, and one that does not', async () => {
    const port = await say(() => undefined);
    expect(await verdictOf({ kind: 'tcp', address: addressOf(port), tls: undefined })).toBe('well');
    const nobody = { kind: 'unix', path: join(folder, 'nobody.sock') } as const;
    expect(await verdictOf({ kind: 'tcp', address: nobody, tls: undefined })).toBe('REFUSED');
  });

  it('sees the certificate, and what is no TLS', async () => {
    const port = await listen(createTlsServer(pair()));
    const tls = { ca: pair().cert, serverName: undefined };
    expect((await check({ kind: 'tls', address: addressOf(port), tls })).certificate).toBeDefined();
    const plain = await say('220 mail.example.com hello\r\n');
    expect(await verdictOf({ kind: 'tls', address: addressOf(plain), tls })).toMatch(/^TLS_FAILED/);
  });

  it('gives up when its time is over', async () => {
    const silent = await say(() => undefined);
    expect(await verdictOf({ kind: 'tls', address: addressOf(silent), tls: NO_TLS }, 50)).toBe('TIMEOUT');
  });
});

describe('a check of Redis', () => {
  it.each([
    ['+PONG\r\n', 'well'],
    ['+OK\r\n', 'PROTOCOL'],
    ['-NOAUTH Authentication required.\r\n', 'AUTHENTICATION NOAUTH'],
    ['-LOADING Redis is loading the dataset in memory\r\n', 'SERVER_ERROR LOADING'],
    ['-secret words\r\n', 'SERVER_ERROR'],
    ['HTTP/1.1 400 Bad Request\r\n\r\n', 'PROTOCOL'],
  ])('takes %j as %s', async (reply, verdict) => {
    expect(await verdictOf(redisTarget(await say(reply)))).toBe(verdict);
  });

  it('signs in first where there is a password, whatever is in it', async () => {
    const port = await say((socket) => {
      socket.setEncoding('utf8').on('data', (text: string) => {
        if (text === '*2\r\n$4\r\nAUTH\r\n$7\r\npä\r\n+X\r\n') socket.write('+OK\r\n');
        if (text === '*1\r\n$4\r\nPING\r\n') socket.write('+PONG\r\n');
      });
    });
    expect(await verdictOf(redisTarget(port, 'pä\r\n+X'), 2_000)).toBe('well');
  });
});

describe('a check of PostgreSQL', () => {
  const asks = (kind: number, rest = ''): Buffer => {
    const content = Buffer.concat([Buffer.from([0, 0, 0, kind]), Buffer.from(rest, 'latin1')]);
    return message('R', content);
  };
  const ready = message('Z', Buffer.from('I'));
  const row = Buffer.concat([
    message('T', Buffer.alloc(2)),
    message('D', Buffer.alloc(2)),
    message('C', Buffer.from('SELECT 1\0')),
    ready,
  ]);

  it.each([
    ['a server that lets everybody in', Buffer.concat([asks(0), ready, row]), undefined, 'well'],
    ['a request for a password that is not configured', asks(10, 'SCRAM-SHA-256\0\0'), undefined, 'well'],
    ['a request for a password in the clear', asks(3), 'hunter2', 'AUTHENTICATION it wants the password in the clear'],
    ['MD5 without TLS', asks(5, 'salt'), 'hunter2', 'AUTHENTICATION it wants MD5 without TLS'],
    ['GSSAPI', asks(7), 'hunter2', 'AUTHENTICATION checks do not know GSSAPI'],
    ['a method that is none', asks(99), 'hunter2', 'AUTHENTICATION checks do not know method 99'],
    ['binding without TLS', asks(10, 'SCRAM-SHA-256-PLUS\0\0'), 'hunter2', 'AUTHENTICATION it knows no SCRAM-SHA-256'],
    ['a start that is not done', errorOf('57P03'), undefined, 'SERVER_ERROR SQLSTATE 57P03'],
    ['a wrong role', errorOf('28000'), undefined, 'AUTHENTICATION SQLSTATE 28000'],
    ['no answer to the question', Buffer.concat([asks(0), ready, ready]), undefined, 'PROTOCOL'],
    ['something else', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), undefined, 'PROTOCOL'],
  ])('takes %s as it is', async (_, reply, password, verdict) => {
    expect(await verdictOf(postgresTarget(await say(reply), password))).toBe(verdict);
  });
});

describe('a check of a WebSocket server', () => {
  const upgraded = (socket: Socket, head: string, more = ''): void => {
    const key = /sec-websocket-key: (\S+)/.exec(head)?.[1] ?? '';
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const fields = `Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${more}`;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${fields}\r\n`);
  };
  /** A server that greets with a text, and then does this with the first frame of the client. */
  const answers = (onFrame: (socket: Socket, payload: Buffer) => void, more = ''): Promise<number> =>
    say((socket) => {
      socket.once('data', (head) => {
        upgraded(socket, head.toString('latin1'), more);
        socket.write(Buffer.concat([Buffer.from([0x81, 2]), Buffer.from('hi')]));
        socket.once('data', (frame: Buffer) => {
          const mask = frame.subarray(2, 6);
          onFrame(socket, Buffer.from(frame.subarray(6).map((byte, index) => byte ^ (mask[index % 4] ?? 0))));
        });
      });
    });

  it('wants its ping answered, and passes over what the server says to everybody', async () => {
    const port = await answers((socket, payload) => socket.write(Buffer.concat([Buffer.from([0x8a, 4]), payload])));
    expect(await verdictOf(webSocketTarget(port))).toBe('well');
  });

  it.each([
    ['a close frame', Buffer.from([0x88, 0]), 'CLOSED by a close frame'],
    ['a masked frame', Buffer.from([0x8a, 0x80, 0, 0, 0, 0]), 'PROTOCOL frame'],
    ['a frame of a kind that is reserved', Buffer.from([0x83, 0]), 'PROTOCOL frame'],
    ['a frame longer than all memory', Buffer.from([0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]), 'TOO_LARGE'],
  ])('takes %s for what it is', async (_, frame, verdict) => {
    expect(await verdictOf(webSocketTarget(await answers((socket) => socket.write(frame))))).toBe(verdict);
  });

  it('does not take an answer to another handshake, nor an extension that nobody asked for', async () => {
    const echo =
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n';
    expect(await verdictOf(webSocketTarget(await say(echo), false))).toBe('PROTOCOL handshake');
    const deflating = await answers(() => undefined, 'Sec-WebSocket-Extensions: permessage-deflate\r\n');
    expect(await verdictOf(webSocketTarget(deflating, false))).toBe('PROTOCOL handshake');
    const refusing = await say('HTTP/1.1 403 Forbidden\r\n\r\n');
    expect(await verdictOf(webSocketTarget(refusing, false))).toBe('STATUS status 403');
  });
});

describe('a check of a name', () => {
  /** A name server that has this for every question: answers of a type with their data, or a code. */
  async function nameServer(
    answers: readonly (readonly [type: number, data: readonly number[]])[],
    code = 0,
  ): Promise<number> {
    const server = createSocket('udp4');
    server.on('message', (query, { port, address }) => {
      // The question as it was asked ends four bytes behind its name.
      const question = query.subarray(12, query.indexOf(0, 12) + 5);
      const records = answers.map(([type, data]) =>
        Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data]),
      );
      const head = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, 0x80 | code, 0, 1, 0, answers.length, 0, 0, 0, 0]);
      server.send(Buffer.concat([head, question, ...records]), port, address);
    });
    await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return server.address().port;
  }

  it('wants records, and those that it should have', async () => {
    const port = await nameServer([
      [1, [192, 0, 2, 1]],
      [1, [192, 0, 2, 2]],
    ]);
    expect(await verdictOf(dnsTarget(port))).toBe('well');
    expect(await verdictOf(dnsTarget(port, { expected: ['192.0.2.2'] }))).toBe('well');
    expect(await verdictOf(dnsTarget(port, { expected: ['192.0.2.2', '192.0.2.9'] }))).toBe('CONTENT 1 of 2 missing');
  });

  it('compares texts and services', async () => {
    const texts = await nameServer([[16, [5, ...Buffer.from('v=abc')]]]);
    expect(await verdictOf(dnsTarget(texts, { type: 'TXT', expected: ['v=abc'] }))).toBe('well');
    const services = await nameServer([[33, [0, 1, 0, 1, 0x1e, 0x61, 1, 97, 4, ...Buffer.from('test'), 0]]]);
    expect(await verdictOf(dnsTarget(services, { type: 'SRV', expected: ['A.test:7777'] }))).toBe('well');
    const addresses = await nameServer([[28, [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 1]]]);
    expect(await verdictOf(dnsTarget(addresses, { type: 'AAAA', expected: ['2001:DB8:0::1'] }))).toBe('well');
  });

  it.each([
    [2, 'SERVER_ERROR ESERVFAIL'],
    [3, 'NAME_UNRESOLVED ENOTFOUND'],
    [5, 'SERVER_ERROR EREFUSED'],
  ])('takes the code %d as %s', async (code, verdict) => {
    expect(await verdictOf(dnsTarget(await nameServer([], code)))).toBe(verdict);
  });
});

describe('what the world did', () => {
  it.each([
    ['CERT_HAS_EXPIRED', 'CERTIFICATE_ENDED', ''],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'CERTIFICATE_INVALID', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'TLS_FAILED', 'ERR_SSL_WRONG_VERSION_NUMBER'],
    ['ECONNRESET', 'CLOSED', ''],
    ['words of a server', 'FAILED', ''],
  ])('is told by a code: %s', (code, told, detail) => {
    expect(failureOf(Object.assign(new Error('hunter2'), { code }))).toEqual({ code: told, detail });
  });
});

function message(type: string, content: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([head, content]);
}

function errorOf(state: string): Buffer {
  return message('E', Buffer.from(`SFATAL\0C${state}\0Mthe password hunter2 is wrong\0\0`));
}
