/** One game on the score board. */

import type { TopicState } from '@fanwire/client';
import { flash, make, setText } from '../dom.ts';
import { type Score, type Side, statusText } from './clock.ts';

type Line = { root: HTMLElement; abbr: HTMLElement; name: HTMLElement; goals: HTMLElement };

export class ScoreCard {
  readonly root = make('button', 'card');
  private readonly status = make('span', 'when');
  private readonly stale = make('span', 'badge', 'stale');
  private readonly away = makeLine();
  private readonly home = makeLine();
  private score: Score = {};
  private isStale = false;
  /** When the clock was true, by the gateway's clock. */
  private clockAt = 0;

  constructor(readonly id: string) {
    this.root.type = 'button';
    this.root.dataset.testid = `score-${id}`;
    this.status.dataset.testid = `clock-${id}`;
    this.root.append(make('span', 'top', this.status, this.stale), this.away.root, this.home.root);
  }

  get phase(): string {
    return this.score.phase ?? 'unknown';
  }

  get title(): string {
    return `${this.score.away?.abbr ?? '?'} at ${this.score.home?.abbr ?? '?'}`;
  }

  /** `clockAt`: given if the message said something about the clock. */
  update(state: TopicState, clockAt: number | undefined): void {
    this.score = state.data as Score;
    this.isStale = state.stale;
    this.clockAt = clockAt ?? this.clockAt;
  }

  draw(now: number, chosen: boolean): void {
    const { away, home, phase } = this.score;
    drawLine(this.away, away);
    drawLine(this.home, home);
    this.root.dataset.phase = phase ?? 'unknown';
    this.root.dataset.score = `${away?.score ?? ''}-${home?.score ?? ''}`;
    this.root.ariaPressed = String(chosen);
    this.stale.hidden = !this.isStale;
    this.drawClock(now);
  }

  /** A stale game's clock stands still: nobody knows whether it runs. */
  drawClock(now: number): void {
    setText(this.status, statusText(this.score, this.isStale ? 0 : Math.max(0, now - this.clockAt)));
  }
}

function makeLine(): Line {
  const [abbr, name, goals] = [make('b', 'abbr'), make('span', 'name'), make('b', 'goals')];
  return { root: make('span', 'team', abbr, name, goals), abbr, name, goals };
}

function drawLine(line: Line, side: Side | undefined): void {
  setText(line.abbr, side?.abbr ?? '–');
  setText(line.name, side?.name ?? '');
  const before = line.goals.textContent;
  const goals = side?.score === undefined ? '' : String(side.score);
  setText(line.goals, goals);
  if (before !== '' && before !== goals) flash(line.root, 'scored');
}
