import type { Command } from '@sallyport/kernel';
import { describe, expect, it } from 'vitest';
import { commandFor, namedConnection } from '../../../src/plane/hand-over/connection-name.ts';

function close(connection: string): Command {
  return { id: 'c', action: { kind: 'close-connection', connection, reason: 'r' } };
}

describe('a connection of a process before us', () => {
  it.each([
    ['0-7', '42:0-7'],
    ['41:0-7', '41:0-7'],
  ])('%s is shown as %s', (id, expected) => {
    const rest = {
      worker: 0,
      kind: 'http',
      listener: 'l',
      route: '',
      client: '',
      openedMs: 0,
      bytesIn: 0,
      bytesOut: 0,
    } as const;
    expect(namedConnection(42, { id, ...rest }).id).toBe(expected);
  });

  it.each([
    ['0-7', { own: close('0-7'), others: undefined }],
    ['42:0-7', { own: close('0-7'), others: undefined }],
    ['41:0-7', { own: undefined, others: close('41:0-7') }],
    ['421:0-7', { own: undefined, others: close('421:0-7') }],
  ])('is closed by whoever has %s', (id, expected) => {
    expect(commandFor(42, close(id))).toEqual(expected);
  });

  it('is closed with all of its client wherever it is', () => {
    const command: Command = { id: 'c', action: { kind: 'close-client', client: '192.0.2.1', reason: 'r' } };
    expect(commandFor(42, command)).toEqual({ own: command, others: command });
  });
});
