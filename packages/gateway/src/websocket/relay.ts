import type { Duplex } from 'node:stream';
import { type Clock, type Reason, type ReasonCode, reason, type WebSocketLimits } from '@sallyport/kernel';
import { ABNORMAL, CLOSE, closeFrame, maskedCloseFrame } from './close.ts';
import { Direction, type MessageObserver } from './direction.ts';

export interface RelayOptions {
  /** The client's socket after the 101 has been written to it. Nagle's delay is off and no timeout is set. */
  readonly client: Duplex;
  /** Bytes that came behind the client's request head; may be empty. */
  readonly clientFirstBytes: Buffer;
  /** The upstream's socket after its 101 was verified. */
  readonly upstream: Duplex;
  readonly upstreamFirstBytes: Buffer;
  readonly limits: WebSocketLimits;
  readonly clock: Clock;
  readonly observer: MessageObserver;
  /** Called exactly once, when both sockets are closed; never before the constructor has returned. */
  readonly onClose: (facts: RelayFacts) => void;
}

/** What an event says of a relayed connection. */
export interface RelayFacts {
  /** Messages passed from the client to the upstream. */
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Payload bytes of those messages. */
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** The code the client sent or was sent; 1005: a close frame without a code; 1006: the client vanished; 0: still open. */
  readonly closeCode: number;
  readonly closedBy: 'client' | 'upstream' | 'gateway' | '';
  /** Undefined while it is open and when a side closed it in the regular way. */
  readonly reason: Reason | undefined;
  readonly durationMs: number;
}

/** Longest time from the first sign of an end to the hard end of both sockets: close frames cross in less, or never. */
export const CLOSE_MS = 5_000;

/** The time `CONTROL_FRAMES_MAX` counts for: sweeps come more often than this during a drain. */
const CONTROL_WINDOW_MS = 1_000;

