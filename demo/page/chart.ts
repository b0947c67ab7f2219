/** Price charts, drawn as SVG: a small one for each card, a big one for the detail view. */
import type { PricePoint } from './listing.ts';
import { money } from './format.ts';
import { svg } from './dom.ts';
import { place, stepLine, type Plot } from './step-line.ts';

/** The small chart of a card: line, area and a dot at the price of now. */
export class Sparkline {
  readonly element: SVGSVGElement;
  readonly #area = svg('path', { class: 'chart-area' });
  readonly #line = svg('path', { class: 'chart-line' });
  readonly #dot = svg('path', { class: 'chart-now' });

  constructor() {
    this.element = svg(
      'svg',
      {
        class: 'sparkline',
        viewBox: '0 0 120 44',
        preserveAspectRatio: 'none',
        'aria-hidden': 'true',
      },
      this.#area,
      this.#line,
      this.#dot,
    );
  }

  draw(points: readonly PricePoint[], range: Pick<Plot, 'fromMs' | 'toMs' | 'startPrice'>): void {
    const inset = { top: 5, right: 2, bottom: 1, left: 0 };
    const { line, area, end } = stepLine(points, { width: 120, height: 44, inset, ...range });
    this.#line.setAttribute('d', line);
    this.#area.setAttribute('d', area);
    this.#dot.setAttribute('d', dotAt(end));
  }
}

/** The big chart of the detail view, with a scale and a dot for each bid; the visitor's own are marked. */
export function drawDetailChart(
  target: SVGSVGElement,
  points: readonly PricePoint[],
  range: Pick<Plot, 'fromMs' | 'toMs' | 'startPrice'> & { readonly userId: number },
): void {
  const width = 640;
  const height = 260;
  const inset = { top: 18, right: 18, bottom: 26, left: 62 };
  const { line, area, dots, end, low, high } = stepLine(points, { width, height, inset, ...range });
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = height - inset.bottom - (height - inset.top - inset.bottom) * share;
    return svg(
      'g',
      { class: 'chart-grid' },
      svg('line', { x1: inset.left, x2: width - inset.right, y1: y, y2: y }),
      svg(
        'text',
        { x: inset.left - 10, y: y + 4, 'text-anchor': 'end' },
        money(Math.round(low + (high - low) * share)),
      ),
    );
  });
  const marks = dots.map(({ x, y, point }) =>
    svg(
      'circle',
      {
        cx: x,
        cy: y,
        r: point.bidder.id === range.userId ? 5 : 3,
        class: point.bidder.id === range.userId ? 'chart-dot own' : 'chart-dot',
      },
      svg('title', {}, `${point.bidder.name}: ${money(point.amount)}`),
    ),
  );
  target.replaceChildren(
    ...grid,
    timeLabel(inset.left, 'start', ago(range.toMs - range.fromMs)),
    timeLabel(width - inset.right, 'end', 'now'),
    svg('path', { class: 'chart-area', d: area }),
    svg('path', { class: 'chart-line', d: line }),
    ...marks,
    svg('path', { class: 'chart-now', d: dotAt(end) }),
  );
}

function timeLabel(x: number, anchor: string, text: string): SVGElement {
  return svg('text', { class: 'chart-time', x, y: 254, 'text-anchor': anchor }, text);
}

function ago(spanMs: number): string {
  const seconds = Math.max(0, Math.round(spanMs / 1000));
  return seconds < 90 ? `${seconds} s ago` : `${Math.round(seconds / 60)} min ago`;
}

/** A line of no length with round ends: a dot that stays round when the drawing is stretched to its card. */
function dotAt({ x, y }: { readonly x: number; readonly y: number }): string {
  return `M${place(x)} ${place(y)}h0`;
}
