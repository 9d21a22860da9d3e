import type { ChannelConfig, NotificationChannel } from '@sallyport/kernel';
import { discordChannel } from './discord.ts';
import { emailChannel } from './email.ts';
import { slackChannel } from './slack.ts';
import { type ChannelOptions, webhookChannel } from './webhook.ts';

/** The channel that a configuration describes. Nothing is connected until something is to be delivered. */
export function openChannel(config: ChannelConfig, options: ChannelOptions): NotificationChannel {
  switch (config.kind) {
    case 'webhook':
      return webhookChannel(config, options);
    case 'discord':
      return discordChannel(config, options);
    case 'slack':
      return slackChannel(config, options);
    case 'email':
      return emailChannel(config, options);
  }
}
