/**
 * Configuration after parsing: plain data with every default filled in and every secret resolved. It is what the control
 * plane hands to the data plane, so it holds nothing that cannot be cloned into another thread.
 *
 * Times are milliseconds, sizes are bytes. Ranges and defaults are documented where they are parsed (control/config).
 */
export interface GatewayConfig {
  readonly mode: 'development' | 'staging' | 'production';
  /** Everything is judged and recorded, nothing is refused by a stage. Strictness about HTTP itself stays. */
  readonly observe: boolean;
  /** Stages that only record, by name. */
  readonly observeStages: readonly string[];
  readonly listeners: readonly ListenerConfig[];
  readonly routes: readonly RouteConfig[];
  readonly upstreams: readonly UpstreamConfig[];
  readonly lists: ListsConfig;
  readonly connections: ConnectionLimits;
  readonly drain: DrainConfig;
  readonly waf: WafConfig;
}

export type ListenAddress =
  /** `host` is an IP address; `port` 0 lets the system choose. */
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** `mode` are the permission bits of the socket file. */
  | { readonly kind: 'unix'; readonly path: string; readonly mode: number };

export interface ListenerConfig {
  readonly name: string;
  readonly address: ListenAddress;
  /** Undefined: plaintext. */
  readonly tls: ListenerTls | undefined;
  /** HTTP/2 beside HTTP/1.1, as clients choose by ALPN. Undefined: HTTP/1.1 only, as on every listener without TLS. */
  readonly http2?: Http2Limits | undefined;
  /** Plaintext beyond loopback was asked for by name. */
  readonly isInsecure: boolean;
  readonly client: ClientPolicy;
  /** Answer every plaintext request with a redirect to https. */
  readonly isRedirectedToHttps: boolean;
}

export interface ListenerTls {
  /** At least one; the first is the default for clients without SNI and for unknown names. */
  readonly certificates: readonly KeyPair[];
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
}

/** What one HTTP/2 connection may do. */
export interface Http2Limits {
  /** Requests in progress at once. */
  readonly streamsMax: number;
  /** Streams that are broken off: by the client, or by us because of what it did. */
  readonly resets: BurstRate;
  /** Frames that carry no request: PING, SETTINGS, PRIORITY, unknown ones. */
  readonly controlFrames: BurstRate;
}

/** How often something may happen: `burst` times at once, and after that `perSecond` times a second. */
export interface BurstRate {
  readonly burst: number;
  readonly perSecond: number;
}

/** PEM texts. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** How a listener knows who the client is. */
export type ClientPolicy =
  /** The peer of the socket is the client. */
  | { readonly kind: 'direct' }
  /** Every connection begins with a PROXY protocol header (v1 or v2). `from`: networks whose word counts; others are refused. */
  | { readonly kind: 'proxy-protocol'; readonly from: readonly string[] }
  /** The chain of X-Forwarded-For is read from right to left; the first hop outside `from` is the client. */
  | { readonly kind: 'trusted-proxies'; readonly from: readonly string[] }
  /** Cloudflare connects with its client certificate (authenticated origin pulls), signed by `clientCa` (PEM). */
  | { readonly kind: 'cloudflare'; readonly clientCa: string }
  /** cloudflared connects; `proof` is what shows that it is ours. */
  | { readonly kind: 'cloudflare-tunnel'; readonly proof: TunnelProof };

export type TunnelProof =
  /** Only a process that may open our socket file can connect. */
  | { readonly kind: 'unix-socket' }
  /** Cloudflare Access signs a token for `audience` into every request. `keys`: where its public keys are, an https URL or a JWKS text. */
  | { readonly kind: 'access-jwt'; readonly issuer: string; readonly audience: string; readonly keys: JwksSource }
  /** A header with a secret that Cloudflare adds at its edge. Two secrets are valid while one replaces the other. */
  | { readonly kind: 'origin-secret'; readonly header: string; readonly secrets: readonly string[] };

export type JwksSource =
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'inline'; readonly jwks: string };

export type ProfileName = 'game' | 'alerts' | 'api' | 'webapp';

export interface RouteConfig {
  readonly name: string;
  readonly match: RouteMatch;
  readonly upstream: string;
  readonly profile: ProfileName;
  readonly request: RequestLimits;
  readonly webSocket: WebSocketLimits;
  /** What the upstream sees as Host: what the client sent, or the upstream server's own name. */
  readonly hostHeader: 'preserve' | 'upstream';
  /** Everything filled in; exclusions are the route's own, beside those of `WafConfig.policy`. */
  readonly waf: WafPolicy;
}

