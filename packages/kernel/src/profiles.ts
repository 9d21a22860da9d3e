import type { ProfileName, RequestLimits, WebSocketLimits } from './policy.ts';

/** What a route gets from its profile where its configuration says nothing. */
export interface Profile {
  readonly request: RequestLimits;
  readonly webSocket: WebSocketLimits;
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
 * The defaults of the four profiles: the numbers of the documents that asked for them (design.md, "Profiles").
 *
 * `game`: 1 MB messages and five WebSockets per address (R0.6, R0.23). `alerts`: 10 KB messages and 100 sockets per
 * address (R1.13, R1.7). `api` and `webapp` carry no WebSockets unless a route asks for them.
 */
export const PROFILES: Readonly<Record<ProfileName, Profile>> = {
  game: { request: REQUEST, webSocket: { ...WEB_SOCKET, messageBytesMax: 1_048_576, perClientMax: 5 } },
  alerts: { request: REQUEST, webSocket: { ...WEB_SOCKET, messageBytesMax: 10_240, perClientMax: 100 } },
  api: { request: REQUEST, webSocket: { ...WEB_SOCKET, isAllowed: false } },
  webapp: { request: { ...REQUEST, bodyBytesMax: 10_485_760 }, webSocket: { ...WEB_SOCKET, isAllowed: false } },
};
