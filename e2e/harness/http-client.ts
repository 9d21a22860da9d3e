import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';

export interface HttpOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** The address it comes from: any of 127.0.0.0/8 is ours. */
  readonly from?: string;
  /** Path of a Unix socket, in place of the address in the URL. */
  readonly socket?: string;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly text: string;
}

/** One request on a connection of its own. */
export async function httpRequest(url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  const response = await openRequest(url, options);
  const chunks: Buffer[] = [];
  for await (const chunk of response) if (Buffer.isBuffer(chunk)) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return { status: response.statusCode ?? 0, headers: response.headers, body, text: body.toString('utf8') };
}

/** The same up to the head of the response; the caller reads its body. */
export function openRequest(url: string, options: HttpOptions = {}): Promise<IncomingMessage> {
  const outgoing = startRequest(url, options);
  const response = responseOf(outgoing);
  outgoing.end(options.body);
  return response;
}

/** The same, with a body that the caller writes and ends. */
export function startRequest(url: string, options: HttpOptions = {}): ClientRequest {
  const { method = 'GET', headers, from, socket } = options;
  const details: RequestOptions = { method, agent: false };
  if (headers !== undefined) details.headers = { ...headers };
  if (from !== undefined) details.localAddress = from;
  if (socket !== undefined) details.socketPath = socket;
  return request(url, details);
}

export function responseOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
}
