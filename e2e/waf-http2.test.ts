/** Inspection by rules of what comes over HTTP/2, where many requests share a connection. */
import { strict as assert } from 'node:assert';
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2';
import { after, before, test } from 'node:test';
import { Authority } from './harness/certificates.ts';
import { GatewayProcess } from './harness/gateway.ts';
import { temporaryFolder } from './harness/program.ts';
import { SuiteScope } from './harness/scope.ts';
import { startUpstream, type Upstream } from './harness/upstream.ts';

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const ATTACK = "1' union select password from users-- -";

const scope = new SuiteScope();
after(scope.end);
const folder = temporaryFolder(scope);
const authority = Authority.create(folder, 'public');
const { certificate, key } = authority.issue('game', ['localhost', '127.0.0.1']);
let upstream: Upstream;
let gateway: GatewayProcess;

before(async () => {
  upstream = await startUpstream(scope, {
    onRequest: (request, response) => {
      request.resume().on('end', () => response.end(`seen ${request.url ?? ''}`));
    },
  });
  gateway = await GatewayProcess.start(scope, {
    yaml: `version: 1
mode: development
waf: { mode: block }
workers: { count: 1 }
listeners: [{ name: public, address: "127.0.0.1:0", tls: { certificates: [{ certificate: "${certificate}", key: "${key}" }] } }]
upstreams: { app: "${upstream.url}" }
routes: [{ name: all, upstream: app, profile: webapp }]
`,
  });
});

interface Answered {
  readonly status: number;
  readonly text: string;
}

async function session(): Promise<ClientHttp2Session> {
  const opened = connect(`https://${gateway.address('public')}`, { ca: authority.pem });
  scope.after(() => opened.destroy());
  await new Promise<void>((resolve, reject) => {
    opened.once('connect', () => resolve());
    opened.once('error', reject);
  });
  return opened;
}

/** A request, and when all of it has been sent. */
interface Asked {
  readonly answer: Promise<Answered>;
  readonly sent: Promise<void>;
}

function send(over: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): Asked {
  const stream = over.request(headers, { endStream: body === undefined });
  const sent = new Promise<void>((resolve) => stream.once('finish', resolve));
  if (body !== undefined) stream.end(body);
  const answer = new Promise<Answered>((resolve, reject) => {
    let status = 0;
    let text = '';
    stream.setEncoding('utf8');
    stream.on('response', (head) => {
      status = head[':status'] ?? 0;
    });
    stream.on('data', (piece: string) => {
      text += piece;
    });
    stream.on('end', () => resolve({ status, text }));
    stream.on('error', reject);
  });
  return { answer, sent };
}

function ask(over: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string): Promise<Answered> {
  return send(over, headers, body).answer;
}

void test('an attack is refused in its stream, in a query or a body, and the others of the connection go on (R4.9)', async () => {
  const one = await session();
  const asked = [
    ask(one, { ':path': '/shop?q=shoes' }),
    ask(one, { ':path': `/shop?q=${encodeURIComponent(ATTACK)}` }),
    ask(one, { ':path': '/order', ':method': 'POST', ...FORM }, `note=${encodeURIComponent(ATTACK)}`),
    ask(one, { ':path': '/order', ':method': 'POST', ...FORM }, 'note=by+the+door'),
    ask(one, { ':path': '/cookie', cookie: ['a=1', `b=${ATTACK}`] }),
  ];
  const answers = await Promise.all(asked);
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 403, 403, 200, 403],
  );
  for (const place of [1, 2, 4]) assert.match(answers[place]?.text ?? '', /"code":"REQUEST_CONTENT_DENIED"/);
  assert.deepEqual(upstream.requests.map(({ target }) => target).toSorted(), ['/order', '/shop?q=shoes']);
  assert.equal((await ask(one, { ':path': '/later' })).text, 'seen /later');
  await gateway.logged({ kind: 'exchange', httpVersion: '2', path: '/order', reason: 'REQUEST_CONTENT_DENIED' });
});

void test('a long body is judged in turns: a small request that comes behind it is answered before it', async () => {
  const text = encodeURIComponent('The quick brown fox jumps over the lazy dog; 4 of 5 did so, twice. '.repeat(13_000));
  const other = await session();
  const order: string[] = [];
  const headers = { ':path': '/upload', ':method': 'POST', ...FORM };
  const { answer, sent } = send(await session(), headers, `text=${text}`);
  const judged = answer.then(({ status }) => order.push(`upload ${status}`));
  await sent;
  order.push(`small ${(await ask(other, { ':path': '/small' })).status}`);
  await judged;
  assert.deepEqual(order, ['small 200', 'upload 200']);
});
