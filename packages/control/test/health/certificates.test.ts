import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ListenerConfig } from '@sallyport/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nextCertificate } from '../../src/health/certificate-watch.ts';
import { certificateNotice, ListenerCertificates, loadConfig, serviceNotice } from '../../src/index.ts';
import { serviceOf } from './rig.ts';

const DAY_MS = 86_400_000;
const END_MS = Date.UTC(2027, 0, 31);

describe('the end of a certificate', () => {
  it.each([
    [21 * DAY_MS + 1, undefined, undefined],
    [21 * DAY_MS, 'three-weeks', 'ending'],
    [7 * DAY_MS, 'week', 'ending'],
    [DAY_MS, 'day', 'ending'],
    [0, 'ended', 'ending'],
  ])('%d ms before it is %s', (leftMs, stage, news) => {
    expect(nextCertificate(undefined, END_MS, END_MS - leftMs)).toEqual({ state: { endsMs: END_MS, stage }, news });
  });

  it('is news once for each stage, and so is the certificate after it', () => {
    const told = [];
    let state: Parameters<typeof nextCertificate>[0];
    for (const [endsMs, nowMs] of [
      [END_MS, END_MS - 20 * DAY_MS],
      [END_MS, END_MS - 19 * DAY_MS],
      [END_MS, END_MS - 2 * DAY_MS],
      [END_MS + 90 * DAY_MS, END_MS - DAY_MS],
    ] as const) {
      const next = nextCertificate(state, endsMs, nowMs);
      told.push(next.news);
      state = next.state;
    }
    expect(told).toEqual(['ending', undefined, 'ending', 'renewed']);
  });

  it('is told more urgently the nearer it is', () => {
    const notice = certificateNotice('site', { endsMs: END_MS, stage: 'day' }, 1);
    expect(notice).toMatchObject({ kind: 'certificate-ending', status: 'firing', severity: 'critical' });
    expect(notice.summary).toBe('The certificate of site ends on 2027-01-31.');
    expect(certificateNotice('site', { endsMs: END_MS, stage: undefined }, 1).status).toBe('resolved');
  });
});

describe('what operators are told of a service', () => {
  it('names where it is and why, and nothing that is secret', () => {
    const target = {
      kind: 'http',
      url: 'https://api.test/health?token=hunter2',
      method: 'GET',
      statuses: [],
      text: undefined,
      headers: [['authorization', 'hunter2']],
      tls: { ca: undefined, serverName: undefined },
    } as const;
    const last = { code: 'STATUS', detail: 'status 503' };
    const notice = serviceNotice(serviceOf('api', { target }), { status: 'firing', last, isFlapping: true, timeMs: 1 });
    expect(notice).toEqual({
      kind: 'service-down',
      subject: 'api',
      status: 'firing',
      severity: 'critical',
      summary: 'api is down (STATUS, status 503).',
      facts: { check: 'http', target: 'https://api.test/health', code: 'STATUS', flapping: 'yes' },
      timeMs: 1,
    });
  });
});

describe('certificates that listeners serve', () => {
  let folder = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-served-'));
    const names = ['-subj', '/CN=one', '-addext', 'subjectAltName=DNS:play.test'];
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', ...names];
    for (const [name, days] of [['one', '30'] as const, ['soon', '10'] as const]) {
      const place = ['-days', days, '-keyout', `${name}.key`, '-out', `${name}.pem`];
      execFileSync('openssl', ['req', '-x509', ...made, ...place], { cwd: folder, stdio: 'ignore' });
    }
  });

  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  function listeners(): readonly ListenerConfig[] {
    const path = join(folder, 'sallyport.yaml');
    const text = `version: 1
mode: development
listeners: [{ name: public, address: "127.0.0.1:0", tls: { certificates: [{ certificate: one.pem, key: one.key }] } }]
upstreams: { game: "http://127.0.0.1:1" }
routes: [{ name: game, upstream: game, profile: game }]
waf: { mode: off }
`;
    const loaded = loadConfig({ path, environment: {}, files: filesWith(path, text) });
    if (!loaded.ok) throw new Error(loaded.problems.map(({ problem }) => problem).join());
    return loaded.config.gateway.listeners;
  }

  function filesWith(path: string, text: string): NonNullable<Parameters<typeof loadConfig>[0]['files']> {
    const failure = { kind: 'failure', why: 'does not exist', isMissing: true } as const;
    return {
      read: (name) => {
        if (name === path) return { kind: 'content', text, mode: 0o600 };
        if (!/one\.(pem|key)$/.test(name)) return failure;
        return { kind: 'content', text: readFileSync(name, 'utf8'), mode: 0o600 };
      },
      readBytes: () => failure,
      list: () => failure,
    };
  }

  it('are looked at when they are taken over and as the calendar goes on, and forgotten when they are served no more', () => {
    const news: (readonly [string, string])[] = [];
    const watch = new ListenerCertificates(({ names }, what) => {
      if (what !== undefined) news.push([names, what]);
    });
    const nowMs = Date.now();
    watch.apply(listeners(), nowMs);
    expect(watch.list()).toMatchObject([{ listener: 'public', names: 'DNS:play.test', stage: null }]);
    watch.look(nowMs + 15 * DAY_MS);
    watch.look(nowMs + 31 * DAY_MS);
    expect(watch.list()).toMatchObject([{ stage: 'ended' }]);
    watch.apply([], nowMs + 31 * DAY_MS);
    expect([watch.list(), news.map(([, what]) => what)]).toEqual([[], ['ending', 'ending', 'renewed']]);
  });

  it('are told of by the first to end, where two have the same names', () => {
    const news: string[] = [];
    const watch = new ListenerCertificates((_, what) => {
      if (what !== undefined) news.push(what);
    });
    const soon = { certificate: readFileSync(join(folder, 'soon.pem'), 'utf8'), key: '' };
    const both = listeners().map((listener) => {
      const { tls } = listener;
      if (tls === undefined) throw new Error('a listener without TLS');
      return { ...listener, tls: { ...tls, certificates: [...tls.certificates, soon, ...tls.certificates] } };
    });
    const nowMs = Date.now();
    watch.apply(both, nowMs);
    watch.look(nowMs);
    watch.look(nowMs);
    expect([watch.list().map(({ stage }) => stage), news]).toEqual([['three-weeks'], ['ending']]);
  });
});
