/**
 * Address lists of a million networks beside Node's own `net.BlockList`, which is native code and keeps a tree of objects.
 *
 * `lookup_ns` is the whole stage for clients that no list names, which is nearly everybody; `deny_ns` for clients that one
 * names, with verdict and network in text, which the peer does not say. Half of the networks are IPv4 addresses, half IPv6
 * /64s, all evenly spread: real lists are lumpier and therefore better cached. Times include fetching the client's address
 * from memory: the same 65,536 clients for both.
 */
import { BlockList, SocketAddress } from 'node:net';
import { type ListsImage, lists, type NetworkTable } from '@sallyport/guards';
import { Client, type Exchange, HeaderList, IpAddress, PASS, PROFILES, type Stage, WAF_OFF } from '@sallyport/kernel';
import type { BenchOptions, BenchResult } from './main.ts';

const ENTRIES = 1_000_000;

/** Different clients in one sample: enough that their entries are not simply in the cache. */
const CLIENTS = 65_536;

export async function run({ quick }: BenchOptions): Promise<BenchResult> {
  const random = randomFrom(20_260_701);
  const networks = Array.from({ length: ENTRIES }, (_, index) => networkFrom(random, index));
  const strangers = Array.from({ length: CLIENTS }, (_, index) => exchangeFrom(networkFrom(random, index)));
  const listed = Array.from({ length: CLIENTS }, (_, index) => exchangeFrom(networks[index * 13] ?? ''));
  const strangerAddresses = strangers.map(socketAddressOf);

  const buildMs = samplesOf(quick ? 2 : 3, () => millisecondsOf(() => lists.compile({ allow: [], deny: networks })));
  const image = lists.compile({ allow: [], deny: networks });
  const stage = lists.instantiate(image);
  const residentBytes = process.memoryUsage.rss();
  const peer = new BlockList();
  const peerBuildMs = millisecondsOf(() => fill(peer, networks));
  const peerBytes = process.memoryUsage.rss() - residentBytes;

  const lookupNs: number[] = [];
  const peerLookupNs: number[] = [];
  const denyNs: number[] = [];
  for (let round = 0; round < (quick ? 7 : 15); round += 1) {
    lookupNs.push(nanosecondsOf(stage, strangers, CLIENTS));
    peerLookupNs.push(nanosecondsOfPeer(peer, strangerAddresses));
    denyNs.push(nanosecondsOf(stage, listed, 0));
  }
  return {
    figures: {
      lookup_ns: Math.round(median(lookupNs)),
      deny_ns: Math.round(median(denyNs)),
      build_ms: Math.round(median(buildMs)),
      mib: inMebibytes(bytesOf(image)),
      blocklist_lookup_ns: Math.round(median(peerLookupNs)),
      blocklist_build_ms: Math.round(peerBuildMs),
      blocklist_mib: inMebibytes(peerBytes),
    },
    detail: { entries: ENTRIES, clients: CLIENTS, lookupNs, denyNs, buildMs, peerLookupNs },
  };
}

/** Time of one judgement. The judgements are counted, so that none can be optimised away. */
function nanosecondsOf(stage: Stage, exchanges: readonly Exchange[], passing: number): number {
  let passed = 0;
  const ms = millisecondsOf(() => {
    for (const exchange of exchanges) if (stage.inspect(exchange) === PASS) passed += 1;
  });
  if (passed !== passing) throw new Error(`${passed} of ${exchanges.length} clients passed, not ${passing}`);
  return (ms * 1e6) / exchanges.length;
}

function nanosecondsOfPeer(peer: BlockList, addresses: readonly SocketAddress[]): number {
  let passed = 0;
  const ms = millisecondsOf(() => {
    for (const address of addresses) if (!peer.check(address)) passed += 1;
  });
  if (passed !== addresses.length) throw new Error(`${passed} of ${addresses.length} clients passed net.BlockList`);
  return (ms * 1e6) / addresses.length;
}

function fill(list: BlockList, networks: readonly string[]): void {
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    if (prefix === undefined) list.addAddress(address);
    else list.addSubnet(address, Number(prefix), 'ipv6');
  }
}

function socketAddressOf({ client }: Exchange): SocketAddress {
  return new SocketAddress({ address: client.address.text, family: client.address.version === 4 ? 'ipv4' : 'ipv6' });
}

/** An IPv4 address or, for every odd `index`, an IPv6 /64 of the space that registries give out. */
function networkFrom(random: () => number, index: number): string {
  const bits = random();
  if (index % 2 === 0) return [bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255].join('.');
  const more = random();
  const groups = [0x2000 | (bits >>> 19), bits & 0xffff, more >>> 16, more & 0xffff];
  return `${groups.map((group) => group.toString(16)).join(':')}::/64`;
}

function exchangeFrom(network: string): Exchange {
  const address = IpAddress.parse(network.replace('/64', ''));
  if (address === undefined) throw new Error(`${network} holds no address`);
  return {
    kind: 'request',
    id: '',
    traceId: '',
    listener: { name: 'bench', scheme: 'https', isRedirectedToHttps: false },
    client: Client.fromPeer(address, address.text),
    request: {
      method: 'GET',
      host: 'bench',
      authority: 'bench',
      path: '/',
      hasEncodedSlash: false,
      query: '',
      httpVersion: '1.1',
      headers: new HeaderList([], []),
      framing: { kind: 'none' },
    },
    headerBytes: 0,
    route: {
      name: 'bench',
      match: { hosts: [], path: { kind: 'prefix', value: '/' }, methods: [], headers: [] },
      upstream: 'bench',
      profile: 'api',
      ...PROFILES.api,
      hostHeader: 'preserve',
      waf: WAF_OFF,
    },
    isWebSocket: false,
    evidence: { target: '/', fields: [] },
    inspection: undefined,
  };
}

function bytesOf({ v4, v6 }: ListsImage): number {
  return [v4, v6].flatMap(arraysOf).reduce((bytes, array) => bytes + array.byteLength, 0);
}

function arraysOf({ keys, prefixLengths, values, parents, nodes }: NetworkTable): readonly ArrayBufferView[] {
  return [keys, prefixLengths, values, parents, nodes];
}

function inMebibytes(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10;
}

/** xorshift32 (Marsaglia 2003): the same numbers on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

function samplesOf(count: number, sample: () => number): readonly number[] {
  return Array.from({ length: count }, sample);
}

function millisecondsOf(work: () => unknown): number {
  const startMs = performance.now();
  work();
  return performance.now() - startMs;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}
