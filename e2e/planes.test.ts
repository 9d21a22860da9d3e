/** What an operator's bad luck does to the data planes: ports that are taken, files that are in the way, signals at the wrong moment. */
import { strict as assert } from 'node:assert';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { GatewayProcess, SALLYPORT } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { Program, temporaryFolder } from './harness/program.ts';
import { eventually, type Scope } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

async function listening(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  return { server, port: address.port };
}

async function freePort(): Promise<number> {
  const { server, port } = await listening();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function configuration(upstream: string, listeners: string, more = ''): string {
  return `version: 1
mode: production
listeners: ${listeners}
upstreams: { game: "${upstream}" }
routes: [{ name: game, upstream: game, profile: game }]
drain: { deadline: 3s, webSocketSpread: 1s }
workers: { count: 2 }
${more}
`;
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => void socket.destroy());
    socket.on('error', () => resolve(true));
    socket.on('close', () => resolve(false));
  });
}

/** Ends the process that has taken over: it holds the output of the one before. */
async function endSuccessor(gateway: GatewayProcess): Promise<void> {
  const event = await gateway.logged({ what: 'taken-over' });
  const [, pid] = /process ([0-9]+)/.exec(String(event['detail'])) ?? [];
  process.kill(Number(pid), 'SIGKILL');
}

/** One whose start is not waited for, with its configuration file. */
function started(t: Scope, yaml: string): { readonly program: Program; readonly file: string } {
  const directory = temporaryFolder(t);
  const file = join(directory, 'sallyport.yaml');
  writeFileSync(file, yaml);
  const program = Program.start(t, { command: process.execPath, arguments: [SALLYPORT, 'run', '-c', file], directory });
  return { program, file };
}

async function start(t: Scope): Promise<{ gateway: GatewayProcess; url: string }> {
  const { url } = await startUpstream(t, {});
  const listeners = '[{ name: public, address: "127.0.0.1:0" }, { name: second, address: "127.0.0.1:0" }]';
  return { gateway: await GatewayProcess.start(t, { yaml: configuration(url, listeners) }), url };
}

void test('a start that fails after the workers have begun ends the process', async (t) => {
  const { url } = await startUpstream(t, {});
  const taken = await listening();
  const directory = temporaryFolder(t);
  const file = join(directory, 'sallyport.yaml');
  const more = `admin: { socket: ${directory}/admin.sock, address: "127.0.0.1:${taken.port}" }`;
  writeFileSync(file, configuration(url, '[{ name: public, address: "127.0.0.1:0" }]', more));
  try {
    const program = Program.start(t, {
      command: process.execPath,
      arguments: [SALLYPORT, 'run', '-c', file],
      directory,
    });
    assert.equal((await program.exited()).code, 1);
  } finally {
    taken.server.close();
  }
});

void test('a policy whose socket file cannot be had is not published, and what is in its way stays', async (t) => {
  const { gateway, url } = await start(t);
  const file = join(gateway.directory, 'sallyport.yaml');
  const precious = join(gateway.directory, 'precious');
  writeFileSync(precious, 'mine');
  for (const path of [precious, join(gateway.directory, 'nowhere', 'gateway.sock')]) {
    const listeners = `[{ name: public, address: "127.0.0.1:0" }, { name: tunnel, address: "unix:${path}" }]`;
    writeFileSync(file, configuration(url, listeners));
    gateway.program.signal('SIGHUP');
    const failure = await eventually('a refusal', () =>
      gateway.log().find(({ msg, why }) => /could not be published/.test(String(msg)) && String(why).includes(path)),
    );
    assert.ok(failure);
  }
  assert.equal(readFileSync(precious, 'utf8'), 'mine');
  assert.equal((await httpRequest(gateway.url('/x'))).status, 200);
  mkdirSync(join(gateway.directory, 'nowhere'));
  gateway.program.signal('SIGHUP');
  await gateway.logged({ msg: 'a new policy is in force' });
  assert.ok(existsSync(join(gateway.directory, 'nowhere', 'gateway.sock')));
});

void test('listeners that were moved or removed are so after a hand-over, and nobody waits at the old ports', async (t) => {
  const { gateway, url } = await start(t);
  const [before, second, moved] = [gateway.port('public'), gateway.port('second'), await freePort()];
  const listeners = `[{ name: public, address: "127.0.0.1:${moved}" }]`;
  writeFileSync(join(gateway.directory, 'sallyport.yaml'), configuration(url, listeners));
  gateway.program.signal('SIGUSR2');
  await gateway.logged({ kind: 'system', what: 'taken-over' });
  try {
    assert.equal((await httpRequest(`http://127.0.0.1:${moved}/x`)).status, 200);
    await eventually('an end of the old ports', async () =>
      (await isRefused(before)) && (await isRefused(second)) ? true : undefined,
    );
  } finally {
    await endSuccessor(gateway);
  }
});

