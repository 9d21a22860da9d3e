import {
  type AttackThresholds,
  type ChannelConfig,
  NOTICE_KINDS,
  type NoticeSeverity,
  type NotificationRoute,
  type NotificationsConfig,
} from '@sallyport/kernel';
import { z } from 'zod';
import { isLocal } from '../addresses.ts';
import type { ParseContext } from '../context.ts';
import { addIssue, booleanLeaf, choiceLeaf, integerLeaf, ratioLeaf, section } from '../leaf.ts';
import { duration, fileContent, givenSecret, list, NAME, NAME_ALLOWED, name, secret, text } from '../leaves.ts';
import { suggestName } from '../problem.ts';
import { parseCertificate } from './key-pair.ts';

/** `notifications`: who hears of what, without looking. */
export function notifications(context: ParseContext): z.ZodType<NotificationsConfig> {
  return section(
    'Who is told when something is wrong that nobody may be looking at. Without `state` what waits to be sent ends with the process.',
    {
      channels: z
        .record(z.string(), channel(context))
        .meta({ description: 'The ways to people, by name.' })
        .prefault({}),
      routes: list(route(), 'What goes where. Every route that matches is used.').prefault([]),
      attack: attack().prefault({}),
    },
  )
    .transform((raw, issues): NotificationsConfig => {
      const names = Object.keys(raw.channels);
      if (names.length > CHANNELS_MAX) {
        addIssue(issues, `has more than ${CHANNELS_MAX} entries`, { path: ['channels'] });
      }
      for (const channelName of names) {
        if (!NAME.test(channelName)) {
          addIssue(issues, 'is not a name', { path: ['channels', channelName], allowed: NAME_ALLOWED });
        }
      }
      judgeRoutes(raw.routes, names, issues);
      const channels = Object.entries(raw.channels).map(([channelName, draft]) => ({ ...draft, name: channelName }));
      return { channels, routes: raw.routes, attack: raw.attack };
    })
    .prefault({});
}

/** Ways to people: each has a limit, messages and metrics of its own. */
const CHANNELS_MAX = 16;

const SEVERITIES: readonly NoticeSeverity[] = ['info', 'warning', 'critical'];

/** A channel before it knows its name, which is its key. */
type Draft<T> = T extends unknown ? Omit<T, 'name'> : never;
type ChannelDraft<Kind extends ChannelConfig['kind']> = Draft<Extract<ChannelConfig, { kind: Kind }>>;

function judgeRoutes(routes: readonly NotificationRoute[], names: readonly string[], issues: z.RefinementCtx): void {
  for (const [index, { channels }] of routes.entries()) {
    if (channels.length === 0) {
      addIssue(issues, 'is empty', { path: ['routes', index, 'channels'], allowed: 'at least one channel' });
    }
    for (const [place, one] of channels.entries()) {
      if (names.includes(one)) continue;
      addIssue(issues, 'is not a channel', {
        path: ['routes', index, 'channels', place],
        value: JSON.stringify(one),
        allowed: names.join(', ') || 'a key of channels',
        suggestion: suggestName(one, names),
      });
    }
  }
}

function route(): z.ZodType<NotificationRoute> {
  const group = section('When messages are sent, in the words of Alertmanager.', {
    wait: duration('From the first news to its message, so that what happens together is told together.', {
      min: '0s',
      max: '1h',
    }).prefault('30s'),
    interval: duration('Shortest time between two messages of the same kind.', { min: '1s', max: '1d' }).prefault('5m'),
    repeat: duration('What lasts so long is told again.', { min: '1m', max: '30d' }).prefault('4h'),
  }).prefault({});
  return section('Notices that match are told to its channels, grouped by kind.', {
    kinds: list(choiceLeaf('A kind of notice.', NOTICE_KINDS), 'Kinds of notices. Empty: all.').prefault([]),
    severity: choiceLeaf('Least severity.', SEVERITIES).prefault('info'),
    channels: list(name('Name of a channel.'), 'Names of channels.'),
    group,
  }).transform(
    (raw): NotificationRoute => ({
      kinds: raw.kinds,
      severityMin: raw.severity,
      channels: raw.channels,
      waitMs: raw.group.wait,
      intervalMs: raw.group.interval,
      repeatMs: raw.group.repeat,
    }),
  );
}

