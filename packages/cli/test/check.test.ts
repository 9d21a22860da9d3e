import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCheck } from '../src/commands/check.ts';
import { type TestIo, testIo } from './test-io.ts';

const GOOD = `version: 1
listeners:
  - name: tunnel
    address: unix:/run/sallyport/http.sock
    client: { kind: cloudflare-tunnel, proof: unix-socket }
upstreams:
  game: \${env:GAME_SERVER_URL}
routes:
  - { name: game, match: { host: game.example.com }, upstream: game, profile: game }
`;

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-check-'));
  writeFileSync(join(folder, 'sallyport.yaml'), GOOD);
  writeFileSync(
    join(folder, 'warned.yaml'),
    GOOD.replace('client: { kind: cloudflare-tunnel, proof: unix-socket }', 'client: direct'),
  );
  writeFileSync(
    join(folder, 'bad.yaml'),
    GOOD.replace('profile: game', 'profile: gmae').replace('version: 1', 'version: 3'),
  );
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function check(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = { GAME_SERVER_URL: 'http://127.0.0.1:3000' },
): Promise<{ code: number; io: TestIo }> {
  const io = testIo({ cwd: folder, environment });
  return { code: await runCheck(args, io), io };
}

describe('sallyport check', () => {
  it('says that a configuration is good', async () => {
    const { code, io } = await check([]);
    expect([code, io.out(), io.err()]).toEqual([0, 'sallyport.yaml: good\n', '']);
  });

  it('says every problem with its place and ends with 78', async () => {
    const { code, io } = await check(['-c', 'bad.yaml']);
    expect([code, io.out()]).toEqual([78, '']);
    expect(io.err()).toBe(
      [
        'bad.yaml:1:10 version: is too large (3; allowed: 1)',
        'bad.yaml:9:79 routes[0].profile: is not one of the choices ("gmae"; allowed: game, alerts, api, webapp; did you mean "game"?)',
        'bad.yaml: 2 errors\n',
      ].join('\n'),
    );
  });

  it('ends with 78 and the name of a variable that is not set (R0.1)', async () => {
    const { code, io } = await check([], {});
    expect(code).toBe(78);
    expect(io.err()).toContain(
      'sallyport.yaml:7:9 upstreams.game: needs the environment variable GAME_SERVER_URL, which is not set',
    );
  });

  it('is content with warnings, and says them', async () => {
    const { code, io } = await check(['--config', join(folder, 'warned.yaml')]);
    expect([code, io.out()]).toEqual([0, `${join(folder, 'warned.yaml')}: good, 1 warning\n`]);
    expect(io.err()).toContain('warning: listeners[0].client: makes every client look like 127.0.0.1');
  });

  it('ends with 78 where there is no file', async () => {
    const { code, io } = await check(['-c', 'nowhere.yaml']);
    expect([code, io.err()]).toEqual([78, 'nowhere.yaml: does not exist\nnowhere.yaml: 1 error\n']);
  });

  it('prints what holds', async () => {
    const { code, io } = await check(['--print']);
    expect(code).toBe(0);
    expect(io.out()).toContain('      - url: http://127.0.0.1:3000\n        weight: 1\n');
    expect(io.out()).toContain('messageMax: 1MB');
  });

  it('prints problems as JSON', async () => {
    const { code, io } = await check(['-c', 'bad.yaml', '--json']);
    expect([code, io.err()]).toEqual([78, '']);
    expect(JSON.parse(io.out())).toMatchObject({
      ok: false,
      problems: [{ file: 'bad.yaml', line: 1, key: 'version' }, { line: 9 }],
    });
  });

  it.each([[['--nope']], [['extra']], [['-c']], [['--print', '--json']]])('explains its use after %j', async (args) => {
    const { code, io } = await check(args);
    expect([code, io.out()]).toEqual([64, '']);
    expect(io.err()).toContain('Usage: sallyport check');
  });

  it('explains its use when asked', async () => {
    const { code, io } = await check(['--help']);
    expect([code, io.err()]).toEqual([0, '']);
    expect(io.out()).toContain('Usage: sallyport check');
  });
});
