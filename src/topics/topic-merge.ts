/**
 * Several ordered topics as one: a binary heap of the topics by their next sequence.
 */
/** One topic of a merge. */
export interface MergedTopic {
  /** Sequence of its next event. */
  next: number;
}

export class TopicMerge<Topic extends MergedTopic> {
  readonly #heap: Topic[] = [];

  /** The topic whose next event comes first. */
  get first(): Topic | undefined {
    return this.#heap[0];
  }

  add(topic: Topic): void {
    let at = this.#heap.length;
    this.#heap.push(topic);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || parent.next <= topic.next) break;
      this.#heap[at] = parent;
      at = above;
    }
    this.#heap[at] = topic;
  }

  /** Gives the first topic its next sequence, greater than the one before; null: it has no more. */
  advanceFirst(next: number | null): void {
    const first = this.#heap[0];
    if (first === undefined) return;
    if (next !== null) {
      first.next = next;
      this.#sink(first);
      return;
    }
    const last = this.#heap.pop();
    if (last !== undefined && last !== first) this.#sink(last);
  }

  /** Puts a topic at the root and lets it sink to its place. */
  #sink(topic: Topic): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && right.next < child.next) {
        below += 1;
        child = right;
      }
      if (child.next >= topic.next) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = topic;
  }
}
