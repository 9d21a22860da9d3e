import { dirname, resolve } from 'node:path';
import { parseConfigDocument } from './document.ts';
import { readDotenv } from './dotenv.ts';
import { machineFiles } from './files.ts';
import { CONFIG_BYTES_MAX, type LoadOptions, modeOf } from './load.ts';
import { isSection, resolveReferences } from './references.ts';
import { type AdminConfig, admin } from './schema/admin.ts';

export type AdminLoadResult =
  /** `config` is undefined where the file turns the admin API off or does not name it. */
  { readonly ok: true; readonly config: AdminConfig | undefined } | { readonly ok: false; readonly problem: string };

/**
 * Where a gateway with this configuration serves its admin API. Reads that one section and nothing else: whoever wants to
 * know how the gateway is doing needs neither its secrets nor a file without mistakes.
 */
export function loadAdminConfig(options: LoadOptions): AdminLoadResult {
  const files = options.files ?? machineFiles;
  const path = resolve(options.path);
  const read = files.read(path, CONFIG_BYTES_MAX);
  if (read.kind === 'failure') return { ok: false, problem: `${options.path} ${read.why}` };
  const { value: root } = parseConfigDocument(read.text);
  if (!isSection(root)) return { ok: false, problem: `${options.path} is not a configuration` };
  const mode = modeOf(root, options.environment);
  const sources = { environment: options.environment, directory: dirname(path), mode, files };
  const { environment, foreignValues } = readDotenv(sources);
  const resolved = resolveReferences({ admin: root['admin'] }, { ...sources, environment }).value;
  const raw = isSection(resolved) ? resolved['admin'] : undefined;
  const context = { ...sources, nowMs: options.nowMs ?? 0, foreignValues, isWarning: false };
  const parsed = admin(context).safeParse(raw);
  if (parsed.success) return { ok: true, config: parsed.data };
  return { ok: false, problem: `${options.path} has a section admin that is wrong: sallyport check says how` };
}
