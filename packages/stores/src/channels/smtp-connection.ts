import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { DeliveryFailure } from '@sallyport/kernel';
import { failureOf } from './post.ts';

/** What a server has answered: RFC 5321 §4.2. */
export interface SmtpReply {
  readonly code: number;
  /** The texts of its lines. */
  readonly lines: readonly string[];
}

/** Why a conversation ends without a mail. The server's words are not in it. */
export class SmtpError extends Error {
  readonly failure: DeliveryFailure;

  constructor(failure: DeliveryFailure) {
    super(failure);
    this.name = 'SmtpError';
    this.failure = failure;
  }
}

/** Where a server is, and whom to believe that it is one. */
export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  readonly ca: string | undefined;
}

/**
 * A connection to a mail server: commands out, replies in, one after the other. Lines and replies are bounded, and a reply that
 * nobody asked for ends it.
 */
export class SmtpConnection {
  readonly #server: SmtpServer;
  #socket: Socket;
  #buffered = '';
  #lines: string[] = [];
  #waiting: { readonly resolve: (reply: SmtpReply) => void; readonly reject: (error: SmtpError) => void } | undefined;
  #ready: SmtpReply | undefined;
  #ended: SmtpError | undefined;

  private constructor(socket: Socket, server: SmtpServer) {
    this.#socket = socket;
    this.#server = server;
    this.#listen();
  }

  /** Connects; `isTls`: encrypted from the first byte. `signal` ends the connection whatever it does. */
  static open(
    server: SmtpServer,
    { isTls, signal }: { readonly isTls: boolean; readonly signal: AbortSignal },
  ): SmtpConnection {
    const { host, port } = server;
    const socket = isTls ? connectTls({ host, port, ...verification(server) }) : connectPlain({ host, port });
    const connection = new SmtpConnection(socket, server);
    signal.addEventListener('abort', () => connection.#end(new SmtpError('timeout')), { once: true });
    return connection;
  }

  /** This end of the connection, as a client without a name of its own says who it is (RFC 5321 §4.1.3, §4.1.4). */
  get addressLiteral(): string {
    const { localAddress = '' } = this.#socket;
    return isIP(localAddress) === 6 ? `[IPv6:${localAddress}]` : `[${localAddress}]`;
  }

  /** The next reply. @throws SmtpError. */
  reply(): Promise<SmtpReply> {
    const ready = this.#ready;
    this.#ready = undefined;
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  /** Sends one command and waits for its reply. `line` has no line break in it. @throws SmtpError. */
  command(line: string): Promise<SmtpReply> {
    return this.send(`${line}\r\n`);
  }

  send(text: string): Promise<SmtpReply> {
    if (this.#ended === undefined) this.#socket.write(text);
    return this.reply();
  }

  /**
   * Goes over to TLS after the server has agreed. What it said in plaintext behind its agreement is not believed (CVE-2011-0411):
   * somebody on the way may have said it. @throws SmtpError.
   */
  async encrypt(): Promise<void> {
    if (this.#buffered !== '' || this.#ready !== undefined || this.#lines.length > 0) {
      this.#end(new SmtpError('tls'));
      throw new SmtpError('tls');
    }
    const plain = this.#socket;
    plain.removeAllListeners('data').removeAllListeners('error').removeAllListeners('close');
    this.#socket = connectTls({ socket: plain, ...verification(this.#server) });
    const secured = new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve: () => resolve(), reject };
      this.#socket.once('secureConnect', () => {
        this.#waiting = undefined;
        resolve();
      });
    });
    this.#listen();
    await secured;
  }

  close(): void {
    this.#end(new SmtpError('unreachable'));
  }

  #listen(): void {
    this.#socket.setEncoding('latin1');
    this.#socket.on('data', (text: string) => this.#receive(text));
    this.#socket.on('error', (error) => this.#end(new SmtpError(failureOf(error))));
    this.#socket.on('close', () => this.#end(new SmtpError('unreachable')));
  }

  #receive(text: string): void {
    this.#buffered += text;
    for (;;) {
      const end = this.#buffered.indexOf('\n');
      if (end === -1) break;
      const line = this.#buffered.slice(0, end).replace(/\r$/, '');
      this.#buffered = this.#buffered.slice(end + 1);
      if (!this.#take(line)) return this.#end(new SmtpError('protocol'));
    }
    if (this.#buffered.length > LINE_BYTES_MAX) this.#end(new SmtpError('protocol'));
  }

  /** False for what is no line of a reply, or one too many. */
  #take(line: string): boolean {
    const [, code, more, text = ''] = /^([2-5][0-9]{2})([ -]?)(.*)$/.exec(line) ?? [];
    if (code === undefined || line.length > LINE_BYTES_MAX || this.#lines.length >= REPLY_LINES_MAX) return false;
    this.#lines.push(text);
    if (more === '-') return true;
    const reply = { code: Number(code), lines: this.#lines };
    this.#lines = [];
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined) waiting.resolve(reply);
    else if (this.#ready === undefined) this.#ready = reply;
    else return false;
    return true;
  }

  #end(error: SmtpError): void {
    if (this.#ended === undefined) {
      this.#ended = error;
      this.#socket.destroy();
    }
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
  }
}

/** RFC 5321 §4.5.3.1.5 has 512 bytes in a line of a reply. */
const LINE_BYTES_MAX = 2_048;
const REPLY_LINES_MAX = 100;

function verification({ host, ca }: SmtpServer): object {
  // Said, so that no variable of the environment says otherwise.
  return {
    rejectUnauthorized: true,
    ...(isIP(host) === 0 ? { servername: host } : { host }),
    ...(ca === undefined ? {} : { ca }),
  };
}
