import { ArenaConnection } from './connection.js';
import { attachControls } from './controls.js';
import { FieldView } from './field.js';
import { appendChat, appendSystem, refreshLeaderboard, setText, showScoreboard } from './panels.js';
import { FieldState, FLAG, hueOf } from './state.js';

const NAME_KEY = 'arena.name';
const LEADERBOARD_MS = 10_000;
const PANELS_MS = 200;

const element = (id) => document.getElementById(id);
const state = new FieldState();
const view = new FieldView(element('field'), state);
let ownName = '';
let hasPlayed = false;
/** Last chat line shown, so that the history after a reconnect repeats nothing. */
let lastLine = 0;
let room = 0;

const connection = new ArenaConnection({
  state: showConnection,
  latency: (ms) => setText(element('latency'), `${Math.round(ms)} ms`),
  message: receive,
});
const controls = attachControls(element('field'), element('dash'), (dx, dy, dash) => connection.input(dx, dy, dash));

setInterval(showPanels, PANELS_MS);
setInterval(showLeaderboard, LEADERBOARD_MS);
showLeaderboard();
prepareJoin();
prepareChat();
element('dash').hidden = !matchMedia('(pointer: coarse)').matches;

function receive(message) {
  switch (message.type) {
    case 'welcome':
      welcome(message);
      return;
    case 'snapshot':
      announceRoster(message.roster);
      state.snapshot(message, performance.now());
      if (message.events) view.celebrate(message.events);
      return;
    case 'chat':
      showLine(message);
      return;
    case 'error':
      showError(message);
      return;
  }
}

function welcome(message) {
  state.welcome(message);
  ownName = message.name;
  sessionStorage.setItem(NAME_KEY, ownName);
  setText(element('own-name'), ownName);
  element('own-swatch').style.setProperty('--hue', String(hueOf(message.id)));
  element('own').hidden = false;
  element('own-coins').hidden = false;
  element('join').hidden = true;
  element('closed').hidden = true;
  element('chat-input').disabled = false;
  element('chat-send').disabled = false;
  if (!message.resumed || message.room !== room) {
    // Another room, or a server that has restarted: its lines are counted from the beginning.
    lastLine = 0;
    state.names = new Map();
  }
  room = message.room;
  for (const line of message.chat) showLine(line);
  if (message.resumed) appendSystem(element('chat-log'), `Welcome back, ${ownName}. You kept ${coins(message.score)}.`);
  else appendSystem(element('chat-log'), `Welcome, ${ownName}.`);
  showLeaderboard();
  if (!hasPlayed) element('field').focus();
  hasPlayed = true;
  controls.resend();
}

function announceRoster(roster) {
  if (!roster || state.names.size === 0) return;
  const present = new Map(roster);
  for (const [id, name] of present) {
    if (!state.names.has(id) && id !== state.ownId) appendSystem(element('chat-log'), `${name} joined.`);
  }
  for (const [id, name] of state.names) {
    if (!present.has(id)) appendSystem(element('chat-log'), `${name} left.`);
  }
}

function showLine(line) {
  if (line.line <= lastLine) return;
  lastLine = line.line;
  appendChat(element('chat-log'), line);
}

function showError(message) {
  if (!element('join').hidden || message.code === 'NAME_TAKEN' || message.code === 'NAME_INVALID') {
    element('join').hidden = false;
    note(element('name-note'), message.message, 'bad');
    element('name').focus();
    return;
  }
  note(element('notice'), message.message, 'bad');
  setTimeout(() => note(element('notice'), '', ''), 4000);
}

function showConnection(name, detail) {
  const texts = { offline: 'not connected', connecting: 'connecting', online: 'online', reconnecting: 'reconnecting', closed: 'closed' };
  element('connection').dataset.state = name;
  setText(element('connection-text'), texts[name]);
  element('connection').title = detail;
  if (name === 'online') return;
  setText(element('latency'), '–');
  element('chat-input').disabled = true;
  element('chat-send').disabled = true;
  if (name !== 'closed') return;
  element('join').hidden = true;
  element('closed').hidden = false;
  setText(element('closed-text'), `The server closed the connection: ${detail}.`);
  element('again').focus();
}

function showPanels() {
  const players = [...(state.latest()?.players.values() ?? [])];
  const present = players.filter((row) => (row[4] & FLAG.away) === 0).length;
  setText(element('players-count'), String(present));
  const label = present === 1 ? 'The field. One player.' : `The field. ${present} players.`;
  if (hasPlayed) element('field').setAttribute('aria-label', label);
  showScoreboard(element('scoreboard'), state);
  const own = state.latest()?.players.get(state.ownId);
  if (!own) return;
  setText(element('own-score'), String(own[3]));
  setText(element('own-position'), `${own[1]}, ${own[2]}`);
}

function showLeaderboard() {
  if (!document.hidden) void refreshLeaderboard(element('leaderboard'), ownName);
}

function prepareJoin() {
  const name = element('name');
  name.value = sessionStorage.getItem(NAME_KEY) ?? '';
  let timer = 0;
  name.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => void checkName(name.value), 350);
  });
  element('join').addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(timer);
    connection.join(name.value);
  });
  element('again').addEventListener('click', () => {
    element('closed').hidden = true;
    connection.join(ownName === '' ? name.value : ownName);
  });
  // A reload: the player is still there, and so is its token.
  if (ArenaConnection.mayResume() && name.value !== '') connection.join(name.value);
  else name.focus();
}

async function checkName(name) {
  if (name.trim() === '') return;
  try {
    const response = await fetch('api/names/check', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
      signal: AbortSignal.timeout(5000),
    });
    if (!response.ok) return;
    const verdict = await response.json();
    // The answer to an older question must not overwrite what is true of the name now.
    if (element('name').value !== name) return;
    if (verdict.available) note(element('name-note'), `${verdict.name} is free.`, 'good');
    else note(element('name-note'), verdict.message, 'bad');
  } catch {
    // Joining will tell.
  }
}

function prepareChat() {
  const input = element('chat-input');
  element('chat').addEventListener('submit', (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text !== '') connection.chat(text);
    input.value = '';
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') element('field').focus();
  });
  element('field').addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || input.disabled) return;
    event.preventDefault();
    input.focus();
  });
}

function note(target, text, kind) {
  setText(target, text);
  target.dataset.kind = kind;
}

function coins(count) {
  return count === 1 ? '1 coin' : `${count} coins`;
}
