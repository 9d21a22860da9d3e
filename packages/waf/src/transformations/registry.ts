import { lowercase, uppercase } from './case.ts';
import { cmdLine, removeComments, removeCommentsChar, replaceComments } from './comments.ts';
import { cssDecode } from './css.ts';
import { md5, sha1 } from './digest.ts';
import { base64Decode, base64DecodeExt, base64Encode, hexDecode, hexEncode, sqlHexDecode } from './encoding.ts';
import { escapeSeqDecode, jsDecode } from './escape-sequence.ts';
import { htmlEntityDecode } from './html-entity.ts';
import { parityEven7bit, parityOdd7bit, parityZero7bit } from './parity.ts';
import { normalizePath, normalizePathWin } from './path.ts';
import { utf8toUnicode } from './unicode.ts';
import { urlDecode, urlDecodeUni, urlEncode } from './url.ts';
import {
  compressWhitespace,
  removeNulls,
  removeWhitespace,
  replaceNulls,
  trim,
  trimLeft,
  trimRight,
} from './white-space.ts';

/**
 * One transformation of SecLang (`t:NAME`). Byte strings in and out; time and output are linear in the input; the same
 * string comes back when there is nothing to change, so that callers may compare by identity.
 */
export type Transformation = (text: string) => string;

/** The transformation that a rule calls `name`, in any case; undefined when there is none. */
export function transformationOf(name: string): Transformation | undefined {
  return TRANSFORMATIONS.get(name.toLowerCase());
}

/** The names of all transformations, in lower case. */
export function transformationNames(): readonly string[] {
  return [...TRANSFORMATIONS.keys()];
}

const TRANSFORMATIONS: ReadonlyMap<string, Transformation> = new Map<string, Transformation>([
  ['base64decode', base64Decode],
  ['base64decodeext', base64DecodeExt],
  ['base64encode', base64Encode],
  ['cmdline', cmdLine],
  ['compresswhitespace', compressWhitespace],
  ['cssdecode', cssDecode],
  ['escapeseqdecode', escapeSeqDecode],
  ['hexdecode', hexDecode],
  ['hexencode', hexEncode],
  ['htmlentitydecode', htmlEntityDecode],
  ['jsdecode', jsDecode],
  ['length', (text) => String(text.length)],
  ['lowercase', lowercase],
  ['md5', md5],
  ['normalisepath', normalizePath],
  ['normalisepathwin', normalizePathWin],
  ['normalizepath', normalizePath],
  ['normalizepathwin', normalizePathWin],
  ['parityeven7bit', parityEven7bit],
  ['parityodd7bit', parityOdd7bit],
  ['parityzero7bit', parityZero7bit],
  ['removecomments', removeComments],
  ['removecommentschar', removeCommentsChar],
  ['removenulls', removeNulls],
  ['removewhitespace', removeWhitespace],
  ['replacecomments', replaceComments],
  ['replacenulls', replaceNulls],
  ['sha1', sha1],
  ['sqlhexdecode', sqlHexDecode],
  ['trim', trim],
  ['trimleft', trimLeft],
  ['trimright', trimRight],
  ['uppercase', uppercase],
  ['urldecode', urlDecode],
  ['urldecodeuni', urlDecodeUni],
  ['urlencode', urlEncode],
  ['utf8tounicode', utf8toUnicode],
]);
