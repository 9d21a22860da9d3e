import {
  type ChatLine,
  type CoinRow,
  type EventRow,
  FLAG,
  type PlayerRow,
  type RosterRow,
  type ServerMessage,
} from './protocol.ts';
import {
  addPlayer,
  createWorld,
  FIELD,
  type Input,
  leaveField,
  type Player,
  removePlayer,
  returnToField,
  step,
  type World,
  type WorldEvent,
} from './world.ts';

/** Coins of one room: enough that two players meet over them and fifty find some. */
const COINS_MAX = 32;
/** Chat lines that a player sees on arrival. */
const CHAT_LINES_MAX = 50;
/** A client with this many unsent bytes gets no snapshot until it has caught up: an old snapshot is worth nothing. */
const BUFFERED_BYTES_SKIP = 64 * 1024;
/** A client with this many unsent bytes does not read; it would cost memory for as long as it likes. */
const BUFFERED_BYTES_MAX = 1024 * 1024;

/** What the game needs of a player's socket, and nothing more. */
export interface Connection {
  send(text: string): void;
  close(code: number, reason: string): void;
  /** Bytes accepted by `send` that the network has not yet taken. */
  bufferedBytes(): number;
}

export interface NewMember {
  readonly id: number;
  readonly name: string;
  readonly token: string;
  readonly connection: Connection;
  readonly chatCredit: number;
  readonly chatCreditMs: number;
}

export interface Member {
  readonly id: number;
  readonly name: string;
  readonly token: string;
  readonly room: Room;
  /** Null while the player is away. */
  connection: Connection | null;
  awaySinceMs: number | null;
  /** Sequence number of the last input, so that a client can measure when its input took effect. */
  seq: number;
  needsRoster: boolean;
  chatCredit: number;
  chatCreditMs: number;
}

/** One field with its players and chat. A room has a bounded number of players because each sees all others in every snapshot. */
export class Room {
  readonly number: number;
  readonly field: typeof FIELD = FIELD;
  readonly #members = new Map<number, Member>();
  readonly #inputs = new Map<number, Input>();
  readonly #chat: ChatLine[] = [];
  #world: World;
  #nextLine = 1;

  constructor(number: number, seed: number) {
    this.number = number;
    this.#world = createWorld(seed, COINS_MAX);
  }

  get size(): number {
    return this.#members.size;
  }

  get tick(): number {
    return this.#world.tick;
  }

  members(): Iterable<Member> {
    return this.#members.values();
  }

  add(newcomer: NewMember): Member {
    const member: Member = { ...newcomer, room: this, awaySinceMs: null, seq: 0, needsRoster: true };
    this.#members.set(member.id, member);
    this.#world = addPlayer(this.#world, member.id);
    this.#rosterChanged();
    return member;
  }

  remove(member: Member): void {
    this.#members.delete(member.id);
    this.#inputs.delete(member.id);
    this.#world = removePlayer(this.#world, member.id);
    this.#rosterChanged();
  }

  /** The connection is lost: the player stands still and cannot lose coins. */
  suspend(member: Member, nowMs: number): void {
    member.connection = null;
    member.awaySinceMs = nowMs;
    this.#inputs.delete(member.id);
    this.#world = leaveField(this.#world, member.id);
  }

  resume(member: Member, connection: Connection): void {
    member.connection = connection;
    member.awaySinceMs = null;
    member.needsRoster = true;
    member.seq = 0;
    this.#world = returnToField(this.#world, member.id);
  }

  steer(member: Member, message: Input & { readonly seq: number }): void {
    // A dash asked for and taken back between two ticks still happens: the tick rate must not swallow key presses.
    const dash = message.dash || (this.#inputs.get(member.id)?.dash ?? false);
    this.#inputs.set(member.id, { dx: message.dx, dy: message.dy, dash });
    member.seq = message.seq;
  }

  scoreOf(member: Member): { readonly score: number; readonly best: number } {
    const player = this.#world.players.get(member.id);
    return { score: player?.score ?? 0, best: player?.best ?? 0 };
  }

  /** Records a line and gives it its number. */
  say(member: Member, text: string): ChatLine {
    const line: ChatLine = { line: this.#nextLine, id: member.id, name: member.name, text };
    this.#nextLine += 1;
    this.#chat.push(line);
    if (this.#chat.length > CHAT_LINES_MAX) this.#chat.shift();
    return line;
  }

  chatHistory(): readonly ChatLine[] {
    return this.#chat;
  }

  broadcast(message: ServerMessage): void {
    const text = JSON.stringify(message);
    for (const member of this.#members.values()) member.connection?.send(text);
  }

  /** One tick and its snapshot. Returns the connections that no longer read; the caller closes them. */
  advance(dtMs: number): readonly Connection[] {
    const { world, events } = step(this.#world, this.#inputs, dtMs);
    this.#world = world;
    for (const [id, input] of this.#inputs) if (input.dash) this.#inputs.set(id, { ...input, dash: false });

    const snapshot = this.#snapshot(events);
    // Serialised once for the whole room, and a second time with the roster only when somebody needs it.
    const plain = JSON.stringify(snapshot);
    let withRoster: string | null = null;
    const slow: Connection[] = [];
    for (const member of this.#members.values()) {
      if (!member.connection) continue;
      const bufferedBytes = member.connection.bufferedBytes();
      if (bufferedBytes > BUFFERED_BYTES_MAX) slow.push(member.connection);
      if (bufferedBytes > BUFFERED_BYTES_SKIP) continue;
      if (member.needsRoster) withRoster ??= JSON.stringify({ ...snapshot, roster: this.#roster() });
      member.connection.send(member.needsRoster && withRoster !== null ? withRoster : plain);
      member.needsRoster = false;
    }
    return slow;
  }

  #rosterChanged(): void {
    for (const member of this.#members.values()) member.needsRoster = true;
  }

  #roster(): readonly RosterRow[] {
    return [...this.#members.values()].map((member): RosterRow => [member.id, member.name]);
  }

  #snapshot(events: readonly WorldEvent[]): ServerMessage {
    const players = [...this.#world.players.values()].map((player) =>
      playerRow(player, this.#members.get(player.id)?.seq ?? 0),
    );
    const coins = this.#world.coins
      .filter((coin) => coin.hiddenMs === 0)
      .map((coin): CoinRow => [coin.id, Math.round(coin.x), Math.round(coin.y), coin.value]);
    const snapshot = { type: 'snapshot', tick: this.#world.tick, players, coins } as const;
    return events.length === 0 ? snapshot : { ...snapshot, events: events.map(eventRow) };
  }
}

function playerRow(player: Player, seq: number): PlayerRow {
  const flags =
    (player.isDashing ? FLAG.dashing : 0) |
    (player.shieldMs > 0 ? FLAG.shielded : 0) |
    (player.stunMs > 0 ? FLAG.stunned : 0) |
    (player.isAway ? FLAG.away : 0);
  return [player.id, Math.round(player.x), Math.round(player.y), player.score, flags, seq];
}

function eventRow(event: WorldEvent): EventRow {
  return event.kind === 'coin'
    ? ['coin', event.playerId, event.value, Math.round(event.x), Math.round(event.y)]
    : ['tag', event.playerId, event.victimId, event.coins];
}
