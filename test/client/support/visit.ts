/**
 * One visitor on a lot's page, in a real browser: what the page shows, what its SDK has heard, and whether that is the
 * table.
 */
import { join } from 'node:path';
import type { RowDataPacket } from 'mysql2/promise';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

import type { Stage } from '../../support/stage.ts';
import { until } from '../../support/until.ts';

/** Where to keep what a test saw, to be looked at; unset: nowhere. */
const SCREENSHOTS = process.env['GAVELCAST_SCREENSHOTS'];

export interface Heard {
  readonly type: string;
  readonly eventId?: string;
  readonly bidAmount?: number;
}

/** A state of the SDK's connection, and when the page was told. */
export interface ConnectionSeen {
  readonly state: string;
  readonly reason: string;
  readonly code: number | null;
  readonly transport: string;
  readonly atMs: number;
}

export interface VisitSetup {
  readonly siteUrl: string;
  readonly itemId: number;
  readonly userId: number;
  /** `hiddenPauseMs` of the SDK. */
  readonly hiddenPauseMs?: number;
}

export class Visit {
  readonly page: Page;
  readonly #setup: VisitSetup;

  private constructor(page: Page, setup: VisitSetup) {
    this.page = page;
    this.#setup = setup;
  }

  /** Opens the page in a window of its own, and waits until it is live and the lot's state is there. */
  static async begin(
    browser: Browser,
    setup: VisitSetup,
    looks: BrowserContextOptions = {},
  ): Promise<Visit> {
    const viewport = { width: 1000, height: 760 };
    return Visit.inTab(await browser.newContext({ viewport, ...looks }), setup);
  }

  /** The same in a further tab of a window. */
  static async inTab(context: BrowserContext, setup: VisitSetup): Promise<Visit> {
    const visit = new Visit(await context.newPage(), setup);
    const { siteUrl, itemId, userId, hiddenPauseMs } = setup;
    const hidden = hiddenPauseMs === undefined ? '' : `&hidden=${hiddenPauseMs.toString()}`;
    await visit.page.goto(
      `${siteUrl}/?item=${itemId.toString()}&user=${userId.toString()}${hidden}`,
    );
    await visit.shows('live');
    await until(async () => (await visit.heard()).length > 0, { what: 'the state of the lot' });
    return visit;
  }

  /** Waits until the page says that the connection is in a state. */
  async shows(state: string): Promise<void> {
    await this.page
      .locator(`#connection[data-state=${state}]`)
      .waitFor({ timeout: 45_000 })
      .catch(async (error: unknown) => {
        const seen = JSON.stringify(await this.connections());
        throw new Error(`the page never showed ${state}: ${seen}`, { cause: error });
      });
  }

  /** Waits until the page has been told of a state after the first `seen`, be it for a moment; resolves with the first. */
  async wasTold(state: string, seen = 0): Promise<ConnectionSeen> {
    return until(
      async () => (await this.connections()).slice(seen).find((each) => each.state === state),
      { withinMs: 45_000, what: `the page to be told ${state}` },
    );
  }

  heard(): Promise<readonly Heard[]> {
    return this.page.evaluate('heard');
  }

  connections(): Promise<readonly ConnectionSeen[]> {
    return this.page.evaluate('connections');
  }

  /** The last state the page was told of. */
  async connection(): Promise<ConnectionSeen | undefined> {
    return (await this.connections()).at(-1);
  }

  /** Waits until every bid of the table was heard; then each was, once, in order, and no state came between them. */
  async hasHeardAll(stage: Stage): Promise<void> {
    const sql = 'SELECT amount FROM bids WHERE item_id = ? ORDER BY id';
    const [rows] = await stage.pool.query<RowDataPacket[]>(sql, [this.#setup.itemId]);
    const inTable = rows.map((row) => Number(row['amount']));
    const amounts = async (): Promise<readonly (number | string)[]> =>
      (await this.heard())
        .slice(1)
        .filter(({ type }) => type !== 'outbid')
        .map(({ type, bidAmount }) => bidAmount ?? type);
    let told = await amounts();
    await until(
      async () => {
        told = await amounts();
        return told.length >= inTable.length;
      },
      { withinMs: 45_000, what: () => `${inTable.join()}; heard were ${told.join()}` },
    );
    if (told.join() !== inTable.join()) {
      throw new Error(`the table has ${inTable.join()}; heard were ${told.join()}`);
    }
  }

  /** Tells the page that its tab is hidden or seen: headless tabs are never hidden by themselves. */
  async becomes(visibility: 'hidden' | 'visible'): Promise<void> {
    await this.page.evaluate(`Object.defineProperty(document, 'visibilityState',
      { configurable: true, get: () => '${visibility}' });
      document.dispatchEvent(new Event('visibilitychange'))`);
  }

  /** Takes a picture where pictures are wanted. */
  async picture(name: string): Promise<void> {
    if (SCREENSHOTS === undefined) return;
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
  }

  async end(): Promise<void> {
    await this.page.context().close();
  }
}
