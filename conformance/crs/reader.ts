/** A request as far as it can be read. Byte strings. */
export interface ReadRequest {
  readonly line: string;
  readonly method: string;
  readonly target: string;
  readonly protocol: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  /** Why a strict gateway answers 400; undefined when it does not. */
  readonly refusal: string | undefined;
}

/**
 * Reads a request leniently, so that rules see it, and says whether the gateway would refuse it (RFC 9112 and
 * RFC 9110): the suite asks about both.
 */
export function readRequest(bytes: string): ReadRequest {
  const end = bytes.indexOf('\r\n\r\n');
  // RFC 9112 §2.2: a bare CR is read as a space, and refused below.
  const raw = end < 0 ? bytes : bytes.slice(0, end);
  const hasBareCr = /\r(?!\n)/.test(raw);
  const head = raw.replaceAll(/\r(?!\n)/g, ' ').split('\r\n');
  const rest = end < 0 ? '' : bytes.slice(end + 4);
  const [line = '', ...fieldLines] = head;
  const { method, target, protocol } = requestLine(line);
  const received = fieldLines.filter((field) => field !== '').map(fieldOf);
  const body = bodyOf(received, rest);
  const isChunked = received.some(([name]) => name.toLowerCase() === 'transfer-encoding');
  // RFC 9112 §6.3: Transfer-Encoding overrides Content-Length, which is taken away.
  const headers = isChunked ? received.filter(([name]) => name.toLowerCase() !== 'content-length') : received;
  const isMalformed = hasBareCr || /^[ \t]/.test(line);
  const refusal = isMalformed
    ? 'malformed'
    : (lineRefusal(method, target, protocol) ?? fieldRefusal(headers, protocol));
  return { line, method, target, protocol, headers, body, refusal };
}

function requestLine(line: string): { method: string; target: string; protocol: string } {
  const words = line.trim().split(/[ \t]+/);
  const [method = '', ...rest] = words;
  // RFC 1945 §4.1: a request without a version is of HTTP/0.9.
  const protocol = rest.length > 1 ? (rest.at(-1) ?? '') : 'HTTP/0.9';
  return { method, target: (rest.length > 1 ? rest.slice(0, -1) : rest).join(' '), protocol };
}

function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '')];
}

function lineRefusal(method: string, target: string, protocol: string): string | undefined {
  if (!/^(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH)$/.test(method)) return 'method';
  if (!/^HTTP\/1\.[01]$/.test(protocol)) return 'protocol';
  if (method === 'CONNECT' ? !/^[^/]+:\d+$/.test(target) : !/^(?:\/|\*$|https?:\/\/)/.test(target)) return 'target';
  return /[\0-\x20\x7f#]/.test(target) ? 'target' : undefined;
}

function fieldRefusal(headers: ReadRequest['headers'], protocol: string): string | undefined {
  const all = (name: string): string[] =>
    headers.filter(([one]) => one.toLowerCase() === name).map(([, value]) => value);
  const hosts = all('host');
  const isBad = headers.some(([name, value]) => !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || /[\0\r\n]/.test(value));
  if (isBad) return 'field';
  if (hosts.length > 1 || (hosts.length === 0 && protocol === 'HTTP/1.1')) return 'host';
  if (hosts.some((host) => !/^(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d*)?$/.test(host))) return 'host';
  return all('content-length').some((length) => !/^\d+$/.test(length)) ? 'content-length' : undefined;
}

function bodyOf(headers: ReadRequest['headers'], rest: string): string {
  const value = (name: string): string | undefined => headers.find(([one]) => one.toLowerCase() === name)?.[1];
  if (value('transfer-encoding')?.toLowerCase() === 'chunked') return chunks(rest);
  const length = Number.parseInt(value('content-length') ?? '0', 10);
  return Number.isNaN(length) || length <= 0 ? '' : rest.slice(0, length);
}

function chunks(rest: string): string {
  let body = '';
  let from = 0;
  for (;;) {
    const end = rest.indexOf('\r\n', from);
    const size = Number.parseInt(rest.slice(from, end), 16);
    if (end < 0 || Number.isNaN(size) || size === 0) return body;
    body += rest.slice(end + 2, end + 2 + size);
    from = end + 2 + size + 2;
  }
}
