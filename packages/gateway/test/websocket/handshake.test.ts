import { type Framing, GatewayError } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import {
  acceptFor,
  checkHandshake,
  type Handshake,
  offerUpstream,
  switchingProtocols,
  verifyAnswer,
} from '../../src/websocket/handshake.ts';
import { headerList } from './harness.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const GOOD: Readonly<Record<string, string>> = {
  upgrade: 'websocket',
  connection: 'Upgrade',
  'sec-websocket-key': KEY,
  'sec-websocket-version': '13',
};

interface Changes {
  readonly method?: string;
  readonly httpVersion?: string;
  readonly framing?: Framing;
  /** Replaces a field; an empty list removes it. */
  readonly fields?: Readonly<Record<string, readonly string[]>>;
}

function handshake(changes: Changes = {}): ReturnType<typeof checkHandshake> {
  const fields = {
    ...Object.fromEntries(Object.entries(GOOD).map(([name, value]) => [name, [value]])),
    ...changes.fields,
  };
  const raw = Object.entries(fields).flatMap(([name, values]) => values.flatMap((value) => [name, value]));
  return checkHandshake({
    method: changes.method ?? 'GET',
    httpVersion: changes.httpVersion ?? '1.1',
    headers: headerList(raw),
    framing: changes.framing ?? { kind: 'none' },
  });
}

describe('the opening handshake of a client', () => {
  const good: readonly [string, Changes, readonly string[]][] = [
    ['the plain one', {}, []],
    ['`Upgrade: WebSocket` in mixed case', { fields: { upgrade: ['WebSocket'] } }, []],
    ['`Connection: keep-alive, Upgrade`', { fields: { connection: ['keep-alive, Upgrade'] } }, []],
    ['a Content-Length of 0', { framing: { kind: 'length', bytes: 0 } }, []],
    ['subprotocols in one field', { fields: { 'sec-websocket-protocol': ['chat, superchat'] } }, ['chat', 'superchat']],
    ['subprotocols in two fields', { fields: { 'sec-websocket-protocol': ['chat', 'v2.json'] } }, ['chat', 'v2.json']],
    ['extensions, which it ignores', { fields: { 'sec-websocket-extensions': ['permessage-deflate'] } }, []],
  ];
  it.each(good)('accepts %s', (_, changes, subprotocols) => {
    expect(handshake(changes)).toEqual({ kind: 'handshake', key: KEY, subprotocols });
  });

  const bad: readonly [string, Changes, string][] = [
    ['POST', { method: 'POST' }, 'method'],
    ['HTTP/1.0', { httpVersion: '1.0' }, 'HTTP version'],
    ['a body', { framing: { kind: 'length', bytes: 5 } }, 'body'],
    ['a chunked body', { framing: { kind: 'chunked' } }, 'body'],
    ['h2c', { fields: { upgrade: ['h2c'] } }, 'upgrade'],
    ['websocket beside h2c', { fields: { upgrade: ['websocket, h2c'] } }, 'upgrade'],
    ['two Upgrade fields', { fields: { upgrade: ['websocket', 'websocket'] } }, 'upgrade'],
    ['no Upgrade', { fields: { upgrade: [] } }, 'upgrade'],
    ['`Connection: keep-alive`', { fields: { connection: ['keep-alive'] } }, 'connection'],
    ['`Connection: notupgrade`', { fields: { connection: ['notupgrade'] } }, 'connection'],
    ['no key', { fields: { 'sec-websocket-key': [] } }, 'sec-websocket-key'],
    ['two keys', { fields: { 'sec-websocket-key': [KEY, KEY] } }, 'sec-websocket-key'],
    ['a key of 15 bytes', { fields: { 'sec-websocket-key': ['dGhlIHNhbXBsZSBub24='] } }, 'sec-websocket-key'],
    ['a key that is not base64', { fields: { 'sec-websocket-key': ['!'.repeat(24)] } }, 'sec-websocket-key'],
    ['a key with stray bits', { fields: { 'sec-websocket-key': ['dGhlIHNhbXBsZSBub25jZR=='] } }, 'sec-websocket-key'],
    ['no version', { fields: { 'sec-websocket-version': [] } }, 'sec-websocket-version'],
    ['two versions', { fields: { 'sec-websocket-version': ['13', '8'] } }, 'sec-websocket-version'],
    ['an answer in the request', { fields: { 'sec-websocket-accept': ['x'] } }, 'sec-websocket-accept'],
    ['an empty subprotocol', { fields: { 'sec-websocket-protocol': ['chat,,x'] } }, 'sec-websocket-protocol'],
    ['a subprotocol with a space', { fields: { 'sec-websocket-protocol': ['a b'] } }, 'sec-websocket-protocol'],
    ['a subprotocol twice', { fields: { 'sec-websocket-protocol': ['a', 'a'] } }, 'sec-websocket-protocol'],
  ];
  it.each(bad)('denies %s', (_, changes, detail) => {
    expect(handshake(changes)).toEqual({ kind: 'deny', status: 400, reason: { code: 'UPGRADE_INVALID', detail } });
  });

  it.each(['8', '14', '13, 8', ''])('answers version %j with 426 and the version it speaks', (version) => {
    expect(handshake({ fields: { 'sec-websocket-version': [version] } })).toEqual({
      kind: 'deny',
      status: 426,
      reason: { code: 'UPGRADE_INVALID', detail: 'sec-websocket-version' },
      headers: { upgrade: 'websocket', 'sec-websocket-version': '13' },
    });
  });
});

