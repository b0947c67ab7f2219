/** A curve of the last two minutes. */
const NAMESPACE = 'http://www.w3.org/2000/svg';
const HEIGHT = 40;
const POINTS = 120;

export class Spark {
  readonly node = document.createElementNS(NAMESPACE, 'svg');
  readonly #area = document.createElementNS(NAMESPACE, 'path');
  readonly #stroke = document.createElementNS(NAMESPACE, 'path');

  constructor() {
    this.node.setAttribute('class', 'spark');
    this.node.setAttribute('viewBox', `0 0 ${String(POINTS - 1)} ${String(HEIGHT)}`);
    this.node.setAttribute('preserveAspectRatio', 'none');
    this.node.setAttribute('aria-hidden', 'true');
    this.#area.setAttribute('class', 'area');
    this.#stroke.setAttribute('class', 'stroke');
    this.node.append(this.#area, this.#stroke);
  }

  /** Newest last; fewer than two minutes are drawn from the right. */
  draw(values: readonly number[]): void {
    const shown = values.slice(-POINTS);
    const top = Math.max(1, ...shown) * 1.15;
    const first = POINTS - shown.length;
    const points = shown.map((value, at) => {
      const y = HEIGHT - 2 - (value / top) * (HEIGHT - 4);
      return `${String(first + at)} ${y.toFixed(2)}`;
    });
    const curve = points.length < 2 ? '' : `M${points.join('L')}`;
    this.#stroke.setAttribute('d', curve);
    const end = `L${String(POINTS - 1)} ${String(HEIGHT)}L${String(first)} ${String(HEIGHT)}Z`;
    this.#area.setAttribute('d', curve === '' ? '' : curve + end);
  }
}
