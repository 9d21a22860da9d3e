import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { runRules } from '../../src/commands/rules.ts';
import { sha256 } from '../../src/rules/store.ts';
import { testIo } from '../test-io.ts';
import { ReleaseKey, ReleaseServer, type TarEntry, tarGz } from './release-server.ts';

const key = new ReleaseKey();
const server = new ReleaseServer();
let url = '';
let folder = '';

beforeAll(async () => {
  url = await server.listen();
});
afterAll(() => server.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-rules-'));
  server.files.clear();
  server.redirects.clear();
  server.files.set('/security.asc', key.armored);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function archive(version: string, more: readonly TarEntry[] = []): Buffer {
  const top = `coreruleset-${version}`;
  return tarGz([
    { path: `${top}/`, kind: '5' },
    {
      path: `${top}/crs-setup.conf.example`,
      text: 'SecAction "id:900000,phase:1,pass,nolog,setvar:tx.crs_setup_version=1"',
    },
    {
      path: `${top}/rules/REQUEST-1.conf`,
      text: `SecRule ARGS "@pmFromFile words.data" "id:901,phase:2,deny,ver:'${version}'"`,
    },
    { path: `${top}/rules/words.data`, text: 'attack\n' },
    ...more,
  ]);
}

function release(version: string, bytes: Buffer = archive(version), signature: Buffer = key.sign(bytes)): Buffer {
  const path = `/crs/releases/download/v${version}/coreruleset-${version}-minimal.tar.gz`;
  server.files.set(path, bytes);
  server.files.set(`${path}.asc`, signature);
  return bytes;
}

async function rules(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const io = testIo({ cwd: folder });
  const flags = ['--base-url', `${url}/crs`, '--key-url', `${url}/security.asc`, '--fingerprint', key.fingerprint];
  const code = await runRules([...args, ...flags], io);
  return { code, stdout: io.out(), stderr: io.err().replaceAll(url, 'URL') };
}

/** What is left in the folder of rules. */
function left(): readonly string[] {
  return existsSync(join(folder, 'rules')) ? readdirSync(join(folder, 'rules')).toSorted() : [];
}

describe('sallyport rules install', () => {
  test('fetches, proves, unpacks and puts in use', async () => {
    release('4.29.0');
    const { code, stdout, stderr } = await rules('install', 'crs', '4.29.0');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(`crs 4.29.0: 1 rule files, proved by signature ${key.fingerprint}
In use: rules/crs is version 4.29.0
  configuration:  waf: { rules: [rules/crs] }
`);
    expect(left()).toEqual(['crs', 'crs-4.29.0']);
    expect(readFileSync(join(folder, 'rules/crs/rules/words.data'), 'utf8')).toBe('attack\n');
  });

  test('keeps the version before, and goes back to it', async () => {
    release('4.29.0');
    release('4.29.1');
    await rules('install', 'crs', '4.29.0');
    expect((await rules('install', 'crs', '4.29.1')).stdout).toContain(
      'back:           sallyport rules use crs 4.29.0',
    );
    expect((await rules('list')).stdout).toBe(
      `  crs 4.29.0  3 files, signature ${key.fingerprint}\n* crs 4.29.1  3 files, signature ${key.fingerprint}\n`,
    );
    expect((await rules('use', 'crs', '4.29.0')).code).toBe(0);
    expect(readlinkSync(join(folder, 'rules/crs'))).toBe('crs-4.29.0');
    expect((await rules('use', 'crs', '4.30.0')).stderr).toBe('crs 4.30.0 is not installed in rules\n');
  });

  test('does not fetch what is there', async () => {
    release('4.29.0');
    await rules('install', 'crs', '4.29.0');
    server.files.clear();
    expect(await rules('install', 'crs', '4.29.0')).toMatchObject({ code: 0, stderr: '' });
  });

  test('takes a checksum in the place of a signature', async () => {
    const bytes = release('4.29.0', archive('4.29.0'), Buffer.from('no signature'));
    expect(await rules('install', 'crs', '4.29.0', '--sha256', sha256(bytes))).toMatchObject({ code: 0, stderr: '' });
    expect((await rules('list')).stdout).toContain('checksum');
  });

  test('follows a release to where it lies, not to where it must not lie', async () => {
    const path = '/crs/releases/download/v4.29.0/coreruleset-4.29.0-minimal.tar.gz';
    const bytes = archive('4.29.0');
    server.files.set('/elsewhere', bytes);
    server.files.set(`${path}.asc`, key.sign(bytes));
    server.redirects.set(path, '/elsewhere');
    expect((await rules('install', 'crs', '4.29.0')).code).toBe(0);
    const next = path.replaceAll('4.29.0', '4.29.1');
    server.redirects.set(next, 'http://192.0.2.1/x');
    expect((await rules('install', 'crs', '4.29.1')).stderr).toBe(
      'http://192.0.2.1/x is neither https nor on this machine\n',
    );
    server.redirects.set(next, next);
    expect((await rules('install', 'crs', '4.29.1')).stderr).toMatch(/leads from one place to the next\n$/);
  });

  const good = archive('4.29.0');
  const damaged = Buffer.from(good);
  damaged[100] = (damaged[100] ?? 0) ^ 1;
  const cases: readonly [string, () => void, RegExp][] = [
    ['is not there', () => {}, /answers with 404\n$/],
    [
      'is not what was signed',
      () => release('4.29.0', damaged, key.sign(good)),
      /the signature is not one of the key [0-9a-f]{40} over this archive; nothing was installed\n$/,
    ],
    [
      'is signed by somebody else',
      () => release('4.29.0', good, new ReleaseKey().sign(good)),
      /the signature is not one of the key/,
    ],
    ['has no signature', () => server.files.delete(`${[...server.files.keys()].at(-1)}`), /404/],
    [
      'is cut off',
      () => release('4.29.0', good.subarray(0, -30)),
      /it is no gzip archive, or cut off; nothing was installed\n$/,
    ],
    ['is too large', () => release('4.29.0', Buffer.alloc(16_777_217)), /is larger than 16777216 bytes\n$/],
    [
      'leads out of its folder',
      () => release('4.29.0', archive('4.29.0', [{ path: 'coreruleset-4.29.0/../../../evil', text: 'x' }])),
      /the path "coreruleset-4.29.0\/..\/..\/..\/evil" is not allowed; nothing was installed\n$/,
    ],
    [
      'holds a link',
      () => release('4.29.0', archive('4.29.0', [{ path: 'coreruleset-4.29.0/x', kind: '2' }])),
      /is neither a file nor a folder; nothing was installed\n$/,
    ],
    [
      'holds rules that this engine does not run',
      () => release('4.29.0', archive('4.29.0', [{ path: 'coreruleset-4.29.0/rules/z.conf', text: 'SecWhatever 1' }])),
      /rules\/z\.conf:1: unknown or unsupported directive SecWhatever; nothing was installed\n$/,
    ],
  ];
  test.each(cases)('refuses a release that %s, and leaves nothing of it', async (_, prepare, said) => {
    release('4.28.0');
    await rules('install', 'crs', '4.28.0');
    prepare();
    const { code, stderr, stdout } = await rules('install', 'crs', '4.29.0');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(said);
    expect(left()).toEqual(['crs', 'crs-4.28.0']);
    expect(readlinkSync(join(folder, 'rules/crs'))).toBe('crs-4.28.0');
    expect(existsSync(join(folder, 'evil'))).toBe(false);
  });

  test('refuses an archive with another checksum, and says both', async () => {
    const bytes = release('4.29.0');
    const { code, stderr } = await rules('install', 'crs', '4.29.0', '--sha256', '0'.repeat(64));
    expect([code, left()]).toEqual([1, []]);
    expect(stderr).toContain(`its SHA-256 is ${sha256(bytes)} and not ${'0'.repeat(64)}; nothing was installed`);
  });

  test('refuses a key that is not the one', async () => {
    release('4.29.0');
    server.files.set('/security.asc', new ReleaseKey().armored);
    expect((await rules('install', 'crs', '4.29.0')).stderr).toMatch(/the key is not the one with the fingerprint/);
  });

  test.each([
    [['install', 'crs', 'latest'], 'takes crs and a version such as 4.29.0'],
    [['install', 'crs', '4.29.0/../x'], 'takes crs and a version such as 4.29.0'],
    [['install', 'other', '4.29.0'], 'takes crs and a version such as 4.29.0'],
    [['install', 'crs', '4.29.0', '--sha256', 'abc'], '--sha256 has 64 hexadecimal digits'],
    [['list', '--key-url', 'http://192.0.2.1/'], 'Usage'],
    [['explode'], 'Usage'],
    [[], 'Usage'],
  ])('refuses the command line %j', async (args, said) => {
    const io = testIo({ cwd: folder });
    expect(await runRules(args, io)).toBe(64);
    expect(io.err()).toContain(said);
  });
});

describe('sallyport rules verify', () => {
  test('finds what was changed, taken and added', async () => {
    release('4.29.0');
    await rules('install', 'crs', '4.29.0');
    expect((await rules('verify')).stdout).toBe('crs 4.29.0: as it was installed, and it runs\n');
    const installed = join(folder, 'rules/crs-4.29.0');
    writeFileSync(join(installed, 'crs-setup.conf'), 'SecAction "id:1,phase:1,pass,nolog"');
    expect((await rules('verify')).code).toBe(0);
    writeFileSync(join(installed, 'rules/words.data'), 'nothing\n');
    writeFileSync(join(installed, 'rules/more.conf'), 'SecWhatever');
    rmSync(join(installed, 'crs-setup.conf.example'));
    expect(await rules('verify')).toEqual({
      code: 1,
      stdout: '',
      stderr: `crs 4.29.0: crs-setup.conf.example is missing
crs 4.29.0: rules/more.conf was added
crs 4.29.0: rules/words.data was changed
crs 4.29.0: rules/more.conf:1: unknown or unsupported directive SecWhatever
`,
    });
  });

  test('has nothing to say where nothing is installed', async () => {
    expect(await rules('verify')).toMatchObject({ code: 1, stderr: 'no rules are installed in rules\n' });
    expect((await rules('list')).stdout).toBe(
      'no rules are installed in rules; the built-in starter pack needs none\n',
    );
  });
});

describe('sallyport rules show', () => {
  test('says of each rule what it is, does and is worth (R4.10)', async () => {
    const own = join(folder, 'own');
    mkdirSync(own);
    writeFileSync(
      join(own, 'a.conf'),
      `#+ value: bad
SecRule ARGS|!ARGS:x|&REQUEST_HEADERS:/^a/ "!@streq good" "id:1,phase:2,deny,msg:'Bad: %{TX.0}',tag:'attack-x',severity:ERROR,ver:'own/1'"
SecAction "id:2,phase:1,pass,nolog"
SecRuleRemoveById 2
`,
    );
    expect((await rules('show', 'own')).stdout).toBe(
      '1  on   error     attack-x                deny   own/1  Bad: %{TX.0}\n2  off  -         -                       pass   -\n',
    );
    expect(JSON.parse((await rules('show', 'own', '--json')).stdout)).toEqual([
      {
        id: 1,
        name: 'Bad: %{TX.0}',
        type: ['attack-x'],
        looksAt: 'ARGS|&REQUEST_HEADERS:/^a/',
        pattern: '!@streq good',
        action: 'deny',
        isEnabled: true,
        severity: 'error',
        version: 'own/1',
        examples: [{ ruleId: 1, file: 'a.conf', line: 1, isMatch: true, part: 'value', name: '', text: 'bad' }],
        file: 'a.conf',
        line: 2,
      },
      expect.objectContaining({ id: 2, isEnabled: false, pattern: 'always', examples: [] }),
    ]);
    expect((await rules('show')).stdout).toMatch(/^7003010 {2}on {3}critical {2}attack-sqli .* starter\/\d/m);
  });
});

describe('sallyport rules test', () => {
  test('runs the examples of the starter pack (R4.10)', async () => {
    const { code, stdout, stderr } = await rules('test');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^starter: \d{3} examples of \d{2} rules, 0 failed\n$/);
  });

  test('says which example of a folder fails, with file and line (R4.10)', async () => {
    const own = join(folder, 'own');
    mkdirSync(own);
    writeFileSync(
      join(own, 'a.conf'),
      '#+ value: good\n#- value: bad\n#+ nonsense\nSecRule ARGS "@streq bad" "id:1,phase:2,deny"\n#+ value: x\n',
    );
    expect(await rules('test', 'own')).toEqual({
      code: 1,
      stdout: 'own: 2 examples of 1 rules, 4 failed\n',
      stderr: `a.conf:3: an example names one of value, name, query, path, header, cookie, json, json-name, body, file, a colon and its text
a.conf:5: no rule stands behind this example
a.conf:1: rule 1 does not match this example and should
a.conf:2: rule 1 matches this example and must not
`,
    });
    expect((await rules('test', 'nowhere')).stderr).toMatch(/^there is no rule pack in .*nowhere \(ENOENT\)\n$/);
  });

  test('copies of the pack are packs', async () => {
    cpSync(new URL('../../../waf/packs/starter', import.meta.url), join(folder, 'copy'), { recursive: true });
    expect((await rules('test', 'copy')).code).toBe(0);
  });
});
