/** An invented night of hockey: score, play and slate topics with goals, corrections and removals. */

const TEAMS = {
  BOS: 'Bruins',
  FLA: 'Panthers',
  TOR: 'Maple Leafs',
  NYR: 'Rangers',
  COL: 'Avalanche',
  VGK: 'Golden Knights',
  EDM: 'Oilers',
  SEA: 'Kraken',
};
const PERIOD_MS = 1_200_000;
const KINDS = ['Shot on goal', 'Face-off', 'Hit', 'Blocked shot', 'Missed shot', 'Giveaway', 'Takeaway'];

export class Hockey {
  constructor(log, random) {
    this.log = log;
    this.random = random;
    this.games = [
      this.game('2024020033', 'FLA', 'BOS', {
        phase: 'live',
        ms: 754_000,
        period: 2,
        running: true,
        score: [2, 1],
      }),
      this.game('2024020034', 'NYR', 'TOR', {
        phase: 'live',
        ms: 88_000,
        period: 3,
        running: true,
        score: [3, 3],
      }),
      this.game('2024020035', 'VGK', 'COL', {
        phase: 'break',
        ms: 0,
        period: 1,
        breakMs: 585_000,
        score: [0, 1],
      }),
      this.game('2024020036', 'SEA', 'EDM', {
        phase: 'scheduled',
        ms: null,
        period: null,
        score: [null, null],
      }),
    ];
    for (const game of this.games) this.publish(game);
    for (const game of this.games.slice(0, 3))
      for (let n = 0; n < 8; n++) this.play(game, this.ordinary(game));
    log.publish('feed.nhl', { source: 'nhl', state: 'live', gaps: 0 });
  }

  game(id, away, home, rest) {
    return { id, away, home, order: 0, plays: [], asof: Date.now(), ...rest };
  }

  step(n) {
    const live = this.games.filter(({ phase }) => phase === 'live');
    for (const game of this.games) this.tick(game);
    const game = live[n % live.length];
    if (n % 3 === 0) this.score(game);
    else this.play(game, this.ordinary(game));
    if (n % 5 === 0) this.edit(game);
    if (n % 7 === 0) this.remove(game);
    this.log.mark('score.nhl.2024020035', n % 12 > 6);
    for (const each of this.games) this.publish(each);
  }

  tick(game) {
    const gone = Date.now() - game.asof;
    game.asof = Date.now();
    if (game.phase === 'live') game.ms = game.ms > gone ? game.ms - gone : PERIOD_MS;
    if (game.phase === 'break') game.breakMs = game.breakMs > gone ? game.breakMs - gone : 900_000;
  }

  score(game) {
    const home = this.random() < 0.5 ? 1 : 0;
    game.score = game.score.map((goals, side) => goals + (side === home ? 1 : 0));
    const team = home ? game.home : game.away;
    const text = `Goal: ${TEAMS[team]} make it ${game.score.join(' – ')}`;
    this.play(game, {
      type: 'goal',
      team,
      text,
      scoring: true,
      home_score: game.score[1],
      away_score: game.score[0],
    });
  }

  ordinary(game) {
    const team = this.random() < 0.5 ? game.home : game.away;
    const text = `${KINDS[Math.floor(this.random() * KINDS.length)]} by ${TEAMS[team]}`;
    return { type: 'other', team, text, scoring: false };
  }

  play(game, fields) {
    const id = String(++game.order + 100);
    const clock = { ms: game.ms ?? 0, dir: 'down' };
    const play = {
      id,
      order: game.order,
      rev: 0,
      action: 'add',
      period: period(game.period),
      clock,
      ...fields,
    };
    game.plays.push(play);
    this.log.event(`play.nhl.${game.id}`, play);
  }

  edit(game) {
    const play = game.plays.at(-2);
    if (!play) return;
    Object.assign(play, { rev: play.rev + 1, text: `${play.text} (reviewed)` });
    this.log.event(`play.nhl.${game.id}`, { ...play, action: 'edit' });
  }

  remove(game) {
    const [play] = game.plays.splice(-3, 1);
    if (play)
      this.log.event(`play.nhl.${game.id}`, {
        id: play.id,
        order: play.order,
        rev: play.rev + 1,
        action: 'remove',
      });
  }

  publish(game) {
    const { id, phase, ms, breakMs, score } = game;
    const side = (abbr, goals) => clean({ id: abbr, abbr, name: TEAMS[abbr], score: goals });
    const running = phase === 'live' && game.running;
    this.log.publish(
      `score.nhl.${id}`,
      clean({
        game_id: `nhl:${id}`,
        league: 'nhl',
        phase,
        start: '2024-10-12T23:00:00Z',
        period: game.period ? period(game.period) : null,
        clock: ms === null ? null : { ms: Math.round(ms), dir: 'down', running },
        break_ms: phase === 'break' ? Math.round(breakMs) : null,
        away: side(game.away, score[0]),
        home: side(game.home, score[1]),
        final: phase === 'final',
      }),
    );
  }
}

function period(n) {
  return { n, type: 'REG', label: `P${n}` };
}

/** Null means absent. */
function clean(object) {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== null && value !== undefined),
  );
}
