/** The kinds of source whose positions differ: each server, and MySQL without GTIDs. */
import { FLAVOURS, type Flavour } from './database-server.ts';

export interface SourceKind {
  readonly name: string;
  readonly flavour: Flavour;
  /** What its server is started with. */
  readonly variables: Readonly<Record<string, string>>;
}

export const SOURCE_KINDS: readonly SourceKind[] = FLAVOURS.flatMap((flavour): SourceKind[] => {
  const plain = { name: flavour, flavour, variables: {} };
  if (flavour === 'mariadb') return [plain];
  const gtidOff = { gtid_mode: 'OFF', enforce_gtid_consistency: 'OFF' };
  return [plain, { name: 'mysql without GTIDs', flavour, variables: gtidOff }];
});
