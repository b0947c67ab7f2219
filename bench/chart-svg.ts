/**
 * Draws a chart of a report as SVG: horizontal bars, readable on a light page and on a dark one, whatever shows it. The
 * picture brings its own background, because a page may be dark where the system is light.
 */
import type { Chart } from './report.ts';

const WIDTH = 760;
const PADDING = 20;
const BAR_HEIGHT = 18;
const BAR_GAP = 5;
const GROUP_GAP = 16;
const HEAD_HEIGHT = 58;
const LABEL_WIDTH = 230;
const VALUE_WIDTH = 70;

const STYLE = `
  .page { fill: #ffffff; stroke: #d0d7de }
  .title { fill: #1f2328; font-weight: 600; font-size: 15px }
  .text { fill: #1f2328; font-size: 12px }
  .faint { fill: #59636e; font-size: 12px }
  .group { fill: #1f2328; font-weight: 600; font-size: 12px }
  .bar { fill: #9aa7b4 }
  .ours { fill: #0a7f5a }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #3d444d }
    .title, .text, .group { fill: #f0f6fc }
    .faint { fill: #9198a1 }
    .bar { fill: #59636e }
    .ours { fill: #3fb68b }
  }`;

interface Placed {
  readonly svg: string;
  readonly height: number;
}

/** The whole picture. Values are drawn from zero; what is not a number gets no bar. */
export function chartSvg(chart: Chart): string {
  const values = chart.groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const most = Math.max(...values.filter(Number.isFinite), Number.MIN_VALUE);
  let y = HEAD_HEIGHT;
  const parts: string[] = [];
  for (const group of chart.groups) {
    const { svg, height } = drawGroup(chart, group, { y, most });
    parts.push(svg);
    y += height;
  }
  const isLastAlone = chart.groups.at(-1)?.bars.length === 1;
  const height = y - BAR_GAP - (isLastAlone ? 0 : GROUP_GAP) + PADDING;
  const description = `${chart.title}, ${chart.unit}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(description)}" font-family="system-ui, sans-serif">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>`,
    text('title', PADDING, 26, chart.title),
    text('faint', PADDING, 44, chart.unit),
    ...parts,
    '</svg>\n',
  ].join('\n');
}

/** One bar under a label of its own stands beside it; several stand below. */
function drawGroup(
  { ours }: Chart,
  { label, bars }: Chart['groups'][number],
  { y, most }: { readonly y: number; readonly most: number },
): Placed {
  const parts: string[] = [];
  let at = y;
  const isAlone = bars.length === 1;
  if (!isAlone) {
    parts.push(text('group', PADDING, at + 12, label));
    at += BAR_HEIGHT + BAR_GAP;
  }
  for (const { series, value, text: shown = value.toString() } of bars) {
    const room = WIDTH - 2 * PADDING - LABEL_WIDTH - VALUE_WIDTH;
    const length = Number.isFinite(value) ? Math.max(1, (value / most) * room) : 0;
    const x = PADDING + LABEL_WIDTH;
    const kind = series === ours ? 'ours' : 'bar';
    parts.push(
      text('text', PADDING, at + 13, isAlone ? label : series),
      `<rect class="${kind}" x="${x}" y="${at}" width="${length.toFixed(1)}" height="${BAR_HEIGHT}" rx="2"/>`,
      text('text', x + length + 6, at + 13, shown),
    );
    at += BAR_HEIGHT + BAR_GAP;
  }
  const gap = isAlone ? 0 : GROUP_GAP;
  return { svg: parts.join('\n'), height: at - y + gap };
}

function text(kind: string, x: number, y: number, content: string): string {
  return `<text class="${kind}" x="${x.toFixed(1)}" y="${y}">${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
