import { type Framing, HeaderList, METHODS, type Reason, type RequestHead, reason } from '@sallyport/kernel';
import type { RawHead } from '../transport/port.ts';
import { parseAuthority } from './authority.ts';
import { headerRule } from './header-rules.ts';
import { plainHead } from './http2-head.ts';
import { normaliseTarget } from './target.ts';

export type { RawHead };

/** A head that passed, with what the gateway needs beside it. */
export interface CheckedHead {
  readonly head: RequestHead;
  /** Bytes of the header section as it came: names, values, separators. */
  readonly headerBytes: number;
  /** `Expect: 100-continue` was sent. */
  readonly isContinueExpected: boolean;
  /** Tokens of the Connection header, lower case. */
  readonly connectionTokens: readonly string[];
  /** Value of Upgrade, lower case; '' without. */
  readonly upgrade: string;
}

/** Most header fields of any request, whatever a route allows: every one costs work before a route is known. */
export const HEADER_FIELDS_MAX = 200;

/**
 * The strictness of the gateway: everything that HTTP parsers disagree about is refused here, before anything is judged
 * or forwarded (RFC 9110, RFC 9112; the transport's parser has already refused what is not HTTP at all). One pass over the
 * header fields.
 */
export function checkHead(raw: RawHead): CheckedHead | Reason {
  if (raw.httpVersionMajor === 2) {
    const plain = plainHead(raw);
    return 'code' in plain ? plain : check(plain, '2', raw.hasBody);
  }
  if (raw.httpVersionMajor !== 1) return reason('MALFORMED_REQUEST', 'HTTP version');
  return check(raw, raw.httpVersionMinor === 0 ? '1.0' : '1.1');
}

/** `hasBody`: whether a body follows, where something else than the fields says so. */
function check(
  { method = '', url = '', rawHeaders }: Pick<RawHead, 'method' | 'url' | 'rawHeaders'>,
  httpVersion: RequestHead['httpVersion'],
  hasBody?: boolean,
): CheckedHead | Reason {
  if (!METHODS.includes(method)) return reason('METHOD_UNSUPPORTED', method);
  const fields = new Fields();
  const refusal = fields.read(rawHeaders);
  if (refusal !== undefined) return refusal;
  const isHttp10 = httpVersion === '1.0';
  const framing = hasBody === undefined ? framingOf(fields, isHttp10) : streamFramingOf(fields, hasBody);
  if (!('kind' in framing)) return framing;
  const place = placeOf({ method, url }, fields.host, isHttp10);
  if ('code' in place) return place;
  if (fields.expect !== undefined && fields.expect.toLowerCase() !== '100-continue') {
    return reason('EXPECTATION_FAILED', fields.expect);
  }
  return {
    head: {
      method,
      host: place.host,
      authority: place.authority,
      path: place.path,
      query: place.query,
      hasEncodedSlash: place.hasEncodedSlash,
      httpVersion,
      headers: new HeaderList(fields.names, fields.values),
      framing,
    },
    headerBytes: fields.bytes,
    isContinueExpected: fields.expect !== undefined && !isHttp10,
    connectionTokens: fields.connectionTokens,
    upgrade: fields.upgrade,
  };
}

/** What one pass over the fields finds. */
class Fields {
  readonly names: string[] = [];
  readonly values: string[] = [];
  bytes = 0;
  host: string | undefined;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  expect: string | undefined;
  upgrade = '';
  connectionTokens: readonly string[] = NO_TOKENS;
  #singles: string[] = [];

  // Flat: one case per header action.
  read(rawHeaders: readonly string[]): Reason | undefined {
    if (rawHeaders.length > HEADER_FIELDS_MAX * 2)
      return reason('HEADERS_TOO_LARGE', `more than ${HEADER_FIELDS_MAX} fields`);
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      const rawName = rawHeaders[index] ?? '';
      const value = rawHeaders[index + 1] ?? '';
      const { name, action } = headerRule(rawName);
      this.bytes += rawName.length + value.length + FIELD_OVERHEAD_BYTES;
      switch (action) {
        case 'keep-single':
          if (this.#singles.includes(name)) return reason('HEADER_DUPLICATE', name);
          this.#singles.push(name);
          this.names.push(name);
          this.values.push(value);
          break;
        case 'keep':
          this.names.push(name);
          this.values.push(value);
          break;
        case 'strip':
          if (name === 'upgrade') this.upgrade = this.upgrade === '' ? value.toLowerCase() : `${this.upgrade},${value}`;
          break;
        case 'host':
          if (this.host !== undefined) return reason('HEADER_DUPLICATE', name);
          this.host = value;
          break;
        case 'content-length':
          if (this.contentLength !== undefined) return reason('FRAMING_AMBIGUOUS', 'two Content-Length fields');
          this.contentLength = value;
          break;
        case 'transfer-encoding':
          if (this.transferEncoding !== undefined) return reason('FRAMING_AMBIGUOUS', 'two Transfer-Encoding fields');
          this.transferEncoding = value;
          break;
        case 'expect':
          if (this.expect !== undefined) return reason('HEADER_DUPLICATE', name);
          this.expect = value;
          break;
        case 'connection': {
          const refusal = this.#readConnection(value);
          if (refusal !== undefined) return refusal;
          break;
        }
        case 'forbid-name':
          return reason('HEADER_NAME_FORBIDDEN', name);
        case 'forbid-underscore':
          return reason('HEADER_UNDERSCORE_VARIANT', name);
      }
    }
    return undefined;
  }

