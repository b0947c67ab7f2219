/** Small pieces of the page. Text is always set as text: nothing from the wire is read as HTML. */

type Child = Node | string | null;

export interface Attributes {
  readonly [name: string]: string | undefined;
}

/** An element with attributes and children. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** What index.html has under this id. @throws Error where it has not, or something else */
export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`index.html lacks #${id}`);
  return found;
}

/** Puts new content in, unless somebody's focus is inside: what is being used is not taken away. */
export function refill(place: HTMLElement, ...children: readonly Child[]): void {
  const focused = document.activeElement;
  const key =
    focused instanceof HTMLElement && place.contains(focused) ? focused.dataset['key'] : null;
  place.replaceChildren(...children.filter((child) => child !== null));
  if (key === null || key === undefined) return;
  for (const next of place.querySelectorAll<HTMLElement>('[data-key]')) {
    if (next.dataset['key'] === key) next.focus({ preventScroll: true });
  }
}

export interface Column {
  readonly title: string;
  /** Share of the width; none: as much as it needs. */
  readonly width?: string;
  readonly class?: string;
}

/** A table; without rows, a sentence. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly (Node | string)[])[],
  empty: string,
): HTMLElement {
  if (rows.length === 0) return element('p', { class: 'empty' }, empty);
  const head = columns.map(({ title, width, class: name }) => {
    const cell = element('th', { scope: 'col', class: name }, title);
    if (width !== undefined) cell.style.width = width;
    return cell;
  });
  const body = rows.map((cells) =>
    element(
      'tr',
      {},
      ...cells.map((cell, at) => {
        const title = typeof cell === 'string' ? cell : undefined;
        return element('td', { class: columns[at]?.class, title }, cell);
      }),
    ),
  );
  return element(
    'table',
    {},
    element('thead', {}, element('tr', {}, ...head)),
    element('tbody', {}, ...body),
  );
}
