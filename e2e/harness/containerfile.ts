import { readFileSync } from 'node:fs';

/** One instruction, its flags apart. */
export interface Instruction {
  readonly name: string;
  readonly flags: readonly string[];
  /** What follows, as one text. */
  readonly text: string;
  /** The words: of the JSON form where it has one, else between blanks. */
  readonly words: readonly string[];
  readonly isExec: boolean;
}

export interface Stage {
  readonly base: string;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Containerfile, as far as ours go: no heredocs, no directives, no arguments. */
export function readContainerfile(path: string): readonly Stage[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, ' ')
    .split('\n')
    .filter((line) => line !== '');
  const stages: { base: string; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const line of lines) {
    const instruction = parse(line);
    if (instruction.name === 'FROM') {
      const [base = '', , name] = instruction.words;
      stages.push({ base, name, instructions: [] });
    } else stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

function parse(line: string): Instruction {
  const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
  if (name === '') throw new SyntaxError(`not an instruction: ${line}`);
  const [, flagText = '', text = ''] = /^((?:--\S+\s+)*)(.*)$/.exec(rest) ?? [];
  const [, subcommand = '', json] = /^([A-Z]+ )?(\[.*\])$/.exec(text) ?? [];
  const words: readonly string[] = json === undefined ? text.split(/\s+/) : JSON.parse(json);
  const flags = flagText.split(/\s+/).filter((flag) => flag !== '');
  return { name, flags, text: text.slice(subcommand.length), words, isExec: json !== undefined };
}

/** What the last stage says of `name`. @throws Error when it says nothing, or says it twice. */
export function only(stage: Stage, name: string): Instruction {
  const [found, ...others] = stage.instructions.filter((instruction) => instruction.name === name);
  if (found === undefined || others.length > 0) throw new Error(`${name} does not stand there once`);
  return found;
}

/** A flag's value: `--from=build`. */
export function flag({ flags }: Instruction, name: string): string | undefined {
  return flags.find((text) => text.startsWith(`--${name}=`))?.slice(name.length + 3);
}
