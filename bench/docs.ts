/**
 * Brings docs/performance.md up to date with what was measured: `npm run bench:docs [-- --results DIR --docs DIR]`.
 *
 * Each place in the document gets the tables of its benchmark's JSON, and each chart a file in docs/images. A benchmark
 * without a result keeps what stands there.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { chartSvg } from './chart-svg.ts';
import { benchPlaces, chartFile, reportMarkdown, withReport } from './report-markdown.ts';
import { readReport } from './report.ts';

const { values: options } = parseArgs({
  options: {
    results: { type: 'string', default: 'bench/results' },
    docs: { type: 'string', default: 'docs' },
  },
});

const page = join(options.docs, 'performance.md');
let document = readFileSync(page, 'utf8');
for (const name of benchPlaces(document)) {
  const file = join(options.results, `${name}.json`);
  const report = existsSync(file) ? readReport(readFileSync(file, 'utf8')) : null;
  if (report === null) {
    process.stdout.write(`${name}: no result in ${file}; left as it is\n`);
    continue;
  }
  document = withReport(document, name, reportMarkdown(report));
  for (const chart of report.charts ?? []) {
    writeFileSync(join(options.docs, 'images', chartFile(chart.name)), chartSvg(chart));
  }
  process.stdout.write(`${name}: measured ${report.measuredAt}\n`);
}
writeFileSync(page, document);
