import { createHash } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import { type CertificateFacts, looked, type Probe, ProbeError } from '../probe.ts';
import type { PostgresTarget } from '../service.ts';
import { openWire, secure, serverEndPoint } from './connect.ts';
import { type ChannelBinding, ScramClient } from './scram.ts';
import { CHECK_BYTES_MAX, type Wire } from './wire.ts';

/**
 * PostgreSQL (protocol 3.0): starts a session as far as that goes without a password, or up to the answer to `SELECT 1`. A session
 * that the server lets us begin without a password is used for that question as well.
 */
export function postgresProbe(target: PostgresTarget): Probe {
  return {
    check: (signal) => {
      let certificate: CertificateFacts | undefined;
      const work = async (): Promise<void> => {
        const opened = await open(target, signal);
        certificate = opened.certificate;
        try {
          await converse(opened.wire, target);
        } finally {
          opened.wire.close();
        }
      };
      return looked(signal, work, () => certificate);
    },
  };
}

async function open(
  { address, tls }: PostgresTarget,
  signal: AbortSignal,
): Promise<{ readonly wire: Wire; readonly certificate: CertificateFacts | undefined }> {
  const wire = await openWire(address, signal);
  if (tls === undefined) return { wire, certificate: undefined };
  try {
    wire.write(Buffer.concat([int32(8), int32(TLS_REQUEST)]));
    const answer = (await wire.take(1)).toString('latin1');
    if (answer === 'N') throw new ProbeError('TLS_FAILED', 'the server has no TLS');
    // Bytes that came with the answer were put there by somebody on the way: nothing is said in the clear after it.
    if (answer !== 'S' || wire.unreadBytes > 0) throw new ProbeError('PROTOCOL');
    return await secure(wire.detach(), { address, tls, signal });
  } catch (error) {
    wire.close();
    throw error;
  }
}

async function converse(wire: Wire, target: PostgresTarget): Promise<void> {
  const { user, database } = target;
  const parameters = ['user', user, 'database', database, 'application_name', 'sallyport'];
  const start = Buffer.concat([int32(PROTOCOL_3), ...parameters.map(text), Buffer.from([0])]);
  wire.write(Buffer.concat([int32(start.length + 4), start]));
  if (!(await authenticate(wire, target))) return;
  await until(wire, 'Z');
  wire.write(message('Q', text('SELECT 1')));
  await until(wire, 'D');
  await until(wire, 'Z');
  wire.write(message('X', Buffer.alloc(0)));
}

/** False: the server wants a password, and we have none; that is an answer too. */
async function authenticate(wire: Wire, { user, password, tls }: PostgresTarget): Promise<boolean> {
  const request = await until(wire, 'R');
  const kind = request.readInt32BE();
  if (kind === AUTHENTICATION_OK) return true;
  if (password === undefined) return false;
  switch (kind) {
    case AUTHENTICATION_CLEARTEXT:
      // Whoever listens on the way would have it.
      if (tls === undefined) throw new ProbeError('AUTHENTICATION', 'it wants the password in the clear');
      wire.write(message('p', text(password)));
      break;
    case AUTHENTICATION_MD5:
      // What is sent can be tried out until the password is found, and whoever is between us may ask for it instead of SCRAM.
      if (tls === undefined) throw new ProbeError('AUTHENTICATION', 'it wants MD5 without TLS');
      wire.write(message('p', text(md5Answer({ user, password, salt: request.subarray(4, 8) }))));
      break;
    case AUTHENTICATION_SASL:
      await scram(wire, password, request.subarray(4).toString('latin1').split('\0'));
      break;
    default:
      throw new ProbeError('AUTHENTICATION', `checks do not know ${OTHER_METHODS.get(kind) ?? `method ${kind}`}`);
  }
  if ((await until(wire, 'R')).readInt32BE() !== AUTHENTICATION_OK) throw new ProbeError('PROTOCOL');
  return true;
}

