import { describe, expect, it } from 'vitest';
import { formatProblem, type LoadResult, loadConfig, RuleImages } from '../src/index.ts';
import { memoryFiles } from './memory-files.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

function load(lists: string, files: Readonly<Record<string, string>>): LoadResult {
  const text = `version: 1
listeners: [{ name: a, address: 127.0.0.1:8080 }]
upstreams: { game: 'http://127.0.0.1:3000' }
routes: [{ name: game, upstream: game, profile: game }]
lists: ${lists}
`;
  return loadConfig({
    ruleImages: RULE_IMAGES,
    path: '/etc/s.yaml',
    environment: {},
    files: memoryFiles({ '/etc/s.yaml': text, ...files }),
  });
}

function problemsOf(result: LoadResult): readonly string[] {
  return (result.ok ? result.warnings : result.problems).map(formatProblem);
}

describe('address lists', () => {
  it('joins what stands in the file and in other files, in canonical form', () => {
    const deny = '# bad\n192.0.2.0/24 # a network\n\n  2001:DB8:0::/48\r\n198.51.100.7\n::ffff:203.0.113.0/120';
    const result = load('{ allow: [192.0.2.7], deny: [203.0.113.9], allowFiles: [a.txt], denyFiles: [/etc/b.txt] }', {
      '/etc/a.txt': '10.0.0.0/8',
      '/etc/b.txt': deny,
    });
    expect(result.ok && result.config.gateway.lists).toEqual({
      allow: ['192.0.2.7', '10.0.0.0/8'],
      deny: ['203.0.113.9', '192.0.2.0/24', '2001:db8::/48', '198.51.100.7', '203.0.113.0/24'],
    });
  });

  it('names the lines that are wrong, beside every other problem', () => {
    const result = load('{ deny: [nonsense], denyFiles: [b.txt, c.txt] }', {
      '/etc/b.txt': '10.0.0.0/8\n10.0.0.1/8\nhost.example\n',
    });
    expect(problemsOf(result)).toEqual([
      '/etc/s.yaml:5:17 lists.deny[0]: is not an IP address or a network ("nonsense"; allowed: an IP address or a network such as 192.0.2.0/24)',
      '/etc/s.yaml:5:40 lists.denyFiles[0]: names a file whose line 2 has address bits beyond its prefix length, or a prefix length that is too long: "10.0.0.1/8" ("/etc/b.txt")',
      '/etc/s.yaml:5:40 lists.denyFiles[0]: names a file whose line 3 is not an IP address or a network: "host.example" ("/etc/b.txt")',
      '/etc/s.yaml:5:47 lists.denyFiles[1]: names a file that does not exist ("/etc/c.txt")',
    ]);
  });

  it('says twenty wrong lines of a file of another format, and how many more there are', () => {
    const problems = problemsOf(load('{ denyFiles: [b.txt] }', { '/etc/b.txt': 'x\n'.repeat(1_000) }));
    expect(problems).toHaveLength(21);
    expect(problems.at(-1)).toContain('names a file with 980 more wrong lines');
  });

  it('loads a million lines', () => {
    const line = (index: number): string => `${(index >> 16) + 1}.${(index >> 8) & 255}.${index & 255}.0/24`;
    const text = Array.from({ length: 1_000_000 }, (_, index) => line(index)).join('\n');
    const result = load('{ denyFiles: [b.txt] }', { '/etc/b.txt': text });
    expect(result.ok && result.config.gateway.lists.deny.length).toBe(1_000_000);
    expect(result.ok && result.config.gateway.lists.deny.at(-1)).toBe('16.66.63.0/24');
  });

  it('refuses a file beyond 64 MB', () => {
    const problems = problemsOf(load('{ denyFiles: [b.txt] }', { '/etc/b.txt': '#'.repeat(67_108_865) }));
    expect(problems).toEqual([expect.stringContaining('names a file that is larger than 67108864 bytes')]);
  });
});
