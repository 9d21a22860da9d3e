import { strict as assert } from 'node:assert';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { Acceptor } from '../src/acceptor/acceptor.ts';
import { type Descriptors, openDescriptors } from '../src/acceptor/descriptors.ts';
import { numberOf } from '../src/acceptor/number-of.ts';
import { type SharedDoor, SharedDoors } from '../src/acceptor/shared-doors.ts';
import { listener } from './harness/config.ts';

const closers: (() => void)[] = [];
const descriptors = openDescriptors();

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function acceptorOf(handed: string[] = [], given: Descriptors | undefined = descriptors): Acceptor {
  const acceptor = new Acceptor({
    descriptors: given,
    choose: () => ({
      take: (name, socket) => {
        handed.push(name);
        socket.end('handed over');
      },
    }),
    onRefused: () => undefined,
  });
  closers.push(() => acceptor.closeAll());
  return acceptor;
}

interface PlaneOptions {
  readonly admit?: () => boolean;
  readonly isAhead?: () => boolean;
  readonly handOn?: (name: string, socket: Socket) => void;
  readonly refused?: string[];
}

/** Answers each connection it accepts with its own name and the listener's. */
function plane(name: string, { admit, isAhead, handOn, refused }: PlaneOptions = {}): SharedDoors {
  const doors = new SharedDoors({
    descriptors,
    admit: admit ?? (() => true),
    isAhead: isAhead ?? (() => false),
    serve: (door, socket) => void socket.on('error', () => undefined).end(`${name} ${door}`),
    handOn: handOn ?? (() => undefined),
    onRefused: (door, { cause, code }) =>
      refused?.push(code === undefined ? `${door} ${cause}` : `${door} ${cause} ${code}`),
  });
  closers.push(() => doors.close());
  return doors;
}

const NOTHING_KNOWN: ReadonlySet<number> = new Set();

function idsOf(doors: readonly SharedDoor[]): ReadonlySet<number> {
  return new Set(doors.map(({ id }) => id));
}

function portOf(acceptor: Acceptor, name = 'test'): number {
  const address = acceptor.addresses().get(name);
  if (address?.kind !== 'tcp') throw new Error(`${name} is not open`);
  return address.port;
}

/** What a client is answered; an error's code when it is refused. */
async function ask(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const parts: Buffer[] = [];
  try {
    for await (const part of socket) if (Buffer.isBuffer(part)) parts.push(part);
  } catch (error) {
    return String(error instanceof Error ? Reflect.get(error, 'code') : error);
  }
  return Buffer.concat(parts).toString();
}

