import { describe, expect, it } from 'vitest';
import { describeConfig, formatProblem, type LoadResult, loadConfig } from '../../src/index.ts';
import { memoryFiles } from '../memory-files.ts';

const KEY = 'a3f9c0de';

function load(section: string, dsn: string): LoadResult {
  const text = `version: 1
listeners: [{ name: web, address: '127.0.0.1:8080', client: direct }]
upstreams: { game: 'http://127.0.0.1:3000' }
routes: [{ name: game, upstream: game, profile: game }]
${section}
`;
  const environment = { SENTRY_DSN: dsn };
  return loadConfig({ path: '/etc/s.yaml', environment, files: memoryFiles({ '/etc/s.yaml': text }) });
}

const REFERENCE = "errorReports: { dsn: '${env:SENTRY_DSN}' }";

function problemsOf(section: string, dsn: string): string {
  const result = load(section, dsn);
  return result.ok ? '' : result.problems.map((problem) => formatProblem(problem)).join('\n');
}

describe('the section errorReports', () => {
  it.each([
    ['https://a3f9c0de@o1.ingest.example.com/42', 'https://o1.ingest.example.com/api/42/envelope/'],
    ['https://a3f9c0de@glitch.example.com:8443/errors/7', 'https://glitch.example.com:8443/errors/api/7/envelope/'],
    ['http://a3f9c0de@127.0.0.1:9000/1', 'http://127.0.0.1:9000/api/1/envelope/'],
    ['http://a3f9c0de@[::1]:9000/1', 'http://[::1]:9000/api/1/envelope/'],
  ])('finds in %s where envelopes are posted', (dsn, endpoint) => {
    const result = load(REFERENCE, dsn);
    if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
    expect(result.config.errorReports).toEqual({ endpoint, key: KEY, environment: undefined });
  });

  it('is not there by default', () => {
    const result = load('', '');
    expect(result.ok && result.config.errorReports).toBeUndefined();
  });

  it('is described without the DSN', () => {
    const result = load(
      "errorReports: { dsn: '${env:SENTRY_DSN}', environment: eu-1 }",
      `https://${KEY}@host.example/42`,
    );
    const text = result.ok ? describeConfig(result.config) : '';
    expect(text).toContain('errorReports:\n  dsn: <secret>\n  environment: eu-1\n');
    expect(text).not.toContain(KEY);
    expect(text).not.toContain('host.example');
  });

  it.each([
    ['no URL', 'hunter2', 'refers to no DSN'],
    ['another protocol', `ftp://${KEY}@host.example/1`, 'refers to no DSN'],
    ['no key', 'https://host.example/1', 'refers to a DSN without a key or a project'],
    ['no project', `https://${KEY}@host.example/`, 'refers to a DSN without a key or a project'],
    ['a key that would end a header', `https://a%0d%0ab@host.example/1`, 'refers to a DSN without a key or a project'],
    ['two keys', `https://${KEY}:second@host.example/1`, 'refers to a DSN with two keys'],
    ['a query', `https://${KEY}@host.example/1?x=1`, 'refers to a DSN with a query'],
    ['plaintext beyond this machine', `http://${KEY}@host.example/1`, 'in plaintext beyond this machine; use https'],
  ])('refuses %s', (_, dsn, problem) => {
    const problems = problemsOf(REFERENCE, dsn);
    expect(problems).toContain(problem);
    expect(problems).not.toContain(dsn);
  });

  it('refuses a DSN that stands in the file, an environment with a line in it, and other keys', () => {
    const problems = problemsOf(
      `errorReports: { dsn: 'https://${KEY}@host.example/1', environment: "a\\nb", level: 1 }`,
      '',
    );
    expect(problems).toContain('errorReports.dsn: is a secret that stands in the file itself');
    expect(problems).toContain('errorReports.environment: is not a name of an environment');
    expect(problems).toContain('errorReports.level: is not a known key');
    expect(problems).not.toContain(KEY);
  });
});
