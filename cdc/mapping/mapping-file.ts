/**
 * The mapping file: JSON by which an operator says which tables and columns are meant where detection cannot know.
 * Everything in it is optional; what it leaves out is detected. `null` for a table or an optional column means: do
 * not use one.
 *
 * ```json
 * {"items": {"table": "lots", "columns": {"endTime": "closes_at", "reserveMet": null}, "statusWords": {"open": "active"}},
 *  "bids": {"table": "offers", "columns": {"itemId": "lot_id"}},
 *  "users": {"table": "members", "bannedWords": ["blocked"]},
 *  "watchlist": null}
 * ```
 */
import { z } from 'zod';

const column = z.string().min(1);
const optionalColumn = column.nullable();
const status = z.enum(['upcoming', 'active', 'sold', 'unsold', 'cancelled']);

const itemsSchema = z.strictObject({
  table: z.string().min(1).optional(),
  columns: z
    .strictObject({
      itemId: column.optional(),
      status: column.optional(),
      currentPrice: column.optional(),
      endTime: column.optional(),
      sellerId: optionalColumn.optional(),
      highestBidderId: optionalColumn.optional(),
      reservePrice: optionalColumn.optional(),
      reserveMet: optionalColumn.optional(),
    })
    .optional(),
  statusWords: z.record(z.string().min(1), status).optional(),
});

const bidsSchema = z.strictObject({
  table: z.string().min(1).optional(),
  columns: z
    .strictObject({
      bidId: column.optional(),
      itemId: column.optional(),
      bidderId: column.optional(),
      amount: column.optional(),
      placedAt: optionalColumn.optional(),
    })
    .optional(),
});

const usersSchema = z.strictObject({
  table: z.string().min(1).optional(),
  columns: z
    .strictObject({
      userId: column.optional(),
      name: optionalColumn.optional(),
      status: optionalColumn.optional(),
      suspendedUntil: optionalColumn.optional(),
    })
    .optional(),
  bannedWords: z.array(z.string().min(1)).optional(),
});

const watchlistSchema = z.strictObject({
  table: z.string().min(1).optional(),
  columns: z.strictObject({ userId: column.optional(), itemId: column.optional() }).optional(),
});

const fileSchema = z.strictObject({
  items: itemsSchema.optional(),
  bids: bidsSchema.optional(),
  users: usersSchema.nullable().optional(),
  watchlist: watchlistSchema.nullable().optional(),
});

/** What the file says, parsed. */
export type MappingOverride = z.infer<typeof fileSchema>;

/** One thing an operator must mend, and how. */
export interface Problem {
  readonly what: string;
  readonly fix: string;
}

export type MappingFileResult =
  | { readonly ok: true; readonly override: MappingOverride }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Parses the text of a mapping file; every fault at once, each with its place in the file. */
export function parseMappingFile(text: string): MappingFileResult {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return failed([{ what: `The mapping file is not JSON: ${detail}`, fix: 'Mend its syntax.' }]);
  }
  const parsed = fileSchema.safeParse(value);
  if (parsed.success) return { ok: true, override: parsed.data };
  return failed(parsed.error.issues.flatMap((issue) => problemsOf(issue)));
}

function failed(problems: readonly Problem[]): MappingFileResult {
  return { ok: false, problems };
}

function problemsOf(issue: z.core.$ZodIssue): Problem[] {
  const place = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      what: `The mapping file has an unknown key "${place === '' ? key : `${place}.${key}`}".`,
      fix: `Remove it or correct its spelling; known here: ${knownKeys(place)}.`,
    }));
  }
  return [
    {
      what: `The mapping file is wrong at ${place === '' ? 'its top' : `"${place}"`}: ${issue.message}.`,
      fix: 'Correct that value; docs/database.md shows a whole file.',
    },
  ];
}

function knownKeys(place: string): string {
  const shapes: Readonly<Record<string, z.ZodObject | undefined>> = {
    '': fileSchema,
    items: itemsSchema,
    bids: bidsSchema,
    users: usersSchema,
    watchlist: watchlistSchema,
    'items.columns': itemsSchema.shape.columns.unwrap(),
    'bids.columns': bidsSchema.shape.columns.unwrap(),
    'users.columns': usersSchema.shape.columns.unwrap(),
    'watchlist.columns': watchlistSchema.shape.columns.unwrap(),
  };
  return Object.keys(shapes[place]?.shape ?? {}).join(', ');
}
