import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeConfig, formatProblem, type LoadResult, loadConfig, RuleImages } from '../src/index.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

const DAY_MS = 86_400_000;

let folder = '';
/** When the certificates were made: they are valid for thirty days from then on. */
let madeMs = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-tls-'));
  for (const name of ['one', 'two']) {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const names = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}.example.com`];
    openssl('req', '-x509', ...curve, '-days', '30', ...names, '-keyout', `${name}.key`, '-out', `${name}.pem`);
    chmodSync(join(folder, `${name}.key`), 0o600);
  }
  // Afterwards: a certificate of the next second is not valid yet.
  madeMs = Date.now();
  openssl('pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-passout', 'pass:x', '-in', 'one.key', '-out', 'encrypted.key');
  chmodSync(join(folder, 'encrypted.key'), 0o600);
  writeFileSync(join(folder, 'loose.key'), read('one.key'), { mode: 0o644 });
  writeFileSync(join(folder, 'text.pem'), 'hello\n');
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function openssl(...args: readonly string[]): void {
  execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
}

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

interface Situation {
  readonly certificate?: string;
  readonly key?: string;
  readonly mode?: string;
  readonly days?: number;
  readonly rest?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

function load({
  certificate = 'one.pem',
  key = 'one.key',
  mode = 'production',
  days = 1,
  rest = '',
  environment = {},
}: Situation): LoadResult {
  const path = join(folder, 's.yaml');
  writeFileSync(
    path,
    `version: 1
mode: ${mode}
listeners:
  - { name: web, address: 0.0.0.0:443, tls: { certificates: [{ certificate: ${certificate}, key: ${key} }] ${rest} } }
