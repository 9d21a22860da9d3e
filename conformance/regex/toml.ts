/** A value of the part of TOML 1.0 that the regex vectors use: no dates, no floats, no nested tables. */
export type TomlValue = string | number | boolean | TomlValue[] | { [key: string]: TomlValue };
export type TomlTable = Record<string, TomlValue>;

/** The tables `[[name]]` of a TOML document, in order. Throws with the offset of what it cannot read. */
export function parseTables(text: string, name: string): TomlTable[] {
  const reader = new Reader(text);
  const tables: TomlTable[] = [];
  for (;;) {
    reader.skip(/(?:\s|#[^\n]*)*/y);
    if (reader.isAtEnd) return tables;
    if (reader.eat(`[[${name}]]`)) {
      tables.push({});
      continue;
    }
    const table = tables.at(-1);
    if (table === undefined) reader.fail();
    else reader.pair(table);
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"', '\\': '\\', b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', e: '\x1b',
}; // biome-ignore format: one row

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  fail(): never {
    throw new Error(`cannot read the TOML at offset ${this.#at}: ${this.#text.slice(this.#at, this.#at + 40)}`);
  }

  eat(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  skip(expression: RegExp): string {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  pair(table: TomlTable): void {
    const key = this.skip(/[\w-]+/y);
    this.skip(/[ \t]*/y);
    if (key === '' || !this.eat('=')) this.fail();
    this.skip(/[ \t]*/y);
    table[key] = this.#value();
  }

  #value(): TomlValue {
    if (this.eat("'''")) return this.#until("'''").replace(/^\n/, '');
    if (this.eat("'")) return this.#until("'");
    if (this.eat('"')) return this.#basic();
    if (this.eat('[')) return this.#array();
    if (this.eat('{')) return this.#inlineTable();
    const word = this.skip(/true|false|[+-]?[0-9_]+/y);
    if (word === '') this.fail();
    return word === 'true' ? true : word === 'false' ? false : Number(word.replaceAll('_', ''));
  }

  #until(end: string): string {
    const at = this.#text.indexOf(end, this.#at);
    if (at < 0) this.fail();
    const value = this.#text.slice(this.#at, at);
    this.#at = at + end.length;
    return value;
  }

  #basic(): string {
    let value = '';
    for (;;) {
      value += this.skip(/[^"\\]*/y);
      if (this.eat('"')) return value;
      if (!this.eat('\\')) this.fail();
      const code = /^[uU]([0-9a-fA-F]+)$/.exec(this.skip(/u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}/y))?.[1];
      value +=
        code === undefined
          ? (ESCAPES[this.skip(/[^]/y)] ?? this.fail())
          : String.fromCodePoint(Number.parseInt(code, 16));
    }
  }

  #array(): TomlValue[] {
    const values: TomlValue[] = [];
    for (;;) {
      this.skip(/(?:[\s,]|#[^\n]*)*/y);
      if (this.eat(']')) return values;
      values.push(this.#value());
    }
  }

  #inlineTable(): TomlTable {
    const table: TomlTable = {};
    for (;;) {
      this.skip(/[\s,]*/y);
      if (this.eat('}')) return table;
      this.pair(table);
    }
  }
}
