/** The handlers of one thing that can be listened to. Adding the same function twice makes two of it. */

/** One handler as it was added. */
export interface Handler<Event> {
  readonly handle: (event: Event) => void;
}

export class Handlers<Event> {
  readonly #all = new Set<Handler<Event>>();

  get size(): number {
    return this.#all.size;
  }

  add(handle: (event: Event) => void): Handler<Event> {
    const handler = { handle };
    this.#all.add(handler);
    return handler;
  }

  delete(handler: Handler<Event>): void {
    this.#all.delete(handler);
  }

  /** Tells one of them, unless it was taken away. What it throws is reported as any uncaught error and disturbs nobody. */
  tell(handler: Handler<Event>, event: Event): void {
    if (!this.#all.has(handler)) return;
    try {
      handler.handle(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  /** Tells all of them; those that are added meanwhile hear the next event first. */
  tellAll(event: Event): void {
    for (const handler of [...this.#all]) this.tell(handler, event);
  }
}
