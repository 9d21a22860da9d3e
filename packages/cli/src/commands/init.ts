import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { formatProblem, loadConfig, textFiles } from '@sallyport/control';
import type { ProfileName } from '@sallyport/kernel';
import type { InitPlan, PlannedFile } from '../init/plan.ts';
import { GITIGNORE_LINES, plannedFiles } from '../init/templates.ts';
import { type CommandIo, EXIT } from '../io.ts';

/**
 * `sallyport init`: writes a first configuration that passes `check`, with what belongs to it. Asks for what the command
 * line leaves open when there is somebody to ask.
 *
 * Returns the exit code: 0 when the files are written, 64 for a wrong command line, 73 when a file is there already or
 * cannot be written.
 */
export async function runInit(args: readonly string[], io: CommandIo): Promise<number> {
  const flags = parse(args);
  if (typeof flags === 'string') return refuse(io, `${flags}\n\n${USAGE}`, EXIT.usage);
  if (flags.help) {
    io.stdout(USAGE);
    return EXIT.ok;
  }
  const plan = await makePlan(flags, io);
  if (typeof plan === 'string') return refuse(io, `${plan}\n\n${USAGE}`, EXIT.usage);
  const files = plannedFiles(plan);
  const problems = problemsOf(files[0], plan);
  if (problems !== '') return refuse(io, `These answers make no configuration:\n${problems}`, EXIT.usage);
  try {
    await mkdir(plan.directory, { recursive: true });
    await writeAll(files, plan, flags.force);
    await addToGitignore(plan.directory);
    // The folder of the development sockets; in production the service manager makes /run/sallyport.
    if (plan.mode === 'development') await mkdir(join(plan.directory, 'run'), { recursive: true, mode: 0o750 });
  } catch (error) {
    return refuse(io, `${cannotWrite(error)}\n`, EXIT.cannotCreate);
  }
  io.stdout(summary(files, plan, io.cwd));
  return EXIT.ok;
}

const USAGE = `Usage: sallyport init [options]

Writes sallyport.yaml and what belongs to it. Asks for what is left open, if there is a terminal.

      --profile NAME     game, alerts, api or webapp (default: game)
      --domain NAME      host name that clients use, for example game.example.com
      --upstream URL     your server (default: http://127.0.0.1:3000)
      --tunnel           clients come through a Cloudflare Tunnel
      --mode MODE        development, staging or production (default: production)
      --out FOLDER       where to write (default: here)
      --force            overwrite files that are there
  -h, --help             print this
`;

const PROFILES: readonly ProfileName[] = ['game', 'alerts', 'api', 'webapp'];
const MODES: readonly InitPlan['mode'][] = ['development', 'staging', 'production'];

interface Flags {
  readonly profile?: string | undefined;
  readonly domain?: string | undefined;
  readonly upstream?: string | undefined;
  readonly tunnel?: boolean | undefined;
  readonly mode: string;
  readonly out: string;
  readonly force: boolean;
  readonly help: boolean;
}

/** A text says what is wrong with the command line. */
function parse(args: readonly string[]): Flags | string {
  try {
    return parseArgs({
      args: [...args],
      options: {
        profile: { type: 'string' },
        domain: { type: 'string' },
        upstream: { type: 'string' },
        tunnel: { type: 'boolean' },
        mode: { type: 'string', default: 'production' },
        out: { type: 'string', default: '.' },
        force: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowNegative: true,
      allowPositionals: false,
    }).values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function makePlan(flags: Flags, io: CommandIo): Promise<InitPlan | string> {
  const mode = MODES.find((name) => name === flags.mode);
  if (mode === undefined) return `--mode ${flags.mode} is none of ${MODES.join(', ')}`;
  const profileName = flags.profile ?? (await ask(io, `What do you protect (${PROFILES.join(', ')})?`, 'game'));
  const profile = PROFILES.find((name) => name === profileName);
  if (profile === undefined) return `--profile ${profileName} is none of ${PROFILES.join(', ')}`;
  const domain = flags.domain ?? (await ask(io, 'Which host name do clients use?', ''));
  if (domain === '') return '--domain is missing';
  const upstream = flags.upstream ?? (await ask(io, 'Where is your server?', 'http://127.0.0.1:3000'));
  const isTunnel =
    flags.tunnel ?? /^y/i.test(await ask(io, 'Do clients come through a Cloudflare Tunnel (yes, no)?', 'no'));
  return { profile, isTunnel, mode, domain, upstream, directory: resolve(io.cwd, flags.out) };
}

/** The answer, or `initial` for an empty one and where nobody can be asked. */
async function ask(io: CommandIo, question: string, initial: string): Promise<string> {
  if (io.readLine === undefined) return initial;
  const answer = await io.readLine(`${question}${initial === '' ? '' : ` [${initial}]`} `);
  return answer.trim() || initial;
}

/** Checks the configuration before it is written, so that what is written is always good. */
function problemsOf(file: PlannedFile, plan: InitPlan): string {
  const path = join(plan.directory, file.name);
  const result = loadConfig({ path, environment: {}, files: textFiles(new Map([[path, file.text]])) });
  if (result.ok) return '';
  return result.problems.map((problem) => `${formatProblem({ ...problem, file: file.name })}\n`).join('');
}

async function writeAll(files: readonly PlannedFile[], plan: InitPlan, isForced: boolean): Promise<void> {
  // All or nothing: a second file that is there must not leave the first one half exchanged.
  if (!isForced) for (const { name } of files) await refuseExisting(join(plan.directory, name));
  for (const { name, text } of files) {
    await writeFile(join(plan.directory, name), text, { flag: isForced ? 'w' : 'wx', mode: 0o644 });
  }
}

async function refuseExisting(path: string): Promise<void> {
  const isThere = await readFile(path).then(
    () => true,
    (error: unknown) => codeOf(error) !== 'ENOENT',
  );
  if (isThere) throw Object.assign(new Error('exists'), { code: 'EEXIST', path });
}

/** R0.12: `.env` files stay out of git. Lines that are there already are not repeated. */
async function addToGitignore(directory: string): Promise<void> {
  const path = join(directory, '.gitignore');
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  });
  const lines = text.split(/\r?\n/);
  const missing = GITIGNORE_LINES.filter((line) => !lines.includes(line));
  if (missing.length === 0) return;
  // All of them again: the exception only works after the rule it is an exception from.
  const separator = text === '' || text.endsWith('\n') ? '' : '\n';
  await writeFile(path, `${text}${separator}${GITIGNORE_LINES.join('\n')}\n`);
}

function summary(files: readonly PlannedFile[], plan: InitPlan, cwd: string): string {
  const here = relative(cwd, plan.directory) || '.';
  const lines = files.map(({ name }) => `  ${join(here, name)}`);
  const config = join(here, 'sallyport.yaml');
  const next = [`sallyport check -c ${config}`, `sallyport run -c ${config}`];
  if (plan.isTunnel)
    next.push(`put the id of your tunnel into ${join(here, 'cloudflared.yml')} and start cloudflared with it`);
  return `Written:\n${lines.join('\n')}\n\nNext:\n${next.map((step) => `  ${step}`).join('\n')}\n`;
}

function cannotWrite(error: unknown): string {
  const path = error instanceof Error && 'path' in error ? String(error.path) : 'a file';
  if (codeOf(error) === 'EEXIST') return `${path} is there already; nothing was written. Overwrite it with --force.`;
  return `${path} cannot be written (${codeOf(error)})`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
}

function refuse(io: CommandIo, text: string, code: number): number {
  io.stderr(text);
  return code;
}
