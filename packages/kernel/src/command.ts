/**
 * What the control plane tells data planes to do, once: a closed list. A command with an id that was seen before changes
 * nothing and is acknowledged again, so that whoever is not sure may repeat it.
 */
export interface Command {
  /** Chosen by whoever gives it. At most {@link COMMAND_ID_LENGTH_MAX} characters. */
  readonly id: string;
  readonly action: CommandAction;
}

export type CommandAction =
  /** Ends one connection: a WebSocket with 4403, everything else at once. `connection`: its id in listings. */
  | { readonly kind: 'close-connection'; readonly connection: string; readonly reason: string }
  /** Ends everything of one client: an address, or a network in CIDR notation. */
  | { readonly kind: 'close-client'; readonly client: string; readonly reason: string }
  /** How defensive guards are, from 0 (calm) to {@link ATTACK_LEVEL_MAX}. */
  | { readonly kind: 'set-attack-level'; readonly level: number }
  /** Finish what is in progress and stop. */
  | { readonly kind: 'drain' };

/** What one data plane says about a command. */
export interface CommandAck {
  readonly id: string;
  readonly worker: number;
  /** Connections it ended, for those commands that end any. */
  readonly closed: number;
  /** It had been carried out before. */
  readonly isRepeat: boolean;
}

export const COMMAND_ID_LENGTH_MAX = 64;

export const ATTACK_LEVEL_MAX = 3;
