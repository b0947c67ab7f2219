/** The drawings themselves, as data: shapes on a 160 × 100 stage whose floor is at y = 84. */
type Shape = readonly [
  'path' | 'rect' | 'circle' | 'ellipse',
  Readonly<Record<string, string | number>>,
];

export interface Drawing {
  /** Colour of the room behind it, degrees. */
  readonly hue: number;
  readonly shapes: readonly Shape[];
}

const BRASS = '#e0b050';
const BRASS_DARK = '#a87a2c';
const IVORY = '#f6ead2';
const INK = '#23232b';
const STEEL = '#c9d1dc';
const STEEL_DARK = '#7d8796';
const WOOD = '#b5713c';
const WOOD_DARK = '#7c4724';
const RED = '#d9533f';
const TEAL = '#3f9c96';
const BLUE = '#3b6fb5';

export const DRAWINGS: Readonly<Record<string, Drawing>> = {
  watch: {
    hue: 212,
    shapes: [
      rect(68, 14, 24, 70, WOOD_DARK, 7),
      rect(72, 14, 16, 70, WOOD, 5),
      circle(80, 49, 25, BRASS_DARK),
      circle(80, 49, 22.5, BRASS),
      circle(80, 49, 18.5, IVORY),
      line('M80 49V36', INK, 2.4),
      line('M80 49l9 6', INK, 2.4),
      line('M80 49l-6 10', RED, 1.2),
      line('M80 32.5v3M80 62.5v3M63.5 49h3M93.5 49h3', BRASS_DARK, 1.8),
      circle(80, 49, 2, INK),
      rect(104, 46, 5, 6, BRASS_DARK, 1.5),
    ],
  },
  camera: {
    hue: 14,
    shapes: [
      rect(44, 36, 72, 47, INK, 7),
      rect(44, 48, 72, 22, WOOD, 0),
      rect(44, 33, 72, 16, STEEL, 6),
      rect(66, 26, 28, 12, STEEL, 3),
      rect(70, 29, 12, 7, '#31445e', 2),
      circle(80, 59, 20, STEEL_DARK),
      circle(80, 59, 17, INK),
      circle(80, 59, 11.5, '#2b4a72'),
      circle(80, 59, 7, '#16263f'),
      circle(75.5, 54, 3, '#bcd7f5'),
      rect(49, 28, 11, 6, STEEL_DARK, 2),
      circle(106, 41, 3.5, RED),
    ],
  },
  guitar: {
    hue: 345,
    shapes: [
      rect(76.5, 8, 7, 50, WOOD_DARK, 1),
      rect(74, 4, 12, 13, INK, 2.5),
      ellipse(80, 48, 16, 13, BRASS_DARK),
      ellipse(80, 68, 22, 17, BRASS_DARK),
      ellipse(80, 48, 13.5, 11, WOOD),
      ellipse(80, 68, 19.5, 15, WOOD),
      circle(80, 55, 6.5, INK),
      rect(71, 71, 18, 3.5, INK, 1),
      line('M78 10V72M80 10V72M82 10V72', IVORY, 0.5),
      line('M76.5 22h7M76.5 28h7M76.5 34h7', STEEL, 0.8),
    ],
  },
  vase: {
    hue: 26,
    shapes: [
      path('M70 20h20c0 10-3 12 6 20 14 12 10 34-4 43H68C54 74 50 52 64 40c9-8 6-10 6-20z', IVORY),
      path(
        'M56.5 55c16 7 31 7 47 0 .8 5 .5 10-1 14.5-15 5.5-30 5.5-45 0-1.5-4.5-1.8-9.5-1-14.500z',
        BLUE,
      ),
      line('M62 62l6 5 6-5 6 5 6-5 6 5 6-5', IVORY, 1.6),
      line('M64 41c10 3.5 22 3.5 32 0', BLUE, 2),
      ellipse(80, 20, 11, 3, BRASS),
      ellipse(80, 20, 8, 1.8, INK),
    ],
  },
  lamp: {
    hue: 272,
    shapes: [
      path('M45 48a35 30 0 0 1 70 0z', '#f4b35e'),
      path('M52 48a28 24 0 0 1 20-22c-6 7-8 14-8 22z', '#ffd796'),
      rect(43, 46, 74, 4.5, BRASS, 2),
      path('M75 50h10l2 27H73z', BRASS_DARK),
      path('M76.5 50h3.500v27h-5z', BRASS),
      ellipse(80, 79.5, 24, 5, BRASS_DARK),
      ellipse(80, 77.5, 24, 5, BRASS),
      line('M102 50v13', IVORY, 0.9),
      circle(102, 65, 2.2, IVORY),
    ],
  },
  chair: {
    hue: 168,
    shapes: [
      path('M52 20c14-5 26 0 29 12l6 25H60c-8-12-14-26-8-37z', WOOD_DARK),
      path('M56 24c11-4 19 0 22 10l5 21H63c-6-10-11-22-7-31z', INK),
      path('M60 55h42c7 0 9 8 3 9H62z', WOOD_DARK),
      path('M62 52h38c5 0 6 6 2 7H64z', '#3a3a45'),
      line('M80 64v10', STEEL_DARK, 4),
      line('M80 74l-20 9M80 74l20 9M80 74v9', STEEL, 3),
      line('M66 32h11M68 40h11M69 47h12', '#55555f', 1.2),
      line('M88 46h13', WOOD, 4),
    ],
  },
  globe: {
    hue: 196,
    shapes: [
      line('M106 26a34 34 0 0 1-42 50', BRASS_DARK, 3.5),
      circle(80, 46, 28, '#2f78a8'),
      path('M60 34c8-9 20-9 22-3s-8 6-8 13-9 7-14 2-5-8 0-12z', '#7fbf72'),
      path('M86 48c8-4 17-1 16 6s-8 14-14 12-8-15-2-18z', '#7fbf72'),
      path('M90 25c6 1 11 5 13 10-6 3-14 1-15-4z', '#7fbf72'),
      path('M60 26a28 28 0 0 0 0 40 34 34 0 0 1 0-40z', '#ffffff55'),
      rect(77, 74, 6, 7, BRASS),
      ellipse(80, 81.5, 21, 3.8, WOOD_DARK),
      ellipse(80, 80, 21, 3.8, WOOD),
    ],
  },
  typewriter: {
    hue: 158,
    shapes: [
      rect(62, 10, 36, 30, IVORY, 1),
      line('M67 17h26M67 22h22M67 27h25', '#b9ab8e', 1.3),
      rect(44, 34, 72, 9, INK, 4),
      circle(43, 38.5, 5, BRASS),
      circle(117, 38.5, 5, BRASS),
      path('M50 42h60l9 36c1 4-1 6-5 6H46c-4 0-6-2-5-6z', TEAL),
      path('M53 46h54l3 10H50z', '#22605c'),
      dots(56, 63, 7, 8),
      dots(53, 70.5, 8, 7.7),
      dots(50, 78, 8, 8.6),
    ],
  },
  turntable: {
    hue: 318,
    shapes: [
      rect(36, 34, 88, 46, WOOD_DARK, 5),
      rect(36, 34, 88, 40, WOOD, 5),
      ellipse(72, 54, 30, 17, INK),
      ellipse(72, 54, 22, 12.3, '#32323c'),
      ellipse(72, 54, 21, 11.7, INK),
      ellipse(72, 54, 10, 5.6, RED),
      ellipse(72, 54, 1.6, 1, IVORY),
      circle(111, 42, 4.5, STEEL),
      line('M111 42l-2 17-13 5', STEEL, 2.4),
      line('M97 62l-5 4', STEEL_DARK, 4),
      circle(113, 67, 2.8, BRASS),
      rect(42, 80, 8, 4, INK, 1),
      rect(110, 80, 8, 4, INK, 1),
    ],
  },
  ring: {
    hue: 238,
    shapes: [
      ring(80, 62, 20, BRASS_DARK, 6),
      ring(80, 62, 20, BRASS, 3.6),
      path('M66 24h28l8 10-22 20-22-20z', '#bfe6f5'),
      path('M66 24l6 10H58zM94 24l8 10H88z', '#8fcbe6'),
      path('M72 34h16l-8 20z', '#e9fbff'),
      path('M72 34l8-10 8 10z', '#d3f2fb'),
      line('M112 18v9M107.5 22.500h9', '#ffffff', 1.4),
      line('M49 30v6M46 33h6', '#ffffff', 1.2),
    ],
  },
  teapot: {
    hue: 92,
    shapes: [
      line('M106 48c20-8 22 20 0 22', STEEL_DARK, 5),
      line('M106 48c20-8 22 20 0 22', STEEL, 2.6),
      path('M54 60c-14-2-12-18-22-20l4-5c14 2 14 14 22 16z', STEEL),
      path('M54 50c4-18 48-18 52 0 5 16-4 33-26 33S49 66 54 50z', STEEL),
      path('M58 52c3-12 14-14 20-14-9 6-12 22-8 42-11-4-15-16-12-28z', '#edf2f8'),
      ellipse(80, 38, 17, 4, STEEL_DARK),
      path('M66 37c4-8 24-8 28 0z', STEEL),
      circle(80, 28, 4, INK),
    ],
  },
  bicycle: {
    hue: 4,
    shapes: [
      ring(53, 65, 18, INK, 3.2),
      ring(107, 65, 18, INK, 3.2),
      ring(53, 65, 16, IVORY, 0.8),
      ring(107, 65, 16, IVORY, 0.8),
      line('M53 65l14-26h32L80 65H53M67 39l13 26M99 39l8 26', TEAL, 3.4),
      line('M96 29l3 10M96 29h10', STEEL, 3),
      line('M64 33l3 6', STEEL, 3),
      line('M57 32h14', WOOD_DARK, 5),
      circle(80, 65, 5, STEEL_DARK),
      line('M80 65l5 9', STEEL, 2.4),
      line('M106 29c4 0 5 3 3 5', WOOD, 3.4),
    ],
  },
  telescope: {
    hue: 228,
    shapes: [
      line('M82 50L62 84M82 50v34M82 50l21 34', WOOD_DARK, 3.6),
      path('M44 62l52-34 8 12-52 34z', BRASS),
      path('M44 62l52-34 3 4.5-52 34z', '#f3d287'),
      path('M94 26l14-9 11 16-14 9z', BRASS_DARK),
      path('M36 67l9-6 8 12-9 6z', INK),
      circle(82, 50, 5, INK),
      line('M70 45l8 12', BRASS_DARK, 2),
      circle(34, 20, 1.3, '#fff'),
      circle(52, 13, 0.9, '#fff'),
      circle(130, 56, 1, '#fff'),
      circle(24, 44, 0.9, '#fff'),
      circle(72, 22, 1.1, '#fff'),
    ],
  },
  painting: {
    hue: 52,
    shapes: [
      rect(40, 14, 80, 68, BRASS_DARK, 2),
      rect(43, 17, 74, 62, BRASS, 1),
      rect(48, 22, 64, 52, '#f3ead9'),
      rect(48, 22, 64, 30, '#e9b77f'),
      circle(90, 40, 10, RED),
      path('M48 56c14-14 24-4 34-8s20-10 30-2v28H48z', '#3d6d7d'),
      path('M48 64c16-8 30 4 64-5v15H48z', '#22434f'),
      line('M62 66v-12M59 58h6', IVORY, 1.2),
      path('M62 47l7 9h-7z', IVORY),
    ],
  },
  car: {
    hue: 186,
    shapes: [
      path(
        'M26 66c0-8 5-12 20-13l12-16c2-3 5-4 9-4h26c5 0 8 2 11 6l10 13c13 1 20 5 20 14v8H26z',
        RED,
      ),
      path('M56 52l9-12c1-2 3-2 5-2h8v14zM82 38h11c3 0 5 1 7 3l9 11H82z', '#cfe6ee'),
      rect(26, 66, 108, 8, '#a83a2a', 3),
      rect(24, 70, 112, 3.5, STEEL, 2),
      circle(50, 74, 11, INK),
      circle(110, 74, 11, INK),
      circle(50, 74, 5.5, STEEL),
      circle(110, 74, 5.5, STEEL),
      circle(129, 61, 3.4, '#ffe9a8'),
      line('M86 57h6', IVORY, 1.6),
    ],
  },
  radio: {
    hue: 284,
    shapes: [
      path('M40 83V46c0-20 14-32 40-32s40 12 40 32v37z', WOOD_DARK),
      path('M45 79V47c0-17 12-28 35-28s35 11 35 28v32z', WOOD),
      path('M54 54V45c0-11 10-18 26-18s26 7 26 18v9z', '#4a2a14'),
      line('M62 32v21M70 29v24M80 28v25M90 29v24M98 32v21', BRASS, 2.2),
      rect(58, 59, 44, 8, IVORY, 2),
      line('M64 61v4M72 61v4M88 61v4M96 61v4', WOOD_DARK, 0.9),
      line('M80 59v8', RED, 1.4),
      circle(62, 74, 4, BRASS),
      circle(98, 74, 4, BRASS),
      circle(80, 74, 3, BRASS),
    ],
  },
};

function path(d: string, fill: string): Shape {
  return ['path', { d, fill }];
}

function line(d: string, stroke: string, width: number): Shape {
  const round = { 'stroke-linecap': 'round', 'stroke-linejoin': 'round' };
  return ['path', { d, fill: 'none', stroke, 'stroke-width': width, ...round }];
}

function rect(x: number, y: number, width: number, height: number, fill: string, rx = 0): Shape {
  return ['rect', { x, y, width, height, fill, rx }];
}

function circle(cx: number, cy: number, r: number, fill: string): Shape {
  return ['circle', { cx, cy, r, fill }];
}

function ring(cx: number, cy: number, r: number, stroke: string, width: number): Shape {
  return ['circle', { cx, cy, r, fill: 'none', stroke, 'stroke-width': width }];
}

function ellipse(cx: number, cy: number, rx: number, ry: number, fill: string): Shape {
  return ['ellipse', { cx, cy, rx, ry, fill }];
}

/** A row of round keys. */
function dots(x: number, y: number, count: number, step: number): Shape {
  const starts = Array.from({ length: count }, (_, index) => `M${x + index * step} ${y}h0`);
  return line(starts.join(''), IVORY, 4.2);
}
