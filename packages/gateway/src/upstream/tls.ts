import { isIP } from 'node:net';
import { type ConnectionOptions, checkServerIdentity, createSecureContext, type SecureContext } from 'node:tls';
import type { ServerAddress, UpstreamTls } from '@sallyport/kernel';

/**
 * How connections to one server are secured: TLS 1.2 or later, always verified. There is no way to switch it off.
 *
 * With `ca` only those authorities count, not the system's. The last session is resumed where the server allows it.
 */
export class ServerTls {
  readonly #context: SecureContext;
  readonly #expectedName: string;
  #session: Buffer | undefined;

  /** @throws Error when `ca` or `identity` is not valid PEM: the configuration should have been refused. */
  constructor(config: UpstreamTls, address: ServerAddress) {
    this.#context = createSecureContext({
      minVersion: 'TLSv1.2',
      ...(config.ca === undefined ? {} : { ca: config.ca }),
      ...(config.identity === undefined ? {} : { cert: config.identity.certificate, key: config.identity.key }),
    });
    this.#expectedName = config.serverName ?? (address.kind === 'tcp' ? address.host : 'localhost');
  }

  /** For `tls.connect`, beside where to connect to. */
  options(): ConnectionOptions {
    const expectedName = this.#expectedName;
    return {
      secureContext: this.#context,
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
      // RFC 6066 §3: a server name is a DNS name; addresses are checked against the certificate all the same.
      ...(isIP(expectedName) === 0 ? { servername: expectedName } : {}),
      checkServerIdentity: (_, certificate) => checkServerIdentity(expectedName, certificate),
      ...(this.#session === undefined ? {} : { session: this.#session }),
    };
  }

  /** Keeps the newest session for the next connection. */
  remember(session: Buffer): void {
    this.#session = session;
  }

  /** After a failure the next handshake starts afresh: a stale session must not be what fails every time. */
  forget(): void {
    this.#session = undefined;
  }
}
