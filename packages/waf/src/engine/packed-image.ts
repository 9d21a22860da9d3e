/**
 * An image as one piece of shared memory: everything that is no table in the format of `node:v8`, then the tables one behind
 * the other. It crosses to other threads without being looked at and can be written to a file as it is; a thread that unpacks it
 * uses the tables where they are.
 */
import { Buffer } from 'node:buffer';
import { Deserializer, Serializer } from 'node:v8';
import { checkImageVersion, type WafImage } from './image.ts';

/** A compiled rule set for other threads and for files. Only who made the bytes may be believed: they are not checked. */
export interface PackedImage {
  readonly kind: 'packed';
  readonly version: number;
  /** As in {@link WafImage}. */
  readonly digest: string;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
}

export function packImage(image: WafImage): PackedImage {
  const { version, digest, ruleSet, texts, patterns } = image;
  const writer = new TableWriter();
  writer.writeHeader();
  writer.writeValue([ruleSet, texts, patterns]);
  const plain = writer.releaseBuffer();
  const begin = aligned(HEAD_BYTES + plain.length);
  const bytes = new Uint8Array(new SharedArrayBuffer(begin + writer.tableBytes));
  new DataView(bytes.buffer).setUint32(0, plain.length);
  bytes.set(plain, HEAD_BYTES);
  for (const { table, offset } of writer.tables)
    bytes.set(new Uint8Array(table.buffer, table.byteOffset, table.byteLength), begin + offset);
  return { kind: 'packed', version, digest, bytes };
}

/** The image, with its tables in the bytes. Throws an `Error` for one that another version of this package made. */
export function unpackImage({ version, digest, bytes }: PackedImage): WafImage {
  checkImageVersion({ version });
  const { buffer, byteOffset, length } = bytes;
  const plainBytes = new DataView(buffer, byteOffset, length).getUint32(0);
  const plain = Buffer.from(buffer, byteOffset + HEAD_BYTES, plainBytes);
  const reader = new TableReader(plain, buffer, byteOffset + aligned(HEAD_BYTES + plainBytes));
  reader.readHeader();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `packImage` of this version wrote it.
  const [ruleSet, texts, patterns] = reader.readValue() as [
    WafImage['ruleSet'],
    WafImage['texts'],
    WafImage['patterns'],
  ];
  return { kind: 'waf', version, digest, ruleSet, texts, patterns };
}

/** Before what is no table: how long that is. */
const HEAD_BYTES = 8;

/** Where tables begin, from the beginning of the bytes, which has to be such a place itself: numbers must not straddle. */
const ALIGNMENT = 8;

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** Documented, and missing in the types. */
declare module 'node:v8' {
  interface Serializer {
    _setTreatArrayBufferViewsAsHostObjects(isHostObject: boolean): void;
    _writeHostObject(object: object): void;
  }
  interface Deserializer {
    _readHostObject(): unknown;
  }
}

type Table = Int32Array | Uint8Array;

const INT32 = 0;
const UINT8 = 1;

/** Writes where tables will be instead of what they hold. */
class TableWriter extends Serializer {
  readonly tables: { readonly table: Table; readonly offset: number }[] = [];
  tableBytes = 0;

  constructor() {
    super();
    this._setTreatArrayBufferViewsAsHostObjects(true);
  }

  override _writeHostObject(object: object): void {
    // What is no table here would be read as another one.
    if (!(object instanceof Int32Array || object instanceof Uint8Array)) throw new TypeError('a table of another kind');
    this.writeUint32(object instanceof Int32Array ? INT32 : UINT8);
    this.writeUint32(object.length);
    this.writeUint32(this.tableBytes);
    this.tables.push({ table: object, offset: this.tableBytes });
    this.tableBytes += aligned(object.byteLength);
  }
}

class TableReader extends Deserializer {
  readonly #buffer: SharedArrayBuffer;
  readonly #begin: number;

  constructor(plain: Buffer, buffer: SharedArrayBuffer, begin: number) {
    super(plain);
    this.#buffer = buffer;
    this.#begin = begin;
  }

  override _readHostObject(): Table {
    const kind = this.readUint32();
    const length = this.readUint32();
    const offset = this.#begin + this.readUint32();
    return kind === INT32 ? new Int32Array(this.#buffer, offset, length) : new Uint8Array(this.#buffer, offset, length);
  }
}
