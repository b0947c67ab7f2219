/* A lot's page, made with the SDK as its documentation shows: `/?item=1&user=2`, `&hidden=1000` for `hiddenPauseMs`. */
/* global document, fetch, Gavelcast, location, setInterval, URLSearchParams, window */
const query = new URLSearchParams(location.search);
const itemId = Number(query.get('item'));
const euros = new Intl.NumberFormat('en-IE', { style: 'currency', currency: 'EUR' });
const WORDS = {
  connecting: 'Connecting …',
  live: 'Live',
  degraded: 'Prices may be out of date: the auction’s database is away',
  reconnecting: 'Connection lost, trying again …',
  offline: 'You are offline',
};
const BIDS_SHOWN = 8;

/** What the test asks for: every event of the item, and every state of the connection. */
window.heard = [];
window.connections = [];

const byId = (id) => document.getElementById(id);
byId('lot').textContent = `Lot ${itemId}`;

async function getToken() {
  const answer = await fetch(`/token?user=${query.get('user')}`);
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return answer.text();
}

function stoppedWords({ reason, code }) {
  if (reason === 'signed_out') return 'You are signed out';
  return code === 4502 ? 'Your account is suspended' : 'The connection was closed';
}

function showConnection(connection) {
  const { state, transport } = connection;
  const words = state === 'stopped' ? stoppedWords(connection) : WORDS[state];
  byId('connection').dataset.state = state;
  byId('connection').textContent =
    state === 'live' && transport === 'sse' ? `${words} (without WebSockets)` : words;
}

function showAuction() {
  const state = client.state(itemId);
  if (state === null) return;
  byId('price').textContent = euros.format(state.currentPrice);
  byId('count').textContent = state.bidCount;
}

function showLeft() {
  const seconds = client.countdown(itemId);
  if (seconds === null) return;
  const parts = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
  byId('left').textContent = parts.map((part) => String(part).padStart(2, '0')).join(':');
}

function showBid({ bidderName, bidAmount }) {
  const line = document.createElement('li');
  const name = document.createElement('span');
  name.textContent = bidderName;
  line.append(name, euros.format(bidAmount));
  byId('bids').prepend(line);
  while (byId('bids').children.length > BIDS_SHOWN) byId('bids').lastChild.remove();
}

const client = Gavelcast.connect({
  url: '/',
  getToken,
  hiddenPauseMs: Number(query.get('hidden') ?? 300_000),
});
window.client = client;
showConnection(client.connection);
client.on('connection', (connection) => {
  window.connections.push({ ...connection, atMs: Date.now() });
  showConnection(connection);
});
client.on('outbid', ({ newBidAmount }) => {
  byId('outbid').textContent = `You have been outbid at ${euros.format(newBidAmount)}`;
  byId('outbid').hidden = false;
});
client.watch(itemId, (event) => {
  window.heard.push(event);
  if (event.type === 'bid_update') showBid(event);
  showAuction();
});
setInterval(showLeft, 250);
