/** Made-up words and texts for requests, the same ones every time, so that runs can be compared. */

/** No words of SQL or of shells: what is made of these must pass every rule of paranoia level 1. */
const WORDS = [
  'player', 'garden', 'window', 'market', 'school', 'water', 'river', 'little', 'people', 'number', 'because', 'company',
  'please', 'nothing', 'perhaps', 'problem', 'place', 'week', 'point', 'world', 'about', 'the', 'with', 'have', 'this',
  'will', 'your', 'that', 'they', 'would', 'there', 'their', 'what', 'could', 'we', 'match', 'score', 'evening', 'castle',
  'arrow', 'forest', 'morning', 'friend', 'letter', 'mountain', 'yellow', 'quickly', 'seven', 'enough', 'music', 'dinner',
]; // biome-ignore format: a list of words

/** The same word for the same index. */
export function word(index: number): string {
  return WORDS[((Math.imul(index + 1, 0x9e3779b1) >>> 0) % 1009) % WORDS.length] ?? 'player';
}

/** A word as a name is written. */
export function name(index: number): string {
  const text = word(index);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Sentences of so many characters, with the punctuation of comments that people write. */
export function prose(index: number, length: number): string {
  let text = '';
  for (let at = 0; text.length < length; at += 1) {
    const start = index * 29 + at * 11;
    const rest = Array.from({ length: 5 + ((index + at) % 7) }, (_, place) => word(start + place + 1));
    text += `${name(start)} ${rest.join(' ')}${ENDS[(index + at) % ENDS.length] ?? '. '}`;
  }
  return text.slice(0, length);
}

const ENDS = ['. ', ', but ', '; ', '! ', ' (really). ', "? It's ", ' - "well"! ', ': ', '... '];

/** Hexadecimal digits, as identifiers and tokens have them. */
export function hex(index: number, length: number): string {
  let text = '';
  for (let at = 0; text.length < length; at += 1) {
    text += (Math.imul(index * 131 + at + 1, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0');
  }
  return text.slice(0, length);
}