describe('a shared listening socket', () => {
  it('is accepted from by whoever has a descriptor of it, and by nobody else', async () => {
    const handed: string[] = [];
    const acceptor = acceptorOf(handed);
    await acceptor.open(listener());
    plane('one').set(acceptor.share([listener()], NOTHING_KNOWN));
    expect(await ask(portOf(acceptor))).toBe('one test');
    expect(handed).toEqual([]);
  });

  it('keeps what nobody has accepted for whoever comes next, also when the last one is gone', async () => {
    const acceptor = acceptorOf();
    await acceptor.open(listener());
    const early = ask(portOf(acceptor));
    const first = plane('first');
    first.set(acceptor.share([listener()], NOTHING_KNOWN));
    expect(await early).toBe('first test');
    first.close();
    const between = [ask(portOf(acceptor)), ask(portOf(acceptor))];
    plane('second').set(acceptor.share([listener()], NOTHING_KNOWN));
    expect(await Promise.all(between)).toEqual(['second test', 'second test']);
  });

  it('refuses connections when the acceptor and all others have closed it', async () => {
    const acceptor = acceptorOf();
    await acceptor.open(listener());
    const doors = plane('one');
    doors.set(acceptor.share([listener()], NOTHING_KNOWN));
    const port = portOf(acceptor);
    acceptor.closeAll();
    expect(await ask(port)).toBe('one test');
    doors.close();
    expect(await ask(port)).toBe('ECONNREFUSED');
  });

  it('is not accepted from by a data plane that has closed, whatever policy still comes', async () => {
    const acceptor = acceptorOf();
    await acceptor.open(listener());
    const closed = plane('closed');
    closed.close();
    closed.set(acceptor.share([listener()], NOTHING_KNOWN));
    plane('open').set(acceptor.share([listener()], NOTHING_KNOWN));
    const answers = await Promise.all([1, 2, 3, 4].map(() => ask(portOf(acceptor))));
    expect(answers).toEqual(['open test', 'open test', 'open test', 'open test']);
  });

  it('is given once: whoever knows it is told only its name, which may be another one', async () => {
    const acceptor = acceptorOf();
    const free = await freePort();
    const address = { kind: 'tcp', host: '127.0.0.1', port: free } as const;
    const [before, after] = [listener({ name: 'before', address }), listener({ name: 'after', address })];
    await acceptor.open(before);
    const doors = plane('one');
    const first = acceptor.share([before], NOTHING_KNOWN);
    doors.set(first);
    expect(await ask(free)).toBe('one before');
    await acceptor.open(after);
    const second = acceptor.share([after], idsOf(first));
    expect(second).toEqual([{ id: first[0]?.id, name: 'after', server: undefined }]);
    doors.set(second);
    acceptor.closeOthers([after]);
    expect(await ask(free)).toBe('one after');
  });

  it('hands on what it accepts while it is ahead', async () => {
    const handed: string[] = [];
    const acceptor = acceptorOf(handed);
    await acceptor.open(listener());
    let isAhead = true;
    const handOn = (name: string, socket: Socket): void => acceptor.spread(name, socket);
    plane('one', { isAhead: () => isAhead, handOn }).set(acceptor.share([listener()], NOTHING_KNOWN));
    expect(await ask(portOf(acceptor))).toBe('handed over');
    isAhead = false;
    expect(await ask(portOf(acceptor))).toBe('one test');
    expect(handed).toEqual(['test']);
  });

  it('turns away what comes when files run out', async () => {
    const refused: string[] = [];
    const acceptor = acceptorOf();
    await acceptor.open(listener());
    let room = 1;
    plane('one', { admit: () => room-- > 0, refused }).set(acceptor.share([listener()], NOTHING_KNOWN));
    expect(await ask(portOf(acceptor))).toBe('one test');
    expect(await ask(portOf(acceptor))).toBe('');
    expect(refused).toEqual(['test files']);
  });

  it('counts what the kernel does not hand over, for what reason it may be', async () => {
    const refused: string[] = [];
    const acceptor = acceptorOf();
    await acceptor.open(listener());
    const doors = acceptor.share([listener()], NOTHING_KNOWN);
    plane('one', { refused }).set(doors);
    for (const code of ['ENFILE', 'ENOBUFS', 'ENOBUFS'])
      doors[0]?.server?.emit('error', Object.assign(new Error('accept'), { code }));
    expect(refused).toEqual(['test files ENFILE', 'test system ENOBUFS', 'test system ENOBUFS']);
    expect(await ask(portOf(acceptor)), 'it accepts who comes after them').toBe('one test');
  });

  it('can be inherited, and handed on to a process by its number', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const given = openDescriptors()?.duplicate(numberOf(other) ?? -1);
    const port = portOfServer(other);
    other.close();
    const acceptor = acceptorOf();
    await acceptor.open(listener(), { socket: given });
    plane('one').set(acceptor.share([listener()], NOTHING_KNOWN));
    expect(await ask(port)).toBe('one test');
    const number = acceptor.socketNumbers().get('test') ?? -1;
    expect(readlinkSync(`/proc/self/fd/${number}`)).toMatch(/^socket:/);
  });

  it('holds a burst in the kernel as before when it has been moved to another thread', async () => {
    const acceptor = acceptorOf();
    await acceptor.open(listener());
    plane('one').set(moved(acceptor.share([listener()], NOTHING_KNOWN)));
    // Nobody accepts while this thread waits; with the default of Node.js, 511, the last ones would not be answered.
    const { status } = spawnSync(process.execPath, ['-e', BURST, String(portOf(acceptor))], { timeout: 10_000 });
    expect(status).toBe(0);
  });

  it.each(['127.0.0.1', '::1'])('passes its options on to what is accepted at %s, whoever opened it', async (host) => {
    const other = createServer().listen(0, host);
    await once(other, 'listening');
    const given = descriptors?.duplicate(numberOf(other) ?? -1);
    other.close();
    const acceptor = acceptorOf();
    await acceptor.open(listener(), { socket: given });
    const { isSetByNode, noDelay, keepAlive } = await firstAccepted(acceptor, host);
    expect({ isSetByNode, noDelay, keepAlive }).toEqual({ isSetByNode: false, noDelay: 1, keepAlive: 1 });
  });

  it('leaves options to Node.js where the system does not pass them on', async () => {
    const acceptor = acceptorOf([], descriptors && { ...descriptors, setForAccepted: () => false });
    await acceptor.open(listener());
    const { isSetByNode, noDelay, keepAlive } = await firstAccepted(acceptor, '127.0.0.1');
    expect({ isSetByNode, noDelay, keepAlive }).toEqual({ isSetByNode: true, noDelay: 1, keepAlive: 1 });
  });

  it('reaches no child process', async () => {
    const acceptor = acceptorOf();
    await acceptor.open(listener());
    plane('one').set(acceptor.share([listener()], NOTHING_KNOWN));
    const inode = readlinkSync(`/proc/self/fd/${acceptor.socketNumbers().get('test') ?? -1}`);
    const { stdout } = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    expect(stdout).toContain('/proc/');
    expect(stdout).not.toContain(inode);
  });
});

