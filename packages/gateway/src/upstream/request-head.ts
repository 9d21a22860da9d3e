import type { Framing } from '@sallyport/kernel';
import type { UpstreamRequest } from './port.ts';

/**
 * The request line and the header section with its empty line; undefined when a part holds a control
 * character, or the target a space.
 *
 * Whatever reaches us has been checked before. It is checked again here, where it becomes bytes: a line break that
 * slipped through would let a client write headers, or a whole second request, of its own. The finished text is checked,
 * once: it has as many lines as were written, and no character that is not text.
 */
export function writeHead(request: UpstreamRequest, authority: string): string | undefined {
  const { method, target, headers } = request;
  if (NOT_VISIBLE.test(target) || NOT_VISIBLE.test(authority) || NOT_VISIBLE.test(method)) return undefined;
  let head = `${method} ${target} HTTP/1.1\r\nhost: ${authority}\r\n`;
  let lines = 3;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    head += `${headers[index]}: ${headers[index + 1]}\r\n`;
    lines += 1;
  }
  if (request.isUpgrade) {
    head += 'connection: Upgrade\r\nupgrade: websocket\r\n';
    lines += 2;
  }
  const framing = framingFields(request.framing);
  if (framing !== '') lines += 1;
  head = `${head}${framing}\r\n`;
  return NOT_TEXT.test(head) || countLines(head) !== lines ? undefined : head;
}

function countLines(text: string): number {
  let lines = 0;
  for (let index = text.indexOf('\n'); index !== -1; index = text.indexOf('\n', index + 1)) lines += 1;
  return lines;
}

function framingFields(framing: Framing): string {
  switch (framing.kind) {
    case 'none':
      return '';
    case 'length':
      return `content-length: ${framing.bytes}\r\n`;
    case 'chunked':
      return 'transfer-encoding: chunked\r\n';
  }
}

/** Like the class for values it also matches what is not latin1: cut to eight bits, U+010A would become a line feed. */
const NOT_VISIBLE = /[^\x21-\x7e\x80-\xff]/;

/** What may stand in a head: tab, text, obs-text and line ends, these only as CRLF. */
const NOT_TEXT = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)/;
