import { createHmac } from 'node:crypto';
import type { Clock, Notification, NotificationChannel, WebhookChannelConfig } from '@sallyport/kernel';
import { post } from './post.ts';

/** How channels reach the world; tests trust an authority of their own. */
export interface ChannelOptions {
  readonly clock: Clock;
  readonly ca?: string | undefined;
  readonly timeoutMs?: number | undefined;
}

/**
 * Posts the notification as JSON, signed as Standard Webhooks 1.0 says (https://www.standardwebhooks.com): the receiver can tell
 * who sent it, when, and that it has not seen it before.
 */
export function webhookChannel(config: WebhookChannelConfig, options: ChannelOptions): NotificationChannel {
  const url = new URL(config.url);
  const keys = config.keys.map(keyBytes);
  return {
    name: config.name,
    kind: config.kind,
    target: url.host,
    deliver: async (notification) => {
      const nowMs = options.clock.wallMs();
      const body = JSON.stringify(webhookBody(notification));
      const timestamp = String(Math.floor(nowMs / 1_000));
      const headers = {
        'content-type': 'application/json',
        'webhook-id': notification.id,
        'webhook-timestamp': timestamp,
        'webhook-signature': keys.map((key) => signatureOf(key, `${notification.id}.${timestamp}.${body}`)).join(' '),
      };
      const { ca, timeoutMs } = options;
      return (await post({ url, headers, body, ca, timeoutMs, nowMs })).delivery;
    },
  };
}

/** The payload: `type`, `timestamp` and `data`, as the specification recommends. */
function webhookBody({ id, node, occasion, items, omitted, missed, timeMs }: Notification): object {
  return {
    type: `sallyport.notification.${occasion}`,
    timestamp: new Date(timeMs).toISOString(),
    data: {
      id,
      node,
      items: items.map(({ kind, subject, status, severity, summary, facts, sinceMs, isFlapping, timeMs: saidMs }) => ({
        kind,
        subject,
        status,
        severity,
        summary,
        facts,
        since: new Date(sinceMs).toISOString(),
        time: new Date(saidMs).toISOString(),
        flapping: isFlapping,
      })),
      omitted,
      missed,
    },
  };
}

function signatureOf(key: Uint8Array, content: string): string {
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`;
}

/** The specification writes keys as base64 behind `whsec_`; anything else is a key as it stands. */
function keyBytes(text: string): Uint8Array {
  const encoded = text.startsWith('whsec_') ? text.slice('whsec_'.length) : text;
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) && encoded.length % 4 === 0;
  return isBase64 ? Buffer.from(encoded, 'base64') : Buffer.from(encoded);
}
