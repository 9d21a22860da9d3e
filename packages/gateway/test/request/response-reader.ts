/** One final response as a client got it. */
export interface WireResponse {
  readonly status: number;
  /** Status line and header section as they came. */
  readonly head: string;
  /** Names in lower case, in their order. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export interface WireResponses {
  readonly responses: readonly WireResponse[];
  /** Interim responses (1xx) on the way. */
  readonly interims: readonly number[];
  /** Nothing, or the beginning of a response that did not come to its end. */
  readonly rest: string;
}

/** The first value of a field. */
export function fieldOf(response: WireResponse | undefined, name: string): string | undefined {
  return response?.fields.find(([each]) => each === name)?.[1];
}

/**
 * Takes apart what came back on a connection. `isHead` says whether a response answers a HEAD request and therefore has no
 * body whatever it announces. @throws Error for bytes that are not HTTP/1.1 responses.
 */
export function readResponses(bytes: Buffer, isHead: (response: Omit<WireResponse, 'body'>) => boolean): WireResponses {
  const text = bytes.toString('latin1');
  const responses: WireResponse[] = [];
  const interims: number[] = [];
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end === -1) break;
    const head = headOf(text.slice(at, end));
    const bodyAt = end + 4;
    if (head.status < 200 && head.status !== 101) {
      interims.push(head.status);
      at = bodyAt;
      continue;
    }
    const body = isHead(head) ? { text: '', end: bodyAt } : bodyOf(head, text, bodyAt);
    if (body === undefined) break;
    responses.push({ ...head, body: body.text });
    at = body.end;
  }
  return { responses, interims, rest: text.slice(at) };
}

function headOf(head: string): Omit<WireResponse, 'body'> {
  const [statusLine = '', ...lines] = head.split('\r\n');
  const status = /^HTTP\/1\.1 ([1-5][0-9]{2})(?: .*)?$/.exec(statusLine)?.[1];
  if (status === undefined) throw new Error(`not a status line: ${JSON.stringify(statusLine.slice(0, 80))}`);
  const fields = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return { status: Number(status), head, fields };
}

function bodyOf(head: Omit<WireResponse, 'body'>, text: string, at: number): { text: string; end: number } | undefined {
  if (head.status === 204 || head.status === 304 || head.status === 101) return { text: '', end: at };
  const length = head.fields.find(([name]) => name === 'content-length')?.[1];
  if (length !== undefined) {
    const end = at + Number(length);
    return end > text.length ? undefined : { text: text.slice(at, end), end };
  }
  if (head.fields.some(([name, value]) => name === 'transfer-encoding' && value === 'chunked'))
    return chunksOf(text, at);
  return { text: text.slice(at), end: text.length };
}

function chunksOf(text: string, from: number): { text: string; end: number } | undefined {
  let body = '';
  let at = from;
  for (;;) {
    const line = text.indexOf('\r\n', at);
    if (line === -1) return undefined;
    const size = Number.parseInt(text.slice(at, line), 16);
    const end = line + 2 + size + 2;
    if (end > text.length) return undefined;
    if (size === 0) return { text: body, end };
    body += text.slice(line + 2, line + 2 + size);
    at = end;
  }
}
