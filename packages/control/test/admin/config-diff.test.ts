import { describe, expect, it } from 'vitest';
import type { ConfigChange } from '../../src/contract.ts';
import { diffConfigs, loadConfig, RuleImages, type SallyportConfig } from '../../src/index.ts';
import { memoryFiles } from '../memory-files.ts';

/** Rules that do not change are compiled once for all tests of a file. */
const RULE_IMAGES = new RuleImages();

const BASE = `version: 1
listeners:
  - { name: public, address: 127.0.0.1:8080 }
upstreams:
  game: { servers: [http://127.0.0.1:3000, http://127.0.0.1:3001] }
routes:
  - { name: game, upstream: game, profile: game, request: { methods: [GET, POST] } }
`;

function load(text: string): SallyportConfig {
  const files = memoryFiles({ '/etc/sallyport.yaml': text });
  const loaded = loadConfig({ ruleImages: RULE_IMAGES, path: '/etc/sallyport.yaml', environment: {}, files, nowMs: 0 });
  if (!loaded.ok) throw new Error(loaded.problems.map(({ key, problem }) => `${key} ${problem}`).join('\n'));
  return loaded.config;
}

function changes(from: string, to: string): readonly ConfigChange[] {
  return diffConfigs(load(from), load(to)).changes;
}

/** The base with `count` denied networks, of which the last is `last`. */
function denying(count: number, last: string): string {
  const networks = Array.from({ length: count - 1 }, (_, index) => `192.0.2.${index}`).concat(last);
  return `${BASE}lists: { deny: [${networks.join(', ')}] }\n`;
}

describe('the difference between two configurations', () => {
  it('is nothing between equal ones, however they are written', () => {
    expect(changes(BASE, `# the same\n${BASE}mode: production\n`)).toEqual([]);
  });

  it.each([
    ['a value', BASE.replace('8080', '8081'), [['listeners[public].address', '127.0.0.1:8080', '127.0.0.1:8081']]],
    [
      'an entry that comes and one that goes, by their names',
      BASE.replace('3001', '3002'),
      [
        ['upstreams.game.servers[http://127.0.0.1:3001]', '{"url":"http://127.0.0.1:3001","weight":1}', null],
        ['upstreams.game.servers[http://127.0.0.1:3002]', null, '{"url":"http://127.0.0.1:3002","weight":1}'],
      ],
    ],
    ['a word in a list', BASE.replace('[GET, POST]', '[GET]'), [['routes[game].request.methods[POST]', 'POST', null]]],
    [
      'an order that has become another one',
      BASE.replace('[GET, POST]', '[POST, GET]'),
      [['routes[game].request.methods', '["GET","POST"]', '["POST","GET"]']],
    ],
    [
      'a section that is turned off',
      `${BASE}operations: false\n`,
      [['operations', '{"address":"127.0.0.1:9090","exposed":false}', 'false']],
    ],
  ])('names %s', (_, to, expected) => {
    expect(changes(BASE, to).map(({ key, from, to }) => [key, from, to])).toEqual(expected);
  });

  it('tells two long lists apart that have the same length', () => {
    expect(changes(denying(60, '198.51.100.1'), denying(60, '198.51.100.1'))).toEqual([]);
    expect(changes(denying(60, '198.51.100.1'), denying(60, '198.51.100.2'))).toEqual([
      { key: 'lists.deny', from: '<60 networks, list 1>', to: '<60 networks, list 2>' },
    ]);
  });

  it('says that rules are others although their files have the same names', () => {
    const from = load(BASE);
    const { gateway } = from;
    const policy = { ...gateway.waf.policy, ruleSet: 'fedcba9876543210' };
    const routes = gateway.routes.map((route) => ({ ...route, waf: { ...route.waf, ruleSet: '0123456789abcdef' } }));
    const to = { ...from, gateway: { ...gateway, routes, waf: { ...gateway.waf, policy } } };
    const before = (hash: string): string => (hash === '' ? '<no rules>' : `<rules, sha256 ${hash.slice(0, 12)}>`);
    expect(diffConfigs(from, to).changes).toEqual([
      { key: 'waf.rules', from: before(gateway.waf.policy.ruleSet), to: '<rules, sha256 fedcba987654>' },
      {
        key: 'routes[game].waf.rules',
        from: before(gateway.routes[0]?.waf.ruleSet ?? ''),
        to: '<rules, sha256 0123456789ab>',
      },
    ]);
  });

  it('is cut when there is too much of it, and says so', () => {
    const routes = Array.from({ length: 600 }, (_, index) => {
      const facts = `upstream: game, profile: api`;
      return `  - { name: r${index}, match: { path: /r${index} }, ${facts} }\n`;
    });
    const { changes: listed, isCut } = diffConfigs(load(BASE), load(BASE + routes.join('')));
    expect([listed.length, isCut]).toEqual([500, true]);
    expect(listed.every(({ to }) => (to ?? '').length <= 201)).toBe(true);
  });
});
