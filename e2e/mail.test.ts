/** Notifications by mail, to a server that others wrote. */
import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Authority, type KeyPair } from './harness/certificates.ts';
import { GatewayProcess, SALLYPORT } from './harness/gateway.ts';
import { freePort } from './harness/ports.ts';
import { Program, run, temporaryFolder } from './harness/program.ts';

const MAIL_SERVER = join(import.meta.dirname, 'harness/mail-server.py');
const PASSWORD = 'pass wörd';

for (const security of ['starttls', 'tls'] as const) {
  void test(`a mail arrives whole over ${security}, from who has logged in`, { timeout: 120_000 }, async (t) => {
    const directory = temporaryFolder(t);
    const authority = Authority.create(directory, 'mail');
    const server = await startMailServer(t, security, authority.issue('mail-server', ['127.0.0.1']));
    await startGateway(t, { directory, ca: authority.certificate, port: server.port, security });
    const sent = await notifyTest(t, directory);
    assert.equal(sent.code, 0, sent.stderr);
    const mail: unknown = JSON.parse(await server.program.until('the mail', () => server.program.lines[1]));
    assert.partialDeepStrictEqual(mail, {
      from: 'gate@example.com',
      to: ['ops@example.com', 'boss@example.com'],
      isEncrypted: true,
      sender: 'gate@example.com',
      recipients: 'ops@example.com, boss@example.com',
      type: 'text/plain',
      defects: [],
    });
    assert.match(String(Reflect.get(Object(mail), 'subject')), /test/i);
    assert.match(String(Reflect.get(Object(mail), 'text')), /test/i);
    assert.match(String(Reflect.get(Object(mail), 'id')), /^<[^<>@\s]+@[^<>@\s]+>$/);
  });

  void test(`a password that is wrong is told as such over ${security}`, { timeout: 120_000 }, async (t) => {
    const directory = temporaryFolder(t);
    const authority = Authority.create(directory, 'mail');
    const server = await startMailServer(t, security, authority.issue('mail-server', ['127.0.0.1']));
    await startGateway(t, { directory, ca: authority.certificate, port: server.port, security, password: 'another' });
    const sent = await notifyTest(t, directory);
    assert.equal(sent.code, 1);
    assert.equal(sent.stdout, 'mail: NOT taken, unauthorized\n');
    assert.equal(server.program.lines.length, 1);
  });
}

async function startMailServer(
  t: TestContext,
  security: string,
  { certificate, key }: KeyPair,
): Promise<{ readonly port: number; readonly program: Program }> {
  const port = await freePort();
  const program = Program.start(t, {
    // The system's own, for which Debian's package is.
    command: '/usr/bin/python3',
    arguments: [MAIL_SERVER, String(port), security, certificate, key, 'gate', PASSWORD],
  });
  await program.until('that it listens', () => program.lines[0]);
  return { port, program };
}

interface Start {
  readonly directory: string;
  readonly ca: string;
  readonly port: number;
  readonly security: string;
  readonly password?: string;
}

function startGateway(
  t: TestContext,
  { directory, ca, port, security, password = PASSWORD }: Start,
): Promise<GatewayProcess> {
  const yaml = `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "http://127.0.0.1:1" }
routes: [{ name: game, upstream: game, profile: game }]
admin: { socket: ./admin.sock }
notifications:
  channels:
    mail:
      kind: email
      host: 127.0.0.1
      port: ${port}
      security: ${security}
      user: gate
      password: "\${env:MAIL_PASSWORD}"
      ca: ${ca}
      from: gate@example.com
      to: [ops@example.com, boss@example.com]
`;
  return GatewayProcess.start(t, { directory, yaml, environment: { ...process.env, MAIL_PASSWORD: password } });
}

function notifyTest(t: TestContext, directory: string): ReturnType<typeof run> {
  const where = ['--socket', join(directory, 'admin.sock')];
  return run(t, { command: process.execPath, arguments: [SALLYPORT, 'notify', 'test', 'mail', ...where] });
}
