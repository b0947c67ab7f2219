/** Where the line of a price chart runs: in steps, because a price holds until the next bid. Pure. */
import type { PricePoint } from './listing.ts';

export interface Plot {
  readonly width: number;
  readonly height: number;
  /** Space kept free around the line. */
  readonly inset: {
    readonly top: number;
    readonly right: number;
    readonly bottom: number;
    readonly left: number;
  };
  readonly fromMs: number;
  readonly toMs: number;
  readonly startPrice: number;
}

export interface StepLine {
  readonly line: string;
  readonly area: string;
  /** Where each bid is drawn, in the order of the points. */
  readonly dots: readonly { readonly x: number; readonly y: number; readonly point: PricePoint }[];
  readonly end: { readonly x: number; readonly y: number };
  readonly low: number;
  readonly high: number;
}

/** Lays the bids out in the plot; the line runs on to `toMs` at the last price. */
export function stepLine(points: readonly PricePoint[], plot: Plot): StepLine {
  const { inset } = plot;
  const visible = points.filter((point) => point.atMs >= plot.fromMs);
  const earlier = points.filter((point) => point.atMs < plot.fromMs).at(-1);
  const low = earlier?.amount ?? plot.startPrice;
  const high = Math.max(visible.at(-1)?.amount ?? low, low + 1);
  const span = Math.max(1, plot.toMs - plot.fromMs);
  const x = (atMs: number): number =>
    inset.left + (plot.width - inset.left - inset.right) * Math.min(1, (atMs - plot.fromMs) / span);
  const y = (amount: number): number =>
    plot.height -
    inset.bottom -
    (plot.height - inset.top - inset.bottom) * Math.min(1, (amount - low) / (high - low));
  const dots = visible.map((point) => ({ x: x(point.atMs), y: y(point.amount), point }));
  let line = `M${place(x(plot.fromMs))} ${place(y(low))}`;
  for (const dot of dots) line += `H${place(dot.x)}V${place(dot.y)}`;
  const end = { x: x(plot.toMs), y: dots.at(-1)?.y ?? y(low) };
  line += `H${place(end.x)}`;
  const floor = plot.height - inset.bottom;
  const area = `${line}V${place(floor)}H${place(x(plot.fromMs))}Z`;
  return { line, area, dots, end, low, high };
}

/** A coordinate as SVG text. */
export function place(value: number): string {
  return value.toFixed(1);
}
