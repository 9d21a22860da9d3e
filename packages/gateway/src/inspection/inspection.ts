import {
  type Clock,
  type HeaderList,
  type Inspected,
  type InspectedHead,
  type Inspection,
  type InspectionFacts,
  PASS,
  type RequestHold,
  type ResponseHold,
  type Verdict,
  type WafPolicy,
} from '@sallyport/kernel';
import type { Interruption, Transaction, TransactionHeader, Waf } from '@sallyport/waf';
import { factsOf } from './facts.ts';
import type { InspectedRequest } from './request.ts';
import { deny, verdictOf } from './verdict.ts';

export interface RuleInspectionOptions {
  readonly engine: Waf;
  readonly policy: WafPolicy;
  /** `detect`: rules run to their end, and everything passes. */
  readonly mode: WafPolicy['mode'];
  /** The request id; rules see it as UNIQUE_ID. */
  readonly id: string;
  readonly clock: Clock;
}

type Refusal = Exclude<Verdict, { kind: 'pass' }>;

/**
 * One exchange on its way through the phases of the rules. Where nothing more is to be judged behind the request, because it is
 * refused or its response is not looked at, phase 5 follows at once: what rules made of a request is several times its size,
 * and must not wait for an upstream that takes its time; and the processor has all that it needs at hand.
 */
export class RuleInspection implements Inspection {
  /** Undefined when all phases are over. */
  #transaction: Transaction | undefined;
  #facts: InspectionFacts | undefined;
  readonly #policy: WafPolicy;
  readonly #clock: Clock;
  readonly #isDetecting: boolean;
  #requestHold: RequestHold | undefined;
  #responseHold: ResponseHold | undefined;
  #observed: Refusal | undefined;
  #us = 0;

  constructor({ engine, policy, mode, id, clock }: RuleInspectionOptions) {
    this.#policy = policy;
    this.#clock = clock;
    this.#isDetecting = mode !== 'block';
    this.#transaction = engine.transaction(id, this.#isDetecting ? 'DetectionOnly' : 'On');
  }

  get requestHold(): RequestHold | undefined {
    return this.#requestHold;
  }

  get responseHold(): ResponseHold | undefined {
    return this.#responseHold;
  }

  get isResponseInspected(): boolean {
    return this.#policy.response.isInspected;
  }

