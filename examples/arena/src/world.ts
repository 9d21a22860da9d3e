import assert from 'node:assert/strict';

/** Field size in world units. The page scales the field to its canvas, so a unit is not a pixel. */
export const FIELD: { readonly width: number; readonly height: number } = { width: 1600, height: 900 };

export const PLAYER_RADIUS = 26;
const COIN_RADIUS = 13;
/** Every eighth coin is a large one. */
const LARGE_COIN_EVERY = 8;
const LARGE_COIN_VALUE = 5;
/** How long a collected coin stays away before it lands somewhere else, in milliseconds. */
export const COIN_RESPAWN_MS = 1500;

const RUN_UNITS_PER_SECOND = 300;
const DASH_UNITS_PER_SECOND = 880;
const KNOCK_BACK_UNITS_PER_SECOND = 520;
/** Time in which speed closes about two thirds of the gap to what the player asks for, in milliseconds. */
const STEERING_MS = 90;
const DASH_MS = 180;
export const DASH_COOLDOWN_MS = 1200;
export const STUN_MS = 450;
/** A player who was just tagged, who came back or who just joined cannot be tagged for this long, in milliseconds. */
export const SHIELD_MS = 2000;
/** A tag takes this share of the other's coins, at least one. */
const TAG_SHARE = 0.25;
/** Longest step accepted, in milliseconds: the slowest tick rate is one a second. */
const STEP_MS_MAX = 1000;
/** A step is simulated in slices of at most this many milliseconds: in a longer one a dash would jump over a player. */
const SLICE_MS_MAX = 50;

export interface Player {
  readonly id: number;
  readonly x: number;
  readonly y: number;
  /** World units per second. */
  readonly vx: number;
  readonly vy: number;
  /** Where the player looks, a unit vector: the way of a dash from standing. */
  readonly headingX: number;
  readonly headingY: number;
  /** Coins held now. */
  readonly score: number;
  /** Most coins ever held. */
  readonly best: number;
  /** Milliseconds left of each state; 0 means that it is over. */
  readonly dashMs: number;
  readonly cooldownMs: number;
  readonly shieldMs: number;
  readonly stunMs: number;
  /** The last movement was part of a dash. */
  readonly isDashing: boolean;
  /** Connection lost: stands still, collects nothing and cannot be tagged. */
  readonly isAway: boolean;
}

export interface Coin {
  readonly id: number;
  readonly x: number;
  readonly y: number;
  readonly value: number;
  /** Milliseconds until it lands; 0 means that it lies on the field. */
  readonly hiddenMs: number;
}

export interface World {
  readonly tick: number;
  /** State of the generator that places coins and players: the same world and inputs always give the same result. */
  readonly randomState: number;
  readonly players: ReadonlyMap<number, Player>;
  readonly coins: readonly Coin[];
}

/** What a player wants. `dx` and `dy` are -1 to 1; a vector longer than 1 is shortened to 1. */
export interface Input {
  readonly dx: number;
  readonly dy: number;
  readonly dash: boolean;
}

export type WorldEvent =
  | { readonly kind: 'coin'; readonly playerId: number; readonly value: number; readonly x: number; readonly y: number }
  | { readonly kind: 'tag'; readonly playerId: number; readonly victimId: number; readonly coins: number };

export interface StepResult {
  readonly world: World;
  readonly events: readonly WorldEvent[];
}

/**
 * Advances the world by `dtMs` milliseconds (more than 0, at most 1000). Pure: the world given is left as it was.
 * A player without an input keeps still. Order within a slice: everyone moves, dashes tag, coins land, coins are collected.
 */
export function step(world: World, inputs: ReadonlyMap<number, Input>, dtMs: number): StepResult {
  assert(dtMs > 0 && dtMs <= STEP_MS_MAX, `dtMs ${dtMs} is not within 0 to ${STEP_MS_MAX}`);
  const events: WorldEvent[] = [];
  const slices = Math.ceil(dtMs / SLICE_MS_MAX);
  let next = world;
  for (let slice = 0; slice < slices; slice += 1) next = stepSlice(next, inputs, { dtMs: dtMs / slices, events });
  return { world: { ...next, tick: world.tick + 1 }, events };
}

