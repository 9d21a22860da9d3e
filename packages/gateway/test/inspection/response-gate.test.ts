import {
  GatewayError,
  HeaderList,
  type Inspection,
  PASS,
  type ResponseHold,
  reason,
  type Verdict,
} from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { HeldBytes } from '../../src/inspection/held-bytes.ts';
import { ResponseGate, WAIT_MS } from '../../src/inspection/response-gate.ts';
import type { ResponseHead, ResponseSink } from '../../src/upstream/port.ts';

const DENY: Verdict = { kind: 'deny', status: 502, reason: reason('RESPONSE_CONTENT_DENIED', 'rule 1') };
const HOLD: ResponseHold = { windowBytes: 4_096, bytesMax: 16_384, isLongerRefused: false, isOptional: false };

/** Refuses a piece that holds `SECRET`, and writes down what it was shown. */
class Reader implements Inspection {
  readonly requestHold = undefined;
  readonly isResponseInspected = true;
  readonly seen: string[] = [];
  readonly responseHold: ResponseHold | undefined;
  readonly #headVerdict: Verdict;

  constructor(responseHold: ResponseHold | undefined, headVerdict: Verdict = PASS) {
    this.responseHold = responseHold;
    this.#headVerdict = headVerdict;
  }

  requestBody(): Verdict {
    return PASS;
  }

  requestBodyInSlices(): never {
    throw new Error('not of this test');
  }

  responseHead(): Verdict {
    return this.#headVerdict;
  }

  responseBody(piece: Uint8Array): Verdict {
    const text = Buffer.from(piece).toString('latin1');
    this.seen.push(text);
    return text.includes('SECRET') ? DENY : PASS;
  }

  finish(): never {
    throw new Error('not of this test');
  }
}

/** What a client got, in order. */
class Client implements ResponseSink {
  readonly got: string[] = [];
  isReading = true;

  get body(): string {
    return this.got.filter((item) => !item.startsWith('<')).join('');
  }

  onBodyWanted(): void {
    this.got.push('<wanted>');
  }

  onDrain(): void {
    this.got.push('<drain>');
  }

  onHead({ status }: ResponseHead): void {
    this.got.push(`<head ${status}>`);
  }

  onData(chunk: Buffer): boolean {
    this.got.push(chunk.toString('latin1'));
    return this.isReading;
  }

  onEnd(): void {
    this.got.push('<end>');
  }

  onFailure({ code }: GatewayError): void {
    this.got.push(`<failure ${code}>`);
  }

  onUpgrade(): void {
    this.got.push('<upgrade>');
  }
}

interface Rig {
  readonly gate: ResponseGate;
  readonly client: Client;
  readonly reader: Reader;
  readonly refusals: Verdict[];
  readonly account: HeldBytes;
}

const ROOM = { heldBytesMax: 1_000_000, heldPerClientBytesMax: 1_000_000 };

function rig(reader: Reader, account: HeldBytes = new HeldBytes(ROOM)): Rig {
  const client = new Client();
  const refusals: Verdict[] = [];
  const gate = new ResponseGate({
    sink: client,
    inspection: reader,
    account,
    client: '192.0.2.1',
    run: (step) => step(),
    onRefused: (verdict) => refusals.push(verdict),
    nowMs: () => 0,
  });
  return { gate, client, reader, refusals, account };
}

function head(framing: ResponseHead['framing'] = { kind: 'chunked' }): ResponseHead {
  return { status: 200, statusText: 'OK', headers: new HeaderList([], []), framing };
}

function send(gate: ResponseGate, ...pieces: readonly string[]): readonly boolean[] {
  return pieces.map((piece) => gate.onData(Buffer.from(piece)));
}

