import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Game, type GameLimits } from '../src/game.ts';
import { isRecord } from '../src/protocol.ts';
import type { Connection } from '../src/room.ts';

const LIMITS: GameLimits = {
  tickRateHz: 20,
  playersMax: 200,
  roomPlayersMax: 50,
  resumeMs: 30_000,
  messagesPerSecondMax: 200,
  seed: 1,
};

/** A connection in memory: what was sent, and how it was closed. */
class MemoryConnection implements Connection {
  readonly sent: Readonly<Record<string, unknown>>[] = [];
  closedWith: readonly [number, string] | null = null;
  buffered = 0;

  send(text: string): void {
    const message: unknown = JSON.parse(text);
    if (!isRecord(message)) throw new Error(`not an object: ${text}`);
    this.sent.push(message);
  }

  close(code: number, reason: string): void {
    this.closedWith = [code, reason];
  }

  bufferedBytes(): number {
    return this.buffered;
  }

  /** The token of the last welcome, if there was one. */
  token(): unknown {
    return this.sent.findLast((message) => message['type'] === 'welcome')?.['token'];
  }

  last(type: string): Readonly<Record<string, unknown>> {
    const message = this.sent.findLast((sent) => sent['type'] === type);
    if (!message) throw new Error(`no ${type} among ${JSON.stringify(this.sent)}`);
    return message;
  }
}

class Table {
  nowMs = 0;
  readonly game: Game;

  constructor(limits: Partial<GameLimits> = {}) {
    this.game = new Game({ ...LIMITS, ...limits });
  }

  connect(): MemoryConnection {
    const connection = new MemoryConnection();
    this.game.open(connection, this.nowMs);
    return connection;
  }

  say(connection: Connection, message: unknown): void {
    this.game.receive(connection, JSON.stringify(message), this.nowMs);
  }

  join(name: string, token?: unknown): MemoryConnection {
    const connection = this.connect();
    this.say(connection, { type: 'join', name, ...(token === undefined ? {} : { token }) });
    return connection;
  }

  lose(connection: Connection): void {
    this.game.closed(connection, this.nowMs);
  }

  tick(count: number): void {
    for (let index = 0; index < count; index += 1) {
      this.nowMs += 50;
      this.game.tick(this.nowMs);
    }
  }

  /** Runs to and fro until coins were found; the seed decides where they lie, the count is bounded. */
  collect(connection: MemoryConnection): number {
    const id = connection.last('welcome')['id'];
    for (let turn = 0; turn < 100; turn += 1) {
      this.say(connection, { type: 'input', seq: turn, dx: Math.cos(turn), dy: Math.sin(turn) });
      this.tick(20);
      const rows: unknown = connection.last('snapshot')['players'];
      const own: unknown = Array.isArray(rows) ? rows.find((row) => Array.isArray(row) && row[0] === id) : null;
      const score: unknown = Array.isArray(own) ? own[3] : null;
      if (typeof score === 'number' && score > 0) return score;
    }
    throw new Error('no coin in 100 turns');
  }
}

