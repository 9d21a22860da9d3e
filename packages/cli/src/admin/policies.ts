import type { ConfigChange, PoliciesAnswer, PolicyDifferenceAnswer, PublishAnswer } from '@sallyport/control/contract';
import { type AdminCall, type AdminCommand, finish, UsageError } from './command.ts';
import { formatTime, printable, table } from './print.ts';

/** `sallyport reload`. */
export const RELOAD: AdminCommand = {
  usage: `Usage: sallyport reload [options]

Has the running gateway read its configuration again. If anything is wrong with it, that is printed and the policy in force
stays.
`,
  run: async (call) => {
    if (call.words.length > 0) throw new UsageError(`there is no ${call.words.join(' ')}`);
    return finish(call, await call.client.call('reload', {}), showPublication);
  },
};

/** `sallyport policies`. */
export const POLICIES: AdminCommand = {
  usage: `Usage: sallyport policies [list]
       sallyport policies diff FROM [TO]
       sallyport policies rollback VERSION

Lists the policies that were published and those that were refused, says what differs between two versions (TO: the one in
force), or takes an earlier one back into force.
`,
  run: async (call) => {
    const [verb = 'list', ...rest] = call.words;
    if (verb === 'list' && rest.length === 0)
      return finish(call, await call.client.call('listPolicies', {}), showPolicies);
    if (verb === 'diff' && (rest.length === 1 || rest.length === 2)) return diff(call, rest);
    if (verb === 'rollback' && rest.length === 1) {
      const body = { version: Number(versionIn(rest[0])) };
      return finish(call, await call.client.call('rollback', { body }), showPublication);
    }
    throw new UsageError(`there is no ${call.words.join(' ')}`);
  },
};

async function diff(call: AdminCall, [first, second]: readonly string[]): Promise<number> {
  const from = versionIn(first);
  if (second !== undefined) return showDifferenceOf(call, from, versionIn(second));
  const policies = await call.client.call('listPolicies', {});
  if (policies.kind !== 'answer') return finish(call, policies, showPolicies);
  return showDifferenceOf(call, from, String(policies.answer.current));
}

async function showDifferenceOf(call: AdminCall, from: string, to: string): Promise<number> {
  return finish(call, await call.client.call('diffPolicies', { query: { from, to } }), showDifference);
}

function versionIn(text: string | undefined): string {
  if (text === undefined || !/^[1-9][0-9]{0,8}$/.test(text)) throw new UsageError(`${text ?? ''} is not a version`);
  return text;
}

function showPublication({ result, version, hash, warnings }: PublishAnswer): string {
  const what = result === 'published' ? 'is in force' : 'stays: nothing has changed';
  const lines = [...warnings.map(({ text }) => text), `version ${version} (${hash.slice(0, HASH_SHOWN)}) ${what}`];
  return `${lines.map(printable).join('\n')}\n`;
}

/** Characters of a hash that tell versions apart. */
const HASH_SHOWN = 12;

function showPolicies({ current, policies }: PoliciesAnswer): string {
  const rows = policies.map(({ version, hash, timeMs, source, author, result, problems }) => [
    version === current && result === 'published' ? '*' : '',
    version === null ? '-' : String(version),
    hash.slice(0, HASH_SHOWN),
    formatTime(timeMs),
    source,
    author,
    result,
    problems[0] ?? '',
  ]);
  return table(['', 'VERSION', 'HASH', 'WHEN', 'SOURCE', 'AUTHOR', 'RESULT', 'PROBLEM'], rows);
}

function showDifference({ from, to, changes, isCut }: PolicyDifferenceAnswer): string {
  if (changes.length === 0) return `versions ${from} and ${to} are the same\n`;
  const lines = changes.map(showChange);
  if (isCut) lines.push('... and more');
  return `${lines.map(printable).join('\n')}\n`;
}

function showChange({ key, from: before, to: after }: ConfigChange): string {
  if (before === null) return `+ ${key}: ${after}`;
  if (after === null) return `- ${key}: ${before}`;
  return `~ ${key}: ${before} -> ${after}`;
}
