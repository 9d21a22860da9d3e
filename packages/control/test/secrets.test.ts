import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { describeConfig, formatProblem, type LoadResult, loadConfig, RuleImages } from '../src/index.ts';
import { memoryFiles } from './memory-files.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

const GOOD = randomBytes(32).toString('base64');
const OTHER = randomBytes(32).toString('hex');
const WEAK = 'hunter2-hunter2';

interface Situation {
  readonly secrets: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Parameters<typeof memoryFiles>[0];
  readonly mode?: string;
}

function load({ secrets, environment = {}, files = {}, mode = 'production' }: Situation): LoadResult {
  const text = `version: 1
mode: ${mode}
listeners:
  - name: tunnel
    address: 127.0.0.1:8080
    client:
      kind: cloudflare-tunnel
      proof: { kind: origin-secret, secrets: ${JSON.stringify(secrets)} }
upstreams: { game: 'http://127.0.0.1:3000' }
routes: [{ name: game, upstream: game, profile: game }]
`;
  return loadConfig({
    ruleImages: RULE_IMAGES,
    path: '/etc/s/s.yaml',
    environment,
    files: memoryFiles({ '/etc/s/s.yaml': text, ...files }),
  });
}

function problemsOf(situation: Situation): string {
  const result = load(situation);
  return (result.ok ? result.warnings : result.problems).map(formatProblem).join('\n');
}

function secretsOf(result: LoadResult): unknown {
  const client = result.ok ? result.config.gateway.listeners[0]?.client : undefined;
  return client?.kind === 'cloudflare-tunnel' && client.proof.kind === 'origin-secret' ? client.proof.secrets : result;
}

describe('where secrets come from (R3.9)', () => {
  it.each<[string, Situation]>([
    ['a variable', { secrets: ['${env:S}'], environment: { S: GOOD } }],
    ['a file', { secrets: ['${file:secret}'], files: { '/etc/s/secret': `${GOOD}\n` } }],
    ['a file of an absolute path', { secrets: ['${file:/run/secret}'], files: { '/run/secret': `${GOOD}\r\n` } }],
    [
      'the file that NAME_FILE names',
      { secrets: ['${env:S}'], environment: { S_FILE: '/run/s' }, files: { '/run/s': GOOD } },
    ],
    ['.env', { secrets: ['${env:S}'], files: { '/etc/s/.env': `S="${GOOD}"` } }],
    [
      '.env of the mode',
      { secrets: ['${env:S}'], files: { '/etc/s/.env': `S=${OTHER}`, '/etc/s/.env.production': `S=${GOOD}` } },
    ],
    [
      'the process before .env',
      { secrets: ['${env:S}'], environment: { S: GOOD }, files: { '/etc/s/.env': `S=${OTHER}` } },
    ],
  ])('reads %s', (_, situation) => {
    expect(secretsOf(load(situation))).toEqual([GOOD]);
  });

  it('takes two while one replaces the other', () => {
    expect(secretsOf(load({ secrets: ['${env:A}', '${env:B}'], environment: { A: GOOD, B: OTHER } }))).toEqual([
      GOOD,
      OTHER,
    ]);
  });

  it('does not read .env of another mode', () => {
    const files = { '/etc/s/.env.staging': `S=${GOOD}` };
    expect(problemsOf({ secrets: ['${env:S}'], files })).toContain(
      'needs the environment variable S, which is not set',
    );
  });
});

describe('what is refused', () => {
  it.each<[string, Situation, string]>([
    ['a literal', { secrets: [GOOD] }, 'is a secret that stands in the file itself'],
    [
      'a literal around a reference',
      { secrets: [`${GOOD}\${env:S}`], environment: { S: OTHER } },
      'is a secret that stands in the file itself',
    ],
    [
      'a variable that is not set (R0.1)',
      { secrets: ['${env:JWT_SECRET}'] },
      'needs the environment variable JWT_SECRET, which is not set (${env:JWT_SECRET})',
    ],
    [
      'an empty variable',
      { secrets: ['${env:S}'], environment: { S: '' } },
      'needs the environment variable S, which is empty',
    ],
    [
      'a name of every object',
      { secrets: ['${env:toString}'] },
      'needs the environment variable toString, which is not set',
    ],
    [
      'a variable in two places',
      { secrets: ['${env:S}'], environment: { S: GOOD, S_FILE: '/x' } },
      'S and S_FILE are both set',
    ],
    [
      'a file that is not there',
      { secrets: ['${file:nowhere}'] },
      'refers to a file that does not exist (${file:nowhere})',
    ],
    ['an empty file', { secrets: ['${file:s}'], files: { '/etc/s/s': '\n' } }, 'refers to a file that is empty'],
    [
      'a large file',
      { secrets: ['${file:s}'], files: { '/etc/s/s': 'x'.repeat(65_537) } },
      'refers to a file that is larger than 65536 bytes',
    ],
    ['a weak secret (R0.13)', { secrets: ['${env:S}'], environment: { S: WEAK } }, 'too easy to guess'],
    ['a placeholder (R0.13)', { secrets: ['${env:S}'], environment: { S: 'change-me' } }, 'refers to a placeholder'],
    [
      'the same secret twice',
      { secrets: ['${env:S}', '${env:S}'], environment: { S: GOOD } },
      'refers to the same secret as the first',
    ],
    [
      'a third secret',
      { secrets: ['${env:S}', '${env:S}', '${env:S}'], environment: { S: GOOD } },
      'has more than two secrets',
    ],
    [
      'a secret of development in production (R0.12)',
      { secrets: ['${env:S}'], environment: { S: GOOD }, files: { '/etc/s/.env.development': `JWT=${GOOD}` } },
      'is also in .env.development: a mode has secrets of its own',
    ],
  ])('refuses %s', (_, situation, problem) => {
    const result = load(situation);
    expect(result.ok).toBe(false);
    expect(problemsOf(situation)).toContain(problem);
  });
});

