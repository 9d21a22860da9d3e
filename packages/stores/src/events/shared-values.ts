import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { pack, unpack } from './packed.ts';
import type { NumberedValues, ValueNumbers } from './shared-column.ts';

/** Texts that are stored once for all segments of a file, in pieces: each holds what one segment brought. */
export const SHARED_SCHEMA = `
  CREATE TABLE IF NOT EXISTS shared_value (
    field INTEGER NOT NULL REFERENCES field,
    first INTEGER NOT NULL,
    texts INTEGER NOT NULL,
    units INTEGER NOT NULL,
    piece BLOB NOT NULL,
    UNIQUE (field, first)
  ) STRICT;`;

/**
 * Most UTF-16 units of texts that one field shares, and all fields of a file together, each text with what it takes beside its
 * units. The writer and each question keep them in memory, and clients choose many of them.
 */
const SHARED_UNITS_MAX = 8_388_608;
const SHARED_UNITS_IN_ALL_MAX = 16_777_216;

/** Longest text that is shared. */
export const SHARED_TEXT_UNITS_MAX = 512;

/** The texts of one file as it is read: of each field and piece when it is asked for. */
export class SharedValuesReader {
  readonly #places: StatementSync | undefined;
  readonly #piece: StatementSync | undefined;
  readonly #fields = new Map<number, NumberedValues>();

  constructor(database: DatabaseSync) {
    // A file from before there were any.
    const known = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'shared_value'").get() !== undefined;
    if (!known) return;
    this.#places = database.prepare('SELECT first, texts FROM shared_value WHERE field = ? ORDER BY first');
    this.#piece = database.prepare('SELECT piece FROM shared_value WHERE field = ? AND first = ?');
  }

  /** @throws RangeError | SyntaxError when they are damaged. */
  of(field: number): NumberedValues {
    const known = this.#fields.get(field);
    if (known !== undefined) return known;
    const values = new PiecedTexts(
      this.#places?.all(field) ?? [],
      (first) => this.#piece?.get(field, first)?.['piece'],
    );
    this.#fields.set(field, values);
    return values;
  }
}

/** The texts of one field. Most questions are about few of them, and most of these came early and lie in the first pieces. */
class PiecedTexts implements NumberedValues {
  readonly count: number;
  readonly #pieces: readonly Piece[];
  readonly #read: (first: number) => unknown;
  readonly #numbers = new Map<string, number>();

  /** @throws RangeError when a piece is missing. */
  constructor(places: readonly Readonly<Record<string, unknown>>[], read: (first: number) => unknown) {
    const pieces = places.map(({ first, texts }) => ({ first: Number(first), texts: Number(texts), read: undefined }));
    let count = 0;
    for (const { first, texts } of pieces) {
      if (first !== count + 1 || !(texts > 0)) throw damaged();
      count += texts;
    }
    if (count > SHARED_TEXTS_MAX) throw damaged();
    this.count = count;
    this.#pieces = pieces;
    this.#read = read;
  }

  textOf(number: number): string {
    const piece = this.#pieces[this.#placeOf(number)];
    const text = piece === undefined ? undefined : this.#textsOf(piece)[number - piece.first];
    if (text === undefined) throw damaged();
    return text;
  }

  numberOf(text: string): number {
    const known = this.#numbers.get(text) ?? this.#find(text);
    this.#numbers.set(text, known);
    return known;
  }

  #find(text: string): number {
    const wanted = JSON.stringify(text);
    for (const piece of this.#pieces) {
      // The bytes are searched, which costs a tenth of reading them.
      if (piece.read === undefined && !plainOf(this.#read(piece.first)).includes(wanted)) continue;
      const place = this.#textsOf(piece).indexOf(text);
      if (place >= 0) return piece.first + place;
    }
    return 0;
  }

  /** The piece that begins at the number or before it. */
  #placeOf(number: number): number {
    let low = 0;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#pieces[middle]?.first ?? 0) <= number) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #textsOf(piece: Piece): readonly string[] {
    piece.read ??= textsIn(this.#read(piece.first), piece.texts);
    return piece.read;
  }
}

interface Piece {
  /** The number of its first text. */
  readonly first: number;
  readonly texts: number;
  read: readonly string[] | undefined;
}

/** Gives numbers to texts while segments are written. What is new is stored with {@link store}, in the transaction of its segment. */
export class SharedValuesWriter {
  readonly #pieces: StatementSync;
  readonly #insert: StatementSync;
  readonly #end: StatementSync;
  readonly #taken: StatementSync;
  readonly #fields = new Map<number, Field>();
  /** Of all fields; undefined: to be asked for. */
  #unitsInAll: number | undefined;

