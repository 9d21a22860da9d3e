export const FLAG = { dashing: 1, shielded: 2, stunned: 4, away: 8 };

/** Snapshots kept for drawing; at 60 a second this is half a second. */
const SNAPSHOTS_MAX = 30;

/**
 * What the server has said about the field. Drawing runs two ticks behind the newest snapshot, so that there are
 * always two to draw between; both clocks are compared by the fastest snapshot seen, so that jitter does not show.
 */
export class FieldState {
  ownId = null;
  size = { width: 1600, height: 900 };
  names = new Map();
  #snapshots = [];
  #tickMs = 50;
  #offsetMs = Number.POSITIVE_INFINITY;

  welcome(message) {
    this.ownId = message.id;
    this.size = message.field;
    this.#tickMs = 1000 / message.tickRateHz;
    this.#snapshots = [];
    this.#offsetMs = Number.POSITIVE_INFINITY;
  }

  snapshot(message, nowMs) {
    if (message.roster) this.names = new Map(message.roster);
    const players = new Map(message.players.map((row) => [row[0], row]));
    this.#snapshots.push({ tick: message.tick, players, coins: message.coins });
    if (this.#snapshots.length > SNAPSHOTS_MAX) this.#snapshots.shift();
    // Drifts up by a little every tick: otherwise one lucky snapshot would decide for ever.
    this.#offsetMs = Math.min(this.#offsetMs + this.#tickMs * 0.01, nowMs - message.tick * this.#tickMs);
  }

  nameOf(id) {
    return this.names.get(id) ?? `#${id}`;
  }

  latest() {
    return this.#snapshots.at(-1) ?? null;
  }

  /** Players and coins as they are to be drawn at `nowMs`. */
  at(nowMs) {
    const latest = this.latest();
    if (!latest) return { players: [], coins: [] };
    const tick = (nowMs - this.#offsetMs) / this.#tickMs - 2;
    const afterIndex = this.#snapshots.findIndex((snapshot) => snapshot.tick > tick);
    const after = afterIndex < 0 ? latest : this.#snapshots[afterIndex];
    const before = afterIndex < 1 ? after : this.#snapshots[afterIndex - 1];
    const span = after.tick - before.tick;
    const part = span === 0 ? 1 : Math.min(1, Math.max(0, (tick - before.tick) / span));
    const players = [];
    for (const [id, to] of after.players) {
      const from = before.players.get(id) ?? to;
      players.push({
        id,
        name: this.nameOf(id),
        x: from[1] + (to[1] - from[1]) * part,
        y: from[2] + (to[2] - from[2]) * part,
        vx: to[1] - from[1],
        vy: to[2] - from[2],
        score: to[3],
        flags: to[4],
      });
    }
    return { players, coins: after.coins };
  }
}

/** Colour of a player: the golden angle keeps neighbours in number far apart in colour. */
export function hueOf(id) {
  return Math.round((id * 137.508 + 175) % 360);
}
