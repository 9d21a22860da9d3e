/**
 * Fields by name from node's flat `rawHeaders` (name, value, name, value ...). Not `req.headers`: that object joins or
 * drops repeated fields, and a second CF-Connecting-IP is exactly what has to be seen.
 */
export type RawHeaders = readonly string[];

/** Every value of `name` (lower case), in order. */
export function fieldValues(rawHeaders: RawHeaders, name: string): readonly string[] {
  let values: string[] | undefined;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const candidate = rawHeaders[index] ?? '';
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue;
    values ??= [];
    values.push(rawHeaders[index + 1] ?? '');
  }
  return values ?? NONE;
}

/** The value of a field that occurs exactly once; undefined when it is missing or repeated. */
export function soleValue(rawHeaders: RawHeaders, name: string): string | undefined {
  const values = fieldValues(rawHeaders, name);
  return values.length === 1 ? values[0] : undefined;
}

const NONE: readonly string[] = [];
