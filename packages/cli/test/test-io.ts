import type { CommandIo } from '../src/io.ts';

/** A world for commands that keeps what they write and answers what they ask, in order. */
export interface TestIo extends CommandIo {
  readonly out: () => string;
  readonly err: () => string;
  readonly asked: readonly string[];
}

export function testIo(options: {
  cwd: string;
  environment?: Readonly<Record<string, string>>;
  answers?: readonly string[];
}): TestIo {
  let out = '';
  let err = '';
  const asked: string[] = [];
  const { answers } = options;
  const base = {
    stdout: (text: string) => {
      out += text;
    },
    stderr: (text: string) => {
      err += text;
    },
    environment: options.environment ?? {},
    cwd: options.cwd,
    out: () => out,
    err: () => err,
    asked,
  };
  if (answers === undefined) return base;
  return {
    ...base,
    readLine: (question) => {
      asked.push(question);
      return Promise.resolve(answers[asked.length - 1] ?? '');
    },
  };
}
