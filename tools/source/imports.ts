import { lineOf, type Scan } from './scan.ts';

/** One `import`, `export ... from` or `import()` of a literal. */
export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Disappears when types are stripped. */
  readonly isTypeOnly: boolean;
}

/** Every import of a file, in order. `import()` of something computed is not among them. */
export function importsOf({ text, code, strings }: Scan): readonly Import[] {
  return strings.flatMap(({ start, end, value }) => {
    // The first piece of a template that goes on is not a specifier.
    if (text[end - 1] === '$') return [];
    const before = code.slice(0, start).trimEnd();
    const isImport = /(?:^|[^\w$.])(?:from|import|import\s*\()$/.test(before);
    return isImport ? [{ specifier: value, line: lineOf(text, start), isTypeOnly: isTypeOnly(before) }] : [];
  });
}

/** `before` ends with `from`, `import` or `import(`. */
function isTypeOnly(before: string): boolean {
  if (!before.endsWith('from')) return false;
  const statement = before.slice(Math.max(before.lastIndexOf('import '), before.lastIndexOf('export ')));
  if (/^(?:import|export)\s+type\b/.test(statement)) return true;
  const names = /^(?:import|export)\s*\{([^}]*)\}/.exec(statement)?.[1];
  return names !== undefined && names.split(',').every((name) => /^\s*(?:type\s|$)/.test(name));
}
