import { request } from 'node:http';
import { parseArgs } from 'node:util';
import { type CommandIo, EXIT } from '../io.ts';

/**
 * `sallyport health`: asks a running gateway how it is, for container health checks and scripts. It needs no shell, no curl
 * and no configuration, whose secrets it would have to read.
 *
 * Returns the exit code: 0 when the answer is good, 1 when it is not or does not come, 64 for a wrong command line.
 */
export async function runHealth(args: readonly string[], io: CommandIo): Promise<number> {
  const options = parse(args);
  if (typeof options === 'string') {
    io.stderr(`${options}\n\n${USAGE}`);
    return EXIT.usage;
  }
  if (options.help) {
    io.stdout(USAGE);
    return EXIT.ok;
  }
  try {
    const { status, text } = await ask(options);
    const isGood = status === 200;
    (isGood ? io.stdout : io.stderr)(`${printable(text) || `status ${status}`}\n`);
    return isGood ? EXIT.ok : EXIT_UNHEALTHY;
  } catch (error) {
    io.stderr(`${options.where} does not answer: ${why(error)}\n`);
    return EXIT_UNHEALTHY;
  }
}

const USAGE = `Usage: sallyport health [options]

Asks a running gateway whether it can be sent traffic (/readyz).

      --address ADDRESS  its operations listener, HOST:PORT or unix:PATH (default: 127.0.0.1:9090)
      --live             ask only whether it runs (/livez): an upstream that is down, or a drain, is no reason to restart it
      --timeout SECONDS  1 to 60 (default: 3)
  -h, --help             print this

Exit code: 0 good, 1 not good or no answer, 64 wrong command line.
`;

const EXIT_UNHEALTHY = 1;

interface HealthOptions {
  /** As it was written. */
  readonly where: string;
  readonly target: { readonly socketPath: string } | { readonly host: string; readonly port: number };
  readonly path: '/livez' | '/readyz';
  readonly timeoutMs: number;
  readonly help: boolean;
}

/** A text says what is wrong with the command line. */
function parse(args: readonly string[]): HealthOptions | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        address: { type: 'string', default: '127.0.0.1:9090' },
        live: { type: 'boolean', default: false },
        timeout: { type: 'string', default: '3' },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowPositionals: false,
    });
    const target = parseTarget(values.address);
    if (target === undefined) return `--address ${values.address} is neither HOST:PORT nor unix:PATH`;
    const seconds = /^[0-9]{1,2}$/.test(values.timeout) ? Number(values.timeout) : 0;
    if (seconds < 1 || seconds > TIMEOUT_SECONDS_MAX) return `--timeout ${values.timeout} is not a number from 1 to 60`;
    const path = values.live ? '/livez' : '/readyz';
    return { where: values.address, target, path, timeoutMs: seconds * 1_000, help: values.help };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Whoever checks health wants an answer before the next check. */
const TIMEOUT_SECONDS_MAX = 60;

function parseTarget(text: string): HealthOptions['target'] | undefined {
  if (text.startsWith('unix:')) return text.length > 'unix:'.length ? { socketPath: text.slice(5) } : undefined;
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port };
}

function ask({ target, path, timeoutMs }: HealthOptions): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const headers = 'host' in target ? {} : { host: 'localhost' };
    const asked = request({ ...target, path, signal, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > ANSWER_BYTES_MAX) asked.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
    });
    asked.on('error', (error) => reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error));
    asked.end();
  });
}

/** The reasons of /readyz take less; whatever else listens there must not fill our memory. */
const ANSWER_BYTES_MAX = 8_192;

/** What came from the network must not move a terminal's cursor. */
function printable(text: string): string {
  return text.trim().replaceAll(/[^\n -~]/g, '?');
}

function why(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code: unknown = Reflect.get(error, 'code');
  return error.message === '' && typeof code === 'string' ? code : error.message;
}
