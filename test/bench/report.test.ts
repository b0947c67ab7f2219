/** What a benchmark leaves behind becomes a place in the document and a picture. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

import { chartSvg } from '../../bench/chart-svg.ts';
import { benchPlaces, reportMarkdown, withReport } from '../../bench/report-markdown.ts';
import { argsOf, readReport, type Chart, type Report } from '../../bench/report.ts';

const CHART: Chart = {
  name: 'pace',
  title: 'Pace & <limits>',
  unit: 'runs a second',
  ours: 'ours',
  groups: [
    {
      label: 'first',
      bars: [
        { series: 'theirs', value: 1, text: '1.00' },
        { series: 'ours', value: 2, text: '2.00' },
      ],
    },
  ],
};

const REPORT: Report = {
  bench: 'pace',
  measuredAt: '2030-01-02T03:04:05.000Z',
  commit: 'abc1234',
  node: 'v24.0.0',
  cpus: 2,
  cpuModel: 'A processor',
  tables: [
    [
      ['server', 'runs/s'],
      ['theirs', '1,000'],
      ['ours', '2,000'],
    ],
  ],
  aims: [{ what: 'ours × theirs', aim: 'at least 1.5', measured: '2.00', isMet: true }],
  charts: [CHART],
  notes: ['One sentence.', 'Another.'],
  details: {},
};

const DOCUMENT = 'Before.\n\n<!-- bench:pace -->\n\nold\n\n<!-- /bench:pace -->\n\nAfter.\n';

test('a report is its circumstances, tables, aims, charts and notes', () => {
  expect(reportMarkdown(REPORT)).toBe(
    [
      'Measured on 2030-01-02 of `abc1234`: 2 × A processor, Node 24.0.0.',
      '| server | runs/s |\n| --- | --: |\n| theirs | 1,000 |\n| ours | 2,000 |',
      '| aim | wanted | measured |  |\n| --- | --- | --: | --- |\n| ours × theirs | at least 1.5 | 2.00 | met |',
      '![Pace & <limits>](images/bench-pace.svg)',
      'One sentence. Another.',
    ].join('\n\n'),
  );
});

test('a run that was told other than its defaults says so; where its report went is no matter', () => {
  const args = argsOf(['--json', 'a.json', '--rounds', '1', '--json=b.json']);
  expect(args).toEqual(['--rounds', '1']);
  expect(reportMarkdown({ ...REPORT, args })).toContain(
    'of `abc1234`, not as by default but with `--rounds 1`: 2 × A processor',
  );
});

test('a report replaces what stood in its place, and nothing else; twice is as once', () => {
  const once = withReport(DOCUMENT, 'pace', 'new');
  expect(once).toBe(DOCUMENT.replace('old', 'new'));
  expect(withReport(once, 'pace', 'new')).toBe(once);
  expect(() => withReport(DOCUMENT, 'other', 'new')).toThrow('no place for bench:other');
});

test('the JSON of a report is read back as it was written; another JSON is none', () => {
  expect(readReport(JSON.stringify(REPORT))).toEqual(REPORT);
  expect(readReport('{"machine":{}}')).toBeNull();
});

test('a chart draws each bar to scale, marks ours, and escapes what it says', () => {
  const svg = chartSvg(CHART);
  const bars = [...svg.matchAll(/<rect class="(bar|ours)" [^>]*width="([\d.]+)"/g)];
  const [theirs, ours] = bars.map(([, kind, width]) => ({ kind, width: Number(width) }));
  expect(theirs?.kind).toBe('bar');
  expect(ours?.kind).toBe('ours');
  expect(ours?.width).toBeCloseTo(2 * (theirs?.width ?? 0), 0);
  expect(svg).toContain('Pace &amp; &lt;limits&gt;');
  expect(svg).toContain('prefers-color-scheme: dark');
});

test('docs/performance.md has a closed place for every benchmark that it names', () => {
  const document = readFileSync('docs/performance.md', 'utf8');
  const named = [...document.matchAll(/^`npm run bench:([a-z]+)`/gm)].map(([, name]) => name);
  expect(benchPlaces(document)).toEqual(named);
  for (const name of benchPlaces(document)) {
    expect(() => withReport(document, name, '')).not.toThrow();
  }
});