describe('joining', () => {
  it('answers with a welcome, and the next snapshot names everybody', () => {
    const table = new Table();
    const ada = table.join('Ada');
    expect(ada.last('welcome')).toMatchObject({
      id: 1,
      name: 'Ada',
      resumed: false,
      tickRateHz: 20,
      resumeSeconds: 30,
    });
    table.tick(2);
    expect(ada.last('snapshot')).not.toHaveProperty('roster');
    const roster = [
      [1, 'Ada'],
      [2, 'Bob'],
    ];
    const bob = table.join('Bob');
    table.tick(1);
    expect(ada.last('snapshot')).toMatchObject({ roster });
    table.lose(bob);
    table.tick(1);
    const again = table.join('Bob', bob.token());
    table.tick(1);
    expect(again.last('snapshot')).toMatchObject({ roster });
  });

  const refusals: readonly [string, string, string][] = [
    ['a name that somebody has', 'Ada', 'NAME_TAKEN'],
    ['the same name in other case', 'ADA', 'NAME_TAKEN'],
    ['the same name in full width', 'Ａｄａ', 'NAME_TAKEN'],
    ['markup', '<b>', 'NAME_INVALID'],
  ];
  it.each(refusals)('refuses %s', (_what, name, code) => {
    const table = new Table();
    table.join('Ada');
    expect(table.join(name).last('error')).toMatchObject({ code });
  });

  it('is refused twice, and before it nothing else is accepted', () => {
    const table = new Table();
    const ada = table.connect();
    table.say(ada, { type: 'chat', text: 'hi' });
    expect(ada.last('error')).toMatchObject({ code: 'NOT_JOINED' });
    table.say(ada, { type: 'join', name: 'Ada' });
    table.say(ada, { type: 'join', name: 'Eve' });
    expect(ada.last('error')).toMatchObject({ code: 'ALREADY_JOINED' });
  });

  it('is due within ten seconds', () => {
    const table = new Table();
    const idle = table.connect();
    table.tick(199);
    expect(idle.closedWith).toBeNull();
    table.tick(1);
    expect(idle.closedWith).toEqual([4408, 'no join in time']);
  });

  it('fills one room after the other, and rooms do not see each other', () => {
    const table = new Table({ roomPlayersMax: 2 });
    const [ada, bob, eve] = [table.join('Ada'), table.join('Bob'), table.join('Eve')];
    expect([ada, bob, eve].map((player) => player.last('welcome')['room'])).toEqual([1, 1, 2]);
    table.say(ada, { type: 'chat', text: 'psst' });
    expect(bob.last('chat')).toMatchObject({ name: 'Ada', text: 'psst' });
    expect(eve.sent.map((message) => message['type'])).not.toContain('chat');
  });

  it('beyond the limit is refused with FULL and 1013', () => {
    const table = new Table({ playersMax: 1 });
    table.join('Ada');
    const bob = table.join('Bob');
    expect(bob.last('error')).toMatchObject({ code: 'FULL' });
    expect(bob.closedWith).toEqual([1013, 'the arena is full']);
  });

  it('takes the place of a player who is away when the arena is full', () => {
    const table = new Table({ playersMax: 1 });
    const ada = table.join('Ada');
    table.lose(ada);
    expect(table.join('Bob').last('welcome')).toMatchObject({ name: 'Bob' });
    expect(table.join('Ada', ada.last('welcome')['token']).last('error')).toMatchObject({ code: 'FULL' });
  });
});

describe('coming back', () => {
  it('with the token within 30 s restores player, name and score', () => {
    const table = new Table();
    const before = table.join('Ada');
    const score = table.collect(before);
    const { id, token } = before.last('welcome');
    table.lose(before);
    table.tick(599);
    const after = table.join('ignored', token);
    expect(after.last('welcome')).toMatchObject({ id, token, name: 'Ada', resumed: true, score });
  });

  it('after 30 s begins anew', () => {
    const table = new Table();
    const before = table.join('Ada');
    table.collect(before);
    table.lose(before);
    table.tick(600);
    const after = table.join('Ada', before.last('welcome')['token']);
    expect(after.last('welcome')).toMatchObject({ resumed: false, score: 0 });
  });

  it('with a wrong token does not give the name away', () => {
    const table = new Table();
    table.lose(table.join('Ada'));
    expect(table.join('Ada', 'guess').last('error')).toMatchObject({ code: 'NAME_TAKEN' });
  });

  it('replaces a connection that is still open, and its late end changes nothing', () => {
    const table = new Table();
    const older = table.join('Ada');
    const newer = table.join('Ada', older.last('welcome')['token']);
    expect(older.closedWith).toEqual([4409, 'replaced by a newer connection']);
    table.say(older, { type: 'chat', text: 'still here' });
    expect(newer.sent.map((message) => message['type'])).toEqual(['welcome']);
    table.lose(older);
    table.tick(1);
    expect(table.game.stats().players).toBe(1);
    expect(newer.last('snapshot')).toMatchObject({ tick: 1 });
  });
});

