/** A page with the React bindings, for the browser test: bundled there. */
import { createElement, StrictMode, useState, type ReactElement } from 'react';
import { createRoot } from 'react-dom/client';
import { connect } from '../../../client/index.ts';
import {
  GavelcastProvider,
  useAuction,
  useConnection,
  useCountdown,
} from '../../../client/react.ts';

function Lot({ itemId }: { readonly itemId: number }): ReactElement {
  const { state, lastEvent } = useAuction(itemId);
  const left = useCountdown(itemId);
  const words = [
    state?.currentPrice ?? '-',
    lastEvent?.type ?? '-',
    left === null ? '-' : 'ticking',
  ];
  return createElement('p', { id: 'lot' }, words.join(' '));
}

function App(): ReactElement {
  const { state } = useConnection();
  const [isShown, show] = useState(true);
  const toggle = (): void => {
    show(!isShown);
  };
  return createElement(
    'main',
    null,
    createElement('b', { id: 'state' }, state),
    createElement('button', { onClick: toggle }, 'toggle'),
    isShown ? createElement(Lot, { itemId: 1 }) : null,
  );
}

const client = connect({ url: '/', getToken: () => 'token' });
const root = document.createElement('div');
document.body.append(root);
createRoot(root).render(
  createElement(StrictMode, null, createElement(GavelcastProvider, { client }, createElement(App))),
);
