import { HeaderList } from '@sallyport/kernel';
import {
  FORBIDDEN_CHARACTER,
  type FramingField,
  fieldName,
  hasToken,
  hexDigit,
  isControl,
  parseLength,
  parseStatusCode,
  trimOws,
} from './grammar.ts';
import type { ResponseFraming, ResponseHead } from './port.ts';

/** What a {@link ResponseParser} reports, in the order of the bytes. */
export interface ResponseHandler {
  /** A final head (200 to 599). Interim responses are skipped. */
  onHead(head: ResponseHead): void;
  onData(chunk: Buffer): void;
  /** The response is complete. `isPersistent`: the connection may carry another request. */
  onEnd(isPersistent: boolean): void;
  /** A 101 that was asked for. Everything behind its head belongs to the new protocol. */
  onUpgrade(head: ResponseHead, firstBytes: Buffer): void;
  /** The bytes are not one valid response. Nothing follows. `detail` is for operators. */
  onMalformed(detail: string): void;
}

/** What the response belongs to: RFC 9112 §6.3 makes its framing depend on the request. */
export interface ResponseContext {
  readonly isHeadRequest: boolean;
  readonly isUpgrade: boolean;
}

/** Bytes of a head with the interim ones before it, and of trailers: a head without an end must not fill our memory. */
export const HEAD_BYTES_MAX = 32_768;
/** Fields of one header or trailer section. */
export const FIELDS_MAX = 200;
/** Interim responses (1xx) before the final one: a server must not keep us busy with them. */
export const INTERIM_MAX = 8;
/** Digits of a chunk size. 13 hexadecimal digits are 52 bits: the sum still counts exactly. */
const CHUNK_DIGITS_MAX = 13;
/** Bytes of chunk extensions in one response. Nobody uses them; a flood of them costs us and carries nothing. */
export const CHUNK_EXTENSION_BYTES_MAX = 4_096;
/**
 * Reads the responses of one HTTP/1.x connection, strictly: a server and the gateway must never disagree about where a
 * response ends, because what is left over would answer somebody else's request.
 *
 * Refused: anything but HTTP/1.0 and 1.1, lines that end without CR LF, line folding, space before the colon, invalid
 * names, control characters, two Content-Length fields or one that is not plain digits, Content-Length together with
 * Transfer-Encoding, any Transfer-Encoding but exactly `chunked`, Transfer-Encoding in HTTP/1.0, an unasked 101, chunk
 * sizes that are not plain hexadecimal digits (RFC 9110 §5, RFC 9112 §2 to §7). Trailers are checked and dropped.
 *
 * The result does not depend on how the bytes are split. `onData` hands out views of the caller's buffer, not copies.
 */
export class ResponseParser {
  readonly #handler: ResponseHandler;
  #context: ResponseContext = { isHeadRequest: false, isUpgrade: false };
  #state: State = 'done';
  /** The beginning of a line whose end has not come. */
  #carry = '';
  #headBytes = 0;
  #fields = 0;
  #interims = 0;
  #status = 0;
  #statusText = '';
  #isHttp10 = false;
  #names: string[] = [];
  #values: string[] = [];
  #contentLength = -1;
  #isChunked = false;
  #isClosing = false;
  /** Body bytes still to come, of the body or of the chunk. */
  #left = 0;
  #digits = 0;
  #extensionBytes = 0;

  constructor(handler: ResponseHandler) {
    this.#handler = handler;
  }

  /** The next bytes are a response to a request like this. */
  expect(context: ResponseContext): void {
    this.#context = context;
    this.#state = 'status';
    this.#carry = '';
    this.#headBytes = 0;
    this.#interims = 0;
    this.#extensionBytes = 0;
    this.#clearHead();
  }

  /** Ignores whatever comes, until `expect`. Safe inside a callback. */
  stop(): void {
    this.#state = 'done';
  }