/** All parts have to match. The most specific route wins: exact host before wildcard before any; then exact path before longer prefix; then methods; then headers. */
export interface RouteMatch {
  /** Exact names or `*.example.com` (one or more labels). Empty: any host. Lower case. */
  readonly hosts: readonly string[];
  /** A prefix matches whole segments: `/api` matches `/api` and `/api/x`, not `/apix`. */
  readonly path: { readonly kind: 'exact' | 'prefix'; readonly value: string };
  /** Empty: any method. */
  readonly methods: readonly string[];
  /** Every entry must be present; with a value, equal to it. Names in lower case. */
  readonly headers: readonly { readonly name: string; readonly value: string | undefined }[];
}

export interface RequestLimits {
  /** Methods that may pass. Empty: all of `METHODS`. */
  readonly methods: readonly string[];
  readonly bodyBytesMax: number;
  readonly headerBytesMax: number;
  readonly headersMax: number;
  readonly targetBytesMax: number;
  /** Media types that may pass for requests with a body, without parameters; `text/*` allowed. Empty: all. */
  readonly contentTypes: readonly string[];
  /** Let GET and HEAD carry a body. */
  readonly isBodyOnGetAllowed: boolean;
  /** Let `%2F` and `%5C` pass in paths. */
  readonly isEncodedSlashAllowed: boolean;
  /** Slowest average a body may arrive with, judged after a grace of `bodyGraceMs`. */
  readonly bodyBytesPerSecondMin: number;
  readonly bodyGraceMs: number;
  /** Longest time from a request's head to the last byte of its response. Event streams (`text/event-stream`) are exempt. */
  readonly totalMs: number;
  /** Longest time in which a client takes nothing of a response that is waiting for it. */
  readonly stallMs: number;
}

/** Inspection by rules, for all routes together. */
export interface WafConfig {
  /** What routes inherit, and what requests are judged by whose route cannot be known because they are no valid HTTP. */
  readonly policy: WafPolicy;
  /** Bytes of bodies that may be held for inspection at one time, in all exchanges together. */
  readonly heldBytesMax: number;
  /** The same for one client (IPv6: one /64). */
  readonly heldPerClientBytesMax: number;
}

/** How the requests of a route are inspected by rules. */
export interface WafPolicy {
  /** `detect`: rules run and are recorded, nothing is refused. */
  readonly mode: 'off' | 'detect' | 'block';
  /** Names the compiled rules among those of the policy: a hash of everything that goes into them. '' when the mode is off. */
  readonly ruleSet: string;
  /** Folders and files of rules, absolute, in their order. Empty: the built-in pack. */
  readonly rules: readonly string[];
  /** Paranoia levels and thresholds; undefined: what the rules say themselves. */
  readonly scoring: WafScoring;
  readonly exclusions: readonly WafExclusion[];
  readonly request: WafRequestPolicy;
  readonly response: WafResponsePolicy;
}

/** What compiled rules were made of, so that the same rules are not compiled again. */
export interface RuleProvenance {
  /** Hash of the rule files. */
  readonly sources: string;
  /** Hashes of the files that the rules name; undefined where there was none. */
  readonly files: readonly { readonly path: string; readonly from: string; readonly hash: string | undefined }[];
  /** What there was to be said about them. */
  readonly warnings: readonly {
    readonly severity: 'error' | 'warning';
    readonly file: string;
    readonly line: number;
    readonly message: string;
  }[];
}

export interface WafScoring {
  /** Rules up to this level count, 1 to 4. */
  readonly paranoia: number | undefined;
  /** Rules up to this level are recorded without counting; not less than `paranoia`. */
  readonly detectionParanoia: number | undefined;
  /** A request with this score or more is refused. */
  readonly inboundThreshold: number | undefined;
  /** A response with this score or more is withheld. */
  readonly outboundThreshold: number | undefined;
  /** Refuse after the head already when that is enough. */
  readonly isEarlyBlocking: boolean | undefined;
}

/**
 * What rules do not look at. Everything that is undefined holds everywhere: without `target` the rules do not run at all,
 * without a path they are left out on every path.
 */
export interface WafExclusion {
  /** Ids and ranges such as `942100-942199`; or a tag. */
  readonly rules: { readonly ids: readonly string[] } | { readonly tag: string };
  /** A part of a request as rules name it, `ARGS:comment`. */
  readonly target: string | undefined;
  /** A prefix of whole segments. */
  readonly path: string | undefined;
  readonly exactPath: string | undefined;
  /** For whoever reads it in a year. */
  readonly reason: string;
  /** The last day on which it holds, in UTC: `2027-03-31`. */
  readonly until: string;
}

