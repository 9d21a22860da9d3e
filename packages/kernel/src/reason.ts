/**
 * Why something was refused: a closed list of codes.
 *
 * A code is API: it stands in events, in metrics labels, in `problem+json` bodies and in operators' alerts. Codes are
 * added, never renamed. `status` is what an HTTP client gets; `title` is the only sentence it is shown.
 */
export const REASONS: Readonly<Record<ReasonCode, ReasonRow>> = {
  // What the gateway's strictness refuses (RFC 9110, RFC 9112).
  MALFORMED_REQUEST: row(400, 'The request is not valid HTTP.'),
  HEADERS_TOO_LARGE: row(431, 'The request header section is too large.'),
  HEADER_DUPLICATE: row(400, 'A header that may occur once occurs more than once.'),
  HEADER_NAME_FORBIDDEN: row(400, 'A header name is not allowed.'),
  HEADER_UNDERSCORE_VARIANT: row(400, 'A header name imitates another one with underscores.'),
  HOST_INVALID: row(400, 'The Host header is empty or not valid.'),
  HOST_MISMATCH: row(400, 'The request target and the Host header disagree.'),
  TARGET_INVALID: row(400, 'The request target is not valid.'),
  TARGET_TOO_LONG: row(414, 'The request target is too long.'),
  PATH_ENCODED_SLASH: row(400, 'The path contains an encoded slash.'),
  PATH_TRAVERSAL: row(400, 'The path leaves its root.'),
  FRAMING_AMBIGUOUS: row(400, 'The length of the request body is ambiguous.'),
  HOP_BY_HOP_NOMINATED: row(400, 'The Connection header names a header that is not hop-by-hop.'),
  BODY_UNEXPECTED: row(400, 'This request must not have a body.'),
  UPGRADE_INVALID: row(400, 'The upgrade request is not valid.'),
  EXPECTATION_FAILED: row(417, 'The expectation cannot be met.'),
  PIPELINE_TOO_DEEP: row(429, 'Too many requests were sent without waiting for answers.'),
  METHOD_UNSUPPORTED: row(501, 'The request method is not supported.'),

  // HTTP/2 (RFC 9113): what ends a stream or a connection rather than being answered.
  HTTP2_PROTOCOL_ERROR: row(400, 'The connection is not valid HTTP/2.'),
  HTTP2_RAPID_RESET: row(429, 'Too many requests were broken off.'),
  HTTP2_FLOOD: row(429, 'Too many HTTP/2 frames without a use.'),
  HTTP2_STREAMS_TOO_MANY: row(429, 'Too many requests at once on one connection.'),

  // Who the client is.
  PROXY_PROTOCOL_INVALID: row(400, 'The PROXY protocol header is missing or not valid.'),
  CLIENT_UNPROVEN: row(403, 'The request did not come through the expected front door.'),
  CLIENT_ADDRESS_INVALID: row(400, 'The client address is missing or not valid.'),
  TLS_HANDSHAKE_FAILED: row(400, 'The TLS handshake failed.'),

  // Slow and too many.
  HEADER_TIMEOUT: row(408, 'The request header section took too long.'),
  BODY_TIMEOUT: row(408, 'The request body arrived too slowly.'),
  REQUEST_TIMEOUT: row(408, 'The request took too long.'),
  RESPONSE_STALLED: row(408, 'The response was read too slowly.'),
  CONNECTION_IDLE: row(408, 'The connection was idle for too long.'),
  CONNECTION_EVICTED: row(503, 'The connection made room for others.'),
  CONNECTIONS_PER_CLIENT: row(429, 'Too many connections from this client.'),
  WEBSOCKETS_PER_CLIENT: row(429, 'Too many WebSocket connections from this client.'),

  // Stages.
  ADDRESS_DENIED: row(403, 'This address is not allowed here.'),
  CLIENT_BANNED: row(403, 'This client is not allowed here.'),
  NO_ROUTE: row(404, 'There is nothing at this address.'),
  HTTPS_REQUIRED: row(308, 'This address is served over HTTPS only.'),
  METHOD_NOT_ALLOWED: row(405, 'The method is not allowed here.'),
  BODY_TOO_LARGE: row(413, 'The request body is too large.'),
  CONTENT_TYPE_NOT_ALLOWED: row(415, 'The content type is not allowed here.'),
  REQUEST_CONTENT_DENIED: row(403, 'The content of the request is not allowed here.'),
  BODY_TYPE_AMBIGUOUS: row(400, 'The type of the request body is ambiguous.'),
  BODY_ENCODED: row(415, 'The request body must not be encoded.'),
  INSPECTION_TOO_COSTLY: row(403, 'The request takes too much work to be checked.'),
  INSPECTION_BUSY: row(503, 'Too many request bodies are being checked.'),
  RESPONSE_CONTENT_DENIED: row(502, 'The answer of the service was withheld.'),
  STAGE_FAILED: row(403, 'The request could not be checked.'),

  // Upstreams.
  UPSTREAM_CONNECT_FAILED: row(502, 'The service could not be reached.'),
  UPSTREAM_CLOSED: row(502, 'The service closed the connection.'),
  UPSTREAM_MALFORMED: row(502, 'The service sent an invalid response.'),
  UPSTREAM_TIMEOUT: row(504, 'The service took too long.'),
  UPSTREAM_UNAVAILABLE: row(503, 'The service is not available at the moment.'),
  UPSTREAM_TLS_FAILED: row(502, 'The secure connection to the service failed.'),
  UPSTREAM_REFUSED_UPGRADE: row(502, 'The service did not accept the WebSocket connection.'),

  // WebSocket connections (the status is used only before the upgrade).
  FRAME_INVALID: row(400, 'A WebSocket frame is not valid.'),
  MESSAGE_TOO_BIG: row(413, 'A WebSocket message is too big.'),
  SLOW_CONSUMER: row(408, 'Messages were read too slowly.'),

  // Ourselves.
  POLICY_CHANGED: row(403, 'The rules of this service have changed.'),
  CLOSED_BY_OPERATOR: row(403, 'The connection was ended by an operator.'),
  DRAINING: row(503, 'The gateway is restarting.'),
  CLIENT_CLOSED: row(499, 'The client closed the connection.'),
  INTERNAL: row(500, 'Something went wrong in the gateway.'),
};

