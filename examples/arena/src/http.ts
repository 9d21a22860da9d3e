import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Game } from './game.ts';
import { isRecord } from './protocol.ts';

/** Longest request body, in bytes: the only body that the API takes is a name. */
const BODY_BYTES_MAX = 4096;
const LEADERBOARD_ROWS_DEFAULT = 10;
const LEADERBOARD_ROWS_MAX = 100;

const MEDIA_TYPES: ReadonlyMap<string, string> = new Map([
  ['html', 'text/html; charset=utf-8'],
  ['css', 'text/css; charset=utf-8'],
  ['js', 'text/javascript; charset=utf-8'],
  ['svg', 'image/svg+xml'],
]);

export interface Asset {
  readonly mediaType: string;
  readonly etag: string;
  readonly bytes: Buffer;
}

/** The page and its files by path. A closed list read once: no request ever becomes a file name. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const folder = join(import.meta.dirname, '..', 'public');
  const assets = new Map<string, Asset>();
  for (const name of readdirSync(folder)) {
    const extension = name.slice(name.indexOf('.') + 1);
    const mediaType = MEDIA_TYPES.get(extension);
    if (!mediaType) continue;
    const bytes = readFileSync(join(folder, name));
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
    assets.set(name === 'index.html' ? '/' : `/${name}`, { mediaType, etag, bytes });
  }
  return assets;
}

interface Served {
  readonly game: Game;
  readonly assets: ReadonlyMap<string, Asset>;
  readonly uptimeSeconds: () => number;
}

/** Answers one request. Every request gets exactly one response, also one that makes no sense. */
export async function answer(request: IncomingMessage, response: ServerResponse, served: Served): Promise<void> {
  const url = URL.parse(request.url ?? '/', 'http://arena.invalid');
  if (!url) {
    problem(response, 400, 'The request target is not a path.');
    return;
  }
  switch (url.pathname) {
    case '/healthz':
      if (!allows(request, response, ['GET', 'HEAD'])) return;
      json(response, 200, { status: 'ok', uptimeSeconds: served.uptimeSeconds(), ...served.game.stats() });
      return;
    case '/api/leaderboard':
      if (!allows(request, response, ['GET', 'HEAD'])) return;
      leaderboard(response, url.searchParams.get('limit'), served.game);
      return;
    case '/api/names/check':
      if (!allows(request, response, ['POST'])) return;
      await checkName(request, response, served.game);
      return;
    case '/ws':
      response.setHeader('upgrade', 'websocket');
      problem(response, 426, 'This path speaks WebSocket.');
      return;
  }
  const asset = served.assets.get(url.pathname);
  if (!asset) {
    problem(response, 404, 'Nothing is here.');
    return;
  }
  if (allows(request, response, ['GET', 'HEAD'])) sendAsset(request, response, asset);
}

/** An error as a problem document (RFC 9457). */
export function problem(response: ServerResponse, status: number, detail: string): void {
  const title = TITLES.get(status) ?? 'Error';
  response.setHeader('content-type', 'application/problem+json');
  finish(response, status, JSON.stringify({ type: 'about:blank', title, status, detail }));
}

const TITLES: ReadonlyMap<number, string> = new Map([
  [400, 'Bad Request'],
  [404, 'Not Found'],
  [405, 'Method Not Allowed'],
  [413, 'Content Too Large'],
  [415, 'Unsupported Media Type'],
  [426, 'Upgrade Required'],
  [500, 'Internal Server Error'],
]);

function leaderboard(response: ServerResponse, limit: string | null, game: Game): void {
  const rows = limit === null ? LEADERBOARD_ROWS_DEFAULT : /^\d{1,3}$/.test(limit) ? Number(limit) : 0;
  if (rows < 1 || rows > LEADERBOARD_ROWS_MAX) {
    problem(response, 400, `limit is not an integer from 1 to ${LEADERBOARD_ROWS_MAX}.`);
    return;
  }
  json(response, 200, { players: game.leaderboard(rows) });
}

async function checkName(request: IncomingMessage, response: ServerResponse, game: Game): Promise<void> {
  const mediaType = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') {
    problem(response, 415, 'The body is application/json.');
    return;
  }
  const body = await readBody(request);
  switch (body.kind) {
    case 'aborted':
      response.destroy();
      return;
    case 'too-large':
      // The rest of the body is still on its way; the connection cannot be used for another request.
      response.setHeader('connection', 'close');
      problem(response, 413, `The body has more than ${BODY_BYTES_MAX} bytes.`);
      return;
    case 'body': {
      const value = parseJson(body.bytes);
      if (!isRecord(value) || typeof value['name'] !== 'string') {
        problem(response, 400, 'The body is not a JSON object with a string "name".');
        return;
      }
      json(response, 200, game.checkName(value['name']));
    }
  }
}

type Body = { readonly kind: 'body'; readonly bytes: Buffer } | { readonly kind: 'too-large' | 'aborted' };

async function readBody(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Leaving the loop early must not destroy the socket: the answer 413 still has to go out.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      if (!Buffer.isBuffer(chunk)) return { kind: 'aborted' };
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) return { kind: 'too-large' };
      chunks.push(chunk);
    }
  } catch {
    return { kind: 'aborted' };
  }
  return { kind: 'body', bytes: Buffer.concat(chunks) };
}

/** The value, or undefined where the bytes are not JSON in UTF-8. */
function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}

function sendAsset(request: IncomingMessage, response: ServerResponse, asset: Asset): void {
  response.setHeader('etag', asset.etag);
  response.setHeader('cache-control', 'no-cache');
  if (request.headers['if-none-match'] === asset.etag) {
    response.writeHead(304).end();
    return;
  }
  response.setHeader('content-type', asset.mediaType);
  finish(response, 200, asset.bytes);
}

function allows(request: IncomingMessage, response: ServerResponse, methods: readonly string[]): boolean {
  if (methods.includes(request.method ?? '')) return true;
  response.setHeader('allow', methods.join(', '));
  problem(response, 405, `This path answers ${methods.join(' and ')}.`);
  return false;
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.setHeader('cache-control', 'no-store');
  finish(response, status, JSON.stringify(value));
}

function finish(response: ServerResponse, status: number, body: string | Buffer): void {
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('content-length', Buffer.byteLength(body));
  response.writeHead(status).end(body);
}
