/** True in `npm run test:faults`, which takes its time; false in CI, which runs what fits into minutes. */
export const byHand = process.env['GAVELCAST_FAULTS'] === 'all';
