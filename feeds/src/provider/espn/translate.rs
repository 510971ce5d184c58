//! Pure translation: one scoreboard in, its games out.

use super::message::{Competition, Competitor, Event, Scoreboard, Situation, Status, plain, whole};
use super::sport::Sport;
use super::status;
use crate::model::{Decimal, Object, Value, utc_ms};
use crate::score::{Clock, Diamond, Game, Half, Period, Phase, Position, Side, SlateBody, clock};
use serde_json::value::RawValue;

/// A scoreboard, or one event on its own. `sport`: where an event does not say.
pub(super) fn slate(provider: &str, league: &str, sport: Sport, body: &[u8]) -> Result<SlateBody, serde_json::Error> {
    let alone: &RawValue = serde_json::from_slice(body)?;
    let scoreboard: Scoreboard<'_> = serde_json::from_str(alone.get())?;
    let mut slate = SlateBody::default();
    // A body without events is an event on its own, or nothing of ours: then it is the one that cannot be read.
    for text in scoreboard.events.unwrap_or_else(|| vec![alone]) {
        match serde_json::from_str::<Event<'_>>(text.get()) {
            Ok(event) => match game(provider, league, sport, &event) {
                Some(game) => slate.games.push(game.told()),
                None => slate.ignored += 1,
            },
            Err(error) if text.get().len() == alone.get().len() => return Err(error),
            Err(_) => slate.rejected += 1,
        }
    }
    Ok(slate)
}

/// `None` if it is no game of two sides.
fn game(provider: &str, league: &str, sport: Sport, event: &Event<'_>) -> Option<Game> {
    let sport = event.uid.as_deref().and_then(Sport::by_uid).unwrap_or(sport);
    let [game] = event.competitions.as_deref()? else { return None };
    let [one, other] = game.competitors.as_slice() else { return None };
    let (home, away) = match (one.home_away.as_deref()?, other.home_away.as_deref()?) {
        ("home", "away") => (one, other),
        ("away", "home") => (other, one),
        _ => return None,
    };
    let status = game.status.as_ref().or(event.status.as_ref())?;
    let reading = Reading { sport, game, status, phase: status::phase(&status.kind) };
    let label = reading.label();
    Some(Game {
        id: event.id.as_str().into(),
        game_id: format!("{provider}:{}", event.id),
        league: league.to_owned(),
        season: event.season.as_ref().and_then(|season| season.year),
        start_ms: event.date.as_deref().and_then(utc_ms),
        start_tbd: game.time_valid == Some(false),
        phase: reading.phase,
        is_final: reading.phase.is_result() && status.kind.completed.unwrap_or(true),
        status_native: status::native(&status.kind).to_owned(),
        detail: reading.detail(&label),
        label,
        period: reading.period(),
        clock: reading.clock(),
        break_ms: None,
        home: side(home),
        away: side(away),
        venue: game.venue.as_ref().and_then(|venue| venue.full_name.clone()),
        winner: winner(home, away),
        situation: reading.situation(home, away),
        game_no: None,
        position: reading.position(),
    })
}

/// What the parts of a game's state are read from.
struct Reading<'a> {
    sport: Sport,
    game: &'a Competition<'a>,
    status: &'a Status<'a>,
    phase: Phase,
}

