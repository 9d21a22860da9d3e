import type { ChannelConfig, NotificationRoute, NotificationsConfig } from '@sallyport/kernel';
import type { Masks } from './describe.ts';
import { formatDuration } from './units.ts';

export function describeNotifications({ channels, routes, attack }: NotificationsConfig, masks: Masks): object {
  return {
    channels: Object.fromEntries(channels.map((channel) => [channel.name, describeChannel(channel, masks)])),
    routes: routes.map(describeRoute),
    attack: { refused: attack.refusedMin, share: attack.shareMin, timesUsual: attack.timesUsual },
  };
}

function describeRoute({ kinds, severityMin, channels, waitMs, intervalMs, repeatMs }: NotificationRoute): object {
  const group = {
    wait: formatDuration(waitMs),
    interval: formatDuration(intervalMs),
    repeat: formatDuration(repeatMs),
  };
  return { kinds, severity: severityMin, channels, group };
}

/** URLs count as secrets: what stands in one is often all that is needed to write to it. */
function describeChannel(channel: ChannelConfig, masks: Masks): object {
  const any = { kind: channel.kind, sendResolved: channel.isResolvedSent, hourlyMax: channel.hourlyMax };
  switch (channel.kind) {
    case 'webhook': {
      const keys = channel.keys.map((key) => masks.secret(key));
      return { ...any, url: masks.secret(channel.url), keys, ...describeCa(channel.ca, masks) };
    }
    case 'discord':
    case 'slack':
      return { ...any, url: masks.secret(channel.url) };
    case 'email': {
      const { host, port, security, login, from, to, ca } = channel;
      const known = login === undefined ? {} : { user: login.user, password: masks.secret(login.password) };
      return { ...any, host, port, security, ...known, ...describeCa(ca, masks), from, to };
    }
  }
}

function describeCa(ca: string | undefined, masks: Masks): object {
  return ca === undefined ? {} : { ca: masks.certificate(ca) };
}
