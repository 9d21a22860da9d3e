/** The servers that are compared, each with and without its firewall, before the same upstream. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Launch,
  nginx,
  nginxProxyDirectives,
  type Place,
  type Server,
  Servers,
  sallyport,
  upstream,
} from '../harness/servers.ts';
import { BODY_BYTES_MAX, crsFiles, engineDirectives } from './rules.ts';
import { guardedSallyport } from './sallyport.ts';

/** One server twice: what its firewall adds is the difference. */
export interface Pair {
  readonly plain: Server;
  readonly guarded: Server;
}

export interface Pairs {
  readonly nginx: Pair;
  readonly apache: Pair;
  readonly sallyport: Pair;
  stop(): Promise<void>;
}

export interface PairParts {
  readonly dataFolder: string;
  /** What of Sallyport is started. */
  readonly release: string;
  readonly upstreamCpu: number;
  readonly serverCpu: number;
}

/** Starts everything: the upstream on one processor, all others on the other. */
export async function startPairs({ dataFolder, release, upstreamCpu, serverCpu }: PairParts): Promise<Pairs> {
  const servers = new Servers();
  const rulesFile = writeRules(dataFolder, servers.directory);
  try {
    const { port } = await servers.start(upstream, upstreamCpu);
    const start = (launch: Launch): Promise<Server> => servers.start(launch, serverCpu, port);
    return {
      nginx: {
        plain: await start((place) => nginxProxy('nginx', place)),
        guarded: await start((place) => nginxProxy('nginx-modsecurity', place, rulesFile)),
      },
      apache: {
        plain: await start((place) => apacheProxy('apache', place)),
        guarded: await start((place) => apacheProxy('apache-modsecurity', place, rulesFile)),
      },
      sallyport: {
        plain: await start((place) => sallyport({ name: 'sallyport', place, release })),
        guarded: await start(guardedSallyport('sallyport-waf', { dataFolder, release })),
      },
      stop: () => servers.stop(),
    };
  } catch (cause) {
    await servers.stop();
    throw cause;
  }
}

/** One file that includes the rest, in the directory of the servers. */
function writeRules(dataFolder: string, directory: string): string {
  const path = join(directory, 'modsecurity.conf');
  const includes = crsFiles(dataFolder).map((file) => `Include ${file}\n`);
  writeFileSync(path, engineDirectives(1) + includes.join(''));
  return path;
}

/** Bodies stay in memory, in both: files on a disk would be measured otherwise. */
const NGINX_BODY = `client_max_body_size ${BODY_BYTES_MAX}; client_body_buffer_size ${BODY_BYTES_MAX};`;

function nginxProxy(name: string, place: Place, rulesFile?: string): ReturnType<Launch> {
  const location = rulesFile === undefined ? '' : `modsecurity on; modsecurity_rules_file ${rulesFile};`;
  return nginx({
    name,
    directory: place.directory,
    main: rulesFile === undefined ? [] : [`load_module ${NGINX_MODULE};`],
    http: [
      `access_log ${place.directory}/${name}-access.log combined buffer=64k flush=1s; ${NGINX_BODY}`,
      ...nginxProxyDirectives(place, location),
    ],
  });
}

const NGINX_MODULE = '/usr/lib/nginx/modules/ngx_http_modsecurity_module.so';

/** One process of the event model with 64 threads: so many that it never closes a connection to get one free. */
function apacheProxy(name: string, { directory, port, upstreamPort }: Place, rulesFile?: string): ReturnType<Launch> {
  const temporary = join(directory, `${name}-temporary`);
  mkdirSync(temporary, { recursive: true });
  // Its threads run as another user than root when root starts it, and write parts of uploads.
  chmodSync(temporary, 0o1777);
  const rules = `SecTmpDir ${temporary}
SecDataDir ${temporary}
SecRequestBodyInMemoryLimit ${BODY_BYTES_MAX}
Include ${rulesFile}
`;
  const modules = [...APACHE_MODULES, ...(rulesFile === undefined ? [] : ['unique_id', 'security2'])];
  return {
    name,
    command: 'apache2',
    text: `${modules.map((module) => `LoadModule ${module}_module ${apacheModule(module)}\n`).join('')}
ServerRoot ${directory}
ServerName app.example.com
PidFile ${directory}/${name}.pid
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
Listen 127.0.0.1:${port}
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
MinSpareThreads 1
MaxSpareThreads 64
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
ErrorLog ${directory}/${name}-error.log
LogFormat "%h %l %u %t \\"%r\\" %>s %O \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined
BufferedLogs On
CustomLog ${directory}/${name}-access.log combined
ProxyRequests Off
ProxyPreserveHost On
ProxyPass / http://127.0.0.1:${upstreamPort}/ keepalive=On
${rulesFile === undefined ? '' : rules}`,
    commandLine: (path) => ['-D', 'FOREGROUND', '-f', path],
  };
}

const APACHE_MODULES = ['mpm_event', 'authz_core', 'proxy', 'proxy_http'];

function apacheModule(module: string): string {
  return `/usr/lib/apache2/modules/mod_${module}.so`;
}