/** As PostgreSQL has it: the password hashed with the name, and that with what the server has just thought of. */
function md5Answer({ user, password, salt }: { user: string; password: string; salt: Buffer }): string {
  const stored = createHash('md5').update(`${password}${user}`).digest('hex');
  return `md5${createHash('md5').update(stored).update(salt).digest('hex')}`;
}

async function scram(wire: Wire, password: string, offered: readonly string[]): Promise<void> {
  const endPoint = wire.socket instanceof TLSSocket ? serverEndPoint(wire.socket) : undefined;
  const isBound = endPoint !== undefined && offered.includes(SCRAM_BOUND);
  if (!isBound && !offered.includes(SCRAM)) throw new ProbeError('AUTHENTICATION', `it knows no ${SCRAM}`);
  const binding: ChannelBinding = endPoint === undefined ? 'impossible' : isBound ? endPoint : 'not-offered';
  const client = new ScramClient(password, binding);
  const first = Buffer.from(client.first());
  wire.write(message('p', Buffer.concat([text(isBound ? SCRAM_BOUND : SCRAM), int32(first.length), first])));
  const challenge = await until(wire, 'R');
  if (challenge.readInt32BE() !== AUTHENTICATION_SASL_CONTINUE) throw new ProbeError('PROTOCOL');
  wire.write(message('p', Buffer.from(await client.final(challenge.subarray(4).toString('latin1')))));
  const end = await until(wire, 'R');
  if (end.readInt32BE() !== AUTHENTICATION_SASL_FINAL) throw new ProbeError('PROTOCOL');
  client.verify(end.subarray(4).toString('latin1'));
}

/** The content of the next message of a type; others on the way to it are passed over. @throws ProbeError for an error of the server. */
async function until(wire: Wire, type: string): Promise<Buffer> {
  for (;;) {
    const head = await wire.take(5);
    const found = head.toString('latin1', 0, 1);
    const length = head.readInt32BE(1) - 4;
    if (length < 0 || !MESSAGE_TYPES.has(found)) throw new ProbeError('PROTOCOL');
    if (length > CHECK_BYTES_MAX) throw new ProbeError('TOO_LARGE');
    const content = await wire.take(length);
    if (found === 'E') throw serverError(content);
    if (found === 'R' && content.length < 4) throw new ProbeError('PROTOCOL');
    if (found === type) return content;
    // What may stand between others: notices, parameters, and the frame of an answer.
    if (found === 'R' || found === 'Z' || found === 'D') throw new ProbeError('PROTOCOL');
  }
}

/** Of an error only its SQLSTATE: sentences may name what is nobody's business. */
function serverError(content: Buffer): ProbeError {
  const fields = content.toString('latin1').split('\0');
  const state = /^C([0-9A-Z]{5})$/.exec(fields.find((field) => field.startsWith('C')) ?? '')?.[1];
  const detail = state === undefined ? '' : `SQLSTATE ${state}`;
  return new ProbeError(state?.startsWith('28') === true ? 'AUTHENTICATION' : 'SERVER_ERROR', detail);
}

function message(type: string, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(content.length + 4), content]);
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

const PROTOCOL_3 = 196_608;
const TLS_REQUEST = 80_877_103;

const AUTHENTICATION_OK = 0;
const AUTHENTICATION_CLEARTEXT = 3;
const AUTHENTICATION_MD5 = 5;
const AUTHENTICATION_SASL = 10;
const AUTHENTICATION_SASL_CONTINUE = 11;
const AUTHENTICATION_SASL_FINAL = 12;

const SCRAM = 'SCRAM-SHA-256';
const SCRAM_BOUND = 'SCRAM-SHA-256-PLUS';

/** Of the protocol, for which a check has nothing to show. */
const OTHER_METHODS: ReadonlyMap<number, string> = new Map([
  [2, 'Kerberos'],
  [6, 'SCM credentials'],
  [7, 'GSSAPI'],
  [9, 'SSPI'],
]);

/** Errors, requests to sign in, parameters, keys, notices, versions, rows, ends of answers, readiness. */
const MESSAGE_TYPES: ReadonlySet<string> = new Set(['E', 'R', 'S', 'K', 'N', 'v', 'T', 'D', 'C', 'Z', 'A']);
