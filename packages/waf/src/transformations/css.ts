import { Buffer } from 'node:buffer';
import { hexDigit } from './hex.ts';

/**
 * CSS Syntax §4.3.7: one to six hexadecimal digits and one white space behind them are a code point (as UTF-8; full
 * width forms become ASCII, what is no code point becomes U+FFFD), a line end vanishes, anything else is itself.
 */
export function cssDecode(text: string): string {
  let slash = text.indexOf('\\');
  if (slash < 0) return text;
  let out = '';
  let from = 0;
  while (slash >= 0) {
    out += text.slice(from, slash);
    let index = slash + 1;
    let point = 0;
    while (index - slash <= HEX_DIGITS && hexDigit(text, index) >= 0) {
      point = point * 16 + hexDigit(text, index);
      index += 1;
    }
    if (index > slash + 1) {
      out += codePoint(point);
      if (/[\t\n\f\r ]/.test(text.charAt(index))) index += 1;
    } else {
      if (text[index] !== '\n') out += text.charAt(index);
      index += 1;
    }
    from = index;
    slash = text.indexOf('\\', from);
  }
  return out + text.slice(from);
}

const HEX_DIGITS = 6;

function codePoint(point: number): string {
  if (point < 0x80) return String.fromCharCode(point);
  if (point >= 0xff01 && point <= 0xff5e) return String.fromCharCode(point - 0xfee0);
  const isCharacter = point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
  return Buffer.from(String.fromCodePoint(isCharacter ? point : 0xfffd), 'utf8').toString('latin1');
}
