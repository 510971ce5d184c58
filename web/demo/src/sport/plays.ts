/** The plays of the chosen game. Unlike the SDK's list it keeps what was removed, struck through, and says what was edited. */

import type { Client, Event, Json } from '@fanwire/client';
import { byId, make, perFrame, setText } from '../dom.ts';
import { formatClock } from '../format.ts';

const ROWS_MAX = 200;

interface Line {
  play: Event;
  mark?: 'edited' | 'removed';
}

export class PlaysPanel {
  private readonly redraw = perFrame(() => this.draw());
  private lines = new Map<string, Line>();
  private topic = '';

  constructor(private readonly client: Client) {
    client.on('snapshot', ({ state, fresh, replaced }) => {
      if (state.topic !== this.topic) return;
      if (replaced) this.lines.clear();
      this.take(fresh);
    });
    client.on('append', ({ state, fresh }) => state.topic === this.topic && this.take(fresh));
  }

  show(id: string, title: string): void {
    const before = this.topic;
    this.topic = `play.nhl.${id}`;
    this.lines.clear();
    this.client.change([this.topic], before ? [before] : []);
    setText(byId('plays-title'), `Plays, ${title}`);
    this.redraw();
  }

  private take(events: Event[]): void {
    for (const event of events) {
      const id = String(event.id ?? event.play_id);
      this.lines.set(id, fold(this.lines.get(id), event));
    }
    this.redraw();
  }

  private draw(): void {
    const lines = [...this.lines.values()].reverse().sort((a, b) => order(b) - order(a));
    byId('plays').replaceChildren(...lines.slice(0, ROWS_MAX).map(row));
    const count = (mark: string) => lines.filter((line) => line.mark === mark).length;
    setText(
      byId('plays-note'),
      `${lines.length} plays, ${count('edited')} edited, ${count('removed')} removed`,
    );
  }
}

function fold(held: Line | undefined, event: Event): Line {
  // A removal may name only the id: what it was stays readable.
  if (event.action === 'remove') return { play: { ...held?.play, ...event }, mark: 'removed' };
  return event.action === 'edit' ? { play: event, mark: 'edited' } : { play: event };
}

function order({ play }: Line): number {
  return typeof play.order === 'number' ? play.order : 0;
}

function row({ play, mark }: Line): HTMLElement {
  const text = make('span', 'text', String(play.text ?? play.type ?? play.id));
  const line = make('li', play.scoring ? 'goal' : '', make('span', 'when', when(play)), text);
  if (mark) {
    line.classList.add(mark);
    line.append(make('span', 'badge', mark));
  }
  return line;
}

function when({ period, clock }: Event): string {
  return `${label(period)} ${timeOf(clock)}`.trim();
}

function label(period: Json | undefined): string {
  if (typeof period === 'number') return `P${period}`;
  return String((period as { label?: string } | undefined)?.label ?? '');
}

function timeOf(clock: Json | undefined): string {
  if (typeof clock === 'string') return clock;
  const ms = (clock as { ms?: number } | undefined)?.ms;
  return ms === undefined ? '' : formatClock(ms);
}
