import { parseParameters } from './parameters.ts';
import type { BodyFlag, BodyProcessor, BodyType } from './port.ts';

/**
 * How a body is to be read, from all Content-Type fields of its request, as byte strings. With `error` set the request
 * is to be refused: servers choose between two types, two boundaries or two charsets as they like, and an attacker knows
 * which of them ours does not. The rest of the answer is then the first reading.
 */
export function parseContentType(fields: readonly string[]): BodyType {
  if (fields.length === 0) return NO_TYPE;
  const flags = new Set<BodyFlag>();
  const [field = ''] = fields;
  const semicolon = field.indexOf(';');
  const mediaType = (semicolon < 0 ? field : field.slice(0, semicolon)).trim().toLowerCase();
  const { parameters, flags: found } = parseParameters(semicolon < 0 ? '' : field.slice(semicolon));
  const processor = processorOf(mediaType);
  const boundaries = parameters.filter(({ name }) => name === 'boundary');
  const charsets = parameters.filter(({ name }) => name === 'charset');
  for (const flag of found) if (flag !== 'INVALID_QUOTING' || processor === 'MULTIPART') flags.add(flag);
  if (charsets.some(({ value }) => !isPlainCharset(value))) flags.add('CHARSET');
  const [boundary] = boundaries;
  if (boundary?.isQuoted) flags.add('BOUNDARY_QUOTED');
  if (boundary !== undefined && /\s/.test(boundary.value)) flags.add('BOUNDARY_WHITESPACE');
  const message = refusal({
    fields,
    field,
    mediaType,
    boundaries: boundaries.length,
    charsets: charsets.map(({ value }) => value),
    flags,
  });
  return {
    processor,
    mediaType,
    boundary: boundaries.length === 1 ? boundary?.value : undefined,
    charset: charsets[0]?.value.toLowerCase(),
    flags,
    error: message === undefined ? undefined : { message, offset: 0 },
  };
}

/** Of a request without the field. */
export const NO_TYPE: BodyType = {
  processor: 'RAW',
  mediaType: '',
  boundary: undefined,
  charset: undefined,
  flags: new Set(),
  error: undefined,
};

/** Character sets that are read as the bytes of ASCII, so that what is inspected is what is meant. */
export function isPlainCharset(name: string): boolean {
  return /^(?:utf-?8|us-ascii|iso-8859-15?|windows-1252)$/i.test(name.trim());
}

interface Evidence {
  readonly fields: readonly string[];
  readonly field: string;
  readonly mediaType: string;
  readonly boundaries: number;
  readonly charsets: readonly string[];
  readonly flags: ReadonlySet<BodyFlag>;
}

function refusal({ fields, field, mediaType, boundaries, charsets, flags }: Evidence): string | undefined {
  if (fields.length > 1) return 'The request has more than one Content-Type.';
  if (field.includes('\0')) return 'The Content-Type has a NUL.';
  if (mediaType.includes(',')) return 'The Content-Type is a list.';
  if (mediaType !== '' && !MEDIA_TYPE.test(mediaType)) return 'The Content-Type is no media type.';
  if (boundaries > 1) return 'The Content-Type has more than one boundary.';
  if (charsets.some((value) => value.includes(','))) return 'The Content-Type is a list.';
  if (charsets.length > 1) return 'The Content-Type has more than one charset.';
  // `boundary*0=a; boundary*1=b`: RFC 2231 gives some readers a boundary that the others do not see.
  if (mediaType.startsWith('multipart/') && flags.has('EXTENDED_PARAMETER')) {
    return 'The Content-Type has a parameter in pieces.';
  }
  return undefined;
}

/** RFC 9110 8.3.1. */
const MEDIA_TYPE = /^[!#$%&'*+.^_`|~0-9a-z-]+\/[!#$%&'*+.^_`|~0-9a-z-]+$/;

function processorOf(mediaType: string): BodyProcessor {
  if (mediaType === 'application/x-www-form-urlencoded') return 'URLENCODED';
  if (mediaType.startsWith('multipart/')) return 'MULTIPART';
  if (/^(?:application|text)\/(?:x-)?json$|^[^/]+\/[^/]*\+json$/.test(mediaType)) return 'JSON';
  if (/^(?:application|text)\/xml$|^[^/]+\/[^/]*\+xml$/.test(mediaType)) return 'XML';
  return 'RAW';
}
