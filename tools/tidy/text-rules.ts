import { dirname, join } from 'node:path';
import { lineOf } from '../source/scan.ts';

/** One text file of any kind. */
export interface TextFile {
  /** Below the workspace. */
  readonly path: string;
  readonly text: string;
}

/** Machines and accounts of the people who write this are nobody's business, and never part of the product. */
export function machineTrace({ path, text }: TextFile): readonly string[] {
  const pattern = /(?<![\w.:/-])\/(?:work|farm|home\/\w+|Users\/\w+)\/|\bregistry\.(?:npmjs|yarnpkg)\b|_auth[T]oken/g;
  return [...text.matchAll(pattern)].map(
    ({ 0: trace, index }) => `${path}:${lineOf(text, index)}: ${trace} belongs to a machine, not to the product`,
  );
}

/** Leftover notes in files that are not TypeScript. */
export function leftoverNoteInText({ path, text }: TextFile): readonly string[] {
  if (!/\.(?:md|ya?ml|sh|css|html|svelte|conf|toml)$/.test(path)) return [];
  return [...text.matchAll(/\b(?:FIXME|TODO|XXX)\b/g)].map(
    ({ index }) => `${path}:${lineOf(text, index)}: a note to ourselves; do it or write an issue`,
  );
}

/** A document has one subject, and its first heading names it. */
export function oneTitle({ path, text }: TextFile): readonly string[] {
  if (!path.endsWith('.md') || path.startsWith('.changeset/') || path.startsWith('.github/')) return [];
  const headings = prose(text).match(/^#{1,6} .*$/gm) ?? [];
  const titles = headings.filter((heading) => heading.startsWith('# '));
  if (titles.length !== 1) return [`${path} has ${titles.length} titles, a document has one`];
  return headings[0] === titles[0] ? [] : [`${path} begins with a heading that is not its title`];
}

/** Links inside the workspace lead somewhere. */
export function deadLink({ path, text }: TextFile, exists: (path: string) => boolean): readonly string[] {
  if (!path.endsWith('.md')) return [];
  return [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(({ 1: target = '', index }) => {
    const file = target.split('#')[0] ?? '';
    if (file === '' || /^[a-z]+:/.test(target)) return [];
    return exists(join(dirname(path), file)) ? [] : [`${path}:${lineOf(text, index)}: ${target} leads nowhere`];
  });
}

/** Names of folders that say nothing about what is in them. */
export function namelessFolder(path: string): readonly string[] {
  const folder = /(?:^|\/)(utils?|helpers?|common|misc|shared)\//.exec(path)?.[1];
  return folder === undefined ? [] : [`${path}: a folder called ${folder} has no subject`];
}

/** Text without its code blocks, lines kept. */
function prose(text: string): string {
  return text.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, (block) => block.replaceAll(/[^\n]/g, ' '));
}