function attack(): z.ZodType<AttackThresholds> {
  return section('When `under-attack` is told: all of these, over the last minute.', {
    refused: integerLeaf('Refused exchanges and connections.', { min: 1, max: 1_000_000_000 }).prefault(600),
    share: ratioLeaf('Their share of all.', { min: 0, max: 1 }).prefault(0.3),
    timesUsual: integerLeaf('Their number, in multiples of what is usual here at this time.', {
      min: 1,
      max: 1_000,
    }).prefault(5),
  }).transform(
    (raw): AttackThresholds => ({ refusedMin: raw.refused, shareMin: raw.share, timesUsual: raw.timesUsual }),
  );
}

function channel(context: ParseContext): z.ZodType<Draft<ChannelConfig>> {
  return z.discriminatedUnion('kind', [webhook(context), discord(context), slack(context), email(context)]);
}

function common() {
  return {
    sendResolved: booleanLeaf('Tell also that a state has ended.').prefault(true),
    hourlyMax: integerLeaf('Most messages in any hour. What is beyond is told in one message later.', {
      min: 1,
      max: 1_000,
    }).prefault(20),
  };
}

function webhook(context: ParseContext): z.ZodType<ChannelDraft<'webhook'>> & z.core.$ZodTypeDiscriminable {
  return section('A JSON POST, signed as Standard Webhooks says.', {
    kind: z.literal('webhook'),
    url: text('Where to post: https, or http to this machine.', {
      pattern: URL_PATTERN,
      allowed: 'an https URL',
      problem: 'is not an https URL',
    }),
    keys: list(
      secret('A key of at least 32 random bytes, with or without `whsec_` before it.', context),
      'Keys that sign; two while one replaces the other. Only references.',
    ),
    ca: authority(context),
    ...common(),
  }).transform((raw, issues): ChannelDraft<'webhook'> => {
    const problem = urlProblem(raw.url);
    if (problem !== undefined) addIssue(issues, problem, { path: ['url'] });
    if (raw.keys.length < 1 || raw.keys.length > KEYS_MAX) {
      addIssue(issues, `has ${raw.keys.length} keys`, { path: ['keys'], allowed: `1 to ${KEYS_MAX} keys` });
    }
    return { kind: 'webhook', url: raw.url, keys: raw.keys, ca: checkedCa(raw.ca, issues), ...commonOf(raw) };
  });
}

function discord(context: ParseContext): z.ZodType<ChannelDraft<'discord'>> & z.core.$ZodTypeDiscriminable {
  return section('A webhook of a Discord channel.', {
    kind: z.literal('discord'),
    url: givenSecret('Its URL: whoever has it can write there.', context, {
      allowed: '${env:NAME} or ${file:PATH} with https://discord.com/api/webhooks/ID/TOKEN',
      judge: (value) => {
        if (!/\/api(?:\/v[0-9]+)?\/webhooks\/[0-9]+\/[A-Za-z0-9_-]+$/.test(value))
          return 'refers to no URL of a Discord webhook';
        return secretUrlProblem(value);
      },
    }),
    ...common(),
  }).transform((raw): ChannelDraft<'discord'> => ({ kind: 'discord', url: raw.url, ...commonOf(raw) }));
}

function slack(context: ParseContext): z.ZodType<ChannelDraft<'slack'>> & z.core.$ZodTypeDiscriminable {
  return section('An incoming webhook of Slack, or of what understands the same.', {
    kind: z.literal('slack'),
    url: givenSecret('Its URL: whoever has it can write there.', context, {
      allowed: '${env:NAME} or ${file:PATH} with https://hooks.slack.com/services/...',
      judge: secretUrlProblem,
    }),
    ...common(),
  }).transform((raw): ChannelDraft<'slack'> => ({ kind: 'slack', url: raw.url, ...commonOf(raw) }));
}

