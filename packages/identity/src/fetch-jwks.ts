/**
 * Fetches a key set and resolves to its text; rejects when it cannot be had. An implementation bounds time and bytes itself.
 */
export type JwksFetch = (url: string) => Promise<string>;

/**
 * The platform's `fetch`, held short: five seconds, 64 KiB, no redirects, status 200 only. A redirect would let whoever
 * controls one path of the issuer's site name the keys that we trust.
 */
export const fetchJwks: JwksFetch = async (url) => {
  const response = await fetch(url, {
    redirect: 'error',
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(FETCH_MS),
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the key server answered with status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const body: ReadableStream<Uint8Array> = response.body;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > JWKS_BYTES_MAX) throw new Error(`the key set has more than ${JWKS_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
};

/** Longest time for the whole answer, in milliseconds: requests wait for it. */
const FETCH_MS = 5_000;

/** Most bytes of a key set. Real ones have less than ten thousand; a broken server must not fill our memory. */
const JWKS_BYTES_MAX = 65_536;
