import { strict as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Authority } from './harness/certificates.ts';
import { startPostgres, startRedis } from './harness/databases.ts';
import { GatewayProcess, SALLYPORT } from './harness/gateway.ts';
import { freePort } from './harness/ports.ts';
import { type Finished, run, temporaryFolder } from './harness/program.ts';
import { eventually } from './harness/scope.ts';
import { startUpstream } from './harness/upstream.ts';

void test('one that stops is down after three checks, told to people, and back after two; all of it outlives a restart (part of R2.23)', {
  timeout: 120_000,
}, async (t) => {
  const told: string[] = [];
  const people = await startUpstream(t, {
    onRequest: (request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => told.push(text));
      request.once('end', () => response.writeHead(204).end());
    },
  });
  const port = await freePort();
  const api = await startUpstream(t, { port });
  const directory = temporaryFolder(t);
  const yaml = `notifications:
  channels: { people: { kind: webhook, url: "${people.url}/hook", keys: ["\${env:HOOK_KEY}"] } }
  routes: [{ channels: [people], group: { wait: 0s, interval: 1s } }]
services:
  api: { kind: http, url: "http://127.0.0.1:${port}/health?token=hunter2", interval: 1s, timeout: 1s }
`;
  const environment = { HOOK_KEY: `whsec_${randomBytes(32).toString('base64')}` };
  const first = await start(t, { directory, yaml, environment });
  await first.until('api', 'up');
  await api.close();
  const down = await first.until('api', 'down');
  const [change] = down.changes;
  assert.partialDeepStrictEqual(change, { from: 'up', to: 'down', code: 'REFUSED' });
  const failed = down.checks.filter(({ timeMs }) => timeMs <= (change?.timeMs ?? 0)).slice(0, 4);
  assert.deepEqual(
    failed.map(({ outcome }) => outcome),
    ['bad', 'bad', 'bad', 'good'],
  );
  await first.gateway.logged({ what: 'service-down', detail: 'api was up and is down (REFUSED)' });
  await eventually('the notice', () =>
    told.find((text) => text.includes('service-down') && text.includes('api is down')),
  );
  const listed = await first.ask('services');
  assert.equal(listed.code, 1, listed.stderr);
  assert.match(listed.stdout, /^api +http +down +.* REFUSED$/m);
  assert.equal((await first.gateway.metrics()).value('sallyport_service_up', { service: 'api' }), 0);

  await startUpstream(t, { port });
  await first.until('api', 'up');
  await eventually('the end of it', () => told.find((text) => text.includes('resolved')));
  assert.equal((await first.ask('services')).code, 0);
  await first.gateway.stop();

  const second = await start(t, { directory, yaml, environment });
  const history = await second.until('api', 'up');
  assert.deepEqual(
    history.changes
      .map(({ to }) => to)
      .filter((status) => status !== 'unknown')
      .slice(-3),
    ['up', 'down', 'up'],
  );
  const written = [...first.gateway.program.lines, ...second.gateway.program.lines, listed.stdout, ...told].join('\n');
  assert.doesNotMatch(written, /hunter2/);
});

void test('Redis and PostgreSQL answer for themselves, and a wrong password is told as one (part of R2.23)', {
  timeout: 300_000,
}, async (t) => {
  const directory = temporaryFolder(t);
  const authority = Authority.create(directory, 'authority');
  const pair = authority.issue('database', ['127.0.0.1']);
  const [right, wrong] = ['right horse, battery', 'wrong horse, battery'];
  const redis = await startRedis(t, right);
  const postgres = await startPostgres(t, right, pair);
  const database = `kind: postgres, address: "127.0.0.1:${postgres.port}", interval: 1s`;
  const cache = `kind: redis, address: "127.0.0.1:${redis.port}", interval: 1s`;
  const yaml = `services:
  cache: { ${cache}, password: "\${env:RIGHT}" }
  cache-wrong: { ${cache}, password: "\${env:WRONG}" }
  cache-without: { ${cache} }
  database: { ${database}, password: "\${env:RIGHT}", tls: { ca: ${authority.certificate} } }
  database-plain: { ${database}, password: "\${env:RIGHT}" }
  database-wrong: { ${database}, password: "\${env:WRONG}" }
  database-without: { ${database} }
  database-hashed: { ${database}, user: hashed, database: postgres, password: "\${env:RIGHT}", tls: { ca: ${authority.certificate} } }
  database-hashed-wrong: { ${database}, user: hashed, database: postgres, password: "\${env:WRONG}", tls: { ca: ${authority.certificate} } }
  database-hashed-plain: { ${database}, user: hashed, database: postgres, password: "\${env:RIGHT}" }
  database-clear: { ${database}, user: clear, database: postgres, password: "\${env:RIGHT}", tls: { ca: ${authority.certificate} } }
  database-clear-plain: { ${database}, user: clear, database: postgres, password: "\${env:RIGHT}" }
  database-ticket: { ${database}, user: ticket, password: "\${env:RIGHT}" }
  database-stranger: { ${database}, tls: true }
`;
  const { gateway, until } = await start(t, { directory, yaml, environment: { RIGHT: right, WRONG: wrong } });
  const well = ['cache', 'database-plain', 'database-without', 'database-hashed', 'database-clear'];
  for (const name of well) await until(name, 'up');
  assert.equal((await until('database', 'up')).service.certificate?.stage, 'week');
  const why = async (name: string): Promise<string> => {
    const [last] = (await until(name, 'down')).checks;
    return `${last?.code}: ${last?.detail}`;
  };
  assert.equal(await why('cache-wrong'), 'AUTHENTICATION: WRONGPASS');
  assert.equal(await why('cache-without'), 'AUTHENTICATION: NOAUTH');
  assert.equal(await why('database-wrong'), 'AUTHENTICATION: SQLSTATE 28P01');
  assert.equal(await why('database-hashed-wrong'), 'AUTHENTICATION: SQLSTATE 28P01');
  assert.equal(await why('database-hashed-plain'), 'AUTHENTICATION: it wants MD5 without TLS');
  assert.equal(await why('database-clear-plain'), 'AUTHENTICATION: it wants the password in the clear');
  assert.equal(await why('database-ticket'), 'AUTHENTICATION: checks do not know GSSAPI');
  assert.match(await why('database-stranger'), /^CERTIFICATE_INVALID: /);
  await Promise.all([redis.stop(), postgres.stop()]);
  for (const name of ['cache', 'database']) assert.equal(await why(name), 'REFUSED: ');
  assert.doesNotMatch(gateway.program.lines.join('\n'), /battery/);
});

