/** The clock of a game between two messages. Pure: the time is an argument. */

import { formatClock } from '../format.ts';

export interface GameClock {
  ms?: number;
  dir?: 'down' | 'up' | 'none';
  running?: boolean;
}

export interface Score {
  phase?: string;
  start?: string;
  period?: { n?: number; label?: string; type?: string };
  clock?: GameClock;
  break_ms?: number;
  home?: Side;
  away?: Side;
  detail?: string;
}

export interface Side {
  abbr?: string;
  name?: string;
  score?: number;
}

/** `elapsedMs`: since the state was true. */
export function clockMs({ ms = 0, dir = 'down', running }: GameClock, elapsedMs: number): number {
  if (!running || dir === 'none') return ms;
  return Math.max(0, dir === 'up' ? ms + elapsedMs : ms - elapsedMs);
}

const PHASES: Record<string, string> = {
  scheduled: 'Scheduled',
  pregame: 'Pre-game',
  final: 'Final',
  live: 'Live',
};

/** What stands above the teams: `P2 12:34`, `Intermission 9:45`, `Final`. */
export function statusText(score: Score, elapsedMs: number): string {
  const { phase = 'unknown', period, clock, break_ms: breakMs } = score;
  const label = period?.label ?? '';
  if (phase === 'break') {
    const left = breakMs === undefined ? '' : ` ${formatClock(breakMs - elapsedMs)}`;
    return `${label} Intermission${left}`.trim();
  }
  if (phase === 'live' && clock?.ms !== undefined)
    return `${label} ${formatClock(clockMs(clock, elapsedMs))}`.trim();
  if (phase === 'scheduled' && score.start) return startText(score.start);
  if (phase === 'final' && /^(OT|SO)/.test(label)) return `Final/${label}`;
  return PHASES[phase] ?? capital(phase);
}

function startText(start: string): string {
  const time = new Date(start);
  return Number.isNaN(time.getTime()) ? 'Scheduled' : `${time.toISOString().slice(11, 16)} UTC`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
