import { refuse } from '../problem.ts';
import { answer, type Route, route } from '../route.ts';
import { notificationsAnswer, notificationTestAnswer, notificationTestOrder } from '../schemas-notifications.ts';

/** Who is told of what, and whether it arrives. */
export const NOTIFICATION_ROUTES: readonly Route[] = [
  route({
    operation: 'getNotifications',
    method: 'GET',
    path: '/api/v1/notifications',
    access: 'session',
    summary: 'The channels without their secrets, what lasts, what waits to be delivered, and what was given up.',
    answer: notificationsAnswer,
    wants: 'order',
    problems: ['STATE_UNAVAILABLE'],
    call: async ({ plane }) => answer(await plane.notifications.overview()),
  }),
  route({
    operation: 'testNotification',
    method: 'POST',
    path: '/api/v1/notifications/test',
    access: 'session',
    summary: 'Sends a message to one channel now, past its limit, and says whether the receiver has taken it.',
    body: notificationTestOrder,
    answer: notificationTestAnswer,
    wants: 'order',
    problems: ['NOT_FOUND'],
    call: async ({ plane }, { body: { channel }, caller }) => {
      const tested = await plane.notifications.test(channel, caller.author);
      if (tested === undefined) return refuse('NOT_FOUND', 'no channel has this name');
      return answer(tested, { summary: `channel ${channel}: ${tested.failure ?? 'taken'}` });
    },
  }),
];
