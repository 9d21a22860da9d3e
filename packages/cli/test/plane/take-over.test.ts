import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { describe, expect, it } from 'vitest';
import { inheritedSockets } from '../../src/plane/take-over.ts';

const PID = 42;

function check(environment: Readonly<Record<string, string>>): unknown {
  const { sockets, isTakingOver } = inheritedSockets(environment, PID);
  return [Object.fromEntries(sockets), isTakingOver];
}

describe('the sockets a process begins with', () => {
  it.each([
    ['nothing', {}, [{}, false]],
    ['a process before us', { SALLYPORT_SOCKETS: 'public=4,api=5' }, [{ public: 4, api: 5 }, true]],
    ['a process before us that had none', { SALLYPORT_SOCKETS: '' }, [{}, true]],
    ['a process before us, with its own', { SALLYPORT_SOCKETS: '.operations=4' }, [{ '.operations': 4 }, true]],
    ['something that is not ours', { SALLYPORT_SOCKETS: 'a=x,=4,b=-1,c=5 ,d=123456' }, [{}, true]],
    [
      'both: the process before us counts',
      { SALLYPORT_SOCKETS: 'a=4', LISTEN_PID: '42', LISTEN_FDS: '1', LISTEN_FDNAMES: 'b' },
      [{ a: 4 }, true],
    ],
    [
      'a service manager',
      { LISTEN_PID: '42', LISTEN_FDS: '2', LISTEN_FDNAMES: 'public:api' },
      [{ public: 3, api: 4 }, false],
    ],
    [
      'a service manager that names not all',
      { LISTEN_PID: '42', LISTEN_FDS: '3', LISTEN_FDNAMES: ':api' },
      [{ api: 4 }, false],
    ],
    ['a service manager without names', { LISTEN_PID: '42', LISTEN_FDS: '1' }, [{}, false]],
    ['sockets for another process', { LISTEN_PID: '41', LISTEN_FDS: '1', LISTEN_FDNAMES: 'public' }, [{}, false]],
    ['no number of sockets', { LISTEN_PID: '42', LISTEN_FDS: '1e9', LISTEN_FDNAMES: 'public' }, [{}, false]],
    ['more sockets than there can be', { LISTEN_PID: '42', LISTEN_FDS: '1000', LISTEN_FDNAMES: 'a' }, [{}, false]],
  ])('are read from %s', (_, environment, expected) => {
    expect(check(environment)).toEqual(expected);
  });
});

describe('a process that takes over', () => {
  it('closes what came by accident, and nothing that was meant for it or that a debugger has', async () => {
    const servers = await Promise.all([1, 2].map(() => listening()));
    const [meant, stray] = servers.map((server) => Number(Reflect.get(Reflect.get(server, '_handle'), 'fd')));
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--inspect=127.0.0.1:0', '--input-type=module', '-e', TAKES_OVER],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe', 'ignore', meant, stray],
      },
    );
    for (const server of servers) server.close();
    expect(stdout, stderr).toBe('4 open, 5 closed, debugger 200\n');
  });
});

async function listening(): Promise<Server> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** A program with the descriptors 4 and 5, of which only the first one is meant for it. */
const TAKES_OVER = `
import { fstatSync } from 'node:fs';
import { url } from 'node:inspector';
import { closeStrays } from '${new URL('../../src/plane/take-over.ts', import.meta.url).href}';
closeStrays({ sockets: new Map([['public', 4]]), isTakingOver: true });
const state = (number) => { try { fstatSync(number); return number + ' open'; } catch { return number + ' closed'; } };
const states = [4, 5].map(state).join(', ');
const { host } = new URL(url());
const { status } = await fetch('http://' + host + '/json/version');
console.log(states + ', debugger ' + status);
process.exit(0);
`;
