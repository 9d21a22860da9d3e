import { readFileSync } from 'node:fs';

/** A unit file of systemd, as far as ours go: sections with keys, each with the values it was given in order. */
export class UnitFile {
  readonly #values = new Map<string, string[]>();

  /** Later files are drop-ins of the first one. @throws SyntaxError for a line that is none of a unit file. */
  static read(...paths: readonly string[]): UnitFile {
    const unit = new UnitFile();
    for (const path of paths) unit.#add(readFileSync(path, 'utf8'), path);
    return unit;
  }

  #add(text: string, path: string): void {
    let section = '';
    for (const line of text.split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const [, header] = /^\[(\w+)\]$/.exec(line) ?? [];
      const [, key, value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
      if (header !== undefined) section = header;
      else if (key === undefined || section === '')
        throw new SyntaxError(`${path}: not a line of a unit file: ${line}`);
      // An empty value takes back what was said before.
      else this.#values.set(`${section}.${key}`, value === '' ? [] : [...this.all(section, key), value]);
    }
  }

  all(section: string, key: string): readonly string[] {
    return this.#values.get(`${section}.${key}`) ?? [];
  }

  /** The last value, which is the one that counts. @throws Error when there is none. */
  one(section: string, key: string): string {
    const value = this.all(section, key).at(-1);
    if (value === undefined) throw new Error(`the unit has no ${key} in [${section}]`);
    return value;
  }
}