/** A field with `coinsMax` coins and nobody on it. `seed` is any integer. */
export function createWorld(seed: number, coinsMax: number): World {
  // Small seeds would begin with small numbers, so they are spread over all bits first. Zero is a fixed point of xorshift.
  const random = new Random(Math.imul(seed + 1, 0x9e37_79b1) >>> 0 || 1);
  const coins = Array.from({ length: coinsMax }, (_, id): Coin => {
    const value = id % LARGE_COIN_EVERY === LARGE_COIN_EVERY - 1 ? LARGE_COIN_VALUE : 1;
    return { id, value, hiddenMs: 0, ...random.place(COIN_RADIUS * 3) };
  });
  return { tick: 0, randomState: random.state, players: new Map(), coins };
}

/** Puts a new player on a free-looking place, shielded, with no coins. */
export function addPlayer(world: World, id: number): World {
  assert(!world.players.has(id), `player ${id} is already on the field`);
  const random = new Random(world.randomState);
  const player: Player = {
    id,
    ...random.place(PLAYER_RADIUS * 3),
    vx: 0,
    vy: 0,
    headingX: 1,
    headingY: 0,
    score: 0,
    best: 0,
    dashMs: 0,
    cooldownMs: 0,
    shieldMs: SHIELD_MS,
    stunMs: 0,
    isDashing: false,
    isAway: false,
  };
  return { ...world, randomState: random.state, players: new Map(world.players).set(id, player) };
}

export function removePlayer(world: World, id: number): World {
  const players = new Map(world.players);
  players.delete(id);
  return { ...world, players };
}

/** Marks a player whose connection was lost. */
export function leaveField(world: World, id: number): World {
  return replacePlayer(world, id, { isAway: true, vx: 0, vy: 0, dashMs: 0, isDashing: false });
}

/** Brings a player back with place and coins, shielded: a connection that dropped must not cost them. */
export function returnToField(world: World, id: number): World {
  return replacePlayer(world, id, { isAway: false, shieldMs: SHIELD_MS });
}

function replacePlayer(world: World, id: number, change: Partial<Player>): World {
  const player = world.players.get(id);
  assert(player, `player ${id} is not on the field`);
  return { ...world, players: new Map(world.players).set(id, { ...player, ...change }) };
}

function stepSlice(
  world: World,
  inputs: ReadonlyMap<number, Input>,
  slice: { readonly dtMs: number; readonly events: WorldEvent[] },
): World {
  const { dtMs, events } = slice;
  const random = new Random(world.randomState);
  const players = new Map<number, Player>();
  for (const player of world.players.values()) {
    players.set(player.id, player.isAway ? rest(player, dtMs) : move(player, inputs.get(player.id) ?? STILL, dtMs));
  }
  for (const id of world.players.keys()) tagInReach(players, id, events);
  const coins = world.coins.map((coin) => collect(land(coin, dtMs, random), players, events));
  return { ...world, randomState: random.state, players, coins };
}

const STILL: Input = { dx: 0, dy: 0, dash: false };

function move(player: Player, input: Input, dtMs: number): Player {
  const length = Math.hypot(input.dx, input.dy);
  // A diagonal must not be faster, and a client must not be faster by sending a longer vector.
  const scale = length > 1 ? 1 / length : 1;
  const isSteering = length > 0.05 && player.stunMs === 0;
  const headingX = isSteering ? input.dx / length : player.headingX;
  const headingY = isSteering ? input.dy / length : player.headingY;
  const startsDash = input.dash && player.stunMs === 0 && player.cooldownMs === 0;
  const dashMs = startsDash ? DASH_MS : player.dashMs;
  let { vx, vy } = player;
  if (dashMs > 0) {
    vx = headingX * DASH_UNITS_PER_SECOND;
    vy = headingY * DASH_UNITS_PER_SECOND;
  } else {
    const pull = 1 - Math.exp(-dtMs / STEERING_MS);
    vx += ((isSteering ? input.dx * scale * RUN_UNITS_PER_SECOND : 0) - vx) * pull;
    vy += ((isSteering ? input.dy * scale * RUN_UNITS_PER_SECOND : 0) - vy) * pull;
  }
  const rested = rest(player, dtMs);
  return {
    ...rested,
    // Who attacks gives up protection.
    shieldMs: startsDash ? 0 : rested.shieldMs,
    isDashing: dashMs > 0,
    x: clamp(player.x + (vx * dtMs) / 1000, PLAYER_RADIUS, FIELD.width - PLAYER_RADIUS),
    y: clamp(player.y + (vy * dtMs) / 1000, PLAYER_RADIUS, FIELD.height - PLAYER_RADIUS),
    vx,
    vy,
    headingX,
    headingY,
    dashMs: Math.max(0, dashMs - dtMs),
    cooldownMs: startsDash ? DASH_COOLDOWN_MS : rested.cooldownMs,
  };
}

