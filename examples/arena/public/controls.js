const DIRECTIONS = new Map([
  ['ArrowUp', [0, -1]],
  ['KeyW', [0, -1]],
  ['ArrowDown', [0, 1]],
  ['KeyS', [0, 1]],
  ['ArrowLeft', [-1, 0]],
  ['KeyA', [-1, 0]],
  ['ArrowRight', [1, 0]],
  ['KeyD', [1, 0]],
]);

/** Distance that a finger drags for full speed, in CSS pixels. */
const STICK_PX = 56;

/** Keyboard and touch. Calls `steer(dx, dy, dash)` whenever what the player wants has changed. */
export function attachControls(field, dashButton, steer) {
  const held = new Set();
  let stick = null;
  let last = '0,0';

  const send = (dash) => {
    let dx = stick?.dx ?? 0;
    let dy = stick?.dy ?? 0;
    for (const code of held) {
      const [x, y] = DIRECTIONS.get(code);
      dx += x;
      dy += y;
    }
    dx = Math.max(-1, Math.min(1, dx));
    dy = Math.max(-1, Math.min(1, dy));
    const now = `${dx},${dy}`;
    if (now === last && !dash) return;
    last = now;
    steer(dx, dy, dash);
  };

  window.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    if (event.code === 'Space') {
      event.preventDefault();
      if (!event.repeat) send(true);
    } else if (DIRECTIONS.has(event.code)) {
      event.preventDefault();
      held.add(event.code);
      send(false);
    }
  });
  window.addEventListener('keyup', (event) => {
    if (held.delete(event.code)) send(false);
  });
  // A key released elsewhere is never reported: let go of everything when the page loses the keyboard.
  const release = () => {
    held.clear();
    stick = null;
    send(false);
  };
  window.addEventListener('blur', release);
  document.addEventListener('focusin', (event) => {
    if (isTyping(event.target)) release();
  });

  field.addEventListener('pointerdown', (event) => {
    if (event.pointerType === 'mouse' || stick) return;
    field.setPointerCapture(event.pointerId);
    stick = { pointerId: event.pointerId, x: event.clientX, y: event.clientY, dx: 0, dy: 0 };
  });
  field.addEventListener('pointermove', (event) => {
    if (stick?.pointerId !== event.pointerId) return;
    const x = (event.clientX - stick.x) / STICK_PX;
    const y = (event.clientY - stick.y) / STICK_PX;
    const length = Math.max(1, Math.hypot(x, y));
    stick.dx = Math.round((x / length) * 50) / 50;
    stick.dy = Math.round((y / length) * 50) / 50;
    send(false);
  });
  for (const type of ['pointerup', 'pointercancel']) {
    field.addEventListener(type, (event) => {
      if (stick?.pointerId === event.pointerId) release();
    });
  }
  dashButton.addEventListener('pointerdown', () => send(true));
  dashButton.addEventListener('keydown', (event) => {
    if (event.code === 'Enter' || event.code === 'Space') send(true);
  });

  /** What is held now, for a connection that has just come back. */
  return { resend: () => ((last = ''), send(false)) };
}

function isTyping(target) {
  return target instanceof Element && target.closest('input, button') !== null;
}
