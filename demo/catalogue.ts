/** What is sold in the demo, and who is there. All of it is made up. */

export interface Lot {
  readonly title: string;
  /** Which drawing of the page shows it (`page/drawings.ts`). */
  readonly art: string;
  /** What the trade would expect it to bring, in whole dollars. */
  readonly estimate: number;
}

export const LOTS: readonly Lot[] = [
  { title: 'Railway pocket watch, 1908', art: 'watch', estimate: 640 },
  { title: 'Rangefinder camera, chrome', art: 'camera', estimate: 1250 },
  { title: 'Parlour guitar, spruce top', art: 'guitar', estimate: 2100 },
  { title: 'Faience vase, cobalt band', art: 'vase', estimate: 380 },
  { title: 'Mushroom desk lamp, opal glass', art: 'lamp', estimate: 290 },
  { title: 'Lounge chair, bent rosewood', art: 'chair', estimate: 4200 },
  { title: 'Library globe, 12 inch', art: 'globe', estimate: 720 },
  { title: 'Portable typewriter, sea green', art: 'typewriter', estimate: 310 },
  { title: 'Belt-drive turntable, walnut', art: 'turntable', estimate: 560 },
  { title: 'Solitaire ring, 1.2 carat', art: 'ring', estimate: 6800 },
  { title: 'Silver teapot, Sheffield', art: 'teapot', estimate: 940 },
  { title: 'Track bicycle, lugged steel', art: 'bicycle', estimate: 1480 },
  { title: 'Brass telescope on tripod', art: 'telescope', estimate: 1150 },
  { title: 'Sun over the estuary, oil', art: 'painting', estimate: 3400 },
  { title: 'Coupé of 1961, coral red', art: 'car', estimate: 28500 },
  { title: 'Cathedral radio, five valves', art: 'radio', estimate: 260 },
  { title: 'Diver’s watch, brass case', art: 'watch', estimate: 1900 },
  { title: 'Press camera with flash', art: 'camera', estimate: 480 },
  { title: 'Tenor guitar, sunburst', art: 'guitar', estimate: 880 },
  { title: 'Studio vase, signed', art: 'vase', estimate: 1350 },
  { title: 'Bedside lamp, amber shade', art: 'lamp', estimate: 175 },
  { title: 'Office chair, saddle leather', art: 'chair', estimate: 1050 },
  { title: 'Relief globe on walnut foot', art: 'globe', estimate: 430 },
  { title: 'Secretary’s typewriter, 1938', art: 'typewriter', estimate: 240 },
  { title: 'Broadcast turntable, red label', art: 'turntable', estimate: 1320 },
  { title: 'Aquamarine ring, rose gold', art: 'ring', estimate: 2450 },
  { title: 'Ship’s teapot, pewter', art: 'teapot', estimate: 195 },
  { title: 'Touring bicycle, cork grips', art: 'bicycle', estimate: 690 },
  { title: 'Refractor telescope, 4 inch', art: 'telescope', estimate: 2750 },
  { title: 'Evening sail, framed', art: 'painting', estimate: 820 },
  { title: 'Roadster, one family from new', art: 'car', estimate: 41000 },
  { title: 'Bakelite radio, brass dial', art: 'radio', estimate: 340 },
];

export const SELLERS: readonly string[] = [
  'Harbour & Daughter',
  'Attic Finds',
  'Nordvik Estate',
  'The Clock Room',
  'M. Castellan',
  'Quay Street Salvage',
];

export const BIDDERS: readonly string[] = [
  'Alma Reyes',
  'Bruno Keller',
  'Chidi Okafor',
  'Daria Novak',
  'Elif Demir',
  'Farid Haddad',
  'Greta Lund',
  'Hugo Marchetti',
  'Ines Duarte',
  'Jonas Weber',
  'Kaia Tamm',
  'Leo Fontaine',
  'Mina Sato',
  'Nadia Petrov',
  'Oscar Lindqvist',
  'Priya Nair',
  'Quinn Avery',
  'Rosa Bianchi',
  'Sami Laine',
  'Tomas Horak',
  'Uma Iyer',
  'Viktor Szabo',
  'Wanda Kowalska',
  'Yara Haddad',
];

export const VISITORS: readonly string[] = [
  'Robin Ash',
  'Sasha Vale',
  'Charlie Moss',
  'Jamie Frost',
  'Alex Rowan',
  'Noa Field',
  'Kim Harper',
  'Toni Brook',
];
