/**
 * The mock's log and snapshots: just enough of protocol v1 for the SDK and the page to be tested against.
 * It shares no code with the SDK, so that a misreading in one shows in the other.
 */

const EVENTS_MAX = { trade: 50, play: 1000 };

export class Log {
  constructor(epoch, entriesMax = 5000) {
    this.epoch = epoch;
    this.entriesMax = entriesMax;
    this.head = 800;
    this.entries = [];
    this.topics = new Map();
    this.readers = new Set();
    this.goneEvicted = 0;
    /** Offset of the newest evicted entry, by topic. */
    this.evicted = new Map();
  }

  get cursor() {
    return `${this.epoch}:${this.head}`;
  }

  /** Publishes the whole state of a state topic; only the difference goes out. */
  publish(topic, state, te) {
    const held = this.topics.get(topic);
    if (!held) return this.bear(topic, 'state', state, te);
    const patch = diff(held.data, state);
    if (patch === undefined) return;
    held.data = structuredClone(state);
    this.append(held, { t: 'delta', data: patch, te }, 1);
  }

  event(topic, event, te) {
    const held = this.topics.get(topic);
    if (!held) return this.bear(topic, 'event', [event], te);
    held.data = [...held.data, event].slice(-(EVENTS_MAX[topic.split('.')[0]] ?? 100));
    this.append(held, { t: 'append', from: held.seq, data: [event], te }, 1);
  }

  mark(topic, stale) {
    const held = this.topics.get(topic);
    if (!held || held.stale === stale) return;
    held.stale = stale;
    this.append(held, { t: 'mark', stale }, 0);
  }

  /** A re-base, as after a lost sync. */
  reset(topic, data, lost) {
    const held = this.topics.get(topic);
    held.data = structuredClone(data);
    held.ts = Date.now();
    held.seq++;
    this.push(held, { ...this.snapshot(held, 'reset'), lost });
  }

  retire(topic) {
    const held = this.topics.get(topic);
    if (!held) return;
    this.append(held, { t: 'gone' }, 1);
    this.topics.delete(topic);
  }

  bear(topic, kind, data, te) {
    const seq = this.head + 1;
    const held = { topic, kind, seq, data: structuredClone(data), stale: false, ts: Date.now(), te };
    this.topics.set(topic, held);
    this.push(held, this.snapshot(held, 'born'));
  }

  append(held, fields, seqStep) {
    held.seq += seqStep;
    held.ts = Date.now();
    held.te = fields.te;
    const { t, ...rest } = fields;
    this.push(held, { t, topic: held.topic, seq: held.seq, ts: held.ts, ...rest });
  }

  push(held, message) {
    const o = ++this.head;
    const entry = { o, topic: held.topic, text: JSON.stringify({ ...message, o }), message };
    this.entries.push(entry);
    if (this.entries.length > this.entriesMax) this.evict(this.entries.shift());
    for (const reader of [...this.readers]) reader(entry);
  }

  evict(entry) {
    this.evicted.set(entry.topic, entry.o);
    if (entry.message.t === 'gone') this.goneEvicted = entry.o;
  }

  snapshot(held, why) {
    const { topic, seq, ts, te, data, stale } = held;
    const from = held.kind === 'event' ? seq - data.length : undefined;
    return { t: 'snap', topic, seq, ts, te, why, from, stale: stale || undefined, data };
  }

  matching(patterns) {
    return [...this.topics.values()].filter((held) => patterns.some((p) => matches(p, held.topic)));
  }

  /** What a reader of `patterns` with `cursor` is owed, ended by an `at`. */
  since(patterns, cursor) {
    const [epoch, offset] = cursor ? [cursor.split(':')[0], Number(cursor.split(':')[1])] : [];
    const wanted = this.matching(patterns);
    const at = { t: 'at', cursor: this.cursor };
    if (!cursor) return [...wanted.map((held) => this.snapshot(held, 'subscribe')), at];
    if (epoch !== this.epoch || offset < this.goneEvicted) {
      return [...wanted.map((held) => this.snapshot(held, 'resume')), { ...at, full: true }];
    }
    const behind = (topic) => this.evicted.get(topic) > offset;
    const snaps = wanted.filter(({ topic }) => behind(topic)).map((held) => this.snapshot(held, 'resume'));
    // Of a topic that has died meanwhile and whose entries are partly gone, only its end can be told.
    const tellable = (e) => !behind(e.topic) || (e.message.t === 'gone' && !this.topics.has(e.topic));
    const entries = this.entries.filter(
      (e) => e.o > offset && tellable(e) && patterns.some((p) => matches(p, e.topic)),
    );
    const numbered = (e) => (snaps.length === 0 ? { ...e.message, o: e.o } : e.message);
    return [...snaps, ...entries.map(numbered), at];
  }
}

export function matches(pattern, topic) {
  const [want, have] = [pattern.split('.'), topic.split('.')];
  const tail = want.at(-1) === '>';
  if (tail ? have.length < want.length : have.length !== want.length) return false;
  return want.every((token, at) => token === '*' || token === '>' || token === have[at]);
}

/** The least merge patch from `a` to `b`; `undefined` if they are equal. */
export function diff(a, b) {
  const patch = {};
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const [from, to] = [a[key], b[key]];
    if (to === undefined || to === null) {
      if (from !== undefined) patch[key] = null;
    } else if (isObject(from) && isObject(to)) {
      const inner = diff(from, to);
      if (inner !== undefined) patch[key] = inner;
    } else if (JSON.stringify(from) !== JSON.stringify(to)) {
      patch[key] = to;
    }
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
