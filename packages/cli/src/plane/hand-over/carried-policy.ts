import { Deserializer, Serializer } from 'node:v8';
import type { PolicyImage } from '@sallyport/gateway';
import { VERSION } from '../../version.ts';

/** A policy with the hash of what it was made of, for another process. */
export interface CarriedPolicy {
  readonly hash: string;
  readonly image: PolicyImage;
}

/**
 * What understands the images of a process: the same release on the same Node.js, whose format they travel in. Another one might
 * read them otherwise than they are meant.
 */
export const RELEASE: string = `${VERSION} on Node.js ${process.version}`;

/** A piece of a policy on its way. It counts when the last one is there. */
export interface PolicyPiece {
  readonly hash: string;
  /** Bytes of each part: first the description, then what its tables are made of. */
  readonly sizes: readonly number[];
  readonly bytes: Uint8Array;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/**
 * A policy in pieces, one part after the other.
 *
 * @throws RangeError for one that is larger than {@link POLICY_BYTES_MAX}.
 */
export function* piecesOf({ hash, image }: CarriedPolicy): Generator<PolicyPiece, undefined, undefined> {
  const parts = partsOf(image);
  const sizes = parts.map(({ length }) => length);
  requireBounded(sizes);
  for (const [index, part] of parts.entries()) {
    const isLastPart = index === parts.length - 1;
    // A part without bytes is a piece as well: whoever puts them together needs no other rule for it.
    for (let first = 0; first === 0 || first < part.length; first += PIECE_BYTES) {
      const bytes = new Uint8Array(part.subarray(first, first + PIECE_BYTES));
      const isLast = isLastPart && first + PIECE_BYTES >= part.length;
      yield { hash, sizes, bytes, isFirst: index === 0 && first === 0, isLast };
    }
  }
  return undefined;
}

/** Puts policies together from pieces that come in their order. */
export class PolicyReceipt {
  #parts: readonly Uint8Array[] = [];
  /** The part that is being filled, and how far it is. */
  #part = 0;
  #filled = 0;

  /**
   * Answers the policy when this was the last piece of it.
   *
   * @throws RangeError for pieces that are too large, or do not fit together; what was there of that policy is gone then.
   */
  take({ hash, sizes, bytes, isFirst, isLast }: PolicyPiece): CarriedPolicy | undefined {
    if (isFirst) this.#begin(sizes);
    const parts = this.#parts;
    const part = parts[this.#part];
    if (part === undefined || this.#filled + bytes.length > part.length) throw this.#misfit();
    part.set(bytes, this.#filled);
    this.#filled += bytes.length;
    if (this.#filled === part.length) {
      this.#part += 1;
      this.#filled = 0;
    }
    if (!isLast) return undefined;
    if (this.#part !== parts.length) throw this.#misfit();
    this.#begin([]);
    return { hash, image: imageOf(parts) };
  }

  #begin(sizes: readonly number[]): void {
    requireBounded(sizes);
    // Threads share all but the description.
    this.#parts = sizes.map(
      (size, index) => new Uint8Array(index === 0 ? new ArrayBuffer(size) : new SharedArrayBuffer(size)),
    );
    this.#part = 0;
    this.#filled = 0;
  }

  #misfit(): RangeError {
    this.#begin([]);
    return new RangeError('pieces of a policy do not fit together');
  }
}

/** Bytes in one message: both event loops go on in between. */
const PIECE_BYTES = 1_048_576;

/** Largest policy that is brought to another process, in bytes: the CRS has 8 MiB, a million networks some 30. */
export const POLICY_BYTES_MAX = 536_870_912;

function requireBounded(sizes: readonly number[]): void {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (!(bytes <= POLICY_BYTES_MAX))
    throw new RangeError(`the policy has ${bytes} bytes, of ${POLICY_BYTES_MAX} at most`);
}

/** The description, and every buffer that threads share, once. */
function partsOf(image: PolicyImage): readonly Uint8Array[] {
  const serializer = new ImageSerializer();
  serializer.writeHeader();
  serializer.writeValue(image);
  const buffers = [...serializer.buffers.keys()].map((buffer) => new Uint8Array(buffer));
  return [serializer.releaseBuffer(), ...buffers];
}

function imageOf([description = new Uint8Array(), ...tables]: readonly Uint8Array[]): PolicyImage {
  const deserializer = new ImageDeserializer(description);
  deserializer.buffers = tables.map(({ buffer }) => buffer);
  deserializer.readHeader();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The process that we have started is of our user and of our release.
  return deserializer.readValue() as PolicyImage;
}

/** Between threads a shared buffer is passed by reference, and between processes by its place. What is not shared stays where it is. */
class ImageSerializer extends Serializer {
  readonly buffers = new Map<SharedArrayBuffer, number>();

  constructor() {
    super();
    this._setTreatArrayBufferViewsAsHostObjects(true);
  }

  /** Named by Node.js, which calls it for everything that is a view of a buffer. */
  override _writeHostObject(view: ArrayBufferView): void {
    const kind = TABLES.findIndex((item) => view instanceof item);
    if (kind === -1) throw new TypeError('a policy has a table of an unknown kind');
    this.writeUint32(kind);
    this.writeUint32(view.byteLength);
    const { buffer } = view;
    if (!(buffer instanceof SharedArrayBuffer)) {
      this.writeUint32(0);
      return this.writeRawBytes(new Uint8Array(buffer, view.byteOffset, view.byteLength));
    }
    const place = this.buffers.get(buffer) ?? this.buffers.size;
    this.buffers.set(buffer, place);
    this.writeUint32(place + 1);
    this.writeUint32(view.byteOffset);
  }
}

class ImageDeserializer extends Deserializer {
  buffers: readonly ArrayBufferLike[] = [];

  /** Named by Node.js, which calls it for what {@link ImageSerializer} has written. */
  override _readHostObject(): ArrayBufferView {
    const Table = TABLES[this.readUint32()];
    const bytes = this.readUint32();
    const place = this.readUint32();
    if (Table === undefined) throw new RangeError('a table of an unknown kind');
    const length = bytes / Table.BYTES_PER_ELEMENT;
    // A copy, because a table of numbers may not begin anywhere.
    if (place === 0) return new Table(new Uint8Array(this.readRawBytes(bytes)).buffer, 0, length);
    const buffer = this.buffers[place - 1];
    if (buffer === undefined) throw new RangeError('a table without bytes');
    return new Table(buffer, this.readUint32(), length);
  }
}

/** What a table may be. Its place here is what is written. */
const TABLES: readonly TableKind[] = [
  Uint8Array,
  Uint16Array,
  Uint32Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigUint64Array,
  BigInt64Array,
];

interface TableKind {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, begin: number, length: number): ArrayBufferView;
}
