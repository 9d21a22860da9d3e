import { join } from 'node:path';
import type { WebSocket } from 'ws';
import type { Campaign, CampaignOptions, CampaignResult } from '../../tools/soak.ts';
import { httpRequest } from '../harness/http-client.ts';
import { SuiteScope } from '../harness/scope.ts';
import { killAll, Town } from '../harness/succession.ts';
import { closingOf } from '../harness/websocket-client.ts';
import { Random } from './regex/random-pattern.ts';

/**
 * Two processes during a hand-over: every client has one WebSocket in the old one and one in the new one, and is banned through the
 * new one. Both sockets are closed as those of a banned client, nobody else's is, and what is confirmed holds for whoever comes
 * next. One count is one ban.
 *
 * The figures say how long a ban takes to its confirmation by all workers of both processes, and until each of the two clients has
 * read that it is closed.
 */
export const campaign: Campaign = { fullCount: 2_000, run };

/** Clients of one hand-over. A process takes two thousand WebSockets and more; to open them is what takes the time. */
const CLIENTS = 100;

async function run({ seed, countMax, secondsMax }: CampaignOptions): Promise<CampaignResult> {
  const random = new Random(seed);
  const end = performance.now() + secondsMax * 1_000;
  const tally: Tally = { count: 0, failures: [], times: { confirmed: [], old: [], young: [] } };
  // A start may take all the time there is: one ban is the least.
  const isOver = (): boolean =>
    tally.count >= countMax || tally.failures.length >= 20 || (tally.count > 0 && performance.now() >= end);
  while (!isOver()) await playRound(tally, { random, isOver });
  const { count, failures, times } = tally;
  const figures = { ...of('confirmed', times.confirmed), ...of('old', times.old), ...of('new', times.young) };
  return { count, failures, figures };
}

async function playRound(tally: Tally, { random, isOver }: { random: Random; isOver: () => boolean }): Promise<void> {
  const scope = new SuiteScope();
  const pids: number[] = [];
  try {
    const round = await Round.start(scope, pids);
    for (const client of shuffled(round.clients, random)) {
      if (isOver()) break;
      tally.count += 1;
      const wrong = await round.ban(client, tally.times);
      tally.failures.push(...wrong.map((what) => `ban ${tally.count} of ${client.address}: ${what}`));
    }
    tally.failures.push(...round.wronglyClosed());
  } finally {
    killAll(pids);
    await scope.end();
  }
}

interface Tally {
  count: number;
  readonly failures: string[];
  readonly times: Times;
}

/** Milliseconds from the order on. */
interface Times {
  readonly confirmed: number[];
  readonly old: number[];
  readonly young: number[];
}

interface Client {
  readonly address: string;
  readonly old: WebSocket;
  readonly young: WebSocket;
}

/** One hand-over, as long as both processes live. */
class Round {
  readonly clients: readonly Client[];
  readonly #town: Town;
  readonly #banned = new Set<string>();

  private constructor(town: Town, clients: readonly Client[]) {
    this.#town = town;
    this.clients = clients;
  }

  static async start(scope: SuiteScope, pids: number[]): Promise<Round> {
    const town = await Town.start(scope, '', { pids });
    const addresses = Array.from({ length: CLIENTS }, (_, index) => `127.0.1.${index + 1}`);
    const old: WebSocket[] = [];
    for (const address of addresses) old.push(await town.player(address));
    await town.handOver();
    const clients: Client[] = [];
    for (const [index, address] of addresses.entries()) {
      const before = old[index];
      if (before !== undefined) clients.push({ address, old: before, young: await town.player(address) });
    }
    return new Round(town, clients);
  }

  /** Answers what was wrong. */
  async ban({ address, old, young }: Client, times: Times): Promise<readonly string[]> {
    this.#banned.add(address);
    const sinceMs = performance.now();
    const since = (): number => performance.now() - sinceMs;
    const closings = Promise.all(
      [old, young].map(async (socket) => {
        const { code } = await closingOf(socket);
        return { code, ms: since() };
      }),
    );
    const { status, text } = await httpRequest('http://localhost/api/v1/decisions', {
      socket: join(this.#town.gateway.directory, 'admin.sock'),
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'ban', scope: { kind: 'address', value: address }, reason: 'rude' }),
    });
    times.confirmed.push(since());
    const wrong = status === 200 ? [] : [`the order was answered with ${status}: ${text}`];
    if (!/"workers":([34]),"of":\1\b/.test(text)) wrong.push(`it was not confirmed by all: ${text}`);
    const next = await httpRequest(this.#town.gateway.url('/'), { from: address }).then(
      (answer) => answer.status,
      String,
    );
    if (next !== 403) wrong.push(`the next request was answered with ${next}`);
    // Who is not banned is not closed either.
    if (status !== 200) return wrong;
    const [before, after] = await closings;
    if (before !== undefined) times.old.push(before.ms);
    if (after !== undefined) times.young.push(after.ms);
    for (const closing of [before, after])
      if (closing?.code !== CLOSED_AS_BANNED) wrong.push(`a socket was closed with ${closing?.code}`);
    return wrong;
  }

  wronglyClosed(): readonly string[] {
    return this.clients
      .filter(({ address, old, young }) => !this.#banned.has(address) && !(isOpen(old) && isOpen(young)))
      .map(({ address }) => `${address} was closed and is not banned`);
  }
}

const CLOSED_AS_BANNED = 4_403;

function isOpen(socket: WebSocket): boolean {
  return socket.readyState === socket.OPEN;
}

function shuffled<Item>(items: readonly Item[], random: Random): readonly Item[] {
  return items
    .map((item) => ({ item, place: random.below(1_000_000) }))
    .toSorted((left, right) => left.place - right.place)
    .map(({ item }) => item);
}

/** The middle, the hundredth from the end, and the last. */
function of(name: string, times: readonly number[]): Readonly<Record<string, number>> {
  const sorted = times.toSorted((left, right) => left - right);
  const at = (share: number): number => Math.round((sorted[Math.ceil(sorted.length * share) - 1] ?? 0) * 100) / 100;
  return { [`${name}P50Ms`]: at(0.5), [`${name}P99Ms`]: at(0.99), [`${name}MaxMs`]: at(1) };
}
