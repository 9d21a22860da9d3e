import { hasByte, NEWLINE, WORD_BYTES } from './byte-set.ts';
import { ASSERTION } from './syntax/ast.ts';

/**
 * What an assertion can know about the byte on one side of a place. Every assertion is a relation between the
 * category on the left and the one on the right, in whichever direction the automaton reads.
 */
export const CATEGORY = { other: 0, word: 1, newline: 2, edge: 3, lastNewline: 4 } as const;
const CATEGORIES = 5;

/** For `left * 5 + right`, the assertions that hold between them, as bits. */
const HOLDING: Int32Array = Int32Array.from({ length: CATEGORIES * CATEGORIES }, (_, index) =>
  holding(Math.trunc(index / CATEGORIES), index % CATEGORIES),
);

/** The category of every byte; a newline counts as one that is not the last byte. */
export const CATEGORY_OF_BYTE: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === NEWLINE) return CATEGORY.newline;
  return hasByte(WORD_BYTES, byte) ? CATEGORY.word : CATEGORY.other;
});

/** The assertions that hold between two categories. */
export function assertionsBetween(left: number, right: number): number {
  return HOLDING[left * CATEGORIES + right] ?? 0;
}

/** The category of what stands in the text at `index`: a byte, or an edge on either side. */
export function categoryAt(text: string, index: number): number {
  if (index < 0 || index >= text.length) return CATEGORY.edge;
  const byte = text.charCodeAt(index);
  if (byte === NEWLINE && index === text.length - 1) return CATEGORY.lastNewline;
  return CATEGORY_OF_BYTE[byte] ?? CATEGORY.other;
}

function holding(left: number, right: number): number {
  const isLineBefore = left === CATEGORY.edge || left === CATEGORY.newline || left === CATEGORY.lastNewline;
  const isLineBehind = right === CATEGORY.edge || right === CATEGORY.newline || right === CATEGORY.lastNewline;
  const isBoundary = (left === CATEGORY.word) !== (right === CATEGORY.word);
  return (
    (left === CATEGORY.edge ? ASSERTION.textStart : 0) |
    (right === CATEGORY.edge ? ASSERTION.textEnd : 0) |
    (right === CATEGORY.edge || right === CATEGORY.lastNewline ? ASSERTION.textEndOrLastNewline : 0) |
    (isLineBefore ? ASSERTION.lineStart : 0) |
    (isLineBehind ? ASSERTION.lineEnd : 0) |
    (isBoundary ? ASSERTION.wordBoundary : ASSERTION.notWordBoundary)
  );
}
