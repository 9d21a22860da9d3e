import type { Regex } from '@sallyport/regex';
import type { Operator } from './operator.ts';
import type { Patterns } from './pattern.ts';

export type IdentityNumber = 'validatenid' | 'verifycc' | 'verifycpf' | 'verifyssn' | 'verifysvnr';

/** Finds candidates with a pattern and matches when one of them has the right check digits. TX.0 is that one. */
export function identityNumber(name: IdentityNumber, argument: string, patterns: Patterns): Operator | undefined {
  const country = name === 'validatenid' ? argument.slice(0, 2).toLowerCase() : '';
  const check = name === 'validatenid' ? NATIONAL.get(country) : CHECKS[name];
  if (check === undefined) return undefined;
  const number = patterns.add(name === 'validatenid' ? argument.slice(2).trimStart() : argument);
  return (text, { captures }) => {
    let count = 0;
    for (const candidate of candidatesOf(patterns.at(number), text)) {
      count += 1;
      // Numbers that are none must not hide one behind them.
      if (!check(candidate) && count < CANDIDATES_MAX) continue;
      if (captures !== undefined) captures[0] = candidate;
      return true;
    }
    return false;
  };
}

/** A value in which every byte begins another candidate costs as many searches. */
const CANDIDATES_MAX = 10_000;

function* candidatesOf(regex: Regex, text: string): Generator<string> {
  let from = 0;
  while (from <= text.length) {
    const span = regex.find(text, { from });
    if (span === undefined) return;
    yield text.slice(span.start, span.end);
    from = Math.max(span.end, span.start + 1);
  }
}

const CHECKS: Readonly<Record<Exclude<IdentityNumber, 'validatenid'>, (text: string) => boolean>> = {
  verifycc: isCardNumber,
  verifycpf: isCpf,
  verifyssn: isSsn,
  verifysvnr: isSvnr,
};

const NATIONAL: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['cl', isRut],
  ['us', isSsn],
]);

/** ISO/IEC 7812-1 annex B. */
function isCardNumber(text: string): boolean {
  const digits = digitsOf(text).toReversed();
  if (digits.length < 2 || digits.length > 19) return false;
  const sum = digits.reduce((total, digit, index) => {
    const doubled = index % 2 === 0 ? digit : digit * 2;
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}

/** Brazil's taxpayer number: two check digits modulo 11. */
function isCpf(text: string): boolean {
  const digits = digitsOf(text);
  if (digits.length !== 11 || new Set(digits).size === 1) return false;
  return [9, 10].every((length) => {
    const sum = digits.slice(0, length).reduce((total, digit, index) => total + digit * (length + 1 - index), 0);
    return ((sum * 10) % 11) % 10 === digits[length];
  });
}

/** United States: no zero groups, no area that was never issued, no famous example. */
function isSsn(text: string): boolean {
  const digits = digitsOf(text);
  if (digits.length !== 9) return false;
  const area = Number(digits.slice(0, 3).join(''));
  const isIssued = area > 0 && area < 740 && area !== 666;
  const [group, serial] = [Number(digits.slice(3, 5).join('')), Number(digits.slice(5).join(''))];
  const isRun = digits.every((digit, index) => index === 0 || digit === (digits[index - 1] ?? 0) + 1);
  return isIssued && group > 0 && serial > 0 && !isRun && new Set(digits).size > 1;
}

/** Austria's social insurance number: a weighted sum modulo 11 stands in the fourth place. */
function isSvnr(text: string): boolean {
  const digits = digitsOf(text);
  if (digits.length !== 10) return false;
  const weights = [3, 7, 9, 0, 5, 8, 4, 2, 1, 6];
  const sum = digits.reduce((total, digit, index) => total + digit * (weights[index] ?? 0), 0);
  return sum % 11 === digits[3];
}

/** Chile's RUT: the check digit modulo 11 is 0 to 9 or K. */
function isRut(text: string): boolean {
  const compact = text.replaceAll(/[^0-9kK]/g, '').toUpperCase();
  const digits = digitsOf(compact.slice(0, -1)).toReversed();
  if (digits.length < 7) return false;
  const sum = digits.reduce((total, digit, index) => total + digit * (2 + (index % 6)), 0);
  const check = 11 - (sum % 11);
  return compact.at(-1) === (check === 11 ? '0' : check === 10 ? 'K' : String(check));
}

function digitsOf(text: string): number[] {
  return [...text].filter((char) => char >= '0' && char <= '9').map(Number);
}
