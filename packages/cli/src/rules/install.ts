import { createWaf, readPack } from '@sallyport/waf';
import { signatureProblem } from './openpgp.ts';
import { ARCHIVE_BYTES_MAX, archiveUrl, type Fetch, KEY_BYTES_MAX, type ReleaseSource } from './release.ts';
import { type RuleStore, sha256 } from './store.ts';
import { readTarGz } from './tar.ts';

export interface InstallOptions {
  readonly version: string;
  readonly source: ReleaseSource;
  /** The archive has to have this SHA-256, in hexadecimal digits; then it needs no signature. */
  readonly sha256: string | undefined;
  readonly store: RuleStore;
  readonly fetch: Fetch;
}

export type InstallResult =
  | {
      readonly kind: 'installed';
      readonly proof: string;
      readonly ruleFiles: number;
      readonly before: string | undefined;
    }
  | { readonly kind: 'present'; readonly before: string | undefined }
  | { readonly kind: 'problem'; readonly message: string };

/**
 * Fetches a release of the CRS, proves it, unpacks it, tries whether this engine runs it, and puts it in use. Whatever fails,
 * what was in use stays in use, and nothing of the new version is left.
 */
export async function installCrs({
  version,
  source,
  sha256: expected,
  store,
  fetch,
}: InstallOptions): Promise<InstallResult> {
  if (store.has('crs', version)) return { kind: 'present', before: store.use('crs', version) };
  const url = archiveUrl(source, version);
  const archive = await fetch(url, ARCHIVE_BYTES_MAX);
  if (archive.kind === 'problem') return archive;
  const digest = sha256(archive.bytes);
  const doubt =
    expected === undefined
      ? await signatureDoubt(archive.bytes, url, { source, fetch })
      : checksumDoubt(digest, expected);
  if (doubt !== undefined) return problem(`${url}: ${doubt}; nothing was installed`);
  const unpacked = readTarGz(archive.bytes);
  if (unpacked.kind === 'problem') return problem(`${url}: ${unpacked.message}; nothing was installed`);
  const proof = expected === undefined ? `signature ${source.fingerprint}` : 'checksum';
  const pack = { name: 'crs', version, url, archiveSha256: digest, proof };
  const refused = store.install(pack, unpacked.files, packProblem);
  if (refused !== undefined) return problem(`${url}: ${refused}; nothing was installed`);
  const ruleFiles = unpacked.files.filter(({ path }) => path.endsWith('.conf')).length;
  return { kind: 'installed', proof, ruleFiles, before: store.use('crs', version) };
}

async function signatureDoubt(
  data: Uint8Array,
  url: string,
  { source, fetch }: Pick<InstallOptions, 'source' | 'fetch'>,
): Promise<string | undefined> {
  const signature = await fetch(`${url}.asc`, KEY_BYTES_MAX);
  if (signature.kind === 'problem') return `it cannot be proved: ${signature.message}`;
  const key = await fetch(source.keyUrl, KEY_BYTES_MAX);
  if (key.kind === 'problem') return `it cannot be proved: ${key.message}`;
  return signatureProblem({ data, signature: signature.bytes, key: key.bytes, fingerprint: source.fingerprint });
}

function checksumDoubt(digest: string, expected: string): string | undefined {
  return digest === expected.toLowerCase() ? undefined : `its SHA-256 is ${digest} and not ${expected.toLowerCase()}`;
}

/** Why this engine cannot run the rules in a folder; undefined when it can. */
export function packProblem(folder: string): string | undefined {
  const read = readPack(folder);
  if (read.kind === 'problem') return read.message;
  const created = createWaf({ rules: read.pack.rules, files: read.pack.files });
  if (created.kind === 'ready') return undefined;
  const errors = created.diagnostics.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  const where = first === undefined ? '' : `${first.file}:${first.line}: ${first.message}`;
  return errors.length === 1 ? where : `${where} (and ${errors.length - 1} more)`;
}

function problem(message: string): InstallResult {
  return { kind: 'problem', message };
}
