//! Who plays: teams of the league, with players that do not exist.

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Team {
    pub id: i64,
    pub abbrev: &'static str,
    pub place: &'static str,
    pub name: &'static str,
    pub venue: &'static str,
}

const fn team(id: i64, abbrev: &'static str, place: &'static str, name: &'static str, venue: &'static str) -> Team {
    Team { id, abbrev, place, name, venue }
}

pub(super) const TEAMS: [Team; 16] = [
    team(1, "NJD", "New Jersey", "Devils", "Prudential Center"),
    team(3, "NYR", "New York", "Rangers", "Madison Square Garden"),
    team(5, "PIT", "Pittsburgh", "Penguins", "PPG Paints Arena"),
    team(6, "BOS", "Boston", "Bruins", "TD Garden"),
    team(8, "MTL", "Montréal", "Canadiens", "Centre Bell"),
    team(10, "TOR", "Toronto", "Maple Leafs", "Scotiabank Arena"),
    team(12, "CAR", "Carolina", "Hurricanes", "Lenovo Center"),
    team(13, "FLA", "Florida", "Panthers", "Amerant Bank Arena"),
    team(16, "CHI", "Chicago", "Blackhawks", "United Center"),
    team(17, "DET", "Detroit", "Red Wings", "Little Caesars Arena"),
    team(20, "CGY", "Calgary", "Flames", "Scotiabank Saddledome"),
    team(21, "COL", "Colorado", "Avalanche", "Ball Arena"),
    team(22, "EDM", "Edmonton", "Oilers", "Rogers Place"),
    team(30, "MIN", "Minnesota", "Wild", "Grand Casino Arena"),
    team(54, "VGK", "Vegas", "Golden Knights", "T-Mobile Arena"),
    team(55, "SEA", "Seattle", "Kraken", "Climate Pledge Arena"),
];

/// Players of each team.
pub(super) const PLAYERS: i64 = 8;

const FIRST: [&str; 8] = ["Anders", "Boris", "Cale", "Dmitri", "Émile", "Felix", "Gunnar", "Henrik"];
const LAST: [&str; 11] = [
    "Aaltonen",
    "Bélanger",
    "Carlsen",
    "Dvorak",
    "Eriksson",
    "Fontaine",
    "Gauthier",
    "Hakala",
    "Ivanek",
    "Jansson",
    "Kovar",
];

/// The id of a team's `n`th player.
pub(super) fn player_id(team: &Team, n: i64) -> i64 {
    8_000_000 + team.id * 100 + n.rem_euclid(PLAYERS)
}

/// First and last name of a team's `n`th player.
pub(super) fn player_name(team: &Team, n: i64) -> (&'static str, &'static str) {
    let n = n.rem_euclid(PLAYERS);
    (FIRST[((n + team.id) % 8) as usize], LAST[((n * 5 + team.id * 3) % 11) as usize])
}
