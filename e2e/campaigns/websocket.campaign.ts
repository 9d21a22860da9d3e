import { compilePolicy, Gateway } from '@sallyport/gateway';
import { type Event, type GatewayConfig, MetricsRegistry, PROFILES, WAF_OFF } from '@sallyport/kernel';
import { close, frame, readStream, type SeenFrame } from '../../packages/gateway/test/websocket/frame-builder.ts';
import { type RawPeer, RawUpstream, rawClient } from '../../packages/gateway/test/websocket/raw-peer.ts';
import type { Campaign, CampaignOptions, CampaignResult } from '../../tools/soak.ts';
import { Random } from './regex/random-pattern.ts';

/**
 * Streams of frames, most of them spoilt, from both sides through a whole gateway over real sockets.
 *
 * Whatever arrives: each side may see only frames that a second strict reader finds right, only frames the other side has
 * sent, in their order, nothing after a close frame; a stream nobody spoilt arrives whole; every connection ends; and the
 * gateway is as it was afterwards. One count is one connection.
 */
export const campaign: Campaign = { fullCount: 500_000, run };

const LIMITS = { ...PROFILES.alerts.webSocket, messageBytesMax: 4_096, fragmentsMax: 8 };
/** A connection whose end takes longer than this hangs: the gateway's own limit is CLOSE_MS and one sweep. */
const CASE_MS_MAX = 15_000;

async function run({ seed, countMax, secondsMax }: CampaignOptions): Promise<CampaignResult> {
  const random = new Random(seed);
  const failures: string[] = [];
  const figures = { clean: 0, spoilt: 0, framesIn: 0, framesOut: 0, endedByGateway: 0 };
  const upstream = new RawUpstream();
  const events: Event[] = [];
  const metrics = new MetricsRegistry();
  const gateway = await startGateway(await upstream.listen(), { events, metrics });
  const end = process.hrtime.bigint() + BigInt(Math.trunc(secondsMax * 1e9));
  let count = 0;
  while (count < countMax && failures.length < 20 && process.hrtime.bigint() < end) {
    const plan = randomPlan(random);
    const result = await runCase(plan, upstream, portOf(gateway));
    failures.push(...check(plan, result).map((what) => `case ${count}: ${what}: ${describePlan(plan)}`));
    figures[plan.client.isSpoilt || plan.upstream.isSpoilt ? 'spoilt' : 'clean'] += 1;
    figures.framesIn += result.atUpstream.frames.length;
    figures.framesOut += result.atClient.frames.length;
    figures.endedByGateway += endedByGateway(events);
    count += 1;
  }
  await upstream.stop();
  for (let wait = 0; wait < 100 && openConnections(metrics) > 0; wait += 1) await pause(100);
  if (openConnections(metrics) !== 0) failures.push(`${openConnections(metrics)} connections are open after the end`);
  if (metric(metrics, 'gateway_internal_errors_total') > 0) failures.push('the gateway counted internal errors');
  gateway.close();
  return { count, failures, figures };
}

/** What one side sends, in the pieces it is written in. */
interface Side {
  readonly stream: Buffer;
  readonly cuts: readonly number[];
  readonly isSpoilt: boolean;
}

interface Plan {
  readonly client: Side;
  readonly upstream: Side;
}

interface Seen {
  readonly frames: readonly SeenFrame[];
  readonly error: string | undefined;
}

interface CaseResult {
  readonly atUpstream: Seen;
  readonly atClient: Seen;
  readonly hasEnded: boolean;
}

/** Both sides write what they have and hang up: the client at its end, the upstream when it was told or left. */
async function runCase(plan: Plan, server: RawUpstream, port: number): Promise<CaseResult> {
  const client = await rawClient(port);
  const upstream = server.peers.pop();
  if (upstream === undefined) throw new Error('the upstream saw no connection');
  upstream.socket.on('data', () => {
    if (upstream.closeCode !== -1) upstream.socket.end();
  });
  upstream.socket.on('end', () => upstream.socket.end());
  write(upstream, plan.upstream);
  write(client, plan.client);
  client.socket.end();
  const timer = new AbortController();
  const ended = Promise.all([client.ended(), upstream.ended()]).then(() => true);
  const hasEnded = await Promise.race([ended, pause(CASE_MS_MAX, timer.signal).then(() => false)]);
  timer.abort();
  client.socket.destroy();
  upstream.socket.destroy();
  return { atUpstream: upstream.seen, atClient: client.seen, hasEnded };
}

