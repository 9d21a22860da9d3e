import { existsSync, lstatSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BoundSocket, bindSocket } from '../src/bind-socket.ts';

let folder = '';
let path = '';
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-bind-'));
  path = join(folder, 'admin.sock');
});

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

function bind(says: string, isHandover = false): Promise<BoundSocket> {
  const server = createServer((_, response) => response.end(says));
  servers.push(server);
  return bindSocket(server, path, { isHandover, mode: 0o600 });
}

function ask(): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath: path, agent: false }, (response) => {
      response.setEncoding('utf8').once('data', resolve);
    });
    call.once('error', reject);
    call.end();
  });
}

describe('a socket file of those who run the gateway', () => {
  it('may be opened by whom its mode says, and nothing is left beside it', async () => {
    await bind('first');
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['admin.sock']);
    expect(await ask()).toBe('first');
  });

  it('takes the place of one that a dead process left behind', async () => {
    await abandon(path);
    await bind('first');
    expect(await ask()).toBe('first');
  });

  it('does not take the place of a living one, unless that one hands over', async () => {
    await bind('first');
    await expect(bind('second')).rejects.toMatchObject({ code: 'EADDRINUSE', address: path });
    expect(await ask()).toBe('first');
    await bind('third', true);
    expect(await ask()).toBe('third');
    expect(readdirSync(folder)).toEqual(['admin.sock']);
  });

  it('does not take the place of another file', async () => {
    writeFileSync(path, 'mine');
    await expect(bind('first')).rejects.toMatchObject({ code: 'EEXIST' });
    await expect(bind('first', true)).rejects.toMatchObject({ code: 'EEXIST' });
    expect(lstatSync(path).size).toBe(4);
  });

  it('is removed by the one that made it, and not by the one before', async () => {
    const first = await bind('first');
    const second = await bind('second', true);
    first.release();
    expect(await ask()).toBe('second');
    second.release();
    expect(existsSync(path)).toBe(false);
    second.release();
  });

  it('is not there when its folder is not', async () => {
    path = join(folder, 'missing', 'admin.sock');
    await expect(bind('first')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

/** Leaves a socket file behind as a killed process does: renamed, it survives the close of its server. */
function abandon(path: string): Promise<void> {
  return new Promise((resolve) => {
    const server = createNetServer();
    server.listen(`${path}.tmp`, () => {
      renameSync(`${path}.tmp`, path);
      server.close(() => resolve());
    });
  });
}
