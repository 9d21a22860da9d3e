/**
 * What was found about texts that come again and again. A client may choose them, so they are bounded: what was not asked for
 * since the last time is forgotten. Nothing that may be a secret belongs here, because a secret must not outlive its request.
 */
export class RecentTexts<Found> {
  #young = new Map<string, Found>();
  #old: ReadonlyMap<string, Found> = new Map();

  /** What was found before; undefined when it is not remembered. */
  recall(text: string): Found | undefined {
    const known = this.#young.get(text);
    if (known !== undefined) return known;
    const older = this.#old.get(text);
    if (older !== undefined) this.remember(text, older);
    return older;
  }

  remember(text: string, found: Found): void {
    if (text.length > RECENT_TEXT_LENGTH_MAX) return;
    if (this.#young.size >= RECENT_TEXTS_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, found);
  }
}

/** Texts remembered, twice. */
const RECENT_TEXTS_MAX = 256;

/** Bytes of a text that is remembered: what repeats between requests is short. */
export const RECENT_TEXT_LENGTH_MAX = 256;
