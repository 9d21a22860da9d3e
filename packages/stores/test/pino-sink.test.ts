import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConnectionEvent, ExchangeEvent } from '@sallyport/kernel';
import { afterAll, describe, expect, it } from 'vitest';
import { eventLevel, eventLine, openPino, pinoOn } from '../src/log.ts';

const EXCHANGE: ExchangeEvent = {
  kind: 'exchange',
  node: 'n',
  boot: 'b',
  sequence: 7,
  timeMs: 1_700_000_000_007,
  requestId: 'b-1',
  traceId: 't',
  listener: 'public',
  route: 'all',
  client: { address: '192.0.2.1', network: '192.0.2.1', peer: '192.0.2.1', evidence: 'peer' },
  method: 'GET',
  host: 'a.example',
  path: '/',
  httpVersion: '1.1',
  isWebSocket: false,
  status: 200,
  verdict: 'pass',
  decidedBy: '',
  reason: '',
  reasonDetail: '',
  observed: [],
  failedStages: [],
  stageUs: { lists: 3 },
  upstream: 'app',
  upstreamServer: '127.0.0.1:1',
  upstreamAttempts: 1,
  upstreamHeadMs: 1.5,
  faultOf: '',
  bytesIn: 0,
  bytesOut: 5,
  durationMs: 2,
  inspection: undefined,
};

const DENIED: ExchangeEvent = {
  ...EXCHANGE,
  status: 403,
  verdict: 'deny',
  decidedBy: 'lists',
  reason: 'ADDRESS_DENIED',
  reasonDetail: '"\n\u001b[2J',
};

const REFUSED: ConnectionEvent = {
  kind: 'connection',
  node: 'n',
  boot: 'b',
  sequence: 8,
  timeMs: 1_700_000_000_999,
  phase: 'refused',
  requestId: '',
  listener: 'public',
  route: '',
  client: EXCHANGE.client,
  reason: 'TLS_HANDSHAKE_FAILED',
  reasonDetail: '',
  closeCode: 0,
  closedBy: 'gateway',
  messagesIn: 0,
  messagesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  durationMs: 1,
};

const folder = mkdtempSync(join(tmpdir(), 'sallyport-log-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('an event line', () => {
  it('says what matters of a passed exchange and leaves out what is empty', () => {
    expect(JSON.parse(eventLine(EXCHANGE))).toEqual({
      level: 'info',
      time: '2023-11-14T22:13:20.007Z',
      kind: 'exchange',
      requestId: 'b-1',
      client: '192.0.2.1',
      method: 'GET',
      host: 'a.example',
      path: '/',
      status: 200,
      verdict: 'pass',
      listener: 'public',
      route: 'all',
      upstream: 'app',
      upstreamServer: '127.0.0.1:1',
      upstreamHeadMs: 1.5,
      bytesOut: 5,
      durationMs: 2,
      stageUs: { lists: 3 },
      traceId: 't',
      node: 'n',
      boot: 'b',
      sequence: 7,
    });
  });

  it('is one line whatever an attacker wrote into it', () => {
    const line = eventLine(DENIED);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(line).not.toContain('\u001b');
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      reason: 'ADDRESS_DENIED',
      reasonDetail: '"\n\u001b[2J',
      decidedBy: 'lists',
    });
  });

  it('names the evidence when the client is not the peer', () => {
    const client = {
      address: '2001:db8::1',
      network: '2001:db8::/64',
      peer: '10.0.0.1',
      evidence: 'trusted-proxies',
    } as const;
    expect(JSON.parse(eventLine({ ...EXCHANGE, client }))).toMatchObject({
      client: '2001:db8::1',
      network: '2001:db8::/64',
      peer: '10.0.0.1',
      evidence: 'trusted-proxies',
    });
  });

  it('has the level of its event', () => {
    expect([EXCHANGE, DENIED, REFUSED, { ...DENIED, faultOf: 'internal' } as const].map(eventLevel)).toEqual([
      'info',
      'warn',
      'warn',
      'error',
    ]);
  });
});

describe('the log', () => {
  it('writes messages and events as JSON lines to a file (R0.15)', async () => {
    const file = join(folder, 'a', 'sallyport.log');
    const output = openPino({ level: 'info', file, onDropped: () => undefined });
    output.log.info('listening', { address: '127.0.0.1:1' });
    output.log.error('broken', { error: new TypeError('a bug') });
    output.sink.emit(EXCHANGE);
    await output.flush();
    const lines = readFileSync(file, 'utf8').trim().split('\n').map(parsed);
    expect(lines).toMatchObject([
      { level: 'info', msg: 'listening', kind: 'log', address: '127.0.0.1:1' },
      { level: 'error', msg: 'broken', error: { name: 'TypeError', message: 'a bug' } },
      { kind: 'exchange', requestId: 'b-1' },
    ]);
  });

  it('writes only what is important enough', () => {
    const lines: string[] = [];
    const { log, sink } = pinoOn({ write: (line: string) => void lines.push(line) }, 'warn');
    log.info('no');
    sink.emit(EXCHANGE);
    sink.emit(DENIED);
    expect(lines.map(parsed)).toMatchObject([{ verdict: 'deny' }]);
  });

  it('drops and counts what cannot be written, and ends all the same', async () => {
    let dropped = 0;
    const output = openPino({
      level: 'info',
      file: '/dev/full',
      onDropped: (lines) => {
        dropped += lines;
      },
    });
    output.sink.emit(EXCHANGE);
    await output.flush();
    expect(dropped).toBeGreaterThan(0);
  });
});

function parsed(line: string): unknown {
  return JSON.parse(line);
}
