import type { Framing } from '@sallyport/kernel';
import { FORBIDDEN_CHARACTER } from './grammar.ts';
import type { UpstreamRequest } from './port.ts';

/**
 * The request line and the header section with its empty line; undefined when a part holds a control
 * character, or the target a space.
 *
 * Whatever reaches us has been checked before. It is checked again here, where it becomes bytes: a line break that
 * slipped through would let a client write headers, or a whole second request, of its own.
 */
export function writeHead(request: UpstreamRequest, authority: string): string | undefined {
  const { method, target, headers } = request;
  if (NOT_VISIBLE.test(target) || NOT_VISIBLE.test(authority) || NOT_VISIBLE.test(method)) return undefined;
  let head = `${method} ${target} HTTP/1.1\r\nhost: ${authority}\r\n`;
  for (let index = 0; index + 1 < headers.length; index += 2) {
    const name = headers[index] ?? '';
    const value = headers[index + 1] ?? '';
    if (FORBIDDEN_CHARACTER.test(value) || NOT_VISIBLE.test(name)) return undefined;
    head += `${name}: ${value}\r\n`;
  }
  if (request.isUpgrade) head += 'connection: Upgrade\r\nupgrade: websocket\r\n';
  return `${head}${framingFields(request.framing)}\r\n`;
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
