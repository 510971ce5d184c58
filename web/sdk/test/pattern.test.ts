import { expect, test } from 'vitest';
import { formatCursor, parseCursor } from '../src/cursor.ts';
import { matches } from '../src/pattern.ts';

test.each([
  ['score.nhl.*', 'score.nhl.1', true],
  ['score.nhl.*', 'score.nhl', false],
  ['score.nhl.*', 'score.nhl.1.2', false],
  ['score.>', 'score.nhl.1', true],
  ['score.>', 'score', false],
  ['>', 'a', true],
  ['*.b', 'a.b', true],
  ['a.b', 'a.b', true],
  ['a.b', 'a.c', false],
  ['a.*.>', 'a.b', false],
])('%s covers %s: %s', (pattern, topic, yes) => expect(matches(pattern, topic)).toBe(yes));

test.each([
  ['k3f9:805', { epoch: 'k3f9', offset: 805 }],
  ['805', undefined],
  [':805', undefined],
  ['k3f9:', undefined],
  ['k3f9:x', undefined],
])('the cursor %s', (text, cursor) => {
  expect(parseCursor(text)).toEqual(cursor);
  if (cursor) expect(formatCursor(cursor)).toBe(text);
});
