import { directivesOf } from '../seclang/lines.ts';
import type { RuleSource } from '../seclang/parse.ts';

/** One example that stands in front of a rule. */
export interface RuleExample {
  readonly ruleId: number;
  readonly file: string;
  readonly line: number;
  /** True when the rule has to match it, false when it must not. */
  readonly isMatch: boolean;
  readonly part: ExamplePart;
  /** The name of the header, the type of the body; '' for the other parts. */
  readonly name: string;
  /** A byte string. */
  readonly text: string;
}

/**
 * What of a request an example is: the value or the name of an argument, a whole query or path, a header, a cookie, a text
 * inside of JSON, JSON itself, a body of any type, or the name of a file that is sent.
 */
export type ExamplePart = (typeof EXAMPLE_PARTS)[number];

const EXAMPLE_PARTS = [
  'value',
  'name',
  'query',
  'path',
  'header',
  'cookie',
  'json',
  'json-name',
  'body',
  'file',
] as const;

/** What a file says about its examples, and what it says wrongly. */
export interface RuleExamples {
  readonly examples: readonly RuleExample[];
  readonly problems: readonly { readonly file: string; readonly line: number; readonly message: string }[];
}

/**
 * The examples of a rule file: comments `#+ PART: TEXT` that the next rule has to match, and `#- PART: TEXT` that it must
 * not. \xhh in a text is one byte.
 */
export function examplesOf({ name: file, text }: RuleSource): RuleExamples {
  const examples: RuleExample[] = [];
  const problems: { file: string; line: number; message: string }[] = [];
  const rules = [...directivesOf(text)].flatMap(({ line, words }) => {
    const id = /(?:^|,)\s*id:'?(\d{1,15})/.exec(words.at(-1) ?? '')?.[1];
    return id === undefined ? [] : [{ line, id: Number(id) }];
  });
  let next = 0;
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1;
    while ((rules[next]?.line ?? Infinity) < line) next += 1;
    if (!/^#[+-]/.test(content)) continue;
    const found = /^#([+-]) ([a-z-]+)(?: ([^\s:]+))?: (.*?)\r?$/.exec(content);
    const part = EXAMPLE_PARTS.find((one) => one === found?.[2]);
    const rule = rules[next];
    if (found === null || part === undefined) {
      problems.push({
        file,
        line,
        message: `an example names one of ${EXAMPLE_PARTS.join(', ')}, a colon and its text`,
      });
    } else if (rule === undefined) problems.push({ file, line, message: 'no rule stands behind this example' });
    else {
      const [, sign, , name = '', written = ''] = found;
      examples.push({ ruleId: rule.id, file, line, isMatch: sign === '+', part, name, text: unescaped(written) });
    }
  }
  return { examples, problems };
}

function unescaped(text: string): string {
  return text.replaceAll(/\\x([0-9a-f]{2})/gi, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