upstreams: { game: 'http://127.0.0.1:3000' }
routes: [{ name: game, upstream: game, profile: game }]
`,
  );
  return loadConfig({ ruleImages: RULE_IMAGES, path, environment, nowMs: madeMs + days * DAY_MS });
}

function problemsOf(situation: Situation): readonly string[] {
  const result = load(situation);
  return (result.ok ? result.warnings : result.problems).map((problem) =>
    formatProblem({ ...problem, file: '' }).replace(/^:\d+:\d+ /, ''),
  );
}

const KEY = 'listeners[0].tls.certificates[0].key:';
const CERTIFICATE = 'listeners[0].tls.certificates[0].certificate:';

describe('certificates and keys', () => {
  it('takes a pair that belongs together', () => {
    const result = load({});
    const tls = result.ok ? result.config.gateway.listeners[0]?.tls : undefined;
    expect(tls).toEqual({
      certificates: [{ certificate: read('one.pem'), key: read('one.key') }],
      minVersion: 'TLSv1.2',
    });
  });

  it('takes a key from a variable or a reference to a file', () => {
    expect(problemsOf({ key: '"${env:KEY}"', environment: { KEY: read('one.key') } })).toEqual([]);
    expect(problemsOf({ key: '"${file:one.key}"' })).toEqual([]);
    expect(problemsOf({ key: '"${env:KEY_PATH}"', environment: { KEY_PATH: './one.key' } })).toEqual([]);
  });

  it.each<[string, Situation, readonly string[]]>([
    ['a key of another certificate', { key: 'two.key' }, [`${KEY} does not belong to the certificate beside it`]],
    [
      'an encrypted key',
      { key: 'encrypted.key' },
      [`${KEY} is encrypted; the gateway starts without anybody to type a passphrase`],
    ],
    [
      'a key that is none',
      { key: '"${file:text.pem}"' },
      [expect.stringContaining('refers to a secret that others may read')],
    ],
    ['a certificate that is none', { certificate: 'text.pem' }, [`${CERTIFICATE} is not a PEM certificate`]],
    ['a key in place of a certificate', { certificate: 'one.key' }, [`${CERTIFICATE} is not a PEM certificate`]],
    [
      'a certificate in place of a key',
      { key: 'one.pem', mode: 'development' },
      [expect.stringContaining('warning: '), `${KEY} is not a PEM private key`],
    ],
    [
      'a certificate that is not there',
      { certificate: 'no.pem' },
      [expect.stringContaining('names a file that does not exist')],
    ],
    [
      'a certificate that ended',
      { days: 31 },
      [expect.stringMatching(/certificate: names a certificate that expired on \d{4}-\d\d-\d\d$/)],
    ],
    [
      'a certificate that has not begun',
      { days: -2 },
      [expect.stringMatching(/names a certificate that is not valid before /)],
    ],
    [
      'two problems of one listener at once',
      { key: 'two.key', rest: ', minVersion: TLSv1.0' },
      [
        `${KEY} does not belong to the certificate beside it`,
        expect.stringContaining('minVersion: is not one of the choices'),
      ],
    ],
    [
      'no certificate',
      { rest: '', certificate: 'one.pem', key: 'one.key, extra: 1' },
      [expect.stringContaining('extra: is not a known key')],
    ],
  ])('refuses %s', (_, situation, problems) => {
    expect(load(situation).ok).toBe(false);
    expect(problemsOf(situation)).toEqual(problems);
  });

  it.each([
    [15, []],
    [16.5, [expect.stringMatching(/^warning: .*certificate: names a certificate that ends on \d{4}-\d\d-\d\d$/)]],
    [29.5, [expect.stringMatching(/^warning: /)]],
  ])('warns fourteen days before the end: after %d days of thirty', (days, warnings) => {
    const result = load({ days });
    expect(result.ok).toBe(true);
    expect(problemsOf({ days })).toEqual(warnings);
  });

  it('refuses a key that others may read in production and warns elsewhere (R0.12)', () => {
    const problem = `${KEY} refers to a secret that others may read (mode 0644); mend it with: chmod 600 ${join(folder, 'loose.key')}`;
    expect(problemsOf({ key: 'loose.key' })[0]).toContain(problem);
    expect(load({ key: 'loose.key' }).ok).toBe(false);
    expect(problemsOf({ key: 'loose.key', mode: 'development' })).toEqual([`warning: ${problem}`]);
    expect(load({ key: 'loose.key', mode: 'development' }).ok).toBe(true);
  });

  it('never shows a key (R0.13)', () => {
    const lines = read('one.key').split('\n');
    const shown = [
      ...problemsOf({ key: JSON.stringify(read('one.key')) }),
      ...problemsOf({ key: 'two.key' }),
      ...problemsOf({ key: JSON.stringify(lines[1]) }),
    ].join('\n');
    expect(shown).toContain('holds a key itself');
    expect(shown).not.toContain(lines[1]);
  });

  it('prints a certificate as its names and its end, and no key (R0.13)', () => {
    const result = load({});
    const printed = result.ok ? describeConfig(result.config) : '';
    expect(printed).toMatch(
      /certificate: <certificate of DNS:one.example.com until \d{4}-\d\d-\d\d>\n {10}key: <secret>/,
    );
    expect(printed).not.toContain('BEGIN');
  });
});

describe('Cloudflare with its client certificate', () => {
  const client = (name: string): string => `}, client: { kind: cloudflare, clientCa: ${name} `;

  it('takes an authority', () => {
    expect(problemsOf({ rest: client('two.pem') })).toEqual([]);
  });

  it('refuses what is no certificate', () => {
    expect(problemsOf({ rest: client('text.pem') })).toEqual([
      'listeners[0].client.clientCa: is not a PEM certificate',
    ]);
  });

  it('needs TLS', () => {
    const path = join(folder, 'plain.yaml');
    writeFileSync(
      path,
      `version: 1
listeners: [{ name: web, address: 127.0.0.1:443, client: { kind: cloudflare, clientCa: one.pem } }]
upstreams: { game: 'http://127.0.0.1:3000' }
routes: [{ name: game, upstream: game, profile: game }]
`,
    );
    const result = loadConfig({ ruleImages: RULE_IMAGES, path, environment: {}, nowMs: madeMs });
    const problems = result.ok ? [] : result.problems.map(({ key, problem }) => `${key} ${problem}`);
    expect(problems).toEqual(['listeners[0].client needs tls: Cloudflare proves itself by its client certificate']);
  });
});

describe('upstreams over TLS (R2.1)', () => {
  it('pins an authority and shows our own certificate', () => {
    const path = join(folder, 'upstream.yaml');
    writeFileSync(
      path,
      `version: 1
listeners: [{ name: web, address: 127.0.0.1:8080 }]
upstreams:
  game:
    servers: [https://10.0.0.1:8443]
    tls: { ca: one.pem, identity: { certificate: two.pem, key: two.key }, serverName: one.example.com }
routes: [{ name: game, upstream: game, profile: game }]
`,
    );
    const result = loadConfig({ ruleImages: RULE_IMAGES, path, environment: {}, nowMs: madeMs });
    expect(result.ok && result.config.gateway.upstreams[0]?.tls).toEqual({
      ca: read('one.pem'),
      identity: { certificate: read('two.pem'), key: read('two.key') },
      serverName: 'one.example.com',
    });
    expect(result.ok && describeConfig(result.config)).not.toContain('BEGIN');
  });
});
