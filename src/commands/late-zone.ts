/**
 * The zone of the DATETIME columns, for those who must be built before the source can be asked for it.
 */
import { parseZone, UTC, type Zone } from '../auction/zone.ts';

/** The configured zone, else UTC until the source has told its own. */
export class LateZone implements Zone {
  #zone: Zone;

  /** @param configured name or offset from the configuration; null: none */
  constructor(configured: string | null) {
    this.#zone = (configured === null ? null : parseZone(configured)) ?? UTC;
  }

  get name(): string {
    return this.#zone.name;
  }

  /** From here on, this is the zone. */
  learn(zone: Zone): void {
    this.#zone = zone;
  }

  offsetMsAt(epochMs: number): number {
    return this.#zone.offsetMsAt(epochMs);
  }
}
