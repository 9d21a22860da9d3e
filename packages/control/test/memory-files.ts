import type { FileReader } from '../src/index.ts';

/** Files that are only in memory, by absolute path: an implementation of the port for tests. */
export function memoryFiles(
  files: Readonly<Record<string, string | { readonly text: string; readonly mode: number }>>,
): FileReader {
  return {
    read(path, bytesMax) {
      const file = files[path];
      if (file === undefined) return { kind: 'failure', why: 'does not exist', isMissing: true };
      const { text, mode } = typeof file === 'string' ? { text: file, mode: 0o600 } : file;
      if (Buffer.byteLength(text) > bytesMax) {
        return { kind: 'failure', why: `is larger than ${bytesMax} bytes`, isMissing: false };
      }
      return { kind: 'content', text, mode };
    },
  };
}
