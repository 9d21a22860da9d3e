import { chownSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AdminClient } from '@sallyport/control';
import type { StatusAnswer } from '@sallyport/control/contract';
import { describe, expect, it } from 'vitest';
import { ADMIN_COMMANDS } from '../src/admin/all.ts';
import { runAdminCommand } from '../src/admin/command.ts';
import { formatSpan, formatTime, printable, table } from '../src/admin/print.ts';
import { type Script, type ScriptedGateway, scriptedGateway } from './admin-gateway.ts';
import { type TestIo, testIo } from './test-io.ts';

const STATUS: StatusAnswer = {
  node: 'gate-1',
  version: '0.1.0',
  boot: 'b1',
  startedMs: 1_700_000_000_000,
  uptimeMs: 93_784_000,
  mode: 'production',
  isReady: true,
  notReadyReasons: [],
  isDraining: false,
  attackLevel: 0,
  listeners: [{ name: 'public', address: '0.0.0.0:443', isTls: true }],
  upstreams: [{ name: 'game', serversUp: 1, serversAll: 2, isBreakerOpen: false }],
  workers: { running: 2, all: 2 },
  policy: { version: 3, hash: '0123456789abcdef', publishedMs: 1_700_000_000_000 },
};

const DECISION = {
  id: 'api-1',
  kind: 'ban',
  scope: { kind: 'address', value: '192.0.2.1' },
  reason: 'rude',
  author: 'session:alice',
  createdMs: 1_700_000_000_000,
  endsMs: null,
};

interface Ran {
  readonly code: number;
  readonly io: TestIo;
}

async function ask(line: readonly string[], gateway?: ScriptedGateway, environment = {}): Promise<Ran> {
  const [name = '', ...args] = line;
  const command = ADMIN_COMMANDS.get(name);
  if (command === undefined) throw new Error(`there is no command ${name}`);
  const io = testIo({ cwd: gateway?.folder ?? tmpdir(), environment });
  const socket = gateway === undefined ? [] : ['--socket', gateway.socket];
  return { code: await runAdminCommand(command, [...args, ...socket], io), io };
}

async function askOne(line: readonly string[], script: Script): Promise<Ran> {
  return ask(line, await scriptedGateway(script));
}

