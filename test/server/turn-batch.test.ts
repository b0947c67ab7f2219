import { queryObjects } from 'node:v8';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TurnBatch, type BatchNode, type BatchRecipient } from '../../server/turn-batch.ts';

class Sink implements BatchRecipient {
  batch: BatchNode | null = null;
  readonly writes: Buffer[] = [];
  frames = 0;

  /** False: the kernel takes nothing for now, and the sink holds on to what it was given, as a socket does. */
  isTaking = false;

  write(bytes: Buffer, frames: number): boolean {
    this.writes.push(this.isTaking ? Buffer.from(bytes) : bytes);
    this.frames += frames;
    return this.isTaking;
  }

  get text(): string {
    return Buffer.concat(this.writes).toString();
  }
}

/** Somebody of whom nobody but the batch knows. */
class Passer implements BatchRecipient {
  batch: BatchNode | null = null;

  write(): boolean {
    return true;
  }
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

test('what one turn owes leaves in one write, at the end of the turn', async () => {
  const batch = new TurnBatch();
  const sink = new Sink();
  for (const letter of 'abc') batch.append(sink, Buffer.from(letter));
  expect(sink.writes).toEqual([]);
  await turn();
  expect(sink.writes.map(String)).toEqual(['abc']);
  batch.append(sink, Buffer.from('d'));
  await turn();
  expect(sink.writes.map(String)).toEqual(['abc', 'd']);
});

test('a single frame is written as it is, and equal sequences share their bytes', () => {
  const batch = new TurnBatch();
  const [one, two, three] = [new Sink(), new Sink(), new Sink()];
  const [a, b] = [Buffer.from('a'), Buffer.from('b')];
  for (const sink of [one, two, three]) batch.append(sink, a);
  for (const sink of [one, two]) batch.append(sink, b);
  batch.flush();
  expect(three.writes[0]).toBe(a);
  expect(String(one.writes[0])).toBe('ab');
  expect(two.writes[0]).toBe(one.writes[0]);
});

test('flushing one recipient early keeps its order and leaves the others', () => {
  const batch = new TurnBatch();
  const [one, two] = [new Sink(), new Sink()];
  const a = Buffer.from('a');
  batch.append(one, a);
  batch.append(two, a);
  batch.flushOne(one);
  expect([one.text, two.text]).toEqual(['a', '']);
  batch.append(one, Buffer.from('b'));
  batch.flush();
  expect([one.text, two.text]).toEqual(['ab', 'a']);
});

test('under steady load, where some always wait, nobody is held on to who was written', () => {
  const batch = new TurnBatch();
  const frame = Buffer.from('a');
  const arrive = (count: number): void => {
    for (let at = 0; at < count; at += 1) batch.append(new Passer(), frame, 'bulk');
  };
  const waiting = 30;
  arrive(waiting);
  for (let round = 0; round < 100; round += 1) {
    arrive(10);
    batch.flush(10);
  }
  // As many again as wait, at most, and those of one round.
  expect(queryObjects(Passer)).toBeLessThanOrEqual(2 * waiting + 10);
  expect(queryObjects(Passer)).toBeGreaterThanOrEqual(waiting);
});

test('law: each recipient gets exactly its own frames, in its order, shared, private and immediate ones mixed', () => {
  const step = fc.record({
    to: fc.integer({ min: 0, max: 4 }),
    frame: fc.integer({ min: 0, max: 5 }),
    how: fc.constantFrom('shared', 'shared', 'shared', 'private', 'now', 'flushOne', 'flush'),
    isTaking: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const batch = new TurnBatch();
      const sinks = Array.from({ length: 5 }, () => new Sink());
      const expected = sinks.map(() => '');
      const counts = sinks.map(() => 0);
      // Two of them make a third need a new block of memory.
      const shared = ['<0>', '<1>', '<2>', '<3>', '4'.repeat(100_000), '5'.repeat(100_000)].map(
        (text) => Buffer.from(text),
      );
      for (const { to, frame, how, isTaking } of steps) {
        const sink = sinks[to];
        const bytes = shared[frame];
        if (sink === undefined || bytes === undefined) throw new Error('out of range');
        sink.isTaking = isTaking;
        if (how === 'flush') batch.flush();
        else if (how === 'flushOne') batch.flushOne(sink);
        else {
          const owed = how === 'shared' ? bytes : Buffer.from(`[${String(frame)}]`);
          if (how === 'shared') batch.append(sink, owed);
          else if (how === 'private') batch.appendPrivate(sink, owed);
          else batch.writeNow(sink, [owed, bytes]);
          const owedNow = how === 'now' ? `${owed.toString()}${bytes.toString()}` : owed.toString();
          expected[to] = `${expected[to] ?? ''}${owedNow}`;
          counts[to] = (counts[to] ?? 0) + (how === 'now' ? 2 : 1);
        }
      }
      batch.flush();
      expect(sinks.map((sink, at) => sink.text === expected[at])).toEqual(sinks.map(() => true));
      expect(sinks.map((sink) => sink.frames)).toEqual(counts);
    }),
  );
});
