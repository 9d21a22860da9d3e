import type { Duplex } from 'node:stream';
import { type GatewayError, type Inspection, type ResponseHold, reason, type Verdict } from '@sallyport/kernel';
import type { ResponseHead, ResponseSink } from '../upstream/port.ts';
import { BodyHold } from './body-hold.ts';
import type { HeldBytes } from './held-bytes.ts';
import { deny } from './verdict.ts';

type Refusal = Exclude<Verdict, { kind: 'pass' }>;

export interface ResponseGateOptions {
  /** Where the response goes when it may. */
  readonly sink: ResponseSink;
  readonly inspection: Inspection;
  readonly account: HeldBytes;
  /** Whose bytes are held: the client's network. */
  readonly client: string;
  /** Runs a step of the inspection; what it throws becomes a verdict. */
  readonly run: (step: () => Verdict) => Verdict;
  /** The response must not go on. What has left already cannot be taken back: then it has to break off visibly. */
  readonly onRefused: (verdict: Refusal) => void;
  readonly nowMs: () => number;
}

/**
 * Stands between an upstream and the client of an inspected exchange. A response that is no longer than a window is judged
 * before a byte of it leaves; a longer one window by window, each with the end of the one before it, which is held back so
 * that nothing hides on the border. What a slow server has sent so far is judged and let go after {@link WAIT_MS}.
 */
export class ResponseGate implements ResponseSink {
  readonly #options: ResponseGateOptions;
  #state: 'waiting' | 'holding' | 'open' | 'closed' = 'waiting';
  #hold: ResponseHold | undefined;
  /** Not sent yet, because nothing may be sent yet. */
  #head: ResponseHead | undefined;
  #body: BodyHold | undefined;
  /** At the beginning of `#body`: sent already, and kept for what follows. */
  #sentBytes = 0;
  #seenBytes = 0;
  #receivedBytes = 0;
  #heldSinceMs = 0;

  constructor(options: ResponseGateOptions) {
    this.#options = options;
  }

