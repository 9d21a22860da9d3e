import type { InspectionFacts } from './event.ts';
import type { HeaderList } from './header-list.ts';
import type { Verdict } from './verdict.ts';

/**
 * What a stage goes on to look at when the head of an exchange has passed: the request's body, the response, the end. It
 * belongs to the exchange, which calls in the order of this interface and acts on each verdict; after one that is not
 * `pass` only `finish` follows. A throw is a failure of the stage.
 */
export interface Inspection {
  /** How much of the request's body is to be held until it was judged; undefined: it streams, unseen. */
  readonly requestHold: RequestHold | undefined;
  /** The request's body, whole or as much as is to be held. Not called for a request without one. */
  requestBody(body: Uint8Array): Verdict;
  /** The same with a pause every few milliseconds, for a long body. It may be given up in a pause; `finish` follows all the same. */
  requestBodyInSlices(body: Uint8Array): Generator<undefined, Verdict>;
  /** True when responses are to be judged at all; their upstream is then asked for bodies without encoding. */
  readonly isResponseInspected: boolean;
  /** The response's head, before anything of it has left. */
  responseHead(head: InspectedHead): Verdict;
  /** How the response's body is to be judged; undefined: not at all. Known after `responseHead`. */
  readonly responseHold: ResponseHold | undefined;
  /** A piece of the response's body, or all of it. */
  responseBody(piece: Uint8Array): Verdict;
  /** The exchange is over, whatever became of it. Called once. */
  finish(): Inspected;
}

export interface RequestHold {
  readonly bytesMax: number;
  /** Where it cannot be held it may pass unseen: the stage only looks. */
  readonly isOptional: boolean;
  /** A longer body is refused; otherwise its beginning is judged and the rest passes unseen. */
  readonly isLongerRefused: boolean;
}

export interface ResponseHold {
  /** Bytes that are judged in one piece. */
  readonly windowBytes: number;
  /** Bytes that are judged in all. */
  readonly bytesMax: number;
  /** Where it cannot be held it may pass unseen: the stage only looks. */
  readonly isOptional: boolean;
  /** A longer response is refused; otherwise the rest passes unseen. */
  readonly isLongerRefused: boolean;
}

export interface InspectedHead {
  readonly status: number;
  readonly headers: HeaderList;
  readonly hasBody: boolean;
}

/** What is left of an inspection. */
export interface Inspected {
  /** Undefined when there is nothing to tell. */
  readonly facts: InspectionFacts | undefined;
  /** What would have been done if the stage did more than look; undefined: nothing. */
  readonly observed: Exclude<Verdict, { kind: 'pass' }> | undefined;
  /** Microseconds that the stage took. */
  readonly us: number;
}
