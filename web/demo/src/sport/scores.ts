/** The score board: a card per `score.nhl.*` topic, with clocks that run between the messages. */

import type { Client, JsonObject, TopicState } from '@fanwire/client';
import { byId, perFrame, setText } from '../dom.ts';
import { ScoreCard } from './card.ts';

export const SCORES = 'score.nhl.*';
const PREFIX = 'score.nhl.';
const CLOCK_STEP_MS = 250;
/** What is being played comes first. */
const ORDER = ['live', 'break', 'delayed', 'suspended', 'pregame', 'scheduled', 'final'];

export class ScoreBoard {
  private readonly cards = new Map<string, ScoreCard>();
  private readonly redraw = perFrame(() => this.draw());
  private chosen?: string;

  constructor(
    private readonly client: Client,
    private readonly choose: (id: string, title: string) => void,
  ) {
    client.on('snapshot', ({ state, message }) => this.update(state, message.data as JsonObject, message.ts));
    client.on('delta', ({ state, message }) => this.update(state, message.data, message.ts));
    client.on('mark', ({ state }) => this.update(state, {}, undefined));
    client.on('gone', ({ topic }) => this.remove(topic));
    setInterval(() => this.drawClocks(), CLOCK_STEP_MS);
  }

  private update(state: TopicState, changed: JsonObject, ts: number | undefined): void {
    if (!state.topic.startsWith(PREFIX)) return;
    const id = state.topic.slice(PREFIX.length);
    const card = this.cards.get(id) ?? this.add(id);
    const saysClock = 'clock' in changed || 'break_ms' in changed;
    card.update(state, saysClock ? (ts ?? this.client.serverNow()) : undefined);
    this.redraw();
  }

  private add(id: string): ScoreCard {
    const card = new ScoreCard(id);
    this.cards.set(id, card);
    card.root.addEventListener('click', () => this.pick(card));
    return card;
  }

  private remove(topic: string): void {
    if (!topic.startsWith(PREFIX)) return;
    const id = topic.slice(PREFIX.length);
    this.cards.get(id)?.root.remove();
    this.cards.delete(id);
    if (this.chosen === id) this.chosen = undefined;
    this.redraw();
  }

  private pick(card: ScoreCard): void {
    this.chosen = card.id;
    this.choose(card.id, card.title);
    this.redraw();
  }

  private draw(): void {
    const cards = [...this.cards.values()].sort((a, b) => rank(a) - rank(b) || a.id.localeCompare(b.id));
    if (this.chosen === undefined && cards[0]) this.pick(cards[0]);
    const now = this.client.serverNow();
    for (const card of cards) card.draw(now, card.id === this.chosen);
    arrange(
      byId('scores'),
      cards.map(({ root }) => root),
    );
    const live = cards.filter(({ phase }) => phase === 'live').length;
    setText(byId('scores-note'), `${cards.length} games, ${live} live`);
  }

  private drawClocks(): void {
    const now = this.client.serverNow();
    for (const card of this.cards.values()) card.drawClock(now);
  }
}

function rank({ phase }: ScoreCard): number {
  const at = ORDER.indexOf(phase);
  return at < 0 ? ORDER.length : at;
}

/** Why not always: moving an element takes the focus from it. */
function arrange(host: HTMLElement, wanted: HTMLElement[]): void {
  if (wanted.some((element, n) => host.children[n] !== element)) host.replaceChildren(...wanted);
}
