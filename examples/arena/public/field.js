import { FLAG, hueOf } from './state.js';

const PLAYER_RADIUS = 26;
const COIN_RADIUS = 13;
const GRID = 100;
/** Smallest scale at which a player is still a shape; below it the view follows its own player. */
const SCALE_MIN = 0.5;
const PARTICLES_MAX = 400;

/** Draws the field on a canvas, sixty times a second or as often as the screen asks. */
export class FieldView {
  #canvas;
  #context;
  #state;
  #particles = [];
  #floaters = [];
  #trails = [];
  #headings = new Map();
  #isCalm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  #lastMs = 0;

  constructor(canvas, state) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
    this.#state = state;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#resize();
    const frame = (nowMs) => {
      this.#draw(nowMs);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** Shows what happened: `events` of a snapshot. */
  celebrate(events) {
    for (const event of events) {
      if (event[0] === 'coin') {
        const [, , value, x, y] = event;
        this.#float(`+${value}`, x, y - 20, '#ffe08a');
        this.#burst(x, y, value > 1 ? 18 : 9, 48);
      } else {
        const [, , victimId, coins] = event;
        const victim = this.#state.latest()?.players.get(victimId);
        if (!victim) continue;
        this.#float(coins > 0 ? `−${coins}` : 'tagged', victim[1], victim[2] - 46, '#ff8f8f');
        this.#burst(victim[1], victim[2], 26, hueOf(victimId));
      }
    }
  }

  #resize() {
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    this.#canvas.width = Math.max(1, Math.round(this.#canvas.clientWidth * ratio));
    this.#canvas.height = Math.max(1, Math.round(this.#canvas.clientHeight * ratio));
  }

  #draw(nowMs) {
    const dtMs = Math.min(50, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    const context = this.#context;
    const { players, coins } = this.#state.at(performance.now());
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    this.#aim(players);
    this.#drawGround(nowMs);
    for (const coin of coins) this.#drawCoin(coin, nowMs);
    this.#drawTrails(players, dtMs);
    // Own player last, so that it is never hidden in a crowd.
    players.sort((a, b) => Number(a.id === this.#state.ownId) - Number(b.id === this.#state.ownId));
    for (const player of players) this.#drawPlayer(player, nowMs, dtMs);
    this.#drawParticles(dtMs);
    this.#drawFloaters(dtMs);
    for (const player of players) this.#drawLabel(player);
  }

  /** Fits the whole field, or follows the own player where that would be too small to see. */
  #aim(players) {
    const { width, height } = this.#state.size;
    const ratio = this.#canvas.width / Math.max(1, this.#canvas.clientWidth);
    const fit = Math.min(this.#canvas.width / (width + 24), this.#canvas.height / (height + 24));
    const scale = Math.max(fit, SCALE_MIN * ratio);
    const own = players.find((player) => player.id === this.#state.ownId);
    const seenWidth = this.#canvas.width / scale;
    const seenHeight = this.#canvas.height / scale;
    const left = edge(own?.x ?? width / 2, seenWidth, width);
    // A field that leaves space above and below hangs at the top, level with the panels beside it.
    const top = seenHeight >= height + 24 ? -12 : edge(own?.y ?? height / 2, seenHeight, height);
    this.#context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
  }

  #drawGround(nowMs) {
    const context = this.#context;
    const { width, height } = this.#state.size;
    const ground = context.createRadialGradient(width / 2, height / 2, 80, width / 2, height / 2, width * 0.62);
    ground.addColorStop(0, '#17214a');
    ground.addColorStop(1, '#0c1228');
    context.fillStyle = ground;
    roundedRectangle(context, 0, 0, width, height, 26);
    context.fill();
    context.save();
    context.clip();
    context.strokeStyle = 'rgb(140 165 255 / 7%)';
    context.lineWidth = 1.5;
    context.beginPath();
    for (let x = GRID; x < width; x += GRID) {
      context.moveTo(x, 0);
      context.lineTo(x, height);
    }
    for (let y = GRID; y < height; y += GRID) {
      context.moveTo(0, y);
      context.lineTo(width, y);
    }
    context.stroke();
    context.strokeStyle = 'rgb(140 165 255 / 12%)';
    context.lineWidth = 3;
    context.beginPath();
    context.arc(width / 2, height / 2, 130, 0, Math.PI * 2);
    context.moveTo(width / 2, 0);
    context.lineTo(width / 2, height / 2 - 130);
    context.moveTo(width / 2, height / 2 + 130);
    context.lineTo(width / 2, height);
    context.stroke();
    context.restore();
    // The border is the focus indicator too: the canvas itself may be larger than the field.
    const hasFocus = document.activeElement === this.#canvas;
    const pulse = this.#isCalm ? 0 : 8 * Math.sin(nowMs / 900);
    context.strokeStyle = `hsl(217 95% 70% / ${(hasFocus ? 88 : 38) + pulse}%)`;
    context.lineWidth = hasFocus ? 6 : 4;
    roundedRectangle(context, 0, 0, width, height, 26);
    context.stroke();
  }

  #drawCoin([id, x, y, value], nowMs) {
    const context = this.#context;
    const radius = value > 1 ? COIN_RADIUS * 1.5 : COIN_RADIUS;
    // A coin that turns: its width follows a cosine. Each begins elsewhere, so that they do not turn in step.
    const turn = this.#isCalm ? 1 : 0.45 + 0.55 * Math.abs(Math.cos(nowMs / 700 + id));
    context.save();
    context.translate(x, y);
    const glow = context.createRadialGradient(0, 0, radius * 0.5, 0, 0, radius * 2.4);
    glow.addColorStop(0, 'rgb(255 205 80 / 35%)');
    glow.addColorStop(1, 'rgb(255 205 80 / 0%)');
    context.fillStyle = glow;
    context.fillRect(-radius * 2.4, -radius * 2.4, radius * 4.8, radius * 4.8);
    context.scale(turn, 1);
    disc(context, radius, '#c98a1b');
    disc(context, radius * 0.86, '#f7c948');
    disc(context, radius * 0.62, value > 1 ? '#fff0b8' : '#ffdf7e');
    if (value > 1) {
      context.fillStyle = '#8a5a0c';
      context.font = `800 ${radius}px system-ui, sans-serif`;
      context.textAlign = 'center';
      context.textBaseline = 'middle';
      context.fillText(String(value), 0, radius * 0.07);
    }
    context.restore();
  }

  #drawTrails(players, dtMs) {
    if (!this.#isCalm) {
      for (const player of players) {
        if (player.flags & FLAG.dashing) this.#trails.push({ x: player.x, y: player.y, hue: hueOf(player.id), life: 1 });
      }
    }
    const context = this.#context;
    for (const trail of this.#trails) {
      context.fillStyle = `hsl(${trail.hue} 90% 65% / ${trail.life * 22}%)`;
      context.beginPath();
      context.arc(trail.x, trail.y, PLAYER_RADIUS * (0.5 + trail.life * 0.5), 0, Math.PI * 2);
      context.fill();
      trail.life -= dtMs / 320;
    }
    this.#trails = this.#trails.filter((trail) => trail.life > 0);
  }

