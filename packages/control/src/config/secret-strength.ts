/**
 * What is wrong with a secret, as a clause that does not quote it; undefined when it is good.
 *
 * A secret must be worth about 32 random bytes (R0.13, R3.9): {@link SECRET_BITS_MIN} bits by {@link estimateBits}, which
 * 32 random bytes in hexadecimal, base64 or base64url always reach and anything a person would type does not.
 */
export function secretProblem(secret: string): string | undefined {
  const plain = secret.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  if (PLACEHOLDERS.some((word) => plain.includes(word)) || SHORT_PLACEHOLDERS.includes(plain)) {
    return 'refers to a placeholder, not a secret';
  }
  if (/[^!-~]/.test(secret)) {
    return 'refers to a secret with white space or characters outside ASCII, which headers cannot carry';
  }
  const bits = Math.floor(estimateBits(secret));
  if (bits >= SECRET_BITS_MIN) return undefined;
  return `refers to a secret that is too easy to guess: about ${bits} bits, at least ${SECRET_BITS_MIN} are needed`;
}

/**
 * 32 random bytes have 256 bits; the estimate sees 180 to 255 of them (200,000 samples of each form), because a short
 * sample looks less even than it is, and never more than 130 of the 128 bits of 16 random bytes.
 */
export const SECRET_BITS_MIN = 160;

/**
 * Estimates how many bits a guesser would need: the Shannon entropy of the character frequencies, times the number of
 * characters that do not continue a run (`abcd`, `9876`, `aaaa`) or repeat four characters that came before.
 *
 * An upper bound: it does not know words. It is there to refuse what is plainly weak, not to prove strength.
 */
export function estimateBits(secret: string): number {
  const counts = new Map<string, number>();
  for (const character of secret) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bitsPerCharacter = 0;
  for (const count of counts.values()) {
    const share = count / secret.length;
    bitsPerCharacter -= share * Math.log2(share);
  }
  return bitsPerCharacter * unpredictedLength(secret);
}

/** Words that stand in examples; long enough not to occur in random text. */
const PLACEHOLDERS = [
  'changeme',
  'changeit',
  'password',
  'secret',
  'example',
  'placeholder',
  'replaceme',
  'insertyour',
  'yourtoken',
  'yourkey',
  'letmein',
  'correcthorse',
  'default',
  'deadbeef',
  '0123456',
  '1234567',
  'abcdefg',
  'qwerty',
];

/** Refused only as the whole secret: random text may hold them. */
const SHORT_PLACEHOLDERS = ['test', 'todo', 'tbd', 'dev', 'admin', 'none', 'null', 'fixme'];

function unpredictedLength(secret: string): number {
  const seen = new Set<string>();
  const isPredicted = new Uint8Array(secret.length);
  for (let index = 3; index < secret.length; index += 1) {
    const four = secret.slice(index - 3, index + 1);
    const step = four.charCodeAt(1) - four.charCodeAt(0);
    const isRun = Math.abs(step) <= 1 && isArithmetic(four, step);
    // The whole group counts as predicted when it was seen before, so that `abcXabcXabcX` has four characters.
    if (seen.has(four)) isPredicted.fill(1, index - 3, index + 1);
    else if (isRun) isPredicted.fill(1, index - 2, index + 1);
    seen.add(four);
  }
  return isPredicted.reduce((sum, predicted) => sum + (predicted === 0 ? 1 : 0), 0);
}

function isArithmetic(text: string, step: number): boolean {
  for (let index = 1; index < text.length; index += 1) {
    if (text.charCodeAt(index) - text.charCodeAt(index - 1) !== step) return false;
  }
  return true;
}
