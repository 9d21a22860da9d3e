import type { Outcome } from '@sallyport/control';
import type { LinkAnswer, SessionsAnswer } from '@sallyport/control/contract';
import { type AdminCall, type AdminCommand, finish, UsageError } from './command.ts';
import { formatTime, printable, table } from './print.ts';

/** `sallyport admin`. */
export const ADMIN: AdminCommand = {
  usage: `Usage: sallyport admin link [--name NAME]
       sallyport admin sessions
       sallyport admin revoke ID

Makes a link that signs one person in, once and within ten minutes; lists those who are signed in, or signs one out.

      --name NAME     link: who it is for (default: you); stands in the record of what is done

`,
  options: { name: { type: 'string' } },
  run: async (call) => {
    const [verb = '', ...rest] = call.words;
    const { client } = call;
    if (verb === 'link' && rest.length === 0) {
      const name = call.option('name');
      const body = name === undefined ? {} : { name };
      return link(call, await client.call('createLink', { body }));
    }
    if (verb === 'sessions' && rest.length === 0) {
      return finish(call, await client.call('listSessions', {}), showSessions);
    }
    const [id = ''] = rest;
    if (verb === 'revoke' && rest.length === 1 && /^[A-Za-z0-9._:-]{1,64}$/.test(id)) {
      return finish(call, await client.call('revokeSession', { id }), () => `session ${id} has ended\n`);
    }
    throw new UsageError(verb === '' ? 'admin needs link, sessions or revoke' : `there is no ${call.words.join(' ')}`);
  },
};

/** The link goes to the output alone, so that it can be piped; what people have to know of it stands beside. */
function link(call: AdminCall, outcome: Outcome<LinkAnswer>): number {
  const code = finish(call, outcome, ({ url }) => `${printable(url)}\n`);
  if (outcome.kind === 'answer' && !call.isJson) {
    const end = formatTime(outcome.answer.expiresMs);
    call.io.stderr(`Open it once, before ${end}. Whoever opens it is an administrator.\n`);
  }
  return code;
}

function showSessions({ sessions }: SessionsAnswer): string {
  const rows = sessions.map(({ id, name, as, createdMs, lastUsedMs, expiresMs }) => [
    id,
    name,
    as,
    formatTime(createdMs),
    formatTime(lastUsedMs),
    formatTime(expiresMs),
  ]);
  return table(['ID', 'NAME', 'AS', 'SINCE', 'LAST USED', 'ENDS'], rows);
}
