import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { describeConfig, formatProblem, type LoadResult, loadConfig } from '../../src/index.ts';
import { memoryFiles } from '../memory-files.ts';

const ENVIRONMENT = {
  KEY: randomBytes(32).toString('base64'),
  OLD_KEY: `whsec_${randomBytes(32).toString('base64')}`,
  WEAK: 'hunter2',
  DISCORD: 'https://discord.com/api/webhooks/123456789/AbC-dEf_123',
  SLACK: 'https://hooks.slack.com/services/T000/B000/XXXX',
  PLAIN: 'http://hooks.slack.com/services/T000/B000/XXXX',
  LOCAL: 'http://127.0.0.1:9/api/webhooks/1/x',
  PASSWORD: 'correct horse',
};

function load(section: string): LoadResult {
  const text = `version: 1
listeners: [{ name: web, address: '127.0.0.1:8080', client: direct }]
upstreams: { game: 'http://127.0.0.1:3000' }
routes: [{ name: game, upstream: game, profile: game }]
notifications:
${section.replaceAll(/^/gm, '  ')}
`;
  return loadConfig({ path: '/etc/s.yaml', environment: ENVIRONMENT, files: memoryFiles({ '/etc/s.yaml': text }) });
}

function problemsOf(section: string): readonly string[] {
  const result = load(section);
  return result.ok ? [] : result.problems.map((problem) => formatProblem(problem).replace(/^\S+ /, ''));
}

const EVERY = `channels:
  ops: { kind: webhook, url: 'https://ops.example.com/hook?team=1', keys: ['\${env:KEY}', '\${env:OLD_KEY}'] }
  chat: { kind: discord, url: '\${env:DISCORD}' }
  team: { kind: slack, url: '\${env:SLACK}', sendResolved: false, hourlyMax: 5 }
  mail: { kind: email, host: mail.example.com, user: gate, password: '\${env:PASSWORD}', from: a@example.com, to: [b@example.com] }
routes:
  - { channels: [ops, chat] }
  - { kinds: [service-down], severity: critical, channels: [mail], group: { repeat: 1h } }`;

describe('the section notifications', () => {
  it('takes every kind of channel, with the defaults of Alertmanager', () => {
    const result = load(EVERY);
    if (!result.ok) throw new Error(result.problems.map(formatProblem).join('\n'));
    const { channels, routes, attack } = result.config.notifications;
    expect(channels).toEqual([
      {
        kind: 'webhook',
        name: 'ops',
        url: 'https://ops.example.com/hook?team=1',
        keys: [ENVIRONMENT.KEY, ENVIRONMENT.OLD_KEY],
        ca: undefined,
        isResolvedSent: true,
        hourlyMax: 20,
      },
      { kind: 'discord', name: 'chat', url: ENVIRONMENT.DISCORD, isResolvedSent: true, hourlyMax: 20 },
      { kind: 'slack', name: 'team', url: ENVIRONMENT.SLACK, isResolvedSent: false, hourlyMax: 5 },
      {
        kind: 'email',
        name: 'mail',
        host: 'mail.example.com',
        port: 587,
        security: 'starttls',
        login: { user: 'gate', password: ENVIRONMENT.PASSWORD },
        ca: undefined,
        from: 'a@example.com',
        to: ['b@example.com'],
        isResolvedSent: true,
        hourlyMax: 20,
      },
    ]);
    expect(routes).toEqual([
      {
        kinds: [],
        severityMin: 'info',
        channels: ['ops', 'chat'],
        waitMs: 30_000,
        intervalMs: 300_000,
        repeatMs: 14_400_000,
      },
      {
        kinds: ['service-down'],
        severityMin: 'critical',
        channels: ['mail'],
        waitMs: 30_000,
        intervalMs: 300_000,
        repeatMs: 3_600_000,
      },
    ]);
    expect(attack).toEqual({ refusedMin: 600, shareMin: 0.3, timesUsual: 5 });
  });

  it('is described without a URL, a key or a password', () => {
    const result = load(EVERY);
    const text = result.ok ? describeConfig(result.config) : '';
    expect(text).toContain('kind: discord');
    for (const secret of [...Object.values(ENVIRONMENT), 'hooks.slack.com', 'ops.example.com']) {
      expect(text).not.toContain(secret);
    }
  });

  it.each([
    [
      'a URL of Discord that stands in the file',
      `{ kind: discord, url: '${ENVIRONMENT.DISCORD}' }`,
      'is a secret that stands in the file itself',
    ],
    ['a URL that is not of Discord', "{ kind: discord, url: '${env:SLACK}' }", 'refers to no URL of a Discord webhook'],
    [
      'a Slack URL in plaintext',
      "{ kind: slack, url: '${env:PLAIN}' }",
      'refers to a URL that is sent in plaintext beyond this machine; use https',
    ],
    [
      'a webhook in plaintext',
      "{ kind: webhook, url: 'http://ops.example.com/', keys: ['${env:KEY}'] }",
      'is sent in plaintext beyond this machine; use https',
    ],
    [
      'a webhook with a password in its URL',
      "{ kind: webhook, url: 'https://a:b@ops.example.com/', keys: ['${env:KEY}'] }",
      'holds a name or a password',
    ],
    ['a webhook without a key', "{ kind: webhook, url: 'https://ops.example.com/', keys: [] }", 'has 0 keys'],
    [
      'a weak key',
      "{ kind: webhook, url: 'https://ops.example.com/', keys: ['${env:WEAK}'] }",
      'refers to a secret that is too easy to guess',
    ],
    [
      'mail in plaintext over the network',
      '{ kind: email, host: mail.example.com, security: none, from: a@b.example, to: [c@d.example] }',
      'would send mail in plaintext beyond this machine',
    ],
    [
      'a recipient that would end a header',
      '{ kind: email, host: mail.example.com, from: a@b.example, to: ["c@d.example\\r\\nBcc: e@f.example"] }',
      'is not a mail address',
    ],
    [
      'a sender that would end a command',
      '{ kind: email, host: mail.example.com, from: "a@b.example>", to: [c@d.example] }',
      'is not a mail address',
    ],
    [
      'a user without a password',
      '{ kind: email, host: mail.example.com, user: a, from: a@b.example, to: [c@d.example] }',
      'needs both user and password',
    ],
    ['nobody to write to', '{ kind: email, host: mail.example.com, from: a@b.example, to: [] }', 'has 0 recipients'],
    ['an unknown key', "{ kind: slack, url: '${env:SLACK}', chanel: x }", 'is not a known key'],
    ['an unknown kind', '{ kind: pager }', 'is not one of the choices'],
  ])('refuses %s', (_, channel, problem) => {
    const problems = problemsOf(`channels: { one: ${channel} }`);
    expect(problems.join('\n')).toContain(problem);
    for (const secret of Object.values(ENVIRONMENT)) expect(problems.join('\n')).not.toContain(secret);
  });

  it('takes http to this machine', () => {
    expect(problemsOf("channels: { one: { kind: discord, url: '${env:LOCAL}' } }")).toEqual([]);
  });

  it('refuses a route to a channel that is not there, and names the one that was meant', () => {
    expect(
      problemsOf(
        `channels: { team: { kind: slack, url: '\${env:SLACK}' } }\nroutes: [{ channels: [teem] }, { channels: [] }]`,
      ),
    ).toEqual([
      'notifications.routes[0].channels[0]: is not a channel ("teem"; allowed: team; did you mean "team"?)',
      'notifications.routes[1].channels: is empty (allowed: at least one channel)',
    ]);
  });
});