  /**
   * RFC 9110 §7.6.1 lets a client name any field as hop-by-hop, and a proxy that obeys deletes what the next hop relies
   * on (`Connection: X-Forwarded-For`). We refuse to be asked.
   */
  #readConnection(value: string): Reason | undefined {
    if (value === 'keep-alive' || value === 'close') {
      this.connectionTokens =
        this.connectionTokens.length === 0 ? KNOWN_TOKENS[value] : [...this.connectionTokens, value];
      return undefined;
    }
    const tokens = value
      .toLowerCase()
      .split(',', CONNECTION_TOKENS_MAX + 1)
      .map((token) => token.trim());
    const foreign = tokens.find((token) => token !== '' && !CONNECTION_TOKENS.has(token));
    if (foreign !== undefined || tokens.length > CONNECTION_TOKENS_MAX) {
      return reason('HOP_BY_HOP_NOMINATED', foreign ?? 'too many');
    }
    this.connectionTokens = [...this.connectionTokens, ...tokens.filter((token) => token !== '')];
    return undefined;
  }
}

/** `: ` and CRLF. */
const FIELD_OVERHEAD_BYTES = 4;
const CONNECTION_TOKENS_MAX = 10;
const NO_TOKENS: readonly string[] = [];
const KNOWN_TOKENS = { 'keep-alive': ['keep-alive'], close: ['close'] } as const;
const CONNECTION_TOKENS: ReadonlySet<string> = new Set([
  'keep-alive',
  'close',
  'upgrade',
  'te',
  'trailer',
  'http2-settings',
  'proxy-connection',
]);

/** RFC 9112 §6.1: with both present Transfer-Encoding wins; we refuse rather than choose. HTTP/1.0 has no chunked coding. */
function framingOf(fields: Fields, isHttp10: boolean): Framing | Reason {
  const { contentLength, transferEncoding } = fields;
  if (transferEncoding !== undefined) {
    if (isHttp10) return reason('FRAMING_AMBIGUOUS', 'Transfer-Encoding in HTTP/1.0');
    if (contentLength !== undefined) return reason('FRAMING_AMBIGUOUS', 'Content-Length and Transfer-Encoding');
    return transferEncoding.toLowerCase() === 'chunked'
      ? CHUNKED
      : reason('FRAMING_AMBIGUOUS', 'Transfer-Encoding is not chunked');
  }
  if (contentLength === undefined) return NONE;
  if (!/^[0-9]{1,15}$/.test(contentLength)) return reason('FRAMING_AMBIGUOUS', 'Content-Length is not a number');
  return { kind: 'length', bytes: Number(contentLength) };
}

/** RFC 9113 §8.1.1: in HTTP/2 the stream says whether there is a body, and a length is a promise about it. */
function streamFramingOf(fields: Fields, hasBody: boolean): Framing | Reason {
  const framing = framingOf(fields, false);
  if (!('kind' in framing)) return framing;
  if (framing.kind === 'none') return hasBody ? CHUNKED : NONE;
  if (!hasBody && framing.kind === 'length' && framing.bytes > 0)
    return reason('FRAMING_AMBIGUOUS', 'Content-Length without a body');
  return framing;
}

const NONE: Framing = { kind: 'none' };
const CHUNKED: Framing = { kind: 'chunked' };

interface Place {
  readonly host: string;
  readonly authority: string;
  readonly path: string;
  readonly query: string;
  readonly hasEncodedSlash: boolean;
}

/** Where the request goes: target and Host together. */
function placeOf(
  raw: { method: string; url: string },
  hostField: string | undefined,
  isHttp10: boolean,
): Place | Reason {
  if (hostField === undefined && !isHttp10) return reason('HOST_INVALID', 'missing');
  const authority = hostField === undefined ? NO_AUTHORITY : parseAuthority(hostField);
  if (authority === undefined) return reason('HOST_INVALID');
  if (raw.url === '*') {
    if (raw.method !== 'OPTIONS') return reason('TARGET_INVALID', 'asterisk form');
    return { host: authority.host, authority: authority.text, path: '*', query: '', hasEncodedSlash: false };
  }
  const origin = raw.url.charCodeAt(0) === 0x2f ? raw.url : originOf(raw.url, authority.text);
  if (typeof origin !== 'string') return origin;
  const target = normaliseTarget(origin);
  if ('code' in target) return target;
  return { host: authority.host, authority: authority.text, ...target };
}

const NO_AUTHORITY = { host: '', text: '' };

/** RFC 9112 §3.2.2: a proxy would replace Host by the target's authority. We refuse when they differ, so nobody has to choose. */
function originOf(url: string, authority: string): string | Reason {
  const match = /^https?:\/\/([^/?#]*)(.*)$/is.exec(url);
  if (match === null) return reason('TARGET_INVALID', 'neither origin nor absolute form');
  const [, targetAuthority = '', rest = ''] = match;
  if (parseAuthority(targetAuthority)?.text !== authority) return reason('HOST_MISMATCH');
  return rest.startsWith('/') ? rest : `/${rest}`;
}
