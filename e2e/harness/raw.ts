import { connect, type Socket } from 'node:net';

/**
 * Sends bytes and answers what comes back until the gateway closes the connection. The client goes away after the first
 * piece of an answer. '' when there is none.
 */
export async function converse(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes, 'latin1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    answer += piece;
    socket.end();
  });
  await closed(socket);
  return answer;
}

/** Waits for the end of a socket, whatever it ends with: a reset is an end too. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on('error', () => {});
    socket.once('close', () => resolve());
  });
}
