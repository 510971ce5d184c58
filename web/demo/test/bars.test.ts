import type { Bar, JsonObject } from '@fanwire/client';
import { describe, expect, test } from 'vitest';
import { BarLine } from '../src/market/bars.ts';

const bar = (t: number, c: number): Bar => ({ t, o: 1, h: 9, l: 0, c, v: 1, n: 1 });
const live = (...bars: Bar[]) =>
  Object.fromEntries(bars.map(({ t, ...rest }) => [t, rest])) as unknown as JsonObject;
const closes = (line: BarLine) => line.sorted().map(({ t, c }) => [t, c]);

describe('history and live state joined', () => {
  test('the live state lies on top of an older history', () => {
    const line = new BarLine();
    line.setLive('e', 20, live(bar(60, 5), bar(120, 6)));
    line.setHistory('e', { seq: 18, data: [bar(0, 1), bar(60, 2)] });
    expect(closes(line)).toEqual([
      [0, 1],
      [60, 5],
      [120, 6],
    ]);
  });

  test('a newer history wins until the live topic has caught up', () => {
    const line = new BarLine();
    line.setLive('e', 20, live(bar(60, 5)));
    line.setHistory('e', { seq: 22, data: [bar(60, 7), bar(120, 8)] });
    expect(line.setLive('e', 21, live(bar(60, 6)))).toEqual([]);
    expect(closes(line)).toEqual([
      [60, 7],
      [120, 8],
    ]);
    expect(line.setLive('e', 22, live(bar(60, 7), bar(120, 8)))).toEqual([]);
    expect(line.setLive('e', 23, live(bar(60, 7), bar(120, 9)))).toEqual([bar(120, 9)]);
  });

  test('seqs of another epoch do not hold the live state back', () => {
    const line = new BarLine();
    line.setHistory('e', { seq: 900, data: [bar(60, 7)] });
    expect(line.setLive('f', 3, live(bar(60, 8)))).toEqual([bar(60, 8)]);
  });

  test('a bar that leaves the live state stays', () => {
    const line = new BarLine();
    line.setLive('e', 1, live(bar(0, 1), bar(60, 2)));
    line.setLive('e', 2, live(bar(60, 2), bar(120, 3)));
    expect(line.count).toBe(3);
  });

  test('a correction redraws its bar, a bar put in between redraws all', () => {
    const line = new BarLine();
    line.setLive('e', 1, live(bar(0, 1), bar(120, 2)));
    expect(line.setLive('e', 2, live(bar(0, 4), bar(120, 2)))).toEqual([bar(0, 4)]);
    expect(line.setLive('e', 3, live(bar(0, 4), bar(60, 1), bar(120, 2)))).toBe('all');
  });

  test.each([
    ['overlaps', [bar(60, 1), bar(120, 1)], true],
    ['begins after the last bar held', [bar(120, 1)], false],
    ['is empty', [], true],
  ])('a live state that %s: %3$s', (_, bars, joins) => {
    const line = new BarLine();
    line.setHistory('e', { seq: 1, data: [bar(60, 1)] });
    expect(line.joins(live(...bars))).toBe(joins);
  });
});
