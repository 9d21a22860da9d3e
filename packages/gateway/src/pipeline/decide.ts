import {
  type Clock,
  type Exchange,
  type ObservedVerdict,
  PASS,
  reason,
  type StageMode,
  type Verdict,
} from '@sallyport/kernel';
import { ON_FAILURE, STAGE_ORDER, type StageName, type Stages } from './order.ts';

/** What the pipeline needs of a policy. */
export interface DecidingPolicy {
  readonly stages: Stages;
  readonly modes: Readonly<Record<StageName, StageMode>>;
}

/** The verdict with its story. */
export interface Decision {
  readonly verdict: Verdict;
  /** The stage that ended it; '' for a pass. */
  readonly decidedBy: StageName | '';
  /** What stages in observe mode would have done. */
  readonly observed: readonly ObservedVerdict[];
  /** Stages that threw, and what. */
  readonly failures: readonly StageFailure[];
  /** Microseconds per stage that ran. */
  readonly stageUs: Readonly<Record<string, number>>;
}

/** A stage that threw: a bug of ours, for the log. */
export interface StageFailure {
  readonly stage: StageName;
  readonly cause: unknown;
}

/**
 * Judges one exchange: the stages in `STAGE_ORDER`, until one does not pass. Synchronous as long as every stage is.
 *
 * A stage that throws is recorded, and its own `onFailure` decides.
 */
export function decide(exchange: Exchange, policy: DecidingPolicy, clock: Clock): Decision | Promise<Decision> {
  const trail: Trail = { policy, clock, observed: NONE, failures: NONE, stageUs: {}, sinceMs: clock.monotonicMs() };
  for (let index = 0; index < STAGE_ORDER.length; index += 1) {
    const name = STAGE_ORDER[index];
    if (name === undefined) break;
    const verdict = inspect(name, exchange, trail);
    if (verdict instanceof Promise) return decideLater(exchange, trail, { index, verdict });
    const final = settle(name, verdict, trail);
    if (final !== undefined) return final;
  }
  return conclude(PASS, '', trail);
}

interface Trail {
  readonly policy: DecidingPolicy;
  readonly clock: Clock;
  observed: readonly ObservedVerdict[];
  failures: readonly StageFailure[];
  readonly stageUs: Record<string, number>;
  /** When the stage that runs now began: the end of the one before it. */
  sinceMs: number;
}

interface Pending {
  readonly index: number;
  readonly verdict: Promise<Verdict>;
}

const NONE: readonly never[] = [];

async function decideLater(exchange: Exchange, trail: Trail, pending: Pending): Promise<Decision> {
  let verdict: Verdict | Promise<Verdict> = pending.verdict;
  for (const name of STAGE_ORDER.slice(pending.index)) {
    if (verdict !== pending.verdict) verdict = inspect(name, exchange, trail);
    const settled = await verdict;
    const final = settle(name, settled, trail);
    if (final !== undefined) return final;
    verdict = PASS;
  }
  return conclude(PASS, '', trail);
}

function inspect(name: StageName, exchange: Exchange, trail: Trail): Verdict | Promise<Verdict> {
  try {
    const verdict = trail.policy.stages[name].inspect(exchange);
    return verdict instanceof Promise ? verdict.catch((cause: unknown) => failed(name, cause, trail)) : verdict;
  } catch (cause) {
    return failed(name, cause, trail);
  }
}

function failed(stage: StageName, cause: unknown, trail: Trail): Verdict {
  trail.failures = [...trail.failures, { stage, cause }];
  if (ON_FAILURE[stage] === 'pass') return PASS;
  return { kind: 'deny', status: 403, reason: reason('STAGE_FAILED', stage) };
}

/** Notes what a stage said; the decision if that ends it. */
function settle(name: StageName, verdict: Verdict, trail: Trail): Decision | undefined {
  const nowMs = trail.clock.monotonicMs();
  trail.stageUs[name] = Math.round((nowMs - trail.sinceMs) * 1_000);
  trail.sinceMs = nowMs;
  if (verdict.kind === 'pass') return undefined;
  // Without a route there is nowhere to go on to, so observing cannot mean passing.
  if (trail.policy.modes[name] === 'observe' && name !== 'routing') {
    trail.observed = [...trail.observed, { stage: name, verdict: verdict.kind, reason: verdict.reason.code }];
    return undefined;
  }
  return conclude(verdict, name, trail);
}

function conclude(verdict: Verdict, decidedBy: StageName | '', trail: Trail): Decision {
  const { observed, failures, stageUs } = trail;
  return { verdict, decidedBy, observed, failures, stageUs };
}
