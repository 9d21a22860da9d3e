import { type ByteSet, bytesIn, sizeOfSet } from './byte-set.ts';
import type { Node } from './syntax/ast.ts';

/** The text that the node matches as it stands, if it matches nothing else and captures nothing. */
export function wholeText(root: Node): string | undefined {
  const parts = root.kind === 'concat' ? root.parts : [root];
  let text = '';
  for (const part of parts) {
    const byte = part.kind === 'bytes' ? onlyByte(part.set) : undefined;
    if (byte === undefined) return undefined;
    text += byte;
  }
  return text;
}

/** The longest text that every match contains as it stands, empty if none is seen. A cheap look, not an exact one. */
export function requiredText(node: Node): string {
  switch (node.kind) {
    case 'empty':
    case 'assertion':
    case 'alternate':
      return '';
    case 'bytes':
      return onlyByte(node.set) ?? '';
    case 'capture':
      return requiredText(node.body);
    case 'repeat':
      return node.min > 0 ? requiredText(node.body) : '';
    case 'concat':
      return longest(runsOf(node.parts));
  }
}

function runsOf(parts: readonly Node[]): string[] {
  const runs: string[] = [];
  let run = '';
  for (const part of parts) {
    const byte = part.kind === 'bytes' ? onlyByte(part.set) : undefined;
    if (byte !== undefined) run += byte;
    else if (part.kind !== 'assertion') {
      runs.push(run, requiredText(part));
      run = '';
    }
  }
  return [...runs, run];
}

function longest(texts: readonly string[]): string {
  return texts.reduce((best, text) => (text.length > best.length ? text : best), '');
}

function onlyByte(set: ByteSet): string | undefined {
  return sizeOfSet(set) === 1 ? String.fromCharCode(...bytesIn(set)) : undefined;
}
