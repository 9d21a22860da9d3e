import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One use of `@rx` in a rule file. */
export interface CrsPattern {
  readonly rule: string;
  readonly pattern: string;
  readonly paranoiaLevel: number;
  readonly phase: number;
  /** What the rule looks at, as written: `ARGS`, `REQUEST_HEADERS:User-Agent`, `!REQUEST_COOKIES:/x/` ... */
  readonly variables: readonly string[];
}

/** Every `@rx` of the rule files, in order: just enough of SecLang to measure patterns, not to run rules. */
export function readCrsPatterns(dataFolder: string): CrsPattern[] {
  const folder = join(dataFolder, 'crs-4.29', 'rules');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.conf'))
    .toSorted()
    .flatMap((file) => patternsIn(readFileSync(join(folder, file), 'latin1')));
}

function patternsIn(text: string): CrsPattern[] {
  const patterns: CrsPattern[] = [];
  let [paranoiaLevel, phase, rule] = [0, 2, ''];
  const directives = text.replace(/^\s*#.*$/gm, '').replace(/\\\n\s*/g, ' ');
  for (const line of directives.split('\n')) {
    // A rule file opens each paranoia level with a rule that skips it where the configured level is lower.
    paranoiaLevel = Number(/DETECTION_PARANOIA_LEVEL "@lt (\d)"/.exec(line)?.[1] ?? paranoiaLevel);
    phase = Number(/[",]\s*phase:(\d)/.exec(line)?.[1] ?? phase);
    rule = /[",]\s*id:(\d+)/.exec(line)?.[1] ?? rule;
    const [, variables, pattern] = /^\s*SecRule\s+(\S+)\s+"!?@rx ((?:[^"\\]|\\.)*)"/.exec(line) ?? [];
    if (variables === undefined || pattern === undefined) continue;
    patterns.push({
      rule,
      pattern: pattern.replaceAll('\\"', '"'),
      paranoiaLevel,
      phase,
      variables: variables.split('|'),
    });
  }
  return patterns;
}

/** The patterns of both request phases up to a paranoia level. */
export function requestPatterns(patterns: readonly CrsPattern[], levelMax: number): CrsPattern[] {
  return patterns.filter(({ phase, paranoiaLevel }) => phase <= 2 && paranoiaLevel <= levelMax);
}

/**
 * A CRS pattern for V8 with the same meaning: leading flags become flags, `\x{hh}` becomes `\xhh`, `\z` a look-ahead,
 * and the dot matches everything.
 */
export function toV8(pattern: string): RegExp {
  const flags = new Set('s');
  const source = pattern
    .replace(/^(\^?)\(\?([is]+)\)/, (_, anchor: string, letters: string) => {
      for (const letter of letters) flags.add(letter);
      return anchor;
    })
    .replaceAll(/\\x\{([0-9a-fA-F]{2})\}/g, '\\x$1')
    .replaceAll('\\z', '(?![^])');
  return new RegExp(source, [...flags].join(''));
}