  /** The next bytes. Bytes behind a complete response are not looked at: `onEnd(false)` has said that there are some. */
  feed(chunk: Buffer): void {
    let position = 0;
    while (position < chunk.length) {
      switch (this.#state) {
        case 'status':
        case 'fields':
        case 'trailers':
          position = this.#readLines(chunk, position);
          break;
        case 'length':
        case 'chunk-data':
          position = this.#readData(chunk, position);
          break;
        case 'chunk-size':
        case 'chunk-extension':
        case 'chunk-size-lf':
        case 'chunk-data-cr':
        case 'chunk-data-lf':
          position = this.#readChunkFrame(chunk, position);
          break;
        case 'until-close':
          this.#handler.onData(position === 0 ? chunk : chunk.subarray(position));
          return;
        case 'done':
          return;
      }
    }
  }

  /** The server has closed its side, cleanly. Only a body that ends with the connection is complete now. */
  finish(): 'complete' | 'incomplete' {
    if (this.#state !== 'until-close') return 'incomplete';
    this.#state = 'done';
    this.#handler.onEnd(false);
    return 'complete';
  }

  #readLines(chunk: Buffer, from: number): number {
    // Only what can belong to the head becomes text: a body behind it may be large.
    const end = chunk.indexOf(HEAD_END, from);
    const to = end === -1 ? Math.min(chunk.length, from + HEAD_BYTES_MAX) : end + HEAD_END.length;
    const carried = this.#carry.length;
    const text = this.#carry + chunk.toString('latin1', from, to);
    let start = 0;
    for (let lf = text.indexOf('\n'); lf !== -1; lf = text.indexOf('\n', start)) {
      this.#headBytes += lf + 1 - start;
      if (this.#headBytes > HEAD_BYTES_MAX) return this.#refuse(chunk, TOO_LARGE);
      if (lf === start || text.charCodeAt(lf - 1) !== CR) return this.#refuse(chunk, 'a line ends without CR LF');
      const line = text.slice(start, lf - 1);
      start = lf + 1;
      if (line === '') {
        this.#carry = '';
        return this.#endSection(chunk, from + start - carried);
      }
      const fault = this.#readLine(line);
      if (fault !== '') return this.#refuse(chunk, fault);
    }
    this.#carry = text.slice(start);
    if (this.#headBytes + this.#carry.length > HEAD_BYTES_MAX) return this.#refuse(chunk, TOO_LARGE);
    return to;
  }

  /** Returns what is wrong with the line, or ''. */
  #readLine(line: string): string {
    if (FORBIDDEN_CHARACTER.test(line)) return 'a control character in the head';
    if (this.#state === 'status') {
      this.#state = 'fields';
      return this.#readStatus(line);
    }
    this.#fields += 1;
    if (this.#fields > FIELDS_MAX) return 'too many fields';
    const colon = line.indexOf(':');
    if (colon === -1) return 'a field without a colon';
    const field = fieldName(line.slice(0, colon));
    if (field === undefined) return 'an invalid field name';
    // RFC 9110 §6.5.1: trailers may only be merged by who knows the field. We know none, and drop them.
    if (this.#state === 'trailers') return '';
    const value = trimOws(line, colon + 1);
    this.#names.push(field.name);
    this.#values.push(value);
    return field.kind === 'other' ? '' : this.#readFraming(field.kind, value);
  }

  #readStatus(line: string): string {
    const version = line.slice(0, 9);
    if (version !== 'HTTP/1.1 ' && version !== 'HTTP/1.0 ') return 'not an HTTP/1.x status line';
    this.#isHttp10 = version === 'HTTP/1.0 ';
    const status = parseStatusCode(line.slice(9, 12));
    if (status === -1) return 'an invalid status code';
    // RFC 9112 §4 wants a space even before an empty reason phrase. Many servers leave it out; nothing is ambiguous then.
    if (line.length > 12 && line[12] !== ' ') return 'an invalid status line';
    if (status < 100 || status > 599) return `status ${status} is out of range`;
    this.#status = status;
    this.#statusText = line.slice(13);
    return '';
  }

  #readFraming(kind: FramingField, value: string): string {
    switch (kind) {
      case 'content-length':
        // RFC 9112 §6.3 lets equal copies pass. They are still a sign of two writers, so we do not.
        if (this.#contentLength !== -1) return 'two Content-Length fields';
        this.#contentLength = parseLength(value);
        return this.#contentLength === -1 ? 'an invalid Content-Length' : '';
      case 'transfer-encoding':
        if (this.#isChunked) return 'two Transfer-Encoding fields';
        if (value !== 'chunked' && value.toLowerCase() !== 'chunked') return 'a Transfer-Encoding other than chunked';
        this.#isChunked = true;
        return '';
      case 'connection':
        if (value !== 'keep-alive' && hasToken(value, 'close')) this.#isClosing = true;
        return '';
    }
  }

  /** An empty line. Returns the position to go on from. */
  #endSection(chunk: Buffer, position: number): number {
    if (this.#state === 'trailers') return this.#complete(chunk, position);
    if (this.#state === 'status') return this.#refuse(chunk, 'not an HTTP/1.x status line');
    if (this.#isChunked && this.#contentLength !== -1) {
      return this.#refuse(chunk, 'Content-Length together with Transfer-Encoding');
    }
    // RFC 9112 §6.1: an HTTP/1.0 server cannot mean it, and whoever relayed it did not understand it.
    if (this.#isChunked && this.#isHttp10) return this.#refuse(chunk, 'Transfer-Encoding in HTTP/1.0');
    if (this.#status === 101) return this.#upgrade(chunk, position);
    if (this.#status < 200) {
      this.#interims += 1;
      if (this.#interims > INTERIM_MAX) return this.#refuse(chunk, 'too many interim responses');
      this.#clearHead();
      this.#state = 'status';
      return position;
    }
    return this.#beginBody(chunk, position);
  }

  #upgrade(chunk: Buffer, position: number): number {
    if (!this.#context.isUpgrade || this.#isHttp10) return this.#refuse(chunk, '101 without having been asked');
    this.#state = 'done';
    this.#handler.onUpgrade(this.#takeHead({ kind: 'none' }), chunk.subarray(position));
    return chunk.length;
  }

  #beginBody(chunk: Buffer, position: number): number {
    const framing = this.#framing();
    this.#left = framing.kind === 'length' ? framing.bytes : 0;
    this.#digits = 0;
    this.#state = BODY_STATES[framing.kind];
    const state = this.#state;
    this.#handler.onHead(this.#takeHead(framing));
    // The handler may have called `stop`.
    if (this.#state !== state) return chunk.length;
    return state === 'length' && this.#left === 0 ? this.#complete(chunk, position) : position;
  }

  /** RFC 9112 §6.3, in its order. */
  #framing(): ResponseFraming {
    if (this.#context.isHeadRequest || this.#status === 204 || this.#status === 304) {
      // RFC 9110 §8.6 and RFC 9112 §6.1 forbid both here; a server that announces a body may also send it.
      if (this.#status === 204 && (this.#isChunked || this.#contentLength > 0)) this.#isClosing = true;
      return { kind: 'none' };
    }
    if (this.#isChunked) return { kind: 'chunked' };
    if (this.#contentLength !== -1) return { kind: 'length', bytes: this.#contentLength };
    return { kind: 'until-close' };
  }

  #readData(chunk: Buffer, position: number): number {
    const bytes = Math.min(this.#left, chunk.length - position);
    const state = this.#state;
    this.#left -= bytes;
    this.#handler.onData(bytes === chunk.length ? chunk : chunk.subarray(position, position + bytes));
    if (this.#state !== state) return chunk.length;
    if (this.#left > 0) return position + bytes;
    if (state === 'length') return this.#complete(chunk, position + bytes);
    this.#state = 'chunk-data-cr';
    return position + bytes;
  }

  /** RFC 9112 §7.1, without the white space that some parsers allow. Hot: one pass over the bytes, one switch. */
  #readChunkFrame(chunk: Buffer, from: number): number {
    let position = from;
    for (; position < chunk.length; position += 1) {
      const byte = chunk[position] ?? 0;
      switch (this.#state) {
        case 'chunk-size': {
          const fault = this.#readChunkSize(byte);
          if (fault !== '') return this.#refuse(chunk, fault);
          break;
        }
        case 'chunk-extension':
          this.#extensionBytes += 1;
          if (this.#extensionBytes > CHUNK_EXTENSION_BYTES_MAX) {
            return this.#refuse(chunk, 'too many bytes of chunk extensions');
          }
          if (byte === CR) this.#state = 'chunk-size-lf';
          else if (isControl(byte)) {
            return this.#refuse(chunk, 'a control character in a chunk extension');
          }
          break;
        case 'chunk-size-lf':
          if (byte !== LF) return this.#refuse(chunk, 'a chunk size ends without CR LF');
          this.#state = this.#left === 0 ? 'trailers' : 'chunk-data';
          this.#fields = 0;
          this.#headBytes = 0;
          return position + 1;
        case 'chunk-data-cr':
          if (byte !== CR) return this.#refuse(chunk, 'a chunk longer than its size');
          this.#state = 'chunk-data-lf';
          break;
        case 'chunk-data-lf':
          if (byte !== LF) return this.#refuse(chunk, 'a chunk longer than its size');
          this.#state = 'chunk-size';
          this.#digits = 0;
          break;
        case 'status':
        case 'fields':
        case 'trailers':
        case 'length':
        case 'chunk-data':
        case 'until-close':
        case 'done':
          return position;
      }
    }
    return position;
  }

  /** Returns what is wrong with the byte, or ''. */
  #readChunkSize(byte: number): string {
    const digit = hexDigit(byte);
    if (digit !== -1) {
      this.#digits += 1;
      this.#left = this.#left * 16 + digit;
      return this.#digits > CHUNK_DIGITS_MAX ? 'a chunk size with too many digits' : '';
    }
    if (this.#digits === 0) return 'an invalid chunk size';
    if (byte === CR) this.#state = 'chunk-size-lf';
    else if (byte === SEMICOLON) this.#state = 'chunk-extension';
    else return 'an invalid chunk size';
    return '';
  }

  #complete(chunk: Buffer, position: number): number {
    this.#state = 'done';
    // Bytes behind the response would be taken for the answer to the next request (response queue poisoning).
    this.#handler.onEnd(position === chunk.length && !this.#isHttp10 && !this.#isClosing);
    return chunk.length;
  }

  #refuse(chunk: Buffer, detail: string): number {
    this.#state = 'done';
    this.#handler.onMalformed(detail);
    return chunk.length;
  }

  #takeHead(framing: ResponseFraming): ResponseHead {
    const headers = new HeaderList(this.#names, this.#values);
    this.#names = [];
    this.#values = [];
    return { status: this.#status, statusText: this.#statusText, headers, framing };
  }

  #clearHead(): void {
    if (this.#names.length > 0) {
      this.#names = [];
      this.#values = [];
    }
    this.#fields = 0;
    this.#contentLength = -1;
    this.#isChunked = false;
    this.#isClosing = false;
  }
}

type State =
  | 'status'
  | 'fields'
  | 'length'
  | 'until-close'
  | 'chunk-size'
  | 'chunk-extension'
  | 'chunk-size-lf'
  | 'chunk-data'
  | 'chunk-data-cr'
  | 'chunk-data-lf'
  | 'trailers'
  | 'done';

/** Where a body begins. One without bytes is complete at once, like one of length 0. */
const BODY_STATES: Readonly<Record<ResponseFraming['kind'], State>> = {
  none: 'length',
  length: 'length',
  chunked: 'chunk-size',
  'until-close': 'until-close',
};

const LF = 0x0a;
const CR = 0x0d;
const SEMICOLON = 0x3b;
const HEAD_END = Buffer.from('\r\n\r\n', 'latin1');
const TOO_LARGE = `a head of more than ${HEAD_BYTES_MAX} bytes`;
