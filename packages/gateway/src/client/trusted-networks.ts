import { contains, type IpAddress, type Network, parseNetwork } from '@sallyport/kernel';

/** The networks whose word counts on a listener. An empty one trusts nobody. */
export class TrustedNetworks {
  readonly #networks: readonly Network[];

  /** `texts`: networks in CIDR notation or single addresses. @throws RangeError naming the first that is neither. */
  constructor(texts: readonly string[]) {
    this.#networks = texts.map((text) => {
      const network = parseNetwork(text);
      if (network === undefined)
        throw new RangeError(`"${text}" is neither an IP network in CIDR notation nor an address`);
      return network;
    });
  }

  has(address: IpAddress): boolean {
    for (const network of this.#networks) if (contains(network, address)) return true;
    return false;
  }
}
