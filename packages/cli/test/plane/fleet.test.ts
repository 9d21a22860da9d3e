import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { compilePolicy } from '@sallyport/gateway';
import { config, listener, upstream } from '@sallyport/gateway/test-config';
import type { Decision } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FleetRig } from './fleet-rig.ts';

let server: Server;
let rig: FleetRig;
const clients: Socket[] = [];

beforeEach(async () => {
  server = createServer((_, response) => response.end('ok'));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  rig = await FleetRig.start({ config: config({ upstreams: [upstream(address.port)] }), count: 2 });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await rig.fleet.close();
  server.closeAllConnections();
  server.close();
});

/** A connection that is kept, with everything that came by it. */
class Line {
  readonly socket: Socket;
  text = '';
  isClosed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    clients.push(this.socket);
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString();
    });
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.isClosed = true;
    });
  }

  ask(path: string): void {
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  }

  get answers(): number {
    return this.text.split('HTTP/1.1 200 OK').length - 1;
  }
}

const ANSWERED = 'http_server_request_duration_seconds_count';

const PATIENCE = { timeout: 30_000, interval: 20 };

async function counted(name: string): Promise<number> {
  const lines = (await rig.metrics()).split('\n').filter((line) => line.startsWith(name));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

function exchanges(): number {
  return rig.lines.filter((line) => line.includes('"kind":"exchange"')).length;
}

function isWhole(): void {
  expect(rig.fleet.threads()).toHaveLength(2);
}

const ENTRY = { timeMs: 0, author: 'test', session: '', operation: 'test', result: 'done', detail: '' } as const;

describe('a worker that is ended', () => {
  it('is replaced, and loses its own connections and nothing else', { timeout: 60_000 }, async () => {
    // More than the one that is quicker may be ahead by.
    const lines = Array.from({ length: 12 }, () => new Line(rig.portOf('test')));
    for (const line of lines) line.ask('/');
    await vi.waitFor(() => expect(lines.every(({ answers }) => answers === 1)).toBe(true), PATIENCE);
    const lost = (await rig.fleet.threads()[1]?.vitals())?.connections ?? 0;
    expect([lost > 0, lost < 12]).toEqual([true, true]);
    rig.fleet.threads()[1]?.terminate('error');
    await vi.waitFor(() => expect(lines.filter(({ isClosed }) => isClosed)).toHaveLength(lost), PATIENCE);
    const other = lines.find(({ isClosed }) => !isClosed);
    other?.ask('/');
    const next = new Line(rig.portOf('test'));
    next.ask('/');
    await vi.waitFor(() => expect([other?.answers, next.answers]).toEqual([2, 1]), PATIENCE);
    await vi.waitFor(isWhole, PATIENCE);
    expect(rig.news.filter(({ kind }) => kind === 'lost')).toMatchObject([{ slot: 1, end: { cause: 'error' } }]);
    expect(rig.fleet.supervisor.status().map(({ restarts }) => restarts)).toEqual([0, 1]);
  });

  it('leaves its figures and lines, and its count of connections goes with it', { timeout: 60_000 }, async () => {
    const before = Array.from({ length: 6 }, () => new Line(rig.portOf('test')));
    for (const line of before) line.ask('/');
    await vi.waitFor(() => expect(before.every(({ answers }) => answers === 1)).toBe(true), PATIENCE);
    await vi.waitFor(async () => expect(await counted(ANSWERED)).toBe(6), PATIENCE);
    for (const thread of rig.fleet.threads()) thread.terminate('out-of-memory');
    await vi.waitFor(() => expect(rig.news.filter(({ kind }) => kind === 'lost')).toHaveLength(2), PATIENCE);
    expect(exchanges()).toBe(6);
    await vi.waitFor(isWhole, PATIENCE);
    expect(await counted(ANSWERED)).toBe(6);
    const vitals = await Promise.all(rig.fleet.threads().map((thread) => thread.vitals()));
    expect(vitals.map(({ connections }) => connections)).toEqual([0, 0]);
    const after = new Line(rig.portOf('test'));
    after.ask('/');
    await vi.waitFor(() => expect(after.answers).toBe(1), PATIENCE);
    await vi.waitFor(async () => expect(await counted(ANSWERED)).toBe(7), PATIENCE);
  });

  it('has a successor that holds to what was decided before', { timeout: 60_000 }, async () => {
    const ban: Decision = {
      id: 'ban',
      kind: 'ban',
      scope: { kind: 'address', value: '127.0.0.1' },
      reason: 'a test',
      author: 'test',
      createdMs: 0,
      endsMs: undefined,
    };
    expect(await rig.decisions.take(ban, ENTRY)).toBe(2);
    for (const thread of rig.fleet.threads()) thread.terminate('hang');
    await vi.waitFor(() => expect(rig.news.filter(({ kind }) => kind === 'lost')).toHaveLength(2), PATIENCE);
    // Nobody is there: both wait for the first one that is.
    const early = [0, 1].map(() => new Line(rig.portOf('test')));
    for (const line of early) line.ask('/');
    // It is cut when it was there before the successor knew of the ban, and refused when it came after.
    const isRefused = ({ isClosed, text }: Line): boolean => isClosed || text.startsWith('HTTP/1.1 403 ');
    await vi.waitFor(() => expect(early.every(isRefused)).toBe(true), PATIENCE);
    expect(early.map(({ answers }) => answers)).toEqual([0, 0]);
    await vi.waitFor(isWhole, PATIENCE);
    expect(await rig.decisions.revoke('ban', ENTRY)).toBe(2);
    const late = new Line(rig.portOf('test'));
    late.ask('/');
    await vi.waitFor(() => expect(late.answers).toBe(1), PATIENCE);
  });
});

describe('a fleet that drains', () => {
  it('serves what one worker is just handing on to another', { timeout: 60_000 }, async () => {
    rig.fleet.threads()[1]?.terminate('hang');
    await vi.waitFor(() => expect(rig.fleet.threads()).toHaveLength(1), PATIENCE);
    const early = Array.from({ length: 12 }, () => new Line(rig.portOf('test')));
    for (const line of early) line.ask('/');
    await vi.waitFor(() => expect(early.every(({ answers }) => answers === 1)).toBe(true), PATIENCE);
    await vi.waitFor(isWhole, PATIENCE);
    const late = Array.from({ length: 24 }, () => new Line(rig.portOf('test')));
    for (const line of late) line.ask('/');
    // Connections begin before the next turn of the event loop, and what the worker that is ahead says of them waits here.
    await new Promise((resolve) => process.nextTick(resolve));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    const drained = rig.fleet.drain();
    await vi.waitFor(() => expect(late.every(({ isClosed }) => isClosed)).toBe(true), PATIENCE);
    expect(late.map(({ answers }) => answers)).toEqual(late.map(() => 1));
    await drained;
  });

  it('opens no listener for a policy whose publication has begun before', { timeout: 60_000 }, async () => {
    const image = compilePolicy(config({ upstreams: [upstream(1)], listeners: [listener({ name: 'other' })] }), 2);
    const opening = rig.fleet.openListeners(image);
    const drained = rig.fleet.drain();
    await expect(opening).rejects.toThrow('the process drains');
    await expect(rig.fleet.openListeners(image)).rejects.toThrow('the process drains');
    expect([...rig.fleet.socketNumbers().keys()]).toEqual([]);
    await drained;
  });
});
