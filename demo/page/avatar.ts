/** A person as a coloured disc with initials; the visitor's own is brass. */
import { html } from './dom.ts';
import { hueOf, initials } from './format.ts';
import type { Person } from './listing.ts';

/** The disc alone; the name is written beside it. */
export function avatar(person: Person, isVisitor: boolean): HTMLElement {
  const disc = html(
    'span',
    { class: isVisitor ? 'avatar own' : 'avatar', 'aria-hidden': 'true' },
    initials(person.name),
  );
  disc.style.setProperty('--hue', String(hueOf(person.name)));
  return disc;
}

/** Disc and name; `You` for the visitor. */
export function byline(person: Person, isVisitor: boolean): HTMLElement {
  return html(
    'span',
    { class: isVisitor ? 'byline own' : 'byline' },
    avatar(person, isVisitor),
    html('span', { class: 'byline-name' }, isVisitor ? 'You' : person.name),
  );
}
