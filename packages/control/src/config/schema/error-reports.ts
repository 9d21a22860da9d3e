import { z } from 'zod';
import { isLocal } from '../addresses.ts';
import type { ParseContext } from '../context.ts';
import { addIssue, section } from '../leaf.ts';
import { givenSecret, text } from '../leaves.ts';

/** Where errors of the gateway itself are reported. */
export interface ErrorReportsConfig {
  /** Where envelopes are posted. */
  readonly endpoint: string;
  /** Says to the receiver which project may write. Whoever has it can write there. */
  readonly key: string;
  /** Undefined: the mode. */
  readonly environment: string | undefined;
}

/** `errorReports`. Undefined: nobody is told. */
export function errorReports(context: ParseContext): z.ZodType<ErrorReportsConfig | undefined> {
  return section(
    'Errors that nobody foresaw and lost workers are reported to a server that understands Sentry envelopes, without what clients wrote.',
    {
      dsn: givenSecret('The DSN of the project: https, or http to this machine.', context, {
        allowed: '${env:NAME} or ${file:PATH} with https://KEY@HOST/PROJECT',
        judge: (value) => {
          const parsed = parseDsn(value);
          return typeof parsed === 'string' ? parsed : undefined;
        },
      }),
      environment: text('Name of the environment in the reports. Default: the mode.', {
        pattern: /^[A-Za-z0-9._-]{1,64}$/,
        allowed: 'at most 64 letters, digits, dots, underscores and hyphens',
        problem: 'is not a name of an environment',
      }).optional(),
    },
  )
    .transform((raw, issues): ErrorReportsConfig => {
      const parsed = parseDsn(raw.dsn);
      if (typeof parsed === 'string') {
        addIssue(issues, parsed, { path: ['dsn'] });
        return z.NEVER;
      }
      return { ...parsed, environment: raw.environment };
    })
    .optional();
}

/** https://develop.sentry.dev/sdk/overview/#parsing-the-dsn. A text says what is wrong, without quoting the value. */
function parseDsn(value: string): Pick<ErrorReportsConfig, 'endpoint' | 'key'> | string {
  const url = DSN_PATTERN.test(value) ? URL.parse(value) : null;
  if (url === null) return 'refers to no DSN';
  // The old form with a second key: receivers have ignored it for years, and it would be a secret more.
  if (url.password !== '') return 'refers to a DSN with two keys; leave the second one out';
  if (url.search !== '' || url.hash !== '') return 'refers to a DSN with a query or a fragment';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (url.protocol === 'http:' && !isLocal({ kind: 'tcp', host, port: 0 })) {
    return 'refers to a DSN that is used in plaintext beyond this machine; use https';
  }
  const at = url.pathname.lastIndexOf('/');
  const [folder, project] = [url.pathname.slice(0, at), url.pathname.slice(at + 1)];
  if (!NAME_PATTERN.test(url.username) || !NAME_PATTERN.test(project))
    return 'refers to a DSN without a key or a project';
  return { endpoint: `${url.origin}${folder}/api/${project}/envelope/`, key: url.username };
}

const DSN_PATTERN = /^https?:\/\/[!-~]{1,500}$/;

/** Nothing that could end a header or begin another part of a path. */
const NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;
