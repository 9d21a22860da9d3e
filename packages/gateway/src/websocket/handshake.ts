import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import { type Deny, type Framing, GatewayError, type HeaderList, reason } from '@sallyport/kernel';
import type { ResponseHead } from '../upstream/port.ts';

/** What the check needs to see of a request: its fields as they came, hop-by-hop ones included. */
export interface HandshakeRequest {
  readonly method: string;
  readonly httpVersion: string;
  /** Every field of the request, names in lower case. */
  readonly headers: HeaderList;
  readonly framing: Framing;
}

/** A client's handshake that kept to RFC 6455 §4.2.1. */
export interface Handshake {
  readonly kind: 'handshake';
  /** The client's `Sec-WebSocket-Key`. */
  readonly key: string;
  /** What the client offered, in its order, each once. */
  readonly subprotocols: readonly string[];
}

/** What we ask of the upstream. */
export interface UpstreamOffer {
  readonly key: string;
  readonly subprotocols: readonly string[];
  /** Flat: name, value, name, value. To be sent beside the request's other fields. */
  readonly headers: readonly string[];
}

export interface UpgradeAnswer {
  /** The subprotocol the upstream chose; undefined: none. */
  readonly subprotocol: string | undefined;
}

/** The only version there is (RFC 6455 §4.1). */
const VERSION = '13';

/** Checks a client's opening handshake in the order of RFC 6455 §4.2.1. What it offers as extensions is ignored. */
export function checkHandshake(request: HandshakeRequest): Handshake | Deny {
  const { headers } = request;
  if (request.method !== 'GET') return invalid('method');
  if (request.httpVersion !== '1.1') return invalid('HTTP version');
  const isBodiless =
    request.framing.kind === 'none' || (request.framing.kind === 'length' && request.framing.bytes === 0);
  if (!isBodiless) return invalid('body');
  // Only `websocket`: an offer of something else beside it is an offer to speak it behind our back.
  if (!isOnly(headers.getAll('upgrade'), 'websocket')) return invalid('upgrade');
  if (!hasToken(headers.getAll('connection'), 'upgrade')) return invalid('connection');
  const keys = headers.getAll('sec-websocket-key');
  const key = keys[0];
  if (keys.length !== 1 || key === undefined || !isKey(key)) return invalid('sec-websocket-key');
  const versions = headers.getAll('sec-websocket-version');
  if (versions.length !== 1) return invalid('sec-websocket-version');
  if (versions[0] !== VERSION) return wrongVersion();
  if (headers.has('sec-websocket-accept')) return invalid('sec-websocket-accept');
  const subprotocols = parseSubprotocols(headers.getAll('sec-websocket-protocol'));
  if (subprotocols === undefined) return invalid('sec-websocket-protocol');
  return { kind: 'handshake', key, subprotocols };
}

/** Our own handshake with the upstream: a key of our own, the client's subprotocols, no extensions. */
export function offerUpstream(handshake: Handshake): UpstreamOffer {
  const key = randomBytes(KEY_BYTES).toString('base64');
  const headers = ['sec-websocket-version', VERSION, 'sec-websocket-key', key];
  if (handshake.subprotocols.length > 0) headers.push('sec-websocket-protocol', handshake.subprotocols.join(', '));
  return { key, subprotocols: handshake.subprotocols, headers };
}

/** Checks the upstream's 101 by RFC 6455 §4.1: that it answers this offer and adds nothing to it. */
export function verifyAnswer(offer: UpstreamOffer, head: ResponseHead): UpgradeAnswer | GatewayError {
  const { headers } = head;
  if (head.status !== 101) return refused(`status ${head.status}`);
  if (!isOnly(headers.getAll('upgrade'), 'websocket')) return refused('upgrade');
  if (!hasToken(headers.getAll('connection'), 'upgrade')) return refused('connection');
  const accepts = headers.getAll('sec-websocket-accept');
  if (accepts.length !== 1 || accepts[0] !== acceptFor(offer.key)) return refused('sec-websocket-accept');
  if (headers.has('sec-websocket-extensions')) return refused('sec-websocket-extensions');
  const chosen = headers.getAll('sec-websocket-protocol');
  const subprotocol = chosen[0];
  if (subprotocol === undefined) return { subprotocol };
  if (chosen.length !== 1 || !offer.subprotocols.includes(subprotocol)) return refused('sec-websocket-protocol');
  return { subprotocol };
}

/**
 * The 101 for the client. `fields` are further fields, flat and end-to-end: what the upstream added and the request id.
 * A field that could end the line it stands in is a bug of whoever checked it.
 */
export function switchingProtocols(handshake: Handshake, answer: UpgradeAnswer, fields: readonly string[]): Buffer {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptFor(handshake.key)}`,
  ];
  if (answer.subprotocol !== undefined) lines.push(`Sec-WebSocket-Protocol: ${answer.subprotocol}`);
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const line = `${fields[index] ?? ''}: ${fields[index + 1] ?? ''}`;
    assert(!line.includes('\r') && !line.includes('\n') && !line.includes('\0'), 'a header field holds a line break');
    lines.push(line);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

/** RFC 6455 §4.2.2 (5.4): proof that the key was read by something that speaks this protocol. */
export function acceptFor(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** Bytes of a `Sec-WebSocket-Key` before base64. */
const KEY_BYTES = 16;

/** Base64 of exactly 16 bytes in its one canonical spelling. */
function isKey(text: string): boolean {
  if (text.length !== 24) return false;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === KEY_BYTES && bytes.toString('base64') === text;
}

/** Undefined for an empty element, a character no token has, or a name twice (RFC 6455 §4.1 (10)). */
function parseSubprotocols(values: readonly string[]): readonly string[] | undefined {
  const names = values.flatMap(elements);
  if (new Set(names).size !== names.length) return undefined;
  return names.every(isToken) ? names : undefined;
}

function isOnly(values: readonly string[], token: string): boolean {
  return values.length === 1 && values[0]?.toLowerCase() === token;
}

function hasToken(values: readonly string[], token: string): boolean {
  return values.flatMap(elements).some((element) => element.toLowerCase() === token);
}

/** The elements of a list field (RFC 9110 §5.6.1). */
function elements(value: string): string[] {
  return value.split(',').map((element) => element.trim());
}

/** RFC 9110 §5.6.2. */
function isToken(text: string): boolean {
  if (text === '') return false;
  for (const character of text) if (!TOKEN_CHARACTERS.has(character)) return false;
  return true;
}

const TOKEN_CHARACTERS: ReadonlySet<string> = new Set(
  "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
);

function invalid(detail: string): Deny {
  return { kind: 'deny', status: 400, reason: reason('UPGRADE_INVALID', detail) };
}

/** RFC 6455 §4.2.2 (4) and RFC 9110 §15.5.22: the answer names what we would accept. */
function wrongVersion(): Deny {
  const headers = { upgrade: 'websocket', 'sec-websocket-version': VERSION };
  return { kind: 'deny', status: 426, reason: reason('UPGRADE_INVALID', 'sec-websocket-version'), headers };
}

function refused(message: string): GatewayError {
  return new GatewayError('UPSTREAM_REFUSED_UPGRADE', { source: 'upstream', message });
}
