import type { Command, CommandAck, DecisionChange, DecisionSnapshot } from '@sallyport/kernel';

/** What a policy is to the control plane: something with a number, that data planes understand. */
export interface PolicyVersion {
  readonly version: number;
}

/** Why a data plane is no more. */
export interface PlaneEnd {
  /** `stopped`: it was told to. The others are failures. */
  readonly cause: PlaneEndCause;
  /** For operators. */
  readonly detail: string;
}

export type PlaneEndCause = 'stopped' | 'error' | 'out-of-memory' | 'hang' | 'start';

/**
 * One data plane as the control plane sees it: a worker thread. Answers come as promises, which reject when it ends before it
 * has answered.
 */
export interface DataPlane<Image extends PolicyVersion> {
  readonly slot: number;
  /** Resolves when it may be given connections; rejects when it cannot start. */
  readonly started: Promise<void>;
  /** Resolves once, when nothing of it is left. */
  readonly ended: Promise<PlaneEnd>;
  /** Makes a policy usable beside the one in force; answers the milliseconds that took. */
  prepare(image: Image): Promise<number>;
  /** Puts the prepared policy in force; answers the milliseconds of the step itself. */
  activate(version: number): Promise<number>;
  discard(): void;
  /** Decisions and their changes, in the order of the calls. */
  replaceDecisions(snapshot: DecisionSnapshot): void;
  /** Resolves when it holds. */
  applyDecision(change: DecisionChange): Promise<void>;
  command(command: Command): Promise<CommandAck>;
  /** Finishes what is in progress, and ends. */
  drain(): void;
  /** Cuts what is in progress, records it, and ends. */
  close(): void;
  /** Ends it at once, whatever it does. */
  terminate(cause: PlaneEndCause): void;
}
