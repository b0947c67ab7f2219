/**
 * What the server tells once a second. Made by `AdminLive` and the observation of the same build.
 */
export interface Sample {
  readonly atMs: number;
  readonly packets: number;
  readonly rowChanges: number;
  readonly transactions: number;
  readonly events: number;
  readonly frames: number;
  readonly bytes: number;
  readonly connections: number;
  readonly behindMs: number | null;
}

export interface PassedEvent {
  readonly type: string;
  readonly eventId: string;
  readonly itemId: string | null;
  readonly atMs: number;
}

export interface LogLine {
  readonly atMs: number;
  readonly level: string;
  readonly event: string;
  readonly code: string | null;
  readonly text: string | null;
}

export interface SlowClient {
  readonly userId: string | null;
  readonly protocol: number;
  readonly backlogBytes: number;
  readonly items: number;
}

export interface WorkerStatus {
  readonly worker: number;
  readonly pid: number | null;
  readonly state: string;
  readonly connections: number;
  readonly frames: number;
  readonly loopLagMs: number;
  readonly memoryBytes: number;
  readonly restarts: number;
}

export interface Picture {
  readonly atMs: number;
  readonly databaseNowMs: number;
  readonly version: string;
  readonly uptimeMs: number;
  readonly isReady: boolean;
  readonly source: {
    readonly state: string;
    readonly packetAgeMs: number | null;
    readonly haltedBy: string | null;
  };
  readonly feed: {
    readonly retries: Readonly<Record<string, number>>;
    readonly positionsLost: number;
    readonly queuedBytes: number;
    readonly translateMs: number;
    readonly behindMs: number | null;
    readonly overdueNow: number;
    readonly driftedAuctions: number;
    readonly replicationRuns: boolean | null;
  };
  readonly sockets: {
    readonly connectionsOpen: number;
    readonly connectionsV2Open: number;
    readonly usersConnected: number;
    readonly itemsWatched: number;
    readonly subscriptionsOpen: number;
    readonly historyEvents: number;
    readonly historyBytes: number;
    readonly clientsCatchingUp: number;
    readonly recoveriesMet: number;
    readonly recoveriesRefused: number;
    readonly isDraining: boolean;
    readonly closesByCode: Readonly<Record<string, number>>;
    readonly tokenRefusals: Readonly<Record<string, number>>;
    readonly upgradeRefusals: Readonly<Record<string, number>>;
  };
  readonly book: number;
  readonly publishMs: number;
  /** Empty where one process does everything. */
  readonly workers: readonly WorkerStatus[];
  readonly process: { readonly memoryBytes: number; readonly loopLagMs: number };
  readonly hot: readonly {
    readonly itemId: string;
    readonly events: number;
    readonly watchers: number;
  }[];
  readonly slow: readonly SlowClient[];
  readonly events: readonly PassedEvent[];
  readonly lines: readonly LogLine[];
  readonly followed: {
    readonly itemId: string;
    readonly isInBook: boolean;
    readonly watchers: number;
    readonly events: readonly PassedEvent[];
  } | null;
  readonly samples: readonly Sample[];
}

/** Our own server's text: the page comes from the same process, so its shape is known. */
export function pictureOf(text: string): Picture {
  return JSON.parse(text) as Picture;
}
