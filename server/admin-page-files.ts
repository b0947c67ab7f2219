/**
 * The admin page's files as the browser gets them. A checkout has its TypeScript and strips the types; what is published
 * has JavaScript. Either way what is in the folder is what runs: no bundle, nothing from elsewhere.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PageFile {
  readonly contentType: string;
  readonly body: string;
}

const DIRECTORY = fileURLToPath(new URL('admin-page/', import.meta.url));

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.ts': 'text/javascript; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** All files by request path: `/` is index.html, everything else is below `/page/`. */
export function loadPageFiles(directory = DIRECTORY): ReadonlyMap<string, PageFile> {
  const isCompiled = existsSync(join(directory, 'main.js'));
  const files = new Map<string, PageFile>();
  for (const name of readdirSync(directory)) {
    const extension = extname(name);
    const contentType = CONTENT_TYPES[extension];
    if (contentType === undefined || (isCompiled && extension === '.ts')) continue;
    const text = readFileSync(join(directory, name), 'utf8');
    const path = name === 'index.html' ? '/' : `/page/${name}`;
    files.set(path, { contentType, body: bodyOf(text, extension, isCompiled) });
  }
  return files;
}

function bodyOf(text: string, extension: string, isCompiled: boolean): string {
  if (extension === '.ts') return nodeModule.stripTypeScriptTypes(text);
  return extension === '.html' && isCompiled ? text.replace('main.ts', 'main.js') : text;
}
