/** Who can reach which listener, seen from another host: two network namespaces that the test makes, joined by a wire. */
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { SALLYPORT } from './harness/gateway.ts';
import { Program, temporaryFolder } from './harness/program.ts';
import { SuiteScope } from './harness/scope.ts';

/** Addresses for documentation (RFC 5737). */
const HERE = '192.0.2.1';
const THERE = '192.0.2.2';
const GATEWAY_HOST = `sallyport-here-${process.pid}`;
const OTHER_HOST = `sallyport-there-${process.pid}`;

const PORTS = { local: 8_080, open: 8_081, operations: 8_082 } as const;

const scope = new SuiteScope();
after(scope.end);
let gateway: Program;

before(async () => {
  for (const host of [GATEWAY_HOST, OTHER_HOST]) {
    ip('netns', 'add', host);
    scope.after(() => void ip('netns', 'delete', host));
    ip('-n', host, 'link', 'set', 'lo', 'up');
  }
  ip('-n', GATEWAY_HOST, 'link', 'add', 'wire', 'type', 'veth', 'peer', 'name', 'wire', 'netns', OTHER_HOST);
  connect(GATEWAY_HOST, HERE);
  connect(OTHER_HOST, THERE);
  const directory = temporaryFolder(scope);
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(
    file,
    `version: 1
mode: development
listeners:
  - { name: local, address: "127.0.0.1:${PORTS.local}" }
  - { name: open, address: "0.0.0.0:${PORTS.open}", insecure: true }
upstreams: { app: "http://127.0.0.1:9" }
routes: [{ name: all, upstream: app, profile: api }]
operations: { address: "127.0.0.1:${PORTS.operations}" }
`,
  );
  const command = ['netns', 'exec', GATEWAY_HOST, process.execPath, SALLYPORT, 'run', '-c', file];
  gateway = Program.start(scope, { command: 'ip', arguments: command, directory });
  await gateway.until('its listeners', () => gateway.lines.find((line) => line.includes('serving metrics')));
});

void test('a listener on loopback and the metrics are out of reach for other hosts (R2.2)', () => {
  assert.equal(ask(GATEWAY_HOST, `127.0.0.1:${PORTS.local}`), '502');
  assert.equal(ask(OTHER_HOST, `${HERE}:${PORTS.local}`), 'ECONNREFUSED');
  assert.equal(ask(GATEWAY_HOST, `127.0.0.1:${PORTS.operations}`), '404');
  assert.equal(ask(OTHER_HOST, `${HERE}:${PORTS.operations}`), 'ECONNREFUSED');
});

void test('a listener that was opened by name is reached by other hosts, and knows them (R2.2)', async () => {
  assert.equal(ask(OTHER_HOST, `${HERE}:${PORTS.open}`), '502');
  await gateway.until('its event', () => gateway.lines.find((line) => line.includes(`"client":"${THERE}"`)));
});

function ip(...words: readonly string[]): string {
  return execFileSync('ip', words, { encoding: 'utf8' });
}

function connect(host: string, address: string): void {
  ip('-n', host, 'address', 'add', `${address}/30`, 'dev', 'wire');
  ip('-n', host, 'link', 'set', 'wire', 'up');
}

/** What a request from a host ends in: a status, or the error of the connection. */
function ask(host: string, address: string): string {
  const script = `fetch('http://${address}/').then((r) => r.status, (e) => e.cause.code).then((said) => console.log(said))`;
  return ip('netns', 'exec', host, process.execPath, '-e', script).trim();
}
