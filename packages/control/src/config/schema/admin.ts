import { dirname } from 'node:path';
import { z } from 'zod';
import { TEMPORARY_NAME_BYTES } from '../../bind-socket.ts';
import { type BindAddress, bindAddress, isLocal, SOCKET_PATH_BYTES_MAX } from '../addresses.ts';
import type { ParseContext } from '../context.ts';
import { addIssue, booleanLeaf, section } from '../leaf.ts';
import { duration, filePath } from '../leaves.ts';

/** Where the admin API is served, and how long sessions last. */
export interface AdminConfig {
  /** Path of a socket file that only the gateway's own user may open; undefined: none. */
  readonly socket: string | undefined;
  /** A port of this machine; undefined: none. */
  readonly address: Extract<BindAddress, { kind: 'tcp' }> | undefined;
  readonly sessionIdleMs: number;
  readonly sessionLifeMs: number;
}

/** `false` in the file turns it off, which is also the default. */
export function admin(context: ParseContext): z.ZodType<AdminConfig | undefined> {
  const off = booleanLeaf('`false`: no admin API.').transform((isOn, issues): undefined => {
    if (isOn) addIssue(issues, 'is true', { allowed: 'false, or a section with a socket', value: 'true' });
    return undefined;
  });
  return z.union([off, on(context)]).prefault(false);
}

function on(context: ParseContext): z.ZodType<AdminConfig> {
  return section('The API behind `sallyport status`, `reload` and the like. It never leaves this machine.', {
    socket: filePath(
      'Path of the socket file for the command line. Whoever may open it is the operator: mode 0600, the gateway’s own user.',
      context,
    ).optional(),
    address: bindAddress(
      'A loopback address with a port, for browsers; sessions begin with a link from `sallyport admin link`.',
      context.directory,
    ).optional(),
    sessionIdle: duration('A session ends when it is not used for so long.', { min: '1m', max: '1d' }).prefault('30m'),
    sessionLifetime: duration('A session ends after so long however much it is used.', {
      min: '1m',
      max: '7d',
    }).prefault('12h'),
  }).transform((raw, issues): AdminConfig => {
    const { socket, address, sessionIdle, sessionLifetime } = raw;
    if (socket === undefined && address === undefined) {
      addIssue(issues, 'has neither a socket nor an address', { allowed: 'socket, address, or both' });
    }
    if (socket !== undefined) judgeSocket(socket, (problem) => addIssue(issues, problem, { path: ['socket'] }));
    if (sessionIdle > sessionLifetime) {
      addIssue(issues, 'is longer than sessionLifetime', { path: ['sessionIdle'], allowed: 'at most sessionLifetime' });
    }
    const port = portOf(address, (problem) => addIssue(issues, problem, { path: ['address'], allowed: LOOPBACK_ONLY }));
    if (port !== undefined && socket === undefined && context.isWarning) {
      const problem = 'has no socket beside it: links are made over the socket, or shown once on a terminal';
      addIssue(issues, problem, { path: ['address'], kind: 'warning' });
    }
    return { socket, address: port, sessionIdleMs: sessionIdle, sessionLifeMs: sessionLifetime };
  });
}

const LOOPBACK_ONLY = 'an address of this machine such as 127.0.0.1:8082 or [::1]:8082';

function judgeSocket(path: string, report: (problem: string) => void): void {
  const bytes = Math.max(Buffer.byteLength(path), Buffer.byteLength(dirname(path)) + TEMPORARY_NAME_BYTES);
  if (path.endsWith('/')) report('has no path to a socket file');
  else if (bytes > SOCKET_PATH_BYTES_MAX) {
    report(
      `is longer than the ${SOCKET_PATH_BYTES_MAX} bytes a socket path may have (its folder with ${TEMPORARY_NAME_BYTES} more)`,
    );
  }
}

/** R2.2, R2.25: what can change everything is never reachable from another machine, whatever the file says. */
function portOf(address: BindAddress | undefined, report: (problem: string) => void): AdminConfig['address'] {
  if (address === undefined) return undefined;
  if (address.kind === 'unix') {
    report('is a socket file; that is what the key socket is for');
    return undefined;
  }
  if (!isLocal(address)) report('is beyond this machine, where the admin API never goes');
  return address;
}
