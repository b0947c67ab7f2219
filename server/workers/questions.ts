/**
 * What a worker asks the primary, each with a deadline. An answer is taken in the turn it arrives and before anything
 * that was sent after it: whoever subscribes in it joins with no gap and no overlap.
 */
import { AppError, ERRORS, type ErrorCode } from '../../src/errors.ts';
import type { Answer, Question } from './worker-message.ts';

/** Longer than any read of the primary's may take by itself. */
const ANSWER_WITHIN_MS = 30_000;

interface Asked {
  readonly take: (answer: Answer) => void;
  readonly timer: NodeJS.Timeout;
}

export class Questions {
  readonly #send: (id: number, question: Question) => void;
  readonly #open = new Map<number, Asked>();
  #asked = 0;

  constructor(send: (id: number, question: Question) => void) {
    this.#send = send;
  }

  /**
   * @param take is called synchronously as the answer arrives; undefined from it means that it is not of this kind
   * @throws AppError as the primary's read did, or when no answer comes in time
   */
  ask<T>(question: Question, take: (answer: Answer) => Took<T>): Promise<T> {
    this.#asked += 1;
    const id = this.#asked;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#open.delete(id);
        reject(new AppError('SOURCE_UNREACHABLE', `no answer (${question.of}) in time`));
      }, ANSWER_WITHIN_MS);
      const taken = (answer: Answer): void => {
        if (answer.of === 'failure') {
          reject(failureOf(answer));
          return;
        }
        try {
          const took = take(answer);
          if (took === null) reject(new Error(`asked for ${question.of}, told ${answer.of}`));
          else resolve(took.value);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      this.#open.set(id, { take: taken, timer });
      this.#send(id, question);
    });
  }

  answered(id: number, answer: Answer): void {
    const asked = this.#open.get(id);
    if (asked === undefined) return;
    this.#open.delete(id);
    clearTimeout(asked.timer);
    asked.take(answer);
  }
}

/** What was made of an answer; null: it was of another kind than the question. */
export type Took<T> = { readonly value: T } | null;

/** An error of the other process, from its code (null: none) and message. */
export function failureOf({ code, message }: { code: string | null; message: string }): Error {
  return code !== null && isErrorCode(code) ? new AppError(code, message) : new Error(message);
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}
