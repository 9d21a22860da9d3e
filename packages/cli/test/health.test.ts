import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { runHealth } from '../src/commands/health.ts';
import { testIo } from './test-io.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function listening(answer: RequestListener, where: string | number): Promise<string> {
  const server = createServer(answer);
  servers.push(server);
  if (typeof where === 'string') server.listen(where);
  else server.listen(where, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address !== null ? `127.0.0.1:${address.port}` : `unix:${where}`;
}

async function health(...args: readonly string[]): Promise<readonly [number, string, string]> {
  const io = testIo({ cwd: '/' });
  const code = await runHealth(args, io);
  return [code, io.out(), io.err()];
}

/** Answers as a gateway whose upstream is down. */
const draining: RequestListener = (request, response) => {
  if (request.url === '/livez') return void response.end('ok\n');
  response.writeHead(503).end('not ready\n\u001b[2Jdraining\n');
};

describe('sallyport health', () => {
  it('ends with 0 and says what a ready gateway says', async () => {
    const address = await listening((_, response) => void response.end('ready\n'), 0);
    expect(await health('--address', address)).toEqual([0, 'ready\n', '']);
  });

  it('ends with 1 and the reasons of a gateway that is not ready, without what would move a cursor', async () => {
    const address = await listening(draining, 0);
    expect(await health('--address', address)).toEqual([1, '', 'not ready\n?[2Jdraining\n']);
  });

  it('asks with --live only whether it runs', async () => {
    const address = await listening(draining, 0);
    expect(await health('--live', '--address', address)).toEqual([0, 'ok\n', '']);
  });

  it('asks over a socket file, under a host name that the operations listener trusts', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-health-'));
    const answer: RequestListener = (request, response) => void response.end(request.headers.host);
    const address = await listening(answer, join(folder, 'operations.sock'));
    expect(await health('--address', address)).toEqual([0, 'localhost\n', '']);
    rmSync(folder, { recursive: true });
  });

  it('ends with 1 when nobody listens', async () => {
    const [code, , said] = await health('--address', 'unix:/nonexistent/operations.sock');
    expect([code, said]).toEqual([
      1,
      'unix:/nonexistent/operations.sock does not answer: connect ENOENT /nonexistent/operations.sock\n',
    ]);
  });

  it('does not wait for an answer that never comes', async () => {
    const address = await listening(() => undefined, 0);
    expect(await health('--timeout', '1', '--address', address)).toEqual([
      1,
      '',
      `${address} does not answer: no answer within 1000 ms\n`,
    ]);
  });

  it('does not read an answer without an end', async () => {
    const address = await listening((_, response) => void response.end('x'.repeat(100_000)), 0);
    expect(await health('--address', address)).toEqual([1, '', `${address} does not answer: the answer is too long\n`]);
  });

  it.each([
    [['--address', 'localhost']],
    [['--address', '127.0.0.1:0']],
    [['--address', '127.0.0.1:65536']],
    [['--address', 'unix:']],
    [['--timeout', '0']],
    [['--timeout', '61']],
    [['--nothing']],
    [['word']],
  ])('refuses %j', async (args) => {
    const [code, out, said] = await health(...args);
    expect([code, out]).toEqual([64, '']);
    expect(said).toContain('Usage: sallyport health');
  });

  it('explains itself', async () => {
    const [code, out] = await health('--help');
    expect(code).toBe(0);
    expect(out).toContain('--live');
  });
});
