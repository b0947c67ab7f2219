/** The two ways to bid: one button for +5 %, and an amount of one's own. Used by the cards and the detail view. */
import { html, setText } from './dom.ts';
import { money, raised } from './format.ts';
import type { BidAnswer } from './demo-api.ts';

/** Places a bid and resolves with what came of it; never rejects. */
export type PlaceBid = (itemId: number, amount: number) => Promise<BidAnswer>;

export class BidControls {
  readonly element: HTMLElement;
  readonly #placeBid: PlaceBid;
  readonly #quick = html('button', { type: 'button', class: 'button primary' });
  readonly #amount: HTMLInputElement;
  readonly #submit: HTMLButtonElement;
  readonly #note = html('p', { class: 'bid-note', role: 'status' });
  #itemId = 0;
  #price = 0;

  constructor(placeBid: PlaceBid) {
    this.#placeBid = placeBid;
    this.#amount = html('input', {
      type: 'number',
      inputmode: 'decimal',
      step: '0.01',
      class: 'amount',
      placeholder: 'Amount',
    });
    this.#submit = html('button', { type: 'submit', class: 'button' }, 'Bid');
    const form = html(
      'form',
      { class: 'own-amount', novalidate: true },
      this.#amount,
      this.#submit,
    );
    this.element = html('div', { class: 'bid-controls' }, this.#quick, form, this.#note);
    this.#quick.addEventListener('click', () => {
      void this.#bid(raised(this.#price));
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const amount = this.#amount.valueAsNumber;
      if (Number.isFinite(amount)) void this.#bid(amount);
      else setText(this.#note, 'Type an amount first.');
    });
  }

  /** Shows the controls for an item at a price; `isOpen` is false once nothing can be bid any more. */
  show(item: {
    readonly itemId: number;
    readonly title: string;
    readonly price: number;
    readonly isOpen: boolean;
  }): void {
    if (item.itemId !== this.#itemId) {
      this.#amount.value = '';
      setText(this.#note, '');
    }
    this.#itemId = item.itemId;
    this.#price = item.price;
    const next = raised(item.price);
    setText(this.#quick, `Bid ${money(next)}`);
    this.#quick.setAttribute('aria-label', `Bid ${money(next)} on ${item.title}`);
    this.#amount.setAttribute('aria-label', `Your own amount for ${item.title}`);
    for (const control of [this.#quick, this.#amount, this.#submit])
      control.disabled = !item.isOpen;
  }

  async #bid(amount: number): Promise<void> {
    this.element.classList.add('busy');
    const answer = await this.#placeBid(this.#itemId, amount);
    this.element.classList.remove('busy');
    setText(this.#note, answer.ok ? '' : answer.reason);
    if (answer.ok) this.#amount.value = '';
  }
}
