import { join } from 'node:path';
import type { ProfileName } from '@sallyport/kernel';
import type { InitPlan, PlannedFile } from './plan.ts';

/** The files of a new configuration, the configuration itself first. `.gitignore` is apart: it may be there already. */
export function plannedFiles(plan: InitPlan): readonly [PlannedFile, ...PlannedFile[]] {
  const configuration = { name: 'sallyport.yaml', text: renderConfiguration(plan) };
  const example = { name: '.env.example', text: ENV_EXAMPLE };
  if (!plan.isTunnel) return [configuration, example];
  return [configuration, { name: 'cloudflared.yml', text: renderCloudflared(plan) }, example];
}

/** Lines that keep secrets out of git (R0.12). The last one lets the example in. */
export const GITIGNORE_LINES: readonly string[] = ['.env', '.env.*', '!.env.example'];

function renderConfiguration(plan: InitPlan): string {
  const { upstreamName, purpose, limits } = PROFILE_TEXTS[plan.profile];
  return `# Sallyport configuration. What it may hold: docs/reference/configuration.md
# After every change: sallyport check -c sallyport.yaml
version: 1

# development, staging or production. Production is the strictest: no plaintext beyond this
# machine, no secrets that others may read.
mode: ${plan.mode}

# true: judge and record everything, refuse nothing. For the first days in front of real clients.
observe: false

listeners:
${plan.isTunnel ? renderTunnelListener(plan) : PLAIN_LISTENER}
upstreams:
  # Your own server. From the environment: ${upstreamName}: \${env:UPSTREAM_URL}
  ${upstreamName}: ${JSON.stringify(plan.upstream)}

routes:
  - name: ${upstreamName}
    match: { host: ${JSON.stringify(plan.domain)} }
    upstream: ${upstreamName}
    # ${purpose}
    profile: ${plan.profile}
${limits}
# Metrics and health, for this machine only: /metrics, /livez, /readyz
operations: { address: "127.0.0.1:9090" }

# \`sallyport status\`, \`reload\` and the like ask the gateway over this socket file, which only the
# gateway's own user may open; a browser needs a link from \`sallyport admin link\`. Neither can be
# reached from another machine.
${renderAdmin(plan)}

# What must outlive a restart: bans and allowances, the history of policies, the audit log. The folder
# is made for the gateway's own user; on a machine it is /var/lib/sallyport/state.
${renderState(plan)}
`;
}

/** Where a production gateway runs by hand nobody may have made the folder, and it must start all the same. */
function renderAdmin(plan: InitPlan): string {
  const isFolderThere = plan.isTunnel || plan.mode === 'development';
  const folder = plan.mode === 'development' ? './run' : '/run/sallyport';
  const line = `admin: { socket: "${folder}/admin.sock", address: "127.0.0.1:8082" }`;
  return isFolderThere ? line : `# ${line}`;
}

/** As above: /var/lib/sallyport is made by whoever installs the service. */
function renderState(plan: InitPlan): string {
  if (plan.mode === 'development') return 'state: { folder: ./state }';
  const line = 'state: { folder: /var/lib/sallyport/state }';
  return plan.isTunnel ? line : `# ${line}`;
}

function renderTunnelListener(plan: InitPlan): string {
  return `  # cloudflared connects to this socket file. Only processes that may open the file can connect, so
  # what cloudflared says about the client is believed here and nowhere else.
  - name: tunnel
    address: ${JSON.stringify(tunnelAddress(plan))}
    client: { kind: cloudflare-tunnel, proof: unix-socket }
`;
}

/** In development nobody has made /run/sallyport. */
function tunnelAddress(plan: InitPlan): string {
  return plan.mode === 'development' ? 'unix:./run/http.sock' : 'unix:/run/sallyport/http.sock';
}

const PLAIN_LISTENER = `  # Reachable from this machine only: for a first try, or behind a proxy of your own on this machine.
  - name: local
    address: "127.0.0.1:8080"
    client: direct
  # To serve the Internet itself, name a certificate and take away the marks:
  # - name: web
  #   address: "0.0.0.0:443"
  #   tls:
  #     certificates:
  #       - { certificate: /etc/sallyport/tls/fullchain.pem, key: /etc/sallyport/tls/key.pem }
  # - name: redirect
  #   address: "0.0.0.0:80"
  #   redirectToHttps: true
`;

const PROFILE_TEXTS: Readonly<Record<ProfileName, { upstreamName: string; purpose: string; limits: string }>> = {
  game: {
    upstreamName: 'game',
    purpose: 'Games: messages of 1 MB, five WebSockets per address.',
    limits: `    # Where players share an address (schools, mobile networks), five is too few:
    # webSocket: { perClientMax: 50 }
`,
  },
  alerts: {
    upstreamName: 'alerts',
    purpose: 'Notifications: messages of 10 KB, a hundred WebSockets per address.',
    limits: `    # Larger messages:
    # webSocket: { messageMax: 32KB }
`,
  },
  api: {
    upstreamName: 'api',
    purpose: 'APIs: requests of 1 MB, no WebSockets.',
    limits: `    # Only what the service understands:
    # request: { contentTypes: [application/json], bodyMax: 256KB }
`,
  },
  webapp: {
    upstreamName: 'web',
    purpose: 'Web applications: uploads of 10 MB, no WebSockets.',
    limits: `    # Larger uploads, and WebSockets:
    # request: { bodyMax: 100MB }
    # webSocket: true
`,
  },
};

function renderCloudflared(plan: InitPlan): string {
  const address = tunnelAddress(plan).slice('unix:'.length);
  const socket = address.startsWith('/') ? address : join(plan.directory, address);
  return `# cloudflared configuration that fits sallyport.yaml: cloudflared tunnel --config cloudflared.yml run
# The user that runs cloudflared must be in the group that owns the socket file.
tunnel: YOUR-TUNNEL-ID
credentials-file: /etc/cloudflared/YOUR-TUNNEL-ID.json

ingress:
  - hostname: ${JSON.stringify(plan.domain)}
    service: ${JSON.stringify(`unix:${socket}`)}
  # Should the gateway listen with TLS on a port instead, pin its certificate authority. Never turn
  # verification off with noTLSVerify: whoever takes the port would then be believed.
  # - hostname: ${JSON.stringify(plan.domain)}
  #   service: https://127.0.0.1:8443
  #   originRequest:
  #     caPool: /etc/sallyport/tls/ca.pem
  #     originServerName: ${JSON.stringify(plan.domain)}
  - service: http_status:404
`;
}

const ENV_EXAMPLE = `# Variables for \${env:NAME} in sallyport.yaml. Copy this file, readable by you alone, and fill it in:
#   install -m 600 .env.example .env
# .env.production, .env.staging and .env.development are read before .env, each in its mode only;
# what the process environment has already comes before all of them. Git ignores all but this example.

# UPSTREAM_URL=http://127.0.0.1:3000

# A secret, made with: openssl rand -base64 32
# ORIGIN_SECRET=
`;
