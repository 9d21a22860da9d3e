import { createHash, randomBytes } from 'node:crypto';
import { type Probe, ProbeError } from '../probe.ts';
import type { WebSocketTarget } from '../service.ts';
import { HEAD_BYTES_MAX } from './http.ts';
import { wireProbe } from './socket-probes.ts';
import type { Wire } from './wire.ts';

/** A WebSocket handshake (RFC 6455 §4.1), a ping that is answered where that is asked for, and a farewell. */
export function webSocketProbe(target: WebSocketTarget): Probe {
  const url = new URL(target.url);
  const isTls = url.protocol === 'wss:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  const place = { address: { kind: 'tcp' as const, host, port }, tls: isTls ? target.tls : undefined };
  return wireProbe(place, async (wire) => {
    await shakeHands(wire, url, target);
    if (target.hasPing) await ping(wire);
    wire.write(masked(CLOSE, NORMAL_CLOSURE));
  });
}

async function shakeHands(wire: Wire, url: URL, { protocol, headers }: WebSocketTarget): Promise<void> {
  const key = randomBytes(16).toString('base64');
  const fields = new Map([
    ['host', url.host],
    ['user-agent', 'Sallyport'],
    ...headers,
    ['connection', 'Upgrade'],
    ['upgrade', 'websocket'],
    ['sec-websocket-version', '13'],
    ['sec-websocket-key', key],
    ...(protocol === undefined ? [] : [['sec-websocket-protocol', protocol] as const]),
  ]);
  const lines = Array.from(fields, ([name, value]) => `${name}: ${value}\r\n`).join('');
  wire.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines}\r\n`);
  const head = (await wire.takeUntil('\r\n\r\n', HEAD_BYTES_MAX)).toString('latin1');
  const [first = '', ...rest] = head.split('\r\n');
  const status = /^HTTP\/1\.1 ([1-5][0-9]{2})(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw new ProbeError('PROTOCOL');
  if (status !== '101') throw new ProbeError('STATUS', `status ${status}`);
  const answer = fieldsOf(rest);
  const accept = createHash('sha1').update(`${key}${HANDSHAKE_GUID}`).digest('base64');
  const isAccepted =
    answer.get('upgrade')?.toLowerCase() === 'websocket' &&
    /(^|,)\s*upgrade\s*(,|$)/i.test(answer.get('connection') ?? '') &&
    answer.get('sec-websocket-accept') === accept &&
    // Of neither have we offered another one.
    !answer.has('sec-websocket-extensions') &&
    (answer.get('sec-websocket-protocol') ?? protocol) === protocol;
  if (!isAccepted) throw new ProbeError('PROTOCOL', 'handshake');
}

function fieldsOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (match === null) throw new ProbeError('PROTOCOL', 'header');
    const [, name = '', value = ''] = match;
    const known = fields.get(name.toLowerCase());
    fields.set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
  }
  return fields;
}

/** Sends a ping and waits for its pong. Whatever else the server has to say to a newcomer is passed over. */
async function ping(wire: Wire): Promise<void> {
  const payload = randomBytes(4);
  wire.write(masked(PING, payload));
  for (;;) {
    const frame = await takeFrame(wire);
    if (frame.opcode === CLOSE) throw new ProbeError('CLOSED', 'by a close frame');
    if (frame.opcode === PONG && frame.payload.equals(payload)) return;
  }
}

interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** RFC 6455 §5.2, as servers must send: not masked, without extensions. */
async function takeFrame(wire: Wire): Promise<Frame> {
  const [first = 0, second = 0] = await wire.take(2);
  const opcode = first & 0x0f;
  const isControl = opcode >= CLOSE;
  const short = second & 0x7f;
  const isWrong =
    (first & 0x70) !== 0 || (second & 0x80) !== 0 || (isControl && ((first & 0x80) === 0 || short > CONTROL_BYTES_MAX));
  if (isWrong || (!isControl && opcode > 2) || opcode > PONG) throw new ProbeError('PROTOCOL', 'frame');
  const length = short < 126 ? short : short === 126 ? (await wire.take(2)).readUInt16BE() : await takeLong(wire);
  return { opcode, payload: await wire.take(length) };
}

async function takeLong(wire: Wire): Promise<number> {
  const length = (await wire.take(8)).readBigUInt64BE();
  // Beyond what a check reads one number is as good as the other.
  return length > Number.MAX_SAFE_INTEGER ? Number.MAX_SAFE_INTEGER : Number(length);
}

/** A control frame as clients must send it (RFC 6455 §5.3). */
function masked(opcode: number, payload: Buffer): Buffer {
  const mask = randomBytes(4);
  const hidden = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, hidden]);
}

const CLOSE = 8;
const PING = 9;
const PONG = 10;
const NORMAL_CLOSURE = Buffer.from([0x03, 0xe8]);
const HANDSHAKE_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** From the specification. */
const CONTROL_BYTES_MAX = 125;
