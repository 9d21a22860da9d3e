import { DELIVERY_FAILURES, NOTICE_KINDS } from '@sallyport/kernel';
import { z } from 'zod';
import { NAME } from '../config/leaves.ts';
import type * as contract from './contract.ts';
import { SCHEMAS } from './schemas.ts';

const count = z.int().min(0);
const failure = z.enum(DELIVERY_FAILURES);

const channelStatus: z.ZodType<contract.ChannelStatus> = z.strictObject({
  name: z.string(),
  kind: z.enum(['webhook', 'discord', 'slack', 'email']),
  target: z.string(),
  waiting: count,
  oldestMs: count.nullable(),
  failure: failure.nullable(),
});

const openNotice: z.ZodType<contract.OpenNotice> = z.strictObject({
  kind: z.enum(NOTICE_KINDS),
  subject: z.string(),
  severity: z.enum(['info', 'warning', 'critical']),
  summary: z.string(),
  facts: z.record(z.string(), z.string()),
  sinceMs: z.number(),
  isFlapping: z.boolean(),
});

export const notificationsAnswer: z.ZodType<contract.NotificationsAnswer> = z.strictObject({
  channels: z.array(channelStatus),
  open: z.array(openNotice),
  dead: z.array(z.strictObject({ id: z.string(), channel: z.string(), failure, enqueuedMs: count })),
});
SCHEMAS.add(notificationsAnswer, { id: 'Notifications' });

export const notificationTestOrder: z.ZodType<contract.NotificationTestOrder> = z.strictObject({
  channel: z.string().regex(NAME, 'is not a name'),
});
SCHEMAS.add(notificationTestOrder, { id: 'NotificationTestOrder' });

export const notificationTestAnswer: z.ZodType<contract.NotificationTestAnswer> = z.strictObject({
  channel: z.string(),
  failure: failure.nullable(),
});
SCHEMAS.add(notificationTestAnswer, { id: 'NotificationTest' });
