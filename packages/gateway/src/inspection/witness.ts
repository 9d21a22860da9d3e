import { Buffer } from 'node:buffer';
import type { RawHead } from '../transport/port.ts';
import { evidenceFields, type InspectedRequest, pairsOf } from './request.ts';

/** A request that was refused because it is no valid HTTP, as far as it can be read. */
export interface ReadLeniently {
  readonly request: InspectedRequest;
  /** What seems to be its body; undefined when there is none. */
  readonly body: Uint8Array | undefined;
}

/**
 * Reads what an attacker sent in place of a request, so that rules can say what it was meant to be. Nothing that is read
 * here is ever forwarded. Linear, and never throws.
 *
 * @param errorAt Where the parser gave up: whole requests in front of it have been judged.
 */
export function readLeniently(packet: Uint8Array, errorAt: number, clientIp: string): ReadLeniently {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, Math.min(packet.length, PACKET_BYTES_MAX));
  const text = bytes.toString('latin1');
  return readOne(text.slice(beginningOfBroken(text, errorAt)), clientIp);
}

function beginningOfBroken(text: string, errorAt: number): number {
  let begin = 0;
  for (;;) {
    const border = text.indexOf('\r\n\r\n', begin);
    if (border < 0) return begin;
    const head = text.slice(begin, border);
    const length = Number(/\ncontent-length:[ \t]*(\d{1,9})/i.exec(head)?.[1] ?? 0);
    const isChunked = /\ntransfer-encoding:/i.test(head);
    const end = border + 4 + length;
    // Where chunks end is for a parser to say; behind them nothing is looked for.
    if (isChunked || end > errorAt || end >= text.length) return begin;
    begin = end;
  }
}

function readOne(text: string, clientIp: string): ReadLeniently {
  const border = /\r?\n\r?\n/.exec(text);
  const head = border === null ? text : text.slice(0, border.index);
  const rest = border === null ? '' : text.slice(border.index + border[0].length);
  const [line = '', ...fieldLines] = head.split(/\r?\n/).map((one) => one.replaceAll('\r', ' '));
  const headers = fieldLines.filter((field) => field !== '').map(fieldOf);
  const value = (name: string): string => headers.find(([one]) => one.toLowerCase() === name)?.[1] ?? '';
  const isChunked = /\bchunked\b/i.test(value('transfer-encoding'));
  const body = isChunked ? chunksOf(rest) : rest;
  return {
    request: {
      clientIp,
      ...requestLineOf(line),
      line,
      headers,
      hasBody: body !== '',
      contentEncoding: value('content-encoding'),
    },
    body: body === '' ? undefined : Buffer.from(body, 'latin1'),
  };
}

/** The same for a head that the parser understood and the gateway did not accept. */
export function witnessOf(raw: RawHead, clientIp: string): InspectedRequest {
  const { method = '', url = '' } = raw;
  const headers = pairsOf(evidenceFields(raw, undefined));
  const protocol = raw.httpVersionMajor > 1 ? `HTTP/${raw.httpVersionMajor}` : `HTTP/1.${raw.httpVersionMinor}`;
  const target = { target: url, rawTarget: url, protocol, line: undefined };
  return { clientIp, method, ...target, headers, hasBody: false, contentEncoding: '' };
}

/** The parser hands over what it read in one piece; a larger one has its beginning judged. */
const PACKET_BYTES_MAX = 65_536;

type Line = Pick<InspectedRequest, 'method' | 'target' | 'rawTarget' | 'protocol'>;

function requestLineOf(line: string): Line {
  const [method = '', ...rest] = line.trim().split(/[ \t]+/);
  // RFC 1945 §4.1: a request without a version is of HTTP/0.9.
  const isVersioned = rest.length > 1;
  const target = (isVersioned ? rest.slice(0, -1) : rest).join(' ');
  return { method, target, rawTarget: target, protocol: isVersioned ? (rest.at(-1) ?? '') : 'HTTP/0.9' };
}

function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).trim()];
}

/** As far as the chunks are chunks. */
function chunksOf(rest: string): string {
  const pieces: string[] = [];
  let from = 0;
  for (;;) {
    const end = rest.indexOf('\n', from);
    const size = end < 0 ? Number.NaN : Number.parseInt(rest.slice(from, end), 16);
    if (Number.isNaN(size) || size <= 0) return pieces.join('');
    pieces.push(rest.slice(end + 1, end + 1 + size));
    from = end + 1 + size + 2;
  }
}
