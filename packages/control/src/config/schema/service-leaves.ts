import { isIP } from 'node:net';
import type { ServerAddress } from '@sallyport/kernel';
import { z } from 'zod';
import type { Headers, ServiceTls, StatusRange } from '../../health/service.ts';
import { serverUrl } from '../addresses.ts';
import type { ParseContext } from '../context.ts';
import { addIssue, booleanLeaf, integerLeaf, type Parsed, section, textLeaf } from '../leaf.ts';
import { fileContent, givenSecret, text } from '../leaves.ts';
import { parseCertificate } from './key-pair.ts';

/** The values that services have and nothing else of the file has. */

/** `HOST:PORT` or `unix:PATH`; without a port, `port`. */
export function serviceAddress(
  description: string,
  { directory, port }: { readonly directory: string; readonly port: number | undefined },
): z.ZodType<ServerAddress> {
  const allowed = `HOST:PORT such as db.internal:${port ?? 7777}, or unix:PATH${port === undefined ? '' : `; without a port ${port}`}`;
  const url = serverUrl(description, directory);
  return textLeaf<ServerAddress>({ description, allowed }, (value) => {
    const isSocket = value.startsWith('unix:');
    const hasPort = /:[0-9]{1,5}$/.test(value) && isIP(value) !== 6;
    if (!isSocket && (value.includes('/') || (!hasPort && port === undefined))) {
      return { ok: false, problem: 'is not HOST:PORT' };
    }
    const host = isIP(value) === 6 ? `[${value}]` : value;
    const parsed = url.safeParse(isSocket ? value : `http://${host}${hasPort ? '' : `:${port}`}`);
    if (parsed.success) return { ok: true, value: parsed.data.address };
    return { ok: false, problem: isSocket ? 'has no path to a socket file' : 'is not HOST:PORT' };
  });
}

/** A URL of one of two schemes, the one in the clear first. */
export function serviceUrl(description: string, schemes: readonly [plain: string, tls: string]): z.ZodType<string> {
  const allowed = `${schemes[0]}://HOST/PATH or ${schemes[1]}://HOST/PATH`;
  return textLeaf<string>({ description, allowed }, (value): Parsed<string> => {
    const url = value.length > URL_LENGTH_MAX ? null : URL.parse(value);
    if (url === null) return { ok: false, problem: 'is not a URL' };
    if (!schemes.includes(url.protocol.slice(0, -1))) return { ok: false, problem: 'has another scheme' };
    if (url.username !== '' || url.password !== '') {
      return { ok: false, problem: 'holds a user name or password; a header with a reference can carry one' };
    }
    return url.hash === '' ? { ok: true, value: url.href } : { ok: false, problem: 'has a fragment' };
  });
}

