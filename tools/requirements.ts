/**
 * Which tests prove which requirement: the names of tests cite rows of docs/requirements.json, for example `(R1.13)`, or
 * `(part of R2.23)` where the row asks for more than the product does yet.
 *
 * A row about traffic counts as proven only by a test through a real socket or a real process; a row that asks for a
 * document, by that document. A citation of a row that does not exist, or in another form, is an error, because it proves
 * nothing.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT, readScan, readText, workspaceFiles } from './source/files.ts';
import { importsOf } from './source/imports.ts';
import { lineOf, type Scan } from './source/scan.ts';

/** One row; its number is its name. */
export interface Requirement {
  readonly row: string;
  readonly title: string;
  /** What proves it. */
  readonly proof: 'traffic' | 'other' | 'document';
  /** For `document`: where it is. */
  readonly document?: string;
}

/** How close to production a test is. */
export type ProofKind = 'unit' | 'socket' | 'process';

/** One test name that cites a row. */
export interface Citation {
  readonly row: string;
  readonly path: string;
  readonly line: number;
  /** The test's name without its citations. */
  readonly name: string;
  readonly kind: ProofKind;
  /** It proves some of what the row asks for. */
  readonly isPart: boolean;
}

/** `in part`: nothing cites the whole row, but something cites a part of it. */
export type ProofState = 'proven' | 'in part' | 'open';

export interface Coverage {
  readonly requirement: Requirement;
  readonly citations: readonly Citation[];
  readonly state: ProofState;
}

/** Every row with what cites it. @throws Error that names every citation of an unknown row or in another form. */
export function readCoverage(): readonly Coverage[] {
  const requirements: readonly Requirement[] = JSON.parse(readText('docs/requirements.json'));
  const citations = workspaceFiles()
    .filter(isTestFile)
    .flatMap((path) => citationsIn(path, readScan(path), kindOf(path)));
  return coverageOf(requirements, citations, (path) => existsSync(join(ROOT, path)));
}

/** @throws Error that names every citation of an unknown row. */
export function coverageOf(
  requirements: readonly Requirement[],
  citations: readonly Citation[],
  exists: (path: string) => boolean,
): readonly Coverage[] {
  const rows = new Set(requirements.map(({ row }) => row));
  const unknown = citations.filter(({ row }) => !rows.has(row));
  if (unknown.length > 0) {
    const places = unknown.map(({ row, path, line }) => `${path}:${line} cites ${row}`);
    throw new Error(`${places.join(', ')}, which is no requirement`);
  }
  return requirements.map((requirement) => {
    const own = citations.filter(({ row }) => row === requirement.row);
    return { requirement, citations: own, state: stateOf(requirement, own, exists) };
  });
}

function stateOf(
  { proof, document }: Requirement,
  citations: readonly Citation[],
  exists: (path: string) => boolean,
): ProofState {
  if (proof === 'document') return document !== undefined && exists(document) ? 'proven' : 'open';
  const proofs = citations.filter(({ kind }) => proof === 'other' || kind !== 'unit');
  if (proofs.length === 0) return 'open';
  return proofs.every(({ isPart }) => isPart) ? 'in part' : 'proven';
}

const CITATION = /\s*\((part of )?(R\d+\.\d[^)]*)\)/g;

/**
 * The citations in the strings of one file; comments cite nothing, because nobody runs them.
 *
 * @throws Error on a string that begins with the number of a row, which would look like a citation and be none.
 */
export function citationsIn(path: string, { text, strings }: Scan, kind: ProofKind): readonly Citation[] {
  return strings.flatMap(({ start, value }) => {
    const line = lineOf(text, start);
    if (/^R\d+\.\d+[a-z]?:/.test(value)) throw new Error(`${path}:${line} cites a row in front: write (R1.13) behind`);
    const name = value.replaceAll(CITATION, '');
    return [...value.matchAll(CITATION)].flatMap(([, part, list = '']) =>
      Array.from(list.match(/R\d+\.\d+[a-z]?/g) ?? [], (row) => {
        return { row, path, line, name, kind, isPart: part !== undefined };
      }),
    );
  });
}

function isTestFile(path: string): boolean {
  // Its strings are examples of citations.
  if (path === 'tools/requirements.test.ts') return false;
  return /\.(?:test|suite|campaign)\.ts$/.test(path) || /^packages\/[^/]+\/test\/.*\.ts$/.test(path);
}

/** End-to-end tests start a process; other tests are as real as what they, or the files of tests they import, open. */
function kindOf(path: string): ProofKind {
  if (path.startsWith('e2e/')) return 'process';
  const reached = new Set<string>();
  const waiting = [path];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (reached.has(next) || next.includes('/src/') || !existsSync(join(ROOT, next))) continue;
    reached.add(next);
    const scan = readScan(next);
    if (opensSocket(scan)) return 'socket';
    const folder = dirname(next);
    waiting.push(
      ...importsOf(scan)
        .filter(({ specifier, isTypeOnly }) => specifier.startsWith('.') && !isTypeOnly)
        .map(({ specifier }) => join(folder, specifier)),
    );
  }
  return 'unit';
}

/** True for a file that imports something that connects, and connects or listens with it. */
export function opensSocket(scan: Scan): boolean {
  const hasTransport = importsOf(scan).some(
    ({ specifier, isTypeOnly }) =>
      !isTypeOnly && /^(?:node:(?:net|http|https|http2|tls|dgram)|ws|undici)$/.test(specifier),
  );
  return hasTransport && /\.listen\(|\b(?:connect|createConnection|request|get)\(|new WebSocket/.test(scan.code);
}

/** docs/requirements.md. */
export function renderRequirements(coverage: readonly Coverage[]): string {
  const proven = coverage.filter(({ state }) => state === 'proven').length;
  const inPart = coverage.filter(({ state }) => state === 'in part').length;
  return [
    '# Requirements and what proves them',
    '',
    'Generated by `npm run generate` from docs/requirements.json and the names of the tests; do not edit. A row about',
    'traffic is proven only by a test through a real socket or a real process; a test of functions alone leaves it open.',
    '',
    `Of ${coverage.length} rows ${proven} are proven, ${inPart} in part, and ${coverage.length - proven - inPart} are open.`,
    '',
    '| row | requirement | state | proof |',
    '|---|---|---|---|',
    ...coverage.map(renderRow),
    '',
  ].join('\n');
}

function renderRow({ requirement: { row, title, proof, document }, citations, state }: Coverage): string {
  const cited = citations.map(({ kind, path, name }) => `${kind}: ${path}: ${name}`.replaceAll('|', '\\|'));
  const cells =
    proof === 'document' && document !== undefined && state === 'proven' ? [`document: ${document}`, ...cited] : cited;
  return `| ${row} | ${title} | ${state} | ${cells.join('<br>')} |`;
}
