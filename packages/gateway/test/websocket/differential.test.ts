import { once } from 'node:events';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { FrameReader, OPCODE } from '../../src/websocket/frames.ts';
import { close, frame } from './frame-builder.ts';
import { limitsWith, portOf } from './harness.ts';
import { type RawPeer, RawUpstream, rawClient } from './raw-peer.ts';

/** What a reader made of a stream: what it delivered in order, and the code it refused with (0: it did not). */
interface Outcome {
  readonly delivered: readonly string[];
  readonly refusedWith: number;
}

/** The same limits for both. */
const LIMITS = limitsWith({ messageBytesMax: 300, fragmentsMax: 6 });
const WS_OPTIONS = { maxPayload: LIMITS.messageBytesMax, maxFragments: LIMITS.fragmentsMax, perMessageDeflate: false };

const server = new WebSocketServer({ ...WS_OPTIONS, port: 0, host: '127.0.0.1', autoPong: false });
const upstream = new RawUpstream();
let upstreamPort = 0;
beforeAll(async () => {
  upstreamPort = await upstream.listen();
});
afterAll(async () => {
  await upstream.stop();
  await new Promise((resolve) => server.close(resolve));
});

/** The product's reader, with messages put together from its pieces. */
function ours(stream: Buffer, from: 'client' | 'server'): Outcome {
  const reader = new FrameReader({ from, limits: LIMITS });
  const delivered: string[] = [];
  let kind = '';
  let message = '';
  reader.feed(Buffer.from(stream));
  for (let step = reader.next(); step === 'piece'; step = reader.next()) {
    const { piece } = reader;
    const payload = piece.bytes.toString('hex', piece.payloadStart, piece.end);
    if (piece.opcode === OPCODE.close) return { delivered: [...delivered, `close ${payload}`], refusedWith: 0 };
    if (piece.opcode > OPCODE.close) {
      delivered.push(`${piece.opcode === OPCODE.ping ? 'ping' : 'pong'} ${payload}`);
      continue;
    }
    if (piece.opcode !== OPCODE.continuation) kind = piece.opcode === OPCODE.text ? 'text' : 'binary';
    message += payload;
    if (!piece.isMessageEnd) continue;
    delivered.push(`${kind} ${message}`);
    message = '';
  }
  return { delivered, refusedWith: reader.refusal?.closeCode ?? 0 };
}

/** `ws` at the other end of a real connection. */
async function theirs(stream: Buffer, from: 'client' | 'server'): Promise<Outcome> {
  const [reader, writer] = from === 'client' ? await wsServer() : await wsClient();
  const delivered: string[] = [];
  reader.on('message', (data: Buffer, isBinary) =>
    delivered.push(`${isBinary ? 'binary' : 'text'} ${data.toString('hex')}`),
  );
  reader.on('ping', (data) => delivered.push(`ping ${data.toString('hex')}`));
  reader.on('pong', (data) => delivered.push(`pong ${data.toString('hex')}`));
  let refusedWith = 0;
  reader.on('error', () => (refusedWith = -1));
  writer.socket.end(stream);
  const [code, text] = await new Promise<[number, Buffer]>((resolve) => {
    reader.once('close', (...args) => resolve(args));
  });
  await writer.ended();
  if (refusedWith === -1) refusedWith = writer.closeCode;
  else if (code === 1005) delivered.push('close ');
  else if (code !== 1006) delivered.push(`close ${code.toString(16).padStart(4, '0')}${text.toString('hex')}`);
  return { delivered, refusedWith };
}

async function wsServer(): Promise<[WebSocket, RawPeer]> {
  const accepted = new Promise<WebSocket>((resolve) => server.once('connection', (socket) => resolve(socket)));
  const writer = await rawClient(portOf(server));
  return [await accepted, writer];
}

async function wsClient(): Promise<[WebSocket, RawPeer]> {
  const reader = new WebSocket(`ws://127.0.0.1:${upstreamPort}`, { ...WS_OPTIONS, autoPong: false });
  await once(reader, 'open');
  const writer = upstream.peers.at(-1);
  if (writer === undefined) throw new Error('the upstream saw no connection');
  return [reader, writer];
}

interface Plan {
  readonly payload: Buffer;
  readonly opcode: number;
  readonly isFinal: boolean;
}

const texts = fc.string({ unit: 'binary', maxLength: 20 }).map((text) => Buffer.from(text));
const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array));
const long = fc.integer({ min: 100, max: 310 }).map((size) => Buffer.alloc(size, 'a'));
const controls: fc.Arbitrary<Plan> = fc.record({
  payload: bytes,
  opcode: fc.constantFrom(OPCODE.ping, OPCODE.pong),
  isFinal: fc.constant(true),
});

