/** What somebody with the token may do. The token is kept in this page's memory only, until it is closed. */
import { byId, element } from './dom.ts';

export class Actions {
  readonly #place = byId('actions', HTMLElement);
  readonly #note = element('p', { class: 'note', role: 'status' });
  #token: string | null = null;

  /** Asks the server whether there are any. */
  async begin(): Promise<void> {
    const response = await fetch('/session');
    const session: unknown = await response.json();
    const canAct =
      typeof session === 'object' &&
      session !== null &&
      'canAct' in session &&
      session.canAct === true;
    if (canAct) this.#showLock();
    else
      this.#place.replaceChildren(
        element('p', { class: 'empty' }, 'This page only shows. Set ADMIN_TOKEN to allow actions.'),
      );
  }

  /** Closes a user's connections; null while locked. */
  get disconnect(): ((userId: string) => void) | null {
    if (this.#token === null) return null;
    return (userId) => void this.#disconnect(userId);
  }

  #showLock(): void {
    const input = element('input', {
      type: 'password',
      name: 'token',
      autocomplete: 'off',
      placeholder: 'ADMIN_TOKEN',
      'aria-label': 'Admin token',
    });
    const form = element(
      'form',
      { class: 'row' },
      input,
      element('button', { class: 'button' }, 'Unlock'),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#unlock(input.value);
    });
    const text = 'Read-only until the token is given: disconnect a user, drain and stop.';
    this.#place.replaceChildren(element('p', { class: 'empty' }, text), form, this.#note);
  }

  async #unlock(token: string): Promise<void> {
    this.#token = token;
    if (await this.#post('/session', null)) this.#showActions();
    else this.#token = null;
  }

  #showActions(): void {
    const input = element('input', {
      name: 'user',
      autocomplete: 'off',
      maxlength: '64',
      placeholder: 'User id',
      'aria-label': 'User id',
    });
    const form = element(
      'form',
      { class: 'row' },
      input,
      element('button', { class: 'button' }, 'Disconnect'),
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      if (input.value.trim() !== '') void this.#disconnect(input.value.trim());
    });
    const drain = element('button', { class: 'button danger', type: 'button' }, 'Drain and stop');
    drain.addEventListener('click', () => void this.#drain());
    this.#place.replaceChildren(form, drain, this.#note);
    this.#say('');
    input.focus();
  }

  async #disconnect(userId: string): Promise<void> {
    const question = `Close every connection of user ${userId}? His clients may come back with a new token.`;
    if (!(await confirmed(question, 'Disconnect'))) return;
    const answer = await this.#post('/disconnect', { userId });
    if (answer === null) return;
    const closed = 'connections' in answer ? String(answer.connections) : '0';
    this.#say(`User ${userId}: ${closed} ${closed === '1' ? 'connection' : 'connections'} closed.`);
  }

  async #drain(): Promise<void> {
    const question = 'Close all connections in good order and end this process, as SIGTERM does?';
    if (!(await confirmed(question, 'Drain and stop'))) return;
    if ((await this.#post('/drain', null)) !== null) this.#say('Draining.');
  }

  /** Null when it was refused; the reason is shown. */
  async #post(path: string, body: object | null): Promise<object | null> {
    try {
      const response = await fetch(path, {
        method: 'POST',
        headers: { authorization: `Bearer ${this.#token ?? ''}` },
        body: body === null ? null : JSON.stringify(body),
      });
      const answer: unknown = await response.json();
      if (typeof answer !== 'object' || answer === null) throw new Error('no answer');
      if (response.ok) return answer;
      this.#say('error' in answer ? String(answer.error) : 'It was refused.', 'bad');
    } catch {
      this.#say('The server does not answer.', 'bad');
    }
    return null;
  }

  #say(text: string, kind = 'good'): void {
    this.#note.textContent = text;
    this.#note.dataset['kind'] = kind;
  }
}

function confirmed(question: string, yes: string): Promise<boolean> {
  const dialog = byId('confirm', HTMLDialogElement);
  byId('confirm-text', HTMLElement).textContent = question;
  byId('confirm-yes', HTMLButtonElement).textContent = yes;
  dialog.returnValue = 'no';
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = (): void => {
      resolve(dialog.returnValue === 'yes');
    };
    dialog.addEventListener('close', closed, { once: true });
  });
}
