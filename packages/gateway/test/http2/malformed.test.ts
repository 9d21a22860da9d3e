import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Recorder } from '../request/recorder.ts';
import { data, type Fields, FrameClient, frame, GET, headers, POST, word } from './frame-client.ts';
import { type Http2Gateway, outcomesIn, refusedIn, startHttp2Gateway, until } from './harness.ts';

const recorder = new Recorder();
let gateway: Http2Gateway;

beforeAll(async () => {
  gateway = await startHttp2Gateway(await recorder.listen());
});

beforeEach(() => {
  gateway.events.length = 0;
});

afterAll(() => {
  gateway.close();
  recorder.close();
  expect(gateway.errors).toEqual([]);
});

interface Malformed {
  readonly name: string;
  readonly frames: readonly Buffer[];
  /** Status or reset code of stream 1, or GOAWAY code. */
  readonly ending: string;
  readonly outcomes: readonly string[];
  readonly refused?: readonly string[];
}

const bad = (name: string, fields: Fields): Malformed => ({
  name,
  frames: [headers(1, fields)],
  ending: 'reset 1',
  outcomes: ['2 0 drop MALFORMED_REQUEST'],
});

/** The codec ends the connection for these, as RFC 9113 §5.4.1 allows. */
const fatal = (name: string, frames: readonly Buffer[], code: number, detail: string): Malformed => ({
  name,
  frames,
  ending: `goaway ${code}`,
  outcomes: ['2 0 drop HTTP2_PROTOCOL_ERROR'],
  refused: [`HTTP2_PROTOCOL_ERROR codec: ${detail}`],
});

const withLength = (length: string): Buffer => headers(1, [...POST, ['content-length', length]], 0);

const MALFORMED: readonly Malformed[] = [
  bad('a name in upper case', [...GET, ['X-Y', 'z']]),
  bad('a connection-specific field', [...GET, ['connection', 'close']]),
  bad('transfer-encoding', [...GET, ['transfer-encoding', 'chunked']]),
  bad('te that is not trailers', [...GET, ['te', 'gzip']]),
  bad('a pseudo-header field after others', [...GET.slice(1), ['x', 'y'], [':method', 'GET']]),
  bad('a pseudo-header field twice', [...GET, [':path', '/b']]),
  bad('no path', GET.slice(0, 3)),
  bad('an empty path', [...GET.slice(0, 3), [':path', '']]),
  bad('a status', [...GET, [':status', '200']]),
  bad('extended CONNECT, which was not offered', [[':method', 'CONNECT'], ...GET.slice(1), [':protocol', 'websocket']]),
  bad('a length without a body', [...GET, ['content-length', '1']]),
  {
    name: 'another host',
    frames: [headers(1, [...GET, ['host', 'b.example']])],
    ending: 'status 400',
    outcomes: ['2 400 deny HOST_MISMATCH'],
  },
  {
    name: 'CONNECT',
    frames: [
      headers(1, [
        [':method', 'CONNECT'],
        [':authority', 'a.example:443'],
      ]),
    ],
    ending: 'status 501',
    outcomes: ['2 501 deny METHOD_UNSUPPORTED'],
  },
  {
    name: 'less body than announced',
    frames: [withLength('30'), data(1, 'short', 1)],
    ending: 'reset 1',
    outcomes: ['2 0 drop MALFORMED_REQUEST'],
  },
  {
    name: 'trailers that do not end the stream',
    frames: [headers(1, POST, 0), headers(1, [['x', 'y']], 0)],
    ending: 'reset 1',
    outcomes: ['2 0 drop MALFORMED_REQUEST'],
  },
  {
    name: 'a pseudo-header field in trailers',
    frames: [headers(1, POST, 0), headers(1, [[':path', '/']])],
    ending: 'reset 1',
    outcomes: ['2 0 drop MALFORMED_REQUEST'],
  },
  fatal('more body than announced', [withLength('3'), data(1, 'toolong', 1)], 2, 'INTERNAL_ERROR'),
  fatal('data behind the end', [headers(1, GET), data(1, 'x')], 5, 'STREAM_CLOSED'),
  fatal('a window update of nothing', [headers(1, POST, 0), frame(8, 0, 1, word(0))], 1, 'PROTOCOL_ERROR'),
  fatal('a window that overflows', [headers(1, POST, 0), frame(8, 0, 1, word(2 ** 31 - 1))], 3, 'FLOW_CONTROL_ERROR'),
  { ...fatal('an even stream', [headers(2, GET)], 1, 'PROTOCOL_ERROR'), outcomes: [] },
  { ...fatal('a pushed stream', [frame(5, 4, 1, word(2))], 1, 'PROTOCOL_ERROR'), outcomes: [] },
  { ...fatal('a frame that is too long', [frame(4, 0, 0, Buffer.alloc(16_385))], 6, 'FRAME_SIZE_ERROR'), outcomes: [] },
  {
    ...fatal(
      'a header block that is none',
      [frame(1, 5, 1, Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff]))],
      9,
      'COMPRESSION_ERROR',
    ),
    outcomes: [],
  },
];

describe('what is not HTTP/2', () => {
  test.each(MALFORMED)(
    'is ended with its reason and one event: $name (R3.12)',
    async ({ frames, ending, outcomes, refused = [] }) => {
      const client = await FrameClient.open(gateway.port);
      client.write(...frames);
      const endings = (): readonly string[] => [
        ...client.statuses.map((status) => `status ${status.slice(3)}`),
        ...client.resets.map((reset) => `reset ${reset.slice(3)}`),
        ...client.goaways.map((code) => `goaway ${code}`),
      ];
      await until('the end', () => endings().length > 0);
      await until(
        'the events',
        () =>
          outcomesIn(gateway.events).length >= outcomes.length && refusedIn(gateway.events).length >= refused.length,
      );
      if (refused.length > 0) await until('the close', () => client.isClosed);
      client.close();
      expect(endings()).toEqual([ending]);
      expect(outcomesIn(gateway.events)).toEqual(outcomes);
      expect(refusedIn(gateway.events)).toEqual(refused);
      expect(recorder.take().requests).toEqual([]);
    },
  );

  test('counts by scope and reason (R3.12)', () => {
    const lines = gateway.metrics
      .render()
      .split('\n')
      .filter((line) => line.startsWith('gateway_http2_errors_total{'));
    expect(lines.map((line) => line.replace(/ \d+$/, '')).toSorted()).toEqual([
      'gateway_http2_errors_total{listener="test",scope="connection",reason="HTTP2_PROTOCOL_ERROR"}',
      'gateway_http2_errors_total{listener="test",scope="stream",reason="MALFORMED_REQUEST"}',
    ]);
  });

  test('is ended when it does not even begin as HTTP/2', async () => {
    const client = await FrameClient.connect(gateway.port);
    client.write(Buffer.from('GET / HTTP/1.1\r\nHost: a.example\r\n\r\n'));
    await until('the close', () => client.isClosed);
    expect(refusedIn(gateway.events)).toEqual(['HTTP2_PROTOCOL_ERROR codec: INTERNAL_ERROR']);
    expect(outcomesIn(gateway.events)).toEqual([]);
  });
});