void test('a port that becomes a socket file is one after a hand-over, or after a reload that follows it', async (t) => {
  const { url } = await startUpstream(t, {});
  const [operations, first, second] = [await freePort(), await freePort(), await freePort()];
  const port = (number: number): string => `"127.0.0.1:${number}"`;
  const at = (one: string, other: string, forOperations: string): string =>
    configuration(
      url,
      `[{ name: first, address: ${one} }, { name: second, address: ${other} }]`,
      `operations: { address: ${forOperations} }`,
    );
  const { program, file } = started(t, at(port(first), port(second), port(operations)));
  await program.until('metrics', () => program.stdout.includes('serving metrics and health') || undefined);
  const path = (name: string): string => file.replace('sallyport.yaml', `${name}.sock`);
  const unix = (name: string): string => `"unix:${path(name)}"`;
  writeFileSync(file, at(unix('first'), port(second), unix('operations')));
  program.signal('SIGUSR2');
  const successor = await program.until('a successor', () =>
    /"what":"taken-over".*?process ([0-9]+)/.exec(program.stdout)?.at(1),
  );
  try {
    assert.equal((await httpRequest('http://localhost/x', { socket: path('first') })).status, 200);
    assert.equal((await httpRequest('http://localhost/readyz', { socket: path('operations') })).status, 200);
    await eventually('an end of the old ports', async () =>
      (await isRefused(first)) && (await isRefused(operations)) ? true : undefined,
    );
    writeFileSync(file, at(unix('first'), unix('second'), unix('operations')));
    process.kill(Number(successor), 'SIGHUP');
    await program.until('a reload', () => program.stdout.includes('a new policy is in force') || undefined);
    assert.equal((await httpRequest('http://localhost/x', { socket: path('second') })).status, 200);
    assert.equal(await isRefused(second), true);
  } finally {
    process.kill(Number(successor), 'SIGKILL');
  }
});

void test('a listener that gets another name keeps its address, and its clients are served all the time', async (t) => {
  const { url } = await startUpstream(t, {});
  const port = await freePort();
  const named = (name: string): string => configuration(url, `[{ name: ${name}, address: "127.0.0.1:${port}" }]`);
  const gateway = await GatewayProcess.start(t, { yaml: named('public') });
  writeFileSync(join(gateway.directory, 'sallyport.yaml'), named('renamed'));
  gateway.program.signal('SIGHUP');
  await gateway.logged({ msg: 'a new policy is in force' });
  assert.equal((await httpRequest(`http://127.0.0.1:${port}/x`)).status, 200);
  const exchange = await gateway.logged({ kind: 'exchange' });
  assert.equal(exchange['listener'], 'renamed');
});

void test('ports of operators that were moved are so after a hand-over', async (t) => {
  const { url } = await startUpstream(t, {});
  const [operations, admin, operationsMoved, adminMoved] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const at = (forOperations: number, forAdmin: number): string =>
    configuration(
      url,
      '[{ name: public, address: "127.0.0.1:0" }]',
      `operations: { address: "127.0.0.1:${forOperations}" }\nadmin: { address: "127.0.0.1:${forAdmin}" }`,
    );
  const { program, file } = started(t, at(operations, admin));
  await program.until('the admin API', () => program.stdout.includes('serving the admin API') || undefined);
  writeFileSync(file, at(operationsMoved, adminMoved));
  program.signal('SIGUSR2');
  const successor = await program.until('a successor', () =>
    /"what":"taken-over".*?process ([0-9]+)/.exec(program.stdout)?.at(1),
  );
  try {
    assert.equal((await httpRequest(`http://127.0.0.1:${operationsMoved}/readyz`)).status, 200);
    assert.equal(await isRefused(adminMoved), false);
    await eventually('an end of the old ports', async () =>
      (await isRefused(operations)) && (await isRefused(admin)) ? true : undefined,
    );
  } finally {
    process.kill(Number(successor), 'SIGKILL');
  }
});

void test('SIGHUP before the gateway serves is a reload when it does, and not its end', async (t) => {
  const { url } = await startUpstream(t, {});
  const { program } = started(t, configuration(url, '[{ name: public, address: "127.0.0.1:0" }]'));
  // What a process catches stands in its status, bit by bit: SIGHUP is the first.
  await eventually('a listener for SIGHUP', () => {
    const status = readFileSync(`/proc/${program.pid}/status`, 'utf8');
    const caught = Number.parseInt(/^SigCgt:.*([0-9a-f])$/m.exec(status)?.[1] ?? '0', 16);
    return Promise.resolve(caught % 2 === 1 ? true : undefined);
  });
  program.signal('SIGHUP');
  await program.until('a reload', () => program.stdout.includes('the configuration has not changed') || undefined);
});

void test('SIGTERM during a hand-over ends the successor too: whoever stops the gateway means all of it', async (t) => {
  const { gateway } = await start(t);
  // A server that accepts and never answers: the successor waits for its first health check.
  const silent = await listening();
  const port = gateway.port('public');
  try {
    const health = 'healthCheck: { path: /health, timeout: 20s, interval: 30s }';
    const text = configuration('SILENT', '[{ name: public, address: "127.0.0.1:0" }]');
    const silentOne = `{ servers: ["http://127.0.0.1:${silent.port}"], ${health} }`;
    writeFileSync(join(gateway.directory, 'sallyport.yaml'), text.replace('"SILENT"', silentOne));
    gateway.program.signal('SIGUSR2');
    await new Promise((resolve) => silent.server.once('connection', resolve));
    gateway.program.signal('SIGTERM');
    const failed = await gateway.logged({ kind: 'system', what: 'take-over-failed' });
    assert.match(String(failed['detail']), /told to stop/);
    await gateway.program.exited();
    await eventually('an end of the port', async () => ((await isRefused(port)) ? true : undefined));
  } finally {
    silent.server.close();
  }
});