/**
 * Joins a client and an upstream frame by frame until one of them closes, breaks a rule or goes away.
 *
 * Memory: two frame readers that keep at most 131 bytes each, and for each direction up to `bufferBytesMax` and one read
 * (64 KiB) of bytes that wait for a slow reader. A message is never held as a whole.
 *
 * | what happens | client is told | upstream is told |
 * |---|---|---|
 * | one side sends a close frame | the same frame, both ways | the same frame, both ways |
 * | a client's frame breaks a rule | 1002, 1007, 1008 or 1009 | 1001 |
 * | an upstream's frame breaks a rule | 4503 | 1002, 1007, 1008 or 1009 |
 * | the client vanishes | | 1001 |
 * | the upstream vanishes | 4503 | |
 * | the client takes nothing for `stallMs` | 4502 | 1001 |
 * | the upstream takes nothing for `stallMs` | 1013 | 1001 |
 * | silence for `idleMs` | 1001 | 1001 |
 * | `close(code, ...)` | the code | 1001; 1012 for 1012 |
 *
 * A side that has got a part of a frame whose rest will never come is not told anything: its socket ends there.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #client: Side;
  readonly #upstream: Side;
  readonly #openedMs: number;
  #ending: Ending | undefined;
  #closedMs: number | undefined;
  #renewedMs: number;
  #lastBytesRead = 0;
  #lastActivityMs: number;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#openedMs = options.clock.monotonicMs();
    this.#renewedMs = this.#openedMs;
    this.#lastActivityMs = this.#openedMs;
    const { client, upstream, limits, observer } = options;
    const inward = new Direction({ name: 'in', source: client, target: upstream, limits, observer });
    const outward = new Direction({ name: 'out', source: upstream, target: client, limits, observer });
    this.#client = {
      name: 'client',
      socket: client,
      incoming: inward,
      outgoing: outward,
      ...freshSide(this.#openedMs),
    };
    this.#upstream = {
      name: 'upstream',
      socket: upstream,
      incoming: outward,
      outgoing: inward,
      ...freshSide(this.#openedMs),
    };
    this.#join(this.#client, options.clientFirstBytes);
    this.#join(this.#upstream, options.upstreamFirstBytes);
  }

  get isClosed(): boolean {
    return this.#closedMs !== undefined;
  }

  /** Bytes that wait for each side to read them, its stream's own record of them included; for metrics. */
  get waitingBytes(): { readonly client: number; readonly upstream: number } {
    return { client: this.#client.outgoing.waitingBytes, upstream: this.#upstream.outgoing.waitingBytes };
  }

  /** What is known so far, or at the end. */
  facts(): RelayFacts {
    return {
      messagesIn: this.#client.incoming.messages,
      messagesOut: this.#client.outgoing.messages,
      bytesIn: this.#client.incoming.bytes,
      bytesOut: this.#client.outgoing.bytes,
      closeCode: this.#ending?.closeCode ?? 0,
      closedBy: this.#ending?.closedBy ?? '',
      reason: this.#ending?.reason,
      durationMs: (this.#closedMs ?? this.#options.clock.monotonicMs()) - this.#openedMs,
    };
  }

  /**
   * Ends the connection with a close frame to both sides. `code` is one that may be sent, `text` has at most 123 bytes and
   * is read by the client. Nothing when it is already ending.
   */
  close(code: number, text: string, why: Reason): void {
    if (!this.#begin({ closeCode: code, closedBy: 'gateway', reason: why })) return;
    this.#tell(this.#client, code, text);
    const isRestart = code === CLOSE.serviceRestart;
    this.#tell(this.#upstream, isRestart ? CLOSE.serviceRestart : CLOSE.goingAway, isRestart ? text : '');
    this.#settle();
  }

  /** Ends both sockets at once, without a word. */
  destroy(why: Reason): void {
    this.#begin({ closeCode: ABNORMAL, closedBy: 'gateway', reason: why });
    this.#client.socket.destroy();
    this.#upstream.socket.destroy();
  }

  /** The owner calls it about once a second, or more often, with the clock's monotonic time: all deadlines are judged here. */
  sweep(nowMs: number): void {
    if (this.#ending !== undefined) {
      if (nowMs >= this.#ending.deadlineMs) this.destroy(reason('INTERNAL'));
      return;
    }
    if (nowMs - this.#renewedMs >= CONTROL_WINDOW_MS) {
      this.#renewedMs = nowMs;
      this.#client.incoming.renewControlBudget();
      this.#upstream.incoming.renewControlBudget();
    }
    if (this.#isStalled(this.#client, nowMs)) {
      this.close(CLOSE.slowConsumer, 'slow consumer', reason('SLOW_CONSUMER', 'client'));
    } else if (this.#isStalled(this.#upstream, nowMs)) {
      this.close(CLOSE.tryAgainLater, 'try again later', reason('SLOW_CONSUMER', 'upstream'));
    } else if (this.#isIdle(nowMs)) {
      this.close(CLOSE.goingAway, 'idle', reason('CONNECTION_IDLE'));
    }
  }

  #join(side: Side, firstBytes: Buffer): void {
    const { socket } = side;
    socket.on('data', (chunk: Buffer) => this.#onData(side, chunk));
    socket.on('end', () => this.#onGone(side));
    socket.on('error', () => this.#onGone(side));
    socket.on('close', () => this.#onClosed(side));
    if (firstBytes.length > 0) this.#onData(side, firstBytes);
    // A socket that ended while the other handshake was under way will not say so again.
    if (socket.closed) process.nextTick(() => this.#onClosed(side));
    else if (socket.readableEnded || socket.destroyed) process.nextTick(() => this.#onGone(side));
    else if (!side.incoming.isPaused) socket.resume();
  }

  #onData(side: Side, chunk: Buffer): void {
    // RFC 6455 §5.5.1: what follows a close frame does not count. What follows a refused frame has no meaning.
    if (side.isDead || side.incoming.hasClosed) return;
    switch (side.incoming.carry(chunk)) {
      case 'carried':
        // A frame that was in progress may have been the last thing a closing side waited for.
        if (this.#ending !== undefined) this.#settle();
        return;
      case 'closed':
        this.#begin({ closeCode: side.incoming.closeCode, closedBy: side.name, reason: undefined });
        this.#settle();
        return;
      case 'refused':
        this.#onRefused(side);
    }
  }

  #onRefused(side: Side): void {
    side.isDead = true;
    const refusal = side.incoming.refusal;
    const code = refusal?.closeCode ?? CLOSE.protocolError;
    const detail = refusal?.detail ?? '';
    const isClient = side.name === 'client';
    const whyCode: ReasonCode = isClient ? (refusal?.code ?? 'FRAME_INVALID') : 'UPSTREAM_MALFORMED';
    const why = reason(whyCode, detail);
    const { refused } = side.incoming;
    if (refused !== undefined) this.#options.observer.onRefusal(isClient ? 'in' : 'out', refused, why);
    this.#begin({ closeCode: isClient ? code : CLOSE.upstreamDown, closedBy: 'gateway', reason: why });
    this.#tell(side, code, detail);
    this.#tellGone(side);
    this.#settle();
  }

  /** No more bytes will come from `side`. */
  #onGone(side: Side): void {
    if (side.isDead) return;
    side.isDead = true;
    if (!side.incoming.hasClosed) {
      const isClient = side.name === 'client';
      this.#begin({
        closeCode: isClient ? ABNORMAL : CLOSE.upstreamDown,
        closedBy: side.name,
        reason: reason(isClient ? 'CLIENT_CLOSED' : 'UPSTREAM_CLOSED'),
      });
      // What it would still be sent has nobody to answer it.
      side.outgoing.abandon();
      this.#tellGone(side);
    }
    this.#settle();
  }

  #onClosed(side: Side): void {
    if (side.isClosed) return;
    this.#onGone(side);
    side.isClosed = true;
    side.outgoing.abandon();
    if (!this.#client.isClosed || !this.#upstream.isClosed) return;
    this.#closedMs = this.#options.clock.monotonicMs();
    this.#options.onClose(this.facts());
  }

  /** The first cause is the one that counts; false when there was one already. */
  #begin(ending: Omit<Ending, 'deadlineMs'>): boolean {
    if (this.#ending !== undefined) return false;
    this.#ending = { ...ending, deadlineMs: this.#options.clock.monotonicMs() + CLOSE_MS };
    return true;
  }

  /** Tells the other side that `gone` will send nothing any more. */
  #tellGone(gone: Side): void {
    if (gone === this.#client) this.#tell(this.#upstream, CLOSE.goingAway, '');
    else this.#tell(this.#client, CLOSE.upstreamDown, 'upstream down');
  }

  /** A close frame to `side`, unless it has got one. */
  #tell(side: Side, code: number, text: string): void {
    const other = side === this.#client ? this.#upstream : this.#client;
    // The rest of a frame that a dead side began will never come: any other bytes would be taken for it.
    if (side.outgoing.isMidFrame && other.isDead) side.outgoing.abandon();
    else side.outgoing.finish(side === this.#client ? closeFrame(code, text) : maskedCloseFrame(code, text));
  }

  /** Ends the socket of each side that has got everything it will get and from which nothing more counts. */
  #settle(): void {
    for (const side of [this.#client, this.#upstream]) {
      const isDone = side.outgoing.isFinished && (side.isDead || side.incoming.hasClosed || side.outgoing.isMidFrame);
      if (isDone && !side.socket.writableEnded) side.socket.end();
    }
  }

  /**
   * True when bytes have waited for `side` for `stallMs` and none of its writes was taken. A socket joins what waits into
   * one write of up to `bufferBytesMax`, so the slowest reader that is kept takes `bufferBytesMax` in `stallMs`.
   */
  #isStalled(side: Side, nowMs: number): boolean {
    const { writesDone, isWaiting } = side.outgoing;
    if (!isWaiting || writesDone !== side.lastWritesDone) {
      side.lastWritesDone = writesDone;
      side.lastTakenMs = nowMs;
      return false;
    }
    return nowMs - side.lastTakenMs >= this.#options.limits.stallMs;
  }

  #isIdle(nowMs: number): boolean {
    const bytesRead = this.#client.incoming.bytesRead + this.#upstream.incoming.bytesRead;
    if (bytesRead !== this.#lastBytesRead) {
      this.#lastBytesRead = bytesRead;
      this.#lastActivityMs = nowMs;
      return false;
    }
    return nowMs - this.#lastActivityMs >= this.#options.limits.idleMs;
  }
}

interface Side {
  readonly name: 'client' | 'upstream';
  readonly socket: Duplex;
  /** What this side sends. */
  readonly incoming: Direction;
  /** What this side is sent. */
  readonly outgoing: Direction;
  /** Nothing more of what it sends counts: it ended, failed or broke a rule. */
  isDead: boolean;
  isClosed: boolean;
  lastWritesDone: number;
  lastTakenMs: number;
}

interface Ending {
  readonly closeCode: number;
  readonly closedBy: 'client' | 'upstream' | 'gateway';
  readonly reason: Reason | undefined;
  readonly deadlineMs: number;
}

function freshSide(nowMs: number): Pick<Side, 'isDead' | 'isClosed' | 'lastWritesDone' | 'lastTakenMs'> {
  return { isDead: false, isClosed: false, lastWritesDone: 0, lastTakenMs: nowMs };
}
