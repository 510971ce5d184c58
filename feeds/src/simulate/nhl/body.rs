//! The league's JSON: a simulated game at one moment, as the slate and as play-by-play tell it.

use super::dates;
use super::evening::Game;
use super::moment::Moment;
use super::script::{Clock, Play, Side};
use super::teams::{self, PLAYERS, Team};
use serde_json::{Value, json};

const SEASON: i64 = 20_252_026;

/// Body of `/v1/score/{date}`.
pub(super) fn slate<'a>(day: i64, games: impl Iterator<Item = (&'a Game, Moment<'a>)>) -> String {
    let dates = [day - 1, day, day + 1].map(dates::date);
    let games: Vec<Value> = games.map(|(game, moment)| slate_entry(game, &moment, &dates[1])).collect();
    json!({"prevDate": dates[0], "currentDate": dates[1], "nextDate": dates[2], "games": games}).to_string()
}

fn slate_entry(game: &Game, moment: &Moment<'_>, date: &str) -> Value {
    let mut entry = common(game, moment, date);
    entry["homeTeam"]["name"] = json!({"default": game.home.name});
    entry["awayTeam"]["name"] = json!({"default": game.away.name});
    if let Some(clock) = moment.clock {
        entry["period"] = json!(clock.period);
    }
    entry
}

/// Body of `/v1/gamecenter/{id}/play-by-play`.
pub(super) fn play_by_play(game: &Game, moment: &Moment<'_>, day: i64) -> String {
    let mut body = common(game, moment, &dates::date(day));
    for (key, team) in [("homeTeam", game.home), ("awayTeam", game.away)] {
        body[key]["commonName"] = json!({"default": team.name});
        body[key]["placeName"] = json!({"default": team.place});
    }
    body["limitedScoring"] = json!(false);
    body["maxPeriods"] = json!(5);
    body["regPeriods"] = json!(3);
    body["plays"] = moment.plays.iter().map(|it| play(game, it)).collect();
    body["rosterSpots"] = roster(game.home).chain(roster(game.away)).collect();
    body.to_string()
}

fn common(game: &Game, moment: &Moment<'_>, date: &str) -> Value {
    let mut body = json!({
        "id": game.id,
        "season": SEASON,
        "gameType": 2,
        "gameDate": date,
        "venue": {"default": game.home.venue},
        "startTimeUTC": dates::instant(game.start_ms),
        "gameState": moment.state,
        "gameScheduleState": "OK",
        "homeTeam": team(game.home, moment.score.map(|score| score.0)),
        "awayTeam": team(game.away, moment.score.map(|score| score.1)),
    });
    if let Some(clock) = moment.clock {
        body["periodDescriptor"] = period(clock);
        body["clock"] = json!({
            "timeRemaining": minutes_seconds(clock.left_s),
            "secondsRemaining": clock.left_s,
            "running": clock.running,
            "inIntermission": clock.in_break,
        });
        if matches!(moment.state, "FINAL" | "OFF") {
            body["gameOutcome"] = json!({"lastPeriodType": clock.period_type});
        }
    }
    body
}

fn team(team: &Team, score: Option<i64>) -> Value {
    let mut body = json!({"id": team.id, "abbrev": team.abbrev});
    if let Some(score) = score {
        body["score"] = json!(score);
    }
    body
}

fn period(clock: Clock) -> Value {
    json!({"number": clock.period, "periodType": clock.period_type, "maxRegulationPeriods": 3})
}

fn minutes_seconds(seconds: i64) -> String {
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

fn length_s(clock: Clock) -> i64 {
    match clock.period_type {
        "SO" => 0,
        "OT" => super::script::OVERTIME_S,
        _ => super::script::PERIOD_S,
    }
}

fn play(game: &Game, play: &Play) -> Value {
    let clock = play.clock;
    let mut body = json!({
        "eventId": play.event_id,
        "periodDescriptor": period(clock),
        "timeInPeriod": minutes_seconds(length_s(clock) - clock.left_s),
        "timeRemaining": minutes_seconds(clock.left_s),
        "situationCode": "1551",
        "typeDescKey": play.kind,
        "sortOrder": play.sort_order,
    });
    if let Some(side) = play.side {
        body["details"] = details(if side == Side::Home { game.home } else { game.away }, play);
    }
    body
}

fn details(team: &Team, play: &Play) -> Value {
    let player = |nth: i64| teams::player_id(team, play.player + nth);
    let mut details = json!({"eventOwnerTeamId": team.id});
    match (play.kind, play.score) {
        ("goal", Some((home, away))) => {
            details["scoringPlayerId"] = json!(player(0));
            details["scoringPlayerTotal"] = json!(play.player % 30 + 1);
            if play.clock.period_type != "SO" {
                details["assist1PlayerId"] = json!(player(3));
            }
            details["homeScore"] = json!(home);
            details["awayScore"] = json!(away);
        }
        ("penalty", _) => {
            details["committedByPlayerId"] = json!(player(0));
            details["descKey"] = json!(["tripping", "hooking", "slashing"][(play.player % 3) as usize]);
            details["typeCode"] = json!("MIN");
            details["duration"] = json!(2);
        }
        _ => details["shootingPlayerId"] = json!(player(0)),
    }
    details
}

fn roster(team: &Team) -> impl Iterator<Item = Value> {
    (0..PLAYERS).map(|n| {
        let (first, last) = teams::player_name(team, n);
        json!({
            "teamId": team.id,
            "playerId": teams::player_id(team, n),
            "firstName": {"default": first},
            "lastName": {"default": last},
            "sweaterNumber": n + 10,
        })
    })
}
