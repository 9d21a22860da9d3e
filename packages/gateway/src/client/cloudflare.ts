import { Client, IpAddress, type Reason, reason } from '@sallyport/kernel';
import { schemeFromProxy } from './forwarded.ts';
import { clientFromPeer, type Door } from './peer.ts';
import { fieldValues, type RawHeaders } from './raw-headers.ts';
import type { ClientRefusal, ClientResolver, ConnectionClient, ConnectionFacts, RequestAnswer } from './resolver.ts';
import type { Proof } from './tunnel-proof.ts';

/**
 * Requests that Cloudflare passes on, directly (its TLS client certificate is the proof) or through a tunnel (a {@link Proof}
 * in every request). Only after the proof is CF-Connecting-IP read, which must be there exactly once and be an address.
 *
 * The scheme is X-Forwarded-Proto, which Cloudflare documents as overwritten with what the visitor used; CF-Visitor, JSON kept
 * for one SSL mode, says the same. X-Forwarded-For is not read: Cloudflare appends to what the visitor wrote there.
 */
export class CloudflareClients implements ClientResolver {
  readonly isProxyHeaderExpected = false;
  readonly clientCa: string | undefined;
  readonly proofHeader: string | undefined;
  readonly #door: Door;
  readonly #evidence: 'cloudflare' | 'cloudflare-tunnel';
  readonly #proof: Proof | undefined;

  constructor(door: Door, options: CloudflareOptions) {
    this.#door = door;
    this.#evidence = options.evidence;
    this.#proof = options.proof;
    this.clientCa = options.clientCa;
    this.proofHeader = options.proof?.header;
  }

  atAccept(): undefined {
    return undefined;
  }

  atConnection(facts: ConnectionFacts): ConnectionClient | ClientRefusal {
    if (this.clientCa !== undefined && !facts.isTlsClientAuthorized) return { refusal: NO_CERTIFICATE };
    const peer = clientFromPeer(this.#door, facts.peerAddress);
    return 'code' in peer ? { refusal: peer } : { client: peer, isShared: true };
  }

  atRequest(connectionClient: Client, rawHeaders: RawHeaders): RequestAnswer | Promise<RequestAnswer> {
    const fault = this.#proof?.check(rawHeaders);
    if (fault instanceof Promise) return fault.then((late) => late ?? this.#read(connectionClient, rawHeaders));
    return fault ?? this.#read(connectionClient, rawHeaders);
  }

  #read(connectionClient: Client, rawHeaders: RawHeaders): RequestAnswer {
    const values = fieldValues(rawHeaders, 'cf-connecting-ip');
    if (values.length !== 1) {
      return reason('CLIENT_ADDRESS_INVALID', `cf-connecting-ip occurs ${values.length} times`);
    }
    const address = IpAddress.parse(values[0] ?? '');
    if (address === undefined) return reason('CLIENT_ADDRESS_INVALID', 'cf-connecting-ip is not an IP address');
    const client = Client.vouchedFor(address, connectionClient.peer, this.#evidence);
    return { client, scheme: schemeFromProxy(rawHeaders, this.#door.scheme) };
  }
}

export interface CloudflareOptions {
  readonly evidence: 'cloudflare' | 'cloudflare-tunnel';
  /** PEM; undefined: the connection itself proves nothing. */
  readonly clientCa: string | undefined;
  /** Undefined: the connection has proven enough. */
  readonly proof: Proof | undefined;
}

const NO_CERTIFICATE: Reason = reason('CLIENT_UNPROVEN', 'no client certificate of the configured authority');
