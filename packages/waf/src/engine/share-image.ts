import { sharedSet } from '@sallyport/regex';
import type { GroupImage } from '../operators/pattern.ts';
import { checkImageVersion, type WafImage } from './image.ts';

/**
 * The image with its tables in `SharedArrayBuffer`s, as `compileWaf` makes it: what was read back from a file has them in
 * memory of one thread. Throws an `Error` for an image that another version of this package made.
 */
export function shareImage(image: WafImage): WafImage {
  checkImageVersion(image);
  const { request, response, rest } = image.patterns;
  return { ...image, patterns: { request: shared(request), response: shared(response), rest: shared(rest) } };
}

function shared({ numbers, set }: GroupImage): GroupImage {
  return { numbers, set: sharedSet(set) };
}
