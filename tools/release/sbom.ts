import { createHash } from 'node:crypto';
import type { Shipped } from './closure.ts';

/** What is shipped beside the packages, and is not in the lock file. */
interface Runtime {
  readonly version: string;
}

/**
 * The bill of materials of a release in the format of CycloneDX 1.6: every package with its version, licence, hash and what
 * it needs, and the Node.js it is made for. The first package is the product.
 *
 * The same packages make the same text: there is no time in it, and its number comes from its content.
 */
export function renderSbom(shipped: readonly Shipped[], node: Runtime): string {
  const [product, ...others] = shipped;
  if (product === undefined) throw new Error('there is nothing to list');
  const references = new Map(shipped.map((one) => [one.path, referenceOf(one)]));
  const nodeReference = `pkg:generic/node@${node.version}`;
  const components = [
    ...others.toSorted((a, b) => (a.path < b.path ? -1 : 1)).map(componentOf),
    {
      type: 'platform',
      'bom-ref': nodeReference,
      name: 'node',
      version: node.version,
      purl: nodeReference,
      cpe: `cpe:2.3:a:nodejs:node.js:${node.version}:*:*:*:*:*:*:*`,
      licenses: [{ license: { id: 'MIT' } }],
    },
  ];
  // A package may lie in several places and find others from each; it is listed once.
  const needs = new Map<string, Set<string>>([[nodeReference, new Set()]]);
  for (const one of shipped) {
    const known = needs.get(referenceOf(one)) ?? new Set();
    for (const path of one.needs) known.add(references.get(path) ?? path);
    if (one === product) known.add(nodeReference);
    needs.set(referenceOf(one), known);
  }
  const dependencies = [...needs].map(([ref, known]) => ({ ref, dependsOn: [...known].toSorted() }));
  const content = {
    metadata: {
      lifecycles: [{ phase: 'build' }],
      component: { ...componentOf(product), type: 'application' },
      licenses: [{ license: { id: 'CC0-1.0' } }],
    },
    components: [...new Map(components.map((one) => [one['bom-ref'], one])).values()],
    dependencies: dependencies.toSorted((a, b) => (a.ref < b.ref ? -1 : 1)),
  };
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: serialOf(content),
    version: 1,
    ...content,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function componentOf(one: Shipped): Readonly<Record<string, unknown>> & { readonly 'bom-ref': string } {
  const reference = referenceOf(one);
  const slash = one.name.indexOf('/');
  const scoped =
    slash === -1 ? { name: one.name } : { group: one.name.slice(0, slash), name: one.name.slice(slash + 1) };
  return {
    type: 'library',
    'bom-ref': reference,
    ...scoped,
    version: one.version,
    purl: reference,
    ...licencesOf(one),
    ...hashesOf(one),
  };
}

/** A package URL: https://github.com/package-url/purl-spec. */
function referenceOf({ name, version }: Shipped): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function licencesOf({ locked }: Shipped): Readonly<Record<string, unknown>> {
  const { license } = locked;
  if (license === undefined) return {};
  return { licenses: [/\s/.test(license) ? { expression: license } : { license: { id: license } }] };
}

/** npm writes hashes in base64, CycloneDX in hexadecimal. Packages of ours have none: they are made here. */
function hashesOf({ locked }: Shipped): Readonly<Record<string, unknown>> {
  const [, base64] = /^sha512-([A-Za-z0-9+/=]+)$/.exec(locked.integrity ?? '') ?? [];
  if (base64 === undefined) return {};
  return { hashes: [{ alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') }] };
}

/** A UUID of version 8 (RFC 9562), which is free in its bits, made of the content's hash. */
function serialOf(content: unknown): string {
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const parts = [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `8${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ];
  return `urn:uuid:${parts.join('-')}`;
}
