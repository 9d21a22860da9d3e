import { Buffer } from 'node:buffer';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { respond } from '../crs/upstream.ts';

/** The reflecting upstream on a free port. */
export async function startUpstream(): Promise<{ readonly port: number; readonly server: Server }> {
  const server = createServer({ maxHeaderSize: 131_072 }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('latin1');
      const answer = respond(request.method ?? '', request.url ?? '', body);
      response.writeHead(answer.status, answer.headers.flat());
      response.end(Buffer.from(answer.body, 'latin1'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the upstream has no port');
  return { port: address.port, server };
}

/** Sends bytes and reads one response. Answers its status, 0 without one. */
export function send(port: number, bytes: string): Promise<number> {
  const isHead = bytes.startsWith('HEAD ');
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let got = '';
    const finish = (): void => {
      socket.destroy();
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(got)?.[1] ?? 0));
    };
    // A server that waits for more than a test sends would wait for ever.
    socket.setTimeout(RESPONSE_MS_MAX, finish);
    socket.on('error', () => undefined);
    socket.on('close', finish);
    socket.setEncoding('latin1').on('data', (text: string) => {
      got += text;
      const end = got.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = got.slice(0, end);
      const length = Number(/\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN);
      const isClosing = /\nconnection: *close/i.test(head);
      if (!isClosing && (isHead || got.length >= end + 4 + length)) finish();
    });
    socket.write(bytes, 'latin1');
  });
}

/** Longer than any answer of a local gateway takes on a busy machine. */
const RESPONSE_MS_MAX = 5_000;
