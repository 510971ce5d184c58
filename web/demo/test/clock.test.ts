import { expect, test } from 'vitest';
import { decimalsOf, formatClock, formatSize } from '../src/format.ts';
import { type Score, statusText } from '../src/sport/clock.ts';

const P2 = { n: 2, label: 'P2' };

test.each<[string, Score, number, string]>([
  [
    'runs down',
    { phase: 'live', period: P2, clock: { ms: 65_000, dir: 'down', running: true } },
    5000,
    'P2 1:00',
  ],
  [
    'runs up',
    { phase: 'live', period: P2, clock: { ms: 65_000, dir: 'up', running: true } },
    5000,
    'P2 1:10',
  ],
  [
    'stands',
    { phase: 'live', period: P2, clock: { ms: 65_000, dir: 'down', running: false } },
    5000,
    'P2 1:05',
  ],
  [
    'ends at zero',
    { phase: 'live', period: P2, clock: { ms: 1000, dir: 'down', running: true } },
    5000,
    'P2 0:00',
  ],
  ['intermission', { phase: 'break', period: P2, break_ms: 600_000 }, 15_000, 'P2 Intermission 9:45'],
  ['final', { phase: 'final', period: { label: 'P3' } }, 0, 'Final'],
  ['final after overtime', { phase: 'final', period: { label: 'OT' } }, 0, 'Final/OT'],
  ['to come', { phase: 'scheduled', start: '2024-10-12T23:00:00Z' }, 0, '23:00 UTC'],
  ['a phase of its own', { phase: 'postponed' }, 0, 'Postponed'],
  ['nothing known', {}, 0, 'Unknown'],
])('the status text: %s', (_, score, elapsedMs, text) => expect(statusText(score, elapsedMs)).toBe(text));

test('numbers', () => {
  expect([65083.7, 1e-8, 100, 0.16234].map(decimalsOf)).toEqual([1, 8, 0, 5]);
  expect([0.1234567, 12345, 2_345_678, 3.2e9].map(formatSize)).toEqual([
    '0.1235',
    '12.35k',
    '2.346M',
    '3.2B',
  ]);
  expect([0, 59_001, 754_000].map(formatClock)).toEqual(['0:00', '1:00', '12:34']);
});