describe('files that others may read (R0.12)', () => {
  const loose = (mode: string): Situation => ({
    mode,
    secrets: ['${file:secret}'],
    files: { '/etc/s/secret': { text: GOOD, mode: 0o640 }, [`/etc/s/.env.${mode}`]: { text: 'A=b', mode: 0o604 } },
  });

  it('refuses them in production, with the command that mends it', () => {
    expect(load(loose('production')).ok).toBe(false);
    expect(problemsOf(loose('production'))).toBe(
      [
        '/etc/s/.env.production: is a file of secrets that others may read (mode 0604); mend it with: chmod 600 /etc/s/.env.production',
        '/etc/s/s.yaml:8:47 listeners[0].client.proof.secrets[0]: refers to a secret that others may read (mode 0640); mend it with: chmod 600 /etc/s/secret (${file:secret}; allowed: ${env:NAME} or ${file:PATH}; make one with: openssl rand -base64 32)',
      ].join('\n'),
    );
  });

  it.each(['staging', 'development'])('warns of them in %s', (mode) => {
    const result = load(loose(mode));
    expect(secretsOf(result)).toEqual([GOOD]);
    expect(problemsOf(loose(mode))).toContain('warning: listeners[0].client.proof.secrets[0]: refers to a secret');
    expect(problemsOf(loose(mode))).toContain(`.env.${mode}: warning`.slice(0, 8));
  });

  it('takes files that only their owner may read', () => {
    const files = { '/etc/s/secret': { text: GOOD, mode: 0o400 } };
    expect(problemsOf({ secrets: ['${file:secret}'], files })).toBe('');
  });
});

describe('secrets never show (R0.13)', () => {
  it('in problems, whatever is wrong', () => {
    for (const secret of [GOOD, WEAK, OTHER]) {
      const situations: readonly Situation[] = [
        { secrets: [secret] },
        { secrets: [`x\${env:S}${secret}`] },
        { secrets: [`\${file:${secret}`] },
        { secrets: ['${env:S}', '${env:S}'], environment: { S: secret } },
        { secrets: ['${file:s}'], files: { '/etc/s/s': { text: secret, mode: 0o777 } } },
        { secrets: ['${env:S}'], mode: '${env:S}', environment: { S: secret } },
      ];
      for (const situation of situations) expect(problemsOf(situation)).not.toContain(secret);
    }
  });

  it('in what is printed', () => {
    const result = load({ secrets: ['${env:A}', '${env:B}'], environment: { A: GOOD, B: OTHER } });
    const printed = result.ok ? describeConfig(result.config) : '';
    expect(printed).toContain('- <secret>\n          - <secret>');
    expect(printed).not.toContain(GOOD);
    expect(printed).not.toContain(OTHER);
  });

  it.each([
    'iEkoQYyRnnPlMbS5sjy2z/qCQTC2xHPoJcwPf/YWqew=',
    'e4b8299568513ec71e104538ffd601a1db943a00567b03a808dc2f268c7882bc',
    'KOJidEvKXSK6FcsrffWKyUly3KLMoJHqqhLzJ0KYrM4',
  ])('when %s stands where it does not belong', (secret) => {
    const text = [
      'version: 1',
      'listeners:',
      `  - { name: a, address: 127.0.0.1:1, secret: ${JSON.stringify(secret)}, client: ${JSON.stringify(secret)} }`,
      `upstreams: { game: ${JSON.stringify(`http://admin:${secret}@127.0.0.1:1`)} }`,
      `routes: ${JSON.stringify(secret)}`,
      `broken: "${secret}`,
    ];
    for (const lines of [text, text.slice(0, -1)]) {
      const files = memoryFiles({ '/s.yaml': lines.join('\n') });
      const result = loadConfig({ ruleImages: RULE_IMAGES, path: '/s.yaml', environment: {}, files });
      const problems = result.ok ? '' : result.problems.map(formatProblem).join('\n');
      expect(problems).not.toBe('');
      expect(problems).not.toContain(secret);
    }
  });
});
