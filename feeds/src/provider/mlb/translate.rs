//! Pure translation: a schedule or what is kept of a feed in, what it says about games out.

use super::LEAGUE;
use super::document::Document;
use super::message::{AtBat, Datetime, GameHead, Linescore, Schedule, Scheduled, Sides, Status, Team, Venue};
use super::status;
use crate::model::{Object, Value, utc_ms};
use crate::score::{
    Diamond, Game, GameBody, Half, Period, Phase, Play, Position, Side, SlateBody, Told, Unread, in_order, leader,
};
use serde::Deserialize;

pub(super) fn slate(body: &[u8]) -> Result<SlateBody, serde_json::Error> {
    let schedule: Schedule<'_> = serde_json::from_slice(body)?;
    let mut slate = SlateBody::default();
    for text in schedule.dates.iter().flat_map(|day| &day.games) {
        match serde_json::from_str::<Scheduled>(text.get()) {
            Ok(game) => name(game.sheet().told(), &mut slate.games),
            Err(_) => slate.rejected += 1,
        }
    }
    Ok(slate)
}

/// A postponed game stands there twice, on its old day and on its new one: the one that goes on counts.
fn name(told: Told, games: &mut Vec<Told>) {
    match games.iter_mut().find(|other| other.id == told.id) {
        None => games.push(told),
        Some(other) if other.phase == Phase::Postponed => *other = told,
        Some(_) => {}
    }
}

pub(super) fn feed(id: &str, document: &Document) -> Result<GameBody, Unread> {
    let told = Sheet::of(document).ok_or(Unread::Malformed)?.told();
    if told.id != id {
        return Err(Unread::Malformed);
    }
    let (plays, rejected) = plays(document);
    let wait_s: Option<u64> = document.read("/metaData/wait");
    Ok(GameBody {
        told: Some(told),
        plays: Some(plays),
        rejected,
        version: document.stamp().and_then(|stamp| stamp.replace('_', "").parse().ok()),
        wait_ms: wait_s.map(|seconds| seconds.saturating_mul(1_000)),
    })
}

/// What the schedule and a feed both say of a game.
struct Sheet {
    pk: i64,
    season: Option<String>,
    start: Option<String>,
    status: Status,
    teams: Sides<Team>,
    /// `None` before the game, and if it is postponed.
    linescore: Option<Linescore>,
    venue: Option<String>,
    /// `None` unless there are two on the day.
    game_no: Option<i64>,
}

impl Scheduled {
    fn sheet(self) -> Sheet {
        Sheet {
            pk: self.game_pk,
            season: self.season,
            start: self.game_date,
            status: self.status,
            teams: Sides { home: self.teams.home.team, away: self.teams.away.team },
            linescore: self.linescore,
            venue: self.venue.and_then(|venue| venue.name),
            game_no: game_no(self.double_header.as_deref(), self.game_number),
        }
    }
}

fn game_no(double_header: Option<&str>, number: Option<i64>) -> Option<i64> {
    number.filter(|_| matches!(double_header, Some("Y" | "S")))
}

impl Sheet {
    fn of(document: &Document) -> Option<Sheet> {
        let head: Option<GameHead> = document.read("/gameData/game");
        let datetime: Option<Datetime> = document.read("/gameData/datetime");
        let venue: Option<Venue> = document.read("/gameData/venue");
        Some(Sheet {
            pk: document.read("/gamePk")?,
            start: datetime.and_then(|datetime| datetime.date_time),
            status: document.read("/gameData/status")?,
            teams: Sides { home: document.read("/gameData/teams/home")?, away: document.read("/gameData/teams/away")? },
            linescore: document.read("/liveData/linescore"),
            venue: venue.and_then(|venue| venue.name),
            game_no: head.as_ref().and_then(|head| game_no(head.double_header.as_deref(), head.game_number)),
            season: head.and_then(|head| head.season),
        })
    }

    fn told(&self) -> Told {
        let phase = status::phase(&self.status);
        let period = self.period(phase);
        let label = self.label(phase, period.as_ref());
        let (home, away) = (self.runs(|teams| &teams.home), self.runs(|teams| &teams.away));
        let game = Game {
            id: self.pk.to_string().into(),
            game_id: format!("{LEAGUE}:{}", self.pk),
            league: LEAGUE.into(),
            season: self.season.as_deref().and_then(|season| season.parse().ok()),
            start_ms: self.start.as_deref().and_then(utc_ms),
            start_tbd: self.status.start_time_tbd,
            phase,
            is_final: status::is_final(phase, &self.status),
            status_native: status::native(&self.status).to_owned(),
            detail: label.clone(),
            label,
            position: Position::of(phase, period.as_ref().map(|period| period.n), self.progress()),
            period,
            clock: None,
            break_ms: None,
            winner: leader(home, away),
            home: self.side(&self.teams.home, home, |inning| inning.home.as_ref()),
            away: self.side(&self.teams.away, away, |inning| inning.away.as_ref()),
            venue: self.venue.clone(),
            situation: self.situation(phase),
            game_no: self.game_no,
        };
        game.told()
    }

