import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { type ClientPolicy, type Event, type GatewayConfig, MetricsRegistry } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Gateway } from '../../src/gateway.ts';
import { compilePolicy } from '../../src/pipeline/policy.ts';
import { config, listener, upstream } from '../harness/config.ts';
import { type Authority, createAuthority } from '../upstream/certificates.ts';

let server: Server;
let ours: Authority;
let cloudflare: Authority;
const events: Event[] = [];

beforeEach(async () => {
  events.length = 0;
  ours = createAuthority('ours');
  cloudflare = createAuthority('cloudflare');
  server = createServer((_, response) => response.end('ok'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  ours.remove();
  cloudflare.remove();
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s a session', (maxVersion) => {
  it('from before a listener asked for certificates proves nothing after it does (R2.3)', async () => {
    await expectRefusedAfter({ kind: 'direct' }, { maxVersion });
  });

  it('that an authority vouched for proves nothing when another one has taken its place (R2.3)', async () => {
    const { certificate: cert, key } = ours.issue('DNS:edge');
    await expectRefusedAfter({ kind: 'cloudflare', clientCa: ours.certificate }, { maxVersion, cert, key });
  });
});

/** A client that `first` lets in comes with its session after only Cloudflare's certificates count: its own are no such ones. */
async function expectRefusedAfter(first: ClientPolicy, client: ConnectionOptions): Promise<void> {
  const tls = { certificates: [ours.issue('DNS:a')], minVersion: 'TLSv1.2' } as const;
  const configured = (policy: ClientPolicy): GatewayConfig => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return config({ upstreams: [upstream(address.port)], listeners: [listener({ tls, client: policy })] });
  };
  const gateway = new Gateway(compilePolicy(configured(first), 1), {
    node: 'test',
    sink: { emit: (event) => void events.push(event) },
    metrics: new MetricsRegistry(),
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    clock: { wallMs: () => Date.now(), monotonicMs: () => performance.now() },
    ticketKeys: Buffer.alloc(48, 7),
  });
  try {
    await gateway.listen();
    const options = { ...client, ca: ours.certificate, servername: 'a' };
    const before = await ask(gateway, options);
    expect(before.answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(before.session).toBeDefined();
    await gateway.prepare(compilePolicy(configured({ kind: 'cloudflare', clientCa: cloudflare.certificate }), 2));
    gateway.activate(2);
    await gateway.open('test');
    const after = await ask(gateway, { ...options, session: before.session });
    expect([after.answer, after.isResumed]).toEqual(['', false]);
    await vi.waitFor(() => {
      const refused = events.filter((event) => event.kind === 'connection' && event.phase === 'refused');
      expect(refused.map((event) => 'reason' in event && event.reason)).toEqual(['CLIENT_UNPROVEN']);
      const proofs = events.filter((event) => event.kind === 'authentication');
      expect(proofs).toMatchObject([
        { realm: 'service', method: 'client-certificate', result: 'failure', subject: '', reason: 'CLIENT_UNPROVEN' },
      ]);
    });
  } finally {
    gateway.close();
  }
}

/** One request, and the session that came with its connection. */
async function ask(
  gateway: Gateway,
  options: ConnectionOptions,
): Promise<{ readonly answer: string; readonly session: Buffer | undefined; readonly isResumed: boolean }> {
  const address = gateway.addresses().get('test');
  if (address?.kind !== 'tcp') throw new Error('no port');
  const socket: TLSSocket = connect({ ...options, host: '127.0.0.1', port: address.port });
  let session: Buffer | undefined;
  let answer = '';
  let isResumed = false;
  socket.on('secureConnect', () => {
    isResumed = socket.isSessionReused();
  });
  socket.on('session', (given: Buffer) => {
    session = given;
  });
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  // Over TLS 1.2 a refusal comes before the client's handshake is over, which is an error before it is an end.
  const closed = new Promise<void>((resolve) => void socket.on('close', () => resolve()));
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nCF-Connecting-IP: 203.0.113.9\r\nConnection: close\r\n\r\n');
  await closed;
  return { answer, session, isResumed };
}
