/**
 * What is known of a source once it passed preflight.
 */
import type { Zone } from '../../src/auction/zone.ts';
import type { Flavour } from './connection-settings.ts';
import type { TableMapping } from '../mapping/table-mapping.ts';

export interface SourceInfo {
  readonly flavour: Flavour;
  /** As `SELECT VERSION()` says it. */
  readonly version: string;
  /** `server_uuid` where the source has one (MySQL), else `server_id`. Another value is another server. */
  readonly identity: string;
  /** The source's own `server_id`. */
  readonly ownServerId: number;
  readonly host: string;
  readonly port: number;
  /** True when positions are GTIDs: MariaDB always, MySQL with `gtid_mode=ON`. */
  readonly gtid: boolean;
  readonly rowMetadata: 'FULL' | 'MINIMAL';
  /** Zone of the DATETIME columns. */
  readonly zone: Zone;
  /** The zone as text, for people. */
  readonly zoneName: string;
  readonly mapping: TableMapping;
  /** Database clock minus ours, in milliseconds. */
  readonly clockOffsetMs: number;
  /** The id under which we shall ask for the binlog. */
  readonly serverId: number;
}
