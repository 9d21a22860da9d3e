import type {
  ProfileName,
  RequestLimits,
  WafPolicy,
  WafRequestPolicy,
  WafResponsePolicy,
  WebSocketLimits,
} from './policy.ts';

/** What a route gets from its profile where its configuration says nothing. */
export interface Profile {
  readonly request: RequestLimits;
  readonly webSocket: WebSocketLimits;
  readonly waf: WafDefaults;
}

/** What holds where neither the route nor the section `waf` says anything. */
export interface WafDefaults {
  readonly mode: WafPolicy['mode'];
  /** The largest body that is inspected is the route's largest body, up to this. */
  readonly request: WafRequestPolicy;
  readonly response: WafResponsePolicy;
}

const REQUEST: RequestLimits = {
  methods: [],
  bodyBytesMax: 1_048_576,
  headerBytesMax: 16_384,
  headersMax: 100,
  targetBytesMax: 8_192,
  contentTypes: [],
  isBodyOnGetAllowed: false,
  isEncodedSlashAllowed: false,
  bodyBytesPerSecondMin: 500,
  bodyGraceMs: 5_000,
  totalMs: 300_000,
  stallMs: 30_000,
};

const WEB_SOCKET: WebSocketLimits = {
  isAllowed: true,
  messageBytesMax: 65_536,
  fragmentsMax: 64,
  idleMs: 120_000,
  perClientMax: 100,
  bufferBytesMax: 262_144,
  stallMs: 10_000,
};

/**
 * Responses are not inspected unless a route asks for it: that holds answers back, and a rule that is wrong about a page
 * hides it from everybody. What is held is bounded by the largest body of the route, so nothing that may pass is refused
 * for its size alone.
 */
const WAF: WafDefaults = {
  mode: 'block',
  request: { isBodyInspected: true, bodyBytesMax: 16_777_216, aboveBodyMax: 'refuse', encodedBody: 'refuse' },
  response: {
    isInspected: false,
    types: ['text/html', 'text/plain', 'text/xml', 'application/json', 'application/xml'],
    bodyBytesMax: 524_288,
    windowBytes: 65_536,
    aboveBodyMax: 'pass',
  },
};

/** No rule runs. */
export const WAF_OFF: WafPolicy = {
  ...WAF,
  mode: 'off',
  ruleSet: '',
  rules: [],
  scoring: {
    paranoia: undefined,
    detectionParanoia: undefined,
    inboundThreshold: undefined,
    outboundThreshold: undefined,
    isEarlyBlocking: undefined,
  },
  exclusions: [],
};

/**
 * The defaults of the four profiles: the numbers of the documents that asked for them (design.md, "Profiles").
 *
 * `game`: 1 MB messages and five WebSockets per address (R0.6, R0.23). `alerts`: 10 KB messages and 100 sockets per
 * address (R1.13, R1.7). `api` and `webapp` carry no WebSockets unless a route asks for them.
 */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  game: { request: REQUEST, webSocket: { ...WEB_SOCKET, messageBytesMax: 1_048_576, perClientMax: 5 }, waf: WAF },
  alerts: { request: REQUEST, webSocket: { ...WEB_SOCKET, messageBytesMax: 10_240, perClientMax: 100 }, waf: WAF },
  api: { request: REQUEST, webSocket: { ...WEB_SOCKET, isAllowed: false }, waf: WAF },
  webapp: {
    request: { ...REQUEST, bodyBytesMax: 10_485_760 },
    webSocket: { ...WEB_SOCKET, isAllowed: false },
    waf: WAF,
  },
};