function write(peer: RawPeer, side: Side): void {
  let from = 0;
  for (const cut of [...side.cuts, side.stream.length]) {
    if (cut > from) peer.socket.write(side.stream.subarray(from, cut));
    from = Math.max(from, cut);
  }
}

function check(plan: Plan, { atUpstream, atClient, hasEnded }: CaseResult): string[] {
  const problems: string[] = [];
  if (!hasEnded) problems.push('the connection did not end');
  const sentIn = readStream(plan.client.stream, 'client').frames;
  const sentOut = readStream(plan.upstream.stream, 'server').frames;
  if (atUpstream.error !== undefined) problems.push(`the upstream got ${atUpstream.error}`);
  if (atClient.error !== undefined) problems.push(`the client got ${atClient.error}`);
  const arrivedIn = arrived(atUpstream.frames, sentIn);
  const arrivedOut = arrived(atClient.frames, sentOut);
  if (arrivedIn === -1) problems.push('the upstream got a frame the client did not send');
  if (arrivedOut === -1) problems.push('the client got a frame the upstream did not send');
  // What the upstream does may end a connection before the client's frames have come through; what it does not cannot.
  const isWholeExpected = !plan.client.isSpoilt && plan.upstream.stream.length === 0;
  if (isWholeExpected && arrivedIn !== sentIn.length)
    problems.push(`${sentIn.length - arrivedIn} frames did not arrive`);
  return problems;
}

/** How many of `sent` are the first of `seen`; -1 when `seen` holds another frame than those and a last close frame. */
function arrived(seen: readonly SeenFrame[], sent: readonly SeenFrame[]): number {
  let count = 0;
  for (const one of seen) {
    const original = sent[count];
    const isOriginal =
      original !== undefined &&
      original.opcode === one.opcode &&
      original.isFinal === one.isFinal &&
      original.payload.equals(one.payload);
    if (isOriginal) count += 1;
    else if (one.opcode !== 8 || one !== seen.at(-1)) return -1;
  }
  return count;
}

function randomPlan(random: Random): Plan {
  const isQuiet = random.isOneIn(2);
  return {
    client: randomSide(random, 'client'),
    upstream: isQuiet ? { stream: Buffer.alloc(0), cuts: [], isSpoilt: false } : randomSide(random, 'server'),
  };
}

function randomSide(random: Random, from: 'client' | 'server'): Side {
  const parts: Buffer[] = [];
  for (let count = random.below(8); count > 0; count -= 1) parts.push(...randomMessage(random, from));
  if (random.isOneIn(3)) parts.push(close(1000 + random.below(4), 'bye', { key: keyOf(random, from) }));
  const clean = Buffer.concat(parts);
  const isSpoilt = clean.length > 0 && !random.isOneIn(4);
  let stream: Buffer = clean;
  if (isSpoilt) for (let count = 1 + random.below(3); count > 0; count -= 1) stream = spoil(random, stream);
  const cuts = Array.from({ length: random.below(6) }, () => random.below(stream.length + 1));
  return { stream, cuts: cuts.toSorted((a, b) => a - b), isSpoilt };
}

/** One message in up to eight fragments, with control frames among them. */
function randomMessage(random: Random, from: 'client' | 'server'): Buffer[] {
  const isText = random.isOneIn(2);
  const size = random.pick([0, 1, 5, 125, 126, 700, 4_000]);
  const payload = isText
    ? Buffer.from('aé€😀'.repeat(size / 10 + 1)).subarray(0, 10 * Math.trunc(size / 10))
    : Buffer.alloc(size, size);
  const frames: Buffer[] = [];
  const fragments = random.isOneIn(2) ? 1 : 1 + random.below(LIMITS.fragmentsMax);
  for (let index = 0; index < fragments; index += 1) {
    const piece = payload.subarray((payload.length * index) / fragments, (payload.length * (index + 1)) / fragments);
    const opcode = index > 0 ? 0 : isText ? 1 : 2;
    if (random.isOneIn(6)) frames.push(frame('beat', { opcode: 9 + random.below(2), key: keyOf(random, from) }));
    frames.push(frame(piece, { opcode, isFinal: index === fragments - 1, key: keyOf(random, from) }));
  }
  return frames;
}

function keyOf(random: Random, from: 'client' | 'server'): Buffer | undefined {
  return from === 'client' ? Buffer.from([0, 0, 0, 0].map(() => random.below(256))) : undefined;
}