/** A message in up to seven fragments (one too many), cut anywhere, perhaps with a control frame among them. */
const messages: fc.Arbitrary<readonly Plan[]> = fc
  .record({
    isText: fc.boolean(),
    payload: fc.oneof({ weight: 6, arbitrary: texts }, { weight: 2, arbitrary: bytes }, long),
    cuts: fc.oneof({ weight: 3, arbitrary: fc.constant<number[]>([]) }, fc.array(fc.nat(310), { maxLength: 6 })),
    control: fc.option(controls),
  })
  .map(({ isText, payload, cuts, control }) => {
    const ends = [...cuts.map((cut) => cut % (payload.length + 1)).toSorted((a, b) => a - b), payload.length];
    const fragments = ends.map((end, index): Plan => {
      const opcode = index > 0 ? OPCODE.continuation : isText ? OPCODE.text : OPCODE.binary;
      return { payload: payload.subarray(ends[index - 1] ?? 0, end), opcode, isFinal: index === ends.length - 1 };
    });
    return control === null ? fragments : [...fragments.slice(0, 1), control, ...fragments.slice(1)];
  });

/** Streams of messages and control frames; in about half of them one thing is wrong. */
function streams(from: 'client' | 'server'): fc.Arbitrary<Buffer> {
  const spoilt = fc.record({
    at: fc.nat(),
    change: fc.constantFrom('reserved', 'opcode', 'isFinal', 'mask', 'payload'),
    value: fc.nat(255),
  });
  const closing = fc.option(fc.tuple(fc.integer({ min: 990, max: 1_020 }), texts), { freq: 2 });
  const plans = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: messages },
      controls.map((plan) => [plan]),
    ),
    { maxLength: 5 },
  );
  return fc.tuple(plans, fc.option(spoilt, { freq: 1 }), closing).map(([all, spoil, ending]) => {
    const isMasked = from === 'client';
    const key = isMasked ? Buffer.from('abcd') : undefined;
    const flat = all.flat();
    const parts = flat.map(({ payload, opcode, isFinal }, index) => {
      if (spoil === null || spoil.at % flat.length !== index) return frame(payload, { opcode, isFinal, key });
      const { change, value } = spoil;
      return frame(change === 'payload' ? Buffer.concat([payload, Buffer.from([value])]) : payload, {
        opcode: change === 'opcode' ? value & 15 : opcode,
        isFinal: change === 'isFinal' ? !isFinal : isFinal,
        reserved: change === 'reserved' ? value & 7 : 0,
        key: (change === 'mask') === isMasked ? undefined : Buffer.from('abcd'),
      });
    });
    // Where a spoilt message is still open this ends it, so that ws judges its text too.
    if (spoil !== null) parts.push(frame('', { opcode: OPCODE.continuation, key }));
    if (ending !== null) parts.push(close(ending[0], ending[1].toString(), { key }));
    return Buffer.concat(parts);
  });
}

describe.each(['client', 'server'] as const)('frames of a %s, read by us and by ws', (from) => {
  it('are accepted by both or refused by both, with the same code and the same messages before', async () => {
    await fc.assert(
      fc.asyncProperty(streams(from), async (stream) => {
        const [mine, other] = [ours(stream, from), await theirs(stream, from)];
        // We refuse a text at its first wrong byte, ws when its last frame has come: until then it reads on, and may
        // deliver a ping or meet another mistake.
        if (mine.refusedWith === 1007) {
          expect(other.delivered.slice(0, mine.delivered.length)).toEqual(mine.delivered);
          expect(other.refusedWith).not.toBe(0);
        } else {
          expect(other).toEqual(mine);
        }
      }),
      { numRuns: 400 },
    );
  });
});

describe('where we mean to be stricter than ws', () => {
  const nothing = frame('', { opcode: 9 });
  const rows: readonly [string, Buffer, number, number][] = [
    [
      'a length in more bytes than it needs: two readers could count it differently',
      frame('x', { lengthBytes: 2 }),
      1002,
      0,
    ],
    ['the same with 64 bits', frame('x', { lengthBytes: 8 }), 1002, 0],
    [
      'a wrong byte in a text that is not yet whole: waiting would mean passing it on',
      frame([0xff], { opcode: 1, isFinal: false }),
      1007,
      0,
    ],
    [
      'a length with its high bit: not a big message but no length',
      frame('', { lengthBytes: 8, length: 1n << 63n }),
      1002,
      1009,
    ],
    ['more pings in a second than anybody needs', Buffer.concat(Array.from({ length: 65 }, () => nothing)), 1008, 0],
    [
      'a fragment too many, by its header',
      Buffer.concat([
        frame('', { isFinal: false }),
        ...Array.from({ length: 5 }, () => frame('', { opcode: 0, isFinal: false })),
        frame('x', { opcode: 0, isFinal: false }).subarray(0, 6),
      ]),
      1008,
      0,
    ],
  ];
  it.each(rows)('%s', async (_, stream, mine, other) => {
    expect([ours(stream, 'client').refusedWith, (await theirs(stream, 'client')).refusedWith]).toEqual([mine, other]);
  });
});