describe('sallyport status', () => {
  it('says how the gateway is doing', async () => {
    const { code, io } = await askOne(['status'], { 'GET /api/v1/status': { json: STATUS } });
    expect([code, io.err()]).toEqual([0, '']);
    expect(io.out()).toBe(`gate-1: ready, production, version 0.1.0, up 1d 2h (boot b1)
policy: version 3 (0123456789ab), published 2023-11-14 22:13:20Z
workers: 2 of 2 running; attack level 0

LISTENER  ADDRESS      TLS
public    0.0.0.0:443  TLS

UPSTREAM  SERVERS UP  BREAKER
game      1 of 2      closed
`);
  });

  it('ends with 1 and the reasons when it is not ready', async () => {
    const json = { ...STATUS, isReady: false, notReadyReasons: ['upstream game is down'] };
    const { code, io } = await askOne(['status'], { 'GET /api/v1/status': { json } });
    expect(code).toBe(1);
    expect(io.out()).toContain('gate-1: not ready, production');
    expect(io.out()).toContain('  not ready: upstream game is down\n');
  });

  it('prints the same as JSON', async () => {
    const { io } = await askOne(['status', '--json'], { 'GET /api/v1/status': { json: STATUS } });
    expect(JSON.parse(io.out())).toEqual(STATUS);
  });

  it('lets no text of a gateway move the cursor, colour a line or turn around', async () => {
    const node = 'a\u001b[2J\u009b31m\u202eb\nc';
    const script = { 'GET /api/v1/status': { json: { ...STATUS, node } } };
    const plain = await askOne(['status'], script);
    expect(plain.io.out().split('\n')[0]).toMatch(/^a\\u001b\[2J\\u009b31m\\u202eb\\u000ac: ready/);
    const json = await askOne(['status', '--json'], script);
    expect(json.io.out()).not.toMatch(/[^\P{C}\n]/u);
    expect(JSON.parse(json.io.out())).toMatchObject({ node });
  });
});

describe('sallyport reload', () => {
  it('prints everything that is wrong and ends with 78; the policy stays', async () => {
    const problem = {
      severity: 'error',
      file: 'a.yaml',
      line: 3,
      column: 1,
      key: 'routes',
      text: 'a.yaml:3:1 routes: is missing',
    };
    const json = {
      type: 'about:blank',
      title: 'x',
      status: 422,
      code: 'CONFIG_REFUSED',
      detail: 'the policy stays',
      problems: [problem],
    };
    const { code, io } = await askOne(['reload'], { 'POST /api/v1/reload': { status: 422, json } });
    expect([code, io.out(), io.err()]).toEqual([78, '', 'a.yaml:3:1 routes: is missing\nthe policy stays\n']);
  });

  it('says which version is in force', async () => {
    const json = { result: 'published', version: 4, hash: 'ab'.repeat(32), warnings: [] };
    const { code, io } = await askOne(['reload'], { 'POST /api/v1/reload': { json } });
    expect([code, io.out()]).toEqual([0, 'version 4 (abababababab) is in force\n']);
  });
});

describe('sallyport policies', () => {
  it('compares a version with the one in force', async () => {
    const changes = [
      { key: 'a', from: '1', to: '2' },
      { key: 'b', from: null, to: 'x' },
      { key: 'c', from: 'y', to: null },
    ];
    const { io } = await askOne(['policies', 'diff', '2'], {
      'GET /api/v1/policies': { json: { current: 5, policies: [] } },
      'GET /api/v1/policies/diff?from=2&to=5': { json: { from: 2, to: 5, changes, isCut: true } },
    });
    expect(io.out()).toBe('~ a: 1 -> 2\n+ b: x\n- c: y\n... and more\n');
  });

  it('rolls back', async () => {
    const gateway = await scriptedGateway({
      'POST /api/v1/rollback': { json: { result: 'published', version: 6, hash: 'ff', warnings: [] } },
    });
    expect((await ask(['policies', 'rollback', '2'], gateway)).io.out()).toBe('version 6 (ff) is in force\n');
    expect(gateway.heard[0]?.body).toEqual({ version: 2 });
  });
});

describe('sallyport decisions', () => {
  it('lists as many as were asked for, from as many pages as that takes', async () => {
    const page = (index: number, next: string | null): { readonly json: unknown } => ({
      json: { total: 3, decisions: [{ ...DECISION, id: `api-${index}` }], next },
    });
    const { code, io } = await askOne(['decisions', '--client', '192.0.2.1'], {
      'GET /api/v1/decisions?client=192.0.2.1&limit=100': page(1, '7.api-1'),
      'GET /api/v1/decisions?client=192.0.2.1&after=7.api-1&limit=99': page(2, '7.api-2'),
      'GET /api/v1/decisions?client=192.0.2.1&after=7.api-2&limit=98': page(3, null),
    });
    expect(code).toBe(0);
    expect(io.out().match(/api-[123] {2}ban/g)).toHaveLength(3);
  });

  it('takes one, with its reason, its end and a key', async () => {
    const json = {
      decision: { ...DECISION, endsMs: 1_700_000_060_000 },
      isRepeat: false,
      confirmed: { workers: 2, of: 2 },
    };
    const gateway = await scriptedGateway({ 'POST /api/v1/decisions': { json } });
    const line = ['decisions', 'add', 'ban', '192.0.2.1', '--reason', 'rude', '--for', '90s', '--key', 't-1'];
    const { io } = await ask(line, gateway, { SUDO_USER: 'carol' });
    expect(gateway.heard[0]).toMatchObject({
      headers: { host: 'localhost', 'sallyport-author': 'carol' },
      body: { kind: 'ban', scope: { kind: 'address', value: '192.0.2.1' }, reason: 'rude', seconds: 90, key: 't-1' },
    });
    expect(io.out()).toBe('ban of 192.0.2.1 is in force until 2023-11-14 22:14:20Z, in 2 of 2 workers: api-1\n');
  });

  it('ends one', async () => {
    const json = { id: 'api-1', confirmed: { workers: 1, of: 1 } };
    const { io } = await askOne(['decisions', 'revoke', 'api-1'], { 'DELETE /api/v1/decisions/api-1': { json } });
    expect(io.out()).toBe('ended in 1 of 1 worker\n');
  });
});

describe('other commands', () => {
  it('drain gives its command once, under an id of its own', async () => {
    const gateway = await scriptedGateway({
      'POST /api/v1/commands': { json: { id: 'x', confirmed: { workers: 2, of: 2 }, acks: [] } },
    });
    expect((await ask(['drain'], gateway)).io.out()).toBe('draining: 2 of 2 workers\n');
    expect(gateway.heard[0]?.body).toMatchObject({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      action: { kind: 'drain' },
    });
  });

  it('connections close ends all of a client', async () => {
    const ack = { id: 'x', worker: 0, closed: 3, isRepeat: false };
    const gateway = await scriptedGateway({
      'POST /api/v1/commands': { json: { id: 'x', confirmed: { workers: 1, of: 1 }, acks: [ack] } },
    });
    const { io } = await ask(['connections', 'close', '--client', '192.0.2.0/24', '--reason', 'rude'], gateway);
    expect(io.out()).toBe('closed 3 connections\n');
    expect(gateway.heard[0]?.body).toMatchObject({ action: { kind: 'close-client', client: '192.0.2.0/24' } });
  });

  it('admin link prints the link alone, and what to know of it beside', async () => {
    const url = 'http://127.0.0.1:8082/.sallyport/admin#token=x';
    const json = { url, expiresMs: 1_700_000_000_000 };
    const gateway = await scriptedGateway({ 'POST /api/v1/links': { json } });
    const { io } = await ask(['admin', 'link', '--name', 'dora'], gateway);
    expect(io.out()).toBe(`${url}\n`);
    expect(io.err()).toBe('Open it once, before 2023-11-14 22:13:20Z. Whoever opens it is an administrator.\n');
    expect(gateway.heard[0]?.body).toEqual({ name: 'dora' });
  });
});

describe('a wrong command line', () => {
  it.each([
    ['status', 'now'],
    ['status', '--colour'],
    ['workers', '1'],
    ['reload', 'all'],
    ['policies', 'diff'],
    ['policies', 'diff', 'one'],
    ['policies', 'rollback', '0'],
    ['decisions', 'add', 'ban', '192.0.2.1'],
    ['decisions', 'add', 'kick', '192.0.2.1', '--reason', 'a'],
    ['decisions', 'add', 'ban', '192.0.2.1', '--reason', 'a', '--for', '5'],
    ['decisions', 'revoke', '../x'],
    ['decisions', '--limit', '0'],
    ['connections', 'close', '--reason', 'a'],
    ['connections', 'close', 'c1', '--client', '192.0.2.1', '--reason', 'a'],
    ['connections', 'close', 'c1'],
    ['connections', '--kind', 'udp'],
    ['attack-level'],
    ['attack-level', '4'],
    ['drain', 'now'],
    ['admin'],
    ['admin', 'links'],
    ['admin', 'revoke', 'a b'],
  ])('%s %s ... ends with 64 and asks nobody', async (...line) => {
    const gateway = await scriptedGateway({});
    const { code, io } = await ask(line, gateway);
    expect([code, io.out(), gateway.heard]).toEqual([64, '', []]);
    expect(io.err()).toMatch(/\n\nUsage: sallyport /);
  });

  it.each([...ADMIN_COMMANDS.keys()])('is answered by %s --help', async (name) => {
    const { code, io } = await ask([name, '--help']);
    expect(code).toBe(0);
    expect(io.out()).toMatch(/^Usage: sallyport [\s\S]*\n\n[\s\S]*\n\n {2}-c, --config FILE[\s\S]*Exit code: /m);
    expect(io.out()).not.toContain('\n\n\n');
  });
});

describe('the way to the gateway', () => {
  const folder = (): string => mkdtempSync(join(tmpdir(), 'sallyport-cli-'));

  async function askIn(files: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Ran> {
    const cwd = folder();
    for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text);
    const io = testIo({ cwd, environment: { SOCKET: 'from-environment.sock' } });
    const command = ADMIN_COMMANDS.get('status');
    const code = command === undefined ? -1 : await runAdminCommand(command, args, io);
    rmSync(cwd, { recursive: true });
    return { code, io };
  }

  it.each([
    ['no configuration', {}, 78, 'sallyport.yaml does not exist; or name the socket with --socket\n'],
    ['one without a socket', { 'sallyport.yaml': 'version: 1\n' }, 78, /names no admin\.socket/],
    ['one that is turned off', { 'sallyport.yaml': 'admin: false\n' }, 78, /names no admin\.socket/],
    [
      'one whose section is wrong',
      { 'sallyport.yaml': 'admin: { sokcet: a }\n' },
      78,
      /has a section admin that is wrong/,
    ],
    ['a list', { 'sallyport.yaml': '- a\n' }, 78, /is not a configuration/],
    [
      'a socket that nobody made',
      { 'sallyport.yaml': 'admin: { socket: a.sock }\n' },
      69,
      /\/a\.sock does not exist: the gateway does not run/,
    ],
    [
      'a socket named in the environment, and mistakes everywhere else',
      { 'sallyport.yaml': 'routes: 7\nupstreams: ${file:/nowhere}\nadmin: { socket: "${env:SOCKET}" }\n' },
      69,
      /\/from-environment\.sock does not exist/,
    ],
    [
      'a file that is no socket',
      { 'sallyport.yaml': 'admin: { socket: sallyport.yaml }\n' },
      69,
      /is not a socket file/,
    ],
  ])('is told apart: %s', async (_, files, code, text) => {
    const ran = await askIn(files);
    expect([ran.code, ran.io.out()]).toEqual([code, '']);
    if (typeof text === 'string') expect(ran.io.err()).toBe(text);
    else expect(ran.io.err()).toMatch(text);
  });

  it('does not lead to a socket of another user', async () => {
    const { socket, heard } = await scriptedGateway({ 'GET /api/v1/status': { json: STATUS } });
    // What belongs to root is everybody's business.
    if (statSync(socket).uid === 0) chownSync(socket, 65_534, 65_534);
    const uid = statSync(socket).uid + 1;
    const outcome = await new AdminClient({ socket, author: 'eve', uid }).call('getStatus', {});
    expect(outcome).toEqual({
      kind: 'unreachable',
      why: 'forbidden',
      detail: `${socket} belongs to another user (uid ${uid - 1}); ask as that user or as root`,
    });
    expect(heard).toEqual([]);
  });

  it('ends where nobody listens any more', async () => {
    const cwd = folder();
    await abandon(join(cwd, 'a.sock'));
    const { code, io } = await ask(['status', '--socket', join(cwd, 'a.sock')]);
    expect([code, io.err()]).toEqual([69, `nobody answers at ${join(cwd, 'a.sock')}: the gateway does not run\n`]);
    rmSync(cwd, { recursive: true });
  });

  it.each([
    ['something that speaks no JSON', 'hello'],
    ['JSON that is no answer', { json: { node: 1 } }],
    ['a status without a problem', { status: 500, json: {} }],
    ['more than anybody can read', { json: { node: 'x'.repeat(5_000_000) } }],
  ])('ends at %s', async (_, answer) => {
    const { code, io } = await askOne(['status'], { 'GET /api/v1/status': answer });
    expect([code, io.out()]).toEqual([69, '']);
    expect(io.err()).toMatch(/is no gateway of this version\n$/);
  });
});

describe('text for a terminal', () => {
  it.each([
    [0, '0s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [3_661_000, '1h 1m'],
    [90_061_000, '1d 1h'],
    [86_400_000, '1d'],
    [86_405_000, '1d'],
    [-5, '0s'],
  ])('says %i milliseconds as %s', (ms, text) => {
    expect(formatSpan(ms)).toBe(text);
  });

  it('has a time for every number', () => {
    expect(formatTime(0)).toBe('1970-01-01 00:00:00Z');
    expect(formatTime(Number.MAX_SAFE_INTEGER)).toBe('?');
  });

  it('keeps its columns whatever is in them', () => {
    expect(
      table(
        ['A', 'B'],
        [
          ['x\ny', '1'],
          ['é', '2'],
        ],
      ),
    ).toBe('A         B\nx\\u000ay  1\né         2\n');
    expect(printable('Grüße, 世界 🎲')).toBe('Grüße, 世界 🎲');
  });
});

/** Leaves a socket file behind as a killed process does: renamed, it survives the close of its server. */
function abandon(path: string): Promise<void> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(`${path}.tmp`, () => {
      renameSync(`${path}.tmp`, path);
      server.close(() => resolve());
    });
  });
}
