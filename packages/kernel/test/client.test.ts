import { describe, expect, test } from 'vitest';
import { Client } from '../src/client.ts';
import { IpAddress } from '../src/ip.ts';

function address(text: string): IpAddress {
  const parsed = IpAddress.parse(text);
  if (parsed === undefined) throw new Error(`${text} is no address`);
  return parsed;
}

describe('a client', () => {
  test('that is the peer says so', () => {
    const client = Client.fromPeer(address('192.0.2.1'), '192.0.2.1');
    expect([client.address.text, client.peer, client.evidence, client.network]).toEqual([
      '192.0.2.1',
      '192.0.2.1',
      'peer',
      '192.0.2.1',
    ]);
  });

  test('that somebody vouched for keeps who did and by which evidence', () => {
    const client = Client.vouchedFor(address('2001:db8:1:2:3::4'), 'unix', 'cloudflare-tunnel');
    expect([client.address.text, client.peer, client.evidence]).toEqual([
      '2001:db8:1:2:3::4',
      'unix',
      'cloudflare-tunnel',
    ]);
  });

  test.each([
    ['192.0.2.1', '192.0.2.2', false],
    ['192.0.2.1', '::ffff:192.0.2.1', true],
    ['2001:db8::1', '2001:db8::ffff:1', true],
    ['2001:db8::1', '2001:db8:0:1::1', false],
  ])('at %s and one at %s are counted as one: %s', (one, other, expected) => {
    const networks = [one, other].map((text) => Client.fromPeer(address(text), text).network);
    expect(networks[0] === networks[1]).toBe(expected);
  });

  test('cannot be changed or imitated by a plain object', () => {
    const client = Client.fromPeer(address('192.0.2.1'), '192.0.2.1');
    expect(() => Object.assign(client, { network: '198.51.100.1' })).toThrow(TypeError);
    expect(client.network).toBe('192.0.2.1');
    const imitation: unknown = Object.setPrototypeOf({}, Client.prototype);
    expect(() => (imitation instanceof Client ? imitation.address : undefined)).toThrow(TypeError);
  });
});
