/** A client in a process of its own: opens connections, says a line on each, and counts those on which nothing comes back. */
import { connect, type Socket } from 'node:net';
import { answerLines } from '../harness/line-process.ts';

export type Wish =
  /** Opens and ends so many connections, so many at once. */
  | { readonly kind: 'come'; readonly port: number; readonly connections: number; readonly together: number }
  /** Opens connections and keeps them, until so many are open. */
  | { readonly kind: 'stay'; readonly port: number; readonly connections: number }
  /** Ends those that stayed. */
  | { readonly kind: 'leave' };

export interface Came {
  readonly answered: number;
  /** Refused, reset, or ended before the answer. */
  readonly lost: number;
}

const staying = new Set<Socket>();

await answerLines(async (line): Promise<Came> => {
  const wish: Wish = JSON.parse(line);
  if (wish.kind === 'come') return come(wish);
  if (wish.kind === 'stay') return stay(wish);
  for (const socket of staying) socket.destroy();
  staying.clear();
  return { answered: 0, lost: 0 };
});

async function come({ port, connections, together }: Extract<Wish, { kind: 'come' }>): Promise<Came> {
  let [left, answered, lost] = [connections, 0, 0];
  const one = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const socket = await greet(port);
      if (socket === undefined) lost += 1;
      else answered += 1;
      socket?.destroy();
    }
  };
  await Promise.all(Array.from({ length: together }, one));
  return { answered, lost };
}

async function stay({ port, connections }: Extract<Wish, { kind: 'stay' }>): Promise<Came> {
  let [answered, lost] = [0, 0];
  while (staying.size < connections) {
    const socket = await greet(port);
    if (socket === undefined) {
      lost += 1;
      continue;
    }
    answered += 1;
    staying.add(socket);
    socket.on('close', () => staying.delete(socket));
  }
  return { answered, lost };
}

/** A connection on which a line was answered; undefined where that did not happen. */
function greet(port: number): Promise<Socket | undefined> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  return new Promise((resolve) => {
    socket.once('connect', () => socket.write('hello\n'));
    socket.once('data', () => resolve(socket));
    socket.on('error', () => resolve(undefined));
    socket.on('close', () => resolve(undefined));
  });
}
