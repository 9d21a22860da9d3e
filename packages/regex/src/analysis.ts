import { ASSERTION, isNullable, type Node } from './syntax/ast.ts';

/** The least number of bytes that a match consumes. */
export function minLength(node: Node): number {
  switch (node.kind) {
    case 'empty':
    case 'assertion':
      return 0;
    case 'bytes':
      return 1;
    case 'concat':
      return node.parts.reduce((length, part) => length + minLength(part), 0);
    case 'alternate':
      return node.choices.reduce((length, choice) => Math.min(length, minLength(choice)), Number.POSITIVE_INFINITY);
    case 'capture':
      return minLength(node.body);
    case 'repeat':
      return node.min * minLength(node.body);
  }
}

/** True when every match begins at the start of the text, so that a search may give up when that try has failed. */
export function isAnchoredAtStart(node: Node): boolean {
  switch (node.kind) {
    case 'empty':
    case 'bytes':
      return false;
    case 'assertion':
      return node.assertion === ASSERTION.textStart;
    case 'concat': {
      for (const part of node.parts) {
        if (isAnchoredAtStart(part)) return true;
        if (!isZeroWidth(part)) return false;
      }
      return false;
    }
    case 'alternate':
      return node.choices.every(isAnchoredAtStart);
    case 'capture':
      return isAnchoredAtStart(node.body);
    case 'repeat':
      return node.min > 0 && isAnchoredAtStart(node.body);
  }
}

/** The assertions in the node, as a set of bits. */
export function assertionsIn(node: Node): number {
  switch (node.kind) {
    case 'empty':
    case 'bytes':
      return 0;
    case 'assertion':
      return node.assertion;
    case 'concat':
      return node.parts.reduce((bits, part) => bits | assertionsIn(part), 0);
    case 'alternate':
      return node.choices.reduce((bits, choice) => bits | assertionsIn(choice), 0);
    case 'capture':
    case 'repeat':
      return assertionsIn(node.body);
  }
}

function isZeroWidth(node: Node): boolean {
  return isNullable(node) && (node.kind === 'empty' || node.kind === 'assertion');
}
