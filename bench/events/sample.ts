import type { ExchangeEvent } from '@sallyport/kernel';

/** Exchanges as a community's gateway sees them in a day: many players, few routes, some refusals, now and then an attack. */
export class Sample {
  readonly #random: () => number;
  #sequence = 0;

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  next(timeMs: number): ExchangeEvent {
    const random = this.#random;
    this.#sequence += 1;
    // Few clients make most requests.
    const client = Math.floor(CLIENTS * random() ** 3);
    const address = `${10 + (client >>> 16)}.${(client >>> 8) & 255}.${client & 255}.${(client * 7) & 255}`;
    const chance = random();
    const isDenied = chance < 0.02;
    const hasFailed = !isDenied && chance < 0.025;
    return {
      kind: 'exchange',
      timeMs,
      requestId: `4491977c60-${this.#sequence.toString(36)}`,
      traceId: hex(random) + hex(random) + hex(random) + hex(random),
      listener: 'public',
      route: ROUTES[Math.floor(random() * ROUTES.length)] ?? '',
      client: { address, network: address, peer: '127.0.0.1', evidence: 'cloudflare-tunnel' },
      method: random() < 0.8 ? 'GET' : 'POST',
      host: 'play.example.com',
      path: `/${WORDS[Math.floor(random() * WORDS.length)] ?? ''}/${Math.floor(2_000 * random() ** 2)}`,
      httpVersion: '1.1',
      isWebSocket: false,
      status: isDenied ? 403 : hasFailed ? 502 : 200,
      verdict: isDenied ? 'deny' : 'pass',
      decidedBy: isDenied ? 'waf' : hasFailed ? 'upstream' : '',
      reason: isDenied ? 'REQUEST_CONTENT_DENIED' : hasFailed ? 'UPSTREAM_CONNECT_FAILED' : '',
      reasonDetail: isDenied ? 'rule 949110 by 942100' : '',
      observed: [],
      failedStages: [],
      stageUs: { lists: 3, decisions: 2, routing: 4, protocol: 6, waf: 60 + Math.floor(random() * 80) },
      upstream: isDenied ? '' : 'game',
      upstreamServer: isDenied ? '' : '127.0.0.1:9000',
      upstreamAttempts: isDenied ? 0 : 1,
      upstreamHeadMs: isDenied ? -1 : Math.round(random() * 20_000) / 1_000,
      faultOf: hasFailed ? 'upstream' : '',
      bytesIn: 0,
      bytesOut: 200 + Math.floor(20_000 * random() ** 4),
      durationMs: Math.round(random() * 30_000) / 1_000,
      inspection: undefined,
      node: 'gate-1',
      boot: '4491977c60',
      sequence: this.#sequence,
    };
  }
}

const CLIENTS = 200_000;
const ROUTES: readonly string[] = ['game', 'api', 'web', 'leaderboard'];
const WORDS: readonly string[] = ['players', 'matches', 'items', 'assets', 'chat', 'admin', 'login', 'news'];

function hex(random: () => number): string {
  return Math.floor(random() * 4_294_967_296)
    .toString(16)
    .padStart(8, '0');
}

/** Mulberry32: the same sequence for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
