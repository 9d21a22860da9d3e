import { strict as assert } from 'node:assert';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { GatewayProcess, type LogLine } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { Program } from './harness/program.ts';
import { eventually } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

/** Connections of one attacker: more than one client may have half open, fewer than it may have at all. */
const CONNECTIONS = 200;
const ATTACK_SECONDS = 10;
/** Far more than the buffers of a loopback connection hold: whoever does not read leaves it waiting. */
const LARGE_BYTES = 8_000_000;
const LARGE = Buffer.alloc(LARGE_BYTES, 'x');
/** Where everybody else comes from: 127.0.0.0/8 is all ours. */
const BYSTANDER = '127.0.0.77';
/** The limits of the product, shortened so that the attack meets each of them. */
const LIMITS = `connections: { headerTimeout: 2s, keepAlive: 3s, perClientMax: 256, halfOpenPerClientMax: 256 }`;
const ROUTE_LIMITS = `{ bodyGrace: 2s, bodyRateMin: 500B, stallTimeout: 2s, bodyMax: 1MB }`;

/** What an attack is started with, beyond the target, and how the gateway ends its connections. */
interface Attack {
  readonly name: string;
  readonly arguments: readonly string[];
  readonly path: string;
  /** Undefined: its requests are valid, answered, and nothing has to be ended. */
  readonly reason: string | undefined;
  /** Answers a bystander must get while it lasts, asking ten times a second: requests that are answered soon end soon. */
  readonly answersMin: number;
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'headers that never end',
    arguments: ['-H', '-i', '1', '-x', '24'],
    path: '/',
    reason: 'HEADER_TIMEOUT',
    answersMin: 5,
  },
  {
    name: 'bodies that trickle',
    arguments: ['-B', '-i', '1', '-s', '8192', '-x', '10'],
    path: '/',
    reason: 'BODY_TIMEOUT',
    answersMin: 5,
  },
  {
    name: 'ranges without number',
    arguments: ['-R', '-a', '1', '-b', '500'],
    path: '/',
    reason: undefined,
    answersMin: 1,
  },
  {
    name: 'answers that are hardly read',
    arguments: ['-X', '-w', '512', '-y', '1024', '-n', '5', '-z', '32', '-k', '1'],
    path: '/large',
    reason: 'RESPONSE_STALLED',
    answersMin: 5,
  },
];

void describe('slow clients', () => {
  for (const attack of ATTACKS) {
    void test(`${attack.name} do not keep others from being served (part of R2.9)`, (t) => withstand(t, attack));
  }
});

async function withstand(t: TestContext, attack: Attack): Promise<void> {
  const upstream = await startUpstream(t, { onRequest: answer });
  const gateway = await GatewayProcess.start(t, {
    yaml: `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { app: { servers: ["${upstream.url}"], pool: { connections: 1000 } } }
routes: [{ name: all, upstream: app, profile: game, request: ${ROUTE_LIMITS} }]
${LIMITS}
`,
  });
  const slow = Program.start(t, {
    command: '/usr/bin/slowhttptest',
    arguments: [
      ...attack.arguments,
      '-c',
      String(CONNECTIONS),
      '-r',
      String(CONNECTIONS),
      '-l',
      String(ATTACK_SECONDS),
      '-p',
      '5',
      '-v',
      '0',
      '-u',
      gateway.url(attack.path),
    ],
  });
  // Only what is answered after the attack has arrived counts.
  await eventually('the attack', async () => {
    const arrived = Math.max(await openConnections(gateway), upstream.requests.length);
    return arrived > CONNECTIONS / 2 ? true : undefined;
  });
  const answers: number[] = [];
  while (slow.ending === undefined) {
    answers.push((await httpRequest(gateway.url('/'), { from: BYSTANDER })).status);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.deepEqual([...new Set(answers)], [200]);
  assert.ok(answers.length >= attack.answersMin, `${answers.length} answers during the attack`);
  await eventually('the end of all connections', async () =>
    (await openConnections(gateway)) === 0 ? true : undefined,
  );
  if (attack.reason !== undefined) await checkEnded(gateway, attack.reason);
  assert.equal((await gateway.metrics()).value('gateway_internal_errors_total'), 0);
  assert.equal(gateway.program.ending, undefined);
}

/** The gateway ended them, for this reason, and said so once for each. */
async function checkEnded(gateway: GatewayProcess, reason: string): Promise<void> {
  await gateway.logged({ reason });
  const ended = gateway.log().filter((line) => line['reason'] === reason);
  assert.ok(ended.length >= CONNECTIONS / 2, `${ended.length} connections were ended with ${reason}`);
  assert.equal(new Set(ended.map(identity)).size, ended.length);
  assert.deepEqual([...new Set(ended.map((line) => line['faultOf']))], ['client']);
}

function identity({ sequence, requestId }: LogLine): string {
  return `${String(sequence)} ${String(requestId)}`;
}

async function openConnections(gateway: GatewayProcess): Promise<number> {
  return (await gateway.metrics()).value('gateway_connections', { listener: 'public' });
}

/** Reads what it is sent, however slowly it comes. */
function answer(request: IncomingMessage, response: ServerResponse): void {
  request.resume().once('end', () => response.end(request.url === '/large' ? LARGE : 'ok'));
}
