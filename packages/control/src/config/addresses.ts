import { resolve } from 'node:path';
import { contains, IpAddress, type ListenAddress, parseNetwork, type ServerAddress } from '@sallyport/kernel';
import type { z } from 'zod';
import { type Parsed, textLeaf } from './leaf.ts';

/** Where to listen, before the permission bits of a socket file are known. */
export type BindAddress = Extract<ListenAddress, { kind: 'tcp' }> | { readonly kind: 'unix'; readonly path: string };

/** `127.0.0.1:8080`, `[::1]:8080` or `unix:/run/sallyport/http.sock`. Relative socket paths begin at `directory`. */
export function bindAddress(description: string, directory: string): z.ZodType<BindAddress> {
  const facts = {
    description,
    allowed: 'ADDRESS:PORT such as 127.0.0.1:8080 or [::1]:8080, or unix:PATH',
    numberProblem: 'is a port without an address',
  };
  return textLeaf<BindAddress>(facts, (text) => {
    if (text.startsWith('unix:')) return parseSocketPath(text.slice('unix:'.length), directory);
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text);
    if (match === null) return { ok: false, problem: 'is not an address to listen on', suggestion: correctBind(text) };
    const host = IpAddress.parse(match[1] ?? match[2] ?? '');
    const port = Number(match[3]);
    if (host === undefined) {
      return { ok: false, problem: 'does not begin with an IP address', suggestion: correctBind(text) };
    }
    if (port > 65_535) return { ok: false, problem: 'has a port beyond 65535' };
    return { ok: true, value: { kind: 'tcp', host: host.text, port } };
  });
}

/** A server behind us, and whether it is to be spoken to over TLS. */
export interface ServerUrl {
  readonly address: ServerAddress;
  readonly isTls: boolean;
}

/** `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`. Ports default to 80 and 443. */
export function serverUrl(description: string, directory: string): z.ZodType<ServerUrl> {
  const facts = { description, allowed: 'http://HOST:PORT, https://HOST:PORT or unix:PATH' };
  return textLeaf(facts, (text) => {
    if (text.startsWith('unix:')) {
      const socket = parseSocketPath(text.slice('unix:'.length), directory);
      return socket.ok ? { ok: true, value: { address: socket.value, isTls: false } } : socket;
    }
    if (/^wss?:\/\//i.test(text)) {
      const suggestion = JSON.stringify(text.replace(/^ws/i, 'http'));
      return { ok: false, problem: 'names WebSocket; the same server carries both', suggestion };
    }
    return parseHttpUrl(text);
  });
}

/** A network in CIDR notation or one address; the text is canonical. */
export function network(description: string): z.ZodType<string> {
  return textLeaf({ description, allowed: 'an IP address or a network such as 192.0.2.0/24' }, (text) => {
    const value = canonicalNetwork(text);
    return value === undefined ? { ok: false, problem: networkProblem(text) } : { ok: true, value };
  });
}

/** The canonical text of a network, undefined when it is none. */
export function canonicalNetwork(text: string): string | undefined {
  const parsed = parseNetwork(text);
  if (parsed === undefined) return undefined;
  const bits = parsed.address.version === 4 ? 32 : 128;
  return parsed.prefixLength === bits ? parsed.address.text : `${parsed.address.text}/${parsed.prefixLength}`;
}

/** Why a text is not a network, as a clause. */
export function networkProblem(text: string): string {
  const address = IpAddress.parse(text.split('/', 1)[0] ?? '');
  const isRange = /\/[0-9]{1,3}$/.test(text);
  if (address === undefined || !isRange) return 'is not an IP address or a network';
  return 'has address bits beyond its prefix length, or a prefix length that is too long';
}

