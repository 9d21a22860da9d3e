import { resolve } from 'node:path';
import { lists as listsStage, protocol as protocolStage } from '@sallyport/guards';
import type { ConnectionLimits, DrainConfig, ListsConfig } from '@sallyport/kernel';
import { z } from 'zod';
import { type BindAddress, bindAddress, network } from '../addresses.ts';
import type { Mode, ParseContext } from '../context.ts';
import { addIssue, booleanLeaf, choiceLeaf, integerLeaf, section } from '../leaf.ts';
import { duration, filePath, list, size } from '../leaves.ts';
import { readNetworkFile } from '../network-file.ts';
import { show } from '../problem.ts';

export const MODES: readonly Mode[] = ['development', 'staging', 'production'];

export function mode(): z.ZodType<Mode> {
  return choiceLeaf(
    'How strict the gateway is with its own configuration. Production refuses plaintext beyond this machine and secrets that others may read.',
    MODES,
  ).prefault('production');
}

/** Which stages only record. */
export interface Observe {
  readonly all: boolean;
  readonly stages: readonly string[];
}

/** Stages that can be observed. Routing cannot: without a route there is nowhere to go on to. */
const OBSERVABLE_STAGES: readonly string[] = [listsStage.name, protocolStage.name, 'waf'];

export function observe(): z.ZodType<Observe> {
  const all = booleanLeaf('Judge and record everything, refuse nothing. Strictness about HTTP itself stays.');
  const some = list(choiceLeaf('A stage.', OBSERVABLE_STAGES), 'Stages that only record.');
  return z
    .union([
      all.transform((value): Observe => ({ all: value, stages: [] })),
      some.transform((stages): Observe => ({ all: false, stages })),
    ])
    .prefault(false);
}

export function lists(context: ParseContext): z.ZodType<ListsConfig> {
  const file = filePath('A path.', context).transform((path, issues): readonly string[] => {
    const { networks, problems } = readNetworkFile(path, context.files);
    for (const problem of problems) addIssue(issues, problem, { value: show(path) });
    return networks;
  });
  const files = (kind: string): z.ZodType<readonly (readonly string[])[]> =>
    list(file, `Files with more ${kind} networks, one on a line; # begins a comment.`);
  return section('Addresses that are let in or refused before anything else is judged.', {
    allow: list(network('A network.'), 'Networks that `deny` does not refuse. They skip nothing else.').prefault([]),
    deny: list(network('A network.'), 'Networks that are refused.').prefault([]),
    allowFiles: files('allowed').prefault([]),
    denyFiles: files('denied').prefault([]),
  })
    .transform(
      (raw): ListsConfig => ({
        allow: [raw.allow, ...raw.allowFiles].flat(),
        deny: [raw.deny, ...raw.denyFiles].flat(),
      }),
    )
    .prefault({});
}

export function connections(): z.ZodType<ConnectionLimits> {
  return section('Limits of TCP connections, before any request is known.', {
    max: integerLeaf('Most open connections; beyond it the longest idle one makes room.', {
      min: 1,
      max: 1_000_000,
    }).prefault(20_000),
    perClientMax: integerLeaf('Most connections of one client (IPv6: of one /64).', {
      min: 1,
      max: 1_000_000,
    }).prefault(256),
    halfOpenPerClientMax: integerLeaf('Most connections of one client that have not yet sent a whole request head.', {
      min: 1,
      max: 1_000_000,
    }).prefault(32),
    handshakeTimeout: duration('Longest TLS handshake or PROXY protocol header.', { min: '100ms', max: '1m' }).prefault(
      '10s',
    ),
    headerTimeout: duration('Longest time for a whole request head, however it trickles.', {
      min: '100ms',
      max: '1m',
    }).prefault('10s'),
    keepAlive: duration(
      'Longest pause between two requests on one connection. Longer than the 90s of cloudflared, so that it never sends into a connection that closes.',
      { min: '1s', max: '1h' },
    ).prefault('95s'),
    headerMax: size('Largest header section on any route.', { min: '1KB', max: '64KB' }).prefault('16KB'),
  })
    .transform(
      (raw): ConnectionLimits => ({
        connectionsMax: raw.max,
        perClientMax: raw.perClientMax,
        halfOpenPerClientMax: raw.halfOpenPerClientMax,
        handshakeMs: raw.handshakeTimeout,
        headerMs: raw.headerTimeout,
        keepAliveMs: raw.keepAlive,
        headerBytesMax: raw.headerMax,
      }),
    )
    .prefault({});
}

