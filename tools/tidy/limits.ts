import type { SourceFile } from './source-rules.ts';

/** A named limit of the product. */
export interface Limit {
  readonly name: string;
  readonly path: string;
}

/**
 * The limits of the product: constants called `..._MAX`, and members called `...Max` of constants called `...LIMITS`.
 * Every one of them stands in RATIONALE.md with the attack or the accident it is for.
 */
export function limitsOf(files: readonly SourceFile[]): readonly Limit[] {
  return files
    .filter(({ path }) => /^packages\/[^/]+\/src\//.test(path))
    .flatMap(({ path, scan }) => limitNames(scan.code).map((name) => ({ name, path })));
}

function limitNames(code: string): readonly string[] {
  const constants = [...code.matchAll(/^(?:export )?const ([A-Z][A-Z0-9_]*_MAX)\b/gm)].map(([, name]) => name ?? '');
  const tables = code.matchAll(/^(?:export )?const [A-Z_]*LIMITS\b[^=]*=[^{]*\{([\s\S]*?)^\}/gm);
  const members = [...tables].flatMap(([, body]) =>
    [...(body ?? '').matchAll(/^ {2}(\w+Max):/gm)].map(([, name]) => name ?? ''),
  );
  return [...constants, ...members];
}

/** What RATIONALE.md lacks, and what it names that no longer exists. */
export function rationaleGaps(rationale: string, files: readonly SourceFile[]): readonly string[] {
  const named = new Set([...rationale.matchAll(/`([\w.]+)`/g)].map(([, name]) => name?.split('.').at(-1) ?? ''));
  const missing = limitsOf(files)
    .filter(({ name }) => !named.has(name))
    .map(({ name, path }) => `RATIONALE.md does not explain ${name} (${path})`);
  const code = files.map(({ scan }) => scan.code).join('\n');
  const gone = firstColumnNames(rationale)
    .filter((name) => !new RegExp(`\\b${name}\\b`).test(code))
    .map((name) => `RATIONALE.md explains ${name}, which is not in the code`);
  return [...missing, ...gone];
}

/** Identifiers in backticks in the first column of the document's tables. */
function firstColumnNames(rationale: string): readonly string[] {
  const cells = [...rationale.matchAll(/^\|([^|]*)\|/gm)].map(([, cell]) => cell ?? '');
  return cells.flatMap((cell) => [...cell.matchAll(/`([\w.]+)`/g)].map(([, name]) => name?.split('.').at(-1) ?? ''));
}
