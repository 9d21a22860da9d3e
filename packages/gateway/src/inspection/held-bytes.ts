import type { WafConfig } from '@sallyport/kernel';

export type HeldLimits = Pick<WafConfig, 'heldBytesMax' | 'heldPerClientBytesMax'>;

/** How many bytes are held, and by whom: thousands of slow uploads must not fill the memory, nor one client all of it. */
export class HeldBytes {
  readonly #planes: number;
  #bytesMax = 0;
  #perClientBytesMax = 0;
  readonly #byClient = new Map<string, number>();
  #bytes = 0;

  /** `planes`: data planes that share the limits. */
  constructor(limits: HeldLimits, planes = 1) {
    this.#planes = planes;
    this.setLimits(limits);
  }

  /** What is held stays held. */
  setLimits({ heldBytesMax, heldPerClientBytesMax }: HeldLimits): void {
    this.#bytesMax = Math.ceil(heldBytesMax / this.#planes);
    // A client's connections may all be with one data plane, and its largest body has to find room there.
    this.#perClientBytesMax = Math.min(heldPerClientBytesMax, this.#bytesMax);
  }

  /** In all. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Clients that hold something. */
  get clients(): number {
    return this.#byClient.size;
  }

  /** Whether `bytes` more may be held for `client`, which then are. */
  take(client: string, bytes: number): 'taken' | 'client-full' | 'full' {
    const held = this.#byClient.get(client) ?? 0;
    if (held + bytes > this.#perClientBytesMax) return 'client-full';
    if (this.#bytes + bytes > this.#bytesMax) return 'full';
    this.#bytes += bytes;
    this.#byClient.set(client, held + bytes);
    return 'taken';
  }

  /** Gives back what was taken. */
  give(client: string, bytes: number): void {
    this.#bytes -= bytes;
    const held = (this.#byClient.get(client) ?? 0) - bytes;
    if (held > 0) this.#byClient.set(client, held);
    else this.#byClient.delete(client);
  }
}
