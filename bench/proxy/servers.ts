/**
 * The proxies that are compared and the upstream behind all of them.
 *
 * Everybody sends X-Forwarded-For and writes one line for each request to a file: nginx its `combined` line, in batches of
 * 64 KiB; HAProxy its HTTP line through its standard output, which it cannot batch; Sallyport its whole event as JSON.
 * Only Sallyport also judges.
 */
import {
  type Launch,
  nginx,
  nginxProxyDirectives,
  type Server,
  Servers,
  sallyport,
  UPSTREAM_CONNECTIONS,
  upstream,
} from '../harness/servers.ts';

export interface Proxies {
  readonly nginx: Server;
  readonly haproxy: Server;
  readonly sallyport: Server;
  /** Stops all and deletes what they wrote. */
  stop(): Promise<void>;
}

/** Starts everything: the upstream on `upstreamCpu`, the proxies on `proxyCpu`. */
export async function startProxies(upstreamCpu: number, proxyCpu: number): Promise<Proxies> {
  const servers = new Servers();
  try {
    const { port } = await servers.start(upstream, upstreamCpu);
    return {
      nginx: await servers.start(nginxProxy, proxyCpu, port),
      haproxy: await servers.start(haproxyProxy, proxyCpu, port),
      sallyport: await servers.start((place) => sallyport({ name: 'sallyport', place }), proxyCpu, port),
      stop: () => servers.stop(),
    };
  } catch (cause) {
    await servers.stop();
    throw cause;
  }
}

const nginxProxy: Launch = (place) =>
  nginx({
    name: 'nginx',
    directory: place.directory,
    http: [
      `access_log ${place.directory}/nginx-access.log combined buffer=64k flush=1s;`,
      ...nginxProxyDirectives(place),
    ],
  });

const haproxyProxy: Launch = ({ port, upstreamPort }) => ({
  name: 'haproxy',
  command: 'haproxy',
  text: `global
  nbthread 1
  maxconn 1024
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:${port}
  default_backend app
backend app
  server app 127.0.0.1:${upstreamPort} pool-max-conn ${UPSTREAM_CONNECTIONS}
`,
  commandLine: (path) => ['-db', '-f', path],
});