export function drain(): z.ZodType<DrainConfig> {
  return section('How the gateway stops.', {
    deadline: duration('From SIGTERM to the hard stop.', { min: '1s', max: '1h' }).prefault('30s'),
    webSocketSpread: duration('Over which time WebSockets are closed, so that they do not come back all at once.', {
      min: '0s',
      max: '1h',
    }).prefault('10s'),
  })
    .transform((raw, issues): DrainConfig => {
      if (raw.webSocketSpread > raw.deadline) {
        addIssue(issues, 'is longer than the deadline', {
          path: ['webSocketSpread'],
          allowed: 'at most drain.deadline',
        });
      }
      return { deadlineMs: raw.deadline, webSocketSpreadMs: raw.webSocketSpread };
    })
    .prefault({});
}

/** Where metrics and health are served. */
export interface OperationsConfig {
  readonly address: BindAddress;
  /** Serving beyond this machine was asked for by name. */
  readonly isExposed: boolean;
}

/** `false` in the file turns it off. */
export function operations(context: ParseContext): z.ZodType<OperationsConfig | undefined> {
  const off = booleanLeaf('`false`: no such listener.').transform((isOn, issues): undefined => {
    if (isOn) addIssue(issues, 'is true', { allowed: 'false, or a section with an address', value: 'true' });
    return undefined;
  });
  const on = section('The listener for /metrics, /livez and /readyz. It has no passwords: keep it on this machine.', {
    address: bindAddress('Where to listen.', context.directory).prefault('127.0.0.1:9090'),
    exposed: booleanLeaf('Serve it beyond this machine. Needed in production for such an address.').prefault(false),
  }).transform((raw): OperationsConfig => ({ address: raw.address, isExposed: raw.exposed }));
  return z.union([off, on]).prefault({});
}

export interface LogConfig {
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly destination: { readonly kind: 'stdout' } | { readonly kind: 'file'; readonly path: string };
}

export function log(context: ParseContext): z.ZodType<LogConfig> {
  const stdout = choiceLeaf('`stdout`: the standard output.', ['stdout']).transform((kind) => ({ kind }));
  const file = section('A file, appended to.', { file: filePath('Its path.', context) }).transform((raw) => ({
    kind: 'file' as const,
    path: resolve(raw.file),
  }));
  return section('Events and messages of the gateway, as JSON lines.', {
    level: choiceLeaf('Least important messages that are written.', ['error', 'warn', 'info', 'debug']).prefault(
      'info',
    ),
    destination: z.union([stdout, file]).prefault('stdout'),
  }).prefault({});
}

/** How the data planes run. */
export interface WorkersConfig {
  /** How many worker threads; 0: one for each core. */
  readonly count: number;
  /** Largest heap of one, in bytes. */
  readonly memoryBytesMax: number;
  /** After this time without a turn of its event loop it is replaced. */
  readonly hangMs: number;
  /** Folder for what a worker was judging when it was lost; undefined: it is not kept. */
  readonly diagnostics: string | undefined;
}

export function workers(context: ParseContext): z.ZodType<WorkersConfig> {
  return section('The threads that serve. Each has all listeners, routes and upstreams.', {
    count: integerLeaf('How many. 0: one for each core.', { min: 0, max: 64 }).prefault(0),
    memoryMax: size('Largest heap of one thread. Beyond it that thread is replaced, and no other one.', {
      min: '64MB',
      max: '16GB',
    }).prefault('1GB'),
    hangAfter: duration('A thread that does nothing for so long is replaced.', { min: '2s', max: '5m' }).prefault(
      '10s',
    ),
    diagnostics: filePath(
      'A folder for what a thread was judging when it was lost, secrets masked. It is made for its owner alone.',
      context,
    ).optional(),
  })
    .transform(
      (raw): WorkersConfig => ({
        count: raw.count,
        memoryBytesMax: raw.memoryMax,
        hangMs: raw.hangAfter,
        diagnostics: raw.diagnostics === undefined ? undefined : resolve(raw.diagnostics),
      }),
    )
    .prefault({});
}

/** When a changed configuration is taken over. */
export interface ReloadConfig {
  /** As soon as the file has changed; otherwise on SIGHUP and by the admin API. */
  readonly isWatched: boolean;
}

export function reload(context: ParseContext): z.ZodType<ReloadConfig> {
  const description =
    'Take a changed file over as soon as it has been the same for a second. SIGHUP and `sallyport reload` do so in any case. Default: true, but false in production.';
  return section('How a changed configuration comes into force.', {
    watch: booleanLeaf(description).prefault(context.mode !== 'production'),
  })
    .transform((raw): ReloadConfig => ({ isWatched: raw.watch }))
    .prefault({});
}
