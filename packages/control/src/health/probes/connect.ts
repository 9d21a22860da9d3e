import { createHash } from 'node:crypto';
import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls, type TLSSocket } from 'node:tls';
import type { ServerAddress } from '@sallyport/kernel';
import { type CertificateFacts, ProbeError } from '../probe.ts';
import type { ServiceTls } from '../service.ts';
import { lookup } from './lookup.ts';
import { Wire } from './wire.ts';

/** Opens a connection in the clear. */
export async function openWire(address: ServerAddress, signal: AbortSignal): Promise<Wire> {
  signal.throwIfAborted();
  const socket = openSocket(address);
  await settled(socket, 'connect', signal);
  return new Wire(socket, signal);
}

/** Opens a connection over TLS. Nothing is sent before the certificate was verified. */
export async function openTlsWire(
  address: ServerAddress,
  tls: ServiceTls,
  signal: AbortSignal,
): Promise<{ readonly wire: Wire; readonly certificate: CertificateFacts | undefined }> {
  signal.throwIfAborted();
  const socket = openSocket(address);
  await settled(socket, 'connect', signal);
  return secure(socket, { address, tls, signal });
}

export interface Securing {
  readonly address: ServerAddress;
  readonly tls: ServiceTls;
  readonly signal: AbortSignal;
}

/** Goes on over TLS on a connection of which nothing that was sent is unread. */
export async function secure(
  socket: Socket,
  { address, tls, signal }: Securing,
): Promise<{ readonly wire: Wire; readonly certificate: CertificateFacts | undefined }> {
  const host = address.kind === 'tcp' ? address.host : 'localhost';
  const secured = connectTls({ socket, ...tlsOptions(host, tls) });
  try {
    await settled(secured, 'secureConnect', signal);
  } catch (error) {
    socket.destroy();
    throw error;
  }
  return { wire: new Wire(secured, signal), certificate: certificateOf(secured) };
}

/** How a server has to prove itself; for `node:https` as well. */
export function tlsOptions(host: string, { ca, serverName }: ServiceTls): ConnectionOptions {
  const name = serverName ?? host;
  return {
    ...(ca === undefined ? {} : { ca }),
    // RFC 6066 §3: no addresses in the name that is asked for.
    servername: ADDRESS.test(name) ? '' : name,
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
  };
}

const ADDRESS = /^[0-9.]+$|:/;

/** When the certificate that a server has shown ends. */
export function certificateOf(socket: TLSSocket): CertificateFacts | undefined {
  const endsMs = socket.getPeerX509Certificate()?.validToDate.getTime();
  return endsMs === undefined || Number.isNaN(endsMs) ? undefined : { endsMs };
}

/**
 * What stands for the server of a connection (RFC 5929 §4.1): its certificate, hashed as its signature is, or better. Undefined for
 * signatures without a hash of their own, for which nothing is defined.
 */
export function serverEndPoint(socket: TLSSocket): Buffer | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return undefined;
  const [, named] =
    /(?:^|-|with)(md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512)/i.exec(certificate.signatureAlgorithm ?? '') ?? [];
  if (named === undefined) return undefined;
  const hash = named.toLowerCase().replace('-', '');
  return createHash(hash === 'md5' || hash === 'sha1' ? 'sha256' : hash)
    .update(certificate.raw)
    .digest();
}

function openSocket(address: ServerAddress): Socket {
  if (address.kind === 'unix') return connectTcp({ path: address.path });
  return connectTcp({ host: address.host, port: address.port, lookup: lookup satisfies LookupFunction, noDelay: true });
}

/** Waits until a socket is what it shall be; destroyed and rejected otherwise. */
function settled(socket: Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      done();
      // What comes after the end of a check is nobody's business, and must not become an uncaught error.
      socket.on('error', ignore).destroy();
      reject(error);
    };
    const onAbort = (): void => fail(new ProbeError('TIMEOUT'));
    const onClose = (): void => fail(new ProbeError(event === 'connect' ? 'CLOSED' : 'TLS_FAILED', 'closed'));
    const onReady = (): void => {
      done();
      resolve();
    };
    const done = (): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', fail).off('close', onClose).off(event, onReady);
    };
    signal.addEventListener('abort', onAbort);
    socket.once('error', fail).once('close', onClose).once(event, onReady);
  });
}

function ignore(): void {
  // See above.
}
