import { type Framing, type Inspection, PASS, type RequestHold, reason, type Verdict } from '@sallyport/kernel';
import type { ExchangeRecord } from '../emit/record.ts';
import { BodyHold } from '../inspection/body-hold.ts';
import { ResponseGate } from '../inspection/response-gate.ts';
import type { LongWork, Slice } from '../inspection/turns.ts';
import { deny } from '../inspection/verdict.ts';
import type { ReadLeniently } from '../inspection/witness.ts';
import type { InboundRequest } from '../transport/port.ts';
import type { ResponseSink, UpstreamCall } from '../upstream/port.ts';
import type { Batched } from './batch.ts';
import type { Arrival, GatewayContext } from './context.ts';
import { noteStageFailure } from './failures.ts';
import type { Forward } from './judge.ts';

export type Refusal = Exclude<Verdict, { kind: 'pass' }>;

/**
 * What inspection does to one exchange that is to be forwarded: holds the request's body until it was judged, and hands
 * the upstream exactly the bytes that were; stands between the upstream and the client.
 */
export class InspectedExchange {
  readonly #context: GatewayContext;
  readonly #record: ExchangeRecord;
  readonly #forward: Forward;
  readonly #inspection: Inspection;
  readonly #hold: RequestHold | undefined;
  #body: BodyHold | undefined;
  /** What came after that, until the upstream takes it: the client is paused, and what it had sent already is little. */
  #behind: Buffer[] = [];
  /** `flowing`: judged, and on its way as it comes. */
  #state: 'holding' | 'judged' | 'flowing' = 'holding';
  /** Everything the client had to say is held. */
  #isWhole = false;
  #gate: ResponseGate | undefined;
  /** The judgement of a long body. */
  #long: LongWork | undefined;

