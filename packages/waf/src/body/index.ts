import { BodyBuilder } from './builder.ts';
import { parseJson } from './json.ts';
import { BODY_LIMITS } from './limits.ts';
import { parseMultipart } from './multipart.ts';
import type { BodyCollections, BodyLimits, BodyType } from './port.ts';
import { parseUrlencoded } from './urlencoded.ts';
import { parseXml } from './xml.ts';

export { NO_TYPE, parseContentType } from './content-type.ts';
export { parseCookies } from './cookies.ts';
export { BODY_LIMITS } from './limits.ts';
export type {
  BodyCollections,
  BodyFlag,
  BodyLimits,
  BodyProcessor,
  BodyType,
  BodyValue,
} from './port.ts';

/**
 * Reads a body, or a query string as URLENCODED. Never throws: what cannot be parsed is in `rest`, with `error` set.
 * Takes steps linear in the body's length, keeps no more than the limits allow, and never calls itself.
 *
 * @param type How to read it; `{ ...type, processor }` reads it in another way.
 * @param body Byte string.
 */
export function parseBody(type: BodyType, body: string, limits: BodyLimits = BODY_LIMITS): BodyCollections {
  const builder = new BodyBuilder(body, limits);
  switch (type.processor) {
    case 'URLENCODED':
      parseUrlencoded(body, builder);
      break;
    case 'MULTIPART':
      for (const flag of type.flags) builder.flag(flag);
      parseMultipart(body, type.boundary, builder);
      break;
    case 'JSON':
      parseJson(body, builder);
      break;
    case 'XML':
      parseXml(body, builder);
      break;
    case 'RAW':
      break;
  }
  return builder.finish(type.processor);
}
