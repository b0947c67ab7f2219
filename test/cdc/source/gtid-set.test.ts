import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GtidSet, MariadbGtidPosition } from '@vlasky/zongji';
import { gtidAccount } from '../../../cdc/source/gtid-set.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '2c256447-3f0d-431b-9a25-bddf1f1f6ef6';

describe('MySQL', () => {
  test('successors, a lone number, gaps, filled gaps, other sources and tags', () => {
    const account = gtidAccount('mysql', `${A}:1-5`);
    const marks = ['6', '7', '9', '8', '10', 'tag_a:1', 'tag_a:2', '11'].map((end) =>
      account.add(`${A}:${end}`),
    );
    marks.push(account.add(`${B}:1`), account.add(`${B}:2`), account.add(`${A}:12`));
    expect(marks.map((mark) => mark.text())).toEqual([
      `${A}:1-6`,
      `${A}:1-7`,
      `${A}:1-7:9`,
      `${A}:1-9`,
      `${A}:1-10`,
      `${A}:1-10:tag_a:1`,
      `${A}:1-10:tag_a:1-2`,
      `${A}:1-11:tag_a:1-2`,
      `${B}:1,${A}:1-11:tag_a:1-2`,
      `${B}:1-2,${A}:1-11:tag_a:1-2`,
      `${B}:1-2,${A}:1-12:tag_a:1-2`,
    ]);
  });

  test('the largest number a source may reach stays exact', () => {
    const account = gtidAccount('mysql', `${A}:1-9223372036854775805`);
    expect(account.add(`${A}:9223372036854775806`).text()).toBe(`${A}:1-9223372036854775806`);
  });

  test('every mark equals what a set would print, in any order of commits', () => {
    const gtid = fc
      .tuple(
        fc.constantFrom(A, B),
        fc.constantFrom('', 'x:', 'y:'),
        fc.integer({ min: 1, max: 12 }),
      )
      .map(([uuid, tag, number]) => `${uuid}:${tag}${number.toString()}`);
    fc.assert(
      fc.property(fc.array(gtid, { maxLength: 40 }), (gtids) => {
        const account = gtidAccount('mysql', '');
        const set = GtidSet.parse('');
        const seen = gtids.map((each) => {
          set.add(each);
          return { mark: account.add(each), text: set.toString() };
        });
        // Read at the end: a mark must not move with what came after it.
        for (const { mark, text } of seen) expect(mark.text()).toBe(text);
      }),
    );
  });
});

describe('MariaDB', () => {
  test('every mark equals what a position would print', () => {
    const gtid = fc
      .tuple(
        fc.integer({ min: 0, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 99 }),
      )
      .map(([domainId, serverId, seqNo]) => ({ domainId, serverId, seqNo }));
    fc.assert(
      fc.property(fc.array(gtid, { maxLength: 40 }), (gtids) => {
        const account = gtidAccount('mariadb', '2-7-9');
        const position = MariadbGtidPosition.parse('2-7-9');
        const seen = gtids.map((each) => {
          position.add(each);
          const text = `${each.domainId.toString()}-${each.serverId.toString()}-${each.seqNo.toString()}`;
          return { mark: account.add(text), text: position.toString() };
        });
        for (const { mark, text } of seen) expect(mark.text()).toBe(text);
      }),
    );
  });

  test('an unused account prints its seed', () => {
    expect(gtidAccount('mariadb', '1-2-3, 0-1-9').mark().text()).toBe('0-1-9,1-2-3');
    expect(gtidAccount('mysql', '').mark().text()).toBe('');
  });
});