/** An exact host name or address, or `*.example.com`. Lower case. */
export function hostPattern(description: string): z.ZodType<string> {
  return textLeaf({ description, allowed: 'a host name such as game.example.com, or *.example.com' }, (text) => {
    const name = text.toLowerCase();
    if (/^https?:\/\//.test(name)) return { ok: false, problem: 'is a URL, not a host name', suggestion: hostOf(name) };
    const bare = name.startsWith('*.') ? name.slice(2) : name;
    const isAddress = IpAddress.parse(bare.replace(/^\[(.*)\]$/, '$1')) !== undefined;
    if (isAddress && bare === name)
      return { ok: true, value: name.includes(':') ? `[${bare.replace(/[[\]]/g, '')}]` : name };
    // A pattern like *.com would take every host of the Internet that ends so.
    const isName = isHostName(bare) && (bare === name || bare.includes('.'));
    return isName ? { ok: true, value: name } : { ok: false, problem: 'is not a host name' };
  });
}

/** True for a name that stays on this machine or in a private network by what it says; undefined names are resolved later. */
export function isPrivateHost(host: string): boolean {
  const address = IpAddress.parse(host);
  if (address !== undefined) return PRIVATE_NETWORKS.some((range) => isInside(range, address));
  if (!host.includes('.')) return true;
  return PRIVATE_SUFFIXES.some((suffix) => host.endsWith(suffix));
}

/** True when only processes of this machine can reach it. */
export function isLocal(address: BindAddress | ServerAddress): boolean {
  if (address.kind === 'unix') return true;
  return address.host === 'localhost' || IpAddress.parse(address.host)?.isLoopback === true;
}

/** How an address is written in a configuration. */
export function formatAddress(address: BindAddress | ServerAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** RFC 1918, RFC 3927, RFC 4193, RFC 4291 §2.5.6, RFC 6598 (carrier-grade NAT and overlay networks) and loopback. */
const PRIVATE_NETWORKS = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '100.64.0.0/10',
].concat('fc00::/7', 'fe80::/10', '::1');

/** Names that no public zone serves (RFC 6762, RFC 8375, the reserved `.internal`), as containers and small networks use them. */
const PRIVATE_SUFFIXES = ['.internal', '.local', '.localhost', '.lan', '.home.arpa', '.svc', '.test'];

/** Longest socket path Linux takes: sun_path has 108 bytes with its final zero. */
export const SOCKET_PATH_BYTES_MAX = 107;

function parseSocketPath(path: string, directory: string): Parsed<{ readonly kind: 'unix'; readonly path: string }> {
  if (path === '' || path.endsWith('/') || path.includes('\0'))
    return { ok: false, problem: 'has no path to a socket file' };
  const absolute = resolve(directory, path);
  if (Buffer.byteLength(absolute) > SOCKET_PATH_BYTES_MAX) {
    return { ok: false, problem: `is longer than the ${SOCKET_PATH_BYTES_MAX} bytes a socket path may have` };
  }
  return { ok: true, value: { kind: 'unix', path: absolute } };
}

function correctBind(text: string): string | undefined {
  const match = /^(localhost|\*)?:?([0-9]{1,5})$/.exec(text);
  if (match !== null) return `"${match[1] === '*' ? '0.0.0.0' : '127.0.0.1'}:${match[2]}"`;
  return text.startsWith('/') && text.endsWith('.sock') ? JSON.stringify(`unix:${text}`) : undefined;
}

function parseHttpUrl(text: string): Parsed<ServerUrl> {
  const match = /^(https?):\/\/(\[[0-9A-Fa-f:.]+\]|[^/?#@:[\]]+)(?::([0-9]{1,5}))?(\/?)$/i.exec(text);
  if (match === null) {
    if (/^https?:\/\/.*@/i.test(text)) return { ok: false, problem: 'holds a user name or password' };
    if (/^https?:\/\/[^/]+[/?#]/i.test(text))
      return { ok: false, problem: 'has a path; servers are named without one' };
    const isBare = /^[^/:@]+:[0-9]{1,5}$/.test(text);
    return {
      ok: false,
      problem: 'is not a server URL',
      suggestion: isBare ? JSON.stringify(`http://${text}`) : undefined,
    };
  }
  const isTls = match[1]?.toLowerCase() === 'https';
  const host = (match[2] ?? '').toLowerCase().replace(/^\[(.*)\]$/, '$1');
  const port = match[3] === undefined ? (isTls ? 443 : 80) : Number(match[3]);
  if (port < 1 || port > 65_535) return { ok: false, problem: 'has a port outside 1 to 65535' };
  const address = IpAddress.parse(host);
  // `1.2.3` or `0x7f.1` are numbers to some resolvers and names to others.
  const isName = isHostName(host) && !/(^|\.)(0x[0-9a-f]*|[0-9]+)$/.test(host);
  if (address === undefined && !isName) return { ok: false, problem: 'has no valid host' };
  return { ok: true, value: { address: { kind: 'tcp', host: address?.text ?? host, port }, isTls } };
}

/** RFC 1123 §2.1, lower case; underscores as container platforms use them. */
function isHostName(name: string): boolean {
  const labels = name.split('.');
  return name.length <= 253 && labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label));
}

function hostOf(url: string): string | undefined {
  const host = /^https?:\/\/([a-z0-9.-]+)/.exec(url)?.[1];
  return host === undefined ? undefined : JSON.stringify(host);
}

function isInside(range: string, address: IpAddress): boolean {
  const parsed = parseNetwork(range);
  return parsed !== undefined && contains(parsed, address);
}
