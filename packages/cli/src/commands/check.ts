import { isAbsolute, join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeConfig, formatProblem, loadConfig, type Problem } from '@sallyport/control';
import { type CommandIo, EXIT } from '../io.ts';

/**
 * `sallyport check`: reads a configuration and everything it refers to, and says all that is wrong with it. Starts nothing.
 *
 * Returns the exit code: 0 when it is good (warnings allowed), 78 when it is not, 64 for a wrong command line.
 */
export async function runCheck(args: readonly string[], io: CommandIo): Promise<number> {
  const options = parse(args);
  if (typeof options === 'string') {
    io.stderr(`${options}\n\n${USAGE}`);
    return EXIT.usage;
  }
  if (options.help) {
    io.stdout(USAGE);
    return EXIT.ok;
  }
  const path = isAbsolute(options.config) ? options.config : join(io.cwd, options.config);
  const result = loadConfig({ path, environment: io.environment });
  const problems = (result.ok ? result.warnings : result.problems).map((problem) =>
    problem.file === path ? { ...problem, file: options.config } : problem,
  );
  if (options.json) io.stdout(`${JSON.stringify({ ok: result.ok, problems }, undefined, 2)}\n`);
  else for (const problem of problems) io.stderr(`${formatProblem(problem)}\n`);
  if (!result.ok) {
    if (!options.json) io.stderr(`${options.config}: ${count(problems)}\n`);
    return EXIT.config;
  }
  if (options.print) io.stdout(describeConfig(result.config));
  else if (!options.json) io.stdout(`${options.config}: good${problems.length === 0 ? '' : `, ${count(problems)}`}\n`);
  return EXIT.ok;
}

const USAGE = `Usage: sallyport check [options]

Says everything that is wrong with a configuration, and starts nothing.

  -c, --config FILE   the configuration (default: sallyport.yaml)
      --print         print what holds, with all defaults and without secrets
      --json          print the problems as JSON
  -h, --help          print this

Exit code: 0 good, 64 wrong command line, 78 wrong configuration.
`;

interface CheckOptions {
  readonly config: string;
  readonly print: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

/** A text says what is wrong with the command line. */
function parse(args: readonly string[]): CheckOptions | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string', short: 'c', default: 'sallyport.yaml' },
        print: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowPositionals: false,
    });
    if (values.print && values.json) return '--print and --json exclude each other';
    return values;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function count(problems: readonly Problem[]): string {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  const warnings = problems.length - errors;
  const parts = [plural(errors, 'error'), plural(warnings, 'warning')].filter((part) => part !== '');
  return parts.join(', ');
}

function plural(number: number, noun: string): string {
  if (number === 0) return '';
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
