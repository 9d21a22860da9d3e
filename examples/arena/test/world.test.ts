import { describe, expect, it } from 'vitest';
import {
  addPlayer,
  COIN_RESPAWN_MS,
  createWorld,
  DASH_COOLDOWN_MS,
  FIELD,
  type Input,
  leaveField,
  PLAYER_RADIUS,
  type Player,
  removePlayer,
  returnToField,
  SHIELD_MS,
  STUN_MS,
  step,
  type World,
} from '../src/world.ts';

const TICK_MS = 50;
const RIGHT: Input = { dx: 1, dy: 0, dash: false };

/** A field without coins, with players where the test wants them and without the protection of newcomers. */
function field(players: Readonly<Record<number, Partial<Player>>>, coins: World['coins'] = []): World {
  let world: World = { ...createWorld(1, 0), coins };
  for (const [key, change] of Object.entries(players)) {
    const id = Number(key);
    world = addPlayer(world, id);
    const player = playerOf(world, id);
    world = { ...world, players: new Map(world.players).set(id, { ...player, shieldMs: 0, ...change }) };
  }
  return world;
}

function playerOf(world: World, id: number): Player {
  const player = world.players.get(id);
  if (!player) throw new Error(`player ${id} is not on the field`);
  return player;
}

function steps(world: World, inputs: ReadonlyMap<number, Input>, count: number): World {
  let next = world;
  for (let index = 0; index < count; index += 1) next = step(next, inputs, TICK_MS).world;
  return next;
}

describe('a step', () => {
  const directions: readonly [string, Input, number, number][] = [
    ['right', { dx: 1, dy: 0, dash: false }, 1, 0],
    ['left', { dx: -1, dy: 0, dash: false }, -1, 0],
    ['up', { dx: 0, dy: -1, dash: false }, 0, -1],
    ['down and left', { dx: -1, dy: 1, dash: false }, -1, 1],
    ['nowhere', { dx: 0, dy: 0, dash: false }, 0, 0],
  ];
  it.each(directions)('moves a player %s', (_name, input, signX, signY) => {
    const player = playerOf(steps(field({ 1: { x: 800, y: 450 } }), new Map([[1, input]]), 10), 1);
    expect([Math.sign(player.x - 800), Math.sign(player.y - 450)]).toEqual([signX, signY]);
  });

  it('runs no faster on a diagonal than straight', () => {
    const start = field({ 1: { x: 800, y: 450 } });
    const straight = playerOf(steps(start, new Map([[1, RIGHT]]), 10), 1);
    const diagonal = playerOf(steps(start, new Map([[1, { dx: 1, dy: 1, dash: false }]]), 10), 1);
    expect(Math.hypot(diagonal.x - 800, diagonal.y - 450)).toBeCloseTo(straight.x - 800, 6);
  });

  it('covers nearly the same way at 60 and at 1 tick a second', () => {
    const start = field({ 1: { x: 200, y: 450 } });
    const slow = playerOf(step(start, new Map([[1, RIGHT]]), 1000).world, 1);
    let fast = start;
    for (let tick = 0; tick < 60; tick += 1) fast = step(fast, new Map([[1, RIGHT]]), 1000 / 60).world;
    expect(Math.abs(slow.x - playerOf(fast, 1).x)).toBeLessThan(PLAYER_RADIUS);
  });

  it('keeps every player on the field', () => {
    const world = steps(field({ 1: { x: 1500, y: 30 } }), new Map([[1, { dx: 1, dy: -1, dash: true }]]), 60);
    const { x, y } = playerOf(world, 1);
    expect({ x, y }).toEqual({ x: FIELD.width - PLAYER_RADIUS, y: PLAYER_RADIUS });
  });

  it('leaves the world that it was given as it was', () => {
    const world = addPlayer(createWorld(7, 32), 1);
    const before = structuredClone(world);
    step(world, new Map([[1, { dx: 1, dy: 1, dash: true }]]), TICK_MS);
    expect(world).toEqual(before);
  });

  it('gives the same world for the same seed and inputs', () => {
    const inputs = new Map<number, Input>([[1, { dx: 1, dy: 1, dash: true }]]);
    const [first, second] = [1, 2].map(() => steps(addPlayer(createWorld(42, 32), 1), inputs, 200));
    expect(first).toEqual(second);
  });

  it.each([0, -1, 1001, Number.NaN])('refuses a duration of %s ms', (dtMs) => {
    expect(() => step(createWorld(1, 0), new Map(), dtMs)).toThrow('is not within 0 to 1000');
  });
});

