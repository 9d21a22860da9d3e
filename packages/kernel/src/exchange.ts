import type { Client } from './client.ts';
import type { HeaderList } from './header-list.ts';
import type { Inspection } from './inspection.ts';
import type { RouteConfig } from './policy.ts';

/** What the pipeline judges. Requests now; WebSocket messages take the same way as a kind of their own. */
export type Exchange = RequestExchange;

/** One HTTP request (or WebSocket handshake), parsed, bounded and normalised, before anything of it is forwarded. */
export interface RequestExchange {
  readonly kind: 'request';
  /** The request id: in logs, in the response, towards the upstream. */
  readonly id: string;
  /** W3C trace id, 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  readonly listener: ListenerFacts;
  readonly client: Client;
  readonly request: RequestHead;
  readonly evidence: RequestEvidence;
  /** Size of the header section as it came, in bytes, stripped fields included. */
  readonly headerBytes: number;
  /** Undefined when no route matched; the stage `routing` refuses such an exchange. */
  readonly route: RouteConfig | undefined;
  /** A WebSocket handshake that was checked against RFC 6455 §4.2.1. */
  readonly isWebSocket: boolean;
  /** Put here by a stage that wants to see more than the head. One writer: that stage. */
  inspection: Inspection | undefined;
}

/** What a stage may know of the door an exchange came through. */
export interface ListenerFacts {
  readonly name: string;
  /** What the client used to reach the first trusted hop: `https` behind a tunnel although our own socket is plain. */
  readonly scheme: 'http' | 'https';
  readonly isRedirectedToHttps: boolean;
}

/**
 * What the client wrote, for stages that look for attacks in it. Nothing of it is forwarded but what stands in `RequestHead`
 * as well, and nothing stands there that is not here in some spelling. Byte strings.
 */
export interface RequestEvidence {
  /** The request target as it came. */
  readonly target: string;
  /** Flat: name, value. Without the field that proves the front door, whose value is a secret. */
  readonly fields: readonly string[];
}

/** The head of a request after the strictness checks. What stands here is what is judged and what is forwarded. */
export interface RequestHead {
  /** Upper case, one of `METHODS`. */
  readonly method: string;
  /** Host without port, lower case, no trailing dot; IPv6 in brackets. '' only for HTTP/1.0 without a Host header. */
  readonly host: string;
  /** The Host header as it is forwarded: `host` and the port if one was given. */
  readonly authority: string;
  /** Normalised path (RFC 3986 §6.2.2): begins with `/`, no dot segments, no empty segments, unreserved characters decoded. `*` for `OPTIONS *`. */
  readonly path: string;
  /** True when the path holds `%2F` or `%5C`: servers disagree about what that means. */
  readonly hasEncodedSlash: boolean;
  /** Query with its `?`, or '', as it came: visible ASCII without `#`. */
  readonly query: string;
  readonly httpVersion: '1.0' | '1.1' | '2';
  /** End-to-end headers only: hop-by-hop and spoofable ones are gone. */
  readonly headers: HeaderList;
  readonly framing: Framing;
}

/** How a body is delimited. */
export type Framing =
  | { readonly kind: 'none' }
  /** `bytes` may be 0. */
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' };

/** Methods the gateway knows. CONNECT and TRACE are not among them: nobody behind us should be asked for either. */
export const METHODS: readonly string[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
