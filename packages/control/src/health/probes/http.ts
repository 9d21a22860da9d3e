import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as requestTls } from 'node:https';
import { TLSSocket } from 'node:tls';
import { http } from '../../node-http.ts';
import { type CertificateFacts, looked, type Probe, ProbeError } from '../probe.ts';
import type { HttpTarget } from '../service.ts';
import { certificateOf, tlsOptions } from './connect.ts';
import { lookup } from './lookup.ts';
import { CHECK_BYTES_MAX } from './wire.ts';

/** One request over a connection of its own: a status that is expected, and a text in the body where one is wanted. */
export function httpProbe(target: HttpTarget): Probe {
  return {
    check: (signal) => {
      let certificate: CertificateFacts | undefined;
      const work = async (): Promise<void> => {
        const response = await ask(target, signal, (facts) => {
          certificate = facts;
        });
        try {
          await judge(response, target);
        } finally {
          response.destroy();
        }
      };
      return looked(signal, work, () => certificate);
    },
  };
}

function ask(
  target: HttpTarget,
  signal: AbortSignal,
  onCertificate: (facts: CertificateFacts | undefined) => void,
): Promise<IncomingMessage> {
  const url = new URL(target.url);
  const isTls = url.protocol === 'https:';
  const options: RequestOptions = {
    method: target.method,
    // A connection that is kept says nothing about whether new ones are taken.
    agent: false,
    headers: { accept: '*/*', 'user-agent': 'Sallyport', ...Object.fromEntries(target.headers) },
    lookup,
    maxHeaderSize: HEAD_BYTES_MAX,
    signal,
  };
  return new Promise((resolve, reject) => {
    const tls = isTls ? tlsOptions(url.hostname.replace(/^\[(.*)\]$/, '$1'), target.tls) : {};
    const request = isTls ? requestTls(url, { ...options, ...tls }) : http.request(url, options);
    request.once('socket', (socket) => {
      if (socket instanceof TLSSocket) socket.once('secureConnect', () => onCertificate(certificateOf(socket)));
    });
    // An answer that nobody has asked for, which would have the connection.
    request.once('upgrade', (_, socket) => {
      socket.destroy();
      reject(new ProbeError('PROTOCOL'));
    });
    let interim = 0;
    request.on('information', () => {
      interim += 1;
      if (interim > INTERIM_ANSWERS_MAX) request.destroy(new ProbeError('TOO_LARGE'));
    });
    request.once('response', resolve);
    // For good: one that comes after the response must not become an uncaught error.
    request.on('error', reject);
    request.end();
  });
}

async function judge(response: IncomingMessage, { statuses, text }: HttpTarget): Promise<void> {
  response.on('error', () => undefined);
  const { statusCode = 0 } = response;
  if (!statuses.some(({ from, to }) => statusCode >= from && statusCode <= to)) {
    throw new ProbeError('STATUS', `status ${statusCode}`);
  }
  if (text === undefined) return;
  const wanted = Buffer.from(text);
  const body = Buffer.alloc(CHECK_BYTES_MAX);
  let length = 0;
  for await (const piece of response) {
    if (!Buffer.isBuffer(piece)) continue;
    // Each byte is copied and looked at once, however small the pieces are that a server sends.
    const searchedFrom = Math.max(0, length - wanted.length + 1);
    length += piece.copy(body, length);
    if (body.subarray(0, length).includes(wanted, searchedFrom)) return;
    if (length === CHECK_BYTES_MAX) break;
  }
  throw new ProbeError('CONTENT', 'the text is not in the body');
}

/** Largest head of an answer, in bytes. */
export const HEAD_BYTES_MAX = 16_384;

/** RFC 9110 §15.2 lets any number come before the answer; a server that sends nothing else would keep us reading. */
const INTERIM_ANSWERS_MAX = 16;
