import type { ConnectionLimits } from '@sallyport/kernel';
import { IpAddress, parseNetwork } from '@sallyport/kernel';
import { type BindAddress, formatAddress, isLocal, isPrivateHost } from './addresses.ts';
import type { Mode } from './context.ts';
import { type Finding, finding } from './issues.ts';
import { NAME } from './leaves.ts';
import type { Part } from './parts.ts';
import { formatKey, type KeyPath, show, suggestName } from './problem.ts';
import { isSection } from './references.ts';
import type { AdminConfig } from './schema/admin.ts';
import type { ListenerDraft } from './schema/listener.ts';
import type { RouteDraft } from './schema/route.ts';
import type { OperationsConfig } from './schema/sections.ts';
import type { UpstreamDraft } from './schema/upstream.ts';

/** Everything that parsed, to be checked against each other. */
export interface Whole {
  readonly mode: Mode;
  readonly listeners: readonly Part<ListenerDraft>[];
  readonly upstreams: readonly (Part<UpstreamDraft> & { readonly name: string })[];
  readonly routes: readonly Part<RouteDraft>[];
  readonly operations: OperationsConfig | undefined;
  readonly admin: AdminConfig | undefined;
  /** Undefined when the section did not parse. */
  readonly connections: ConnectionLimits | undefined;
  /** The document: a name that is there but did not parse is not missing. */
  readonly root: Readonly<Record<string, unknown>>;
}

/** What is wrong with parts that are right by themselves. */
export function checkWhole(whole: Whole): readonly Finding[] {
  return [
    ...checkNames(whole.root['listeners'], 'listeners'),
    ...checkNames(whole.root['routes'], 'routes'),
    ...whole.listeners.flatMap(({ path, value }) => checkListener(value, path, whole.mode)),
    ...checkOperations(whole),
    ...checkBindings(whole),
    ...checkUpstreams(whole),
    ...checkRouteUpstreams(whole.root),
    ...checkMatches(whole.routes),
    ...checkHeaderLimits(whole),
  ];
}

/** A route cannot allow what its connection has refused before any route is known. */
function checkHeaderLimits({ routes, connections }: Whole): readonly Finding[] {
  if (connections === undefined) return [];
  return routes
    .filter(({ value }) => value.request.headerBytesMax > connections.headerBytesMax)
    .map(({ path }) =>
      finding([...path, 'request', 'headerMax'], 'is more than connections.headerMax, which holds before any route', {
        allowed: `up to ${connections.headerBytesMax}B`,
      }),
    );
}

/** Of the document and not of its parts: a name counts also where something else is wrong. */
function checkNames(raw: unknown, key: string): readonly Finding[] {
  const first = new Map<string, number>();
  return textsOf(raw, 'name').flatMap(({ index, text }) => {
    const earlier = first.get(text);
    if (earlier === undefined) {
      first.set(text, index);
      return [];
    }
    return [finding([key, index, 'name'], `is also the name of ${key}[${earlier}]`, { value: show(text) })];
  });
}

/** The texts that the sections of a list have under `key`. */
function textsOf(raw: unknown, key: string): readonly { readonly index: number; readonly text: string }[] {
  if (!Array.isArray(raw)) return [];
  return raw.flatMap((item: unknown, index) => {
    const text: unknown = typeof item === 'object' && item !== null ? Reflect.get(item, key) : undefined;
    return typeof text === 'string' ? [{ index, text }] : [];
  });
}

function checkListener(listener: ListenerDraft, path: KeyPath, mode: Mode): readonly Finding[] {
  return [...checkPlaintext(listener, path, mode), ...checkTrust(listener, path), ...checkProof(listener, path)];
}

/**
 * R3.3: plaintext stays on this machine. Elsewhere it must be asked for by name, and production refuses even that. A
 * listener that only redirects to https forwards nothing, so it may be plain.
 */
function checkPlaintext(listener: ListenerDraft, path: KeyPath, mode: Mode): readonly Finding[] {
  const isOnlyRedirect =
    listener.isRedirectedToHttps && (listener.client.kind === 'direct' || listener.client.kind === 'proxy-protocol');
  const isSafe = listener.tls !== undefined || isLocal(listener.address) || isOnlyRedirect;
  if (isSafe) {
    const hasNoUse = 'is not needed: nothing leaves this machine in plaintext here';
    return listener.isInsecure
      ? [finding([...path, 'insecure'], hasNoUse, { severity: 'warning', value: 'true' })]
      : [];
  }
  const value = `"${formatAddress(listener.address)}"`;
  const allowed = 'tls, a loopback address such as 127.0.0.1, a unix: socket, or redirectToHttps: true';
  if (mode === 'production') {
    const problem = 'serves plaintext beyond this machine, which production refuses';
    return [finding([...path, 'address'], problem, { value, allowed })];
  }
  if (listener.isInsecure) {
    return [finding([...path, 'address'], 'serves plaintext beyond this machine', { severity: 'warning', value })];
  }
  const problem = 'serves plaintext beyond this machine; ask for it with insecure: true';
  return [finding([...path, 'address'], problem, { value, allowed })];
}

