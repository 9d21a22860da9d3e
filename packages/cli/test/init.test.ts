import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig, RuleImages } from '@sallyport/control';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCheck } from '../src/commands/check.ts';
import { runInit } from '../src/commands/init.ts';
import { type TestIo, testIo } from './test-io.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-init-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function init(args: readonly string[], answers?: readonly string[]): Promise<{ code: number; io: TestIo }> {
  const io = testIo(answers === undefined ? { cwd: folder } : { cwd: folder, answers });
  return { code: await runInit(args, io), io };
}

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

describe('what sallyport init writes', () => {
  const rows = ['game', 'alerts', 'api', 'webapp'].flatMap((profile) =>
    ['development', 'staging', 'production'].flatMap((mode) =>
      [true, false].map((isTunnel) => [profile, mode, isTunnel] as const),
    ),
  );

  it.each(rows)('passes check: %s, %s, tunnel %s', async (profile, mode, isTunnel) => {
    const flags = [
      '--profile',
      profile,
      '--mode',
      mode,
      '--domain',
      'game.example.com',
      ...(isTunnel ? ['--tunnel'] : []),
    ];
    const { code, io } = await init(flags);
    expect([code, io.err()]).toEqual([0, '']);
    const check = testIo({ cwd: folder });
    expect([await runCheck([], check), check.out(), check.err()]).toEqual([0, 'sallyport.yaml: good\n', '']);
    const loaded = loadConfig({ ruleImages: RULE_IMAGES, path: join(folder, 'sallyport.yaml'), environment: {} });
    expect(loaded.ok && loaded.config.gateway).toMatchObject({
      mode,
      listeners: [
        { client: isTunnel ? { kind: 'cloudflare-tunnel', proof: { kind: 'unix-socket' } } : { kind: 'direct' } },
      ],
      routes: [{ profile, match: { hosts: ['game.example.com'] } }],
      upstreams: [{ servers: [{ address: { kind: 'tcp', host: '127.0.0.1', port: 3000 } }] }],
    });
  });

  it('points cloudflared at the socket of the listener and never turns verification off (R0.2) (R0.9)', async () => {
    for (const mode of ['production', 'development']) {
      await init(['--domain', 'game.example.com', '--tunnel', '--mode', mode, '--force']);
      const loaded = loadConfig({ ruleImages: RULE_IMAGES, path: join(folder, 'sallyport.yaml'), environment: {} });
      const address = loaded.ok ? loaded.config.gateway.listeners[0]?.address : undefined;
      const socket = address?.kind === 'unix' ? address.path : '';
      const rules = read('cloudflared.yml')
        .split('\n')
        .filter((line) => !line.trim().startsWith('#'));
      expect(rules.slice(rules.indexOf('ingress:'))).toEqual([
        'ingress:',
        '  - hostname: "game.example.com"',
        `    service: "unix:${socket}"`,
        '  - service: http_status:404',
        '',
      ]);
      expect(read('cloudflared.yml')).not.toMatch(/noTLSVerify: *true/);
    }
    expect(statSync(join(folder, 'run')).isDirectory()).toBe(true);
  });

  it('is about fifteen lines beside its comments', async () => {
    await init(['--domain', 'game.example.com', '--tunnel']);
    const lines = read('sallyport.yaml')
      .split('\n')
      .filter((line) => line.trim() !== '' && !line.trim().startsWith('#'));
    expect(lines.length).toBeLessThanOrEqual(17);
  });

  it('keeps secrets out of git, and the example in (R0.12)', async () => {
    execFileSync('git', ['init', '-q', folder]);
    writeFileSync(join(folder, '.gitignore'), 'node_modules\n.env');
    await init(['--domain', 'game.example.com']);
    const isIgnored = (name: string): boolean => {
      try {
        execFileSync('git', ['-C', folder, 'check-ignore', '-q', name]);
        return true;
      } catch {
        return false;
      }
    };
    const names = [
      '.env',
      '.env.development',
      '.env.staging',
      '.env.production',
      'node_modules',
      '.env.example',
      'sallyport.yaml',
    ];
    expect(names.map(isIgnored)).toEqual([true, true, true, true, true, false, false]);
    const before = read('.gitignore');
    await init(['--domain', 'game.example.com', '--force']);
    expect(read('.gitignore')).toBe(before);
  });

  it('holds no secret', async () => {
    await init(['--domain', 'game.example.com', '--tunnel']);
    expect(
      read('.env.example')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#')),
    ).toEqual([]);
  });
});