  constructor(database: DatabaseSync) {
    this.#pieces = database.prepare(PIECES);
    this.#insert = database.prepare(
      'INSERT INTO shared_value (field, first, texts, units, piece) VALUES (?, ?, ?, ?, ?)',
    );
    this.#end = database.prepare(
      'SELECT coalesce(max(first + texts), 1) - 1 AS texts FROM shared_value WHERE field = ?',
    );
    this.#taken = database.prepare('SELECT coalesce(sum(units), 0) AS units FROM shared_value');
  }

  /** Numbers of one field, for one segment. @throws Error when what is stored cannot be read. */
  of(field: number): ValueNumbers {
    const known = this.#fields.get(field);
    const stored = Number(this.#end.get(field)?.['texts']);
    // The process from which another one takes over may have stored some.
    if (known !== undefined && known.numbers.size - known.fresh.length === stored) return this.#numbering(known);
    const loaded = fieldOf(textsOf(this.#pieces.all(field)));
    this.#fields.set(field, loaded);
    this.#unitsInAll = undefined;
    return this.#numbering(loaded);
  }

  /** Stores what got a number since the last time. @throws Error of SQLite. */
  store(): void {
    for (const [field, { numbers, fresh }] of this.#fields) {
      if (fresh.length === 0) continue;
      const units = fresh.reduce((sum, text) => sum + unitsOf(text), 0);
      const piece = pack(Buffer.from(JSON.stringify(fresh)));
      this.#insert.run(field, numbers.size - fresh.length + 1, fresh.length, units, piece);
      fresh.length = 0;
    }
  }

  /** The transaction was undone, and with it what was numbered in it. */
  forget(): void {
    this.#fields.clear();
    this.#unitsInAll = undefined;
  }

  #numbering(field: Field): ValueNumbers {
    return {
      numberOf: (text) => {
        const known = field.numbers.get(text);
        if (known !== undefined) return known;
        if (!this.#takeRoom(field, text)) return 0;
        field.fresh.push(text);
        field.numbers.set(text, field.numbers.size + 1);
        return field.numbers.size;
      },
    };
  }

  #takeRoom(field: Field, text: string): boolean {
    const units = unitsOf(text);
    if (text.length > SHARED_TEXT_UNITS_MAX || field.units + units > SHARED_UNITS_MAX) return false;
    this.#unitsInAll ??= Number(this.#taken.get()?.['units']) + this.#freshUnits();
    if (this.#unitsInAll + units > SHARED_UNITS_IN_ALL_MAX) return false;
    field.units += units;
    this.#unitsInAll += units;
    return true;
  }

  #freshUnits(): number {
    let units = 0;
    for (const { fresh } of this.#fields.values()) for (const text of fresh) units += unitsOf(text);
    return units;
  }
}

interface Field {
  readonly numbers: Map<string, number>;
  /** Numbered and not stored yet. */
  readonly fresh: string[];
  units: number;
}

const PIECES = 'SELECT first, texts, piece FROM shared_value WHERE field = ? ORDER BY first';

/** What a text takes beside its characters. */
const TEXT_UNITS = 16;

function unitsOf(text: string): number {
  return text.length + TEXT_UNITS;
}

function fieldOf(texts: readonly string[]): Field {
  return {
    numbers: new Map(texts.map((text, place) => [text, place + 1])),
    fresh: [],
    units: texts.reduce((sum, text) => sum + unitsOf(text), 0),
  };
}

function textsOf(pieces: readonly Readonly<Record<string, unknown>>[]): readonly string[] {
  const texts: string[] = [];
  for (const { first, texts: count, piece } of pieces) {
    if (first !== texts.length + 1 || texts.length + Number(count) > SHARED_TEXTS_MAX) throw damaged();
    for (const text of textsIn(piece, Number(count))) texts.push(text);
  }
  return texts;
}

/** The texts of a piece. @throws RangeError | SyntaxError when they are not as many as they should be. */
function textsIn(piece: unknown, count: number): readonly string[] {
  const read: unknown = JSON.parse(plainOf(piece).toString('utf8'));
  if (!Array.isArray(read) || read.length !== count) throw damaged();
  return read.map(String);
}

function plainOf(piece: unknown): Buffer {
  const plain = piece instanceof Uint8Array ? unpack(piece) : undefined;
  if (plain === undefined || plain[0] !== LIST_BEGIN || plain.at(-1) !== LIST_END) throw damaged();
  return plain;
}

const LIST_BEGIN = 0x5b;
const LIST_END = 0x5d;

function damaged(): RangeError {
  return new RangeError('texts of a field are damaged');
}

/** More were never written: each takes at least {@link TEXT_UNITS}. */
const SHARED_TEXTS_MAX = SHARED_UNITS_MAX / TEXT_UNITS;
