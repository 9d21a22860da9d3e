import { Client, IpAddress } from '@sallyport/kernel';
import { describe, expect, test } from 'vitest';
import { CLIENT_CLAIM_HEADERS, clientClaimsFor, isClientClaim } from '../../src/client/claims.ts';

function clientAt(text: string): Client {
  const address = IpAddress.parse(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return Client.fromPeer(address, text);
}

describe('headers that claim who the client is (R2.3)', () => {
  test.each([
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-anything',
    'x_forwarded_for',
    'x-forwarded_for',
    'forwarded',
    'forwarded-for',
    'x-forwarded',
    'x-real-ip',
    'x_real_ip',
    'true-client-ip',
    'cf-connecting-ip',
    'cf_connecting_ip',
    'cf-access-jwt-assertion',
    'x-client-ip',
    'x-cluster-client-ip',
    'fastly-client-ip',
    'x-original-forwarded-for',
  ])('%s is one', (name) => {
    expect(isClientClaim(name)).toBe(true);
  });

  test.each([
    'host',
    'user-agent',
    'via',
    'cdn-loop',
    'x-request-id',
    'x-real-time',
    'cfx',
    'cookie',
    '__proto__',
    'constructor',
  ])('%s is none', (name) => {
    expect(isClientClaim(name)).toBe(false);
  });

  test('are listed in lower case, with hyphens, in order, without repetition', () => {
    expect(CLIENT_CLAIM_HEADERS).toEqual([...new Set(CLIENT_CLAIM_HEADERS)].toSorted());
    for (const name of CLIENT_CLAIM_HEADERS) expect(name).toMatch(/^[a-z0-9-]+\*?$/);
  });

  test('are all stripped before ours are written', () => {
    const fields = clientClaimsFor(clientAt('192.0.2.1'), 'https', 'example.com');
    for (let index = 0; index < fields.length; index += 2) expect(isClientClaim(fields[index] ?? '')).toBe(true);
  });

  test('are written anew for IPv4', () => {
    expect(clientClaimsFor(clientAt('192.0.2.1'), 'https', 'example.com:8443')).toEqual(
      [
        ['x-forwarded-for', '192.0.2.1'],
        ['x-forwarded-proto', 'https'],
        ['x-real-ip', '192.0.2.1'],
        ['x-forwarded-host', 'example.com:8443'],
        ['forwarded', 'for=192.0.2.1;host="example.com:8443";proto=https'],
      ].flat(),
    );
  });

  test('quote IPv6 in Forwarded (RFC 7239 §6) and leave the host out when there is none', () => {
    expect(clientClaimsFor(clientAt('2001:db8::1'), 'http', '')).toEqual(
      [
        ['x-forwarded-for', '2001:db8::1'],
        ['x-forwarded-proto', 'http'],
        ['x-real-ip', '2001:db8::1'],
        ['forwarded', 'for="[2001:db8::1]";proto=http'],
      ].flat(),
    );
  });

  test('cannot be broken out of by an authority with a quote', () => {
    const fields = clientClaimsFor(clientAt('192.0.2.1'), 'http', 'a";for=9.9.9.9;x="\\');
    expect(fields.at(-1)).toBe('for=192.0.2.1;host="a\\";for=9.9.9.9;x=\\"\\\\";proto=http');
  });
});
