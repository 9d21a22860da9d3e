import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Delivery, type EmailChannelConfig, ManualClock } from '@sallyport/kernel';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openChannel } from '../../src/index.ts';
import { MailServer, type MailServerOptions } from './mail-server.ts';
import { notificationOf, TIME_MS } from './receiver.ts';

let folder = '';
let tls = { cert: '', key: '' };
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-mail-'));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const names = ['-subj', '/CN=mail', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '7'];
  execFileSync('openssl', ['req', '-x509', ...made, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  tls = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
});
afterAll(() => rmSync(folder, { recursive: true }));

let server: MailServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const LOGIN = { user: 'gate', password: 'pässword' };

async function send(
  options: MailServerOptions,
  config: Partial<EmailChannelConfig> = {},
  notification = notificationOf(),
): Promise<Delivery> {
  server = await MailServer.open(options);
  const whole: EmailChannelConfig = {
    kind: 'email',
    name: 'mail',
    host: '127.0.0.1',
    port: server.port,
    security: 'starttls',
    login: LOGIN,
    ca: tls.cert,
    from: 'gate@example.com',
    to: ['ops@example.com', 'boss@example.com'],
    isResolvedSent: true,
    hourlyMax: 20,
    ...config,
  };
  return openChannel(whole, { clock: new ManualClock(TIME_MS), timeoutMs: 2_000 }).deliver(notification);
}

const failedAs = (failure: string): object => ({ kind: 'failed', failure, retryAfterMs: undefined, isFinal: false });
const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');

describe('a mail', () => {
  it('is sent over STARTTLS with AUTH PLAIN, to every recipient', async () => {
    expect(await send({ tls })).toEqual({ kind: 'sent' });
    expect(server?.lines).toEqual([
      'EHLO [127.0.0.1]',
      'STARTTLS',
      'TLS',
      'EHLO [127.0.0.1]',
      `AUTH PLAIN ${base64('\0gate\0pässword')}`,
      'MAIL FROM:<gate@example.com>',
      'RCPT TO:<ops@example.com>',
      'RCPT TO:<boss@example.com>',
      'DATA',
      'QUIT',
    ]);
  });

  it('is MIME in ASCII, with a subject in encoded words and the text in base64', async () => {
    const [item] = notificationOf().items;
    if (item === undefined) throw new Error('there is no item');
    const notification = notificationOf({
      items: [{ ...item, summary: 'Der Spielserver antwortet nicht: größter Ärger 🎮', facts: {} }],
    });
    await send({ tls }, {}, notification);
    const mail = server?.mails[0] ?? '';
    const [head = '', body = ''] = mail.split('\n\n');
    expect(mail).toMatch(/^[\n -~]*$/);
    expect(Math.max(...mail.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(78);
    expect(head.replace(/Subject: .*(?:\n .*)*/, 'Subject: ...')).toBe(
      [
        'Date: Tue, 14 Nov 2023 22:13:20 +0000',
        'From: gate@example.com',
        'To: ops@example.com,',
        ' boss@example.com',
        'Subject: ...',
        'Message-ID: <ntf_0123456789abcdef@sallyport.invalid>',
        'Auto-Submitted: auto-generated',
        'MIME-Version: 1.0',
        'Content-Type: text/plain; charset=utf-8',
        'Content-Transfer-Encoding: base64',
      ].join('\n'),
    );
    const words = [...head.matchAll(/=\?utf-8\?B\?([A-Za-z0-9+/=]+)\?=/g)].map(([, word = '']) =>
      Buffer.from(word, 'base64').toString('utf8'),
    );
    expect(words.join('')).toBe('[FIRING:1] sallyport on gate-1: Der Spielserver antwortet nicht: größter Ärger 🎮');
    expect(Buffer.from(body, 'base64').toString('utf8')).toBe(
      [
        'CRITICAL service-down: game <!channel> @everyone',
        'Der Spielserver antwortet nicht: größter Ärger 🎮',
        'since 2023-11-14 22:12:20 UTC',
        '',
        '',
      ].join('\r\n'),
    );
  });

  it('logs in with AUTH LOGIN where there is no PLAIN', async () => {
    expect(await send({ tls, features: ['STARTTLS', 'AUTH LOGIN'] })).toEqual({ kind: 'sent' });
    expect(server?.lines.slice(4, 7)).toEqual(['AUTH LOGIN', base64('gate'), base64('pässword')]);
  });

  it('says nothing to a server that offers no STARTTLS, or takes it back', async () => {
    expect(await send({ features: ['AUTH PLAIN'] })).toEqual(failedAs('tls'));
    expect(server?.lines).toEqual(['EHLO [127.0.0.1]']);
    await server?.close();
    expect(await send({ answers: { STARTTLS: '454 not now' } })).toEqual(failedAs('tls'));
  });

  it('does not believe what was said in plaintext behind the agreement to encrypt (CVE-2011-0411)', async () => {
    expect(await send({ answers: { STARTTLS: '220 go on\r\n250-mail.test\r\n250 AUTH PLAIN' } })).toEqual(
      failedAs('tls'),
    );
    expect(server?.lines).toEqual(['EHLO [127.0.0.1]', 'STARTTLS']);
  });

  it('does not speak to a server whose certificate nobody vouches for', async () => {
    expect(await send({ tls }, { ca: undefined })).toEqual(failedAs('tls'));
    expect(server?.lines).toEqual(['EHLO [127.0.0.1]', 'STARTTLS', 'TLS']);
  });

  it('verifies the certificate whatever the environment says', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await send({ tls }, { ca: undefined })).toEqual(failedAs('tls'));
  });

  it('goes to those who can be reached, and fails when nobody can', async () => {
    expect(await send({ tls, answers: { RCPT: '550 unknown' } })).toEqual(failedAs('refused'));
    expect(server?.mails).toEqual([]);
  });

  it.each<[string, MailServerOptions, string]>([
    ['a wrong password', { answers: { AUTH: '535 no' } }, 'unauthorized'],
    ['a login that is not possible now', { answers: { AUTH: '454 later' } }, 'receiver'],
    ['a server that is busy', { answers: { greeting: '421 later' } }, 'receiver'],
    ['a sender that is refused', { answers: { MAIL: '553 no' } }, 'refused'],
    ['a mail that is refused for now', { answers: { '.': '451 greylisted' } }, 'receiver'],
    ['an answer that is none', { answers: { greeting: 'HTTP/1.1 400 Bad Request' } }, 'protocol'],
    ['a line without an end', { answers: { greeting: `220 ${'x'.repeat(1_000_000)}` } }, 'protocol'],
    ['a reply without an end', { answers: { EHLO: '250-x\r\n'.repeat(1_000) } }, 'protocol'],
    ['replies that nobody asked for', { answers: { MAIL: '250 ok\r\n250 ok\r\n250 ok\r\n250 ok' } }, 'protocol'],
    ['a server that is silent', { answers: { MAIL: '250-wait' } }, 'timeout'],
  ])('fails in a way that is named for %s', async (_, options, failure) => {
    expect(await send({ tls, ...options })).toEqual(failedAs(failure));
    expect(server?.mails.length ?? 0).toBeLessThanOrEqual(1);
  });

  it('is sent in plaintext to this machine where that is asked for, and without a login', async () => {
    expect(await send({ features: ['SIZE 1000'] }, { security: 'none', login: undefined })).toEqual({ kind: 'sent' });
  });
});