export interface WafRequestPolicy {
  /** False: rules see the head alone, and bodies stream. */
  readonly isBodyInspected: boolean;
  /** Bytes of a body that are held and inspected. */
  readonly bodyBytesMax: number;
  /** What happens to a body that is larger. `inspect-beginning` lets the rest pass unseen. */
  readonly aboveBodyMax: 'refuse' | 'inspect-beginning';
  /** What happens to a body with a Content-Encoding. `pass` lets it pass unseen. */
  readonly encodedBody: 'refuse' | 'pass';
}

export interface WafResponsePolicy {
  readonly isInspected: boolean;
  /** Media types whose bodies are inspected, lower case without parameters. */
  readonly types: readonly string[];
  /** Bytes of a response that are inspected. */
  readonly bodyBytesMax: number;
  /** Bytes that are held at one time: a response that is no larger is judged before a byte of it leaves. */
  readonly windowBytes: number;
  /** What happens to a response that is larger than `bodyBytesMax`, or encoded. `pass` lets the rest pass unseen. */
  readonly aboveBodyMax: 'refuse' | 'pass';
}

export interface WebSocketLimits {
  readonly isAllowed: boolean;
  readonly messageBytesMax: number;
  /** Most fragments one message may come in. */
  readonly fragmentsMax: number;
  /** Longest silence in both directions. */
  readonly idleMs: number;
  /** Most open WebSockets of one client (IPv6: of one /64) on this route. */
  readonly perClientMax: number;
  /** Bytes waiting for a peer that reads slowly before the other side is paused. */
  readonly bufferBytesMax: number;
  /** Longest time a peer may leave waiting bytes unread. */
  readonly stallMs: number;
}

export type ServerAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface UpstreamConfig {
  readonly name: string;
  /** At least one. */
  readonly servers: readonly { readonly address: ServerAddress; readonly weight: number }[];
  /** Undefined: plaintext. */
  readonly tls: UpstreamTls | undefined;
  /** `consistent-hash` uses the client's network as key. */
  readonly balance: 'round-robin' | 'least-connections' | 'consistent-hash';
  /** Active checks; undefined: none. */
  readonly healthCheck: HealthCheck | undefined;
  /** Passive health: a server with this many failures in a row is left out for a while. */
  readonly ejection: { readonly failuresMax: number; readonly durationMs: number };
  readonly timeouts: UpstreamTimeouts;
  readonly retries: {
    readonly attemptsMax: number /** Share of requests that may be retries, 0 to 1. */;
    readonly budgetRatio: number;
  };
  readonly breaker: BreakerConfig;
  readonly pool: {
    readonly connectionsMax: number;
    readonly idleMax: number;
    readonly idleMs: number;
    readonly pendingMax: number;
  };
}

export interface UpstreamTls {
  /** PEM of the only authorities that count; undefined: the system's. */
  readonly ca: string | undefined;
  /** Our own certificate for mutual TLS. */
  readonly identity: KeyPair | undefined;
  /** Name the certificate must be for; undefined: the server's host. */
  readonly serverName: string | undefined;
}

export interface HealthCheck {
  readonly path: string;
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly healthyAfter: number;
  readonly unhealthyAfter: number;
}

export interface UpstreamTimeouts {
  readonly connectMs: number;
  /** From the request's last byte to the response's head. */
  readonly headMs: number;
  /** Between two pieces of a response body. */
  readonly idleMs: number;
}

/** Opens when `errorRatio` of at least `requestsMin` requests in `windowMs` failed; after `openMs` lets one probe through. */
export interface BreakerConfig {
  readonly errorRatio: number;
  readonly requestsMin: number;
  readonly windowMs: number;
  readonly openMs: number;
}

export interface ListsConfig {
  /** Networks that are never denied by this stage. They skip nothing else. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface ConnectionLimits {
  readonly connectionsMax: number;
  /** TCP connections of one client (IPv6: one /64). */
  readonly perClientMax: number;
  /** Connections of one client that have not yet sent a whole request head. */
  readonly halfOpenPerClientMax: number;
  readonly handshakeMs: number;
  readonly headerMs: number;
  /** Between two requests on one connection. */
  readonly keepAliveMs: number;
  readonly headerBytesMax: number;
}

export interface DrainConfig {
  /** From SIGTERM to the hard stop. */
  readonly deadlineMs: number;
  /** WebSockets are closed in slices spread over this time, so that they do not come back all at once. */
  readonly webSocketSpreadMs: number;
}
