import { randomBytes } from 'node:crypto';
import { type ChatLine, CLOSE, type ErrorCode, parseClientMessage, parseName, type ServerMessage } from './protocol.ts';
import { type Connection, type Member, Room } from './room.ts';

export interface GameLimits {
  readonly tickRateHz: number;
  readonly playersMax: number;
  readonly roomPlayersMax: number;
  readonly resumeMs: number;
  readonly messagesPerSecondMax: number;
  readonly seed: number;
}

export interface LeaderboardEntry {
  readonly rank: number;
  readonly name: string;
  /** Coins held now, or at the end for a player who left. */
  readonly score: number;
  /** Most coins ever held; what the board is sorted by. */
  readonly best: number;
  readonly online: boolean;
}

export type NameVerdict =
  | { readonly available: true; readonly name: string }
  | { readonly available: false; readonly code: ErrorCode; readonly message: string };

/** A connection that has not said `join` by now is no player, in milliseconds. */
const JOIN_DEADLINE_MS = 10_000;
/** Records of players who left; the weakest goes first. The leaderboard shows 100. */
const RECORDS_MAX = 100;
/** Chat: this many lines at once, and one more every second. Faster is not a conversation. */
const CHAT_BURST_MAX = 10;
const CHAT_REFILL_MS = 1000;

interface Guest {
  readonly openedMs: number;
  member: Member | null;
  secondStartedMs: number;
  messagesInSecond: number;
}

/**
 * Everything that the players share: rooms, names, tokens, chat and the leaderboard. It knows no sockets and no clock:
 * whoever calls it brings connections and the time (milliseconds, monotonic).
 */
export class Game {
  readonly #limits: GameLimits;
  readonly #guests = new Map<Connection, Guest>();
  readonly #rooms = new Set<Room>();
  readonly #membersByToken = new Map<string, Member>();
  readonly #membersByName = new Map<string, Member>();
  readonly #records = new Map<string, { readonly name: string; readonly score: number; readonly best: number }>();
  #nextPlayerId = 1;
  #nextRoomNumber = 1;
  #messagesReceived = 0;

  constructor(limits: GameLimits) {
    this.#limits = limits;
  }

  open(connection: Connection, nowMs: number): void {
    this.#guests.set(connection, { openedMs: nowMs, member: null, secondStartedMs: nowMs, messagesInSecond: 0 });
  }

  /** One message from a client. Every input is answered or ignored; none throws. */
  receive(connection: Connection, text: string, nowMs: number): void {
    const guest = this.#guests.get(connection);
    // A message may still arrive from a connection that the game has already closed.
    if (!guest) return;
    this.#messagesReceived += 1;
    if (!this.#isWithinRate(guest, nowMs)) {
      this.#drop(connection, CLOSE.tooManyMessages, 'too many messages', nowMs);
      return;
    }
    const parsed = parseClientMessage(text);
    if (parsed.kind === 'error') {
      sendError(connection, parsed.code, parsed.message);
      return;
    }
    const message = parsed.value;
    if (message.type === 'ping') {
      send(connection, { type: 'pong', at: message.at, tick: guest.member?.room.tick ?? 0 });
      return;
    }
    if (message.type === 'join') {
      this.#join(connection, guest, message, nowMs);
      return;
    }
    if (!guest.member) {
      sendError(connection, 'NOT_JOINED', 'Send join first.');
      return;
    }
    switch (message.type) {
      case 'input':
        guest.member.room.steer(guest.member, message);
        return;
      case 'chat':
        chat(connection, guest.member, message.text, nowMs);
        return;
    }
  }

