import type { BurstRate, Http2Limits } from '@sallyport/kernel';
import { z } from 'zod';
import { booleanLeaf, integerLeaf, section } from '../leaf.ts';

/** The section as it stands in the file. */
export interface Http2Draft {
  /** Undefined: turned off. */
  readonly limits: Http2Limits | undefined;
}

/** What a TLS listener does that says nothing about HTTP/2. */
export const HTTP2_DEFAULTS: Http2Limits = {
  streamsMax: 100,
  resets: { burst: 200, perSecond: 20 },
  controlFrames: { burst: 200, perSecond: 20 },
};

/** `http2` of a listener. */
export function http2(): z.ZodType<Http2Draft> {
  const { streamsMax, resets, controlFrames } = HTTP2_DEFAULTS;
  return section('HTTP/2 beside HTTP/1.1; clients choose by ALPN. Needs `tls`, and is offered with it.', {
    enabled: booleanLeaf('Offer HTTP/2.').prefault(true),
    streams: integerLeaf('Requests that one connection may have in progress.', { min: 1, max: 1_000 }).prefault(
      streamsMax,
    ),
    resets: rate('Requests of one connection that may be broken off.', resets),
    controlFrames: rate(
      'Frames of one connection that carry no request: PING, SETTINGS, PRIORITY, unknown types.',
      controlFrames,
    ),
  }).transform(
    ({ enabled, streams, ...rates }): Http2Draft => ({
      limits: enabled ? { streamsMax: streams, ...rates } : undefined,
    }),
  );
}

function rate(description: string, defaults: BurstRate): z.ZodType<BurstRate> {
  return z.prefault(
    section(description, {
      burst: integerLeaf('How many at once.', { min: 10, max: 1_000_000 }).prefault(defaults.burst),
      perSecond: integerLeaf('How many a second after that.', { min: 1, max: 1_000_000 }).prefault(defaults.perSecond),
    }),
    {},
  );
}