const CLIENT: Handshake = { kind: 'handshake', key: KEY, subprotocols: ['chat', 'json'] };

describe('the handshake with the upstream', () => {
  it('offers a key of its own, the subprotocols, and no extension', () => {
    const offer = offerUpstream(CLIENT);
    expect(Buffer.from(offer.key, 'base64').length).toBe(16);
    expect(offer.key).not.toBe(KEY);
    expect(offer.headers).toEqual([
      'sec-websocket-version',
      '13',
      'sec-websocket-key',
      offer.key,
      'sec-websocket-protocol',
      'chat, json',
    ]);
    expect(offerUpstream({ ...CLIENT, subprotocols: [] }).headers).not.toContain('sec-websocket-protocol');
  });

  const offer = offerUpstream(CLIENT);
  const answer = (
    changes: Readonly<Record<string, readonly string[]>> = {},
    status = 101,
  ): ReturnType<typeof verifyAnswer> => {
    const fields = {
      upgrade: ['websocket'],
      connection: ['Upgrade'],
      'sec-websocket-accept': [acceptFor(offer.key)],
      ...changes,
    };
    const raw = Object.entries(fields).flatMap(([name, values]) => values.flatMap((value) => [name, value]));
    return verifyAnswer(offer, { status, statusText: '', headers: headerList(raw), framing: { kind: 'none' } });
  };

  it('accepts a right answer, with or without a subprotocol that was offered', () => {
    expect(answer()).toEqual({ subprotocol: undefined });
    expect(answer({ 'sec-websocket-protocol': ['json'] })).toEqual({ subprotocol: 'json' });
  });

  const bad: readonly [string, Readonly<Record<string, readonly string[]>>, string][] = [
    ['no Upgrade', { upgrade: [] }, 'upgrade'],
    ['another Connection', { connection: ['close'] }, 'connection'],
    ["the answer to the client's key", { 'sec-websocket-accept': [acceptFor(KEY)] }, 'sec-websocket-accept'],
    ['no answer to the key', { 'sec-websocket-accept': [] }, 'sec-websocket-accept'],
    ['an extension nobody offered', { 'sec-websocket-extensions': ['permessage-deflate'] }, 'sec-websocket-extensions'],
    ['a subprotocol nobody offered', { 'sec-websocket-protocol': ['x'] }, 'sec-websocket-protocol'],
    ['two subprotocols', { 'sec-websocket-protocol': ['chat', 'json'] }, 'sec-websocket-protocol'],
  ];
  it.each(bad)('refuses an answer with %s', (_, changes, message) => {
    const result = answer(changes);
    expect(result).toBeInstanceOf(GatewayError);
    expect(result).toMatchObject({ code: 'UPSTREAM_REFUSED_UPGRADE', source: 'upstream', message, retry: false });
  });

  it('refuses another status', () => {
    expect(answer({}, 200)).toMatchObject({ code: 'UPSTREAM_REFUSED_UPGRADE', message: 'status 200' });
  });
});

describe('the answer to the client', () => {
  it('is the example of RFC 6455 §1.3', () => {
    expect(switchingProtocols(CLIENT, { subprotocol: 'chat' }, ['sallyport-request-id', '7']).toString('latin1')).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\nsallyport-request-id: 7\r\n\r\n',
    );
  });

  it('does not write a field that would end its line', () => {
    expect(() => switchingProtocols(CLIENT, { subprotocol: undefined }, ['a', 'b\r\nc: d'])).toThrow(/line break/);
  });
});
