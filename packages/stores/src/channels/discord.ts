import type { DiscordChannelConfig, NoticeSeverity, Notification, NotificationChannel } from '@sallyport/kernel';
import { post } from './post.ts';
import { cut, factLines, headline, itemTitle, trailer } from './texts.ts';
import type { ChannelOptions } from './webhook.ts';

/**
 * A webhook of a Discord channel (https://docs.discord.com/developers/resources/webhook#execute-webhook). Nobody is ever mentioned, no text
 * acts as markup, and lengths stay below Discord's.
 */
export function discordChannel(config: DiscordChannelConfig, options: ChannelOptions): NotificationChannel {
  const url = new URL(config.url);
  // It answers when the message is there, and not before.
  url.searchParams.set('wait', 'true');
  return {
    name: config.name,
    kind: config.kind,
    target: url.host,
    deliver: async (notification) => {
      const { ca, timeoutMs, clock } = options;
      const body = JSON.stringify(discordBody(notification));
      const headers = { 'content-type': 'application/json' };
      return (await post({ url, headers, body, ca, timeoutMs, nowMs: clock.wallMs() })).delivery;
    },
  };
}

function discordBody(notification: Notification): object {
  const { items, node, timeMs } = notification;
  const shown = items.slice(0, EMBEDS_MAX);
  const hidden = items.length - shown.length;
  return {
    content: cut(escapeMarkdown(headline(notification)), CONTENT_LENGTH_MAX),
    allowed_mentions: { parse: [] },
    embeds: shown.map((item, index) => {
      const isLast = index === shown.length - 1;
      const more = isLast ? trailer({ ...notification, omitted: notification.omitted + hidden }) : '';
      const lines = [item.summary, ...factLines(item), ...(more === '' ? [] : [more])];
      return {
        title: cut(escapeMarkdown(itemTitle(item)), TITLE_LENGTH_MAX),
        description: cut(lines.map(escapeMarkdown).join('\n'), DESCRIPTION_LENGTH_MAX),
        color: item.status === 'resolved' ? GREEN : COLOURS[item.severity],
        timestamp: new Date(timeMs).toISOString(),
        footer: { text: cut(node, FOOTER_LENGTH_MAX) },
      };
    }),
  };
}

/** Every character that Discord's Markdown knows, and `@` and `<`, which begin mentions, emoji and links. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\*_~`|>#<@[\]():+.!-]/g, (character) => `\\${character}`);
}

/** Discord takes 2,000 characters of content, ten embeds, 256 of a title, and 6,000 in all embeds together. */
const CONTENT_LENGTH_MAX = 500;
const EMBEDS_MAX = 8;
const TITLE_LENGTH_MAX = 150;
const DESCRIPTION_LENGTH_MAX = 500;
const FOOTER_LENGTH_MAX = 64;

const GREEN = 0x2e_7d_32;
const COLOURS: Readonly<Record<NoticeSeverity, number>> = {
  info: 0x15_65_c0,
  warning: 0xf9_a8_25,
  critical: 0xc6_28_28,
};
