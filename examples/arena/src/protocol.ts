/**
 * The messages of the game, as documented in README.md. One JSON object per WebSocket text message, with a `type`.
 * Everything that arrives is parsed here, once, into a type that remembers.
 */

/** Longest message from a player, in bytes. Beyond it the connection closes with 1009: a player has nothing that long to say. */
export const MESSAGE_BYTES_MAX = 4096;
/** Longest name, in code points: what fits above a player on the field. */
const NAME_LENGTH_MAX = 16;
/** Longest chat line, in code points: two lines of the chat panel. */
const CHAT_LENGTH_MAX = 200;
/** Longest resume token accepted, in characters; the server's own have 22. */
const TOKEN_LENGTH_MAX = 64;

export type ClientMessage =
  | { readonly type: 'join'; readonly name: string; readonly token: string | null }
  | { readonly type: 'input'; readonly seq: number; readonly dx: number; readonly dy: number; readonly dash: boolean }
  | { readonly type: 'chat'; readonly text: string }
  | { readonly type: 'ping'; readonly at: number };

export interface ChatLine {
  /** Counts up within a room. */
  readonly line: number;
  /** Player who wrote it. */
  readonly id: number;
  readonly name: string;
  readonly text: string;
}

/** id, x, y, coins, flags (see `FLAG`), seq of the last input that was taken into account. */
export type PlayerRow = readonly [number, number, number, number, number, number];
/** id, x, y, value. */
export type CoinRow = readonly [number, number, number, number];
/** id, name. */
export type RosterRow = readonly [number, string];
export type EventRow =
  | readonly ['coin', playerId: number, value: number, x: number, y: number]
  | readonly ['tag', playerId: number, victimId: number, coins: number];

export const FLAG: { readonly dashing: 1; readonly shielded: 2; readonly stunned: 4; readonly away: 8 } = {
  dashing: 1,
  shielded: 2,
  stunned: 4,
  away: 8,
};

export type ServerMessage =
  | {
      readonly type: 'welcome';
      readonly id: number;
      readonly name: string;
      /** Secret of this player: whoever presents it within `resumeSeconds` after a lost connection gets the player back. */
      readonly token: string;
      readonly resumed: boolean;
      readonly score: number;
      readonly room: number;
      readonly tickRateHz: number;
      readonly resumeSeconds: number;
      readonly field: { readonly width: number; readonly height: number };
      readonly chat: readonly ChatLine[];
    }
  | {
      readonly type: 'snapshot';
      readonly tick: number;
      readonly players: readonly PlayerRow[];
      readonly coins: readonly CoinRow[];
      /** Only when something happened. */
      readonly events?: readonly EventRow[];
      /** Only when somebody came or went: the whole room. */
      readonly roster?: readonly RosterRow[];
    }
  | ({ readonly type: 'chat' } & ChatLine)
  | { readonly type: 'pong'; readonly at: number; readonly tick: number }
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string };

export type ErrorCode =
  | 'ALREADY_JOINED'
  | 'BAD_FIELD'
  | 'BAD_JSON'
  | 'BINARY'
  | 'CHAT_TOO_FAST'
  | 'FULL'
  | 'NAME_INVALID'
  | 'NAME_TAKEN'
  | 'NOT_JOINED'
  | 'UNKNOWN_TYPE';

/** 4400 to 4499: do not come back unchanged. 4500 to 4999, 1001, 1006, 1011, 1012, 1013: come back later. */
export const CLOSE: {
  readonly serviceRestart: 1012;
  readonly tryAgainLater: 1013;
  readonly joinTimeout: 4408;
  readonly replaced: 4409;
  readonly tooManyMessages: 4429;
  readonly slowConsumer: 4502;
} = {
  serviceRestart: 1012,
  tryAgainLater: 1013,
  joinTimeout: 4408,
  replaced: 4409,
  tooManyMessages: 4429,
  slowConsumer: 4502,
};

export type Parsed<Value> =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly message: string };