/** What an operator and a client are told of one code. */
export interface ReasonRow {
  /** HTTP status a client gets. 499 is never sent: there is nobody left to read it. */
  readonly status: number;
  /** One sentence for people outside. It never names rules, addresses or internal hosts. */
  readonly title: string;
}

/** The closed list. */
export type ReasonCode =
  | 'MALFORMED_REQUEST'
  | 'HEADERS_TOO_LARGE'
  | 'HEADER_DUPLICATE'
  | 'HEADER_NAME_FORBIDDEN'
  | 'HEADER_UNDERSCORE_VARIANT'
  | 'HOST_INVALID'
  | 'HOST_MISMATCH'
  | 'TARGET_INVALID'
  | 'TARGET_TOO_LONG'
  | 'PATH_ENCODED_SLASH'
  | 'PATH_TRAVERSAL'
  | 'FRAMING_AMBIGUOUS'
  | 'HOP_BY_HOP_NOMINATED'
  | 'BODY_UNEXPECTED'
  | 'UPGRADE_INVALID'
  | 'EXPECTATION_FAILED'
  | 'PIPELINE_TOO_DEEP'
  | 'METHOD_UNSUPPORTED'
  | 'HTTP2_PROTOCOL_ERROR'
  | 'HTTP2_RAPID_RESET'
  | 'HTTP2_FLOOD'
  | 'HTTP2_STREAMS_TOO_MANY'
  | 'PROXY_PROTOCOL_INVALID'
  | 'CLIENT_UNPROVEN'
  | 'CLIENT_ADDRESS_INVALID'
  | 'TLS_HANDSHAKE_FAILED'
  | 'HEADER_TIMEOUT'
  | 'BODY_TIMEOUT'
  | 'REQUEST_TIMEOUT'
  | 'RESPONSE_STALLED'
  | 'CONNECTION_IDLE'
  | 'CONNECTION_EVICTED'
  | 'CONNECTIONS_PER_CLIENT'
  | 'WEBSOCKETS_PER_CLIENT'
  | 'ADDRESS_DENIED'
  | 'CLIENT_BANNED'
  | 'NO_ROUTE'
  | 'HTTPS_REQUIRED'
  | 'METHOD_NOT_ALLOWED'
  | 'BODY_TOO_LARGE'
  | 'CONTENT_TYPE_NOT_ALLOWED'
  | 'REQUEST_CONTENT_DENIED'
  | 'BODY_TYPE_AMBIGUOUS'
  | 'BODY_ENCODED'
  | 'INSPECTION_TOO_COSTLY'
  | 'INSPECTION_BUSY'
  | 'RESPONSE_CONTENT_DENIED'
  | 'STAGE_FAILED'
  | 'UPSTREAM_CONNECT_FAILED'
  | 'UPSTREAM_CLOSED'
  | 'UPSTREAM_MALFORMED'
  | 'UPSTREAM_TIMEOUT'
  | 'UPSTREAM_UNAVAILABLE'
  | 'UPSTREAM_TLS_FAILED'
  | 'UPSTREAM_REFUSED_UPGRADE'
  | 'FRAME_INVALID'
  | 'MESSAGE_TOO_BIG'
  | 'SLOW_CONSUMER'
  | 'POLICY_CHANGED'
  | 'CLOSED_BY_OPERATOR'
  | 'DRAINING'
  | 'CLIENT_CLOSED'
  | 'INTERNAL';

/** A code with what it was about. `detail` is for operators only and never leaves in a response. */
export interface Reason {
  readonly code: ReasonCode;
  /** What exactly: a header name, a rule id, a limit. Bounded by {@link REASON_DETAIL_MAX}; never a secret. */
  readonly detail?: string;
}

/** Longest `detail` kept, in UTF-16 units: attacker-written names end up in it, and events have to stay small. */
export const REASON_DETAIL_MAX = 200;

/** Makes a reason; a detail that is too long is cut. */
export function reason(code: ReasonCode, detail?: string): Reason {
  if (detail === undefined) return { code };
  return { code, detail: detail.length > REASON_DETAIL_MAX ? detail.slice(0, REASON_DETAIL_MAX) : detail };
}

function row(status: number, title: string): ReasonRow {
  return { status, title };
}
