import { X509Certificate } from 'node:crypto';
import { createSecureContext, createServer, type SecureContext, type Server, type TlsOptions } from 'node:tls';
import type { ListenerTls } from '@sallyport/kernel';

/**
 * The TLS side of a listener. It is given sockets by `server.emit('connection', socket)` and never listens itself, because a
 * PROXY protocol header may come before TLS.
 *
 * `clientCa` (PEM) asks clients for a certificate of that authority; whether they had one is the client policy's to judge.
 *
 * @throws Error when a certificate or key cannot be read: parsing has checked that before.
 */
export function createTlsServer(
  config: ListenerTls,
  {
    resolver: { clientCa },
    ticketKeys,
    protocols,
  }: {
    resolver: { clientCa: string | undefined };
    ticketKeys: Buffer | undefined;
    protocols: readonly string[];
  },
): Server {
  const common = { minVersion: config.minVersion, ...(clientCa === undefined ? {} : { ca: clientCa }) };
  const [first, ...others] = config.certificates;
  if (first === undefined) throw new Error('a TLS listener needs a certificate');
  const names = contextsByName([
    { names: namesOf(first.certificate), context: undefined },
    ...others.map(({ certificate, key }) => ({
      names: namesOf(certificate),
      context: createSecureContext({ ...common, cert: certificate, key }),
    })),
  ]);
  return createServer({
    ...common,
    ...(ticketKeys === undefined ? {} : { ticketKeys }),
    cert: first.certificate,
    key: first.key,
    ALPNProtocols: [...protocols],
    requestCert: clientCa !== undefined,
    rejectUnauthorized: false,
    // None: the connection table judges handshakes, with a deadline that is never longer than that of Node.js, and without a
    // timer for each.
    handshakeTimeout: -1,
    // Where there is nothing to choose it is left out: it interrupts each handshake. It never throws, because what throws here
    // ends the process (CVE-2026-21637).
    ...(others.length > 0 && { SNICallback: callingBack(names) }),
  });
}

function callingBack(contextOf: (serverName: string) => SecureContext | undefined): TlsOptions['SNICallback'] {
  return (serverName, callback) => callback(null, contextOf(serverName));
}

/** Looks a name up: exact, then one wildcard label; undefined leaves the first certificate in place. */
function contextsByName(
  contexts: readonly { names: readonly string[]; context: SecureContext | undefined }[],
): (serverName: string) => SecureContext | undefined {
  const byName = new Map<string, SecureContext | undefined>();
  for (const { names, context } of contexts) for (const name of names) if (!byName.has(name)) byName.set(name, context);
  return (serverName) => {
    const name = serverName.toLowerCase();
    return byName.get(byName.has(name) ? name : `*${name.slice(Math.max(name.indexOf('.'), 0))}`);
  };
}

/** DNS names a certificate is for (RFC 9525: the subject's common name no longer counts). */
function namesOf(certificate: string): readonly string[] {
  const { subjectAltName } = new X509Certificate(certificate);
  return (subjectAltName ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice(4).toLowerCase());
}