void test('a reload takes services in and out, and does not disturb the others (part of R2.23)', {
  timeout: 120_000,
}, async (t) => {
  const api = await startUpstream(t);
  const address = `address: "127.0.0.1:${api.port}", interval: 1s`;
  const directory = temporaryFolder(t);
  const { gateway, until, ask } = await start(t, {
    directory,
    yaml: `services: { api: { kind: tcp, ${address} } }\n`,
  });
  const before = await until('api', 'up');
  const yaml = `services:\n  lobby: { kind: websocket, url: "ws://127.0.0.1:${api.port}/", interval: 1s }\n  api: { kind: tcp, ${address} }\n`;
  writeFileSync(
    join(directory, 'sallyport.yaml'),
    `${configuration(yaml)}waf: { mode: off }\noperations: { address: "127.0.0.1:0" }\n`,
  );
  assert.equal((await ask('reload')).code, 0);
  await until('lobby', 'up');
  const after = await until('api', 'up');
  assert.equal(after.service.sinceMs, before.service.sinceMs);
  assert.ok(after.checks.length >= before.checks.length);
  assert.match((await ask('services')).stdout, /\nlobby .*\napi /);
  assert.equal((await ask('services', 'nobody')).code, 1);
  assert.equal((await gateway.stop()).code, 0);
});

interface History {
  readonly service: {
    readonly status: string;
    readonly sinceMs: number;
    readonly certificate: { readonly stage: string } | null;
  };
  readonly checks: readonly {
    readonly timeMs: number;
    readonly outcome: string;
    readonly code: string;
    readonly detail: string;
  }[];
  readonly changes: readonly {
    readonly timeMs: number;
    readonly from: string;
    readonly to: string;
    readonly code: string;
  }[];
}

interface Started {
  readonly gateway: GatewayProcess;
  readonly ask: (...words: readonly string[]) => Promise<Finished>;
  /** The history of a service that has come to this state. */
  readonly until: (name: string, status: string) => Promise<History>;
}

async function start(
  t: TestContext,
  options: {
    readonly directory: string;
    readonly yaml: string;
    readonly environment?: Readonly<Record<string, string>>;
  },
): Promise<Started> {
  const { directory, yaml, environment = {} } = options;
  const gateway = await GatewayProcess.start(t, { directory, yaml: configuration(yaml), environment });
  const ask = (...words: readonly string[]): Promise<Finished> => {
    const call = [SALLYPORT, ...words, '--socket', join(directory, 'admin.sock')];
    return run(t, { command: process.execPath, arguments: call, directory });
  };
  const until = (name: string, status: string): Promise<History> =>
    eventually(`${name} ${status}`, async () => {
      const { stdout } = await ask('services', name, '--json');
      if (stdout === '') return undefined;
      const history: History = JSON.parse(stdout);
      return history.service.status === status ? history : undefined;
    });
  return { gateway, ask, until };
}

function configuration(more: string): string {
  return `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0" }]
upstreams: { game: "http://127.0.0.1:1" }
routes: [{ name: game, upstream: game, profile: game }]
admin: { socket: admin.sock }
state: { folder: state }
${more}`;
}
