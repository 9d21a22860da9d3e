import { ManualClock } from '@sallyport/kernel';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pauseAfter } from '../../src/error-reports/rate-limits.ts';
import { ErrorReporter } from '../../src/index.ts';
import { Receiver, TIME_MS } from '../channels/receiver.ts';

const FOLDER = '/srv/sallyport/packages/';

let receiver: Receiver;
let clock: ManualClock;
let told: string[];
beforeEach(async () => {
  receiver = await Receiver.open();
  clock = new ManualClock(TIME_MS);
  told = [];
});
afterEach(() => receiver.close());

function open(endpoint: string = `${receiver.origin}/api/42/envelope/`): ErrorReporter {
  let ids = 0;
  return new ErrorReporter({
    endpoint,
    key: 'a3f9c0de',
    version: '1.2.3',
    release: 'sallyport@1.2.3',
    environment: 'production',
    serverName: 'gate-1',
    folders: [FOLDER],
    clock,
    newId: () => String((ids += 1)).padStart(32, '0'),
    onSent: () => told.push('sent'),
    onDropped: (cause) => told.push(cause),
    onFailing: (failure) => told.push(`failing: ${failure}`),
  });
}

/** Errors that are not the same one. */
function report(reporter: ErrorReporter, number: number): void {
  reporter.report({ level: 'error', name: `Error${number}`, message: 'no' });
}

function reportMany(reporter: ErrorReporter, count: number): void {
  for (let number = 0; number < count; number += 1) report(reporter, number);
}

describe('an error report (R0.14)', () => {
  it('is an envelope with one event, scrubbed, byte for byte', async () => {
    const reporter = open();
    const message = 'alice@example.com from 192.0.2.1 with Bearer abc';
    const stack = `TypeError: ${message}
    at inner (file://${FOLDER}waf/src/a.ts:1:2)
    at outer (file://${FOLDER}cli/src/b.ts:3:4)
    at parse (/srv/alice/node_modules/zod/c.js:5:6)`;
    reporter.report({ level: 'fatal', name: 'TypeError', message, stack });
    await reporter.close();
    const [request] = receiver.received;
    expect(request?.method).toBe('POST');
    expect(request?.path).toBe('/api/42/envelope/');
    expect(request?.headers['content-type']).toBe('application/x-sentry-envelope');
    expect(request?.headers['x-sentry-auth']).toBe(
      'Sentry sentry_version=7, sentry_client=sallyport/1.2.3, sentry_key=a3f9c0de',
    );
    expect(request?.body).toBe(
      `{"event_id":"00000000000000000000000000000001","sent_at":"2023-11-14T22:13:20.000Z"}
{"type":"event"}
{"event_id":"00000000000000000000000000000001","timestamp":1700000000,"platform":"node","level":"fatal","release":"sallyport@1.2.3","environment":"production","server_name":"gate-1","exception":{"values":[{"type":"TypeError","value":"[text] from [address] with Bearer [token]","stacktrace":{"frames":[{"filename":"cli/src/b.ts","function":"outer","lineno":3,"colno":4,"in_app":true},{"filename":"waf/src/a.ts","function":"inner","lineno":1,"colno":2,"in_app":true}]}}]}}
`,
    );
    expect(told).toEqual(['sent']);
  });

  it('is sent once an hour for the same error, whatever its message, with how often it was', async () => {
    const reporter = open();
    for (const message of ['one', 'two', 'three']) reporter.report({ level: 'error', name: 'Error', message });
    await reporter.close();
    clock.advance(3_600_000);
    reporter.report({ level: 'error', name: 'Error', message: 'four' });
    await reporter.close();
    expect(receiver.received.map(({ body }) => body.includes('"extra":{"repeated":2}'))).toEqual([false, true]);
    expect(told).toEqual(['repeated', 'repeated', 'sent', 'sent']);
  });

  it('is one of at most twenty in a minute', async () => {
    const reporter = open();
    reportMany(reporter, 21);
    await reporter.close();
    expect(told.filter((what) => what === 'rate')).toHaveLength(1);
    expect(receiver.received).toHaveLength(20);
    clock.advance(60_000);
    report(reporter, 20);
    await reporter.close();
    expect(receiver.received).toHaveLength(21);
  });

  it('is dropped when too many wait for a receiver that does not answer, and holds nobody up at the end', async () => {
    const reporter = open();
    receiver.answer = () => undefined;
    reportMany(reporter, 20);
    clock.advance(60_000);
    for (let number = 20; number < 32; number += 1) report(reporter, number);
    // One is under way, thirty wait.
    expect(told).toEqual(['full']);
    await reporter.close();
    expect(told.filter((what) => what === 'failed')).toHaveLength(30);
  });

  it.each([
    ['a 429 with Retry-After', 429, { 'retry-after': '30' }, 30_000],
    ['a 429 without', 429, {}, 60_000],
    ['limits for errors', 429, { 'x-sentry-rate-limits': '10:transaction:key, 90:error;default:organization' }, 90_000],
    ['limits with an answer that is well', 200, { 'x-sentry-rate-limits': '45::organization' }, 45_000],
  ])('is not sent after %s, until that is over', async (_, status, headers, pauseMs) => {
    const reporter = open();
    receiver.answer = (response) => void response.writeHead(status, headers).end();
    report(reporter, 0);
    report(reporter, 1);
    await reporter.close();
    clock.advance(pauseMs - 1);
    report(reporter, 2);
    await reporter.close();
    expect(receiver.received).toHaveLength(1);
    expect(told.filter((what) => what === 'limited')).toHaveLength(status === 429 ? 3 : 2);
    clock.advance(1);
    report(reporter, 3);
    await reporter.close();
    expect(receiver.received).toHaveLength(2);
  });

  it('follows no redirect, and says once that it is not taken', async () => {
    const reporter = open();
    receiver.answer = (response) => void response.writeHead(307, { location: '/elsewhere' }).end();
    report(reporter, 0);
    report(reporter, 1);
    await reporter.close();
    expect(receiver.received.map(({ path }) => path)).toEqual(['/api/42/envelope/', '/api/42/envelope/']);
    expect(told).toEqual(['failed', 'failing: refused', 'failed']);
  });

  it('is dropped when nobody is there', async () => {
    const { origin } = receiver;
    await receiver.close();
    const reporter = open(`${origin}/api/42/envelope/`);
    report(reporter, 0);
    await reporter.close();
    expect(told).toEqual(['failed', 'failing: unreachable']);
    receiver = await Receiver.open();
  });
});

it.each([
  [200, '', undefined, 0],
  [200, '60:transaction', undefined, 0],
  [200, 'soon:error, -1:error, 1e9:error', undefined, 0],
  [200, '2.7:error', undefined, 2_700],
  [200, '999999999::', undefined, 3_600_000],
  [429, '', 86_400_000, 3_600_000],
  [429, '5:transaction', 7_000, 7_000],
  [undefined, '', undefined, 0],
])('after %s with limits %j and Retry-After %s nothing is sent for %s ms', (status, limits, retryAfterMs, expected) => {
  expect(pauseAfter({ status, limits, retryAfterMs })).toBe(expected);
});
