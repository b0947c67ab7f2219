/** Which database servers a benchmark runs on. */
import { FLAVOURS, type Flavour } from '../test/support/database-server.ts';

/**
 * All of them, or the one that `--flavour` names.
 *
 * @throws Error for any other name: a run on none would publish an empty report
 */
export function flavoursOf(option: string | undefined): readonly Flavour[] {
  if (option === undefined) return FLAVOURS;
  const named = FLAVOURS.filter((flavour) => flavour === option);
  if (named.length > 0) return named;
  throw new Error(`--flavour is one of ${FLAVOURS.join(', ')}, not '${option}'`);
}
