import type { ProfileName } from '@sallyport/kernel';

/** What a new configuration is for. */
export interface InitPlan {
  readonly profile: ProfileName;
  /** The gateway is reached through a Cloudflare Tunnel. */
  readonly isTunnel: boolean;
  readonly mode: 'development' | 'staging' | 'production';
  /** Host name clients use. */
  readonly domain: string;
  /** URL of the server behind the gateway. */
  readonly upstream: string;
  /** Absolute: the folder the files are written to. */
  readonly directory: string;
}

/** One file to write. */
export interface PlannedFile {
  readonly name: string;
  readonly text: string;
}
