/**
 * The book as others may see it.
 */
import type { BookView } from '../src/auction/book.ts';
import type { Pipeline } from './pipeline.ts';

/** A view that always shows the book in use, without the entries that are ahead of the stream. */
export function viewOf(current: () => Pipeline | null): BookView {
  return {
    get: (itemId) => current()?.exact(itemId),
    get size() {
      return current()?.book.size ?? 0;
    },
    *values() {
      yield* current()?.book.values() ?? [];
    },
  };
}