/** Who may say what the client's address is. */
function checkTrust(listener: ListenerDraft, path: KeyPath): readonly Finding[] {
  const { client } = listener;
  switch (client.kind) {
    case 'direct': {
      if (listener.address.kind === 'tcp') return [];
      const problem = 'makes every client look like 127.0.0.1: whoever connects to a socket file has no address';
      return [finding([...path, 'client'], problem, { severity: 'warning' })];
    }
    case 'proxy-protocol':
    case 'trusted-proxies': {
      const from = [...path, 'client', 'from'];
      if (client.from.length === 0) return [finding(from, 'is empty', { allowed: 'at least one network' })];
      return client.from.flatMap((text, index) =>
        parseNetwork(text)?.prefixLength === 0
          ? [finding([...from, index], 'trusts everybody: anyone could choose an address', { value: `"${text}"` })]
          : [],
      );
    }
    case 'cloudflare':
      if (listener.tls !== undefined) return [];
      return [finding([...path, 'client'], 'needs tls: Cloudflare proves itself by its client certificate')];
    case 'cloudflare-tunnel':
      return [];
  }
}

/** R2.3: a proof must be able to prove something where it is asked for. */
function checkProof(listener: ListenerDraft, path: KeyPath): readonly Finding[] {
  if (listener.client.kind !== 'cloudflare-tunnel') return [];
  const { proof } = listener.client;
  const at = [...path, 'client', 'proof'];
  switch (proof.kind) {
    case 'unix-socket':
      if (listener.address.kind === 'tcp') {
        return [finding(at, 'needs a unix: address: any process may connect to a port', { value: '"unix-socket"' })];
      }
      if ((listener.address.mode & 0o007) === 0) return [];
      return [
        finding([...path, 'access'], 'lets every process connect, which makes the proof worthless', {
          value: '"everyone"',
        }),
      ];
    case 'origin-secret': {
      const { secrets } = proof;
      if (secrets.length === 0) return [finding([...at, 'secrets'], 'is empty', { allowed: 'one secret, or two' })];
      if (secrets.length > 2)
        return [finding([...at, 'secrets'], 'has more than two secrets', { allowed: 'one secret, or two' })];
      if (secrets[0] !== secrets[1]) return [];
      return [finding([...at, 'secrets', 1], 'refers to the same secret as the first')];
    }
    case 'access-jwt':
      return [];
  }
}

/** R2.2: what has no password stays on this machine unless it was asked for by name. */
function checkOperations(whole: Whole): readonly Finding[] {
  const { operations } = whole;
  if (operations === undefined || operations.isExposed || isLocal(operations.address)) return [];
  const severity = whole.mode === 'production' ? 'error' : 'warning';
  const problem = 'serves metrics and health beyond this machine without a password';
  const value = `"${formatAddress(operations.address)}"`;
  const allowed = 'a loopback address, a unix: socket, or exposed: true';
  return [finding(['operations', 'address'], problem, { severity, value, allowed })];
}

/** Two listeners cannot have one address. */
function checkBindings(whole: Whole): readonly Finding[] {
  const listeners = whole.listeners.map(({ path, value }) => ({ path: [...path, 'address'], value: value.address }));
  const operations =
    whole.operations === undefined ? [] : [{ path: ['operations', 'address'], value: whole.operations.address }];
  const bindings = [...operations, ...adminBindings(whole), ...listeners];
  return bindings.flatMap(({ path, value }, index) => {
    const earlier = bindings.slice(0, index).find((other) => isSameBinding(other.value, value));
    if (earlier === undefined) return [];
    const problem = `is taken by ${formatKey(earlier.path)}`;
    return [finding(path, problem, { value: `"${formatAddress(value)}"` })];
  });
}

function adminBindings({ admin }: Whole): readonly Part<BindAddress>[] {
  const bindings: Part<BindAddress>[] = [];
  if (admin?.address !== undefined) bindings.push({ path: ['admin', 'address'], value: admin.address });
  if (admin?.socket !== undefined) {
    bindings.push({ path: ['admin', 'socket'], value: { kind: 'unix', path: admin.socket } });
  }
  return bindings;
}

