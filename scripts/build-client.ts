/**
 * Builds the browser SDK into `dist/client`: an ES module, a script for a plain `<script>` tag (global `Gavelcast`), the
 * React bindings, and their type declarations. `npm run build:client`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL, fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type BuildOptions } from 'esbuild';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Class fields and private methods are native from here on: every browser since the middle of 2022. */
const TARGET = 'es2022';

/** Defines the global of the script-tag build. */
const SCRIPT = "import { connect } from './client/index.ts'; globalThis.Gavelcast = { connect };";

/** What the SDK may weigh: its ES module, minified and gzipped. A test holds it. */
export const CLIENT_GZIPPED_BYTES_MAX = 5_000;

/**
 * Bundles into `outDir` and resolves with the files written: `gavelcast.js`, `gavelcast.global.js`, `react.js`.
 *
 * @throws Error of esbuild, with its messages, when a source does not build
 */
export async function bundleClient(outDir: string): Promise<readonly string[]> {
  const common: BuildOptions = {
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    sourcemap: true,
    target: TARGET,
    logLevel: 'warning',
  };
  const module: BuildOptions = { ...common, format: 'esm' };
  const files = ['gavelcast.js', 'gavelcast.global.js', 'react.js'].map((it) => join(outDir, it));
  const [esm = '', script = '', react = ''] = files;
  await Promise.all([
    build({ ...module, entryPoints: ['client/index.ts'], outfile: esm }),
    build({
      ...common,
      // Without esbuild's own `globalName`, which brings along how modules export: some 200 bytes.
      stdin: { contents: SCRIPT, resolveDir: ROOT },
      outfile: script,
      format: 'iife',
    }),
    build({ ...module, entryPoints: ['client/react.ts'], outfile: react, external: ['react'] }),
  ]);
  return files;
}

/** Bytes of a file as a server would send it, gzipped. */
export async function gzippedBytes(file: string): Promise<number> {
  return gzipSync(await readFile(file), { level: 9 }).length;
}

/**
 * Writes the `.d.ts` files beside the bundles.
 *
 * @throws Error listing what the compiler found
 */
export function declareClient(outDir: string): void {
  const configFile = join(ROOT, 'tsconfig.browser.json');
  const config = ts.parseJsonConfigFileContent(
    ts.readConfigFile(configFile, (path) => ts.sys.readFile(path)).config,
    ts.sys,
    ROOT,
  );
  const program = ts.createProgram({
    rootNames: [join(ROOT, 'client/index.ts'), join(ROOT, 'client/react.ts')],
    options: {
      ...config.options,
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: join(ROOT, 'client'),
      outDir,
    },
  });
  const found = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics];
  if (found.length > 0) {
    throw new Error(
      ts.formatDiagnostics(found, {
        getCanonicalFileName: (name) => name,
        getCurrentDirectory: () => ROOT,
        getNewLine: () => '\n',
      }),
    );
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const outDir = join(ROOT, 'dist/client');
  const files = await bundleClient(outDir);
  declareClient(outDir);
  for (const file of files) console.log(`${file}: ${await gzippedBytes(file)} bytes gzipped`);
}
