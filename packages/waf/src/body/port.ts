/**
 * What the body processors give to the engine. Every string is a byte string: one character (U+0000 to U+00FF) for one
 * byte, as `buffer.latin1Slice()` makes it.
 */

/** One name and one value. Names repeat: a list is never turned into a map, so no value can hide another. */
export interface BodyValue {
  readonly name: string;
  readonly value: string;
  /** Where the value begins in the body, in bytes, before any decoding. */
  readonly start: number;
  /** Where it ends (exclusive), in bytes. */
  readonly end: number;
}

/** How a body is read; the names are those of SecLang's REQBODY_PROCESSOR, RAW is an empty one. */
export type BodyProcessor = 'URLENCODED' | 'MULTIPART' | 'JSON' | 'XML' | 'RAW';

/** Why a body could not be read to its end. What stood before `offset` is in the collections, the rest is `rest`. */
export interface BodyError {
  /** A sentence without any byte of the body: fit for REQBODY_ERROR_MSG and logs. */
  readonly message: string;
  readonly offset: number;
}

/**
 * What a reader of the body may disagree about with the application behind the gateway. The first group are
 * ModSecurity's: MULTIPART_<flag> is `1` when the set has it, and MULTIPART_STRICT_ERROR is `isStrictError`. The second
 * group are our own.
 */
export type BodyFlag =
  | 'BOUNDARY_QUOTED'
  | 'BOUNDARY_WHITESPACE'
  | 'DATA_BEFORE'
  | 'DATA_AFTER'
  | 'HEADER_FOLDING'
  | 'INVALID_HEADER_FOLDING'
  | 'LF_LINE'
  | 'CRLF_LF_LINES'
  | 'MISSING_SEMICOLON'
  | 'INVALID_QUOTING'
  | 'INVALID_PART'
  | 'FILE_LIMIT_EXCEEDED'
  | 'UNMATCHED_BOUNDARY'
  // Names of parts and headers that servers read differently.
  | 'CHARSET'
  | 'DUPLICATE_HEADER'
  | 'DUPLICATE_PARAMETER'
  | 'EXTENDED_PARAMETER'
  | 'NUL'
  | 'TRANSFER_ENCODING'
  | 'UNTERMINATED'
  // Other kinds of bodies.
  | 'DUPLICATE_KEY'
  | 'DOCTYPE'
  | 'ENTITY'
  | 'URL_ENCODING';

/** Everything a body holds, in its order. */
export interface BodyCollections {
  readonly processor: BodyProcessor;
  /**
   * ARGS_POST. What was not parsed stands here too, under an empty name: the text before and behind the parts of a
   * multipart body and, after an error, `rest` (the same object), so that rules which look at arguments see every byte.
   * Empty for RAW and, unless there was an error, for XML.
   */
  readonly args: readonly BodyValue[];
  /** What was not parsed: after an error the bytes from there on, for RAW the whole body; undefined when empty. */
  readonly rest: BodyValue | undefined;
  /** REQBODY_ERROR and REQBODY_PROCESSOR_ERROR are `1` when there is one. */
  readonly error: BodyError | undefined;
  /** FILES: name is the part's name, value a file name; all of `filename`, `filename*` and its continuations. */
  readonly files: readonly BodyValue[];
  /** FILES_NAMES: name and value are the part's name, one for each part with a file name. */
  readonly filesNames: readonly BodyValue[];
  /** FILES_SIZES: name is the part's name, value the decimal number of bytes. */
  readonly filesSizes: readonly BodyValue[];
  /** FILES_COMBINED_SIZE, in bytes. */
  readonly filesCombinedSize: number;
  /** FILES_TMP_CONTENT: name is the part's name, value the content of a part with a file name. */
  readonly filesContent: readonly BodyValue[];
  /** MULTIPART_PART_HEADERS: name is the part's name, value one header as it was written, `Name: value`. */
  readonly partHeaders: readonly BodyValue[];
  /** XML:/* : one value per text node and CDATA section, name is the element. After an error the last is the rest. */
  readonly xmlTexts: readonly BodyValue[];
  /** XML://@* : one value per attribute, name is the attribute. */
  readonly xmlAttributes: readonly BodyValue[];
  /** Comments, processing instructions, the document type, and the names of elements: applications read these too. */
  readonly xmlMarkup: readonly BodyValue[];
  readonly flags: ReadonlySet<BodyFlag>;
  /** MULTIPART_STRICT_ERROR. */
  readonly isStrictError: boolean;
  /** Steps that the parser took, in bytes looked at: linear in the length of the body. */
  readonly steps: number;
}

/** Bounds of one body. */
export interface BodyLimits {
  /** Names and values of one body. Integer, at least 1. */
  readonly valuesMax: number;
  /** Nesting of JSON arrays and objects, and of XML elements. Integer, at least 1. */
  readonly depthMax: number;
  /** Bytes of one name, JSON's dotted path included. Integer, at least 1. */
  readonly nameBytesMax: number;
  /** Parts of a multipart body. Integer, at least 1. */
  readonly partsMax: number;
  /** Bytes of the headers of one part. Integer, at least 1. */
  readonly partHeaderBytesMax: number;
}

/** How a body is to be read, from the Content-Type fields of its request. */
export interface BodyType {
  readonly processor: BodyProcessor;
  /** Lower case, without parameters; empty when there is none. */
  readonly mediaType: string;
  /** Of multipart, as the parameter's value says; undefined when it has none or more than one. */
  readonly boundary: string | undefined;
  /** Lower case; undefined when it has none. */
  readonly charset: string | undefined;
  readonly flags: ReadonlySet<BodyFlag>;
  /** Two Content-Type fields, a list in one, a parameter twice, NUL: such a request is refused. */
  readonly error: BodyError | undefined;
}

/** A name and a value of a Cookie field. */
export interface CookieValue {
  readonly name: string;
  readonly value: string;
}
