import { strict as assert } from 'node:assert';
import type { ReasonCode } from '@sallyport/kernel';
import { maskInPlace, newKey } from './mask.ts';

/**
 * Close codes the gateway sends of its own accord. 44xx mean "do not come back unchanged", 45xx "come back, with jitter".
 *
 * 1014 (bad gateway) is not among them: Chromium counts it as reserved and turns it into a protocol error, so the page
 * would see 1006 and no reason.
 */
export const CLOSE = {
  /** To an upstream whose client went away, and to both after a silence. */
  goingAway: 1001,
  /** RFC 6455 §7.4.1: a frame breaks the protocol. */
  protocolError: 1002,
  /** A text is not UTF-8. */
  invalidPayload: 1007,
  /** Within the protocol, beyond our limits: too many fragments, too many control frames. */
  policyViolation: 1008,
  messageTooBig: 1009,
  /** The gateway restarts; for both sides of every connection it drains. */
  serviceRestart: 1012,
  /** To a client whose upstream reads too slowly. */
  tryAgainLater: 1013,
  /** To a client that is not let in any more: banned, dismissed, or refused by a policy that came later. */
  forbidden: 4403,
  /** To a client that reads too slowly. */
  slowConsumer: 4502,
  /** To a client whose upstream vanished or broke the protocol. */
  upstreamDown: 4503,
} as const;

/** Codes that never stand in a frame (RFC 6455 §7.4.1); facts use them for what was seen. */
export const NO_STATUS = 1005;
export const ABNORMAL = 1006;

/** Largest payload of a control frame (RFC 6455 §5.5). */
export const CONTROL_BYTES_MAX = 125;

/** RFC 6455 §7.4 and the IANA registry: what a peer may put into a close frame. */
export function isWireCloseCode(code: number): boolean {
  if (code >= 1000 && code <= 1003) return true;
  if (code >= 1007 && code <= 1014) return true;
  return code >= 3000 && code <= 4999;
}

/** A close frame for a client. `text` is at most 123 bytes of UTF-8; a longer one or a code that must not be sent is a bug. */
export function closeFrame(code: number, text: string): Buffer {
  assert(isWireCloseCode(code), `close code ${code} must not be sent`);
  const textBytes = Buffer.byteLength(text);
  assert(textBytes <= CONTROL_BYTES_MAX - 2, `a close reason of ${textBytes} bytes is too long`);
  // Zeroed on purpose: memory of other connections must never fill a gap in a frame.
  const frame = Buffer.alloc(4 + textBytes);
  frame[0] = 0x88;
  frame[1] = 2 + textBytes;
  frame.writeUInt16BE(code, 2);
  frame.write(text, 4);
  return frame;
}

/** The same frame for an upstream: masked, because towards it we are the client. */
export function maskedCloseFrame(code: number, text: string): Buffer {
  const plain = closeFrame(code, text);
  const frame = Buffer.alloc(plain.length + 4);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const key = newKey();
  frame[0] = 0x88;
  frame[1] = 0x80 | (plain.length - 2);
  view.setInt32(2, key, true);
  plain.copy(frame, 6, 2);
  maskInPlace(view, 6, frame.length, key);
  return frame;
}

/** The frame that broke a rule, as far as it was read. */
export interface RefusedFrame {
  /** RFC 6455 §5.2, 0 to 15. */
  readonly opcode: number;
  /** Payload of its message up to and with it, or of a control frame; 0 when its length was not read. */
  readonly messageBytes: number;
  /** A copy of the first bytes of what was judged, unmasked; empty when none was. At most `REFUSED_BYTES_MAX`. */
  readonly payload: Buffer;
}

/** What is kept of a refused frame: enough to tell what kind of client sent it, and too little to be a conversation. */
export const REFUSED_BYTES_MAX = 64;

/** What a peer did that ends its connection. */
export interface FrameRefusal {
  /** What the peer that sent the frame is told. */
  readonly closeCode: number;
  readonly code: ReasonCode;
  /** Which rule, in words; also the reason text of the close frame, so it never holds bytes of the peer. */
  readonly detail: string;
}
