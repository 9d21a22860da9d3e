/** Fetches a file whole, up to a limit. Never throws. */
export type Fetch = (url: string, bytesMax: number) => Promise<Fetched>;

export type Fetched =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'problem'; readonly message: string };

/** Where a rule set is released and what proves a release. */
export interface ReleaseSource {
  /** The address of the project, without a final slash. */
  readonly baseUrl: string;
  /** Where its public key is; the fingerprint says whether it is the right one. */
  readonly keyUrl: string;
  /** 40 hexadecimal digits. */
  readonly fingerprint: string;
}

/**
 * The OWASP CRS. It publishes no checksums but a signature beside each archive, by the key whose fingerprint stands in its
 * SECURITY.md; the archive called minimal holds the rules without tests and documents.
 */
export const CRS: ReleaseSource = {
  baseUrl: 'https://github.com/coreruleset/coreruleset',
  keyUrl: 'https://coreruleset.org/security.asc',
  fingerprint: '36006f0e0ba167832158821138eeaca1ab8a6e72',
};

/** `4.29.0`: what a version is, and all that it may be in an address and in the name of a folder. */
export function isVersion(text: string): boolean {
  return /^\d{1,4}\.\d{1,4}\.\d{1,4}$/.test(text);
}

export function archiveUrl({ baseUrl }: ReleaseSource, version: string): string {
  return `${baseUrl}/releases/download/v${version}/coreruleset-${version}-minimal.tar.gz`;
}

/** Releases and their signatures come over https, or from this machine. */
export function isTrustworthy(url: string): boolean {
  const parsed = URL.parse(url);
  if (parsed === null) return false;
  if (parsed.protocol === 'https:') return true;
  return parsed.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(parsed.hostname);
}

/** Fetches over the network. Redirects are followed as far as they stay trustworthy. */
export const fetchOverNetwork: Fetch = async (url, bytesMax) => {
  let current = url;
  try {
    for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects += 1) {
      if (!isTrustworthy(current)) return problem(`${current} is neither https nor on this machine`);
      const response = await fetch(current, { redirect: 'manual', signal: AbortSignal.timeout(FETCH_MS_MAX) });
      const location = response.headers.get('location');
      if (response.status >= 300 && response.status <= 399 && location !== null) {
        await response.body?.cancel();
        current = new URL(location, current).href;
        continue;
      }
      if (response.status !== 200) return problem(`${current} answers with ${response.status}`);
      return await bodyOf(response, bytesMax, current);
    }
    return problem(`${url} leads from one place to the next`);
  } catch (cause) {
    return problem(`${current} cannot be fetched: ${reasonOf(cause)}`);
  }
};

/** An archive of rules, at most: ten times the largest release. */
export const ARCHIVE_BYTES_MAX = 16_777_216;

/** A signature or a key. */
export const KEY_BYTES_MAX = 262_144;

/** Places that a release may lead to before it is there. */
const REDIRECTS_MAX = 5;

/** Milliseconds for one file. */
const FETCH_MS_MAX = 60_000;

async function bodyOf(response: Response, bytesMax: number, url: string): Promise<Fetched> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = response.body?.getReader();
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    chunks.push(read.value);
    size += read.value.length;
    if (size <= bytesMax) continue;
    await reader?.cancel();
    return problem(`${url} is larger than ${bytesMax} bytes`);
  }
  return { kind: 'bytes', bytes: Buffer.concat(chunks) };
}

function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown reason';
  const inner = cause.cause;
  if (!(inner instanceof Error)) return cause.message;
  return 'code' in inner ? String(inner.code) : inner.message;
}

function problem(message: string): Fetched {
  return { kind: 'problem', message };
}
