import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { GatewayProcess, SALLYPORT } from './harness/gateway.ts';
import { freePort } from './harness/ports.ts';
import { run, temporaryFolder } from './harness/program.ts';
import { eventually } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

void test('what could not be delivered arrives after kill -9, once', { timeout: 120_000 }, async (t) => {
  const [receiverPort, nobody] = [await freePort(), await freePort()];
  const directory = temporaryFolder(t);
  const first = await start(t, { directory, receiverPort, nobody });
  await eventually('a failed delivery', async () => /unreachable/.test(await list(t, directory)) || undefined);
  first.program.signal('SIGKILL');
  await first.program.exited();

  const bodies: string[] = [];
  const people = await startUpstream(t, {
    port: receiverPort,
    onRequest: (request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      request.once('end', () => {
        bodies.push(body);
        response.writeHead(204).end();
      });
    },
  });
  const second = await start(t, { directory, receiverPort, nobody });
  await eventually('the message', () => bodies.length > 0 || undefined);
  // It is down in the second process as well, which people know by now.
  await second.logged({ msg: 'serving the admin API' });
  const known = await checks(t, directory);
  await eventually('three more checks', async () => (await checks(t, directory)) >= known + 3 || undefined);
  const messages = bodies.map(messageOf);
  assert.deepEqual(
    messages.map(({ data }) => data.items.map(({ kind, subject, status }) => `${kind} ${subject} ${status}`)),
    [['service-down api firing']],
  );
  const [request] = people.requests;
  assert.equal(request?.headers['webhook-id'], messages[0]?.data.id);
  assert.match(String(request?.headers['webhook-signature']), /^v1,[A-Za-z0-9+/]{43}=$/);
  assert.equal((await second.stop()).code, 0);
});

interface Message {
  readonly data: {
    readonly id: string;
    readonly items: readonly { readonly kind: string; readonly subject: string; readonly status: string }[];
  };
}

function messageOf(body: string): Message {
  const message: Message = JSON.parse(body);
  return message;
}

/** Of a service behind a port where nobody listens. */
function start(
  t: TestContext,
  { directory, receiverPort, nobody }: { directory: string; receiverPort: number; nobody: number },
): Promise<GatewayProcess> {
  const yaml = `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "http://127.0.0.1:1" }
routes: [{ name: game, upstream: game, profile: game }]
waf: { mode: off }
admin: { socket: admin.sock }
state: { folder: state }
notifications:
  channels: { people: { kind: webhook, url: "http://127.0.0.1:${receiverPort}/hook", keys: ["\${env:HOOK_KEY}"] } }
  routes: [{ channels: [people], group: { wait: 0s, interval: 1s } }]
services:
  api: { kind: tcp, address: "127.0.0.1:${nobody}", interval: 1s, timeout: 1s }
`;
  return GatewayProcess.start(t, { directory, yaml, environment: { HOOK_KEY } });
}

const HOOK_KEY = `whsec_${randomBytes(32).toString('base64')}`;

async function ask(t: TestContext, directory: string, ...words: readonly string[]): Promise<string> {
  const call = [SALLYPORT, ...words, '--socket', join(directory, 'admin.sock')];
  return (await run(t, { command: process.execPath, arguments: call, directory })).stdout;
}

function list(t: TestContext, directory: string): Promise<string> {
  return ask(t, directory, 'notify', 'list');
}

/** How many checks of the service are known. */
async function checks(t: TestContext, directory: string): Promise<number> {
  const text = await ask(t, directory, 'services', 'api', '--json');
  const history: { readonly checks: readonly unknown[] } = text === '' ? { checks: [] } : JSON.parse(text);
  return history.checks.length;
}