    fn runs(&self, of: impl Fn(&Sides<super::message::Runs>) -> &super::message::Runs) -> Option<i64> {
        of(self.linescore.as_ref()?.teams.as_ref()?).runs
    }

    fn half(&self) -> Option<Half> {
        let linescore = self.linescore.as_ref()?;
        Half::of(linescore.inning_state.as_deref().or(linescore.inning_half.as_deref())?)
    }

    fn period(&self, phase: Phase) -> Option<Period> {
        let n = self.linescore.as_ref()?.current_inning.filter(|_| phase.has_score())?;
        let half = self.half();
        let label = half.map_or(n.to_string(), |half| half.label(n));
        Some(Period { n, kind: "INN".into(), label, half: half.map(Half::word) })
    }

    fn label(&self, phase: Phase, period: Option<&Period>) -> String {
        let scheduled = self.linescore.as_ref().and_then(|linescore| linescore.scheduled_innings).unwrap_or(9);
        match (phase, period) {
            (Phase::Live, Some(period)) => period.label.clone(),
            (Phase::Final, Some(period)) if period.n != scheduled => format!("FINAL/{}", period.n),
            (Phase::Unknown, _) => status::native(&self.status).to_owned(),
            _ => phase.label(),
        }
    }

    fn progress(&self) -> Option<i64> {
        let outs = self.linescore.as_ref()?.outs;
        Some(self.half()?.progress(outs))
    }

    fn situation(&self, phase: Phase) -> Option<Object> {
        let linescore = self.linescore.as_ref().filter(|_| phase.is_on())?;
        let on = linescore.offense.as_ref();
        let diamond = Diamond {
            outs: linescore.outs,
            balls: linescore.balls,
            strikes: linescore.strikes,
            first: on.is_some_and(|on| on.first.is_some()),
            second: on.is_some_and(|on| on.second.is_some()),
            third: on.is_some_and(|on| on.third.is_some()),
        };
        Some(diamond.situation())
    }

    fn side(
        &self,
        team: &Team,
        score: Option<i64>,
        runs: impl Fn(&super::message::Inning) -> Option<&super::message::Runs>,
    ) -> Side {
        let innings = self.linescore.as_ref().map_or(&[][..], |linescore| &linescore.innings);
        let id = team.id.to_string();
        Side {
            abbr: team.abbreviation.clone().or(team.name.clone()).unwrap_or(id.clone()),
            id,
            name: team.name.clone(),
            score,
            by_period: innings.iter().map(|inning| Value::from(runs(inning).and_then(|runs| runs.runs))).collect(),
            ..Side::default()
        }
    }
}

/// The at-bats that are over; the one under way is the situation's. Also how many could not be read.
fn plays(document: &Document) -> (Vec<Play>, u64) {
    let (mut plays, mut unread) = (Vec::new(), 0);
    for at_bat in document.items("/liveData/plays/allPlays") {
        match AtBat::deserialize(at_bat) {
            Ok(at_bat) if at_bat.about.is_complete => plays.push(play(&at_bat, document)),
            Ok(_) => {}
            Err(_) => unread += 1,
        }
    }
    let (plays, repeated) = in_order(plays);
    (plays, unread + repeated)
}

fn play(AtBat { about, result, count }: &AtBat, document: &Document) -> Play {
    let batting = if about.half_inning == "top" { "away" } else { "home" };
    let team: Option<Team> = document.read(&format!("/gameData/teams/{batting}"));
    let ms = |time: &Option<String>| time.as_deref().and_then(utc_ms);
    let mut event = Object::new()
        .with("period", about.inning)
        .with("half", about.half_inning.as_str())
        .with("scoring", about.is_scoring_play);
    let numbers = [
        ("start", ms(&about.start_time)),
        ("end", ms(&about.end_time)),
        ("outs", count.as_ref().and_then(|count| count.outs)),
        ("home_score", result.home_score),
        ("away_score", result.away_score),
    ];
    for (key, number) in numbers {
        if let Some(number) = number {
            event.set(key, number);
        }
    }
    let team = team.and_then(|team| team.abbreviation);
    for (key, text) in [("type", &result.event_type), ("text", &result.description), ("team", &team)] {
        if let Some(text) = text {
            event.set(key, text.as_str());
        }
    }
    let id = about.at_bat_index;
    Play { id: id.to_string().into(), order: id, te: ms(&about.end_time), event }
}
