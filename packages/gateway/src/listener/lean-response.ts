import type { OutboundResponse, ResponseOwner } from '../transport/port.ts';
import type { LeanRequest } from './lean-request.ts';
import { http } from './node-http.ts';

/** The response of an HTTP/1.1 request, as an exchange sees it. */
export class LeanResponse extends http.ServerResponse<LeanRequest> implements OutboundResponse {
  // The socket is asked and not the response: behind a pipelined CONNECT `node:http` no longer tells its responses.

  get waitingBytes(): number {
    return this.req.socket.writableLength;
  }

  get takenBytes(): number {
    const { socket } = this.req;
    return socket.bytesWritten - socket.writableLength;
  }

  attach(owner: ResponseOwner): void {
    this.on('close', () => owner.onClose());
  }

  sendContinue(): void {
    this.writeContinue();
  }

  sendHead(status: number, statusText: string | undefined, fields: string[]): void {
    if (statusText === undefined) this.writeHead(status, fields);
    else this.writeHead(status, statusText, fields);
  }

  flushHead(): void {
    this.flushHeaders();
  }

  sendBody(chunk: Buffer): boolean {
    return this.write(chunk);
  }

  whenDrained(callback: () => void): void {
    this.req.socket.once('drain', callback);
  }

  finish(body?: Buffer | string): void {
    if (body === undefined) this.end();
    else if (typeof body === 'string') this.end(body);
    // It leaves with its head as one text: one system call without a vector.
    else this.end(body.toString('latin1'), 'latin1');
  }

  endConnectionAfter(): void {
    this.shouldKeepAlive = false;
  }

  /**
   * The connection cannot be used again, but closing it at once would reset the answer away from a client that is still
   * sending. So it lingers, reading and throwing away, for a bounded time.
   */
  abandonBody(linger: () => void): void {
    // It may be paused for a server that will take no more of it, and a client that cannot write does not read either.
    this.req.resume();
    this.shouldKeepAlive = false;
    const { socket } = this;
    if (socket === null) return;
    socket.destroySoon = () => {
      socket.end();
      linger();
    };
  }

  cut(): void {
    // node:http holds back what was written in this turn. A client that got its status and half a body knows more than one
    // that got nothing.
    this.uncork();
    this.req.socket.destroy();
  }
}
