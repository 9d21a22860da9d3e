import {
  type Deny,
  type Exchange,
  METHODS,
  PASS,
  REASONS,
  type ReasonCode,
  type RequestHead,
  type RequestLimits,
  reason,
  type Stage,
  type StageDefinition,
  type Verdict,
} from '@sallyport/kernel';
import { isMediaTypeMatch, parseMediaType } from './media-type.ts';

/**
 * Refuses requests that their route does not accept: too long a target, too many or too large headers, an encoded slash,
 * the wrong method, a WebSocket where none is spoken, a body where there should be none, or one that is too large or of
 * the wrong type. What a head alone can show is judged here; a chunked body is counted while it streams.
 *
 * The limits are those of the exchange's route, so there is nothing to configure or to compile. Without a route the
 * exchange passes, and the stage `routing` refuses it. Fails closed.
 */
export const protocol: StageDefinition<ProtocolConfig, ProtocolImage> = {
  name: 'protocol',
  onFailure: 'deny',
  compile: (): ProtocolImage => ({}),
  instantiate: (): Stage => ({ inspect }),
};

/** Nothing: the limits come with the route. */
export type ProtocolConfig = Readonly<Record<string, never>>;

/** Nothing: the limits come with the route. */
export type ProtocolImage = Readonly<Record<string, never>>;

/** The order: what bounds the work of all later checks first, then what the request asks for, then its body. */
function inspect(exchange: Exchange): Verdict {
  const { request, route, headerBytes, isWebSocket } = exchange;
  if (route === undefined) return PASS;
  const limits = route.request;

  const targetBytes = request.path.length + request.query.length;
  if (targetBytes > limits.targetBytesMax) {
    return deny('TARGET_TOO_LONG', `${targetBytes} bytes, more than ${limits.targetBytesMax}`);
  }
  if (request.headers.length > limits.headersMax) {
    return deny('HEADERS_TOO_LARGE', `${request.headers.length} fields, more than ${limits.headersMax}`);
  }
  if (headerBytes > limits.headerBytesMax) {
    return deny('HEADERS_TOO_LARGE', `${headerBytes} bytes, more than ${limits.headerBytesMax}`);
  }
  if (request.hasEncodedSlash && !limits.isEncodedSlashAllowed) return deny('PATH_ENCODED_SLASH');
  const methods = limits.methods.length === 0 ? METHODS : limits.methods;
  if (!methods.includes(request.method)) {
    // RFC 9110 §15.5.6: a 405 must say what is allowed.
    return { ...deny('METHOD_NOT_ALLOWED', request.method), headers: { allow: methods.join(', ') } };
  }
  // A handshake that is valid but not wanted here is forbidden (403), not malformed (the reason's 400).
  if (isWebSocket && !route.webSocket.isAllowed) {
    return { ...deny('UPGRADE_INVALID', 'the route takes no WebSockets'), status: 403 };
  }
  return hasBody(request) ? inspectBody(request, limits, isWebSocket) : PASS;
}

function inspectBody(request: RequestHead, limits: RequestLimits, isWebSocket: boolean): Verdict {
  // Behind a handshake frames follow: a body there would be read as frames by one server and as a body by another.
  const isBodyExpected = limits.isBodyOnGetAllowed || !(request.method === 'GET' || request.method === 'HEAD');
  if (isWebSocket || !isBodyExpected)
    return deny('BODY_UNEXPECTED', isWebSocket ? 'WebSocket handshake' : request.method);
  if (request.framing.kind === 'length' && request.framing.bytes > limits.bodyBytesMax) {
    return deny('BODY_TOO_LARGE', `${request.framing.bytes} bytes, more than ${limits.bodyBytesMax}`);
  }
  return limits.contentTypes.length === 0 ? PASS : inspectContentType(request, limits.contentTypes);
}

function inspectContentType(request: RequestHead, allowed: readonly string[]): Verdict {
  const values = request.headers.getAll('content-type');
  const [value] = values;
  if (value === undefined) return deny('CONTENT_TYPE_NOT_ALLOWED', 'missing');
  // Two fields, or a value that is no media type, are read differently by different servers.
  const mediaType = values.length === 1 ? parseMediaType(value) : undefined;
  if (mediaType === undefined) return deny('CONTENT_TYPE_NOT_ALLOWED', `not one media type: ${values.join(', ')}`);
  const isAllowed = allowed.some((pattern) => isMediaTypeMatch(pattern, mediaType));
  return isAllowed ? PASS : deny('CONTENT_TYPE_NOT_ALLOWED', `${mediaType.type}/${mediaType.subtype}`);
}

/** A chunked body counts as one although it may turn out to be empty. */
function hasBody({ framing }: RequestHead): boolean {
  return framing.kind === 'chunked' || (framing.kind === 'length' && framing.bytes > 0);
}

function deny(code: ReasonCode, detail?: string): Deny {
  return { kind: 'deny', status: REASONS[code].status, reason: reason(code, detail) };
}
