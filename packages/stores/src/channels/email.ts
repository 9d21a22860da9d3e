import type { EmailChannelConfig, Notification, NotificationChannel } from '@sallyport/kernel';
import { failed } from './post.ts';
import { SmtpConnection, SmtpError, type SmtpReply } from './smtp-connection.ts';
import { factLines, headline, itemTitle, trailer } from './texts.ts';
import type { ChannelOptions } from './webhook.ts';

/**
 * A mail over SMTP (RFC 5321) with STARTTLS (RFC 3207) and AUTH (RFC 4954), PLAIN before LOGIN. The password is said only over an
 * encrypted connection, or to this machine.
 */
export function emailChannel(
  config: EmailChannelConfig,
  { clock, ca, timeoutMs = MAIL_MS_MAX }: ChannelOptions,
): NotificationChannel {
  const { host, port } = config;
  return {
    name: config.name,
    kind: config.kind,
    target: `${host}:${port}`,
    deliver: async (notification) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const server = { host, port, ca: config.ca ?? ca };
      const connection = SmtpConnection.open(server, { isTls: config.security === 'tls', signal });
      try {
        await converse(connection, config, renderMail(notification, config, clock.wallMs()));
        return { kind: 'sent' };
      } catch (error) {
        if (!(error instanceof SmtpError)) throw error;
        return failed(error.failure);
      } finally {
        connection.close();
      }
    },
  };
}

/** For the whole conversation, in milliseconds: servers that greylist or scan answer slowly. */
const MAIL_MS_MAX = 30_000;

async function converse(connection: SmtpConnection, config: EmailChannelConfig, mail: string): Promise<void> {
  expect(await connection.reply(), 220);
  let features = await hello(connection);
  if (config.security === 'starttls') {
    // Whoever takes this word out of the answer would read all that follows.
    if (!features.has('STARTTLS')) throw new SmtpError('tls');
    if ((await connection.command('STARTTLS')).code !== 220) throw new SmtpError('tls');
    await connection.encrypt();
    features = await hello(connection);
  }
  if (config.login !== undefined) await logIn(connection, config.login, features.get('AUTH') ?? []);
  expect(await connection.command(`MAIL FROM:<${config.from}>`), 250);
  let taken = 0;
  let refusal: SmtpReply | undefined;
  for (const to of config.to) {
    const reply = await connection.command(`RCPT TO:<${to}>`);
    if (reply.code === 250 || reply.code === 251) taken += 1;
    else refusal = reply;
  }
  // Who can be reached is told; a mistyped address must not keep the others in the dark.
  if (taken === 0 && refusal !== undefined) throw refused(refusal);
  expect(await connection.command('DATA'), 354);
  expect(await connection.send(`${mail.replaceAll(/^\./gm, '..')}\r\n.\r\n`), 250);
  await connection.command('QUIT').catch(() => undefined);
}

/** Features by name, with their parameters. */
async function hello(connection: SmtpConnection): Promise<ReadonlyMap<string, readonly string[]>> {
  const reply = await connection.command(`EHLO ${connection.addressLiteral}`);
  expect(reply, 250);
  return new Map(
    reply.lines.slice(1).map((line) => {
      const [name = '', ...parameters] = line.toUpperCase().split(/[ =]+/);
      return [name, parameters];
    }),
  );
}

async function logIn(
  connection: SmtpConnection,
  { user, password }: NonNullable<EmailChannelConfig['login']>,
  mechanisms: readonly string[],
): Promise<void> {
  if (mechanisms.includes('PLAIN')) {
    return welcome(await connection.command(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`));
  }
  if (!mechanisms.includes('LOGIN')) throw new SmtpError('unauthorized');
  expect(await connection.command('AUTH LOGIN'), 334);
  expect(await connection.command(base64(user)), 334);
  welcome(await connection.command(base64(password)));
}

function welcome(reply: SmtpReply): void {
  if (reply.code === 235) return;
  throw new SmtpError(reply.code >= 500 ? 'unauthorized' : 'receiver');
}

function expect(reply: SmtpReply, code: number): void {
  if (reply.code !== code) throw refused(reply);
}

/** RFC 5321 §4.2.1: 4yz may go well later. 5yz will not, but who has made a mistake in the configuration has a day to mend it. */
function refused({ code }: SmtpReply): SmtpError {
  if (code >= 500) return new SmtpError('refused');
  return new SmtpError(code >= 400 ? 'receiver' : 'protocol');
}

/** RFC 5322 and MIME, in ASCII: what is not stands in encoded words and in base64, so no text can begin a header. */
function renderMail(
  notification: Notification,
  { from: sender, to }: Pick<EmailChannelConfig, 'from' | 'to'>,
  nowMs: number,
): string {
  const { items, id } = notification;
  const end = trailer(notification);
  const paragraphs = items.map((item) => [itemTitle(item), item.summary, ...factLines(item)].join('\r\n'));
  const body = [...paragraphs, ...(end === '' ? [] : [end]), ''].join('\r\n\r\n');
  const first = items[0];
  const subject = first === undefined ? headline(notification) : `${headline(notification)}: ${first.summary}`;
  return [
    `Date: ${new Date(nowMs).toUTCString().replace('GMT', '+0000')}`,
    `From: ${sender}`,
    ...to.map((address, index) => `${index === 0 ? 'To: ' : ' '}${address}${index === to.length - 1 ? '' : ','}`),
    `Subject: ${encodedWords(subject)}`,
    `Message-ID: <${id}@sallyport.invalid>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    '',
    ...(base64(body).match(/.{1,76}/g) ?? []),
  ].join('\r\n');
}

/** RFC 2047: words of at most 75 characters, each of whole characters, folded onto lines of their own. */
function encodedWords(text: string): string {
  const words: string[] = [];
  let word = '';
  for (const character of text) {
    if (Buffer.byteLength(word + character) > WORD_BYTES_MAX) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  return [...words, word].map((part) => `=?utf-8?B?${base64(part)}?=`).join('\r\n ');
}

/** Base64 of so many bytes is 52 characters: with its frame and the name of the field, less than the 76 of a line. */
const WORD_BYTES_MAX = 39;

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