describe('how sallyport init asks', () => {
  it('asks for what is open, with what it takes for an empty answer', async () => {
    const { code, io } = await init([], ['alerts', 'alerts.example.com', '', 'yes']);
    expect(code).toBe(0);
    expect(io.asked).toEqual([
      'What do you protect (game, alerts, api, webapp)? [game] ',
      'Which host name do clients use? ',
      'Where is your server? [http://127.0.0.1:3000] ',
      'Do clients come through a Cloudflare Tunnel (yes, no)? [no] ',
    ]);
    expect(readdirSync(folder).toSorted()).toEqual(['.env.example', '.gitignore', 'cloudflared.yml', 'sallyport.yaml']);
    expect(read('sallyport.yaml')).toContain('profile: alerts');
  });

  it('asks nothing that the command line says', async () => {
    const flags = [
      '--profile',
      'api',
      '--domain',
      'a.example.com',
      '--upstream',
      'http://127.0.0.1:4000',
      '--no-tunnel',
    ];
    const { code, io } = await init(flags, []);
    expect([code, io.asked]).toEqual([0, []]);
  });

  it.each<[readonly string[], string]>([
    [[], '--domain is missing'],
    [['--domain', 'a.example.com', '--profile', 'gmae'], '--profile gmae is none of game, alerts, api, webapp'],
    [['--domain', 'a.example.com', '--mode', 'prod'], '--mode prod is none of'],
    [['--domain', 'https://a.example.com'], 'did you mean "a.example.com"?'],
    [['--domain', 'a b"\n: {'], 'routes[0].match.host: is not a host name'],
    [['--domain', 'a.example.com', '--upstream', 'ws://127.0.0.1:1'], 'did you mean "http://127.0.0.1:1"?'],
    [['--domain', '${env:A}'], 'needs the environment variable A'],
    [['--nope'], 'Usage: sallyport init'],
  ])('refuses %j and writes nothing', async (args, said) => {
    const { code, io } = await init(args);
    expect([code, io.out()]).toEqual([64, '']);
    expect(io.err()).toContain(said);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('files that are there', () => {
  it('are not overwritten, not even one of them', async () => {
    writeFileSync(join(folder, '.env.example'), 'mine');
    const { code, io } = await init(['--domain', 'a.example.com', '--tunnel']);
    expect([code, io.out()]).toEqual([73, '']);
    expect(io.err()).toBe(
      `${join(folder, '.env.example')} is there already; nothing was written. Overwrite it with --force.\n`,
    );
    expect(readdirSync(folder)).toEqual(['.env.example']);
  });

  it('are overwritten when that is asked for', async () => {
    writeFileSync(join(folder, '.env.example'), 'mine');
    const { code } = await init(['--domain', 'a.example.com', '--force']);
    expect(code).toBe(0);
    expect(read('.env.example')).not.toBe('mine');
  });

  it('go into a folder that is made for them', async () => {
    const { code, io } = await init(['--domain', 'a.example.com', '--out', 'deep/below']);
    expect(code).toBe(0);
    expect(io.out()).toContain('deep/below/sallyport.yaml');
    expect(readdirSync(join(folder, 'deep/below'))).toContain('sallyport.yaml');
  });

  it('say why they cannot be written', async () => {
    writeFileSync(join(folder, 'file'), '');
    const { code, io } = await init(['--domain', 'a.example.com', '--out', 'file/below']);
    expect(code).toBe(73);
    expect(io.err()).toContain('cannot be written (ENOTDIR)');
  });
});
