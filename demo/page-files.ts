/**
 * The page's files as the browser gets them. Its TypeScript is served with the types stripped, so there is no build
 * step: what is in `demo/page/` is what runs.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';

export interface PageFile {
  readonly contentType: string;
  readonly body: Buffer;
}

const DIRECTORY = fileURLToPath(new URL('page/', import.meta.url));

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
};

/** All files by request path: `/` is index.html, everything else is below `/demo/`. */
export function loadPageFiles(): ReadonlyMap<string, PageFile> {
  const files = new Map<string, PageFile>();
  for (const name of readdirSync(DIRECTORY)) {
    const contentType = CONTENT_TYPES[extname(name)];
    if (contentType === undefined) continue;
    const text = readFileSync(join(DIRECTORY, name), 'utf8');
    const body = Buffer.from(extname(name) === '.ts' ? stripTypeScriptTypes(text) : text);
    files.set(name === 'index.html' ? '/' : `/demo/${name}`, { contentType, body });
  }
  return files;
}
