/** A client in a process of its own that asks all the time until it is told to stop, and counts what it gets no answer to. */
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '../harness/http-connection.ts';
import { answerLines } from '../harness/line-process.ts';
import { TRAFFIC, wireBytes } from '../waf/traffic.ts';

export type Wish = { readonly kind: 'begin'; readonly port: number } | { readonly kind: 'end' };

export interface Asked {
  /** Exchanges that were answered with 200. */
  readonly answered: number;
  /** Exchanges that were not: connection refused or reset, closed before the answer, or another status. */
  readonly lost: number;
  /** What happened to the first ones that were lost. */
  readonly why: readonly string[];
}

/** Connections that stay, and clients that come with a new one for every request. */
const STAYING = 8;
const COMING = 4;

/** Between two requests of one client, in milliseconds: load that leaves the processors time for the reloads. */
const PAUSE_MS = 2;

/** Reasons that are kept. */
const WHY_MAX = 5;

const messages = TRAFFIC.filter(({ kind }) => kind === 'get' || kind === 'form').flatMap((traffic) =>
  Array.from({ length: traffic.variants }, (_, index) => wireBytes(traffic.request(index))),
);

const state = { isOver: false };
let [answered, lost] = [0, 0];
const why: string[] = [];
let running: Promise<unknown> = Promise.resolve();

await answerLines(async (line): Promise<Asked> => {
  const wish: Wish = JSON.parse(line);
  if (wish.kind === 'begin') {
    const clients = [
      ...Array.from({ length: STAYING }, () => stay(wish.port)),
      ...Array.from({ length: COMING }, () => come(wish.port)),
    ];
    running = Promise.all(clients);
  } else {
    state.isOver = true;
    await running;
  }
  return { answered, lost, why };
});

async function stay(port: number): Promise<void> {
  let connection: Connection | undefined;
  while (!state.isOver) {
    if (connection === undefined || connection.isClosed) connection = await opened(port);
    if (connection !== undefined) await exchange(connection);
    await sleep(PAUSE_MS);
  }
  connection?.close();
}

async function come(port: number): Promise<void> {
  while (!state.isOver) {
    const connection = await opened(port);
    if (connection === undefined) continue;
    await exchange(connection);
    connection.close();
    await sleep(PAUSE_MS);
  }
}

async function opened(port: number): Promise<Connection | undefined> {
  try {
    return await Connection.open(port);
  } catch (cause) {
    note(`not connected: ${String(cause)}`);
    return undefined;
  }
}

async function exchange(connection: Connection): Promise<void> {
  const message = messages[(answered + lost) % messages.length] ?? Buffer.alloc(0);
  try {
    const status = await connection.exchange(message);
    if (status === 200) answered += 1;
    else note(`status ${status}`);
  } catch (cause) {
    note(String(cause));
  }
}

function note(what: string): void {
  lost += 1;
  if (why.length < WHY_MAX) why.push(what);
}
