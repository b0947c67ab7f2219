/** Element builders: the only way this page makes DOM. Text always goes in as text nodes, never as markup. */

export type Child = Node | string | null | false;
export type Attributes = Readonly<Record<string, string | number | boolean | null>>;

/** An HTML element with attributes (`true` sets an empty one, `null` and `false` leave it out) and children. */
export function html<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

/**
 * The element of the page's own markup with this id.
 *
 * @throws Error when index.html has none: a mistake in the page, found at its first load
 */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no #${id}`);
  return element;
}

/** Runs an element's CSS animation class from its beginning, also when it is running already. */
export function replay(element: Element, className: string): void {
  element.classList.remove(className);
  element.getBoundingClientRect(); // a layout between removing and adding is what restarts it
  element.classList.add(className);
}

/** Changes text only when it differs, so that idle seconds cost no layout and no screen reader hears repeats. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

function filled<E extends Element>(
  element: E,
  attributes: Attributes,
  children: readonly Child[],
): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(
    ...children.filter((child): child is Node | string => child !== null && child !== false),
  );
  return element;
}
