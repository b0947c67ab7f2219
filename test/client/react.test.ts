/** The hooks, rendered by React itself; what they do while mounted is watched in a real browser (browser.e2e.test.ts). */
import { createElement, type ReactElement } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, test } from 'vitest';
import {
  GavelcastProvider,
  useAuction,
  useConnection,
  useCountdown,
  useGavelcast,
} from '../../client/react.ts';
import { ClientHarness } from './support/client-harness.ts';

function Lot(): ReactElement {
  const { state, lastEvent } = useAuction(1);
  const connection = useConnection();
  const left = useCountdown(1);
  const price = state?.currentPrice ?? 'no price';
  return createElement('p', null, [price, lastEvent === null, left, connection.state].join(' '));
}

test('on the server side nothing is watched and nothing is known', async () => {
  const harness = new ClientHarness();
  const { client } = harness;
  const html = renderToString(createElement(GavelcastProvider, { client }, createElement(Lot)));
  expect(html).toBe('<p>no price true  connecting</p>');
  await harness.hello();
  expect(harness.socket.actions('subscribe')).toEqual([]);
  client.close();
});

test('a hook without a provider says what is missing', () => {
  const Lost = (): ReactElement => createElement('p', null, useGavelcast().connection.state);
  expect(() => renderToString(createElement(Lost))).toThrow('GavelcastProvider');
});
