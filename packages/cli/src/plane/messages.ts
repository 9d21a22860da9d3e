/**
 * What crosses between the control plane and a data plane: policies, decisions and commands down, answers up, and accepted
 * sockets. Everything is plain data, apart from sockets, which move: listening ones down, accepted ones both ways.
 */
import type { Socket } from 'node:net';
import type {
  OpenConnectionQuery,
  OpenConnections,
  PolicyImage,
  Readiness,
  SharedDoor,
  TurnedAway,
  UpstreamStatus,
} from '@sallyport/gateway';
import type {
  Command,
  CommandAck,
  DecisionChange,
  DecisionSnapshot,
  ListenAddress,
  MetricsSnapshot,
} from '@sallyport/kernel';
import type { Level } from '@sallyport/stores/log';
import type { ThrownFacts } from '../notifications/describe-thrown.ts';

/** With what a worker thread begins. */
export interface WorkerStart {
  readonly slot: number;
  readonly node: string;
  readonly image: PolicyImage;
  /** How many data planes there are. */
  readonly planes: number;
  readonly logLevel: Level;
  /** Encrypts TLS session tickets, the same in all data planes. */
  readonly ticketKeys: Uint8Array;
  readonly memory: WorkerMemory;
  /** Listeners that this worker opens itself: socket files belong to one worker. */
  readonly ownListeners: boolean;
  /** Numbers of sockets that were opened before us, by listener. */
  readonly inherited: ReadonlyMap<string, number>;
  /** Who answers on our socket files now is the process or worker that we replace. */
  readonly isTakingOver: boolean;
  /** It comes in the place of one that is gone, and serves what it can. */
  readonly isReplacement: boolean;
}

/** What all threads see. */
export interface WorkerMemory {
  readonly board: SharedArrayBuffer;
  readonly ring: SharedArrayBuffer;
  /** For events on their way to the store; undefined: they are only logged. */
  readonly events: SharedArrayBuffer | undefined;
  readonly recorder: SharedArrayBuffer;
  readonly counts: SharedArrayBuffer;
  readonly hashKey: Uint8Array;
}

export type ToWorker =
  | { readonly kind: 'socket'; readonly listener: string; readonly socket: Socket }
  /** Accept from these. */
  | { readonly kind: 'doors'; readonly doors: readonly SharedDoor[] }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  | { readonly kind: 'discard' }
  | { readonly kind: 'decisions'; readonly snapshot: DecisionSnapshot }
  | { readonly kind: 'ticket-keys'; readonly keys: Uint8Array }
  | { readonly kind: 'drain' }
  | { readonly kind: 'close' };

export type Question =
  | { readonly kind: 'prepare'; readonly image: PolicyImage }
  /** `doors`: what to accept from then on; undefined where connections are handed over, and before it serves. */
  | { readonly kind: 'activate'; readonly version: number; readonly doors: readonly SharedDoor[] | undefined }
  | { readonly kind: 'decision'; readonly change: DecisionChange }
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'metrics' }
  | { readonly kind: 'connections'; readonly query: OpenConnectionQuery }
  | { readonly kind: 'memory' };

/** What a data plane says of itself when it changes. */
export interface PlaneFacts {
  readonly readiness: Readiness;
  readonly upstreams: readonly (UpstreamStatus & { readonly name: string })[];
}

export type FromWorker =
  /** It has accepted one that somebody else is to serve, who has fewer. */
  | { readonly kind: 'socket'; readonly listener: string; readonly socket: Socket }
  | { readonly kind: 'turned-away'; readonly listener: string; readonly why: TurnedAway }
  /** Connections may be handed over. */
  | { readonly kind: 'started'; readonly addresses: ReadonlyMap<string, ListenAddress> }
  | { readonly kind: 'start-failed'; readonly failure: StartFailure }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'failure'; readonly id: number; readonly message: string }
  | { readonly kind: 'state'; readonly state: PlaneFacts }
  /** Its socket files are others now. */
  | { readonly kind: 'addresses'; readonly addresses: ReadonlyMap<string, ListenAddress> }
  /** Something that nobody foresaw was thrown outside of every connection. */
  | { readonly kind: 'unforeseen'; readonly error: ThrownFacts }
  /** A stage has thrown while it judged a request, which it then refused or let through. Not of each: see `StageFailures`. */
  | { readonly kind: 'stage-failed'; readonly stage: string; readonly error: ThrownFacts }
  /** Nothing is left; the thread ends now, and has counted this. */
  | { readonly kind: 'finished'; readonly counts: MetricsSnapshot };

/** Why a worker cannot start, with what node:net says of addresses. */
export interface StartFailure {
  readonly message: string;
  readonly code: string | undefined;
  readonly address: string | undefined;
  readonly port: number | undefined;
}

export type Answer =
  | { readonly kind: 'duration'; readonly ms: number }
  /** Whether a change of decisions came in order; otherwise the snapshot is wanted. */
  | { readonly kind: 'decided'; readonly isInOrder: boolean }
  | { readonly kind: 'ack'; readonly ack: CommandAck }
  | { readonly kind: 'metrics'; readonly snapshot: MetricsSnapshot }
  | { readonly kind: 'connections'; readonly open: OpenConnections }
  | {
      readonly kind: 'memory';
      readonly heapBytes: number;
      readonly loopDelayP99Ms: number;
      readonly connections: number;
    };