/** Never throws: whatever a client sends is a value or an error to answer with. */
export function parseClientMessage(text: string): Parsed<ClientMessage> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return refuse('BAD_JSON', 'The message is not JSON.');
  }
  if (!isRecord(json)) return refuse('BAD_JSON', 'The message is not a JSON object.');
  switch (json['type']) {
    case 'join':
      return parseJoin(json);
    case 'input':
      return parseInput(json);
    case 'chat':
      return parseChat(json);
    case 'ping':
      return isFiniteNumber(json['at'])
        ? accept({ type: 'ping', at: json['at'] })
        : refuse('BAD_FIELD', 'ping.at is not a finite number.');
    default:
      return refuse('UNKNOWN_TYPE', 'The type is none of join, input, chat, ping.');
  }
}

/**
 * A name as it will be shown: NFKC, spaces collapsed, 1 to 16 code points, letters, digits, marks and `_ . -`,
 * beginning with a letter or digit. Normalised so that two names that look alike in other widths are one.
 */
export function parseName(raw: unknown): Parsed<string> {
  if (typeof raw !== 'string') return refuse('NAME_INVALID', 'The name is not a string.');
  const name = raw.normalize('NFKC').replace(/\s+/gu, ' ').trim();
  const length = codePoints(name);
  if (length < 1 || length > NAME_LENGTH_MAX) {
    return refuse('NAME_INVALID', `The name has ${length} characters; 1 to ${NAME_LENGTH_MAX} are allowed.`);
  }
  if (!/^[\p{L}\p{N}][\p{L}\p{M}\p{N} _.-]*$/u.test(name)) {
    return refuse(
      'NAME_INVALID',
      'The name may have letters, digits, spaces and _ . - and begins with a letter or digit.',
    );
  }
  return accept(name);
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJoin(json: Readonly<Record<string, unknown>>): Parsed<ClientMessage> {
  const token = json['token'] ?? null;
  if (token !== null && (typeof token !== 'string' || token.length > TOKEN_LENGTH_MAX)) {
    return refuse('BAD_FIELD', `join.token is not a string of at most ${TOKEN_LENGTH_MAX} characters.`);
  }
  const name = parseName(json['name']);
  return name.kind === 'error' ? name : accept({ type: 'join', name: name.value, token });
}

function parseInput(json: Readonly<Record<string, unknown>>): Parsed<ClientMessage> {
  const { seq, dx, dy, dash } = { seq: json['seq'], dx: json['dx'], dy: json['dy'], dash: json['dash'] ?? false };
  if (!isFiniteNumber(seq) || !Number.isSafeInteger(seq) || seq < 0) {
    return refuse('BAD_FIELD', 'input.seq is not an integer of 0 or more.');
  }
  if (!isUnit(dx) || !isUnit(dy)) return refuse('BAD_FIELD', 'input.dx and input.dy are not numbers from -1 to 1.');
  if (typeof dash !== 'boolean') return refuse('BAD_FIELD', 'input.dash is not a boolean.');
  return accept({ type: 'input', seq, dx, dy, dash });
}

function parseChat(json: Readonly<Record<string, unknown>>): Parsed<ClientMessage> {
  const raw = json['text'];
  if (typeof raw !== 'string') return refuse('BAD_FIELD', 'chat.text is not a string.');
  // Controls and direction overrides would let one line repaint its neighbours; a lone surrogate cannot be sent on.
  const text = raw.toWellFormed().replace(INVISIBLE, '').trim();
  const length = codePoints(text);
  if (length < 1 || length > CHAT_LENGTH_MAX) {
    return refuse('BAD_FIELD', `chat.text has ${length} characters; 1 to ${CHAT_LENGTH_MAX} are allowed.`);
  }
  return accept({ type: 'chat', text });
}

/** Controls, zero-width space, direction marks and overrides, word joiner, byte order mark. The joiner of emoji (U+200D) stays. */
const INVISIBLE = /[\p{Cc}\u{200b}\u{200e}\u{200f}\u{2028}-\u{202e}\u{2060}\u{2066}-\u{2069}\u{feff}]/gu;

function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function isFiniteNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function isUnit(value: unknown): value is number {
  return isFiniteNumber(value) && value >= -1 && value <= 1;
}

function accept<Value>(value: Value): Parsed<Value> {
  return { kind: 'value', value };
}

function refuse(code: ErrorCode, message: string): { kind: 'error'; code: ErrorCode; message: string } {
  return { kind: 'error', code, message };
}
