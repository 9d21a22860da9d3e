import type { Notification, NotificationChannel, SlackChannelConfig } from '@sallyport/kernel';
import { post } from './post.ts';
import { cut, factLines, headline, itemTitle, trailer } from './texts.ts';
import type { ChannelOptions } from './webhook.ts';

/**
 * An incoming webhook of Slack (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). Texts stand in blocks of
 * plain text, where nothing is markup; what stands in front of them for notifications and for programs that know no blocks is escaped.
 */
export function slackChannel(config: SlackChannelConfig, options: ChannelOptions): NotificationChannel {
  const url = new URL(config.url);
  return {
    name: config.name,
    kind: config.kind,
    target: url.host,
    deliver: async (notification) => {
      const { ca, timeoutMs, clock } = options;
      const body = JSON.stringify(slackBody(notification));
      const headers = { 'content-type': 'application/json; charset=utf-8' };
      return (await post({ url, headers, body, ca, timeoutMs, nowMs: clock.wallMs() })).delivery;
    },
  };
}

function slackBody(notification: Notification): object {
  const head = headline(notification);
  const end = trailer(notification);
  const sections = notification.items.map((item) =>
    section(cut([itemTitle(item), item.summary, ...factLines(item)].join('\n'), SECTION_LENGTH_MAX)),
  );
  const first = notification.items[0];
  return {
    text: escapeMrkdwn(cut(first === undefined ? head : `${head}: ${first.summary}`, TEXT_LENGTH_MAX)),
    // No formatting, no mentions by name and no previews, whatever the text says.
    mrkdwn: false,
    link_names: false,
    unfurl_links: false,
    unfurl_media: false,
    blocks: [
      { type: 'header', text: plain(cut(head, HEADER_LENGTH_MAX)) },
      ...sections,
      ...(end === '' ? [] : [section(end)]),
    ],
  };
}

/** https://docs.slack.dev/messaging/formatting-message-text#escaping: these three, and no others, begin what Slack acts on. */
function escapeMrkdwn(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function section(text: string): object {
  return { type: 'section', text: plain(text) };
}

function plain(text: string): object {
  return { type: 'plain_text', text, emoji: false };
}

/** Slack takes 150 characters of a header, 3,000 of a section and 50 blocks. */
const HEADER_LENGTH_MAX = 150;
const SECTION_LENGTH_MAX = 2_500;
const TEXT_LENGTH_MAX = 600;