  /** Lets go of what has waited long enough. */
  sweep(nowMs: number): void {
    if (this.#state !== 'holding' || nowMs - this.#heldSinceMs < WAIT_MS) return;
    if (this.#head !== undefined && (this.#body?.length ?? 0) === 0) return;
    this.#judge(0);
  }

  /** Nothing more will come or is wanted. Safe to call twice. */
  close(): void {
    this.#state = 'closed';
    this.#body?.release();
    this.#body = undefined;
  }

  onBodyWanted(): void {
    this.#options.sink.onBodyWanted();
  }

  onDrain(): void {
    this.#options.sink.onDrain();
  }

  onHead(head: ResponseHead): void {
    const { inspection, run, sink } = this.#options;
    const { framing } = head;
    const hasBody = framing.kind === 'length' ? framing.bytes > 0 : framing.kind !== 'none';
    const verdict = run(() => inspection.responseHead({ status: head.status, headers: head.headers, hasBody }));
    if (verdict.kind !== 'pass') return this.#refuse(verdict);
    this.#hold = inspection.responseHold;
    if (this.#hold === undefined) {
      this.#state = 'open';
      return sink.onHead(head);
    }
    const { isLongerRefused, bytesMax } = this.#hold;
    if (isLongerRefused && framing.kind === 'length' && framing.bytes > bytesMax)
      return this.#refuse(tooLong(bytesMax));
    this.#state = 'holding';
    this.#head = head;
    this.#heldSinceMs = this.#options.nowMs();
    this.#body = this.#newBody();
  }

  onData(chunk: Buffer): boolean {
    switch (this.#state) {
      case 'open':
        return this.#options.sink.onData(chunk);
      case 'holding':
        return this.#take(chunk);
      case 'waiting':
      case 'closed':
        return true;
    }
  }

  onEnd(): void {
    if (this.#state === 'holding') this.#judge(0);
    // What was refused has told so, and has no end.
    if (this.#state === 'closed') return;
    this.close();
    this.#options.sink.onEnd();
  }

  onFailure(error: GatewayError): void {
    if (this.#state === 'closed') return;
    this.close();
    this.#options.sink.onFailure(error);
  }

  onUpgrade(head: ResponseHead, socket: Duplex, firstBytes: Buffer): void {
    this.#options.sink.onUpgrade(head, socket, firstBytes);
  }

  /** False when the client has to read before more is wanted. */
  #take(chunk: Buffer): boolean {
    this.#receivedBytes += chunk.length;
    if (this.#hold?.isLongerRefused === true && this.#receivedBytes > this.#hold.bytesMax) {
      this.#refuse(tooLong(this.#hold.bytesMax));
      return true;
    }
    const result = this.#body?.add(chunk);
    switch (result) {
      case undefined:
      case 'held':
        return true;
      case 'longer':
        return this.#judge(OVERLAP_BYTES);
      case 'client-full':
      case 'full':
        return this.#overflow(chunk, result);
    }
  }

  /** There is no room to hold it in. */
  #overflow(chunk: Buffer, result: 'client-full' | 'full'): boolean {
    if (this.#hold?.isOptional !== true) {
      this.#refuse(deny('INSPECTION_BUSY', result === 'full' ? 'waf.heldMax' : 'waf.heldPerClientMax'));
      return true;
    }
    const isTaken = this.#judge(0);
    if (this.#state === 'closed') return true;
    this.#open();
    const isMoreTaken = this.#options.sink.onData(chunk);
    return isTaken && isMoreTaken;
  }

  /** Judges what is held, and sends all of it but the last `keptBytes`. */
  #judge(keptBytes: number): boolean {
    const { inspection, run } = this.#options;
    const body = this.#body;
    const hold = this.#hold;
    if (body === undefined || hold === undefined) return true;
    const bytes = body.bytes();
    const verdict = run(() => inspection.responseBody(bytes));
    if (verdict.kind !== 'pass') {
      this.#refuse(verdict);
      return true;
    }
    this.#seenBytes += bytes.length - this.#sentBytes;
    if (this.#seenBytes >= hold.bytesMax && !hold.isLongerRefused) {
      const isTaken = this.#send(bytes.subarray(this.#sentBytes));
      this.#open();
      return isTaken;
    }
    const end = Math.max(bytes.length - keptBytes, this.#sentBytes);
    const isTaken = this.#send(bytes.subarray(this.#sentBytes, end));
    // The head's receiver may have found that nobody is there any more.
    if (this.#state !== 'holding') return isTaken;
    const context = bytes.subarray(Math.max(0, bytes.length - OVERLAP_BYTES));
    this.#sentBytes = Math.max(0, context.length - (bytes.length - end));
    body.release();
    this.#body = this.#newBody();
    // It was part of what has just been released, so there is room for it.
    this.#body.add(context);
    this.#heldSinceMs = this.#options.nowMs();
    return isTaken;
  }

  #send(bytes: Buffer): boolean {
    const { sink } = this.#options;
    const head = this.#head;
    if (head !== undefined) sink.onHead(head);
    this.#head = undefined;
    // The buffer is given back and never written to again, so a part of it may leave as it is.
    return bytes.length === 0 || sink.onData(bytes);
  }

  /** The rest passes unseen. */
  #open(): void {
    this.#body?.release();
    this.#body = undefined;
    this.#state = 'open';
  }

  #refuse(verdict: Refusal): void {
    this.close();
    this.#options.onRefused(verdict);
  }

  #newBody(): BodyHold {
    const { account, client } = this.#options;
    return new BodyHold({ bytesMax: this.#hold?.windowBytes ?? 0, account, client });
  }
}

/** A server that says nothing for so long is not about to fill the window. */
export const WAIT_MS = 1_000;

/** How much of a window is seen again with the next: longer than what rules look for in one piece. */
const OVERLAP_BYTES = 1_024;

function tooLong(bytesMax: number): Refusal {
  return { kind: 'deny', status: 502, reason: reason('RESPONSE_CONTENT_DENIED', `longer than ${bytesMax} bytes`) };
}
