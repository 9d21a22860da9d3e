import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Version of the product, from its manifest. */
export const VERSION: string = readVersion();

/** Where this package is, with a slash at the end. */
export const PACKAGE_FOLDER: string = fileURLToPath(new URL('..', import.meta.url));

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const version: unknown =
    typeof manifest === 'object' && manifest !== null ? Reflect.get(manifest, 'version') : undefined;
  return typeof version === 'string' ? version : 'unknown';
}
