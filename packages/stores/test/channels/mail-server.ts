import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createSecureContext, TLSSocket } from 'node:tls';

/** How a server answers; what is not here is answered well. */
export interface MailServerOptions {
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Lines of the answer to EHLO behind the first. */
  readonly features?: readonly string[];
  /** Answers in place of the good ones, by the first word of the command; `greeting` for the first of all. */
  readonly answers?: Readonly<Record<string, string>>;
}

/** A mail server on this machine that keeps what it was told: enough of RFC 5321 to be spoken to, and as bad as a test wants it. */
export class MailServer {
  /** Every line, with `TLS` where the connection was encrypted. */
  readonly lines: string[] = [];
  readonly mails: string[] = [];
  readonly #options: MailServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: MailServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      this.#serve(socket, true);
    });
  }

  static async open(options: MailServerOptions = {}): Promise<MailServer> {
    const server = new MailServer(options);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It listens on a port.
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket, isPlain: boolean): void {
    const { features = isPlain ? ['STARTTLS'] : ['AUTH PLAIN LOGIN'], answers = {}, tls } = this.#options;
    let buffered = '';
    let mail: string[] | undefined;
    let expected: string[] = [];
    const say = (text: string): void => void socket.write(`${text}\r\n`);
    if (isPlain) say(answers['greeting'] ?? '220 mail.test ESMTP');
    const take = (line: string): void => {
      if (mail !== undefined) {
        if (line !== '.') return void mail.push(line);
        this.mails.push(mail.join('\n'));
        mail = undefined;
        return say(answers['.'] ?? '250 taken');
      }
      this.lines.push(line);
      const word = line.split(/[ :]/)[0] ?? '';
      const own = answers[word];
      if (own !== undefined) return say(own);
      if (expected.length > 0) return say(expected.shift() ?? '');
      if (word === 'EHLO')
        return say(
          ['250-mail.test', ...features.map((one, at) => `250${at === features.length - 1 ? ' ' : '-'}${one}`)]
            .join('\r\n')
            .replace(/^250-mail.test$/, '250 mail.test'),
        );
      if (word === 'STARTTLS' && tls !== undefined) {
        say('220 go on');
        socket.removeAllListeners('data');
        const secured = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(tls) });
        secured.on('error', () => undefined);
        this.lines.push('TLS');
        return this.#serve(secured, false);
      }
      if (line === 'AUTH LOGIN') {
        expected = ['334 UGFzc3dvcmQ6', '235 welcome'];
        return say('334 VXNlcm5hbWU6');
      }
      if (word === 'AUTH') return say('235 welcome');
      if (word === 'DATA') mail = [];
      return say(word === 'DATA' ? '354 go on' : word === 'QUIT' ? '221 bye' : '250 ok');
    };
    socket.on('data', (chunk: Buffer) => {
      buffered += chunk.toString('latin1');
      for (let end = buffered.indexOf('\r\n'); end !== -1; end = buffered.indexOf('\r\n')) {
        const line = buffered.slice(0, end);
        buffered = buffered.slice(end + 2);
        take(line);
      }
    });
  }
}
