import { writer } from './byte-writer.ts';
import { hexDigit } from './hex.ts';

/**
 * CSS Syntax §4.3.7: one to six hexadecimal digits and one white space behind them are a code point (as UTF-8; full
 * width forms become ASCII, what is no code point becomes U+FFFD), a line end vanishes, anything else is itself.
 */
export function cssDecode(text: string): string {
  let slash = text.indexOf('\\');
  if (slash < 0) return text;
  // In UTF-8 a code point takes fewer bytes than its escape.
  writer.begin(text.length);
  let from = 0;
  while (slash >= 0) {
    writer.copy(text, from, slash);
    let index = slash + 1;
    let point = 0;
    for (let digit = hexDigit(text, index); digit >= 0 && index - slash <= HEX_DIGITS; digit = hexDigit(text, index)) {
      point = point * 16 + digit;
      index += 1;
    }
    if (index > slash + 1) {
      const isFullWidth = point >= 0xff01 && point <= 0xff5e;
      writer.codePoint(isFullWidth ? point - 0xfee0 : point);
      if (isSpace(text.charCodeAt(index))) index += 1;
    } else {
      if (index < text.length && text.charCodeAt(index) !== 0x0a) writer.byte(text.charCodeAt(index));
      index += 1;
    }
    from = index;
    slash = text.charCodeAt(from) === 0x5c ? from : text.indexOf('\\', from);
  }
  writer.copy(text, from, text.length);
  return writer.text();
}

const HEX_DIGITS = 6;

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0c || code === 0x0d;
}
