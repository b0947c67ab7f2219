/**
 * The page's files as the browser gets them, and the client that it imports. TypeScript is served with the types
 * stripped, so there is no build step: what is in `demo/page/` and `client/` is what runs.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { stripTypeScriptTypes } from 'node:module';

export interface PageFile {
  readonly contentType: string;
  readonly body: Buffer;
}

/** `../../client/` in a file below `/demo/` is `/client/` to a browser. */
const DIRECTORIES: readonly (readonly [prefix: string, directory: URL])[] = [
  ['/demo/', new URL('page/', import.meta.url)],
  ['/client/', new URL('../client/', import.meta.url)],
];

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
};

/** All files by request path: `/` is index.html, everything else is below `/demo/` and `/client/`. */
export function loadPageFiles(): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const [prefix, directory] of DIRECTORIES) {
    for (const name of readdirSync(directory)) {
      const contentType = CONTENT_TYPES[extname(name)];
      if (contentType === undefined) continue;
      const text = readFileSync(new URL(name, directory), 'utf8');
      const body = Buffer.from(extname(name) === '.ts' ? stripTypeScriptTypes(text) : text);
      files.set(name === 'index.html' ? '/' : `${prefix}${name}`, { contentType, body });
    }
  }
  return files;
}
