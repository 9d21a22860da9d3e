import type { CommandOutcome, ConnectionQuery } from '@sallyport/control';
import type { ConnectionsAnswer } from '@sallyport/control/contract';
import type { Command, DecisionChange, DecisionSnapshot, Log, MetricsSnapshot } from '@sallyport/kernel';
import type { CarriedPolicy } from './carried-policy.ts';
import type { Channel } from './channel.ts';
import { type Answer, FOLLOW_MS_MAX, isSaid, PROTOCOL, type Question } from './messages.ts';
import { PolicyCarrier } from './policy-carrier.ts';

export interface PredecessorOptions {
  /** Undefined: there is none, or it does not speak. */
  readonly channel: Channel | undefined;
  readonly log: Log;
  /** Ends the other process at once: it does not answer, and has connections that nobody could end. */
  readonly end: () => void;
  /** Once, and only for one that has followed. */
  readonly onGone: (why: 'left' | 'lost') => void;
}

export interface Beginning {
  readonly decisions: () => DecisionSnapshot;
  /** The one in force. */
  readonly policy: () => CarriedPolicy;
  /** It follows, and this is what it was told before us. */
  readonly onFollowing: (told: { readonly attackLevel: number }) => void;
}

/**
 * The process from which this one has taken over, as long as that one has connections.
 *
 * Whatever is decided here is brought to it in order, as to a worker: all decisions in force first, then each change. What it has
 * missed, or what finds too many others waiting, is made good by bringing all of them again.
 */
export class Predecessor {
  /** Resolves when there is none, or when it has said whether it follows: until then it answers for both of us. */
  readonly settled: Promise<void>;
  readonly #options: PredecessorOptions;
  readonly #asked = new Map<number, Waiting>();
  readonly #policies: PolicyCarrier;
  #beginning: Beginning | undefined;
  #lastNumber = 0;
  #workers = 0;
  #counts: MetricsSnapshot = [];
  #isFollowing = false;
  #hasLeft = false;
  /** All decisions are on their way; what changes meanwhile comes after them. */
  #bringing: Promise<void> = Promise.resolve();
  #changes = 0;
  #isBehind = false;
  #silentLooks = 0;
  #timer: NodeJS.Timeout | undefined;
  #settle: () => void = () => undefined;
  readonly #gone: Promise<void>;
  #leave: () => void = () => undefined;

