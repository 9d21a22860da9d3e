import { readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { FolderOperations, StoreFamily } from './store-messages.ts';

/** How large the folder is, and what room is left. */
export function folderFamily(folder: string): StoreFamily<FolderOperations> {
  return {
    handlers: {
      'folder.measure': () => {
        const { bavail, bsize } = statfsSync(folder);
        const usedBytes = readdirSync(folder, { recursive: true, encoding: 'utf8' }).reduce(
          (sum, name) => sum + sizeOf(join(folder, name)),
          0,
        );
        return { usedBytes, freeBytes: bavail * bsize };
      },
    },
    close: () => undefined,
  };
}

/** 0 for one that is gone since: the journal of a database comes and goes. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
