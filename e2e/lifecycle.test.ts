import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { GatewayProcess, SALLYPORT } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { freePort, takenPort } from './harness/ports.ts';
import { type Finished, Program, run, temporaryFolder } from './harness/program.ts';
import { startUpstream } from './harness/upstream.ts';
import { openWebSocket } from './harness/websocket-client.ts';

const OLDEST_NODE = 26;

void describe('the demo', () => {
  void test('answers, and each command it prints does what it says (R2.24)', async (t) => {
    const [port, operationsPort] = [await freePort(), await freePort()];
    const demo = startDemo(t, port, operationsPort);
    await demo.until('the end of its welcome', () => demo.lines.find((line) => line.includes('Ctrl-C ends')));
    assert.deepEqual(demo.stdout.match(/^ {2}\d\. [A-Z][^:]+/gm), ['  1. Play', '  2. Break in', '  3. Sneak past']);

    const [page = '', logFile = ''] = [
      /open (\S+) in/.exec(demo.stdout)?.[1],
      /Every request: (\S+)/.exec(demo.stdout)?.[1],
    ];
    t.after(() => rmSync(logFile));
    const { status, text } = await httpRequest(page);
    assert.deepEqual([status, /<title>(.*)<\/title>/.exec(text)?.[1]], [200, 'Arena']);
    await openWebSocket(page.replace('http', 'ws').concat('ws'));
    await demo.until('the player', () => demo.lines.find((line) => line.includes('a player connected from 127.0.0.1')));

    const expected = [
      { status: '403 Forbidden', reason: 'REQUEST_CONTENT_DENIED', seen: 'refused 403 REQUEST_CONTENT_DENIED (rule ' },
      {
        status: '400 Bad Request',
        reason: 'HEADER_UNDERSCORE_VARIANT',
        seen: 'refused 400 HEADER_UNDERSCORE_VARIANT (x_forwarded_for)',
      },
    ];
    const commands = demo.lines.flatMap((line) => /^ {2}\d\. [^:]+: +(curl .*)$/.exec(line)?.[1] ?? []);
    assert.equal(commands.length, expected.length);
    for (const [index, { status: line, reason, seen }] of expected.entries()) {
      const answer = await shell(t, commands[index] ?? '');
      assert.equal(answer.code, 0);
      assert.ok(answer.stdout.startsWith(`HTTP/1.1 ${line}\r\n`), answer.stdout);
      assert.match(answer.stdout, new RegExp(`"code":"${reason}"`));
      await demo.until(seen, () => demo.lines.find((line) => line.includes(seen)));
    }
    const metrics = await httpRequest(/Metrics: (\S+)/.exec(demo.stdout)?.[1] ?? '');
    assert.match(metrics.text, /^proxy_blocked_requests_total\{[^}]*reason="REQUEST_CONTENT_DENIED"\} 1$/m);

    demo.signal('SIGINT');
    assert.deepEqual(await demo.exited(), { code: 0, signal: null });
    assert.match(readFileSync(logFile, 'utf8'), /"reason":"REQUEST_CONTENT_DENIED"/);
  });

  void test('says which port to choose when its own is taken', async (t) => {
    const port = await takenPort(t);
    const { code, stderr } = await sallyport(t, 'demo', '--port', String(port), '--operations-port', '0');
    assert.equal(code, 1);
    assert.equal(
      stderr,
      `the demo does not start: 127.0.0.1:${port} is already in use by another process\n` +
        '  another port: npm start -- --port 9080 --operations-port 9081\n',
    );
  });

  void test('is what npm start runs', () => {
    const manifest: unknown = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'));
    assert.ok(typeof manifest === 'object' && manifest !== null && 'scripts' in manifest);
    assert.partialDeepStrictEqual(manifest.scripts, { start: 'node packages/cli/bin/sallyport.cjs demo' });
  });
});

