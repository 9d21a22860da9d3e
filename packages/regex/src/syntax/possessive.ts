import { type ByteSet, isDisjoint, NO_BYTE, unionOf } from '../byte-set.ts';
import { RegexError } from '../errors.ts';
import { ASSERTION, isNullable, type Node } from './ast.ts';

/** What may come directly behind a node: the bytes that can be next, and whether an assertion can look at them. */
interface Follow {
  readonly first: ByteSet;
  readonly hasAssertion: boolean;
}

const NOTHING: Follow = { first: NO_BYTE, hasAssertion: false };

/**
 * Refuses every possessive quantifier that changes what the pattern matches. One of a single class changes nothing
 * when whatever follows cannot begin with that class: giving a byte back would only put it in front of something
 * that cannot take it. Throws `RegexError` (`POSSESSIVE_QUANTIFIER`).
 */
export function checkPossessive(root: Node): void {
  walk(root, NOTHING);
}

/** Checks `node` in front of `follow` and returns what may come where it begins. */
function walk(node: Node, follow: Follow): Follow {
  switch (node.kind) {
    case 'empty':
      return follow;
    case 'bytes':
      return { first: node.set, hasAssertion: false };
    case 'assertion':
      // The very end never follows directly on a byte that was given back.
      return { first: follow.first, hasAssertion: follow.hasAssertion || node.assertion !== ASSERTION.textEnd };
    case 'concat':
      return node.parts.reduceRight((behind, part) => walk(part, behind), follow);
    case 'alternate':
      return node.choices.map((choice) => walk(choice, follow)).reduce(either);
    case 'capture':
      return walk(node.body, follow);
    case 'repeat': {
      if (node.possessiveAt >= 0) checkOne(node.body, node.possessiveAt, follow);
      const begin = walk(node.body, node.max > 1 ? either(firstOf(node.body), follow) : follow);
      return node.min === 0 || isNullable(node.body) ? either(begin, follow) : begin;
    }
  }
}

/** What a node can begin with; apart from {@link walk}, which would double its work at every nested repeat. */
function firstOf(node: Node): Follow {
  switch (node.kind) {
    case 'empty':
      return NOTHING;
    case 'bytes':
      return { first: node.set, hasAssertion: false };
    case 'assertion':
      return { first: NO_BYTE, hasAssertion: true };
    case 'concat': {
      const end = node.parts.findIndex((part) => !isNullable(part));
      return node.parts
        .slice(0, end < 0 ? undefined : end + 1)
        .map(firstOf)
        .reduce(either, NOTHING);
    }
    case 'alternate':
      return node.choices.map(firstOf).reduce(either, NOTHING);
    case 'capture':
    case 'repeat':
      return firstOf(node.body);
  }
}

function checkOne(body: Node, at: number, follow: Follow): void {
  const changesNothing = body.kind === 'bytes' && !follow.hasAssertion && isDisjoint(body.set, follow.first);
  if (!changesNothing) {
    throw new RegexError('POSSESSIVE_QUANTIFIER', at, 'this possessive quantifier changes what the pattern matches');
  }
}

function either(left: Follow, right: Follow): Follow {
  return { first: unionOf(left.first, right.first), hasAssertion: left.hasAssertion || right.hasAssertion };
}
