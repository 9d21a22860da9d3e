import type { CommandOutcome, ConnectionQuery } from '@sallyport/control';
import type { ConnectionsAnswer } from '@sallyport/control/contract';
import type { Command, Decision, DecisionChange, DecisionSnapshot, Log, MetricsSnapshot } from '@sallyport/kernel';
import { type CarriedPolicy, type PolicyPiece, PolicyReceipt, RELEASE } from './carried-policy.ts';
import type { Channel } from './channel.ts';
import {
  type Answer,
  type DecisionsPiece,
  FOLLOW_MS_MAX,
  isAsked,
  PROTOCOL,
  type Question,
  type Said,
} from './messages.ts';

/** What a process that finishes what it has does for the one that has taken over. */
export interface FollowingPlane {
  /** The other one speaks our language: everything but our connections is its business from now on. */
  follow(): { readonly attackLevel: number; readonly policyHash: string };
  /** How many may have connections, those of processes before us included. */
  workers(): number;
  replaceDecisions(snapshot: DecisionSnapshot): void;
  /** Answers how many workers have confirmed it; undefined: a change before it is missing. */
  applyDecision(change: DecisionChange): Promise<number> | undefined;
  /** Judges what is open by it; answers how many workers do. @throws Error of one that cannot use it: then none does. */
  judgeBy(policy: CarriedPolicy): Promise<number>;
  command(command: Command): Promise<CommandOutcome>;
  connections(query: ConnectionQuery): Promise<ConnectionsAnswer>;
  counts(): Promise<MetricsSnapshot>;
  /** Nobody tells us any more who is banned. */
  onOrphaned(): void;
}

/**
 * The process that has taken over from this one, as long as this one has connections.
 *
 * It decides, and what it decides holds here as well, in its order. When it is gone, somebody else may decide of whom we would
 * never hear: so a process that has lost its successor does not live on for long.
 */
export class Successor {
  /** Resolves when it has said that we follow, or will never say it: until then what is asked of the service is asked of us. */
  readonly settled: Promise<void>;
  readonly #channel: Channel;
  readonly #plane: FollowingPlane;
  readonly #log: Log;
  readonly #receipt = new PolicyReceipt();
  #pieces: Decision[] = [];
  #isFollowing = false;
  #isLeaving = false;
  #settle: () => void = () => undefined;

  constructor(channel: Channel, plane: FollowingPlane, log: Log) {
    this.#channel = channel;
    this.#plane = plane;
    this.#log = log;
    this.settled = new Promise((resolve) => {
      const timer = setTimeout(resolve, FOLLOW_MS_MAX);
      this.#settle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    channel.listen({ onMessage: (message) => this.#receive(message), onClosed: () => this.#onClosed() });
  }

  /** Nothing is left here: tells what was counted to the end. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    if (this.#isFollowing) await this.#say({ kind: 'leaving', counts: await this.#plane.counts() });
    this.#channel.close();
  }

  #receive(message: unknown): void {
    if (!isAsked(message)) return this.#channel.close();
    const { number, question } = message;
    // Before anything is waited for: what holds, holds in the order in which it came.
    const answer = this.#answerTo(question);
    answer.then(
      (given) => void this.#say({ kind: 'answer', number, answer: given }),
      (cause: unknown) => void this.#say({ kind: 'failure', number, message: String(cause) }),
    );
  }

  async #answerTo(question: Question): Promise<Answer> {
    switch (question.kind) {
      case 'follow':
        return this.#follow(question.protocol);
      case 'beat':
        return { kind: 'alive', workers: this.#plane.workers() };
      case 'decisions':
        return this.#take(question.piece);
      case 'decision': {
        const confirmed = this.#plane.applyDecision(question.change);
        const workers = (await confirmed) ?? 0;
        return { kind: 'decided', isInOrder: confirmed !== undefined, workers, of: this.#plane.workers() };
      }
      case 'policy':
        return this.#takePolicy(question.piece);
      case 'command':
        return { kind: 'commanded', outcome: await this.#plane.command(question.command) };
      case 'connections':
        return { kind: 'connections', open: await this.#plane.connections(question.query) };
      case 'counts':
        return { kind: 'counts', counts: await this.#plane.counts() };
    }
  }

  #follow(protocol: number): Answer {
    if (protocol !== PROTOCOL) throw new RangeError(`protocol ${protocol} is not ${PROTOCOL}`);
    this.#isFollowing = true;
    this.#settle();
    const { attackLevel, policyHash } = this.#plane.follow();
    const policy = { release: RELEASE, hash: policyHash };
    return { kind: 'following', workers: this.#plane.workers(), attackLevel, policy };
  }

  async #takePolicy(piece: PolicyPiece): Promise<Answer> {
    const policy = this.#receipt.take(piece);
    if (policy === undefined) return { kind: 'taken' };
    return { kind: 'judging', workers: await this.#plane.judgeBy(policy) };
  }

  #take({ sequence, decisions, isFirst, isLast }: DecisionsPiece): Answer {
    if (isFirst) this.#pieces = [];
    this.#pieces.push(...decisions);
    if (isLast) this.#plane.replaceDecisions({ sequence, decisions: this.#pieces.splice(0) });
    return { kind: 'taken' };
  }

  #onClosed(): void {
    this.#settle();
    // One of an earlier release only says that it serves, and closes the channel.
    if (!this.#isFollowing || this.#isLeaving) return;
    this.#log.warn('the process that has taken over is gone: what is still open here ends soon');
    this.#plane.onOrphaned();
  }

  #say(message: Said): Promise<void> {
    return this.#channel.send(message);
  }
}