void describe('a start that cannot be', () => {
  void test('says one sentence on an old Node.js and ends with 78 (R3.1)', async (t) => {
    const { command, options, version } = oldNode();
    const finished = await run(t, { command, arguments: [...options, SALLYPORT, 'run'] });
    assert.deepEqual([finished.code, finished.stdout], [78, '']);
    assert.equal(
      finished.stderr,
      `sallyport needs Node.js ${OLDEST_NODE} or later; this is Node.js ${version} (${command})\n`,
    );
  });

  void test('names the environment variable that is missing and ends with 78 (R0.1)', async (t) => {
    const finished = await runWith(t, configuration({ upstream: '${env:GAME_SERVER_URL}' }));
    assert.equal(finished.code, 78);
    assert.match(finished.stderr, /refused\.yaml:\d+:\d+ .*upstreams\.game.*GAME_SERVER_URL/);
    assert.match(finished.stderr, /sallyport does not start: 1 problem\(s\)/);
  });

  void test('takes the same variable from the environment when it is there (R0.1)', async (t) => {
    const upstream = await startUpstream(t);
    const yaml = configuration({ upstream: '${env:GAME_SERVER_URL}' });
    const gateway = await GatewayProcess.start(t, { yaml, environment: { GAME_SERVER_URL: upstream.url } });
    assert.equal((await httpRequest(gateway.url('/'))).text, 'ok');
  });

  void test('names an address that is taken and ends with 1', async (t) => {
    const port = await takenPort(t);
    for (const yaml of [
      configuration({ address: `127.0.0.1:${port}` }),
      `${configuration({})}operations: { address: "127.0.0.1:${port}" }\n`,
    ]) {
      const { code, stderr } = await runWith(t, yaml);
      assert.equal(code, 1);
      assert.equal(stderr, `sallyport does not start: 127.0.0.1:${port} is already in use by another process\n`);
    }
  });

  for (const [what, yaml] of [
    ['without TLS', configuration({ mode: 'production', address: '0.0.0.0:0' })],
    [
      'without TLS that is called insecure',
      configuration({ mode: 'production', address: '0.0.0.0:0', insecure: true }),
    ],
    ['without TLS on all IPv6 addresses', configuration({ mode: 'production', address: '[::]:0' })],
  ] as const) {
    void test(`is that of a listener beyond this machine ${what}, in production (R3.3)`, async (t) => {
      const { code, stderr } = await runWith(t, yaml);
      assert.equal(code, 78);
      assert.match(stderr, /listeners\[0\]/);
      assert.match(stderr, /plaintext/);
    });
  }

  void test('is not that of a listener which is called insecure, in development (R3.3)', async (t) => {
    const yaml = configuration({ address: '0.0.0.0:0', insecure: true });
    const gateway = await GatewayProcess.start(t, { yaml });
    assert.equal((await httpRequest(`http://127.0.0.1:${gateway.port()}/`)).status, 502);
    assert.equal((await runWith(t, configuration({ address: '0.0.0.0:0' }))).code, 78);
  });
});

void describe('a socket file', () => {
  void test('that a killed gateway left behind is taken over', async (t) => {
    const directory = temporaryFolder(t);
    const yaml = configuration({ address: 'unix:./http.sock' });
    const first = await GatewayProcess.start(t, { yaml, directory });
    first.program.signal('SIGKILL');
    await first.program.exited();
    assert.ok(existsSync(join(directory, 'http.sock')));
    await GatewayProcess.start(t, { yaml, directory });
    assert.equal((await httpRequest('http://game/', { socket: join(directory, 'http.sock') })).status, 502);
  });

  void test('of a gateway that runs is not taken away from it', async (t) => {
    const directory = temporaryFolder(t);
    const yaml = configuration({ address: 'unix:./http.sock' });
    await GatewayProcess.start(t, { yaml, directory });
    const second = await runWith(t, yaml, directory);
    assert.deepEqual([second.code, second.stderr.includes('http.sock is already in use')], [1, true], second.stderr);
    assert.equal((await httpRequest('http://game/', { socket: join(directory, 'http.sock') })).status, 502);
  });

  void test('is made for its group alone, and a file that is no socket stays', async (t) => {
    const directory = temporaryFolder(t);
    const path = join(directory, 'http.sock');
    const yaml = configuration({ address: 'unix:./http.sock' });
    writeFileSync(path, 'precious');
    assert.equal((await runWith(t, yaml, directory)).code, 1);
    assert.equal(readFileSync(path, 'utf8'), 'precious');
    rmSync(path);
    await GatewayProcess.start(t, { yaml, directory });
    assert.equal(lstatSync(path).mode & 0o777, 0o660);
  });
});

