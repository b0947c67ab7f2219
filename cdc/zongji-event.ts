/**
 * Tells zongji's events apart.
 */
import type { AnyBinlogEvent, BinlogEventByTypeName, BinlogEventTypeName } from '@vlasky/zongji';

/** Narrows an event by its class; TypeScript cannot narrow by the result of `getTypeName()` alone. */
export function isEvent<Name extends BinlogEventTypeName>(
  event: AnyBinlogEvent,
  name: Name,
): event is BinlogEventByTypeName<Name> {
  return event.getTypeName() === name;
}
