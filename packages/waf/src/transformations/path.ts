import { writer } from './byte-writer.ts';

/** Takes out empty and `.` segments and resolves `..` as far as the path goes; a leading and a trailing `/` stay. */
export function normalizePath(text: string): string {
  return text === '' || !/\/\/|(?:^|\/)\.\.?(?:\/|$)/.test(text) ? text : normalized(text, SLASH);
}

/** As `normalizePath`, after every `\` became a `/`. */
export function normalizePathWin(text: string): string {
  return text.includes('\\') ? normalized(text, 0x5c) : normalizePath(text);
}

const SLASH = 0x2f;
const DOT = 0x2e;

/** `otherSlash` separates segments too. */
function normalized(text: string, otherSlash: number): string {
  const isSlash = (index: number): boolean => {
    const code = text.charCodeAt(index);
    return code === SLASH || code === otherSlash;
  };
  writer.begin(text.length + 1);
  const isAbsolute = isSlash(0);
  if (isAbsolute) writer.byte(SLASH);
  const root = writer.length;
  for (let from = 0; from < text.length; ) {
    let to = from;
    while (to < text.length && !isSlash(to)) to += 1;
    const dots = dotsBetween(text, from, to);
    if (dots === 2 && writer.length > root && !endsWithParent(root)) writer.cut(lastSegment(root));
    else if (to > from && dots !== 1 && !(dots === 2 && isAbsolute)) {
      if (writer.length > root) writer.byte(SLASH);
      writer.copy(text, from, to);
    }
    from = to + 1;
  }
  if (writer.length > root && isSlash(text.length - 1)) writer.byte(SLASH);
  const normal = writer.text();
  return normal === text ? text : normal;
}

/** 1 and 2 for `.` and `..`, 0 for any other segment. */
function dotsBetween(text: string, from: number, to: number): number {
  const length = to - from;
  if (length !== 1 && length !== 2) return 0;
  return text.charCodeAt(from) === DOT && text.charCodeAt(to - 1) === DOT ? length : 0;
}

function endsWithParent(root: number): boolean {
  const begin = writer.length - 2;
  if (begin < root || writer.at(begin) !== DOT || writer.at(begin + 1) !== DOT) return false;
  return begin === root || writer.at(begin - 1) === SLASH;
}

/** Where what is written ends without its last segment. Each byte is passed over once, because then it is gone. */
function lastSegment(root: number): number {
  let end = writer.length - 1;
  while (end > root && writer.at(end) !== SLASH) end -= 1;
  return end;
}
