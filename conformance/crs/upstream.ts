import { Buffer } from 'node:buffer';

export interface UpstreamResponse {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
}

/** What the suite's upstream answers: nothing, and on POST /reflect what the request asks for. */
export function respond(method: string, target: string, body: string): UpstreamResponse {
  const wish = method === 'POST' && target.split('?', 1)[0]?.endsWith('/reflect') === true ? wishOf(body) : {};
  const { status, headers, body: text, encodedBody } = wish;
  const named = typeof headers === 'object' && headers !== null ? Object.entries(headers) : [];
  const content =
    typeof encodedBody === 'string'
      ? Buffer.from(encodedBody, 'base64').toString('latin1')
      : Buffer.from(typeof text === 'string' ? text : '', 'utf8').toString('latin1');
  const fields = named.map(([name, value]): readonly [string, string] => [name, String(value)]);
  const hasType = fields.some(([name]) => name.toLowerCase() === 'content-type');
  return {
    status: typeof status === 'number' ? status : 200,
    headers: [
      ...(hasType ? [] : [['Content-Type', 'text/plain; charset=utf-8'] as const]),
      ...fields,
      ['Content-Length', String(content.length)],
    ],
    body: content,
  };
}

function wishOf(body: string): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(body, 'latin1').toString('utf8'));
    return typeof parsed === 'object' && parsed !== null ? Object.fromEntries(Object.entries(parsed)) : {};
  } catch {
    // Not a wish: the upstream answers as to any other path.
    return {};
  }
}