function isSameBinding(left: BindAddress, right: BindAddress): boolean {
  if (left.kind === 'unix' || right.kind === 'unix') {
    return left.kind === 'unix' && right.kind === 'unix' && left.path === right.path;
  }
  // Port 0 is another port each time.
  if (left.port !== right.port || left.port === 0) return false;
  return left.host === right.host || isEverywhere(left.host, right.host) || isEverywhere(right.host, left.host);
}

/** `::` takes IPv4 as well on a dual-stack system. */
function isEverywhere(host: string, other: string): boolean {
  return host === '::' || (host === '0.0.0.0' && IpAddress.parse(other)?.version === 4);
}

function checkUpstreams(whole: Whole): readonly Finding[] {
  const used = new Set(textsOf(whole.root['routes'], 'upstream').map(({ text }) => text));
  return whole.upstreams.flatMap(({ name, path, value }) => {
    const findings = value.servers.flatMap((server, index) => {
      const at = [...path, 'servers', index];
      const shown = { value: `"${formatAddress(server.address)}"` };
      const own = whole.listeners.find((listener) => isOwn(listener.value.address, server.address));
      if (own !== undefined)
        return [finding(at, `is ${formatKey(own.path)} of this gateway: requests would go in circles`, shown)];
      const inner = adminBindings(whole).find((binding) => isOwn(binding.value, server.address));
      if (inner !== undefined)
        return [finding(at, `is ${formatKey(inner.path)} of this gateway, which no client may reach`, shown)];
      if (value.tls !== undefined || server.address.kind === 'unix' || isPrivateHost(server.address.host)) return [];
      return [finding(at, 'is spoken to in plaintext over a public network', { severity: 'warning', ...shown })];
    });
    if (!used.has(name)) {
      findings.push(finding(path, 'is used by no route', { severity: 'warning', isAboutKey: true }));
    }
    return findings;
  });
}

function isOwn(listener: BindAddress, server: BindAddress): boolean {
  const address = server.kind === 'tcp' && server.host === 'localhost' ? { ...server, host: '127.0.0.1' } : server;
  const isHere = isLocal(server) || (listener.kind === 'tcp' && server.kind === 'tcp' && listener.host === server.host);
  return isHere && isSameBinding(listener, address);
}

function checkRouteUpstreams(root: Whole['root']): readonly Finding[] {
  const section = root['upstreams'];
  if (!isSection(section)) return [];
  const names = Object.keys(section);
  return textsOf(root['routes'], 'upstream').flatMap(({ index, text }) => {
    // What is no name is reported already.
    if (names.includes(text) || !NAME.test(text)) return [];
    const allowed = names.join(', ') || 'a key of upstreams';
    const facts = { value: show(text), allowed, suggestion: suggestName(text, names) };
    return [finding(['routes', index, 'upstream'], 'is not an upstream', facts)];
  });
}

/** Two routes of which neither is more specific would make the choice a matter of luck. */
function checkMatches(routes: readonly Part<RouteDraft>[]): readonly Finding[] {
  const earlier = new Map<string, Part<RouteDraft>[]>();
  const findings: Finding[] = [];
  for (const route of routes) {
    const { hosts, path } = route.value.match;
    for (const host of hosts.length === 0 ? [''] : hosts) {
      const key = `${host} ${path.kind} ${path.value}`;
      const rivals = earlier.get(key) ?? [];
      const rival = rivals.find((other) => isTie(other.value, route.value));
      if (rival !== undefined && rival !== route) {
        const where = host === '' ? 'any host' : host;
        const problem = `matches the same requests as ${formatKey(rival.path)} (${where}, ${path.value})`;
        findings.push(finding([...route.path, 'match'], problem));
        break;
      }
      rivals.push(route);
      earlier.set(key, rivals);
    }
  }
  return findings;
}

function isTie(left: RouteDraft, right: RouteDraft): boolean {
  const ours = left.match;
  const theirs = right.match;
  const haveBothMethods = ours.methods.length > 0 && theirs.methods.length > 0;
  if (!haveBothMethods && ours.methods.length !== theirs.methods.length) return false;
  if (haveBothMethods && !ours.methods.some((method) => theirs.methods.includes(method))) return false;
  if (ours.headers.length !== theirs.headers.length) return false;
  // One request can satisfy both unless one header would need two values.
  return !ours.headers.some(({ name, value }) => {
    const other = theirs.headers.find((header) => header.name === name);
    return other !== undefined && value !== undefined && other.value !== undefined && other.value !== value;
  });
}