  constructor(options: PredecessorOptions) {
    this.#options = options;
    this.#policies = new PolicyCarrier({ log: options.log, ask: (question, msMax) => this.#ask(question, msMax) });
    this.settled = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.#gone = new Promise((resolve) => {
      this.#leave = resolve;
    });
    if (options.channel !== undefined) return;
    this.#settle();
  }

  /** True while it follows. */
  get isFollowing(): boolean {
    return this.#isFollowing;
  }

  /** Resolves when nothing of it is left that needs us. */
  get gone(): Promise<void> {
    return this.#beginning === undefined ? Promise.resolve() : this.#gone;
  }

  /** Its workers, and those of the processes before it. */
  get workers(): number {
    return this.#workers;
  }

  /** We serve: says so, and has it follow. */
  async begin(beginning: Beginning): Promise<void> {
    const { channel, log } = this.#options;
    if (channel === undefined) return;
    this.#beginning = beginning;
    channel.listen({ onMessage: (message) => this.#receive(message), onClosed: () => this.#onClosed() });
    await channel.send(SERVING);
    try {
      const answer = await this.#ask({ kind: 'follow', protocol: PROTOCOL }, FOLLOW_MS_MAX);
      if (answer.kind !== 'following') throw new TypeError(`it answered ${answer.kind}`);
      this.#isFollowing = true;
      this.#workers = answer.workers;
      this.#timer = setInterval(() => this.#look(), LOOK_MS);
      this.#timer.unref();
      this.replaceDecisions();
      this.#policies.begin(answer.policy, beginning.policy());
      beginning.onFollowing(answer);
      await this.counts();
      log.info('the process before this one finishes what it has, and follows', { workers: answer.workers });
    } catch (error) {
      // One of an earlier release closes the channel, and finishes what it has by itself.
      log.warn('the process before this one does not follow: it hears of no decision from now on', { error });
      channel.close();
    } finally {
      this.#settle();
    }
  }

  /** Brings a change to it; answers how many of its workers have confirmed that. */
  async applyDecision(change: DecisionChange): Promise<number> {
    if (!this.#isFollowing) return 0;
    if (this.#isBehind || this.#changes >= CHANGES_WAITING_MAX) {
      this.#isBehind = true;
      return 0;
    }
    this.#changes += 1;
    try {
      await this.#bringing;
      const answer = await this.#ask({ kind: 'decision', change });
      if (answer.kind !== 'decided') throw new TypeError(`a decision was answered with ${answer.kind}`);
      this.#workers = answer.of;
      if (!answer.isInOrder) this.#isBehind = true;
      return answer.workers;
    } catch {
      // It is gone, or has failed to apply it: then the whole of it is another chance.
      this.#isBehind = true;
      return 0;
    } finally {
      this.#changes -= 1;
      this.#catchUp();
    }
  }

  /** Brings all decisions in force. */
  replaceDecisions(): void {
    if (!this.#isFollowing) return;
    this.#isBehind = false;
    this.#bringing = this.#bringing
      .then(() => this.#bringAll())
      .catch(() => {
        this.#isBehind = true;
      });
  }

  /** Another policy is in force: what it has open is judged by that, as far as it can be brought. Nobody waits for it. */
  bringPolicy(policy: CarriedPolicy): void {
    this.#policies.bring(policy);
  }

  #catchUp(): void {
    if (this.#isBehind && this.#changes === 0) this.replaceDecisions();
  }

  async command(command: Command): Promise<CommandOutcome> {
    if (!this.#isFollowing) return NOBODY;
    const answer = await this.#ask({ kind: 'command', command }).catch(() => undefined);
    return answer?.kind === 'commanded' ? answer.outcome : { acks: [], of: this.#workers };
  }

  async connections(query: ConnectionQuery): Promise<ConnectionsAnswer> {
    if (!this.#isFollowing) return NONE_OPEN;
    const answer = await this.#ask({ kind: 'connections', query }, LIST_MS_MAX).catch(() => undefined);
    return answer?.kind === 'connections' ? answer.open : NONE_OPEN;
  }

  /** What it has counted; what it said last when it does not answer soon. */
  async counts(): Promise<MetricsSnapshot> {
    if (!this.#isFollowing) return this.#counts;
    const answer = await this.#ask({ kind: 'counts' }, COUNTS_MS_MAX).catch(() => undefined);
    if (answer?.kind === 'counts' && !this.#hasLeft) this.#counts = answer.counts;
    return this.#counts;
  }

  async #bringAll(): Promise<void> {
    const { sequence, decisions } = this.#beginning?.decisions() ?? { sequence: 0, decisions: [] };
    let first = 0;
    do {
      const piece = {
        sequence,
        decisions: decisions.slice(first, first + PIECE_DECISIONS),
        isFirst: first === 0,
        isLast: first + PIECE_DECISIONS >= decisions.length,
      };
      // One after the other: a hundred thousand at once would hold up both event loops.
      await this.#ask({ kind: 'decisions', piece });
      first += PIECE_DECISIONS;
    } while (first < decisions.length);
  }

  /** Looks are counted and not milliseconds: when all of the machine stood still, it has had no time to answer either. */
  #look(): void {
    this.#catchUp();
    if (this.#silentLooks >= SILENT_LOOKS_MAX) {
      this.#options.log.warn('the process before this one does not answer, and is ended');
      this.#options.end();
      return this.#options.channel?.close();
    }
    this.#silentLooks += 1;
    if (this.#silentLooks > 1) return;
    const heard = (answer: Answer): void => {
      this.#silentLooks = 0;
      if (answer.kind === 'alive' && this.#isFollowing) this.#workers = answer.workers;
    };
    this.#ask({ kind: 'beat' }).then(heard, () => undefined);
  }

  #ask(question: Question, msMax: number = ANSWER_MS_MAX): Promise<Answer> {
    const { channel } = this.#options;
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    return new Promise((resolve, reject) => {
      if (channel === undefined || this.#hasLeft) return reject(new Error('it is gone'));
      const timer = setTimeout(() => {
        this.#asked.delete(number);
        reject(new Error(`no answer within ${msMax} ms`));
      }, msMax);
      this.#asked.set(number, { resolve, reject, timer });
      void channel.send({ number, question });
    });
  }

  #receive(message: unknown): void {
    if (!isSaid(message)) return this.#options.channel?.close();
    if (message.kind === 'leaving') {
      this.#counts = message.counts;
      this.#hasLeft = true;
      return;
    }
    const asked = this.#asked.get(message.number);
    this.#asked.delete(message.number);
    clearTimeout(asked?.timer);
    if (message.kind === 'answer') asked?.resolve(message.answer);
    else asked?.reject(new Error(message.message));
  }

  #onClosed(): void {
    clearInterval(this.#timer);
    this.#policies.end();
    const wasFollowing = this.#isFollowing;
    const why = this.#hasLeft ? 'left' : 'lost';
    this.#isFollowing = false;
    this.#hasLeft = true;
    this.#workers = 0;
    // What it had open is gone; what it has counted has happened.
    this.#counts = this.#counts.filter(({ type }) => type !== 'gauge');
    for (const { reject, timer } of this.#asked.values()) {
      clearTimeout(timer);
      reject(new Error('it is gone'));
    }
    this.#asked.clear();
    if (wasFollowing) {
      this.#options.log[why === 'left' ? 'info' : 'warn'](`the process before this one ${WORDS[why]}`);
      this.#options.onGone(why);
    }
    this.#leave();
  }
}

/** The first message, which every release understands. */
export const SERVING = 'serving';

const WORDS = { left: 'has finished', lost: 'has ended without a word' } as const;

const NOBODY: CommandOutcome = { acks: [], of: 0 };
const NONE_OPEN: ConnectionsAnswer = { total: 0, connections: [] };

/** Decisions in one message: some 200 KB. */
const PIECE_DECISIONS = 1_000;

/** Changes that wait for an answer. Beyond, none is kept for it: it gets all decisions when it has answered. */
const CHANGES_WAITING_MAX = 1_000;

/** How often it is looked whether it still answers, and how often it may not have. */
const LOOK_MS = 2_000;
const SILENT_LOOKS_MAX = 5;

/** It is as slow as its slowest worker. */
const ANSWER_MS_MAX = 30_000;

const LIST_MS_MAX = 5_000;

/** A scrape waits no longer. */
const COUNTS_MS_MAX = 1_000;

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (cause: Error) => void;
  readonly timer: NodeJS.Timeout;
}
