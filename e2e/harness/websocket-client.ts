import { type ClientOptions, WebSocket } from 'ws';
import { patiently } from './scope.ts';

/** How a WebSocket ended. */
export interface Closing {
  readonly code: number;
  readonly reason: string;
}

/** Opens a WebSocket. @throws Error, with the status when the handshake was refused. */
export function openWebSocket(url: string, options: ClientOptions = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false, ...options });
  const opened = new Promise<WebSocket>((resolve, reject) => {
    socket.once('open', () => {
      socket.off('error', reject);
      socket.on('error', () => socket.terminate());
      resolve(socket);
    });
    socket.once('error', reject);
    socket.once('unexpected-response', (request, response) => {
      request.destroy();
      reject(new Error(`the handshake was refused with ${response.statusCode}`));
    });
  });
  return patiently(`the handshake of ${url}`, opened);
}

export function closingOf(socket: WebSocket): Promise<Closing> {
  return new Promise((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: reason.toString('utf8') }));
  });
}

/** The next message, as text. */
export function nextMessage(socket: WebSocket): Promise<string> {
  const message = new Promise<string>((resolve, reject) => {
    socket.once('message', (data) => resolve(Buffer.isBuffer(data) ? data.toString('utf8') : ''));
    socket.once('close', (code) => reject(new Error(`closed with ${code} before a message came`)));
  });
  return patiently('a message', message);
}
