//! The wire format of scoreboards and of the NFL's play-by-play, as far as it is used.
//!
//! Numbers come as integers, as decimals (`277.0`) and as texts, in one and the same field over the years: they stay
//! raw until they are read exactly. Events stay raw too, so that one that cannot be read does not hide the others.

use super::sport::Sport;
use crate::model::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A scoreboard, or one event on its own, as some recordings have it.
#[derive(Deserialize)]
pub(super) struct Scoreboard<'a> {
    /// Each an [`Event`].
    #[serde(borrow)]
    pub events: Option<Vec<&'a RawValue>>,
}

/// What a recorded body says about its league.
#[derive(Deserialize)]
pub(super) struct Found {
    /// Of the whole body; `basketball/nba` in bundles.
    key: Option<String>,
    leagues: Option<Vec<FoundLeague>>,
    /// Of an event on its own: `s:20~l:28~e:401437650`.
    uid: Option<String>,
    /// Of plays.
    #[serde(rename = "gamepackageJSON")]
    package: Option<FoundPackage>,
}

#[derive(Deserialize)]
struct FoundPackage {
    header: FoundHeader,
}

#[derive(Deserialize)]
struct FoundHeader {
    id: String,
    uid: String,
}

#[derive(Deserialize)]
struct FoundLeague {
    slug: String,
    uid: String,
}

impl Found {
    /// The game whose plays it tells; `None` for a scoreboard.
    pub fn game(&self) -> Option<&str> {
        self.package.as_ref().map(|package| package.header.id.as_str())
    }

    /// `football/nfl`; `None` if the body does not say.
    pub fn league(&self) -> Option<String> {
        if self.key.is_some() {
            return self.key.clone();
        }
        if let Some(league) = self.leagues.as_ref().and_then(|leagues| leagues.first()) {
            return Some(format!("{}/{}", Sport::by_uid(&league.uid)?.name(), league.slug));
        }
        let uid = self.uid.as_deref().or(self.package.as_ref().map(|package| package.header.uid.as_str()))?;
        let number = part(uid, "l:")?;
        let known = KNOWN_LEAGUES.iter().find(|(known, _)| *known == number);
        let slug = known.map_or_else(|| number.to_owned(), |(_, slug)| (*slug).to_owned());
        Some(format!("{}/{slug}", Sport::by_uid(uid)?.name()))
    }
}

/// For events on their own, whose league is a number only.
const KNOWN_LEAGUES: [(&str, &str); 7] = [
    ("10", "mlb"),
    ("28", "nfl"),
    ("46", "nba"),
    ("90", "nhl"),
    ("606", "fifa.world"),
    ("700", "eng.1"),
    ("770", "usa.1"),
];

/// `28` of `s:20~l:28~e:401437650` with the mark `l:`.
pub(super) fn part<'a>(uid: &'a str, mark: &str) -> Option<&'a str> {
    uid.split('~').find_map(|part| part.strip_prefix(mark))
}

