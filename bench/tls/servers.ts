/** nginx and Sallyport with the same certificate, before the same upstream. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Authority } from '../../e2e/harness/certificates.ts';
import { assembleRelease } from '../../tools/release.ts';
import {
  type Launch,
  nginx,
  nginxProxyDirectives,
  type Server,
  Servers,
  sallyport,
  upstream,
} from '../harness/servers.ts';

export interface TlsServers {
  readonly nginx: Server;
  readonly sallyport: Server;
  /** With two workers, for tickets only. */
  readonly twoWorkers: Server;
  stop(): Promise<void>;
}

/** Starts everything: the upstream on one processor, the servers on the other. Ours is a release, as operators start it. */
export async function startTlsServers(upstreamCpu: number, serverCpu: number): Promise<TlsServers> {
  const servers = new Servers();
  const release = mkdtempSync(join(tmpdir(), 'sallyport-bench-release-'));
  const stop = async (): Promise<void> => {
    await servers.stop();
    rmSync(release, { recursive: true });
  };
  try {
    await assembleRelease(release);
    const { certificate, key } = Authority.create(servers.directory, 'bench').issue('app', ['app.example.com']);
    const listener = [`tls: { certificates: [{ certificate: "${certificate}", key: "${key}" }] }`];
    const { port } = await servers.start(upstream, upstreamCpu);
    const start = (launch: Launch): Promise<Server> => servers.start(launch, serverCpu, port);
    return {
      nginx: await start((place) =>
        nginx({
          name: 'nginx',
          directory: place.directory,
          http: [
            `access_log ${place.directory}/nginx-access.log combined buffer=64k flush=1s;`,
            `ssl_certificate ${certificate}; ssl_certificate_key ${key}; ssl_protocols TLSv1.3;`,
            ...nginxProxyDirectives(place).map((line) => line.replace(`${place.port};`, `${place.port} ssl;`)),
          ],
        }),
      ),
      sallyport: await start((place) => sallyport({ name: 'sallyport', place, release, listener })),
      twoWorkers: await start((place) => sallyport({ name: 'sallyport-two', place, release, listener, workers: 2 })),
      stop,
    };
  } catch (cause) {
    await stop();
    throw cause;
  }
}