function rest(player: Player, dtMs: number): Player {
  return {
    ...player,
    cooldownMs: Math.max(0, player.cooldownMs - dtMs),
    shieldMs: Math.max(0, player.shieldMs - dtMs),
    stunMs: Math.max(0, player.stunMs - dtMs),
  };
}

function tagInReach(players: Map<number, Player>, dasherId: number, events: WorldEvent[]): void {
  const start = players.get(dasherId);
  if (!start || start.isAway || !start.isDashing) return;
  let dasher = start;
  for (const other of players.values()) {
    if (other.id === dasher.id || other.isAway || other.shieldMs > 0) continue;
    if (!isWithin(dasher, other, PLAYER_RADIUS * 2)) continue;
    const coins = other.score === 0 ? 0 : Math.max(1, Math.floor(other.score * TAG_SHARE));
    dasher = { ...dasher, score: dasher.score + coins, best: Math.max(dasher.best, dasher.score + coins) };
    players.set(dasher.id, dasher);
    players.set(other.id, {
      ...other,
      score: other.score - coins,
      vx: dasher.headingX * KNOCK_BACK_UNITS_PER_SECOND,
      vy: dasher.headingY * KNOCK_BACK_UNITS_PER_SECOND,
      dashMs: 0,
      isDashing: false,
      stunMs: STUN_MS,
      shieldMs: SHIELD_MS,
    });
    events.push({ kind: 'tag', playerId: dasher.id, victimId: other.id, coins });
  }
}

function land(coin: Coin, dtMs: number, random: Random): Coin {
  if (coin.hiddenMs === 0) return coin;
  const hiddenMs = Math.max(0, coin.hiddenMs - dtMs);
  return hiddenMs > 0 ? { ...coin, hiddenMs } : { ...coin, hiddenMs, ...random.place(COIN_RADIUS * 3) };
}

function collect(coin: Coin, players: Map<number, Player>, events: WorldEvent[]): Coin {
  if (coin.hiddenMs > 0) return coin;
  for (const player of players.values()) {
    if (player.isAway || player.stunMs > 0 || !isWithin(player, coin, PLAYER_RADIUS + COIN_RADIUS)) continue;
    const score = player.score + coin.value;
    players.set(player.id, { ...player, score, best: Math.max(player.best, score) });
    events.push({ kind: 'coin', playerId: player.id, value: coin.value, x: coin.x, y: coin.y });
    return { ...coin, hiddenMs: COIN_RESPAWN_MS };
  }
  return coin;
}

interface Place {
  readonly x: number;
  readonly y: number;
}

function isWithin(a: Place, b: Place, distance: number): boolean {
  const x = a.x - b.x;
  const y = a.y - b.y;
  return x * x + y * y <= distance * distance;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

/** Xorshift with 32 bits (Marsaglia, 2003): repeatable places, nothing secret. */
class Random {
  state: number;

  constructor(state: number) {
    this.state = state;
  }

  place(margin: number): Place {
    const x = margin + this.#next() * (FIELD.width - 2 * margin);
    const y = margin + this.#next() * (FIELD.height - 2 * margin);
    return { x, y };
  }

  #next(): number {
    let bits = this.state;
    bits ^= bits << 13;
    bits ^= bits >>> 17;
    bits ^= bits << 5;
    this.state = bits >>> 0;
    return this.state / 0x1_0000_0000;
  }
}
