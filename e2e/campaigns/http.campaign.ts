import type { Campaign, CampaignOptions, CampaignResult } from '../../tools/soak.ts';
import { type Input, inputOf } from './http/input.ts';
import { judge } from './http/judge.ts';
import { Lane } from './http/lane.ts';
import type { GatewayObservation } from './http/observation.ts';
import { Peers, type Tally } from './http/peers.ts';

/**
 * Requests that are valid, nearly valid or broken, on live connections to the gateway: it stays up, answers what is valid,
 * says exactly once what it did with each request, and never forwards anything that a strict reader of the client's bytes
 * would not have read in the same way. A part of the inputs also goes to nginx and HAProxy, which have to agree with us
 * about where requests begin and end, or refuse, or see us refuse. One count is one connection.
 */
export const campaign: Campaign = { fullCount: 1_000_000, run };

/** Connections at a time. More would not be faster on one core. */
const LANES = 8;
const FAILURES_MAX = 20;
/** One input of so many goes to the other proxies, which are processes of their own and slower to watch. */
const PEER_EVERY = 32;

async function run({ seed, countMax, secondsMax }: CampaignOptions): Promise<CampaignResult> {
  const failures: string[] = [];
  const figures = new Figures();
  const peers = await Peers.start(LANES);
  const startMs = performance.now();
  let next = 0;
  const crashed = (cause: unknown): void => {
    failures.push(`the process would have ended: ${cause instanceof Error ? cause.stack : String(cause)}`);
  };
  process.on('uncaughtException', crashed);
  process.on('unhandledRejection', crashed);
  const lane = async (index: number): Promise<void> => {
    const gateway = await Lane.open();
    while (next < countMax && failures.length < FAILURES_MAX && performance.now() - startMs < secondsMax * 1_000) {
      const input = inputOf(seed, next);
      next += 1;
      const seen = await gateway.run(input);
      figures.count(input, seen);
      const problems = [...judge(input, seen)];
      if (input.index % PEER_EVERY === 0) problems.push(...(await peers.check(input, seen, { index, gateway })));
      for (const problem of problems) failures.push(`input ${input.index}: ${problem}; sent ${shown(input)}`);
    }
    gateway.close();
  };
  await Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)));
  const seconds = (performance.now() - startMs) / 1_000;
  await peers.close();
  process.off('uncaughtException', crashed);
  process.off('unhandledRejection', crashed);
  return { count: next, failures, figures: { ...figures.result(seconds, next), ...tallied(peers.tally) } };
}

/** The input as JSON; long ones are shortened, because seed and number make them again. */
function shown({ segments }: Input): string {
  const text = JSON.stringify(segments);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text;
}

const SHOWN_MAX = 1_500;

/** How often the others agreed, and why not: `nginxAgree=`, `nginxRefusedByUs=`, `nginxRefusedByThem=`. */
function tallied({ classes }: Tally): Readonly<Record<string, number>> {
  const figures: Record<string, number> = {};
  for (const [key, count] of classes) {
    const name = key.replace(/:.*$/, '').replaceAll(/ (.)/g, (_, letter: string) => letter.toUpperCase());
    figures[name] = (figures[name] ?? 0) + count;
  }
  return figures;
}

class Figures {
  #valid = 0;
  #answered = 0;
  #requests = 0;
  #refusals = 0;

  count(input: Input, { events }: GatewayObservation): void {
    this.#requests += events.length;
    this.#refusals += events.filter((event) => event.verdict !== 'pass').length;
    if (events.length > 0 && events.every((event) => event.status === 200)) this.#answered += 1;
    if (input.expected !== undefined) this.#valid += 1;
  }

  result(seconds: number, count: number): Readonly<Record<string, number>> {
    return {
      perSecond: Math.round(count / seconds),
      validPercent: Math.round((this.#valid / count) * 100),
      answeredPercent: Math.round((this.#answered / count) * 100),
      requests: this.#requests,
      refusals: this.#refusals,
    };
  }
}
