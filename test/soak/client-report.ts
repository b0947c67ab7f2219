/** What passes between the soak and the processes of its clients. */
import type { Verdict } from './course-judge.ts';
import type { Courses } from './courses.ts';

export interface Assignment {
  readonly url: string;
  readonly clients: readonly { readonly userId: number; readonly itemIds: readonly number[] }[];
}

export type Command =
  | { readonly kind: 'start'; readonly assignment: Assignment }
  /** Asks for a report, in which the clients are judged where there are courses. */
  | { readonly kind: 'report'; readonly courses: Courses | null };

/** More than a reader looks at would only bury it. */
export const EXPLANATIONS_MAX = 2;

export interface Report {
  readonly clients: number;
  /** Connected now. */
  readonly live: number;
  /** Events taken so far. */
  readonly events: number;
  /** Links lost and made again. */
  readonly returns: number;
  /** Of those, how many came with a state that said that events may be missing, or with a `standing`. */
  readonly fallbacks: number;
  /** From the loss of a link to the server's next hello, milliseconds. */
  readonly recoveryMs: readonly number[];
  /** Close codes and reasons of losses, counted. */
  readonly losses: Readonly<Record<string, number>>;
  readonly items: Verdict;
  readonly byName: Verdict;
  /** Items whose state at a client differs from the tables. */
  readonly wrongStates: number;
  /** Clients and items that are wrong, the first few, each with what can tell why. */
  readonly explanations: readonly string[];
}
