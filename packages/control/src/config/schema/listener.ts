import type { ClientPolicy, Http2Limits, JwksSource, ListenAddress, ListenerTls, TunnelProof } from '@sallyport/kernel';
import { z } from 'zod';
import { type BindAddress, bindAddress, network } from '../addresses.ts';
import type { ParseContext } from '../context.ts';
import { addIssue, booleanLeaf, choiceLeaf, section } from '../leaf.ts';
import { fileContent, list, name, secret, text } from '../leaves.ts';
import { HTTP2_DEFAULTS, http2 } from './http2.ts';
import { keyPair, parseCertificate } from './key-pair.ts';

/** A listener as it stands in the file, with its defaults and the content of its files. */
export interface ListenerDraft {
  readonly name: string;
  readonly address: ListenAddress;
  readonly tls: ListenerTls | undefined;
  readonly http2: Http2Limits | undefined;
  readonly isInsecure: boolean;
  readonly client: ClientPolicy;
  readonly isRedirectedToHttps: boolean;
}

/** One entry of `listeners`. */
export function listener(context: ParseContext): z.ZodType<ListenerDraft> {
  const tls = section('Serve TLS. Without it the listener is plaintext.', {
    certificates: list(
      keyPair(context),
      'Certificates, chosen by the name the client asks for; the first is the default.',
    ),
    minVersion: choiceLeaf('Oldest TLS version a client may use.', ['TLSv1.2', 'TLSv1.3']).prefault('TLSv1.2'),
  });
  return section('A door: an address to listen on, and how clients are known there.', {
    name: name('Name of the listener, in events and metrics.'),
    address: bindAddress('Where to listen. Port 0 lets the system choose.', context.directory),
    access: choiceLeaf('Who may open the socket file (Unix sockets only): mode 0600, 0660 or 0666. Default: `group`.', [
      'owner',
      'group',
      'everyone',
    ]).optional(),
    tls: tls.optional(),
    http2: http2().optional(),
    client: client(context).prefault('direct'),
    insecure: booleanLeaf('Serve plaintext beyond this machine. Refused in production.').prefault(false),
    redirectToHttps: booleanLeaf('Answer every plaintext request with a redirect to https.').prefault(false),
  }).transform((raw, issues): ListenerDraft => {
    if (raw.access !== undefined && raw.address.kind === 'tcp') {
      addIssue(issues, 'is for Unix sockets only', { path: ['access'], value: `"${raw.access}"` });
    }
    if (raw.tls?.certificates.length === 0) {
      addIssue(issues, 'is empty', { path: ['tls', 'certificates'], allowed: 'at least one certificate' });
    }
    if (raw.http2 !== undefined && raw.tls === undefined) {
      addIssue(issues, 'needs tls', { path: ['http2'] });
    }
    return {
      name: raw.name,
      address: withAccess(raw.address, raw.access ?? 'group'),
      tls: raw.tls,
      http2: raw.tls === undefined ? undefined : raw.http2 === undefined ? HTTP2_DEFAULTS : raw.http2.limits,
      isInsecure: raw.insecure,
      client: raw.client,
      isRedirectedToHttps: raw.redirectToHttps,
    };
  });
}

function client(context: ParseContext): z.ZodType<ClientPolicy> {
  const short = choiceLeaf(
    '`direct`: whoever connects is the client.',
    ['direct'],
    ', or a section with a kind',
  ).transform((kind) => ({ kind }));
  const from = (what: string): z.ZodType<readonly string[]> => list(network('A network.'), what);
  const long = z.discriminatedUnion('kind', [
    section('Whoever connects is the client.', { kind: z.literal('direct') }),
    section('A load balancer sends a PROXY protocol header (version 1 or 2) before anything else.', {
      kind: z.literal('proxy-protocol'),
      from: from('Networks of the load balancers; connections from elsewhere are refused.'),
    }),
    section('Proxies append to X-Forwarded-For, which is read from right to left.', {
      kind: z.literal('trusted-proxies'),
      from: from('Networks of the proxies; the first hop outside them is the client.'),
    }),
    section('Cloudflare connects with its client certificate (authenticated origin pulls). Needs `tls`.', {
      kind: z.literal('cloudflare'),
      clientCa: fileContent(
        'PEM file of the authority that signs Cloudflare\u2019s client certificate.',
        context,
      ).transform((pem, issues) => {
        if (parseCertificate(pem) === undefined) addIssue(issues, 'is not a PEM certificate', {});
        return pem;
      }),
    }),
    section('cloudflared connects; CF-Connecting-IP names the client.', {
      kind: z.literal('cloudflare-tunnel'),
      proof: proof(context),
    }),
  ]);
  return z.union([short, long]);
}

function proof(context: ParseContext): z.ZodType<TunnelProof> {
  const short = choiceLeaf(
    '`unix-socket`: only processes that may open our socket file can connect.',
    ['unix-socket'],
    ', or a section with a kind',
  ).transform((kind) => ({ kind }));
  const long = z.discriminatedUnion('kind', [
    section('Only processes that may open our socket file can connect.', { kind: z.literal('unix-socket') }),
    accessJwt(context),
    section('Cloudflare adds a header with a secret at its edge.', {
      kind: z.literal('origin-secret'),
      header: text('Name of the header.', {
        pattern: /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/,
        allowed: 'a header name of letters, digits and hyphens, at most 64',
        problem: 'is not a header name',
      })
        .transform((header) => header.toLowerCase())
        .prefault('x-origin-secret'),
      secrets: list(
        secret('A secret of at least 32 random bytes.', context),
        'The secret; two while one replaces the other. Only references.',
      ),
    }),
  ]);
  return z.union([short, long]);
}

function accessJwt(
  context: ParseContext,
): z.ZodType<Extract<TunnelProof, { kind: 'access-jwt' }>> & z.core.$ZodTypeDiscriminable {
  const https = { pattern: /^https:\/\/[A-Za-z0-9.-]+(:[0-9]{1,5})?(\/[!-~]*)?$/, problem: 'is not an https URL' };
  return section('Cloudflare Access signs a token into every request.', {
    kind: z.literal('access-jwt'),
    issuer: text('Issuer of the tokens.', { ...https, allowed: 'https://TEAM.cloudflareaccess.com' }).transform((url) =>
      url.replace(/\/$/, ''),
    ),
    audience: text('The application audience tag (AUD) of the Access application.', {
      pattern: /^[!-~]{8,256}$/,
      allowed: '8 to 256 visible characters',
      problem: 'is not an audience tag',
    }),
    keysUrl: text('Where the public keys are. Default: `/cdn-cgi/access/certs` of the issuer.', {
      ...https,
      allowed: 'an https URL',
    }).optional(),
    keysFile: fileContent('A JWKS file with the public keys, in place of `keysUrl`.', context).optional(),
  }).transform((raw, issues) => {
    if (raw.keysUrl !== undefined && raw.keysFile !== undefined) {
      addIssue(issues, 'cannot stand beside keysUrl', { path: ['keysFile'] });
    }
    const url = raw.keysUrl ?? `${raw.issuer}/cdn-cgi/access/certs`;
    const keys: JwksSource = raw.keysFile === undefined ? { kind: 'url', url } : { kind: 'inline', jwks: raw.keysFile };
    return { kind: raw.kind, issuer: raw.issuer, audience: raw.audience, keys };
  });
}

function withAccess(address: BindAddress, access: 'owner' | 'group' | 'everyone'): ListenAddress {
  if (address.kind === 'tcp') return address;
  return { ...address, mode: { owner: 0o600, group: 0o660, everyone: 0o666 }[access] };
}
