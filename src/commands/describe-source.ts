/**
 * The source in one phrase, for people.
 */
import type { SourceInfo } from '../../cdc/source/source-info.ts';
import type { Config } from '../config.ts';

/** `MariaDB 10.11.6 at 127.0.0.1:3306/auction_portal as 'user'` */
export function describeSource(source: SourceInfo, config: Config): string {
  const { user, database, socketPath } = config.source;
  const flavour = source.flavour === 'mariadb' ? 'MariaDB' : 'MySQL';
  const place = socketPath ?? `${source.host}:${source.port.toString()}`;
  return `${flavour} ${source.version} at ${place}/${database} as '${user}'`;
}
