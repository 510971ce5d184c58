import { describe, expect, test } from 'vitest';
import type { Append, Delta, Event, Snap, TopicMessage } from '../src/message.ts';
import { TopicStore } from '../src/store.ts';

const STATE = 'quote.x.A';
const EVENTS = 'play.x.1';

function held(...messages: TopicMessage[]): TopicStore {
  const store = new TopicStore(5);
  store.epoch = 'e1';
  for (const message of messages) store.apply(message);
  return store;
}

const snap = (seq: number, data: Snap['data'], more: Partial<Snap> = {}): Snap => ({
  t: 'snap',
  topic: Array.isArray(data) ? EVENTS : STATE,
  seq,
  data,
  ...more,
});
const delta = (seq: number, data: Delta['data'], from?: number): Delta => ({
  t: 'delta',
  topic: STATE,
  seq,
  from,
  data,
});
const append = (from: number, seq: number, ...ids: string[]): Append => ({
  t: 'append',
  topic: EVENTS,
  from,
  seq,
  data: named(ids),
});
const mark = (seq: number, stale: boolean): TopicMessage => ({ t: 'mark', topic: STATE, seq, stale });
const gone = (seq: number): TopicMessage => ({ t: 'gone', topic: STATE, seq });
const named = (ids: string[]): Event[] => ids.map((id) => ({ id }));

describe('a state topic held at seq 41 as {bid:1, ask:2}', () => {
  const rows: [string, TopicMessage, string, number | undefined, unknown][] = [
    ['the next delta applies', delta(42, { bid: 3 }), 'delta', 42, { bid: 3, ask: 2 }],
    ['a delta removes', delta(42, { bid: null }), 'delta', 42, { ask: 2 }],
    ['a delta that skips one is a gap', delta(43, { bid: 3 }), 'gap', 41, { bid: 1, ask: 2 }],
    ['a delta from our seq applies', delta(45, { bid: 3 }, 41), 'delta', 45, { bid: 3, ask: 2 }],
    ['a delta from an older seq cannot be applied', delta(45, { bid: 3 }, 40), 'gap', 41, { bid: 1, ask: 2 }],
    ['a delta from a newer seq is a gap', delta(45, { bid: 3 }, 43), 'gap', 41, { bid: 1, ask: 2 }],
    ['our own seq again is ignored', delta(41, { bid: 9 }), 'duplicate', 41, { bid: 1, ask: 2 }],
    ['an older seq is ignored', delta(12, { bid: 9 }), 'duplicate', 41, { bid: 1, ask: 2 }],
    ['a newer snapshot replaces', snap(50, { last: 7 }), 'snapshot', 50, { last: 7 }],
    ['a re-base replaces', snap(42, { last: 7 }, { why: 'reset' }), 'snapshot', 42, { last: 7 }],
    ['an older snapshot is ignored', snap(40, { last: 7 }), 'duplicate', 41, { bid: 1, ask: 2 }],
    ['a mark touches no data', mark(41, true), 'mark', 41, { bid: 1, ask: 2 }],
    ['an old mark is ignored', mark(40, true), 'duplicate', 41, { bid: 1, ask: 2 }],
    ['a mark of a seq not seen is a gap', mark(44, true), 'gap', 41, { bid: 1, ask: 2 }],
    ['gone deletes', gone(42), 'gone', undefined, undefined],
    ['an old gone is ignored', gone(30), 'duplicate', 41, { bid: 1, ask: 2 }],
    ['an append does not fit', { ...append(41, 42, 'a'), topic: STATE }, 'gap', 41, { bid: 1, ask: 2 }],
  ];
  test.each(rows)('%s', (_, message, kind, seq, data) => {
    const store = held(snap(41, { bid: 1, ask: 2 }));
    expect(store.apply(message).kind).toBe(kind);
    expect(store.get(STATE)?.seq).toBe(seq);
    expect(store.get(STATE)?.data).toEqual(data);
  });

  test('a delta keeps the mark, a snapshot sets it', () => {
    const store = held(snap(41, { bid: 1 }), mark(41, true), delta(42, { bid: 2 }));
    expect(store.get(STATE)?.stale).toBe(true);
    store.apply(snap(42, { bid: 2 }));
    expect(store.get(STATE)?.stale).toBe(false);
  });
});

