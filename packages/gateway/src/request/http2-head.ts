import { type Reason, reason } from '@sallyport/kernel';
import type { RawHead } from '../transport/port.ts';
import { parseAuthority } from './authority.ts';

/** An HTTP/2 head said in the words of HTTP/1.1. */
export interface PlainHead {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
}

/**
 * Reads the head of an HTTP/2 request as what it would be in HTTP/1.1, so that the same strictness judges it and the same bytes
 * reach the upstream (RFC 9113 §8.3, §10.3). What HTTP/2 forbids is refused here; the codec has refused most of it before, and
 * nothing depends on that.
 */
export function plainHead(raw: RawHead): PlainHead | Reason {
  const parts = new Parts();
  const { rawHeaders } = raw;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const refusal = parts.add(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '');
    if (refusal !== undefined) return refusal;
  }
  return parts.head();
}

class Parts {
  readonly #pseudo = new Map<string, string>();
  readonly #fields: string[] = [];
  #host: string | undefined;
  /** Where the value of the one Cookie field stands. */
  #cookieAt = -1;

  add(name: string, value: string): Reason | undefined {
    // RFC 9113 §8.2.1. A line break here would be a field, or a request, of the client's own behind us.
    if (NOT_IN_VALUE.test(value)) return reason('MALFORMED_REQUEST', `value of ${name}`);
    if (name.startsWith(':')) return this.#addPseudo(name, value);
    if (!FIELD_NAME.test(name)) return reason('MALFORMED_REQUEST', `field name ${name}`);
    if (CONNECTION_SPECIFIC.has(name)) return reason('MALFORMED_REQUEST', `connection-specific field ${name}`);
    if (name === 'te' && value !== 'trailers') return reason('MALFORMED_REQUEST', 'te');
    if (name === 'host') {
      if (this.#host !== undefined) return reason('HEADER_DUPLICATE', name);
      this.#host = value;
    } else if (name === 'cookie') this.#addCookie(value);
    else this.#fields.push(name, value);
    return undefined;
  }

  head(): PlainHead | Reason {
    const method = this.#pseudo.get(':method');
    if (method === undefined) return reason('MALFORMED_REQUEST', ':method is missing');
    // It has neither scheme nor path (RFC 9113 §8.5), and nobody behind us should be asked for it.
    if (method === 'CONNECT') return reason('METHOD_UNSUPPORTED', method);
    const scheme = this.#pseudo.get(':scheme');
    if (scheme === undefined) return reason('MALFORMED_REQUEST', ':scheme is missing');
    if (scheme.toLowerCase() !== 'https') return reason('TARGET_INVALID', `scheme ${scheme}`);
    const path = this.#pseudo.get(':path') ?? '';
    if (path !== '*' && !path.startsWith('/')) return reason('MALFORMED_REQUEST', ':path');
    const host = this.#authority();
    if (host !== undefined && typeof host !== 'string') return host;
    return { method, url: path, rawHeaders: host === undefined ? this.#fields : ['host', host, ...this.#fields] };
  }

  #addPseudo(name: string, value: string): Reason | undefined {
    if (this.#fields.length > 0 || this.#host !== undefined)
      return reason('MALFORMED_REQUEST', `${name} after a field`);
    if (!PSEUDO.has(name)) return reason('MALFORMED_REQUEST', `pseudo-header field ${name}`);
    if (this.#pseudo.has(name)) return reason('MALFORMED_REQUEST', `two ${name}`);
    this.#pseudo.set(name, value);
    return undefined;
  }

  /** RFC 9113 §8.2.3: crumbs of one Cookie field, which HTTP/1.1 does not have. */
  #addCookie(value: string): void {
    if (this.#cookieAt >= 0) this.#fields[this.#cookieAt] = `${this.#fields[this.#cookieAt] ?? ''}; ${value}`;
    else this.#cookieAt = this.#fields.push('cookie', value) - 1;
  }

  /** RFC 9113 §8.3.1: `:authority` replaces Host. We refuse when they differ, so nobody has to choose. */
  #authority(): string | undefined | Reason {
    const authority = this.#pseudo.get(':authority');
    if (authority === undefined || this.#host === undefined) return authority ?? this.#host;
    if (authority === this.#host) return authority;
    const parsed = parseAuthority(authority);
    if (parsed === undefined) return reason('HOST_INVALID');
    return parsed.text === parseAuthority(this.#host)?.text ? authority : reason('HOST_MISMATCH');
  }
}

/** RFC 9113 §8.2.1: a token without upper-case letters. */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Control characters but the tab; white space at an end. */
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]|^[\t ]|[\t ]$/;

const PSEUDO: ReadonlySet<string> = new Set([':method', ':scheme', ':authority', ':path']);

/** RFC 9113 §8.2.2. */
const CONNECTION_SPECIFIC: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
