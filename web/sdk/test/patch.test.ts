import { describe, expect, test } from 'vitest';
import type { Json } from '../src/message.ts';
import { mergePatch } from '../src/patch.ts';

/** RFC 7396, appendix A: original, patch, result. */
const APPENDIX: [Json, Json, Json][] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

describe('merge patch', () => {
  test.each(APPENDIX)('%j + %j = %j', (original, patch, result) => {
    const before = structuredClone(original);
    expect(mergePatch(original, patch)).toEqual(result);
    expect(original).toEqual(before);
  });

  test('what is not touched is shared', () => {
    const original = { bids: { '1': 2 }, asks: { '3': 4 } };
    const merged = mergePatch(original, { bids: { '1': 5 } }) as typeof original;
    expect(merged.asks).toBe(original.asks);
  });

  test('a key named __proto__ is a key like any other', () => {
    const patch = JSON.parse('{"__proto__":{"stolen":true}}') as Json;
    const merged = mergePatch({}, patch) as { stolen?: boolean };
    expect(merged.stolen).toBeUndefined();
    expect(JSON.stringify(merged)).toBe('{"__proto__":{"stolen":true}}');
  });
});
