import type { BodyLimits } from './port.ts';

/** The defaults: as large as CRS and ModSecurity recommend, where they name a number. */
export const BODY_LIMITS: BodyLimits = {
  // Every value meets every rule: a body of a million names would be a million evaluations of the rule set.
  valuesMax: 1000,
  // Each level is kept until it ends; nobody nests deeper, and other parsers fall over.
  depthMax: 1024,
  // A long key above a thousand leaves stands in the name of every one of them.
  nameBytesMax: 8192,
  // Each part has headers that are parsed one by one.
  partsMax: 1000,
  // Headers end with an empty line; without a bound a part of headers only is read as one.
  partHeaderBytesMax: 16_384,
};
