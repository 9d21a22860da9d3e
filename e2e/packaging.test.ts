/** What is published: installed from tarballs into an empty project, as somebody else would have it. */
import { strict as assert } from 'node:assert';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { GatewayProcess } from './harness/gateway.ts';
import { httpRequest } from './harness/http-client.ts';
import { type Finished, run, temporaryFolder } from './harness/program.ts';
import { type Scope, SuiteScope } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Packing compiles every package, and npm writes them all. */
const BUILD_MS = 200_000;

const scope = new SuiteScope();
after(scope.end);
const project = temporaryFolder(scope);
const packed = temporaryFolder(scope);
let tarballs: readonly string[] = [];

before(async () => {
  const pack = await inProject(scope, process.execPath, join(ROOT, 'tools/pack.ts'), packed);
  assert.equal(pack.code, 0, pack.stderr);
  tarballs = pack.stdout.trim().split('\n');
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'somebody', private: true, type: 'module' }));
  const flags = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const install = await inProject(scope, 'npm', 'install', ...flags, ...tarballs);
  assert.equal(install.code, 0, install.stderr);
});

void test('every package has a tarball with JavaScript, declarations and its licence, and nothing of the workspace', () => {
  assert.ok(tarballs.length >= 9, tarballs.join());
  const folders = [...globSync('node_modules/@sallyport/*', { cwd: project }), 'node_modules/sallyport'];
  assert.equal(folders.length, tarballs.length);
  for (const folder of folders) {
    const files = globSync('**/*', { cwd: join(project, folder), exclude: ['node_modules/**'] });
    assert.ok(files.includes('LICENSE') && files.some((file) => file.endsWith('.d.ts')), folder);
    assert.deepEqual(
      files.filter((file) => /(?<!\.d)\.ts$|\.test\.|tsconfig/.test(file)),
      [],
      folder,
    );
    const manifest = readFileSync(join(project, folder, 'package.json'), 'utf8');
    assert.doesNotMatch(manifest, /\.ts"(?<!\.d\.ts")|workspace:|file:|devDependencies/);
    for (const file of files.filter((name) => /\.(?:js|d\.ts)$/.test(name))) {
      const text = readFileSync(join(project, folder, file), 'utf8');
      assert.doesNotMatch(text, /\b(?:from|import)\b[\s(]*['"][^'"\n]+(?<!\.d)\.ts['"]/, `${folder}/${file}`);
    }
  }
});

void test('the rules that come with the package come with the package', async (t) => {
  writeFileSync(
    join(project, 'rules.js'),
    `import { selfTest, starterPack } from '@sallyport/waf';
const { rules, files } = starterPack();
const clock = { wallMs: () => 0, monotonicMs: () => 0 };
const { exampleCount, failures } = selfTest({ rules, files, clock });
console.log(exampleCount > 100, JSON.stringify(failures));
`,
  );
  const { code, stdout, stderr } = await inProject(t, process.execPath, 'rules.js');
  assert.deepEqual([code, stdout], [0, 'true []\n'], stderr);
});

