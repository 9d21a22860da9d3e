import { createHash } from 'node:crypto';

/**
 * Where a link leads until there is a console: it opens the session, takes the token out of the address bar, and shows what
 * runs. It loads nothing, and its policy lets nothing run but what stands here.
 */

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
caption { text-align: left; font-weight: 600; padding: .3rem .6rem; }
button { font: inherit; padding: .3rem .8rem; }
`;

const SCRIPT = `
'use strict';
const say = (text) => { document.getElementById('message').textContent = text; };
const call = async (method, path, body) => {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const csrf = sessionStorage.getItem('sallyport-csrf');
  if (csrf !== null && method !== 'GET') headers['sallyport-csrf'] = csrf;
  const response = await fetch('/api/v1' + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
};
const table = (title, names, rows) => {
  const node = document.createElement('table');
  node.createCaption().textContent = title;
  const line = (cells, tag) => {
    const row = node.insertRow();
    for (const cell of cells) {
      const place = document.createElement(tag);
      place.textContent = String(cell);
      row.append(place);
    }
  };
  line(names, 'th');
  for (const row of rows) line(row, 'td');
  return node;
};
const time = (ms) => new Date(ms).toISOString().slice(0, 19) + 'Z';
const show = async () => {
  const [status, workers, policies] = await Promise.all([call('GET', '/status'), call('GET', '/workers'), call('GET', '/policies')]);
  say((status.isReady ? 'Ready' : 'Not ready: ' + status.notReadyReasons.join(', ')) + ' - ' + status.node + ', version ' + status.version + ', ' + status.mode + ', since ' + time(status.startedMs));
  document.getElementById('tables').replaceChildren(
    table('Listeners', ['name', 'address', 'TLS'], status.listeners.map((one) => [one.name, one.address, one.isTls ? 'yes' : 'no'])),
    table('Upstreams', ['name', 'servers up', 'breaker'], status.upstreams.map((one) => [one.name, one.serversUp + ' of ' + one.serversAll, one.isBreakerOpen ? 'open' : 'closed'])),
    table('Workers', ['id', 'state', 'connections', 'restarts'], workers.workers.map((one) => [one.id, one.state, one.connections, one.restarts])),
    table('Policies', ['version', 'result', 'when', 'source', 'author'], policies.policies.map((one) => [one.version ?? '-', one.result + (one.version === policies.current ? ' (in force)' : ''), time(one.timeMs), one.source, one.author])),
  );
  document.getElementById('out').hidden = false;
};
const start = async () => {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  history.replaceState(null, '', location.pathname);
  if (token !== null) {
    const opened = await call('POST', '/session', { token, as: 'cookie' });
    sessionStorage.setItem('sallyport-csrf', opened.csrf);
  }
  await show();
};
document.getElementById('out').addEventListener('click', async () => {
  try {
    await call('DELETE', '/session');
    sessionStorage.removeItem('sallyport-csrf');
    document.getElementById('tables').replaceChildren();
    document.getElementById('out').hidden = true;
    say('Signed out.');
  } catch (error) { say(error.message); }
});
start().catch((error) => say(error.message));
`;

export const PAGE: string = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sallyport</title><style>${STYLE}</style></head>
<body>
<h1>Sallyport</h1>
<p id="message" role="status">One moment.</p>
<div id="tables"></div>
<button id="out" hidden>Sign out</button>
<script>${SCRIPT}</script>
</body>
</html>
`;

export const PAGE_HEADERS: Readonly<Record<string, string | number>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-length': Buffer.byteLength(PAGE),
  'content-security-policy': [
    "default-src 'none'",
    `script-src '${sourceHash(SCRIPT)}'`,
    `style-src '${sourceHash(STYLE)}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
};

function sourceHash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