/** One change somewhere, mostly where frames begin to be misread. */
function spoil(random: Random, stream: Buffer): Buffer {
  const at = random.below(stream.length + 1);
  const size = random.below(12);
  const [before, after] = [stream.subarray(0, at), stream.subarray(at)];
  switch (random.below(6)) {
    case 0: {
      const changed = Buffer.from(stream);
      if (at < changed.length) changed[at] = (changed[at] ?? 0) ^ (1 << random.below(8));
      return changed;
    }
    case 1:
      return Buffer.concat([before, Buffer.from(Array.from({ length: size }, () => random.below(256))), after]);
    case 2:
      return Buffer.concat([before, after.subarray(size)]);
    case 3:
      return Buffer.concat([before, stream.subarray(Math.max(0, at - size), at), after]);
    case 4:
      return before;
    default:
      // The first two bytes of a frame, where most of its meaning is.
      return Buffer.concat([Buffer.from([random.below(256), random.below(256)]), stream.subarray(2)]);
  }
}

function describePlan({ client, upstream }: Plan): string {
  return JSON.stringify({
    client: client.stream.toString('base64'),
    clientCuts: client.cuts,
    upstream: upstream.stream.toString('base64'),
    upstreamCuts: upstream.cuts,
  });
}

async function startGateway(port: number, into: { events: Event[]; metrics: MetricsRegistry }): Promise<Gateway> {
  const gateway = new Gateway(compilePolicy(configFor(port), 1), {
    node: 'campaign',
    sink: { emit: (event) => void into.events.push(event) },
    metrics: into.metrics,
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
  });
  await gateway.listen();
  return gateway;
}

function portOf(gateway: Gateway): number {
  const address = gateway.addresses().get('front');
  if (address?.kind !== 'tcp') throw new Error('the gateway does not listen');
  return address.port;
}

/** Connections the gateway itself ended, among the events so far; takes the events away, so that they do not pile up. */
function endedByGateway(events: Event[]): number {
  return events.splice(0).filter((event) => event.kind === 'connection' && event.closedBy === 'gateway').length;
}

function openConnections(metrics: MetricsRegistry): number {
  return metric(metrics, 'gateway_ws_connections');
}

/** The sum of one metric over its labels, read as an operator's monitoring reads it. */
function metric(metrics: MetricsRegistry, name: string): number {
  const lines = metrics.render().split('\n');
  const values = lines.filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return values.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function configFor(port: number): GatewayConfig {
  return {
    mode: 'production',
    observe: false,
    observeStages: [],
    listeners: [
      {
        name: 'front',
        address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
        tls: undefined,
        isInsecure: false,
        client: { kind: 'direct' },
        isRedirectedToHttps: false,
      },
    ],
    routes: [
      {
        name: 'alerts',
        match: { hosts: [], path: { kind: 'prefix', value: '/' }, methods: [], headers: [] },
        upstream: 'alerts',
        profile: 'alerts',
        request: PROFILES.alerts.request,
        webSocket: { ...LIMITS, perClientMax: 1_000 },
        hostHeader: 'preserve',
        waf: WAF_OFF,
      },
    ],
    upstreams: [
      {
        name: 'alerts',
        servers: [{ address: { kind: 'tcp', host: '127.0.0.1', port }, weight: 1 }],
        tls: undefined,
        balance: 'round-robin',
        healthCheck: undefined,
        ejection: { failuresMax: 1_000, durationMs: 1_000 },
        timeouts: { connectMs: 5_000, headMs: 5_000, idleMs: 5_000 },
        retries: { attemptsMax: 1, budgetRatio: 0 },
        breaker: { errorRatio: 1, requestsMin: 1_000, windowMs: 10_000, openMs: 1_000 },
        pool: { connectionsMax: 1_000, idleMax: 10, idleMs: 1_000, pendingMax: 100 },
      },
    ],
    waf: { policy: WAF_OFF, heldBytesMax: 1, heldPerClientBytesMax: 1 },
    lists: { allow: [], deny: [] },
    connections: {
      connectionsMax: 2_000,
      perClientMax: 2_000,
      halfOpenPerClientMax: 1_000,
      handshakeMs: 10_000,
      headerMs: 10_000,
      keepAliveMs: 10_000,
      headerBytesMax: 16_384,
    },
    drain: { deadlineMs: 1_000, webSocketSpreadMs: 500 },
  };
}