  private constructor(
    context: GatewayContext,
    record: ExchangeRecord,
    parts: { forward: Forward; inspection: Inspection },
  ) {
    this.#context = context;
    this.#record = record;
    this.#forward = parts.forward;
    this.#inspection = parts.inspection;
    this.#hold = parts.inspection.requestHold;
    const client = parts.forward.exchange.client.network;
    if (this.#hold === undefined) this.#state = 'flowing';
    else this.#body = new BodyHold({ bytesMax: this.#hold.bytesMax, account: context.held, client });
  }

  /** Undefined when no stage wants to see more than the head. */
  static of(context: GatewayContext, record: ExchangeRecord, forward: Forward): InspectedExchange | undefined {
    const { inspection } = forward.exchange;
    return inspection === undefined ? undefined : new InspectedExchange(context, record, { forward, inspection });
  }

  get forward(): Forward {
    return this.#forward;
  }

  /** The body must not be forwarded yet. */
  get isHolding(): boolean {
    return this.#state === 'holding';
  }

  /** What came so far is still here, so that what comes now belongs behind it. */
  get isBodyHere(): boolean {
    return this.#body !== undefined;
  }

  /** How the request's body is delimited towards the upstream. */
  get framing(): Framing {
    const isAllHere = this.#isWhole && this.#behind.length === 0;
    if (isAllHere && this.#body !== undefined) return { kind: 'length', bytes: this.#body.length };
    return this.#forward.exchange.request.framing;
  }

  /** Takes a piece of the request's body. `judge`: enough is here, and the rest passes unseen. */
  add(piece: Buffer): 'held' | 'judge' | Refusal {
    if (this.#hold === undefined || this.#body === undefined || this.#state !== 'holding') {
      this.#behind.push(piece);
      return 'held';
    }
    const result = this.#body.add(piece);
    switch (result) {
      case 'held':
        return 'held';
      case 'longer':
        return this.#hold.isLongerRefused ? deny('BODY_TOO_LARGE', `${this.#hold.bytesMax} bytes`) : 'judge';
      case 'client-full':
      case 'full':
        if (this.#hold.isOptional) {
          this.#behind.push(piece);
          return 'judge';
        }
        return deny('INSPECTION_BUSY', result === 'full' ? 'waf.heldMax' : 'waf.heldPerClientMax');
    }
  }

  /** The body is complete, or will not go on. */
  endBody(): void {
    this.#isWhole = true;
  }

  /**
   * Judges what is held, and hands over the verdict: with all others of its turn, or for a long body in slices, between
   * which others have their turn. Given up when nobody wants it any more. Returns what need not wait for its batch.
   */
  judge(wish: WishForJudgement): Batched | undefined {
    const { isWanted, onVerdict, onThrow } = wish;
    this.#state = 'judged';
    const bytes = this.#body?.bytes() ?? NO_BYTES;
    if (bytes.length < SLICED_BYTES_MIN) {
      return this.#context.batch.add(() => {
        if (this.#state !== 'judged' || !isWanted()) return () => undefined;
        const verdict = this.#run(() => this.#inspection.requestBody(bytes));
        return () => onVerdict(verdict);
      }, onThrow);
    }
    const slices = this.#inspection.requestBodyInSlices(bytes);
    const { network: client } = this.#forward.exchange.client;
    this.#long = { slice: () => this.#judgeSlice(slices, wish), bytes: bytes.length, client };
    this.#context.turns.add(this.#long);
    return undefined;
  }

  #judgeSlice(
    slices: Generator<undefined, Verdict>,
    { isWanted, onVerdict, onThrow }: WishForJudgement,
  ): ReturnType<Slice> {
    if (this.#state !== 'judged' || !isWanted()) return 'done';
    const turn = { isLast: true };
    const verdict = this.#run(() => {
      const slice = slices.next();
      turn.isLast = slice.done === true;
      return slice.done === true ? slice.value : PASS;
    });
    if (!turn.isLast) return 'more';
    this.#long = undefined;
    try {
      onVerdict(verdict);
    } catch (cause) {
      onThrow(cause);
    }
    return 'done';
  }

  /** Judges what came of a body that is broken, for the event alone. A long one is not worth the time. */
  judgeBroken(): void {
    this.#state = 'judged';
    const bytes = this.#body?.bytes();
    if (bytes === undefined || bytes.length >= SLICED_BYTES_MIN) return;
    this.#run(() => this.#inspection.requestBody(bytes));
  }

  /** Sends what was held. False: the upstream has to take it before more may come. */
  send(call: UpstreamCall): boolean {
    this.#state = 'flowing';
    const bytes = this.#body?.bytes();
    let isTaken = true;
    for (const piece of bytes === undefined ? this.#behind : [bytes, ...this.#behind]) {
      if (piece.length > 0) isTaken = call.write(piece);
    }
    this.#behind = [];
    if (this.#isWhole) call.end();
    if (isTaken) this.release();
    return isTaken;
  }

  /** The request's body is somebody else's now, or nobody's. */
  release(): void {
    if (this.#state === 'holding' || this.#state === 'judged') return;
    this.#body?.release();
    this.#body = undefined;
  }

  /** Where the upstream's answer goes. */
  sinkFor(sink: ResponseSink, onRefused: (verdict: Refusal) => void): ResponseSink {
    if (!this.#inspection.isResponseInspected) return sink;
    this.#gate = new ResponseGate({
      sink,
      inspection: this.#inspection,
      account: this.#context.held,
      client: this.#forward.exchange.client.network,
      run: (step) => this.#run(step),
      onRefused,
      nowMs: () => this.#context.clock.monotonicMs(),
    });
    return this.#gate;
  }

  sweep(nowMs: number): void {
    this.#gate?.sweep(nowMs);
  }

  /** The exchange is over. */
  end(): void {
    this.#state = 'flowing';
    if (this.#long !== undefined) this.#context.turns.remove(this.#long);
    this.release();
    this.#gate?.close();
  }

  #run(step: () => Verdict): Verdict {
    return runInspection(this.#context, this.#record, step, this.#forward.policy.modes.waf === 'observe');
  }
}

export interface WishForJudgement {
  readonly isWanted: () => boolean;
  readonly onVerdict: (verdict: Verdict) => void;
  /** The judgement or what follows from it has thrown. */
  readonly onThrow: (cause: unknown) => void;
}

const NO_BYTES = Buffer.alloc(0);

/** A shorter body is judged within some ten milliseconds. */
const SLICED_BYTES_MIN = 32_768;

/** Ends an exchange: its inspection, and then its event. */
export function endExchange(context: GatewayContext, record: ExchangeRecord): void {
  const { inspection } = record;
  record.inspection = undefined;
  if (inspection !== undefined) {
    runInspection(context, record, () => {
      record.inspected = inspection.finish();
      return PASS;
    });
  }
  context.emitter.exchange(record);
}

/** A throw is a bug of ours: recorded, and the exchange is refused unless the stage only observes. */
function runInspection(
  context: GatewayContext,
  record: ExchangeRecord,
  step: () => Verdict,
  isObserved = false,
): Verdict {
  try {
    return step();
  } catch (cause) {
    record.failedStages.push('waf');
    noteStageFailure(context, { stage: 'waf', requestId: record.requestId, cause });
    return isObserved ? PASS : { kind: 'deny', status: 403, reason: reason('STAGE_FAILED', 'waf') };
  }
}

/**
 * Lets rules say what was refused because it is no valid HTTP. Nothing is decided any more: the event shall know whether it
 * was an attack or a broken client.
 */
export function bearWitness(
  context: GatewayContext,
  record: ExchangeRecord,
  { arrival, read }: { arrival: Arrival; read: (clientIp: string) => ReadLeniently },
): void {
  runInspection(context, record, () => {
    const inspection = (record.policy ?? context.pinPolicy(record)).rules.witness(record.requestId);
    if (inspection === undefined) return PASS;
    record.inspection = inspection;
    const { request, body } = read(arrival.connection.client?.address.text ?? '');
    const proof = arrival.door.resolver.proofHeader;
    const headers = request.headers.filter(([name]) => name.toLowerCase() !== proof);
    inspection.head({ ...request, headers });
    // A body that the rules do not see in valid requests either.
    if (body === undefined || inspection.requestHold === undefined) return PASS;
    return inspection.requestBody(body);
  });
}

/** As {@link bearWitness}, of a body that is known to be broken before its request is judged: what was read of it waits with the transport. */
export function bearWitnessOfBody(
  context: GatewayContext,
  record: ExchangeRecord,
  { forward, request }: { readonly forward: Forward; readonly request: InboundRequest },
): void {
  const inspected = InspectedExchange.of(context, record, forward);
  if (inspected?.isHolding !== true) return;
  const onBody = (piece: Buffer): void => {
    record.bytesIn += piece.length;
    inspected.add(piece);
  };
  request.receive({ onBody, onBodyEnd: () => undefined });
  request.handOverRead();
  inspected.judgeBroken();
  inspected.end();
}
