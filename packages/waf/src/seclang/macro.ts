/** Text with `%{...}` in it: pieces to copy and places to look up when a rule runs. */
export interface Macro {
  readonly parts: readonly (string | MacroVariable)[];
  /** The whole text, when nothing has to be looked up. */
  readonly constant: string | undefined;
}

/** `%{TX.name}`: the first value of a variable, or of one of its keys. */
export interface MacroVariable {
  /** Upper case. */
  readonly variable: string;
  /** As written; '' for all of the variable. */
  readonly key: string;
  /** `key` in lower case. */
  readonly name: string;
}

export function parseMacro(text: string): Macro {
  const parts: (string | MacroVariable)[] = [];
  let from = 0;
  for (let begin = text.indexOf('%{'); begin >= 0; begin = text.indexOf('%{', from)) {
    const end = text.indexOf('}', begin);
    if (end < 0) break;
    if (begin > from) parts.push(text.slice(from, begin));
    parts.push(variableOf(text.slice(begin + 2, end)));
    from = end + 1;
  }
  if (from === 0) return { parts: [text], constant: text };
  if (from < text.length) parts.push(text.slice(from));
  return { parts, constant: undefined };
}

function variableOf(text: string): MacroVariable {
  const dot = text.search(/[.:]/);
  const variable = (dot < 0 ? text : text.slice(0, dot)).toUpperCase();
  const key = dot < 0 ? '' : text.slice(dot + 1);
  return { variable, key, name: key.toLowerCase() };
}
