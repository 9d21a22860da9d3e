import type { Notification, NotificationItem } from '@sallyport/kernel';

/** `[FIRING:2] sallyport on gate-1`, in the words of Alertmanager. */
export function headline({ occasion, items, node }: Notification): string {
  if (occasion === 'test') return `[TEST] sallyport on ${node}`;
  const firing = items.filter(({ status }) => status === 'firing').length;
  const resolved = items.length - firing;
  const what = [...(firing > 0 ? [`FIRING:${firing}`] : []), ...(resolved > 0 ? [`RESOLVED:${resolved}`] : [])];
  return `[${what.join(', ')}] sallyport on ${node}${OCCASIONS[occasion]}`;
}

/** `CRITICAL service-down: game`. */
export function itemTitle({ kind, subject, status, severity }: NotificationItem): string {
  return `${status === 'resolved' ? 'RESOLVED' : severity.toUpperCase()} ${kind}: ${subject}`;
}

/** Facts one on a line, and since when. */
export function factLines({ facts, sinceMs, isFlapping }: NotificationItem): readonly string[] {
  const lines = Object.entries(facts).map(([name, value]) => `${name}: ${value}`);
  const flapping = isFlapping ? ['it comes and goes: its end is told when it has calmed down'] : [];
  return [...lines, `since ${formatUtc(sinceMs)}`, ...flapping];
}

/** What is not in the message; '' when all is. */
export function trailer({ omitted, missed }: Notification): string {
  const more = omitted > 0 ? [`${omitted} more`] : [];
  const gone = missed > 0 ? [`${missed} that began and ended while this channel had reached its limit`] : [];
  const parts = [...more, ...gone];
  return parts.length === 0 ? '' : `and ${parts.join(', and ')}`;
}

/** At most so many UTF-16 units, whole characters. */
export function cut(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return `${text.slice(0, lengthMax - 1).replace(/[\uD800-\uDBFF\\]+$/, '')}…`;
}

function formatUtc(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

const OCCASIONS = {
  change: '',
  repeat: ' (still)',
  held: ' (late: the limit of this channel was reached)',
} as const;
