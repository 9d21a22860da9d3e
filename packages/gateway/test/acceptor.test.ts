import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Acceptor, type SocketTaker } from '../src/acceptor/acceptor.ts';
import { listener } from './harness/config.ts';

const acceptors: Acceptor[] = [];
const clients: Socket[] = [];

afterEach(() => {
  for (const acceptor of acceptors.splice(0)) acceptor.closeAll();
  for (const client of clients.splice(0)) client.destroy();
});

/** Answers each connection it takes with the name of its listener. */
class Taker implements SocketTaker {
  readonly sockets: Socket[] = [];

  take(name: string, socket: Socket): void {
    this.sockets.push(socket);
    socket.on('error', () => undefined);
    socket.end(name);
  }
}

function acceptorOf(choose: () => SocketTaker | undefined): { acceptor: Acceptor; refused: string[] } {
  const refused: string[] = [];
  const acceptor = new Acceptor({ choose, onRefused: (name) => refused.push(name) });
  acceptors.push(acceptor);
  return { acceptor, refused };
}

function portOf(acceptor: Acceptor, name = 'test'): number {
  const address = acceptor.addresses().get(name);
  if (address?.kind !== 'tcp') throw new Error(`${name} is not open`);
  return address.port;
}

async function client(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  clients.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function read(socket: Socket): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of socket) if (Buffer.isBuffer(part)) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('the acceptor', () => {
  it('turns away what comes when files run out, before anybody is chosen for it', async () => {
    const taker = new Taker();
    const refused: string[] = [];
    let room = 1;
    const acceptor = new Acceptor({
      choose: () => taker,
      admit: () => room-- > 0,
      onRefused: (name, { cause }) => refused.push(`${name} ${cause}`),
    });
    acceptors.push(acceptor);
    await acceptor.open(listener());
    expect(await read(await client(portOf(acceptor)))).toBe('test');
    expect(await read(await client(portOf(acceptor)))).toBe('');
    expect(refused).toEqual(['test files']);
    room = 1;
    expect(await read(await client(portOf(acceptor)))).toBe('test');
  });

  it('hands each connection to whoever is chosen, with the name of its listener', async () => {
    const takers = [new Taker(), new Taker()];
    let turn = 0;
    const { acceptor } = acceptorOf(() => takers[turn++ % 2]);
    await acceptor.open(listener());
    const answers = await Promise.all([1, 2, 3, 4].map(async () => read(await client(portOf(acceptor)))));
    expect(answers).toEqual(['test', 'test', 'test', 'test']);
    expect(takers.map(({ sockets }) => sockets.length)).toEqual([2, 2]);
  });

  it('keeps those that come while nobody can take them, in their order, until somebody can', async () => {
    const taker = new Taker();
    let room = 0;
    const { acceptor, refused } = acceptorOf(() => (room-- > 0 ? taker : undefined));
    await acceptor.open(listener());
    const waiting = [await client(portOf(acceptor)), await client(portOf(acceptor))];
    await vi.waitFor(() => {
      room = 1;
      acceptor.flush();
      expect(taker.sockets).toHaveLength(1);
    });
    expect(waiting[0] !== undefined && (await read(waiting[0]))).toBe('test');
    await vi.waitFor(() => {
      room = 1;
      acceptor.flush();
      expect(taker.sockets).toHaveLength(2);
    });
    expect(waiting[1] !== undefined && (await read(waiting[1]))).toBe('test');
    expect(refused).toEqual([]);
  });

  it('ends those that still wait when it closes', async () => {
    const { acceptor } = acceptorOf(() => undefined);
    await acceptor.open(listener());
    const waiting = await client(portOf(acceptor));
    // The next one is accepted after it.
    await client(portOf(acceptor));
    acceptor.closeAll();
    await once(waiting.resume(), 'close');
    expect(acceptor.addresses().size).toBe(0);
  });

  it('closes the listeners that are not wanted any more, and leaves the others open', async () => {
    const { acceptor } = acceptorOf(() => new Taker());
    const [stays, goes] = [listener({ name: 'stays' }), listener({ name: 'goes' })];
    await acceptor.open(stays);
    await acceptor.open(goes);
    const port = portOf(acceptor, 'goes');
    acceptor.closeOthers([stays]);
    expect([acceptor.has(stays), acceptor.has(goes)]).toEqual([true, false]);
    expect(await read(await client(portOf(acceptor, 'stays')))).toBe('stays');
    const refused = connect(port, '127.0.0.1');
    const [error]: unknown[] = await once(refused, 'error');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('gives a listener another name without closing its socket, when the policy with that name is in force', async () => {
    let inForce = 'old';
    const taker = new Taker();
    const isInForce = ({ name }: { readonly name: string }): boolean => name === inForce;
    const acceptor = new Acceptor({ choose: () => taker, isInForce, onRefused: () => undefined });
    acceptors.push(acceptor);
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const free = other.address();
    if (free === null || typeof free === 'string') throw new Error('no port');
    other.close();
    await once(other, 'close');
    const address = { kind: 'tcp', host: '127.0.0.1', port: free.port } as const;
    const [before, after] = [listener({ name: 'old', address }), listener({ name: 'new', address })];
    await acceptor.open(before);
    await acceptor.open(after);
    expect(await read(await client(free.port))).toBe('old');
    inForce = 'new';
    expect(await read(await client(free.port))).toBe('new');
    acceptor.closeOthers([after]);
    expect(await read(await client(free.port))).toBe('new');
    expect([...acceptor.addresses().keys()]).toEqual(['new']);
  });

  it('says so when an address cannot be had, and keeps what it has', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const taken = other.address();
    if (taken === null || typeof taken === 'string') throw new Error('no port');
    const { acceptor } = acceptorOf(() => new Taker());
    await acceptor.open(listener());
    const second = listener({ name: 'second', address: { kind: 'tcp', host: '127.0.0.1', port: taken.port } });
    await expect(acceptor.open(second)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect([...acceptor.addresses().keys()]).toEqual(['test']);
    other.close();
  });
});