#[derive(Deserialize)]
pub(super) struct Event<'a> {
    pub id: String,
    pub uid: Option<String>,
    pub date: Option<String>,
    pub season: Option<Season>,
    /// `None` or more than one: no game of two sides but a tournament or a race weekend.
    #[serde(borrow)]
    pub competitions: Option<Vec<Competition<'a>>>,
    #[serde(borrow)]
    pub status: Option<Status<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Season {
    pub year: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Competition<'a> {
    #[serde(borrow)]
    pub competitors: Vec<Competitor<'a>>,
    #[serde(borrow)]
    pub status: Option<Status<'a>>,
    #[serde(borrow)]
    pub situation: Option<Situation<'a>>,
    pub venue: Option<Venue>,
    pub format: Option<Format>,
    /// False: the hour is not known.
    pub time_valid: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Venue {
    pub full_name: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Format {
    pub regulation: Option<Regulation>,
}

#[derive(Deserialize)]
pub(super) struct Regulation {
    pub periods: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status<'a> {
    /// Seconds: left in the period, or played in soccer.
    #[serde(borrow)]
    pub clock: Option<&'a RawValue>,
    /// `4:37`, `23.4`, `90'+4'`.
    pub display_clock: Option<String>,
    /// `None` for some scheduled and postponed games.
    pub period: Option<i64>,
    #[serde(rename = "type")]
    pub kind: StatusType,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusType {
    /// `STATUS_IN_PROGRESS`; `None` in cricket.
    pub name: Option<String>,
    /// pre, in, post.
    pub state: String,
    /// `None` in cricket.
    pub completed: Option<bool>,
    /// `4:37 - 3rd`, `Top 8th`, `Final/OT`.
    pub short_detail: Option<String>,
    /// `In Progress`.
    pub description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Competitor<'a> {
    /// `None` in sports of more than two sides.
    pub home_away: Option<String>,
    /// A text; before the game `"0"`, in cricket not one number.
    #[serde(borrow)]
    pub score: Option<&'a RawValue>,
    /// `true`, `"true"`.
    #[serde(borrow)]
    pub winner: Option<&'a RawValue>,
    #[serde(borrow)]
    pub linescores: Option<Vec<Linescore<'a>>>,
    pub team: Option<Team>,
    #[serde(borrow)]
    pub shootout_score: Option<&'a RawValue>,
    #[serde(borrow)]
    pub aggregate_score: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Linescore<'a> {
    #[serde(borrow)]
    pub value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Team {
    pub id: String,
    pub abbreviation: Option<String>,
    pub display_name: Option<String>,
}

/// Baseball's and football's; other sports send a link only.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Situation<'a> {
    pub outs: Option<i64>,
    pub balls: Option<i64>,
    pub strikes: Option<i64>,
    #[serde(default)]
    pub on_first: bool,
    #[serde(default)]
    pub on_second: bool,
    #[serde(default)]
    pub on_third: bool,
    pub down: Option<i64>,
    pub distance: Option<i64>,
    pub yard_line: Option<i64>,
    /// A team's id, as text or number.
    #[serde(borrow)]
    pub possession: Option<&'a RawValue>,
}

/// Body of `core/nfl/playbyplay`.
#[derive(Deserialize)]
pub(super) struct GamePackage<'a> {
    #[serde(rename = "gamepackageJSON", borrow)]
    pub package: Package<'a>,
}

#[derive(Deserialize)]
pub(super) struct Package<'a> {
    pub header: Header,
    /// `None` before the game.
    #[serde(borrow)]
    pub drives: Option<Drives<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Header {
    pub id: String,
}

#[derive(Deserialize)]
pub(super) struct Drives<'a> {
    #[serde(borrow, default)]
    pub previous: Vec<Drive<'a>>,
    /// The drive under way; its plays may stand among the previous ones too. `None` after the game.
    #[serde(borrow)]
    pub current: Option<Drive<'a>>,
}

#[derive(Deserialize)]
pub(super) struct Drive<'a> {
    /// Each a [`Play`].
    #[serde(borrow, default)]
    pub plays: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Play {
    pub id: String,
    /// A number as text; the order of plays, which wall clocks are not.
    pub sequence_number: String,
    pub period: PlayPeriod,
    pub clock: Option<PlayClock>,
    #[serde(rename = "type")]
    pub kind: Option<PlayType>,
    pub text: Option<String>,
    pub home_score: i64,
    pub away_score: i64,
    #[serde(default)]
    pub scoring_play: bool,
    /// When it happened; missing now and then.
    pub wallclock: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PlayPeriod {
    pub number: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PlayClock {
    pub display_value: String,
}

#[derive(Deserialize)]
pub(super) struct PlayType {
    pub text: String,
}

/// The text of a value without its quotes.
pub(super) fn plain(raw: &RawValue) -> &str {
    raw.get().trim_matches('"')
}

/// A whole number, however it is written: `26`, `"26"`, `26.0`.
pub(super) fn whole(raw: &RawValue) -> Option<i64> {
    let number = Decimal::parse(plain(raw).as_bytes()).ok()?;
    let unit = 10i128.checked_pow(u32::from(number.scale()))?;
    let is_whole = number.mantissa() % unit == 0;
    i64::try_from(number.mantissa() / unit).ok().filter(|_| is_whole)
}