describe('a topic that is not held', () => {
  const rows: [TopicMessage, string][] = [
    [delta(42, { bid: 3 }), 'gap'],
    [append(0, 1, 'a'), 'gap'],
    [mark(1, true), 'gap'],
    [gone(1), 'duplicate'],
    [snap(1, {}, { why: 'born' }), 'snapshot'],
    [snap(1, [], { why: 'born' }), 'snapshot'],
  ];
  test.each(rows)('%j is a %s', (message, kind) => expect(held().apply(message).kind).toBe(kind));

  test('what led to an end that a resume tells again is ignored, until a cursor covers it', () => {
    const store = held(snap(41, { bid: 1 }), gone(43));
    expect(store.apply(delta(42, { bid: 2 })).kind).toBe('duplicate');
    expect(store.apply(gone(43)).kind).toBe('duplicate');
    expect(store.get(STATE)).toBeUndefined();
    store.covered();
    expect(store.apply(delta(43, { bid: 2 })).kind).toBe('gap');
  });

  test('a name born again starts from its snapshot', () => {
    const store = held(snap(41, { bid: 1 }), gone(42));
    expect(store.apply(delta(43, { bid: 2 })).kind).toBe('gap');
    expect(store.apply(snap(90, { bid: 5 }, { why: 'born', o: 90 })).kind).toBe('snapshot');
    expect(store.apply(delta(91, { ask: 6 })).kind).toBe('delta');
    expect(store.get(STATE)?.data).toEqual({ bid: 5, ask: 6 });
  });
});

describe('an event topic held through seq 10 as a, b', () => {
  const rows: [string, TopicMessage, string, number, string, string][] = [
    ['the next events', append(10, 12, 'c', 'd'), 'append', 12, 'abcd', 'cd'],
    ['events that overlap', append(9, 12, 'b', 'c', 'd'), 'append', 12, 'abcd', 'cd'],
    ['events all seen', append(8, 10, 'a', 'b'), 'duplicate', 10, 'ab', ''],
    ['events after a gap', append(11, 12, 'd'), 'gap', 10, 'ab', ''],
    ['a snapshot that overlaps', snap(12, named(['b', 'c', 'd']), { from: 9 }), 'snapshot', 12, 'abcd', 'cd'],
    ['a snapshot that joins', snap(11, named(['c']), { from: 10 }), 'snapshot', 11, 'abc', 'c'],
    ['a snapshot at our seq', snap(10, named(['a', 'b'])), 'snapshot', 10, 'ab', ''],
    [
      'a snapshot after a loss',
      snap(20, named(['x', 'y']), { from: 18, lost: 8 }),
      'snapshot',
      20,
      'xy',
      'xy',
    ],
    ['a re-base', snap(11, named(['x']), { from: 10, why: 'reset' }), 'snapshot', 11, 'x', 'x'],
    ['more than is kept', append(10, 14, 'c', 'd', 'e', 'f'), 'append', 14, 'bcdef', 'cdef'],
  ];
  test.each(rows)('%s', (_, message, kind, seq, list, fresh) => {
    const store = held(snap(10, named(['a', 'b']), { from: 8 }));
    const outcome = store.apply(message);
    expect(outcome.kind).toBe(kind);
    expect(store.get(EVENTS)?.seq).toBe(seq);
    expect(ids(store.get(EVENTS)?.events)).toBe(list);
    if ('fresh' in outcome) expect(ids(outcome.fresh)).toBe(fresh);
  });

  test('edits and removals act by id', () => {
    const store = held(snap(10, named(['a', 'b', 'c']), { from: 7 }));
    const data: Event[] = [
      { id: 'b', action: 'edit', text: 'new' },
      { id: 'a', action: 'remove' },
      { id: 'nobody', action: 'remove' },
      { id: 'd', action: 'add' },
    ];
    store.apply({ t: 'append', topic: EVENTS, from: 10, seq: 14, data });
    expect(ids(store.get(EVENTS)?.events)).toBe('bcd');
    expect(store.get(EVENTS)?.events[0]?.text).toBe('new');
  });
});

const ids = (events: readonly Event[] = []) => events.map((event) => event.id).join('');

describe('another epoch', () => {
  test.each([
    ['a delta, though its seq follows', delta(42, { bid: 3 }), 'gap'],
    ['a mark', mark(41, true), 'gap'],
    ['a snapshot of a lower seq', snap(3, { last: 1 }), 'snapshot'],
  ] as [string, TopicMessage, string][])('%s is a %3$s', (_, message, kind) => {
    const store = held(snap(41, { bid: 1 }));
    store.epoch = 'e2';
    expect(store.apply(message).kind).toBe(kind);
  });

  test('its events replace ours', () => {
    const store = held(snap(10, named(['a', 'b']), { from: 8 }));
    store.epoch = 'e2';
    expect(store.apply(snap(11, named(['x']), { from: 10 }))).toMatchObject({ replaced: true });
    expect(ids(store.get(EVENTS)?.events)).toBe('x');
  });
});

describe('a round of snapshots', () => {
  const two = () => held(snap(1, {}), snap(1, [], { topic: 'trade.x.B' }));

  test('full: topics not named since are dropped', () => {
    const store = two();
    store.beginRound();
    store.apply(snap(5, { bid: 1 }, { why: 'resume' }));
    expect(store.endRound(true)).toEqual(['trade.x.B']);
    expect([...store.all()].map(({ topic }) => topic)).toEqual([STATE]);
  });

  test.each([
    ['not full', true, false],
    ['no round begun', false, true],
  ])('%s: nothing is dropped', (_, begin, full) => {
    const store = two();
    if (begin) store.beginRound();
    expect(store.endRound(full)).toEqual([]);
  });
});
