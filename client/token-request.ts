/** Asks the application for the user's token, once at a time; whoever has given up is not told any more. */
export class TokenRequest {
  readonly #getToken: () => string | null | Promise<string | null>;
  /** Names the request under way; null: none. */
  #current: object | null = null;

  constructor(getToken: () => string | null | Promise<string | null>) {
    this.#getToken = getToken;
  }

  /** @param fail `getToken` threw or its promise was rejected. */
  ask(take: (token: string | null) => void, fail: () => void): void {
    if (this.#current) return;
    const request = {};
    this.#current = request;
    const settle = (then: () => void): void => {
      if (this.#current !== request) return;
      this.#current = null;
      then();
    };
    Promise.resolve()
      .then(this.#getToken)
      .then(
        (token) => {
          settle(() => {
            take(token);
          });
        },
        () => {
          settle(fail);
        },
      );
  }

  cancel(): void {
    this.#current = null;
  }
}
