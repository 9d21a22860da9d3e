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