  /** Phase 1, and phase 2 where it has no body to wait for. */
  head(request: InspectedRequest): Verdict {
    const transaction = this.#running();
    const startMs = this.#clock.monotonicMs();
    const { isBodyInspected, bodyBytesMax, aboveBodyMax, encodedBody } = this.#policy.request;
    transaction.processConnection({ clientIp: request.clientIp, clientPort: 0, serverIp: '', serverPort: 0 });
    const { line, ...target } = request;
    transaction.processUri(line === undefined ? target : { ...target, line });
    let verdict = this.#judged(transaction, transaction.processRequestHeaders(request.headers));
    if (verdict.kind === 'pass' && request.hasBody && isBodyInspected) {
      // A body that cannot be read has not been looked at, whatever the rules say about its bytes.
      if (!isEncoded(request.contentEncoding)) {
        const isLongerRefused = aboveBodyMax === 'refuse' && !this.#isDetecting;
        this.#requestHold = { bytesMax: bodyBytesMax, isLongerRefused, isOptional: this.#isDetecting };
      } else if (encodedBody === 'refuse') verdict = this.#refused(deny('BODY_ENCODED', request.contentEncoding));
    }
    if (verdict.kind === 'pass' && this.#requestHold === undefined) {
      verdict = this.#judged(transaction, transaction.processRequestBody());
    }
    if (this.#requestHold === undefined) this.#endRequest(verdict);
    return this.#timed(startMs, verdict);
  }

  /** Phase 2. */
  requestBody(body: Uint8Array): Verdict {
    const transaction = this.#running();
    const startMs = this.#clock.monotonicMs();
    const seen = this.#seenOf(body);
    const verdict = this.#tooLarge(body) ?? this.#judged(transaction, transaction.processRequestBody(seen));
    this.#endRequest(verdict);
    return this.#timed(startMs, verdict);
  }

  *requestBodyInSlices(body: Uint8Array): Generator<undefined, Verdict> {
    const transaction = this.#running();
    const refused = this.#tooLarge(body);
    if (refused !== undefined) return refused;
    const slices = transaction.requestBodyInSlices(this.#seenOf(body));
    for (;;) {
      const startMs = this.#clock.monotonicMs();
      const slice = slices.next();
      if (slice.done === true) {
        const verdict = this.#judged(transaction, slice.value);
        this.#endRequest(verdict);
        return this.#timed(startMs, verdict);
      }
      this.#timed(startMs, PASS);
      yield;
    }
  }

  #tooLarge(body: Uint8Array): Refusal | undefined {
    const { bodyBytesMax, aboveBodyMax } = this.#policy.request;
    if (body.length <= bodyBytesMax || aboveBodyMax !== 'refuse') return undefined;
    const verdict = this.#refused(deny('BODY_TOO_LARGE', `${bodyBytesMax} bytes`));
    return verdict.kind === 'pass' ? undefined : verdict;
  }

  #seenOf(body: Uint8Array): Uint8Array {
    return body.subarray(0, this.#policy.request.bodyBytesMax);
  }

  /** Phase 3, and phase 4 where it has no body to wait for. */
  responseHead({ status, headers, hasBody }: InspectedHead): Verdict {
    const transaction = this.#transaction;
    if (transaction === undefined || !this.#policy.response.isInspected) return PASS;
    const startMs = this.#clock.monotonicMs();
    const head = { status, protocol: 'HTTP/1.1', headers: pairsOf(headers) };
    let verdict = this.#judged(transaction, transaction.processResponseHeaders(head));
    const { windowBytes, bodyBytesMax, aboveBodyMax } = this.#policy.response;
    const isLongerRefused = aboveBodyMax === 'refuse' && !this.#isDetecting;
    // Holding back events would take away what they are for.
    const isEventStream = headers.get('content-type')?.toLowerCase().startsWith('text/event-stream') ?? false;
    const isBodyWanted = hasBody && !isEventStream && transaction.wantsResponseBody;
    if (verdict.kind === 'pass' && isBodyWanted) {
      if (!isEncoded(headers.getAll('content-encoding').join(', '))) {
        this.#responseHold = {
          windowBytes: Math.min(windowBytes, bodyBytesMax),
          bytesMax: bodyBytesMax,
          isLongerRefused,
          isOptional: this.#isDetecting,
        };
      } else if (aboveBodyMax === 'refuse') {
        verdict = this.#refused(deny('RESPONSE_CONTENT_DENIED', 'it is encoded and cannot be inspected'));
      }
    }
    if (verdict.kind === 'pass' && this.#responseHold === undefined) {
      verdict = this.#judged(transaction, transaction.processResponseBody());
    }
    return this.#timed(startMs, verdict);
  }

  /** Phase 4, for each piece. */
  responseBody(piece: Uint8Array): Verdict {
    const transaction = this.#running();
    const startMs = this.#clock.monotonicMs();
    return this.#timed(startMs, this.#judged(transaction, transaction.processResponseBody(piece)));
  }

  finish(): Inspected {
    const startMs = this.#clock.monotonicMs();
    this.#conclude();
    this.#timed(startMs, PASS);
    return { facts: this.#facts, observed: this.#observed, us: Math.round(this.#us) };
  }

  /** @throws Error when all phases are over: what comes then was looked at by nobody, and must not pass for that. */
  #running(): Transaction {
    if (this.#transaction === undefined) throw new Error('this inspection is over');
    return this.#transaction;
  }

  /** All of the request was judged. */
  #endRequest(verdict: Verdict): void {
    if (verdict.kind !== 'pass' || !this.#policy.response.isInspected) this.#conclude();
  }

  /** Phase 5. Once, also when it throws. */
  #conclude(): void {
    const transaction = this.#transaction;
    if (transaction === undefined) return;
    this.#transaction = undefined;
    transaction.processLogging();
    const mode = this.#isDetecting ? 'detect' : 'block';
    this.#facts = factsOf(transaction, { mode, ruleSet: this.#policy.ruleSet });
  }

  #judged(transaction: Transaction, interruption: Interruption | undefined): Verdict {
    const wanted = interruption ?? transaction.suppressedInterruption;
    return wanted === undefined ? PASS : this.#refused(verdictOf(wanted, transaction.matchedRules));
  }

  /** The verdict; in detection what would have been one is noted, the first of them. */
  #refused(verdict: Refusal): Verdict {
    if (!this.#isDetecting) return verdict;
    this.#observed ??= verdict;
    return PASS;
  }

  #timed(startMs: number, verdict: Verdict): Verdict {
    this.#us += (this.#clock.monotonicMs() - startMs) * 1_000;
    return verdict;
  }
}

/** RFC 9110 §8.4: `identity` is no encoding. */
function isEncoded(contentEncoding: string): boolean {
  return contentEncoding.split(',').some((coding) => !['', 'identity'].includes(coding.trim().toLowerCase()));
}

function pairsOf(headers: HeaderList): readonly TransactionHeader[] {
  return Array.from({ length: headers.length }, (_, index) => [headers.nameAt(index), headers.valueAt(index)] as const);
}