describe('a coin', () => {
  const coin = { id: 0, x: 830, y: 450, value: 5, hiddenMs: 0 };

  it('counts for the player who touches it, and is gone', () => {
    const { world, events } = step(field({ 1: { x: 800, y: 450 } }, [coin]), new Map(), TICK_MS);
    expect(playerOf(world, 1)).toMatchObject({ score: 5, best: 5 });
    expect(world.coins[0]?.hiddenMs).toBe(COIN_RESPAWN_MS);
    expect(events).toEqual([{ kind: 'coin', playerId: 1, value: 5, x: 830, y: 450 }]);
  });

  it('lands within the field, elsewhere, once its time has passed', () => {
    const hidden = { ...coin, hiddenMs: COIN_RESPAWN_MS };
    const before = steps(field({}, [hidden]), new Map(), COIN_RESPAWN_MS / TICK_MS - 1);
    expect(before.coins[0]).toEqual({ ...hidden, hiddenMs: TICK_MS });
    const landed = steps(before, new Map(), 1).coins[0];
    expect(landed?.hiddenMs).toBe(0);
    expect([landed?.x, landed?.y]).not.toEqual([coin.x, coin.y]);
    expect(landed?.x).toBeGreaterThan(0);
    expect(landed?.x).toBeLessThan(FIELD.width);
  });

  const notCollecting: readonly [string, Partial<Player>][] = [
    ['out of reach', { x: 200, y: 200 }],
    ['stunned', { x: 800, y: 450, stunMs: 400 }],
    ['away', { x: 800, y: 450, isAway: true }],
  ];
  it.each(notCollecting)('stays for a player who is %s', (_name, player) => {
    const { world, events } = step(field({ 1: player }, [coin]), new Map(), TICK_MS);
    expect(playerOf(world, 1).score).toBe(0);
    expect(world.coins).toEqual([coin]);
    expect(events).toEqual([]);
  });
});

describe('a dash', () => {
  const DASH = new Map<number, Input>([[1, { dx: 1, dy: 0, dash: true }]]);

  const takings: readonly [number, number][] = [
    [0, 0],
    [1, 1],
    [3, 1],
    [8, 2],
    [100, 25],
  ];
  it.each(takings)('takes from a player with %i coins %i', (held, taken) => {
    const start = field({ 1: { x: 700, y: 450, score: 2 }, 2: { x: 760, y: 450, score: held } });
    const { world, events } = step(start, DASH, TICK_MS);
    expect(events).toEqual([{ kind: 'tag', playerId: 1, victimId: 2, coins: taken }]);
    expect(playerOf(world, 1).score).toBe(2 + taken);
    expect(playerOf(world, 2)).toMatchObject({ score: held - taken, stunMs: STUN_MS, shieldMs: SHIELD_MS });
  });

  const untouchable: readonly [string, Partial<Player>][] = [
    ['is shielded', { shieldMs: 500 }],
    ['is away', { isAway: true }],
    ['is out of reach', { x: 1200 }],
  ];
  it.each(untouchable)('takes nothing from a player who %s', (_name, change) => {
    const start = field({ 1: { x: 700, y: 450 }, 2: { x: 760, y: 450, score: 8, ...change } });
    const { world, events } = step(start, DASH, TICK_MS);
    expect(events).toEqual([]);
    expect(playerOf(world, 2).score).toBe(8);
  });

  it('tags even at one tick a second, where it begins and ends within a step', () => {
    const start = field({ 1: { x: 700, y: 450 }, 2: { x: 790, y: 450, score: 8 } });
    expect(step(start, DASH, 1000).events).toMatchObject([{ kind: 'tag', playerId: 1, victimId: 2 }]);
  });

  it('ends the protection of the player who dashes', () => {
    const { world } = step(field({ 1: { x: 700, y: 450, shieldMs: 1500 } }), DASH, TICK_MS);
    expect(playerOf(world, 1)).toMatchObject({ shieldMs: 0, isDashing: true });
  });

  it('is not repeated before its cooldown is over', () => {
    const first = step(field({ 1: { x: 100, y: 450 } }), DASH, TICK_MS).world;
    const cooling = steps(first, DASH, DASH_COOLDOWN_MS / TICK_MS - 1);
    expect(playerOf(cooling, 1)).toMatchObject({ isDashing: false, cooldownMs: TICK_MS });
    expect(playerOf(steps(cooling, DASH, 2), 1).isDashing).toBe(true);
  });
});

describe('a player who is away', () => {
  it('stands still, keeps place and coins, and is protected on return', () => {
    const away = leaveField(field({ 1: { x: 300, y: 300, vx: 200, score: 9 } }), 1);
    const later = steps(away, new Map([[1, RIGHT]]), 20);
    expect(playerOf(later, 1)).toMatchObject({ x: 300, y: 300, score: 9, isAway: true });
    expect(playerOf(returnToField(later, 1), 1)).toMatchObject({ score: 9, isAway: false, shieldMs: SHIELD_MS });
  });

  it('is gone once removed', () => {
    expect(removePlayer(field({ 1: {} }), 1).players.size).toBe(0);
  });
});
