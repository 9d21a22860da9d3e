import type { Duplex } from 'node:stream';
import { type GatewayError, ManualClock, MetricsRegistry, type UpstreamConfig } from '@sallyport/kernel';
import type { LookUp } from '../../src/upstream/dns.ts';
import type { ResponseHead, Upstream, UpstreamCall, UpstreamRequest } from '../../src/upstream/port.ts';
import { createUpstreams, type Upstreams } from '../../src/upstream/upstreams.ts';

/** Upstreams with a clock that a test moves, and what they said. */
export interface Setup {
  readonly upstreams: Upstreams;
  readonly upstream: Upstream;
  readonly clock: ManualClock;
  readonly metrics: MetricsRegistry;
  /** `what detail`. */
  readonly events: readonly string[];
  /** Moves the clock and lets deadlines pass. */
  readonly advance: (ms: number) => void;
}

export interface SetupOptions extends Partial<Omit<UpstreamConfig, 'name'>> {
  readonly lookUp?: LookUp;
  /** Default: 0.5 always. */
  readonly random?: () => number;
}

/** One upstream, named `arena`. `ports`: servers on 127.0.0.1, unless `options.servers` says more. */
export function setUp(ports: readonly number[], options: SetupOptions = {}): Setup {
  const { lookUp, random, ...overrides } = options;
  const clock = new ManualClock();
  const metrics = new MetricsRegistry();
  const events: string[] = [];
  const upstreams = createUpstreams([{ ...defaults(ports), ...overrides }], {
    clock,
    metrics,
    random: random ?? (() => 0.5),
    onEvent: (what, detail) => events.push(`${what} ${detail}`),
    ...(lookUp === undefined ? {} : { lookUp }),
  });
  const upstream = upstreams.get('arena');
  if (upstream === undefined) throw new Error('there is no upstream named arena');
  const advance = (ms: number): void => {
    clock.advance(ms);
    upstreams.sweep(clock.monotonicMs());
  };
  return { upstreams, upstream, clock, metrics, events, advance };
}

function defaults(ports: readonly number[]): UpstreamConfig {
  return {
    name: 'arena',
    servers: ports.map((port) => ({ address: { kind: 'tcp', host: '127.0.0.1', port }, weight: 1 })),
    tls: undefined,
    balance: 'round-robin',
    healthCheck: undefined,
    ejection: { failuresMax: 5, durationMs: 10_000 },
    timeouts: { connectMs: 2_000, headMs: 5_000, idleMs: 3_000 },
    retries: { attemptsMax: 2, budgetRatio: 1 },
    breaker: { errorRatio: 0.5, requestsMin: 1_000, windowMs: 10_000, openMs: 5_000 },
    pool: { connectionsMax: 10, idleMax: 10, idleMs: 4_000, pendingMax: 10 },
  };
}

export const GET: UpstreamRequest = {
  method: 'GET',
  target: '/scores?top=10',
  authority: 'arena.example',
  headers: ['accept', '*/*', 'x-request-id', '1'],
  framing: { kind: 'none' },
  hashKey: '192.0.2.1',
  isUpgrade: false,
};

export function post(bytes: number): UpstreamRequest {
  return { ...GET, method: 'POST', framing: { kind: 'length', bytes } };
}

/** What a sink was told, in one object. */
export class Answer {
  readonly call: UpstreamCall;
  head: ResponseHead | undefined;
  body = '';
  error: GatewayError | undefined;
  socket: Duplex | undefined;
  firstBytes = '';
  /** Callbacks in order; `data` once for a run of pieces. */
  readonly log: string[] = [];
  /** What `onData` returns. */
  isHungry = true;
  readonly #ended: Promise<void>;

  constructor(upstream: Upstream, request: UpstreamRequest, onBodyWanted: (call: UpstreamCall) => void = () => {}) {
    let isDispatched = false;
    let end: () => void = () => {};
    this.#ended = new Promise((resolve) => {
      end = resolve;
    });
    const note = (what: string): void => {
      if (!isDispatched) throw new Error(`${what} came before dispatch had returned`);
      if (this.isOver) throw new Error(`${what} came after ${this.log.join(', ')}`);
      if (what !== 'data' || this.log.at(-1) !== 'data') this.log.push(what);
    };
    this.call = upstream.dispatch(request, {
      onBodyWanted: () => {
        note('wanted');
        onBodyWanted(this.call);
      },
      onDrain: () => note('drain'),
      onHead: (head) => {
        note('head');
        this.head = head;
      },
      onData: (chunk) => {
        note('data');
        this.body += chunk.toString('latin1');
        return this.isHungry;
      },
      onEnd: () => {
        note('end');
        end();
      },
      onFailure: (error) => {
        note('failure');
        this.error = error;
        end();
      },
      onUpgrade: (head, socket, firstBytes) => {
        note('upgrade');
        this.head = head;
        this.socket = socket;
        this.firstBytes = firstBytes.toString('latin1');
        end();
      },
    });
    isDispatched = true;
  }

  get isOver(): boolean {
    const last = this.log.at(-1);
    return last === 'end' || last === 'failure' || last === 'upgrade';
  }

  /** Resolves with itself after the last callback. */
  async ended(): Promise<this> {
    await this.#ended;
    return this;
  }

  /** `200 body` or `CODE source`, for short comparisons. */
  get short(): string {
    if (this.error !== undefined) return `${this.error.code} ${this.error.source}`;
    return `${this.head?.status ?? 0} ${this.body}`;
  }
}

export function ask(upstream: Upstream, request: UpstreamRequest = GET): Promise<Answer> {
  return new Answer(upstream, request).ended();
}

export function send(upstream: Upstream, request: UpstreamRequest, body: string): Promise<Answer> {
  const answer = new Answer(upstream, request, (call) => {
    call.write(Buffer.from(body, 'latin1'));
    call.end();
  });
  return answer.ended();
}

/** Waits until something that another process or the kernel does has happened. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await new Promise((resolve) => {
      setTimeout(resolve, 1);
    });
  }
}

/** The value of one series in the exposition; 0 when it is not there. */
export function metric(metrics: MetricsRegistry, series: string): number {
  const line = metrics
    .render()
    .split('\n')
    .find((text) => text.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1) ?? 0);
}

/** Bytes in the pieces that `cuts` make of them. */
export function split(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].toSorted((a, b) => a - b);
  return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge));
}
