/** The page: listens to the server's pictures and shows them. */
import { Actions } from './actions.ts';
import { byId, element } from './dom.ts';
import { clock, duration } from './format.ts';
import { Line } from './line.ts';
import { Panels } from './panels.ts';
import { WorkerPanel } from './worker-panel.ts';
import { pictureOf, type Picture, type Sample } from './picture.ts';

const SAMPLES_MAX = 120;
/** Without a picture for this long the page says so. */
const SILENT_MS = 4000;

const status = byId('status', HTMLElement);
const about = byId('about', HTMLElement);
const banner = byId('banner', HTMLElement);
const followForm = byId('follow', HTMLFormElement);
const followItem = byId('follow-item', HTMLInputElement);
const unfollow = byId('unfollow', HTMLButtonElement);

const actions = new Actions();
const line = new Line(byId('line', HTMLElement));
const workers = new WorkerPanel();
const panels = new Panels({ follow, disconnect: () => actions.disconnect });

let stream: EventSource | null = null;
let samples: Sample[] = [];
let newest: Picture | null = null;
let silence: number | undefined;

function listen(itemId: string | null): void {
  stream?.close();
  stream = new EventSource(itemId === null ? '/live' : `/live?item=${encodeURIComponent(itemId)}`);
  stream.addEventListener('message', ({ data }) => {
    show(pictureOf(String(data)));
  });
  stream.addEventListener('error', showSilence);
}

function show(picture: Picture): void {
  newest = picture;
  clearTimeout(silence);
  silence = setTimeout(showSilence, SILENT_MS);
  // A stream begins with the last two minutes; after that each picture brings one sample.
  samples = picture.samples.length > 1 ? [...picture.samples] : [...samples, ...picture.samples];
  samples = samples.slice(-SAMPLES_MAX);
  const { isDraining } = picture.sockets;
  const word = picture.isReady ? 'Live' : isDraining ? 'Draining' : 'Not ready';
  status.textContent = word;
  status.dataset['state'] = picture.isReady ? 'live' : isDraining ? 'wait' : 'down';
  document.title = `${word} · Gavelcast`;
  about.textContent = `${picture.version} · up ${duration(picture.uptimeMs)}`;
  banner.hidden = true;
  line.show(picture, samples);
  panels.show(picture);
  workers.show(picture);
}

function showSilence(): void {
  status.textContent = 'No contact';
  status.dataset['state'] = 'down';
  document.title = 'No contact · Gavelcast';
  banner.hidden = false;
  banner.textContent =
    newest === null
      ? 'The server does not answer.'
      : `The server does not answer. What is shown is of ${clock(newest.atMs)}.`;
}

function follow(itemId: string): void {
  followItem.value = itemId;
  unfollow.hidden = false;
  listen(itemId);
}

function followNobody(): void {
  followItem.value = '';
  unfollow.hidden = true;
  byId('followed', HTMLElement).replaceChildren(
    element('p', { class: 'empty' }, 'Press ', element('kbd', {}, '/'), ', type an id, Enter.'),
  );
  listen(null);
}

followForm.addEventListener('submit', (event) => {
  event.preventDefault();
  const itemId = followItem.value.trim();
  if (itemId === '') followNobody();
  else follow(itemId);
});
unfollow.addEventListener('click', followNobody);

document.addEventListener('keydown', (event) => {
  const isTyping = event.target instanceof HTMLInputElement;
  if (event.key === '/' && !isTyping) {
    event.preventDefault();
    followItem.focus();
    followItem.select();
  } else if (event.key === 'Escape' && event.target === followItem) {
    followNobody();
    followItem.blur();
  }
});

byId('theme', HTMLButtonElement).addEventListener('click', () => {
  const isDark = getComputedStyle(document.documentElement).colorScheme.startsWith('dark');
  const prefersDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const chosen = document.documentElement.dataset['theme'];
  const shownDark = chosen === undefined ? prefersDark : isDark;
  document.documentElement.dataset['theme'] = shownDark ? 'light' : 'dark';
});

listen(null);
void actions.begin();