  #drawPlayer(player, nowMs, dtMs) {
    const context = this.#context;
    const hue = hueOf(player.id);
    const heading = this.#turn(player, dtMs);
    context.save();
    context.translate(player.x, player.y);
    if (player.flags & FLAG.away) context.globalAlpha = 0.35;
    context.fillStyle = 'rgb(0 0 0 / 35%)';
    context.beginPath();
    context.ellipse(0, PLAYER_RADIUS * 0.85, PLAYER_RADIUS * 0.9, PLAYER_RADIUS * 0.38, 0, 0, Math.PI * 2);
    context.fill();
    if (player.id === this.#state.ownId) {
      context.strokeStyle = 'rgb(255 255 255 / 85%)';
      context.lineWidth = 3;
      context.beginPath();
      context.arc(0, 0, PLAYER_RADIUS + 5, 0, Math.PI * 2);
      context.stroke();
    }
    const body = context.createRadialGradient(-8, -10, 3, 0, 0, PLAYER_RADIUS);
    body.addColorStop(0, `hsl(${hue} 95% 78%)`);
    body.addColorStop(0.55, `hsl(${hue} 85% 60%)`);
    body.addColorStop(1, `hsl(${hue} 75% 42%)`);
    disc(context, PLAYER_RADIUS, body);
    this.#drawFace(heading, player.flags & FLAG.stunned);
    if (player.flags & FLAG.shielded) {
      context.strokeStyle = 'rgb(160 220 255 / 80%)';
      context.lineWidth = 2.5;
      context.setLineDash([10, 8]);
      context.lineDashOffset = this.#isCalm ? 0 : -nowMs / 25;
      context.beginPath();
      context.arc(0, 0, PLAYER_RADIUS + 11, 0, Math.PI * 2);
      context.stroke();
    }
    context.restore();
  }

  #drawFace(heading, isStunned) {
    const context = this.#context;
    for (const side of [-1, 1]) {
      const angle = heading + side * 0.5;
      const x = Math.cos(angle) * 13;
      const y = Math.sin(angle) * 13;
      if (isStunned) {
        context.strokeStyle = '#10152a';
        context.lineWidth = 2.5;
        context.beginPath();
        context.moveTo(x - 4, y - 4);
        context.lineTo(x + 4, y + 4);
        context.moveTo(x + 4, y - 4);
        context.lineTo(x - 4, y + 4);
        context.stroke();
        continue;
      }
      context.fillStyle = '#fff';
      context.beginPath();
      context.arc(x, y, 6.5, 0, Math.PI * 2);
      context.fill();
      context.fillStyle = '#10152a';
      context.beginPath();
      context.arc(x + Math.cos(heading) * 2.4, y + Math.sin(heading) * 2.4, 3.3, 0, Math.PI * 2);
      context.fill();
    }
  }

  #drawLabel(player) {
    const context = this.#context;
    const away = player.flags & FLAG.away ? ' (away)' : '';
    context.globalAlpha = away === '' ? 1 : 0.5;
    context.font = '600 17px system-ui, "DejaVu Sans", sans-serif';
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    const name = player.name + away;
    const score = String(player.score);
    const nameWidth = context.measureText(name).width;
    const width = nameWidth + context.measureText(score).width + 28;
    const x = Math.min(this.#state.size.width - width - 4, Math.max(4, player.x - width / 2));
    // Below the player where there is no room above.
    const y = player.y < 64 ? player.y + PLAYER_RADIUS + 26 : player.y - PLAYER_RADIUS - 26;
    context.fillStyle = 'rgb(8 12 25 / 72%)';
    roundedRectangle(context, x, y - 13, width, 26, 13);
    context.fill();
    context.fillStyle = player.id === this.#state.ownId ? '#fff' : '#d4dcf5';
    context.fillText(name, x + 10, y + 1);
    context.fillStyle = '#f7c948';
    context.fillText(score, x + nameWidth + 18, y + 1);
    context.globalAlpha = 1;
  }

  #turn(player, dtMs) {
    let heading = this.#headings.get(player.id) ?? Math.PI / 2;
    if (Math.hypot(player.vx, player.vy) > 2 && !(player.flags & FLAG.stunned)) {
      const wanted = Math.atan2(player.vy, player.vx);
      const gap = Math.atan2(Math.sin(wanted - heading), Math.cos(wanted - heading));
      heading += gap * Math.min(1, dtMs / 70);
    }
    this.#headings.set(player.id, heading);
    if (this.#headings.size > 500) this.#headings.clear();
    return heading;
  }

  #burst(x, y, count, hue) {
    if (this.#isCalm) return;
    for (let index = 0; index < count && this.#particles.length < PARTICLES_MAX; index += 1) {
      const angle = Math.random() * Math.PI * 2;
      const speed = 60 + Math.random() * 220;
      this.#particles.push({ x, y, vx: Math.cos(angle) * speed, vy: Math.sin(angle) * speed, hue, life: 1 });
    }
  }

  #drawParticles(dtMs) {
    const context = this.#context;
    for (const particle of this.#particles) {
      particle.x += (particle.vx * dtMs) / 1000;
      particle.y += (particle.vy * dtMs) / 1000;
      particle.life -= dtMs / 500;
      context.fillStyle = `hsl(${particle.hue} 95% 68% / ${Math.max(0, particle.life) * 100}%)`;
      context.beginPath();
      context.arc(particle.x, particle.y, 3.5 * Math.max(0.2, particle.life), 0, Math.PI * 2);
      context.fill();
    }
    this.#particles = this.#particles.filter((particle) => particle.life > 0);
  }

  #float(text, x, y, colour) {
    this.#floaters.push({ text, x, y, colour, life: 1 });
  }

  #drawFloaters(dtMs) {
    const context = this.#context;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.font = '800 24px system-ui, "DejaVu Sans", sans-serif';
    for (const floater of this.#floaters) {
      context.globalAlpha = Math.max(0, floater.life);
      context.fillStyle = floater.colour;
      context.fillText(floater.text, floater.x, floater.y - (1 - floater.life) * 40);
      floater.life -= dtMs / 900;
    }
    context.globalAlpha = 1;
    this.#floaters = this.#floaters.filter((floater) => floater.life > 0);
  }
}

/** Left or top edge of the view: centred where all of the field is seen, else within the field. */
function edge(centre, seen, length) {
  if (seen >= length) return (length - seen) / 2;
  return Math.min(length - seen + 12, Math.max(-12, centre - seen / 2));
}

function disc(context, radius, style) {
  context.fillStyle = style;
  context.beginPath();
  context.arc(0, 0, radius, 0, Math.PI * 2);
  context.fill();
}

function roundedRectangle(context, x, y, width, height, radius) {
  context.beginPath();
  context.roundRect(x, y, width, height, radius);
}
