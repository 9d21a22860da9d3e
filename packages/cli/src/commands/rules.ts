import { isAbsolute, join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  createWaf,
  describeRules,
  type RulePack,
  type RulePackResult,
  readPack,
  selfTest,
  starterPack,
} from '@sallyport/waf';
import { type CommandIo, EXIT } from '../io.ts';
import { installCrs, packProblem } from '../rules/install.ts';
import { CRS, fetchOverNetwork, isTrustworthy, isVersion } from '../rules/release.ts';
import { RuleStore } from '../rules/store.ts';

/**
 * `sallyport rules`: installs, lists, proves and tests sets of rules.
 *
 * Returns the exit code: 0 done, 1 failed, 64 for a wrong command line.
 */
export async function runRules(args: readonly string[], io: CommandIo): Promise<number> {
  const options = parse(args, io.cwd);
  if (typeof options === 'string') {
    io.stderr(`${options}\n\n${USAGE}`);
    return EXIT.usage;
  }
  const { positionals } = options;
  const [verb, name, version] = positionals;
  if (options.help) {
    io.stdout(USAGE);
    return EXIT.ok;
  }
  if (verb === 'install' || verb === 'use') {
    if (positionals.length !== 3 || name !== 'crs' || version === undefined || !isVersion(version)) {
      io.stderr(`sallyport rules ${verb} takes crs and a version such as 4.29.0\n\n${USAGE}`);
      return EXIT.usage;
    }
    return verb === 'install' ? install(version, options, io) : use(version, options, io);
  }
  if (verb === 'test' && positionals.length <= 2) return test(name, io);
  if (verb === 'show' && positionals.length <= 2) return show(name, options, io);
  if (verb === 'list' && positionals.length === 1) return list(options, io);
  if (verb === 'verify' && positionals.length === 1) return verify(options, io);
  io.stderr(USAGE);
  return EXIT.usage;
}

const USAGE = `Usage: sallyport rules COMMAND [options]

  install crs VERSION   fetch a release of the OWASP CRS, prove it, and put it in use
  use crs VERSION       put a version in use that is installed already
  list                  what is installed
  verify                whether it is still as it was installed, and runs
  show [FOLDER]         what each rule is and does (--json: with patterns and examples)
  test [FOLDER]         run the examples that stand in rules (default: the built-in starter pack)

      --json              print what show says as JSON
      --into FOLDER       where rules are installed (default: rules)
      --sha256 DIGEST     the archive has to have this SHA-256, instead of a signature
      --base-url URL      a mirror of the project
      --key-url URL       where its public key is
      --fingerprint HEX   the key that has to have signed
  -h, --help              print this

Exit code: 0 done, 1 failed, 64 wrong command line.
`;

interface RulesOptions {
  readonly positionals: readonly string[];
  /** As given. */
  readonly into: string;
  readonly store: RuleStore;
  readonly sha256: string | undefined;
  readonly source: typeof CRS;
  readonly json: boolean;
  readonly help: boolean;
}

/** A text says what is wrong with the command line. */
function parse(args: readonly string[], cwd: string): RulesOptions | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        into: { type: 'string', default: 'rules' },
        sha256: { type: 'string' },
        'base-url': { type: 'string', default: CRS.baseUrl },
        'key-url': { type: 'string', default: CRS.keyUrl },
        fingerprint: { type: 'string', default: CRS.fingerprint },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowPositionals: true,
    });
    const { into, sha256, help, json } = values;
    const fingerprint = values.fingerprint.replaceAll(' ', '').toLowerCase();
    const source = { baseUrl: values['base-url'].replace(/\/+$/, ''), keyUrl: values['key-url'], fingerprint };
    if (sha256 !== undefined && !/^[0-9a-f]{64}$/i.test(sha256)) return '--sha256 has 64 hexadecimal digits';
    if (!/^[0-9a-f]{40}$/.test(fingerprint)) return '--fingerprint has 40 hexadecimal digits';
    for (const url of [source.baseUrl, source.keyUrl])
      if (!isTrustworthy(url)) return `${url} is neither https nor on this machine`;
    return { positionals, into, sha256, source, help, json, store: new RuleStore(absolute(into, cwd)) };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function install(version: string, options: RulesOptions, io: CommandIo): Promise<number> {
  const { source, sha256, store } = options;
  try {
    const result = await installCrs({ version, source, sha256, store, fetch: fetchOverNetwork });
    if (result.kind === 'problem') return failed(io, result.message);
    const proof =
      result.kind === 'installed'
        ? `${result.ruleFiles} rule files, proved by ${result.proof}`
        : 'it was installed already';
    io.stdout(`crs ${version}: ${proof}\n${inUse(version, result.before, options)}`);
    return EXIT.ok;
  } catch (cause) {
    return failed(io, `${options.into} cannot be written (${codeOf(cause)})`);
  }
}

