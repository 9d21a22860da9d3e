import { type RequestOptions, request as tlsRequest } from 'node:https';
import type { Delivery, DeliveryFailure } from '@sallyport/kernel';
import { http } from './node-http.ts';

export interface PostOptions {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
  /** PEM of an authority to trust; for tests and for receivers of a house. Default: those of Node.js. */
  readonly ca?: string | undefined;
  /** From the first step to the end of the answer. Default 15 s. */
  readonly timeoutMs?: number | undefined;
  /** Wall clock, for dates in `Retry-After`. */
  readonly nowMs: number;
}

export interface PostAnswer {
  readonly delivery: Delivery;
  readonly status: number | undefined;
  /** Of the answer, those that say when to come back; '' for one that is not there. */
  readonly header: (name: string) => string;
}

/**
 * Posts once: verified TLS, no redirect, no reused connection, a bounded time, and of the answer nothing but its status and
 * headers. Never rejects. What the receiver writes is read up to a limit and thrown away: it may hold anything.
 */
export function post(options: PostOptions): Promise<PostAnswer> {
  const { url, headers, body, ca, timeoutMs = POST_MS_MAX } = options;
  const send = url.protocol === 'https:' ? tlsRequest : http.request;
  const settings: RequestOptions = {
    method: 'POST',
    agent: false,
    headers: { ...headers, 'content-length': String(Buffer.byteLength(body)), 'user-agent': 'sallyport' },
    maxHeaderSize: ANSWER_HEAD_BYTES_MAX,
    signal: AbortSignal.timeout(timeoutMs),
    // Said, so that no variable of the environment says otherwise.
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
  };
  return new Promise((resolve) => {
    let heard: PostAnswer | undefined;
    let interim = 0;
    const outgoing = send(url, settings, (answer) => {
      const status = answer.statusCode ?? 0;
      const header = (name: string): string => String(answer.headers[name] ?? '');
      const result = { delivery: judge(status, header('retry-after'), options.nowMs), status, header };
      heard = result;
      let bytes = 0;
      answer.on('data', (chunk: Uint8Array) => {
        bytes += chunk.length;
        // The status has said it all.
        if (bytes > ANSWER_BYTES_MAX) answer.destroy();
      });
      answer.on('error', () => undefined);
      answer.on('close', () => resolve(result));
    });
    outgoing.on('error', (error) => {
      // A message that was taken is not sent again because the rest of the answer does not come.
      resolve(heard ?? { delivery: failed(failureOf(error)), status: undefined, header: () => '' });
    });
    // To a protocol that nobody has asked for: without this the request would never end, and neither would its channel.
    outgoing.on('upgrade', (_, socket) => {
      socket.destroy();
      resolve({ delivery: failed('protocol'), status: undefined, header: () => '' });
    });
    outgoing.on('information', () => {
      interim += 1;
      if (interim > INTERIM_ANSWERS_MAX) outgoing.destroy(new Error('too many interim answers'));
    });
    outgoing.end(body);
  });
}

/** From the first step to the end of the answer, in milliseconds: people wait for a message, and nothing else does. */
const POST_MS_MAX = 15_000;

/** Of an answer that are read before its connection is closed. */
const ANSWER_BYTES_MAX = 65_536;
const ANSWER_HEAD_BYTES_MAX = 16_384;

/** RFC 9110 §15.2 lets any number come before the answer; a receiver that sends nothing else would keep us reading. */
const INTERIM_ANSWERS_MAX = 16;

export function failed(failure: DeliveryFailure, more: { retryAfterMs?: number; isFinal?: boolean } = {}): Delivery {
  return { kind: 'failed', failure, retryAfterMs: more.retryAfterMs, isFinal: more.isFinal ?? false };
}

/** RFC 9110 §15: what a status means for the same message sent again. */
function judge(status: number, retryAfter: string, nowMs: number): Delivery {
  const retryAfterMs = parseRetryAfter(retryAfter, nowMs);
  const later = retryAfterMs === undefined ? {} : { retryAfterMs };
  if (status >= 200 && status < 300) return { kind: 'sent' };
  if (status === 429) return failed('limited', later);
  if (status >= 500) return failed('receiver', later);
  if (status === 401 || status === 403) return failed('unauthorized', later);
  return failed('refused', { ...later, isFinal: NEVER.includes(status) });
}

/** Bad request, gone, too large, not understood: it would be the same the next time. */
const NEVER: readonly number[] = [400, 410, 413, 422];

/** RFC 9110 §10.2.3: seconds or a date. Undefined for anything else. Discord gives fractions of seconds. */
function parseRetryAfter(text: string, nowMs: number): number | undefined {
  if (/^[0-9]{1,9}(\.[0-9]{1,6})?$/.test(text)) return Math.ceil(Number(text) * 1_000);
  const dateMs = /^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - nowMs);
}

/** What an error of a socket or of TLS means. Its text may name what was asked for, so only its code counts. */
export function failureOf(error: unknown): DeliveryFailure {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const name = error instanceof Error ? error.name : '';
  if (name === 'TimeoutError' || name === 'AbortError' || code === 'ETIMEDOUT') return 'timeout';
  if (typeof code !== 'string') return 'protocol';
  if (code.startsWith('HPE_')) return 'protocol';
  if (/^(?:ERR_(?:TLS|SSL)|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME_MISMATCH|EPROTO)/.test(code)) return 'tls';
  return 'unreachable';
}
