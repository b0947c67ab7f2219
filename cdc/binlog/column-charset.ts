/**
 * Text columns are logged in their own character set. This finds it from a collation's id and reads it as a SELECT in
 * UTF-8 would show it.
 */
import iconv from 'iconv-lite';
import { Undecodable } from './byte-reader.ts';

/** Reads a text's bytes. */
export type ReadText = (bytes: Buffer) => string;

/** The character set of binary columns. */
export const BINARY = 'binary';

/** Ids of collations, a character set a line. MySQL counts on from 255 in UTF-8 alone, MariaDB's own begin at 576. */
const COLLATIONS: Readonly<Record<string, string>> = {
  armscii8: '32 64',
  ascii: '11 65',
  big5: '1 84',
  binary: '63',
  cp1250: '26 34 44 66 99',
  cp1251: '14 23 50-52',
  cp1256: '57 67',
  cp1257: '29 58 59',
  cp850: '4 80',
  cp852: '40 81',
  cp866: '36 68',
  cp932: '95 96',
  dec8: '3 69',
  eucjpms: '97 98',
  euckr: '19 85',
  gb18030: '248-250',
  gb2312: '24 86',
  gbk: '28 87',
  geostd8: '92 93',
  greek: '25 70',
  hebrew: '16 71',
  hp8: '6 72',
  keybcs2: '37 73',
  koi8r: '7 74',
  koi8u: '22 75',
  latin1: '5 8 15 31 47-49 94',
  latin2: '2 9 21 27 77',
  latin5: '30 78',
  latin7: '20 41 42 79',
  macce: '38 43',
  macroman: '39 53',
  sjis: '13 88',
  swe7: '10 82',
  tis620: '18 89',
  ucs2: '35 90 128-151 159 640-671',
  ujis: '12 91',
  utf16: '54 55 101-124 672-703',
  utf16le: '56 62',
  utf32: '60 61 160-183 736-767',
  utf8mb3: '33 76 83 192-215 223 576-607',
  utf8mb4: '45 46 224-247 255-575 608-639',
};

/** MariaDB: this bit makes the same collation without padding; the character set is the same. */
const NOPAD_BIT = 0x400;
/** MariaDB's UCA 14.0.0 collations: from here on, 256 ids a character set. */
const UCA1400_FIRST = 2048;
const UCA1400_CHARSETS = ['utf8mb3', 'utf8mb4', 'ucs2', 'utf16', 'utf32'];

const CHARSET_BY_COLLATION = new Map(
  Object.entries(COLLATIONS).flatMap(([charset, ids]) =>
    ids.split(' ').flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, at) => [first + at, charset] as const);
    }),
  ),
);

/** The name of a collation's character set; null for an id that is not known. */
export function charsetOfCollation(id: number): string | null {
  if (id >= UCA1400_FIRST) return UCA1400_CHARSETS[(id - UCA1400_FIRST) >> 8] ?? null;
  return CHARSET_BY_COLLATION.get(id & ~NOPAD_BIT) ?? null;
}

/** Where iconv-lite has another name for it. */
const ENCODINGS: Readonly<Record<string, string>> = {
  ucs2: 'utf16-be',
  utf16: 'utf16-be',
  utf16le: 'utf16-le',
  utf32: 'utf32-be',
  ujis: 'eucjp',
  eucjpms: 'eucjp',
  macce: 'maccenteuro',
};

/** How to read text of a character set; null where that cannot be done exactly. */
export function textReader(charset: string): ReadText | null {
  switch (charset) {
    case 'utf8mb4':
    case 'utf8mb3':
    case 'utf8':
    case 'ascii':
    case BINARY:
      return (bytes) => bytes.toString('utf8');
    case 'latin1': {
      // The server's latin1 is Windows-1252 with its five gaps filled by control characters: as the web has it.
      const decoder = new TextDecoder('windows-1252');
      return (bytes) => decoder.decode(bytes);
    }
    default: {
      const encoding = ENCODINGS[charset] ?? charset;
      if (!iconv.encodingExists(encoding)) return null;
      // A leading U+FEFF is data: the byte order of each of these is fixed.
      return (bytes) => iconv.decode(bytes, encoding, { stripBOM: false });
    }
  }
}

/** As `textReader`, for labels, which must be read whatever it takes. @throws AppError ROW_UNDECODABLE */
export function readLabel(label: Buffer, charset: string): string {
  const read = textReader(charset);
  if (read === null) throw new Undecodable(`has text in the character set ${charset}`);
  return read(label);
}
