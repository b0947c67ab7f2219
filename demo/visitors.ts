/** The people who open the demo's page: each gets a user of the portal's and a token as the portal's API signs it. */
import { createSecretKey, type KeyObject } from 'node:crypto';

import jwt from 'jsonwebtoken';

import type { Portal } from '../test/support/portal.ts';
import { VISITORS } from './catalogue.ts';
import type { Person } from './page/listing.ts';

const TOKEN_LIFETIME_S = 7 * 24 * 3600;
const VISITORS_MAX = 10_000;

export class Visitors {
  readonly #portal: Portal;
  readonly #key: KeyObject;
  readonly #byId = new Map<number, Person>();

  constructor(portal: Portal, jwtSecret: string) {
    this.#portal = portal;
    this.#key = createSecretKey(Buffer.from(jwtSecret));
  }

  /** A user nobody had before. @returns null when there are too many already */
  async welcome(): Promise<{ readonly user: Person; readonly token: string } | null> {
    if (this.#byId.size >= VISITORS_MAX) return null;
    const count = this.#byId.size;
    const round = Math.floor(count / VISITORS.length);
    const name = `${VISITORS[count % VISITORS.length] ?? 'Visitor'}${round === 0 ? '' : ` ${round + 1}`}`;
    const id = await this.#portal.addUser({ name });
    const user = { id, name };
    this.#byId.set(id, user);
    const claims = { userId: id, email: `visitor-${id}@example.test` };
    return { user, token: jwt.sign(claims, this.#key, { expiresIn: TOKEN_LIFETIME_S }) };
  }

  has(userId: number): boolean {
    return this.#byId.has(userId);
  }

  /** The visitor an `Authorization` header speaks for; null for anybody else. */
  recognise(authorization: string | undefined): Person | null {
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
    if (token === undefined) return null;
    try {
      const claims = jwt.verify(token, this.#key, { algorithms: ['HS256'] });
      const userId: unknown = typeof claims === 'string' ? null : claims['userId'];
      return typeof userId === 'number' ? (this.#byId.get(userId) ?? null) : null;
    } catch {
      return null;
    }
  }
}
