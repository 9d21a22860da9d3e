import { userInfo } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { AdminClient, loadAdminConfig, type Outcome } from '@sallyport/control';
import { type CommandIo, EXIT } from '../io.ts';
import { printable, printableJson } from './print.ts';

/** A command that asks a running gateway. */
export interface AdminCommand {
  /** From `Usage:` to its options; what all of these commands take is added. */
  readonly usage: string;
  readonly options?: NonNullable<ParseArgsConfig['options']>;
  readonly run: (call: AdminCall) => Promise<number>;
}

/** What a command is given. */
export interface AdminCall {
  readonly client: AdminClient;
  readonly io: CommandIo;
  readonly words: readonly string[];
  readonly isJson: boolean;
  /** The text of an option; undefined when it is not there. */
  option(name: string): string | undefined;
  flag(name: string): boolean;
}

/** The command line is wrong in a way that parsing does not see. */
export class UsageError extends Error {}

/**
 * Runs a command: finds the socket, and says in one sentence what is wrong with the command line or the way to the gateway.
 * Returns the exit code.
 */
export async function runAdminCommand(command: AdminCommand, args: readonly string[], io: CommandIo): Promise<number> {
  const parsed = parse(command, args);
  if (typeof parsed === 'string') return refuseUsage(command, parsed, io);
  const { values, positionals } = parsed;
  if (values['help'] === true) {
    io.stdout(usageOf(command));
    return EXIT.ok;
  }
  const option = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const socket = socketOf({ config: option('config'), socket: option('socket') }, io);
  if ('problem' in socket) {
    io.stderr(`${printable(socket.problem)}\n`);
    return EXIT.config;
  }
  const client = new AdminClient({ socket: socket.path, author: authorOf(io) });
  const flag = (name: string): boolean => values[name] === true;
  try {
    return await command.run({ client, io, words: positionals, isJson: flag('json'), option, flag });
  } catch (error) {
    if (error instanceof UsageError) return refuseUsage(command, error.message, io);
    throw error;
  }
}

/** Prints an answer, as JSON or for people, or why there is none. Returns the exit code. */
export function finish<T>(call: AdminCall, outcome: Outcome<T>, show: (answer: T) => string): number {
  switch (outcome.kind) {
    case 'answer':
      call.io.stdout(call.isJson ? printableJson(outcome.answer) : show(outcome.answer));
      return EXIT.ok;
    case 'problem': {
      const { code, detail, problems = [] } = outcome.problem;
      if (call.isJson) call.io.stdout(printableJson(outcome.problem));
      else {
        for (const { text } of problems) call.io.stderr(`${printable(text)}\n`);
        call.io.stderr(`${printable(detail)}\n`);
      }
      return code === 'CONFIG_REFUSED' ? EXIT.config : EXIT.failed;
    }
    case 'unreachable':
      call.io.stderr(`${printable(outcome.detail)}\n`);
      return outcome.why === 'forbidden' ? EXIT.noPermission : EXIT.unavailable;
  }
}

const COMMON = `
  -c, --config FILE   the configuration that names the socket (default: sallyport.yaml)
      --socket PATH   the socket itself
      --json          print JSON
  -h, --help          print this

Exit code: 0 done, 1 not done, 64 wrong command line, 69 the gateway does not run, 77 the socket belongs to somebody else,
78 wrong configuration.
`;

const COMMON_OPTIONS = {
  config: { type: 'string', short: 'c' },
  socket: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsConfig['options'];

type Parsed = Pick<ReturnType<typeof parseArgs>, 'values' | 'positionals'>;

/** A text says what is wrong with the command line. */
function parse(command: AdminCommand, args: readonly string[]): Parsed | string {
  try {
    return parseArgs({
      args: [...args],
      options: { ...command.options, ...COMMON_OPTIONS },
      allowPositionals: true,
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function refuseUsage(command: AdminCommand, problem: string, io: CommandIo): number {
  io.stderr(`${printable(problem)}\n\n${usageOf(command)}`);
  return EXIT.usage;
}

function usageOf({ usage }: AdminCommand): string {
  return `${usage}${usage.endsWith('\n\n') ? COMMON.slice(1) : COMMON}`;
}

function socketOf(
  { config, socket }: { readonly config: string | undefined; readonly socket: string | undefined },
  io: CommandIo,
): { readonly path: string } | { readonly problem: string } {
  if (socket !== undefined) return { path: isAbsolute(socket) ? socket : join(io.cwd, socket) };
  const file = config ?? 'sallyport.yaml';
  const path = isAbsolute(file) ? file : join(io.cwd, file);
  const loaded = loadAdminConfig({ path, environment: io.environment });
  if (!loaded.ok) return { problem: `${loaded.problem.replace(path, file)}; or name the socket with --socket` };
  if (loaded.config?.socket !== undefined) return { path: loaded.config.socket };
  return { problem: `${file} names no admin.socket, over which a gateway could be asked` };
}

/** Root is nobody in particular: what counts is who became root. */
function authorOf({ environment }: CommandIo): string {
  const sudo = environment['SUDO_USER'];
  if (sudo !== undefined && sudo !== '') return sudo;
  try {
    return userInfo().username;
  } catch {
    // A user without a name, as in containers.
    return '';
  }
}