function use(version: string, options: RulesOptions, io: CommandIo): number {
  if (!options.store.has('crs', version)) return failed(io, `crs ${version} is not installed in ${options.into}`);
  try {
    io.stdout(inUse(version, options.store.use('crs', version), options));
    return EXIT.ok;
  } catch (cause) {
    return failed(io, `${options.into} cannot be written (${codeOf(cause)})`);
  }
}

function inUse(version: string, before: string | undefined, { into }: RulesOptions): string {
  const back =
    before === undefined || before === version ? '' : `  back:           sallyport rules use crs ${before}\n`;
  return `In use: ${join(into, 'crs')} is version ${version}\n  configuration:  waf: { rules: [${join(into, 'crs')}] }\n${back}`;
}

function list({ store, into }: RulesOptions, io: CommandIo): number {
  const packs = store.list();
  if (packs.length === 0) io.stdout(`no rules are installed in ${into}; the built-in starter pack needs none\n`);
  for (const { pack, isInUse } of packs) {
    io.stdout(
      `${isInUse ? '*' : ' '} ${pack.name} ${pack.version}  ${Object.keys(pack.files).length} files, ${pack.proof}\n`,
    );
  }
  return EXIT.ok;
}

function verify({ store, into }: RulesOptions, io: CommandIo): number {
  const packs = store.list();
  if (packs.length === 0) return failed(io, `no rules are installed in ${into}`);
  let isGood = true;
  for (const { pack } of packs) {
    const { name, version } = pack;
    const unusable = packProblem(store.folderOf(name, version));
    const problems = [...store.changes(pack), ...(unusable === undefined ? [] : [unusable])];
    if (problems.length === 0) io.stdout(`${name} ${version}: as it was installed, and it runs\n`);
    for (const one of problems) io.stderr(`${name} ${version}: ${one}\n`);
    isGood &&= problems.length === 0;
  }
  return isGood ? EXIT.ok : 1;
}

function test(folder: string | undefined, io: CommandIo): number {
  const read = packAt(folder, io);
  if (read.kind === 'problem') return failed(io, read.message);
  const { rules, files, name }: RulePack = read.pack;
  const { failures, exampleCount, ruleCount } = selfTest({ rules, files });
  for (const { file, line, message } of failures) io.stderr(`${file}:${line}: ${message}\n`);
  const created = createWaf({ rules, files });
  if (created.kind === 'ready') {
    for (const { file, line, message } of created.warnings) io.stderr(`${file}:${line}: warning: ${message}\n`);
  }
  io.stdout(`${name}: ${exampleCount} examples of ${ruleCount} rules, ${failures.length} failed\n`);
  return failures.length === 0 ? EXIT.ok : 1;
}

function show(folder: string | undefined, { json }: RulesOptions, io: CommandIo): number {
  const read = packAt(folder, io);
  if (read.kind === 'problem') return failed(io, read.message);
  const rules = describeRules(read.pack.rules, read.pack.files);
  if (json) io.stdout(`${JSON.stringify(rules, undefined, 2)}\n`);
  for (const { id, isEnabled, severity = '-', type, action, version, name } of json ? [] : rules) {
    const words = [
      String(id),
      isEnabled ? 'on ' : 'off',
      severity.padEnd(8),
      (type[0] ?? '-').padEnd(22),
      action.padEnd(5),
      version || '-',
      name,
    ];
    io.stdout(`${words.join('  ').trimEnd()}\n`);
  }
  return EXIT.ok;
}

/** The starter pack when no folder is named. */
function packAt(folder: string | undefined, { cwd }: CommandIo): RulePackResult {
  return folder === undefined ? { kind: 'pack', pack: starterPack() } : readPack(absolute(folder, cwd));
}

function absolute(path: string, cwd: string): string {
  return isAbsolute(path) ? path : join(cwd, path);
}

function failed(io: CommandIo, message: string): number {
  io.stderr(`${message}\n`);
  return 1;
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown reason';
}
