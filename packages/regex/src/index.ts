export { RegexError, type RegexErrorCode } from './errors.ts';
export { compile, type RegexImage, shared } from './image.ts';
export { REGEX_LIMITS } from './limits.ts';
export type { PhraseFound } from './prefilter.ts';
export {
  type InstantiateOptions,
  instantiate,
  type Match,
  type Regex,
  regex,
  type SearchOptions,
  type Span,
} from './regex.ts';
export { type InstantiateSetOptions, instantiateSet, type RegexSet, regexSet, type Subset } from './set.ts';
export { compileSet, type RegexSetImage, type SetMember, type SetOptions, sharedSet } from './set-image.ts';
export type { Dialect, RegexOptions } from './syntax/dialect.ts';
export { escapeLiteral } from './syntax/parse.ts';
export { type Text, utf8 } from './text.ts';