describe('descriptors', () => {
  it('say so when a number stands for nothing', () => {
    assert(descriptors !== undefined, 'these tests need Linux');
    expect(() => descriptors.duplicate(1_000_000)).toThrow('a descriptor cannot be duplicated');
  });
});

/** What a data plane gets, which is in another thread. */
function moved(doors: readonly SharedDoor[]): readonly SharedDoor[] {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage(
    doors,
    doors.flatMap(({ server }) => server ?? []),
  );
  const received: { readonly message: readonly SharedDoor[] } | undefined = receiveMessageOnPort(port2);
  port1.close();
  return received?.message ?? [];
}

interface Accepted {
  /** Whether Node.js calls the system for each connection. */
  readonly isSetByNode: boolean;
  /** What the kernel says of the socket. */
  readonly noDelay: number;
  readonly keepAlive: number;
}

/** The next connection, in a thread that the listening socket was moved to. */
async function firstAccepted(acceptor: Acceptor, host: string): Promise<Accepted> {
  const doors = moved(acceptor.share([listener()], NOTHING_KNOWN));
  const accepted = Promise.withResolvers<Accepted>();
  const server = doors[0]?.server;
  server?.on('connection', (socket) => {
    const isSetByNode = Reflect.get(server, 'noDelay') === true || Reflect.get(server, 'keepAlive') === true;
    accepted.resolve({ isSetByNode, noDelay: optionOf(socket, [6, 1]), keepAlive: optionOf(socket, [1, 9]) });
  });
  plane('one').set(doors);
  await once(connect(portOf(acceptor), host).resume(), 'close');
  return accepted.promise;
}

/** getsockopt(2): 6 and 1 are `IPPROTO_TCP` and `TCP_NODELAY`, 1 and 9 `SOL_SOCKET` and `SO_KEEPALIVE`. */
function optionOf(socket: Socket, [level, option]: readonly [number, number]): number {
  const [value, length] = [new Int32Array(1), Uint32Array.of(4)];
  const { functions } = process.getBuiltinModule('node:ffi').dlopen(null, {
    getsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'pointer'], return: 'i32' },
  });
  assert.equal(functions.getsockopt(numberOf(socket) ?? -1, level, option, value, length), 0);
  return value[0] ?? -1;
}

/** Ends with 0 when 600 connections are open at the same time. */
const BURST = `
  let open = 0;
  for (let index = 0; index < 600; index += 1)
    require('node:net').connect(Number(process.argv[1]), '127.0.0.1', () => (open += 1) === 600 && process.exit(0));
`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOfServer(server);
  server.close();
  await once(server, 'close');
  return port;
}

function portOfServer(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