  /** A binary message: the protocol has none. */
  receiveBinary(connection: Connection): void {
    if (this.#guests.has(connection)) sendError(connection, 'BINARY', 'Messages are text.');
  }

  /** The connection is gone. Its player waits for `resumeMs` to be claimed again. */
  closed(connection: Connection, nowMs: number): void {
    const member = this.#guests.get(connection)?.member;
    this.#guests.delete(connection);
    if (member?.connection === connection) member.room.suspend(member, nowMs);
  }

  /** One tick of every room, after those have gone whose time is over. */
  tick(nowMs: number): void {
    for (const [connection, guest] of this.#guests) {
      if (!guest.member && nowMs - guest.openedMs >= JOIN_DEADLINE_MS) {
        this.#drop(connection, CLOSE.joinTimeout, 'no join in time', nowMs);
      }
    }
    for (const room of this.#rooms) {
      for (const member of room.members()) {
        if (member.awaySinceMs !== null && nowMs - member.awaySinceMs >= this.#limits.resumeMs) this.#retire(member);
      }
      for (const slow of room.advance(1000 / this.#limits.tickRateHz)) {
        this.#drop(slow, CLOSE.slowConsumer, 'reads too slowly', nowMs);
      }
    }
  }

  /** Whether a name may be taken now. The answer may be outdated a moment later; `join` decides. */
  checkName(raw: unknown): NameVerdict {
    const name = parseName(raw);
    if (name.kind === 'error') return { available: false, code: name.code, message: name.message };
    if (this.#membersByName.has(nameKey(name.value))) {
      return { available: false, code: 'NAME_TAKEN', message: 'Somebody plays under this name.' };
    }
    return { available: true, name: name.value };
  }

  /** The first `limit` players by the most coins ever held, whether they still play or have left. */
  leaderboard(limit: number): readonly LeaderboardEntry[] {
    const entries = new Map<string, Omit<LeaderboardEntry, 'rank'>>();
    for (const [key, record] of this.#records) entries.set(key, { ...record, online: false });
    for (const [key, member] of this.#membersByName) {
      const { score, best } = member.room.scoreOf(member);
      const online = member.connection !== null;
      entries.set(key, { name: member.name, score, best: Math.max(best, entries.get(key)?.best ?? 0), online });
    }
    return [...entries.values()]
      .toSorted((a, b) => b.best - a.best || b.score - a.score || a.name.localeCompare(b.name, 'en'))
      .slice(0, limit)
      .map((entry, index) => ({ rank: index + 1, ...entry }));
  }

  stats(): { readonly players: number; readonly rooms: number; readonly messagesReceived: number } {
    let players = 0;
    for (const member of this.#membersByToken.values()) if (member.connection) players += 1;
    return { players, rooms: this.#rooms.size, messagesReceived: this.#messagesReceived };
  }

  /** Closes every connection; players come back to the next process as new ones. */
  shutDown(): void {
    for (const connection of this.#guests.keys()) connection.close(CLOSE.serviceRestart, 'the arena restarts');
    this.#guests.clear();
  }

  #isWithinRate(guest: Guest, nowMs: number): boolean {
    if (nowMs - guest.secondStartedMs >= 1000) {
      guest.secondStartedMs = nowMs;
      guest.messagesInSecond = 0;
    }
    guest.messagesInSecond += 1;
    return guest.messagesInSecond <= this.#limits.messagesPerSecondMax;
  }

  #join(connection: Connection, guest: Guest, message: { name: string; token: string | null }, nowMs: number): void {
    if (guest.member) {
      sendError(connection, 'ALREADY_JOINED', `You play as ${guest.member.name}.`);
      return;
    }
    const known = message.token === null ? undefined : this.#membersByToken.get(message.token);
    if (known) {
      this.#resume(connection, guest, known);
      return;
    }
    if (this.#membersByName.has(nameKey(message.name))) {
      sendError(connection, 'NAME_TAKEN', 'Somebody plays under this name.');
      return;
    }
    if (this.#membersByToken.size >= this.#limits.playersMax && !this.#retireLongestAway()) {
      sendError(connection, 'FULL', `The arena is full: ${this.#limits.playersMax} play.`);
      this.#drop(connection, CLOSE.tryAgainLater, 'the arena is full', nowMs);
      return;
    }
    const member = this.#roomWithSpace().add({
      id: this.#nextPlayerId,
      name: message.name,
      token: randomBytes(16).toString('base64url'),
      connection,
      chatCredit: CHAT_BURST_MAX,
      chatCreditMs: nowMs,
    });
    this.#nextPlayerId += 1;
    this.#membersByToken.set(member.token, member);
    this.#membersByName.set(nameKey(member.name), member);
    guest.member = member;
    this.#welcome(connection, member, { resumed: false });
  }

  #resume(connection: Connection, guest: Guest, member: Member): void {
    const previous = member.connection;
    guest.member = member;
    member.room.resume(member, connection);
    if (previous) {
      // The old socket is half open, or a second tab: the newer one plays, and the older must not fight for its place.
      this.#guests.delete(previous);
      previous.close(CLOSE.replaced, 'replaced by a newer connection');
    }
    this.#welcome(connection, member, { resumed: true });
  }

  #welcome(connection: Connection, member: Member, how: { readonly resumed: boolean }): void {
    send(connection, {
      type: 'welcome',
      id: member.id,
      name: member.name,
      token: member.token,
      resumed: how.resumed,
      score: member.room.scoreOf(member).score,
      room: member.room.number,
      tickRateHz: this.#limits.tickRateHz,
      resumeSeconds: Math.round(this.#limits.resumeMs / 1000),
      field: member.room.field,
      chat: member.room.chatHistory(),
    });
  }

  /** Closes from our side; `closed` will find nothing left to do. */
  #drop(connection: Connection, code: number, reason: string, nowMs: number): void {
    this.closed(connection, nowMs);
    connection.close(code, reason);
  }

  #roomWithSpace(): Room {
    const open = this.#rooms.values().find((room) => room.size < this.#limits.roomPlayersMax);
    if (open) return open;
    const room = new Room(this.#nextRoomNumber, this.#limits.seed + this.#nextRoomNumber);
    this.#nextRoomNumber += 1;
    this.#rooms.add(room);
    return room;
  }

  /** A full arena prefers players who are there to places kept for players who may not return. */
  #retireLongestAway(): boolean {
    let longest: Member | null = null;
    for (const member of this.#membersByToken.values()) {
      if (member.awaySinceMs === null) continue;
      if (longest === null || member.awaySinceMs < (longest.awaySinceMs ?? 0)) longest = member;
    }
    if (longest) this.#retire(longest);
    return longest !== null;
  }

