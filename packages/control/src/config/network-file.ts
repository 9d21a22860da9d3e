import { canonicalNetwork, networkProblem } from './addresses.ts';
import type { FileReader } from './files.ts';
import { show } from './problem.ts';

/** What a list file holds, and what is wrong with it as clauses that name the line. */
export interface NetworkFile {
  /** Canonical texts in the order of the file. */
  readonly networks: readonly string[];
  readonly problems: readonly string[];
}

/** Reads a file with one network or address on a line; `#` begins a comment, empty lines are nothing. */
export function readNetworkFile(path: string, files: FileReader): NetworkFile {
  const read = files.read(path, LIST_FILE_BYTES_MAX);
  if (read.kind === 'failure') return { networks: [], problems: [`names a file that ${read.why}`] };
  const networks: string[] = [];
  const problems: string[] = [];
  let wrong = 0;
  let line = 0;
  for (let start = 0; start < read.text.length; ) {
    const newline = read.text.indexOf('\n', start);
    const end = newline === -1 ? read.text.length : newline;
    line += 1;
    const entry = entryOf(read.text.slice(start, end));
    start = end + 1;
    if (entry === '') continue;
    const network = canonicalNetwork(entry);
    if (network !== undefined) networks.push(network);
    else if ((wrong += 1) <= LINE_PROBLEMS_MAX) {
      problems.push(`names a file whose line ${line} ${networkProblem(entry)}: ${show(entry) ?? 'not shown'}`);
    }
  }
  if (wrong > LINE_PROBLEMS_MAX) problems.push(`names a file with ${wrong - LINE_PROBLEMS_MAX} more wrong lines`);
  if (networks.length > NETWORKS_MAX) problems.push(`names a file with more than ${NETWORKS_MAX} networks`);
  return { networks, problems };
}

/** Largest list file: two million IPv4 networks with room for comments. */
const LIST_FILE_BYTES_MAX = 67_108_864;

/** Most networks of one file: what the lists stage holds in reasonable memory. */
const NETWORKS_MAX = 2_000_000;

/** Most wrong lines that are told one by one: a file of another format would fill the screen. */
const LINE_PROBLEMS_MAX = 20;

function entryOf(line: string): string {
  const hash = line.indexOf('#');
  return (hash === -1 ? line : line.slice(0, hash)).trim();
}
