import {
  type Exchange,
  type ListsConfig,
  PASS,
  parseNetwork,
  reason,
  type Stage,
  type StageDefinition,
  type Verdict,
} from '@sallyport/kernel';
import { NetworkLookup } from './lookup.ts';
import { compileTable, type NetworkTable, type TableEntry } from './table.ts';

/**
 * Refuses clients by address: the allow and deny lists of the configuration.
 *
 * The longest network that holds the client's address decides: `deny: [192.0.2.0/24], allow: [192.0.2.7]` lets one address
 * of a denied network through, and the reverse refuses one address of an allowed network. Where both lists name the very
 * same network, allow wins: deny lists are often fed from outside, and an operator who repeats a network as an exception
 * means it. An allowed client skips this stage and nothing else; an address in neither list passes.
 *
 * Denies with 403 `ADDRESS_DENIED` and the deciding network as detail. Fails closed: an error while looking up says
 * nothing good about the address.
 */
export const lists: StageDefinition<ListsConfig, ListsImage> = {
  name: 'lists',
  onFailure: 'deny',
  compile,
  instantiate: (image: ListsImage): Stage => new ListsStage(image),
};

/** Plain data over shared memory: all workers look up in the same tables. */
export interface ListsImage {
  readonly v4: NetworkTable;
  readonly v6: NetworkTable;
}

/**
 * Most networks of both lists together. At 12 (IPv4) to 24 bytes (IPv6) each, two policies of this size, as during a
 * reload, stay below 100 MiB; the largest public feeds hold a few hundred thousand networks.
 */
export const LIST_ENTRIES_MAX = 2_000_000;

/** The higher value wins where both lists name one network. */
const DENIED = 0;
const ALLOWED = 1;

class ListsStage implements Stage {
  readonly #v4: NetworkLookup;
  readonly #v6: NetworkLookup;

  constructor(image: ListsImage) {
    this.#v4 = new NetworkLookup(image.v4);
    this.#v6 = new NetworkLookup(image.v6);
  }

  inspect(exchange: Exchange): Verdict {
    const { address } = exchange.client;
    const lookup = address.version === 4 ? this.#v4 : this.#v6;
    const index = lookup.find(address.bytes);
    if (index === -1 || lookup.valueAt(index) === ALLOWED) return PASS;
    return { kind: 'deny', status: 403, reason: reason('ADDRESS_DENIED', lookup.networkAt(index)) };
  }
}

/** @throws RangeError for too many networks, or for a text that is none: it names list and position. */
function compile(config: ListsConfig): ListsImage {
  const count = config.allow.length + config.deny.length;
  if (count > LIST_ENTRIES_MAX) throw new RangeError(`lists hold ${count} networks, more than ${LIST_ENTRIES_MAX}`);
  const v4: TableEntry[] = [];
  const v6: TableEntry[] = [];
  const add = (list: keyof ListsConfig, value: number): void => {
    for (const [index, text] of config[list].entries()) {
      const network = parseNetwork(text);
      if (network === undefined) throw new RangeError(`lists.${list}[${index}] "${text}" is not a network`);
      const { address, prefixLength } = network;
      (address.version === 4 ? v4 : v6).push({ bytes: address.bytes, prefixLength, value });
    }
  };
  add('allow', ALLOWED);
  add('deny', DENIED);
  return { v4: compileTable(v4, 1), v6: compileTable(v6, 4) };
}
