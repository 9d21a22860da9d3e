import type { ServiceHistoryAnswer, ServiceRecord, ServicesAnswer } from '@sallyport/control/contract';
import { EXIT } from '../io.ts';
import { type AdminCommand, finish, UsageError } from './command.ts';
import { formatSpan, formatTime, printable, table } from './print.ts';

/** `sallyport services`. */
export const SERVICES: AdminCommand = {
  usage: `Usage: sallyport services [NAME] [options]

Says how the services are that the gateway checks, and the certificates that it serves; with a NAME, what happened to that
service. The exit code is 1 when a service is down or a certificate has ended.
`,
  run: async (call) => {
    const [name, ...rest] = call.words;
    if (rest.length > 0) throw new UsageError(`there is no ${rest.join(' ')}`);
    const nowMs = Date.now();
    if (name === undefined) {
      const outcome = await call.client.call('listServices', {});
      const code = finish(call, outcome, (answer) => showServices(answer, nowMs));
      return outcome.kind === 'answer' && !isWell(outcome.answer) ? EXIT.failed : code;
    }
    if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) throw new UsageError(`${name} is not the name of a service`);
    const outcome = await call.client.call('getService', { id: name });
    const code = finish(call, outcome, (answer) => showHistory(answer, nowMs));
    return outcome.kind === 'answer' && outcome.answer.service.status === 'down' ? EXIT.failed : code;
  },
};

function isWell({ services, certificates }: ServicesAnswer): boolean {
  return services.every(({ status }) => status !== 'down') && certificates.every(({ stage }) => stage !== 'ended');
}

function showServices({ services, certificates }: ServicesAnswer, nowMs: number): string {
  const served = certificates.map(({ listener, names, endsMs, stage }) => [
    listener,
    formatTime(endsMs),
    stage === null ? 'good' : stage === 'ended' ? 'ended' : 'ending',
    names,
  ]);
  return [
    services.length === 0
      ? 'No services are configured.\n'
      : table(
          SERVICE_HEAD,
          services.map((service) => rowOf(service, nowMs)),
        ),
    ...(served.length === 0 ? [] : [table(['LISTENER', 'CERTIFICATE UNTIL', 'STATE', 'NAMES'], served)]),
  ].join('\n');
}

const SERVICE_HEAD = ['SERVICE', 'KIND', 'STATE', 'FOR', 'LAST CHECK', 'TOOK', '24 H', '30 D', 'CERTIFICATE', 'WHY'];

function rowOf(service: ServiceRecord, nowMs: number): readonly string[] {
  const { lastCheck, certificate, uptime } = service;
  return [
    service.name,
    service.kind,
    service.isFlapping ? `${service.status}, flapping` : service.status,
    formatSpan(nowMs - service.sinceMs),
    lastCheck === null ? '-' : `${formatSpan(nowMs - lastCheck.timeMs)} ago`,
    lastCheck === null ? '-' : `${lastCheck.durationMs.toFixed(1)}ms`,
    percent(uptime.day),
    percent(uptime.month),
    certificate === null ? '-' : certificate.stage === 'ended' ? 'ended' : formatSpan(certificate.endsMs - nowMs),
    lastCheck === null || lastCheck.code === '' ? '-' : reasonOf(lastCheck),
  ];
}

function showHistory({ service, checks, changes, days }: ServiceHistoryAnswer, nowMs: number): string {
  const changed = changes
    .slice(0, CHANGES_SHOWN)
    .map((change) => [formatTime(change.timeMs), change.from, change.to, reasonOf(change)]);
  const checked = checks
    .slice(0, CHECKS_SHOWN)
    .map((check) => [formatTime(check.timeMs), check.outcome, `${check.durationMs.toFixed(1)}ms`, reasonOf(check)]);
  const shares = days.slice(0, DAYS_SHOWN).map(({ startMs, upMs, degradedMs, downMs }) => {
    const knownMs = upMs + degradedMs + downMs;
    return [
      new Date(startMs).toISOString().slice(0, 10),
      percent(knownMs === 0 ? null : (upMs + degradedMs) / knownMs),
      formatSpan(degradedMs),
      formatSpan(downMs),
      formatSpan(knownMs),
    ];
  });
  return [
    `${printable(`${service.name}: ${service.kind} ${service.target}`)}\n`,
    table(SERVICE_HEAD, [rowOf(service, nowMs)]),
    table(['CHANGED', 'FROM', 'TO', 'WHY'], changed),
    table(['CHECKED', 'OUTCOME', 'TOOK', 'WHY'], checked),
    table(['DAY (UTC)', 'UP', 'SLOW', 'DOWN', 'KNOWN'], shares),
  ].join('\n');
}

/** Rows of each part of a history that fit on a screen; `--json` has them all. */
const CHANGES_SHOWN = 10;
const CHECKS_SHOWN = 10;
const DAYS_SHOWN = 7;

function reasonOf({ code, detail }: { readonly code: string; readonly detail: string }): string {
  return [code, detail].filter((part) => part !== '').join(': ') || '-';
}

/** Never rounded up to what it is not. */
function percent(share: number | null): string {
  if (share === null) return '-';
  return share === 1 ? '100%' : `${(Math.floor(share * 10_000) / 100).toFixed(2)}%`;
}