void test('the command is a few files that need Node.js and one another, and name whose code they hold', () => {
  const folder = join(project, 'node_modules/sallyport');
  assert.match(readFileSync(join(folder, 'bin/sallyport.cjs'), 'utf8'), /require\('\.\.\/bundle\/main\.cjs'\)/);
  const files = globSync('bundle/*.cjs', { cwd: folder });
  for (const thread of ['main', 'worker-main', 'compile-main', 'store-main', 'event-questions-main'])
    assert.ok(files.includes(`bundle/${thread}.cjs`), thread);
  for (const file of files) {
    const text = readFileSync(join(folder, file), 'utf8');
    const required = [...text.matchAll(/(?:^|\{ )(?:const|let) \S+ = require\("([^"\n]+)"\);$/gm)].map(
      ([, from = '']) => from,
    );
    for (const from of required)
      assert.ok(isBuiltin(from) || files.includes(join('bundle', from)), `${file} requires ${from}`);
  }
  const notices = readFileSync(join(folder, 'bundle/THIRD-PARTY-NOTICES.txt'), 'utf8');
  for (const name of ['jose', 'pino', 'yaml', 'zod'])
    assert.match(notices, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\((?:MIT|ISC)\\)\\n\\n.*Copyright`, 'ms'));
});

void test('npx sallyport says its version', async (t) => {
  const { code, stdout, stderr } = await inProject(t, 'npx', '--no', 'sallyport', 'version');
  assert.deepEqual([code, stderr.replaceAll(/^npm .*\n/gm, '')], [0, '']);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

void test('sallyport check judges a good and a bad configuration', async (t) => {
  const good = configuration('http://127.0.0.1:3000');
  for (const [text, code, said] of [
    [good, 0, /good/],
    [good.replace('profile: game', 'profile: gaem'), 78, /routes\[0\]\.profile.*did you mean "game"\?/],
  ] as const) {
    writeFileSync(join(project, 'checked.yaml'), text);
    const checked = await inProject(t, 'npx', '--no', 'sallyport', 'check', '-c', 'checked.yaml');
    assert.equal(checked.code, code, checked.stderr);
    assert.match(checked.stdout + checked.stderr, said);
  }
});

void test('sallyport run passes a request on and refuses another', async (t) => {
  const upstream = await startUpstream(t);
  const script = join(project, 'node_modules/.bin/sallyport');
  const gateway = await GatewayProcess.start(t, { script, yaml: configuration(upstream.url) });
  assert.equal((await httpRequest(gateway.url('/'))).text, 'ok');
  assert.equal((await httpRequest(gateway.url('/'), { headers: { x_forwarded_for: '127.0.0.1' } })).status, 400);
  assert.equal((await gateway.stop()).code, 0);
});

void test('the demo finds its page', async (t) => {
  const module = `import { createArena } from '@sallyport/arena';
const arena = createArena({ port: 0 });
const { port } = await arena.listen();
console.log((await (await fetch(\`http://127.0.0.1:\${port}/\`)).text()).includes('<title>Arena</title>'));
await arena.close();`;
  writeFileSync(join(project, 'arena.js'), module);
  assert.equal((await inProject(t, process.execPath, 'arena.js')).stdout, 'true\n');
});

void test('a program of somebody else compiles against the declarations, and one that misuses them does not', async (t) => {
  const program = `import { regex } from '@sallyport/regex';
import { IpAddress, type Reason, reason } from '@sallyport/kernel';
const why: Reason = reason('NO_ROUTE', 'test');
export const address: string | undefined = IpAddress.parse('192.0.2.1')?.text;
export const found: boolean = regex('a+b').test('aab') && why.code === 'NO_ROUTE';
`;
  const compilerOptions = {
    module: 'nodenext',
    target: 'es2025',
    strict: true,
    noEmit: true,
    types: [],
    skipLibCheck: false,
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['program.ts'] }));
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  for (const [text, isGood] of [
    [program, true],
    [program.replace("'NO_ROUTE', 'test'", "'NO_REASON'"), false],
  ] as const) {
    writeFileSync(join(project, 'program.ts'), text);
    const compiled = await inProject(t, tsc, '-p', '.');
    assert.equal(compiled.code === 0, isGood, compiled.stdout);
  }
});

function configuration(upstream: string): string {
  return `version: 1
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "${upstream}" }
routes: [{ name: game, upstream: game, profile: game }]
`;
}

/** Runs a program in the project with our own environment: npm needs its cache and its registry. */
function inProject(within: Scope, command: string, ...args: readonly string[]): Promise<Finished> {
  const own = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  const path = [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  const environment = { ...Object.fromEntries(own), PATH: path };
  return run(within, { command, arguments: args, directory: project, environment, patienceMs: BUILD_MS });
}
