import type { Client, IpAddress, Reason } from '@sallyport/kernel';
import type { ProxyHeader } from './proxy-protocol.ts';
import type { RawHeaders } from './raw-headers.ts';

/**
 * Decides who the client is on one listener: the only reader of headers that speak about clients.
 *
 * The owner of a connection asks three times, in this order: `atAccept` before it reads a byte, `atConnection` when the PROXY
 * header and the TLS handshake are done (as far as the listener has them), `atRequest` for every request.
 */
export interface ClientResolver {
  /** A PROXY protocol header comes before everything else; read it with `readProxyHeader`. */
  readonly isProxyHeaderExpected: boolean;
  /** PEM of the authority that signs the clients' certificates: the TLS server has to ask for one. Undefined: it must not. */
  readonly clientCa: string | undefined;
  /** A header that proves where a request came from, in lower case. It must never be forwarded or logged. */
  readonly proofHeader: string | undefined;
  /** Refuses a peer that has no business here. Cheap: for every accepted socket. */
  atAccept(peerAddress: IpAddress | undefined): Reason | undefined;
  atConnection(facts: ConnectionFacts): ConnectionClient | ClientRefusal;
  /** `connectionClient` is what `atConnection` answered. A promise comes only for a token that has not been seen before. */
  atRequest(connectionClient: Client, rawHeaders: RawHeaders): RequestAnswer | Promise<RequestAnswer>;
}

export interface ConnectionFacts {
  /** From `peerAddressOf`. Undefined on a Unix socket; on a TCP listener the connection is then refused. */
  readonly peerAddress: IpAddress | undefined;
  readonly proxyHeader?: ProxyHeader | undefined;
  /** The peer's TLS certificate was verified against `clientCa`. */
  readonly isTlsClientAuthorized: boolean;
}

export interface ConnectionClient {
  /** Who the client is as far as the connection shows. */
  readonly client: Client;
  /** Requests of many clients come over this connection: limits on connections per client must not count it. */
  readonly isShared: boolean;
}

export interface ClientRefusal {
  readonly refusal: Reason;
}

/** A client, or why there is none. */
export type RequestAnswer = ResolvedClient | Reason;

export interface ResolvedClient {
  readonly client: Client;
  /** What the client used to reach the first hop that we trust. */
  readonly scheme: 'http' | 'https';
}
