import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

/** A call that came in. */
export interface Heard {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

export interface ScriptedGateway {
  readonly folder: string;
  readonly socket: string;
  readonly heard: readonly Heard[];
}

/** What is answered to a path: JSON with its status, or a text as it is. */
export type Script = Readonly<Record<string, { readonly status?: number; readonly json: unknown } | string>>;

const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Something on a socket file that answers as it is told, good or bad. */
export async function scriptedGateway(script: Script): Promise<ScriptedGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-cli-'));
  const socket = join(folder, 'admin.sock');
  const heard: Heard[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const text = Buffer.concat(chunks).toString();
      heard.push({ method, path: url, headers, body: text === '' ? undefined : JSON.parse(text) });
      const answer = script[`${method} ${url}`];
      if (answer === undefined) response.writeHead(500).end();
      else if (typeof answer === 'string') response.end(answer);
      else response.writeHead(answer.status ?? 200).end(JSON.stringify(answer.json));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  ends.push(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  return { folder, socket, heard };
}