/** `200` or `200-299`. */
export function statusRange(): z.ZodType<StatusRange> {
  const one = integerLeaf('A status.', { min: 100, max: 599 }).transform((status) => ({ from: status, to: status }));
  const facts = { description: 'A range of statuses.', allowed: 'a range such as "200-299"' };
  const range = textLeaf<StatusRange>(facts, (value) => {
    const match = /^([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?$/.exec(value);
    const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    return from <= to ? { ok: true, value: { from, to } } : { ok: false, problem: 'is not a status' };
  });
  return z.union([one, range]);
}

/** Header fields of a check. Values are never shown: what they hold may open something. */
export function headers(): z.ZodType<Headers> {
  const facts = { description: 'A value.', allowed: 'a text, or a reference', isHidden: true };
  const value = textLeaf<{ readonly value: string; readonly isReference: boolean }>(facts, (raw, source) =>
    /^[\t -~]{0,4096}$/.test(raw)
      ? { ok: true, value: { value: raw, isReference: source !== undefined } }
      : { ok: false, problem: 'has line breaks or characters outside ASCII, or more than 4096 of them' },
  );
  return z
    .record(z.string(), value)
    .meta({ description: 'Header fields to send. What opens something stands behind a reference.' })
    .transform((fields, issues): Headers => {
      const entries = Object.entries(fields);
      if (entries.length > HEADERS_SENT_MAX) addIssue(issues, `has more than ${HEADERS_SENT_MAX} fields`, {});
      return entries.map(([name, field]) => {
        const problem = headerProblem(name, field.isReference);
        if (problem !== undefined) addIssue(issues, problem, { path: [name], allowed: HEADERS_ALLOWED });
        return [name.toLowerCase(), field.value];
      });
    })
    .prefault({});
}

function headerProblem(name: string, isReference: boolean): string | undefined {
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/.test(name)) return 'is not a header name';
  if (OWN_HEADERS.test(name)) return 'is set by the check itself';
  if (!isReference && SECRET_HEADERS.test(name)) return 'is a secret that stands in the file itself';
  return undefined;
}

const HEADERS_ALLOWED = 'a field of the request; ${env:NAME} or ${file:PATH} for what opens something';

/** What makes a request what it is; a second one of these would be another request to somebody on the way. */
const OWN_HEADERS =
  /^(connection|content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade|sec-websocket-.*)$/i;

const SECRET_HEADERS = /authorization|cookie|token|secret|password|api-?key/i;

/** `true`, or how the server proves itself. */
export function optionalTls(context: ParseContext): z.ZodType<ServiceTls | undefined> {
  const flag = booleanLeaf('`true`: over TLS, with the authorities of the system.').transform(
    (isOn): ServiceTls | undefined => (isOn ? SYSTEM_TLS : undefined),
  );
  return z.union([flag, tlsSection(context)]).prefault(false);
}

/** How a server proves itself. */
export function tlsSection(context: ParseContext): z.ZodType<ServiceTls> {
  return section('How the server proves itself. Certificates are always verified.', tlsShape(context)).transform(
    ({ ca, serverName }): ServiceTls => ({ ca, serverName }),
  );
}

export function tlsShape(context: ParseContext): TlsShape {
  const ca = fileContent('PEM file of the only authorities that count. Default: those of the system.', context);
  const serverName = text('Name the certificate must be for. Default: the host.', {
    pattern: /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/,
    allowed: 'a host name',
    problem: 'is not a host name',
  });
  const certificate = ca.transform((pem, issues) => {
    if (parseCertificate(pem) === undefined) addIssue(issues, 'is not a PEM certificate', {});
    return pem;
  });
  return { ca: certificate.optional(), serverName: serverName.optional() };
}

/** No interface: a shape needs an index signature. */
type TlsShape = {
  readonly ca: z.ZodType<string | undefined>;
  readonly serverName: z.ZodType<string | undefined>;
};

const SYSTEM_TLS: ServiceTls = { ca: undefined, serverName: undefined };

/** A text in one line, of which there is something. */
export function words(description: string): z.ZodType<string> {
  const facts = { description, allowed: 'a text in one line', json: { type: 'string', minLength: 1 } };
  return textLeaf<string>(facts, (value) =>
    /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]{1,256}$/u.test(value)
      ? { ok: true, value }
      : { ok: false, problem: 'is empty, has control characters, or is longer than 256 characters' },
  );
}

/** A password that somebody else has chosen, however weak. */
export function credential(description: string, context: ParseContext): z.ZodType<string> {
  return givenSecret(description, context, {
    allowed: '${env:NAME} or ${file:PATH}',
    judge: (value) => (/^[^\0]{1,1024}$/.test(value) ? undefined : 'is empty or too long'),
  });
}

/** An address of a resolver. */
export function resolverAddress(description: string): z.ZodType<string> {
  const allowed = 'ADDRESS or ADDRESS:PORT such as 9.9.9.9 or [2620:fe::fe]:53';
  return textLeaf<string>({ description, allowed }, (value) => {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(value);
    const host = isIP(value) === 6 ? value : (match?.[1] ?? match?.[2] ?? '');
    const port = Number(match?.[3] ?? 53);
    const isGood = isIP(host) !== 0 && port >= 1 && port <= 65_535;
    return isGood ? { ok: true, value } : { ok: false, problem: 'is not an address of a resolver' };
  });
}

/** Longest URL of a check, in UTF-16 units. */
const URL_LENGTH_MAX = 2_048;

/** Header fields of one check. */
const HEADERS_SENT_MAX = 32;
