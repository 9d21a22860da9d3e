import { describe, expect, it } from 'vitest';
import { formatProblem, loadConfig, RuleImages } from '../src/index.ts';
import { memoryFiles } from './memory-files.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

interface Situation {
  readonly mode?: string;
  readonly listener?: string;
  readonly operations?: string;
}

/** The problems of a configuration with one listener, without their places and without what follows in brackets. */
function problemsOf({
  mode = 'production',
  listener = '{ address: 127.0.0.1:8080 }',
  operations = 'false',
}: Situation): readonly string[] {
  const text = `version: 1
mode: ${mode}
listeners: [{ name: a, ${listener.slice(1)}]
upstreams: { game: 'http://127.0.0.1:3000' }
routes: [{ name: game, upstream: game, profile: game }]
operations: ${operations}
`;
  const result = loadConfig({
    ruleImages: RULE_IMAGES,
    path: '/s.yaml',
    environment: {},
    files: memoryFiles({ '/s.yaml': text }),
  });
  return (result.ok ? result.warnings : result.problems).map((problem) =>
    formatProblem(problem)
      .replace(/^\S+ /, '')
      .replace(/ \(.*$/, ''),
  );
}

const REFUSED = 'listeners[0].address: serves plaintext beyond this machine, which production refuses';
const UNNAMED = 'listeners[0].address: serves plaintext beyond this machine; ask for it with insecure: true';
const NAMED = 'warning: listeners[0].address: serves plaintext beyond this machine';

describe('plaintext listeners (R3.3) (R2.2)', () => {
  it.each<[string, string, readonly string[]]>([
    ['production', '{ address: 127.0.0.1:80 }', []],
    ['production', '{ address: 127.7.7.7:80 }', []],
    ['production', '{ address: "[::1]:80" }', []],
    ['production', '{ address: "[::ffff:127.0.0.1]:80" }', []],
    ['production', '{ address: unix:/run/a.sock, client: { kind: cloudflare-tunnel, proof: unix-socket } }', []],
    ['production', '{ address: 0.0.0.0:80 }', [REFUSED]],
    ['production', '{ address: "[::]:80" }', [REFUSED]],
    ['production', '{ address: 10.0.0.1:80 }', [REFUSED]],
    ['production', '{ address: 0.0.0.0:80, insecure: true }', [REFUSED]],
    ['production', '{ address: 0.0.0.0:80, redirectToHttps: true }', []],
    [
      'production',
      '{ address: 0.0.0.0:80, redirectToHttps: true, client: { kind: trusted-proxies, from: [10.0.0.0/8] } }',
      [REFUSED],
    ],
    ['staging', '{ address: 0.0.0.0:80 }', [UNNAMED]],
    ['staging', '{ address: 0.0.0.0:80, insecure: true }', [NAMED]],
    ['development', '{ address: 0.0.0.0:80 }', [UNNAMED]],
    ['development', '{ address: 0.0.0.0:80, insecure: true }', [NAMED]],
  ])('in %s: %s', (mode, listener, problems) => {
    expect(problemsOf({ mode, listener })).toEqual(problems);
  });

  it('says where insecure is not needed', () => {
    expect(problemsOf({ listener: '{ address: 127.0.0.1:80, insecure: true }' })).toEqual([
      'warning: listeners[0].insecure: is not needed: nothing leaves this machine in plaintext here',
    ]);
  });
});

describe('the proof of a tunnel (R2.3) (R0.9)', () => {
  it.each<[string, readonly string[]]>([
    ['{ address: unix:/run/a.sock, client: { kind: cloudflare-tunnel, proof: unix-socket } }', []],
    [
      '{ address: 127.0.0.1:80, client: { kind: cloudflare-tunnel, proof: unix-socket } }',
      ['listeners[0].client.proof: needs a unix: address: any process may connect to a port'],
    ],
    [
      '{ address: unix:/run/a.sock, access: everyone, client: { kind: cloudflare-tunnel, proof: unix-socket } }',
      ['listeners[0].access: lets every process connect, which makes the proof worthless'],
    ],
    ['{ address: 127.0.0.1:80, client: { kind: cloudflare-tunnel } }', ['listeners[0].client.proof: is missing']],
  ])('%s', (listener, problems) => {
    expect(problemsOf({ listener })).toEqual(problems);
  });

  it('may be a token of Cloudflare Access, whose keys are where the issuer has them', () => {
    const proof = '{ kind: access-jwt, issuer: "https://t.cloudflareaccess.com/", audience: 12345678 }';
    const [problem] = problemsOf({
      listener: `{ address: 127.0.0.1:80, client: { kind: cloudflare-tunnel, proof: ${proof} } }`,
    });
    expect(problem).toContain('audience: is not text: put it in quotes');
    const listener = `{ address: 127.0.0.1:80, client: { kind: cloudflare-tunnel, proof: ${proof.replace('12345678', '"12345678"')} } }`;
    expect(problemsOf({ listener })).toEqual([]);
  });
});

describe('the operations listener', () => {
  it.each<[string, string, readonly string[]]>([
    ['production', '{ address: 127.0.0.1:9090 }', []],
    ['production', '{ address: unix:/run/o.sock }', []],
    [
      'production',
      '{ address: 0.0.0.0:9090 }',
      ['operations.address: serves metrics and health beyond this machine without a password'],
    ],
    ['production', '{ address: 0.0.0.0:9090, exposed: true }', []],
    [
      'development',
      '{ address: 0.0.0.0:9090 }',
      ['warning: operations.address: serves metrics and health beyond this machine without a password'],
    ],
    ['production', '{ address: 127.0.0.1:8080 }', ['listeners[0].address: is taken by operations.address']],
  ])('in %s: %s', (mode, operations, problems) => {
    expect(problemsOf({ mode, operations })).toEqual(problems);
  });
});

describe('addresses that collide', () => {
  it.each([
    ['127.0.0.1:80', '127.0.0.1:80', true],
    ['127.0.0.1:80', '127.0.0.1:81', false],
    ['0.0.0.0:80', '127.0.0.1:80', true],
    ['"[::]:80"', '127.0.0.1:80', true],
    ['"[::1]:80"', '127.0.0.1:80', false],
    ['0.0.0.0:80', '"[::1]:80"', false],
    ['"[::ffff:127.0.0.1]:80"', '127.0.0.1:80', true],
    ['127.0.0.1:0', '127.0.0.1:0', false],
    ['unix:/run/a', 'unix:/run/../run/a', true],
    ['unix:/run/a', 'unix:/run/b', false],
  ])('%s and %s: %s', (listener, operations, doCollide) => {
    const problems = problemsOf({
      mode: 'development',
      listener: `{ insecure: true, address: ${listener} }`,
      operations: `{ exposed: true, address: ${operations} }`,
    });
    expect(problems.some((problem) => problem.includes('is taken by'))).toBe(doCollide);
  });
});
