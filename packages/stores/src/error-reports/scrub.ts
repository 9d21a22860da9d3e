import { isIP } from 'node:net';

/**
 * The message of an error as it may leave the house: what a client wrote, what names a person or a machine and what opens a door
 * is replaced by its kind. Errors quote what they failed on, so whatever is not plainly a word of a program goes: a report
 * that says too little costs a look into the log, one that says too much cannot be taken back. Linear in the text.
 */
export function scrubMessage(message: string): string {
  const isLong = message.length > INPUT_LENGTH_MAX;
  const bounded = isLong ? withoutLastWord(message.slice(0, INPUT_LENGTH_MAX)) : message;
  // NFKC: a full-width @ is an @ to whoever reads it. Format characters would split what is looked for.
  const plain = bounded
    .normalize('NFKC')
    .replaceAll(/\p{Cf}/gu, '')
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
  const withoutHeaders = cutHeaders(plain);
  const withoutQuotes = QUOTES.reduce(hideQuoted, withoutHeaders);
  const words = withoutQuotes.replaceAll(CREDENTIALS, '$1 [token]').split(/ +/).map(scrubWord);
  const text = words.join(' ').trim();
  return text.length > MESSAGE_LENGTH_MAX ? `${text.slice(0, MESSAGE_LENGTH_MAX)}...` : text;
}

/** The name of an error, which code may set to anything. */
export function scrubName(name: string): string {
  return /^[A-Za-z_$][A-Za-z0-9_$.-]{0,63}$/.test(name) ? name : 'Error';
}

/** Of a message that is looked at, and of what is left of it. Whoever wants more has the log. */
const INPUT_LENGTH_MAX = 4_096;
const MESSAGE_LENGTH_MAX = 500;

/** What was cut in two is not known for what it is. */
function withoutLastWord(text: string): string {
  return text.slice(0, Math.max(0, text.lastIndexOf(' ')));
}

/** A header with a secret ends where it likes: in quotes, in folded lines. Nothing behind its name is kept. */
function cutHeaders(text: string): string {
  const at = text.search(SECRET_HEADER);
  return at === -1 ? text : `${text.slice(0, at)}[header]`;
}

const SECRET_HEADER = /(?:(?:set-)?cookie2?|authorization|x-api-key|x-forwarded-for|cf-connecting-ip)["'`]? ?[:=]/i;

const CREDENTIALS =
  /\b(bearer|basic|digest|negotiate|password|passwd|secret|(?<!unexpected )token|session)[ :]+[^ ]+/gi;

/**
 * Quoted words of programs stay (`reading 'length'`). Otherwise everything from the first quote to the last goes, since quotes may
 * be in it; or to the end, where one is missing.
 */
function hideQuoted(text: string, { mark, at }: Quote): string {
  const parts = text.split(at);
  if (parts.length === 1) return text;
  const isPaired = parts.length % 2 === 1;
  const quoted = parts.filter((_, index) => index % 2 === 1);
  if (isPaired && quoted.every((part) => IDENTIFIER.test(part))) return text;
  // Of one character alone (`Unexpected token '}'`) nobody learns anything; of many between quotes of JSON one would.
  if (isPaired && quoted.length === 1 && quoted[0]?.length === 1) return text;
  return `${parts[0]}${mark}[text]${isPaired ? `${mark}${parts.at(-1)}` : ''}`;
}

interface Quote {
  readonly mark: string;
  readonly at: RegExp;
}

/** An apostrophe within a word (`can't`) begins no quotation. */
const QUOTES: readonly Quote[] = [
  { mark: '"', at: /"/ },
  { mark: "'", at: /(?<![A-Za-z])'|'(?![A-Za-z])/ },
  { mark: '`', at: /`/ },
];

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]{0,31}(?:\.[A-Za-z0-9_$]{1,32})?$/;

function scrubWord(word: string): string {
  if (word.includes('://')) return '[url]';
  if (/[@\\%]/.test(word)) return '[text]';
  if (/[^\x20-\x7e]/.test(word)) return '[text]';
  if (/[/?]./.test(word)) return '[path]';
  const equals = word.search(/=[^=>]/);
  const named = equals === -1 ? word : `${word.slice(0, equals)}=[value]`;
  return named
    .replaceAll(/[0-9a-f:.]+/gi, (run) => (isAddress(run) ? '[address]' : run))
    .replaceAll(/[A-Za-z0-9_+.~-]+/g, (run) => (isToken(run) ? '[token]' : run));
}

/** With a port or a full stop behind it as well. Two colons in a row are in no word but an IPv6 address. */
function isAddress(run: string): boolean {
  return (
    run.includes('::') || run.split(':').length > 3 || isIP(run.replace(/[.:]+$/, '').replace(/:[0-9]+$/, '')) !== 0
  );
}

/** Keys, numbers of people and names of hosts, which words of programs do not look like: `ERR_INVALID_ARG_TYPE` has no digit. */
function isToken(run: string): boolean {
  if (/[0-9]{6}/.test(run)) return true;
  if (run.length >= 16 && /[0-9]/.test(run)) return true;
  return run.length > 48 || /[a-z0-9-]\.[a-z0-9-]+\.[a-z]/i.test(run);
}