impl Reading<'_> {
    fn short_detail(&self) -> &str {
        self.status.kind.short_detail.as_deref().unwrap_or_default()
    }

    /// Before the game the number is the provider's filler: 0, 1 or none.
    fn period_number(&self) -> Option<i64> {
        self.status.period.filter(|n| *n > 0 && self.phase.has_score())
    }

    /// Only the short detail says it: `Top 8th`.
    fn half(&self) -> Option<Half> {
        let word = self.short_detail().split(' ').next()?;
        Half::of(word).filter(|_| self.sport == Sport::Baseball)
    }

    fn period(&self) -> Option<Period> {
        let n = self.period_number()?;
        let regulation = self.game.format.as_ref().and_then(|format| format.regulation.as_ref()?.periods);
        let (kind, label) = self.sport.period(n, regulation, status::is_shootout(&self.status.kind));
        let half = self.half();
        let label = half.map_or(label, |half| half.label(n));
        Some(Period { n, kind: kind.into(), label, half: half.map(Half::word) })
    }

    /// A final shows filler (`12:00` in the NBA), and a break and a shoot-out have no clock.
    fn clock(&self) -> Option<Clock> {
        let shown = matches!(self.phase, Phase::Live | Phase::Delayed | Phase::Suspended) && self.sport.has_clock();
        if !shown || status::is_shootout(&self.status.kind) {
            return None;
        }
        let ms = clock::seconds_ms(self.status.clock?.get())?;
        Some(Clock { ms, runs_up: self.sport.clock_runs_up(), running: None, added_ms: self.added_ms() })
    }

    /// Of `90'+4'`; the clock itself stands at 90 minutes.
    fn added_ms(&self) -> Option<i64> {
        let (_, added) = self.status.display_clock.as_deref()?.split_once('+')?;
        let minutes: i64 = added.trim_matches('\'').parse().ok()?;
        minutes.checked_mul(60_000)
    }

    fn label(&self) -> String {
        let period = self.period().map(|period| period.label);
        match (self.phase, self.sport, period) {
            (Phase::Live, Sport::Soccer, _) if !self.minute().is_empty() => self.minute(),
            (Phase::Live, Sport::Other, _) => self.short_detail().to_owned(),
            (Phase::Live, _, Some(period)) => period,
            (Phase::Break, _, _) if status::native(&self.status.kind).contains("HALFTIME") => "HT".into(),
            (Phase::Break, _, Some(period)) => format!("END {period}"),
            // `FINAL/OT`, `FT-PENS`: how it ended is only said here.
            (Phase::Final, _, _) if !self.short_detail().is_empty() => self.short_detail().to_uppercase(),
            (Phase::Unknown, _, _) => status::native(&self.status.kind).to_owned(),
            _ => self.phase.label(),
        }
    }

    /// `90+4`; empty in a shoot-out.
    fn minute(&self) -> String {
        let shown = self.status.display_clock.as_deref().filter(|_| !status::is_shootout(&self.status.kind));
        shown.unwrap_or_default().replace('\'', "")
    }

    fn detail(&self, label: &str) -> String {
        let counts_down = self.clock().filter(|clock| !clock.runs_up && self.phase == Phase::Live);
        match (counts_down, self.status.display_clock.as_deref()) {
            (Some(_), Some(shown)) => format!("{label} {shown}"),
            _ => label.to_owned(),
        }
    }

    fn situation(&self, home: &Competitor<'_>, away: &Competitor<'_>) -> Option<Object> {
        let situation = self.game.situation.as_ref().filter(|_| self.phase.is_on())?;
        match self.sport {
            Sport::Baseball => Some(diamond(situation)),
            Sport::Football => Some(downs(situation, home, away)),
            _ => None,
        }
    }

    fn position(&self) -> Option<Position> {
        Position::of(self.phase, self.period_number(), self.progress())
    }

    /// A break counts as one moment.
    fn progress(&self) -> Option<i64> {
        if self.phase == Phase::Break {
            return Some(0);
        }
        if let Some(half) = self.half() {
            let outs = self.game.situation.as_ref().and_then(|situation| situation.outs);
            return Some(half.progress(outs));
        }
        let clock = self.clock()?;
        if clock.runs_up { clock.ms.checked_add(clock.added_ms.unwrap_or(0)) } else { clock.ms.checked_neg() }
    }
}

fn side(competitor: &Competitor<'_>) -> Side {
    let team = competitor.team.as_ref();
    let name = team.and_then(|team| team.display_name.clone());
    let id = team.map(|team| team.id.clone()).unwrap_or_default();
    let abbr = team.and_then(|team| team.abbreviation.clone()).or(name.clone()).unwrap_or(id.clone());
    let score = competitor.score.and_then(whole);
    let text = competitor.score.map(plain).filter(|text| score.is_none() && !text.is_empty() && *text != "null");
    Side {
        id,
        abbr,
        name,
        score,
        score_text: text.map(str::to_owned),
        by_period: if score.is_some() { by_period(competitor) } else { Vec::new() },
        pens: competitor.shootout_score.and_then(whole),
        aggregate: competitor.aggregate_score.and_then(whole),
    }
}

fn by_period(competitor: &Competitor<'_>) -> Vec<Value> {
    let points = competitor.linescores.as_deref().unwrap_or_default().iter();
    let number = |raw: &RawValue| Decimal::parse(plain(raw).as_bytes()).ok().map(Value::from);
    points.map(|points| points.value.and_then(number).unwrap_or(Value::Null)).collect()
}

/// As the provider says, for a shoot-out leaves the scores level.
fn winner(home: &Competitor<'_>, away: &Competitor<'_>) -> Option<&'static str> {
    let won = |side: &Competitor<'_>| side.winner.is_some_and(|raw| plain(raw) == "true");
    match (won(home), won(away)) {
        (true, false) => Some("home"),
        (false, true) => Some("away"),
        _ => None,
    }
}

fn diamond(situation: &Situation<'_>) -> Object {
    let Situation { outs, balls, strikes, .. } = *situation;
    let (first, second, third) = (situation.on_first, situation.on_second, situation.on_third);
    Diamond { outs, balls, strikes, first, second, third }.situation()
}

/// The provider's filler (down 0, -1) is left out.
fn downs(situation: &Situation<'_>, home: &Competitor<'_>, away: &Competitor<'_>) -> Object {
    let is_down = situation.down.is_some_and(|down| (1..=4).contains(&down));
    let possession = situation.possession.map(plain);
    let has = |side: &Competitor<'_>| side.team.as_ref().is_some_and(|team| Some(team.id.as_str()) == possession);
    Object::new()
        .with("down", situation.down.filter(|_| is_down))
        .with("distance", situation.distance.filter(|_| is_down))
        .with("yard_line", situation.yard_line.filter(|_| is_down))
        .with("possession", if has(home) { Some("home") } else { has(away).then_some("away") })
}