void describe('what init writes', () => {
  for (const profile of ['game', 'alerts', 'api', 'webapp'])
    for (const tunnel of [[], ['--tunnel']])
      void test(`passes check and runs: ${[profile, ...tunnel].join(' ')}`, async (t) => {
        const upstream = await startUpstream(t);
        const directory = temporaryFolder(t);
        const init = await sallyport(
          t,
          'init',
          '--profile',
          profile,
          ...tunnel,
          '--domain',
          'play.example.com',
          '--upstream',
          upstream.url,
          '--out',
          directory,
        );
        assert.deepEqual([init.code, init.stderr], [0, '']);
        const file = join(directory, 'sallyport.yaml');
        const check = await sallyport(t, 'check', '-c', file);
        assert.equal(check.code, 0, check.stderr);

        const isTunnel = tunnel.length > 0;
        const gateway = await GatewayProcess.start(t, { yaml: adapted(readFileSync(file, 'utf8')), directory });
        const socket = isTunnel ? { socket: join(directory, 'http.sock') } : {};
        const url = isTunnel ? 'http://gateway' : gateway.url('', 'local');
        const ask = (host: string): ReturnType<typeof httpRequest> =>
          httpRequest(url, { ...socket, headers: { host, 'cf-connecting-ip': '203.0.113.9' } });
        assert.equal((await ask('play.example.com')).text, 'ok');
        assert.equal(upstream.requests[0]?.headers['x-forwarded-for'], isTunnel ? '203.0.113.9' : '127.0.0.1');
        assert.equal((await ask('other.example.com')).status, 404);
      });
});

/** What init wrote, moved to addresses that a test may use. */
function adapted(yaml: string): string {
  return yaml
    .replace('address: "127.0.0.1:8080"', 'address: "127.0.0.1:0"')
    .replace('unix:/run/sallyport/http.sock', 'unix:./http.sock')
    .replace('"/run/sallyport/admin.sock", address: "127.0.0.1:8082"', '"./admin.sock", address: "127.0.0.1:0"')
    .replace(/^operations:.*\n/m, '');
}

interface Facts {
  readonly mode?: string;
  readonly address?: string;
  readonly insecure?: boolean;
  readonly upstream?: string;
}

/** Nobody listens on port 1: an upstream that is not asked needs none. */
function configuration({ mode = 'development', address = '127.0.0.1:0', insecure, upstream }: Facts): string {
  return `version: 1
mode: ${mode}
listeners:
  - name: public
    address: "${address}"${insecure === undefined ? '' : `\n    insecure: ${insecure}`}
upstreams: { game: "${upstream ?? 'http://127.0.0.1:1'}" }
routes: [{ name: game, upstream: game, profile: game }]
`;
}

function startDemo(t: TestContext, port: number, operationsPort: number): Program {
  const ports = ['--port', String(port), '--operations-port', String(operationsPort)];
  return Program.start(t, { command: process.execPath, arguments: [SALLYPORT, 'demo', ...ports] });
}

function sallyport(t: TestContext, ...args: readonly string[]): Promise<Finished> {
  return run(t, { command: process.execPath, arguments: [SALLYPORT, ...args] });
}

/** `sallyport run` with a configuration that it refuses. */
function runWith(t: TestContext, yaml: string, directory: string = temporaryFolder(t)): Promise<Finished> {
  const file = join(directory, 'refused.yaml');
  const operations = yaml.includes('operations:') ? '' : 'operations: false\n';
  writeFileSync(file, yaml + operations);
  return sallyport(t, 'run', '-c', file);
}

function shell(t: TestContext, command: string): Promise<Finished> {
  return run(t, { command: 'sh', arguments: ['-c', command] });
}

/** The system's Node.js where that is old; elsewhere ours under an old version's name. */
function oldNode(): { readonly command: string; readonly options: readonly string[]; readonly version: string } {
  const system = '/usr/bin/node';
  const version = spawnSync(system, ['-p', 'process.versions.node'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  if (Number(version.split('.')[0] || OLDEST_NODE) < OLDEST_NODE) return { command: system, options: [], version };
  const older = '22.21.0';
  const pretence = `Object.defineProperty(process,'versions',{value:{...process.versions,node:'${older}'}})`;
  return { command: process.execPath, options: ['--import', `data:text/javascript,${pretence}`], version: older };
}
