import type { FileReader } from '../src/index.ts';

/** Files that are only in memory, by absolute path: an implementation of the port for tests. */
export function memoryFiles(
  files: Readonly<Record<string, string | { readonly text: string; readonly mode: number }>>,
): FileReader {
  const find = (path: string): { text: string; mode: number } | undefined => {
    const file = files[path];
    return typeof file === 'string' ? { text: file, mode: 0o600 } : file;
  };
  const read: FileReader['read'] = (path, bytesMax) => {
    const file = find(path);
    if (file === undefined) return { kind: 'failure', why: 'does not exist', isMissing: true };
    if (Buffer.byteLength(file.text) > bytesMax) {
      return { kind: 'failure', why: `is larger than ${bytesMax} bytes`, isMissing: false };
    }
    return { kind: 'content', ...file };
  };
  return {
    read,
    readBytes: (path, bytesMax) => {
      const content = read(path, bytesMax);
      if (content.kind === 'failure') return content;
      return { kind: 'bytes', bytes: Buffer.from(content.text), mode: content.mode };
    },
    list: (path) => {
      if (find(path) !== undefined) return { kind: 'failure', why: 'is not a folder', isMissing: false };
      const inside = Object.keys(files).filter((one) => one.startsWith(`${path}/`));
      if (inside.length === 0) return { kind: 'failure', why: 'does not exist', isMissing: true };
      const names = inside.map((one) => one.slice(path.length + 1).split('/', 1)[0] ?? '');
      return { kind: 'names', names: [...new Set(names)] };
    },
  };
}
