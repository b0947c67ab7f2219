/**
 * One interval for all clients: heartbeats and deadlines, without a timer each.
 *
 * Clients are spread over lanes, and each tick visits one lane, so that every client is visited once a heartbeat period
 * and pings do not leave in one salvo. Deadlines can be a week away (token expiry), so only those that fall before the
 * client's next visit are looked at on every tick.
 */
import type { Clock } from '../src/ports.ts';

/** What the sweeper looks at. */
export interface Swept {
  /** Epoch ms at which `due` is called; null: none. Tell the sweeper (`deadlineMoved`) after changing it. */
  readonly deadlineAtMs: number | null;
  /** Its lane; the sweeper's own note, null while it is not being swept. */
  sweepLane: number | null;
}

export interface SweeperOptions<Client extends Swept> {
  /** Time between two visits of one client. */
  readonly heartbeatIntervalMs: number;
  readonly now: Clock;
  /** Called once a period for each client. */
  readonly visit: (client: Client) => void;
  /** Called for a client whose deadline has passed, on every tick until it is moved or removed. */
  readonly due: (client: Client) => void;
  /** Called on every tick, after the clients. */
  readonly tick: () => void;
}

/** Ticks are never further apart than this: the precision of deadlines. */
const TICK_MS_MAX = 1000;

export class Sweeper<Client extends Swept> {
  readonly #options: SweeperOptions<Client>;
  readonly #tickMs: number;
  readonly #lanes: readonly Set<Client>[];
  readonly #soon = new Set<Client>();
  #nextLane = 0;
  #nextVisit = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: SweeperOptions<Client>) {
    this.#options = options;
    const lanes = Math.max(1, Math.ceil(options.heartbeatIntervalMs / TICK_MS_MAX));
    this.#tickMs = options.heartbeatIntervalMs / lanes;
    this.#lanes = Array.from({ length: lanes }, () => new Set<Client>());
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#sweep();
    }, this.#tickMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  add(client: Client): void {
    client.sweepLane = this.#nextLane;
    this.#lanes[this.#nextLane]?.add(client);
    this.#nextLane = (this.#nextLane + 1) % this.#lanes.length;
    this.deadlineMoved(client);
  }

  remove(client: Client): void {
    if (client.sweepLane === null) return;
    this.#lanes[client.sweepLane]?.delete(client);
    client.sweepLane = null;
    this.#soon.delete(client);
  }

  /** To be called after each change of a client's deadline. */
  deadlineMoved(client: Client): void {
    // Two ticks of slack, because timers come late and never early.
    const horizonMs = this.#options.heartbeatIntervalMs + 2 * this.#tickMs;
    const at = client.deadlineAtMs;
    const isSoon = at !== null && at <= this.#options.now() + horizonMs;
    if (isSoon && client.sweepLane !== null) {
      this.#soon.add(client);
    } else {
      this.#soon.delete(client);
    }
  }

  #sweep(): void {
    const lane = this.#lanes[this.#nextVisit];
    this.#nextVisit = (this.#nextVisit + 1) % this.#lanes.length;
    for (const client of lane ?? []) {
      this.deadlineMoved(client);
      this.#options.visit(client);
    }
    const nowMs = this.#options.now();
    for (const client of this.#soon) {
      if (client.deadlineAtMs !== null && client.deadlineAtMs <= nowMs) this.#options.due(client);
    }
    this.#options.tick();
  }
}
