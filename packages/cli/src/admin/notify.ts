import type { NotificationsAnswer, NotificationTestAnswer } from '@sallyport/control/contract';
import { EXIT } from '../io.ts';
import { type AdminCommand, finish, UsageError } from './command.ts';
import { formatTime, printable, table } from './print.ts';

/** `sallyport notify`. */
export const NOTIFY: AdminCommand = {
  usage: `Usage: sallyport notify list
       sallyport notify test CHANNEL

Lists who is told, what lasts, what waits to be delivered and what was given up; or sends a message to one channel now and says
whether its receiver has taken it (exit code 1: it has not).

`,
  run: async (call) => {
    const [verb = '', channel, ...rest] = call.words;
    if (verb === 'list' && channel === undefined) {
      return finish(call, await call.client.call('getNotifications', {}), showNotifications);
    }
    if (verb === 'test' && channel !== undefined && rest.length === 0) {
      const outcome = await call.client.call('testNotification', { body: { channel } });
      const code = finish(call, outcome, showTest);
      return outcome.kind === 'answer' && outcome.answer.failure !== null ? EXIT.failed : code;
    }
    throw new UsageError(verb === 'test' ? 'notify test needs one CHANNEL' : 'notify needs list or test');
  },
};

function showTest({ channel, failure }: NotificationTestAnswer): string {
  return `${printable(failure === null ? `${channel}: taken` : `${channel}: NOT taken, ${failure}`)}\n`;
}

function showNotifications({ channels, open, dead }: NotificationsAnswer): string {
  const ways = channels.map(({ name, kind, target, waiting, oldestMs, failure }) => [
    name,
    kind,
    target,
    String(waiting),
    oldestMs === null ? '-' : formatTime(oldestMs),
    failure ?? '-',
  ]);
  const states = open.map(({ kind, subject, severity, sinceMs, summary }) => [
    kind,
    subject,
    severity,
    formatTime(sinceMs),
    summary,
  ]);
  const given = dead.map(({ channel, failure, enqueuedMs, id }) => [channel, failure, formatTime(enqueuedMs), id]);
  return [
    table(['CHANNEL', 'KIND', 'TARGET', 'WAITING', 'SINCE', 'FAILURE'], ways),
    table(['OPEN', 'SUBJECT', 'SEVERITY', 'SINCE', 'SUMMARY'], states),
    table(['GIVEN UP', 'FAILURE', 'SINCE', 'ID'], given),
  ].join('\n');
}
