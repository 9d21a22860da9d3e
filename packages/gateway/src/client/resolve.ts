import { Client, type ClientPolicy, type IpAddress, type ListenerConfig, type Reason, reason } from '@sallyport/kernel';
import { CloudflareClients } from './cloudflare.ts';
import { clientFromChain, schemeFromProxy } from './forwarded.ts';
import { clientFromPeer, type Door } from './peer.ts';
import type { RawHeaders } from './raw-headers.ts';
import type { ClientRefusal, ClientResolver, ConnectionClient, ConnectionFacts, RequestAnswer } from './resolver.ts';
import { TrustedNetworks } from './trusted-networks.ts';
import { accessTokenProof, originSecretProof, type ProofDeps, unixSocketProof } from './tunnel-proof.ts';

/**
 * Compiles a listener's client policy.
 *
 * @throws RangeError when the policy cannot hold on this listener: a network that is none, client certificates without TLS,
 * the proof `unix-socket` on a TCP listener, no or an empty origin secret, keys that are no key set.
 */
export function compileClientPolicy(listener: ClientListener, deps: ClientResolverDeps): ClientResolver {
  const { client: policy, address, tls } = listener;
  const door: Door = { isUnix: address.kind === 'unix', scheme: tls === undefined ? 'http' : 'https' };
  switch (policy.kind) {
    case 'direct':
      return new DirectClients(door);
    case 'proxy-protocol':
      return new ProxyProtocolClients(door, new TrustedNetworks(policy.from));
    case 'trusted-proxies':
      return new TrustedProxyClients(door, new TrustedNetworks(policy.from));
    case 'cloudflare':
      if (tls === undefined) throw new RangeError('client certificates need TLS on the listener');
      return new CloudflareClients(door, { evidence: 'cloudflare', clientCa: policy.clientCa, proof: undefined });
    case 'cloudflare-tunnel':
      return compileTunnel(door, policy, deps);
  }
}

export type ClientListener = Pick<ListenerConfig, 'address' | 'tls' | 'client'>;

export type ClientResolverDeps = ProofDeps;

function compileTunnel(door: Door, policy: TunnelPolicy, deps: ClientResolverDeps): ClientResolver {
  const evidence = 'cloudflare-tunnel';
  switch (policy.proof.kind) {
    case 'unix-socket':
      return new CloudflareClients(door, { evidence, clientCa: undefined, proof: unixSocketProof(door) });
    case 'access-jwt':
      return new CloudflareClients(door, {
        evidence,
        clientCa: undefined,
        proof: accessTokenProof(policy.proof, deps),
      });
    case 'origin-secret':
      return new CloudflareClients(door, { evidence, clientCa: undefined, proof: originSecretProof(policy.proof) });
  }
}

type TunnelPolicy = Extract<ClientPolicy, { kind: 'cloudflare-tunnel' }>;

/** The peer is the client; no header is read. */
class DirectClients implements ClientResolver {
  readonly isProxyHeaderExpected = false;
  readonly clientCa = undefined;
  readonly proofHeader = undefined;
  readonly #door: Door;

  constructor(door: Door) {
    this.#door = door;
  }

  atAccept(): undefined {
    return undefined;
  }

  atConnection(facts: ConnectionFacts): ConnectionClient | ClientRefusal {
    return connectionOf(clientFromPeer(this.#door, facts.peerAddress));
  }

  atRequest(connectionClient: Client): RequestAnswer {
    return { client: connectionClient, scheme: this.#door.scheme };
  }
}

/** The PROXY header names the client of the whole connection; no HTTP header is read. */
class ProxyProtocolClients implements ClientResolver {
  readonly isProxyHeaderExpected = true;
  readonly clientCa = undefined;
  readonly proofHeader = undefined;
  readonly #door: Door;
  readonly #trusted: TrustedNetworks;
  /** Clients whose TLS ended at the proxy, which said so. */
  readonly #overTls = new WeakSet<Client>();

  constructor(door: Door, trusted: TrustedNetworks) {
    this.#door = door;
    this.#trusted = trusted;
  }

  atAccept(peerAddress: IpAddress | undefined): Reason | undefined {
    const peer = clientFromPeer(this.#door, peerAddress);
    if ('code' in peer) return peer;
    if (this.#trusted.has(peer.address)) return undefined;
    return reason('CLIENT_UNPROVEN', `the peer ${peer.peer} is not one of the proxies of this listener`);
  }

  atConnection(facts: ConnectionFacts): ConnectionClient | ClientRefusal {
    const refusal = this.atAccept(facts.peerAddress);
    if (refusal !== undefined) return { refusal };
    const peer = clientFromPeer(this.#door, facts.peerAddress);
    const header = facts.proxyHeader;
    if ('code' in peer || header?.kind === 'peer') return connectionOf(peer);
    if (header === undefined) return { refusal: reason('PROXY_PROTOCOL_INVALID', 'the header is missing') };
    const client = Client.vouchedFor(header.source, peer.peer, 'proxy-protocol');
    if (header.isTls) this.#overTls.add(client);
    return connectionOf(client);
  }

  atRequest(connectionClient: Client): RequestAnswer {
    return { client: connectionClient, scheme: this.#overTls.has(connectionClient) ? 'https' : this.#door.scheme };
  }
}

/**
 * A peer in `from` tells the client in X-Forwarded-For and X-Forwarded-Proto. Any other peer is itself the client and its
 * headers are ignored: a port that is reachable past the proxies must not lock out their health checks and operators, and
 * nobody gains anything by it. Without a chain the trusted peer speaks for itself.
 */
class TrustedProxyClients implements ClientResolver {
  readonly isProxyHeaderExpected = false;
  readonly clientCa = undefined;
  readonly proofHeader = undefined;
  readonly #door: Door;
  readonly #trusted: TrustedNetworks;

  constructor(door: Door, trusted: TrustedNetworks) {
    this.#door = door;
    this.#trusted = trusted;
  }

  atAccept(): undefined {
    return undefined;
  }

  atConnection(facts: ConnectionFacts): ConnectionClient | ClientRefusal {
    const peer = clientFromPeer(this.#door, facts.peerAddress);
    return 'code' in peer ? { refusal: peer } : { client: peer, isShared: this.#trusted.has(peer.address) };
  }

  atRequest(connectionClient: Client, rawHeaders: RawHeaders): RequestAnswer {
    const { scheme } = this.#door;
    if (!this.#trusted.has(connectionClient.address)) return { client: connectionClient, scheme };
    const found = clientFromChain(rawHeaders, this.#trusted);
    if (found !== undefined && 'code' in found) return found;
    const client =
      found === undefined ? connectionClient : Client.vouchedFor(found, connectionClient.peer, 'trusted-proxies');
    return { client, scheme: schemeFromProxy(rawHeaders, scheme) };
  }
}

function connectionOf(client: Client | Reason): ConnectionClient | ClientRefusal {
  return 'code' in client ? { refusal: client } : { client, isShared: false };
}