describe('a response that is inspected', () => {
  it('does not leave before it was judged as a whole, when it is no longer than a window', () => {
    const { gate, client, reader, account } = rig(new Reader(HOLD));
    gate.onHead(head({ kind: 'length', bytes: 10 }));
    send(gate, 'hello', 'world');
    expect(client.got).toEqual([]);
    gate.onEnd();
    expect(reader.seen).toEqual(['helloworld']);
    expect(client.got).toEqual(['<head 200>', 'helloworld', '<end>']);
    expect(account.bytes).toBe(0);
  });

  it('is refused before a byte of it left', () => {
    const { gate, client, refusals, account } = rig(new Reader(HOLD));
    gate.onHead(head());
    send(gate, 'a SEC', 'RET b');
    gate.onEnd();
    expect([refusals, client.got, account.bytes]).toEqual([[DENY], [], 0]);
  });

  it('is refused for its head alone', () => {
    const { gate, client, refusals } = rig(new Reader(HOLD, DENY));
    gate.onHead(head());
    send(gate, 'anything');
    gate.onEnd();
    expect([refusals, client.got]).toEqual([[DENY], []]);
  });

  it('passes as it comes when its body is not to be judged', () => {
    const { gate, client, reader } = rig(new Reader(undefined));
    gate.onHead(head());
    send(gate, 'a', 'b');
    gate.onEnd();
    expect(client.got).toEqual(['<head 200>', 'a', 'b', '<end>']);
    expect(reader.seen).toEqual([]);
  });

  it('leaves window by window when it is longer, with nothing lost and nothing twice', () => {
    const { gate, client, reader } = rig(new Reader(HOLD));
    const text = Array.from({ length: 3_000 }, (_, index) => `${index},`)
      .join('')
      .slice(0, 12_000);
    gate.onHead(head());
    for (let at = 0; at < text.length; at += 700) send(gate, text.slice(at, at + 700));
    expect(client.got[0]).toBe('<head 200>');
    gate.onEnd();
    expect(client.body).toBe(text);
    expect(reader.seen.length).toBeGreaterThan(2);
  });

  it('cannot hide something on the border of two windows, and then breaks off', () => {
    for (let at = 3_900; at < 4_400; at += 7) {
      const { gate, client, refusals } = rig(new Reader(HOLD));
      const text = `${'x'.repeat(at)}SECRET${'y'.repeat(4_000)}`;
      gate.onHead(head());
      for (let from = 0; from < text.length; from += 512) send(gate, text.slice(from, from + 512));
      gate.onEnd();
      expect(refusals).toEqual([DENY]);
      expect(client.body).not.toContain('SECRET');
    }
  });

  it('passes unseen beyond what is to be judged', () => {
    const { gate, client, refusals, account } = rig(new Reader(HOLD));
    gate.onHead(head());
    for (let at = 0; at < 40; at += 1) send(gate, 'x'.repeat(1_000));
    send(gate, 'SECRET');
    gate.onEnd();
    expect(refusals).toEqual([]);
    expect(client.body).toBe(`${'x'.repeat(40_000)}SECRET`);
    expect(account.bytes).toBe(0);
  });

  it.each<[string, ResponseHead['framing']]>([
    ['announces', { kind: 'length', bytes: 16_385 }],
    ['turns out to have', { kind: 'chunked' }],
  ])('is refused where it %s more than may be judged and the rest must not pass unseen', (_, framing) => {
    const { gate, refusals, client } = rig(new Reader({ ...HOLD, isLongerRefused: true }));
    gate.onHead(head(framing));
    for (let at = 0; at < 17; at += 1) send(gate, 'x'.repeat(1_000));
    gate.onEnd();
    expect(refusals).toMatchObject([{ kind: 'deny', reason: { code: 'RESPONSE_CONTENT_DENIED' } }]);
    expect(client.got).not.toContain('<end>');
  });

  it('is not held back for long by a server that says nothing more', () => {
    const { gate, client, reader } = rig(new Reader(HOLD));
    gate.onHead(head());
    send(gate, 'first');
    gate.sweep(WAIT_MS - 1);
    expect(client.got).toEqual([]);
    gate.sweep(WAIT_MS);
    expect(client.got).toEqual(['<head 200>', 'first']);
    send(gate, 'second');
    gate.onEnd();
    expect(client.body).toBe('firstsecond');
    expect(reader.seen).toEqual(['first', 'firstsecond']);
  });

  it('is refused when there is no room to hold it, and passes unseen when inspection only looks', () => {
    for (const isOptional of [false, true]) {
      const account = new HeldBytes({ heldBytesMax: 10, heldPerClientBytesMax: 10 });
      const { gate, client, refusals } = rig(new Reader({ ...HOLD, isOptional }), account);
      gate.onHead(head());
      send(gate, 'a', 'b');
      gate.onEnd();
      expect(refusals.length).toBe(isOptional ? 0 : 1);
      expect(client.body).toBe(isOptional ? 'ab' : '');
    }
  });

  it('lets its client slow the server down', () => {
    const { gate, client } = rig(new Reader(HOLD));
    client.isReading = false;
    gate.onHead(head());
    expect(send(gate, 'x'.repeat(4_000), 'x'.repeat(4_000))).toEqual([true, false]);
  });

  it('tells of a server that broke off, and sends nothing that was not judged', () => {
    const { gate, client, account } = rig(new Reader(HOLD));
    gate.onHead(head());
    send(gate, 'half');
    gate.onFailure(new GatewayError('UPSTREAM_CLOSED', { source: 'upstream' }));
    expect([client.got, account.bytes]).toEqual([['<failure UPSTREAM_CLOSED>'], 0]);
  });
});