describe('limits', () => {
  it('a chat line beyond ten at once waits for the next second', () => {
    const table = new Table();
    const ada = table.join('Ada');
    for (let line = 0; line < 11; line += 1) table.say(ada, { type: 'chat', text: `line ${line}` });
    expect(ada.sent.filter((message) => message['type'] === 'chat')).toHaveLength(10);
    expect(ada.last('error')).toMatchObject({ code: 'CHAT_TOO_FAST' });
    table.nowMs += 1000;
    table.say(ada, { type: 'chat', text: 'again' });
    expect(ada.last('chat')).toMatchObject({ text: 'again' });
  });

  it('a newcomer sees the last 50 lines', () => {
    const table = new Table();
    const ada = table.join('Ada');
    for (let line = 1; line <= 60; line += 1) {
      table.nowMs += 1000;
      table.say(ada, { type: 'chat', text: `line ${line}` });
    }
    const chat = table.join('Bob').last('welcome')['chat'];
    expect(chat).toHaveLength(50);
    expect(chat).toMatchObject({ 0: { line: 11, text: 'line 11' }, 49: { line: 60 } });
  });

  it('the message beyond those of a second closes the connection with 4429', () => {
    const table = new Table({ messagesPerSecondMax: 3 });
    const ada = table.join('Ada');
    for (let count = 0; count < 2; count += 1) table.say(ada, { type: 'ping', at: count });
    expect(ada.closedWith).toBeNull();
    table.say(ada, { type: 'ping', at: 3 });
    expect(ada.closedWith).toEqual([4429, 'too many messages']);
    table.say(ada, { type: 'ping', at: 4 });
    expect(ada.last('pong')).toMatchObject({ at: 1 });
  });

  it('a client that reads slowly gets no snapshots, then the roster it missed', () => {
    const table = new Table();
    const ada = table.join('Ada');
    ada.buffered = 65_537;
    table.tick(3);
    expect(ada.sent.map((message) => message['type'])).toEqual(['welcome']);
    ada.buffered = 65_536;
    table.tick(1);
    expect(ada.last('snapshot')).toMatchObject({ tick: 4, roster: [[1, 'Ada']] });
  });

  it('a client that does not read is closed with 4502', () => {
    const table = new Table();
    const ada = table.join('Ada');
    ada.buffered = 1_048_577;
    table.tick(1);
    expect(ada.closedWith).toEqual([4502, 'reads too slowly']);
    expect(table.game.stats().players).toBe(0);
  });
});

describe('any sequence', () => {
  const action = fc.oneof(
    fc.record({ type: fc.constant('join'), name: fc.constantFrom('Ada', 'Bob', 'Eve', '', '<b>') }),
    fc.record({
      type: fc.constant('input'),
      seq: fc.nat(),
      dx: fc.double({ min: -1, max: 1, noNaN: true }),
      dy: fc.double({ min: -1, max: 1, noNaN: true }),
      dash: fc.boolean(),
    }),
    fc.record({ type: fc.constant('chat'), text: fc.string() }),
    fc.constantFrom('lose', 'back', 'tick', 'long'),
    fc.json().map((text) => ({ type: text })),
  );

  it('of messages, losses and returns keeps every player on the field, once', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat({ max: 2 }), action), { maxLength: 60 }), (actions) => {
        const table = new Table({ playersMax: 2, roomPlayersMax: 2 });
        const seats = [table.connect(), table.connect(), table.connect()];
        for (const [seat, what] of actions) {
          const connection = seats[seat] ?? table.connect();
          if (what === 'lose') table.lose(connection);
          else if (what === 'back') seats[seat] = table.join('Ada', connection.token());
          else if (what === 'tick') table.tick(3);
          else if (what === 'long') table.tick(620);
          else table.say(connection, what);
        }
        table.tick(1);
        for (const seat of seats) {
          const rows: unknown = seat.sent.findLast((message) => message['type'] === 'snapshot')?.['players'] ?? [];
          const ids = Array.isArray(rows) ? rows.map((row) => (Array.isArray(row) ? Number(row[0]) : Number.NaN)) : [];
          expect(new Set(ids).size).toBe(ids.length);
          expect(ids.length).toBeLessThanOrEqual(2);
          expect(JSON.stringify(rows)).not.toContain('null');
        }
        expect(table.game.stats().players).toBeLessThanOrEqual(2);
      }),
    );
  });
});

describe('playing', () => {
  it('does not lose a dash that is taken back before the tick', () => {
    const table = new Table();
    const ada = table.join('Ada');
    table.say(ada, { type: 'input', seq: 1, dx: 1, dy: 0, dash: true });
    table.say(ada, { type: 'input', seq: 2, dx: 1, dy: 0 });
    table.tick(1);
    expect(ada.last('snapshot')['players']).toMatchObject([{ 0: 1, 4: 1, 5: 2 }]);
  });

  it('reports the coin in the snapshot of its tick and on the leaderboard, also after the player has left', () => {
    const table = new Table();
    const ada = table.join('Ada');
    const score = table.collect(ada);
    expect(ada.sent.some((message) => JSON.stringify(message['events'] ?? '').includes('["coin",1,'))).toBe(true);
    expect(table.game.leaderboard(10)).toEqual([{ rank: 1, name: 'Ada', score, best: score, online: true }]);
    table.lose(ada);
    table.tick(600);
    expect(table.game.stats()).toMatchObject({ players: 0, rooms: 0 });
    expect(table.game.leaderboard(10)).toEqual([{ rank: 1, name: 'Ada', score, best: score, online: false }]);
  });
});
