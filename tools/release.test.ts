import { describe, expect, test } from 'vitest';
import type { LockFile } from './complete-lock.ts';
import { closureOf } from './release/closure.ts';
import { renderSbom } from './release/sbom.ts';
import { readText } from './source/files.ts';

const HASH = 'sha512-ulZ+6ye9fO6RI6vBvQwzHmDbCX6NJVJcVDBqe4YbbS0=';

/** A product with a workspace beside it, a package in two versions, and one that only tools need. */
const LOCK: LockFile = {
  packages: {
    '': { version: '0.0.0' },
    'node_modules/product': { resolved: 'packages/product', link: true },
    'packages/product': {
      version: '1.0.0',
      license: 'Apache-2.0',
      dependencies: { '@own/part': '1.0.0', deep: '2.0.0' },
      optionalDependencies: { 'made-for-windows': '1.0.0' },
    },
    'node_modules/@own/part': { resolved: 'packages/part', link: true },
    'packages/part': { version: '1.0.0', license: 'Apache-2.0', dependencies: { twice: '2.0.0' } },
    'packages/part/node_modules/twice': { version: '2.0.0', license: '(MIT OR CC0-1.0)', integrity: HASH },
    'node_modules/deep': { version: '2.0.0', license: 'ISC', integrity: HASH, dependencies: { twice: '1.0.0' } },
    'node_modules/twice': { version: '1.0.0', license: 'MIT', integrity: HASH },
    'node_modules/tool': { version: '9.0.0', license: 'MIT', dev: true },
  },
} as LockFile;

/** A bill of materials, as far as it is looked at. */
interface Bill {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly serialNumber: string;
  readonly metadata: { readonly component: { readonly purl: string } };
  readonly components: readonly { readonly purl: string; readonly licenses: unknown; readonly hashes?: unknown }[];
  readonly dependencies: unknown;
}

function bill(lock: LockFile = LOCK, name = 'product', version = '26.0.0'): Bill {
  const made: Bill = JSON.parse(renderSbom(closureOf(lock, name), { version }));
  return made;
}

describe('what a release holds', () => {
  test('is the product and all that it needs, each where Node.js looks for it, and no tool', () => {
    expect(closureOf(LOCK, 'product').map(({ path, version, source }) => [path, version, source])).toEqual([
      ['node_modules/product', '1.0.0', 'packages/product'],
      ['node_modules/@own/part', '1.0.0', 'packages/part'],
      ['node_modules/deep', '2.0.0', undefined],
      ['packages/part/node_modules/twice', '2.0.0', undefined],
      ['node_modules/twice', '1.0.0', undefined],
    ]);
  });

  test('is refused when something is not locked', () => {
    const packages = Object.fromEntries(Object.entries(LOCK.packages).filter(([path]) => path !== 'node_modules/deep'));
    expect(() => closureOf({ packages }, 'product')).toThrow('the lock file has no deep, which packages/product needs');
    expect(() => closureOf(LOCK, 'nothing')).toThrow('the lock file has no node_modules/nothing');
  });
});

describe('the bill of materials (R0.27)', () => {
  test('names every package with licence, hash and what it needs', () => {
    const { bomFormat, specVersion, metadata, components, dependencies } = bill();
    expect([bomFormat, specVersion, metadata.component.purl]).toEqual(['CycloneDX', '1.6', 'pkg:npm/product@1.0.0']);
    const one = (purl: string): unknown => components.find((component) => component.purl === purl);
    expect(one('pkg:npm/deep@2.0.0')).toEqual({
      type: 'library',
      'bom-ref': 'pkg:npm/deep@2.0.0',
      name: 'deep',
      version: '2.0.0',
      purl: 'pkg:npm/deep@2.0.0',
      licenses: [{ license: { id: 'ISC' } }],
      hashes: [{ alg: 'SHA-512', content: Buffer.from(HASH.slice(7), 'base64').toString('hex') }],
    });
    expect(one('pkg:npm/%40own/part@1.0.0')).toMatchObject({ group: '@own', name: 'part' });
    expect(one('pkg:npm/twice@2.0.0')).toMatchObject({ licenses: [{ expression: '(MIT OR CC0-1.0)' }] });
    expect(one('pkg:generic/node@26.0.0')).toMatchObject({ version: '26.0.0' });
    expect(dependencies).toEqual([
      { ref: 'pkg:generic/node@26.0.0', dependsOn: [] },
      { ref: 'pkg:npm/%40own/part@1.0.0', dependsOn: ['pkg:npm/twice@2.0.0'] },
      { ref: 'pkg:npm/deep@2.0.0', dependsOn: ['pkg:npm/twice@1.0.0'] },
      {
        ref: 'pkg:npm/product@1.0.0',
        dependsOn: ['pkg:generic/node@26.0.0', 'pkg:npm/%40own/part@1.0.0', 'pkg:npm/deep@2.0.0'],
      },
      { ref: 'pkg:npm/twice@1.0.0', dependsOn: [] },
      { ref: 'pkg:npm/twice@2.0.0', dependsOn: [] },
    ]);
  });

  test('is the same for the same packages, and another for others', () => {
    expect(bill()).toEqual(bill());
    expect(bill().serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(bill(LOCK, 'product', '26.0.1').serialNumber).not.toBe(bill().serialNumber);
  });

  test('of our lock file has no package without a licence or, if it is not ours, without a hash', () => {
    const lock: LockFile = JSON.parse(readText('package-lock.json'));
    const shipped = closureOf(lock, 'sallyport');
    const { components } = bill(lock, 'sallyport');
    expect(components.length).toBe(shipped.length);
    for (const component of components) {
      expect(component.licenses, component.purl).toHaveLength(1);
      if (!/^pkg:(?:npm\/%40sallyport|generic)\//.test(component.purl))
        expect(component.hashes, component.purl).toHaveLength(1);
    }
  });
});
