/** Pictures of the lots: small drawings on a lit stage, made here so that the page needs no file and no network. */
import { svg } from './dom.ts';
import { DRAWINGS, type Drawing } from './drawings.ts';

const FALLBACK: Drawing = {
  hue: 40,
  shapes: [['circle', { cx: 80, cy: 52, r: 22, fill: '#d9a441' }]],
};

let nextId = 0;

/** The picture of one kind of lot (`watch`, `camera`, …); decoration only, the title says what it is. */
export function artOf(kind: string): SVGSVGElement {
  const { hue, shapes } = DRAWINGS[kind] ?? FALLBACK;
  nextId += 1;
  const wall = `wall-${nextId}`;
  const light = `light-${nextId}`;
  return svg(
    'svg',
    {
      class: 'art',
      viewBox: '0 0 160 100',
      preserveAspectRatio: 'xMidYMid slice',
      'aria-hidden': 'true',
    },
    svg(
      'defs',
      {},
      svg(
        'linearGradient',
        { id: wall, x1: 0, y1: 0, x2: 0, y2: 1 },
        svg('stop', { offset: 0, 'stop-color': `hsl(${hue} 42% 30%)` }),
        svg('stop', { offset: 0.72, 'stop-color': `hsl(${hue} 46% 20%)` }),
        svg('stop', { offset: 0.72, 'stop-color': `hsl(${hue} 38% 15%)` }),
        svg('stop', { offset: 1, 'stop-color': `hsl(${hue} 40% 11%)` }),
      ),
      svg(
        'radialGradient',
        { id: light, cx: 0.5, cy: 0.42, r: 0.55 },
        svg('stop', { offset: 0, 'stop-color': `hsl(${hue} 75% 74%)`, 'stop-opacity': 0.55 }),
        svg('stop', { offset: 1, 'stop-color': `hsl(${hue} 60% 50%)`, 'stop-opacity': 0 }),
      ),
    ),
    svg('rect', { width: 160, height: 100, fill: `url(#${wall})` }),
    svg('rect', { width: 160, height: 100, fill: `url(#${light})` }),
    svg('ellipse', { cx: 80, cy: 84, rx: 42, ry: 5.5, fill: '#000', opacity: 0.35 }),
    ...shapes.map(([tag, attributes]) => svg(tag, attributes)),
  );
}
