import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CLIENT_CLAIM_HEADERS } from '../../src/client/claims.ts';
import { type HeaderAction, headerRule } from '../../src/request/header-rules.ts';

const rows: readonly (readonly [action: HeaderAction, names: readonly string[]])[] = [
  ['host', ['Host', 'HOST']],
  ['content-length', ['Content-Length']],
  ['transfer-encoding', ['Transfer-Encoding']],
  ['connection', ['Connection']],
  ['expect', ['Expect']],
  [
    'keep',
    ['Accept', 'Cookie', 'X-Custom', 'Accept-Language', 'If-None-Match', 'x_custom_name', 'toString', 'valueOf'],
  ],
  ['keep-single', ['Authorization', 'Content-Type', 'Origin', 'Referer', 'User-Agent', 'Range']],
  [
    'strip',
    ['Keep-Alive', 'TE', 'Trailer', 'Upgrade', 'Via', 'X-Request-Id', 'Traceparent', 'Proxy', 'Proxy-Anything'],
  ],
  ['strip', ['X-Original-URL', 'X-Rewrite-URL', 'X-Middleware-Subrequest', 'X-HTTP-Method-Override', 'Sallyport-User']],
  ['strip', ['X-Forwarded-For', 'X-Forwarded-Anything', 'CF-Connecting-IP', 'Cf-Anything', 'Forwarded', 'X-Real-IP']],
  ['forbid-name', ['__proto__', 'Constructor', 'prototype']],
  ['forbid-underscore', ['X_Forwarded_For', 'x-forwarded_for', 'Cf_Ray', 'Content_Length', 'Transfer_Encoding']],
  ['forbid-underscore', ['User_Agent', 'X_Original_URL', 'Sallyport_User', 'Proxy_Authorization', 'X_Request_Id']],
];

describe.each(rows)('%s', (action, names) => {
  test.each(names)('%s', (name) => {
    expect(headerRule(name)).toEqual({ name: name.toLowerCase(), action });
  });
});

test.each(CLIENT_CLAIM_HEADERS)('a claim about the client is never kept: %s (R0.9)', (claim) => {
  const name = claim.replace('*', 'anything');
  expect(headerRule(name).action).toBe('strip');
  expect(headerRule(name.toUpperCase()).action).toBe('strip');
  if (name.includes('-')) expect(headerRule(name.replace('-', '_')).action).toBe('forbid-underscore');
});

test('a name means the same in any case, and however often it is asked for', () => {
  const name = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,30}$/);
  fc.assert(
    fc.property(name, (raw) => {
      const rule = headerRule(raw);
      expect(rule.name).toBe(raw.toLowerCase());
      expect(headerRule(raw.toUpperCase()).action).toBe(rule.action);
      expect(headerRule(raw)).toEqual(rule);
    }),
  );
});
