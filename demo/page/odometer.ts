/**
 * A price whose digits roll to their new value. Each digit is a strip of 0 to 9 that moves; everything else is plain
 * text. Screen readers get the whole text once, from a hidden copy.
 */
import { html, setText } from './dom.ts';

export class Odometer {
  readonly element: HTMLElement;
  readonly #spoken = html('span', { class: 'visually-hidden' });
  readonly #shown = html('span', { class: 'odometer', 'aria-hidden': 'true' });
  #text = '';

  constructor() {
    this.element = html('span', { class: 'price-figure' }, this.#spoken, this.#shown);
  }

  show(text: string): void {
    if (text === this.#text) return;
    setText(this.#spoken, text);
    if (shapeOf(text) === shapeOf(this.#text)) this.#roll(text);
    else this.#build(text);
    this.#text = text;
  }

  #build(text: string): void {
    this.#shown.replaceChildren(
      ...text
        .split('')
        .map((character) =>
          isDigit(character)
            ? digit(character)
            : html('span', { class: 'odometer-mark' }, character),
        ),
    );
  }

  #roll(text: string): void {
    for (const [index, character] of text.split('').entries()) {
      const place = this.#shown.children[index];
      if (place instanceof HTMLElement && isDigit(character)) {
        place.style.setProperty('--digit', character);
      }
    }
  }
}

function digit(character: string): HTMLElement {
  const strip = html('span', { class: 'odometer-strip' });
  for (let value = 0; value <= 9; value += 1) strip.append(html('span', {}, String(value)));
  const place = html('span', { class: 'odometer-digit' }, strip);
  place.style.setProperty('--digit', character);
  return place;
}

function shapeOf(text: string): string {
  return text.replace(/\d/g, '0');
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9';
}
