import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTlsServer } from '../../src/listener/tls.ts';
import { type Authority, createAuthority } from '../upstream/certificates.ts';

let authority: Authority;

beforeEach(() => {
  authority = createAuthority('ours');
});

afterEach(() => authority.remove());

describe('the TLS side of a listener', () => {
  it('leaves the deadline of a handshake to the connection table, and makes no timer for it', async () => {
    const config = { certificates: [authority.issue('DNS:a')], minVersion: 'TLSv1.3' } as const;
    const resolver = { clientCa: undefined };
    const tls = createTlsServer(config, { resolver, ticketKeys: undefined, protocols: ['http/1.1'] });
    const server = createServer((socket) => void tls.emit('connection', socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const client = connect(address.port, '127.0.0.1').on('error', () => undefined);
    client.write('no handshake at all\r\n\r\n');
    const [, stream]: readonly unknown[] = await once(tls, 'tlsClientError');
    client.destroy();
    server.close();
    expect(stream instanceof TLSSocket && stream.timeout).toBeUndefined();
  });
});