  #retire(member: Member): void {
    const { score, best } = member.room.scoreOf(member);
    const key = nameKey(member.name);
    this.#membersByToken.delete(member.token);
    this.#membersByName.delete(key);
    member.room.remove(member);
    if (member.room.size === 0) this.#rooms.delete(member.room);
    if (best === 0 || best < (this.#records.get(key)?.best ?? 0)) return;
    this.#records.set(key, { name: member.name, score, best });
    if (this.#records.size <= RECORDS_MAX) return;
    let [weakestKey, weakestBest] = [key, best];
    for (const [otherKey, record] of this.#records) {
      if (record.best < weakestBest) [weakestKey, weakestBest] = [otherKey, record.best];
    }
    this.#records.delete(weakestKey);
  }
}

function chat(connection: Connection, member: Member, text: string, nowMs: number): void {
  const refilled = Math.floor((nowMs - member.chatCreditMs) / CHAT_REFILL_MS);
  if (refilled > 0) {
    member.chatCredit = Math.min(CHAT_BURST_MAX, member.chatCredit + refilled);
    member.chatCreditMs += refilled * CHAT_REFILL_MS;
  }
  if (member.chatCredit === 0) {
    sendError(connection, 'CHAT_TOO_FAST', 'Wait a second before the next line.');
    return;
  }
  member.chatCredit -= 1;
  const line: ChatLine = member.room.say(member, text);
  member.room.broadcast({ type: 'chat', ...line });
}

/** Names that differ in case only are one: nobody may pose as somebody else. */
function nameKey(name: string): string {
  return name.toLowerCase();
}

function send(connection: Connection, message: ServerMessage): void {
  connection.send(JSON.stringify(message));
}

function sendError(connection: Connection, code: ErrorCode, message: string): void {
  send(connection, { type: 'error', code, message });
}
