/** Alerts in a corner: outbid (with a button to bid again), won, lost. Announced to screen readers at once. */
import { artOf } from './art.ts';
import { html } from './dom.ts';

export interface Toast {
  readonly kind: 'outbid' | 'won' | 'note';
  readonly title: string;
  readonly text: string;
  readonly art: string | null;
  readonly action: { readonly label: string; readonly run: () => void } | null;
  /** A newer toast with the same key takes this one's place. */
  readonly key: string;
}

const SHOWN_MS = 9000;
const TOASTS_MAX = 4;

export class Toasts {
  readonly #list: HTMLElement;
  readonly #byKey = new Map<string, HTMLElement>();

  /** @param list an element with `role="alert"`, so that what is put into it is read out */
  constructor(list: HTMLElement) {
    this.#list = list;
  }

  show(toast: Toast): void {
    this.dismiss(toast.key);
    for (const oldest of this.#byKey.keys()) {
      if (this.#byKey.size < TOASTS_MAX) break;
      this.dismiss(oldest);
    }
    const element = this.#build(toast);
    this.#byKey.set(toast.key, element);
    this.#list.append(element);
    let timer = this.#dismissLater(toast.key, element);
    element.addEventListener('pointerenter', () => {
      clearTimeout(timer);
    });
    element.addEventListener('pointerleave', () => {
      timer = this.#dismissLater(toast.key, element);
    });
  }

  dismiss(key: string): void {
    this.#byKey.get(key)?.remove();
    this.#byKey.delete(key);
  }

  #dismissLater(key: string, element: HTMLElement): number {
    return window.setTimeout(() => {
      if (this.#byKey.get(key) === element) this.dismiss(key);
    }, SHOWN_MS);
  }

  #build({ kind, title, text, art, action, key }: Toast): HTMLElement {
    const close = html(
      'button',
      { type: 'button', class: 'icon-button', 'aria-label': 'Dismiss' },
      '×',
    );
    close.addEventListener('click', () => {
      this.dismiss(key);
    });
    const button =
      action === null
        ? null
        : html('button', { type: 'button', class: 'button primary' }, action.label);
    button?.addEventListener('click', () => {
      this.dismiss(key);
      action?.run();
    });
    return html(
      'div',
      { class: 'toast', 'data-kind': kind },
      art === null ? null : html('div', { class: 'toast-art' }, artOf(art)),
      html('div', { class: 'toast-text' }, html('strong', {}, title), html('span', {}, text)),
      button,
      close,
    );
  }
}
