/** The demo refuses the classic attacks, with its own rules and with those of a folder. */
import { strict as assert } from 'node:assert';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { SALLYPORT } from './harness/gateway.ts';
import { freePort } from './harness/ports.ts';
import { Program, run } from './harness/program.ts';

const CRS = `${process.env['SALLYPORT_DATA'] ?? fileURLToPath(new URL('../.data', import.meta.url))}/crs-4.29`;

/** What follows `curl -s -o /dev/null -w '%{http_code}' URL` in a shell. */
const ATTACKS: readonly (readonly [string, string])[] = [
  ['SQL injection', '/api/leaderboard?name=%27%20UNION%20SELECT%20password%20FROM%20users--%20-'],
  ['cross-site scripting', '/api/leaderboard?name=%3Cscript%3Ealert(document.cookie)%3C/script%3E'],
  ['path traversal', '/api/leaderboard?file=../../../../etc/passwd'],
  ['command injection', '/api/leaderboard?host=127.0.0.1;cat%20/etc/passwd'],
];

for (const [name, options] of [
  ['its own rules', []],
  ['the OWASP CRS from a folder', ['--rules', CRS]],
] as const) {
  void test(`the demo refuses the classic attacks with ${name}, and goes on playing (R3.5)`, async (t) => {
    const port = await freePort();
    const demo = Program.start(t, {
      command: process.execPath,
      arguments: [SALLYPORT, 'demo', '--port', String(port), '--operations-port', '0', ...options],
    });
    await demo.until('its welcome', () => demo.lines.find((line) => line.includes('Ctrl-C ends')));
    t.after(() => rmSync(/Every request: (\S+)/.exec(demo.stdout)?.[1] ?? '', { force: true }));
    const status = async (path: string): Promise<string> => {
      const url = `http://127.0.0.1:${port}${path}`;
      const { stdout } = await run(t, {
        command: 'curl',
        arguments: ['-s', '-o', '/dev/null', '-w', '%{http_code}', '--path-as-is', '--globoff', url],
      });
      return stdout;
    };
    for (const [attack, path] of ATTACKS) assert.equal(await status(path), '403', attack);
    assert.equal(await status('/api/leaderboard'), '200');
    assert.equal(await status('/'), '200');
  });
}
