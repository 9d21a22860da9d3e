import { FLAG, hueOf } from './state.js';

const SCOREBOARD_ROWS = 8;
const LEADERBOARD_ROWS = 5;
const CHAT_LINES_MAX = 200;

/** The players of this room, most coins first. */
export function showScoreboard(list, state) {
  const rows = [...(state.latest()?.players.values() ?? [])].sort((a, b) => b[3] - a[3] || a[0] - b[0]);
  let shown = rows.slice(0, SCOREBOARD_ROWS);
  const ownIndex = rows.findIndex((row) => row[0] === state.ownId);
  if (ownIndex >= SCOREBOARD_ROWS) shown = [...shown.slice(0, -1), rows[ownIndex]];
  showRanks(
    list,
    shown.map((row) => ({
      rank: rows.indexOf(row) + 1,
      name: state.nameOf(row[0]),
      coins: row[3],
      hue: hueOf(row[0]),
      isOwn: row[0] === state.ownId,
      isAway: (row[4] & FLAG.away) !== 0,
    })),
  );
}

/** The best of all rooms, from the REST interface. Leaves the list as it is when the server does not answer. */
export async function refreshLeaderboard(list, ownName) {
  try {
    const response = await fetch(`api/leaderboard?limit=${LEADERBOARD_ROWS}`, { signal: AbortSignal.timeout(5000) });
    if (!response.ok) return;
    const { players } = await response.json();
    showRanks(
      list,
      players
        .filter((player) => player.best > 0)
        .map((player) => ({
          rank: player.rank,
          name: player.name,
          coins: player.best,
          hue: null,
          isOwn: player.name === ownName,
          isAway: !player.online,
        })),
    );
  } catch {
    // The connection indicator already says what is wrong.
  }
}

/** One line of chat. Text only ever becomes text: no message can become markup. */
export function appendChat(log, line) {
  const who = document.createElement('span');
  who.className = 'who';
  who.textContent = line.name;
  who.style.setProperty('--hue', String(hueOf(line.id)));
  const text = document.createElement('span');
  text.textContent = line.text;
  append(log, 'message', [who, text]);
}

export function appendSystem(log, text) {
  append(log, 'system', [document.createTextNode(text)]);
}

function append(log, className, children) {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  const item = document.createElement('li');
  item.className = className;
  item.append(...children);
  log.append(item);
  while (log.children.length > CHAT_LINES_MAX) log.firstElementChild.remove();
  // Who has scrolled up to read is not pulled down.
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function showRanks(list, rows) {
  while (list.children.length > rows.length) list.lastElementChild.remove();
  while (list.children.length < rows.length) list.append(emptyRank());
  rows.forEach((row, index) => {
    const item = list.children[index];
    const [rank, who, coins] = item.children;
    const [swatch, name] = who.children;
    item.dataset.own = String(row.isOwn);
    item.dataset.away = String(row.isAway);
    setText(rank, String(row.rank));
    swatch.hidden = row.hue === null;
    swatch.style.setProperty('--hue', String(row.hue ?? 0));
    setText(name, row.name);
    setText(coins, String(row.coins));
  });
  const empty = document.getElementById(`${list.id}-empty`);
  if (empty) empty.hidden = rows.length > 0;
}

function emptyRank() {
  const item = document.createElement('li');
  const who = span('who');
  who.append(span('swatch'), span('name'));
  item.append(span('rank'), who, span('coins'));
  return item;
}

function span(className) {
  const element = document.createElement('span');
  element.className = className;
  return element;
}

/** Writes only what changed: an element that is written to sixty times a second cannot be selected or read aloud. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