function email(context: ParseContext): z.ZodType<ChannelDraft<'email'>> & z.core.$ZodTypeDiscriminable {
  const mailbox = (description: string): z.ZodType<string> =>
    text(description, {
      pattern: MAILBOX,
      allowed: 'an address such as ops@example.com',
      problem: 'is not a mail address',
    });
  return section('A mail over SMTP.', {
    kind: z.literal('email'),
    host: text('The mail server.', {
      pattern: /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$|^[0-9A-Fa-f:.]{2,45}$/,
      allowed: 'a host name or an address',
      problem: 'is not a host',
    }),
    port: integerLeaf('Its port. Default: 465 with `tls`, otherwise 587.', { min: 1, max: 65_535 }).optional(),
    security: choiceLeaf(
      '`starttls`: nothing is said before the connection is encrypted. `tls`: encrypted from the first byte. `none`: only to this machine.',
      ['starttls', 'tls', 'none'],
    ).prefault('starttls'),
    user: text('Name to log in with; needs `password`.', {
      pattern: /^[^\p{Cc}]{1,256}$/u,
      allowed: 'at most 256 characters',
      problem: 'is not a user name',
    }).optional(),
    password: givenSecret('Its password.', context, {
      allowed: '${env:NAME} or ${file:PATH}',
      judge: (value) =>
        /^[^\p{Cc}]{1,1024}$/u.test(value) ? undefined : 'refers to a password with control characters',
    }).optional(),
    ca: authority(context),
    from: mailbox('Sender.'),
    to: list(mailbox('A recipient.'), 'Recipients.'),
    ...common(),
  }).transform((raw, issues): ChannelDraft<'email'> => {
    const { user, password, host, security } = raw;
    if ((user === undefined) !== (password === undefined)) {
      addIssue(issues, 'needs both user and password', { path: [user === undefined ? 'password' : 'user'] });
    }
    if (security === 'none' && !isLocal({ kind: 'tcp', host, port: 0 })) {
      const allowed = 'starttls or tls';
      addIssue(issues, 'would send mail in plaintext beyond this machine', {
        path: ['security'],
        allowed,
        value: '"none"',
      });
    }
    if (raw.to.length < 1 || raw.to.length > RECIPIENTS_MAX) {
      addIssue(issues, `has ${raw.to.length} recipients`, {
        path: ['to'],
        allowed: `1 to ${RECIPIENTS_MAX} recipients`,
      });
    }
    const login = user === undefined || password === undefined ? undefined : { user, password };
    const port = raw.port ?? (security === 'tls' ? 465 : 587);
    const { from, to } = raw;
    return { kind: 'email', host, port, security, login, ca: checkedCa(raw.ca, issues), from, to, ...commonOf(raw) };
  });
}

/** One while it is used, one that replaces it, and one for a receiver that is slow to follow. */
const KEYS_MAX = 3;

/** Recipients of one mail: for more there are lists. */
const RECIPIENTS_MAX = 20;

const URL_PATTERN = /^https?:\/\/[!-~]{1,1000}$/;

/** RFC 5321 §4.1.2, the dot-string form, within 254 octets: nothing that could end a command or a header. */
const MAILBOX =
  /^(?=.{3,254}$)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

function commonOf(raw: { readonly sendResolved: boolean; readonly hourlyMax: number }): {
  readonly isResolvedSent: boolean;
  readonly hourlyMax: number;
} {
  return { isResolvedSent: raw.sendResolved, hourlyMax: raw.hourlyMax };
}

function authority(context: ParseContext): z.ZodType<string | undefined> {
  return fileContent('PEM file of the only authorities that count. Default: those of Node.js.', context).optional();
}

function checkedCa(pem: string | undefined, issues: z.RefinementCtx): string | undefined {
  if (pem !== undefined && parseCertificate(pem) === undefined) {
    addIssue(issues, 'is not a PEM certificate', { path: ['ca'] });
  }
  return pem;
}

/** What is sent must not be read on the way, and a name and a password in a URL are shown where nobody expects them. */
function urlProblem(value: string): string | undefined {
  const url = URL.parse(value);
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'is not an https URL';
  if (url.username !== '' || url.password !== '') return 'holds a name or a password';
  if (url.protocol === 'https:') return undefined;
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return isLocal({ kind: 'tcp', host, port: 0 }) ? undefined : 'is sent in plaintext beyond this machine; use https';
}

function secretUrlProblem(value: string): string | undefined {
  if (!URL_PATTERN.test(value)) return 'refers to no https URL';
  const problem = urlProblem(value);
  return problem === undefined ? undefined : `refers to a URL that ${problem}`;
}
