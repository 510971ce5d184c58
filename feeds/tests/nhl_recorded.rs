//! Recorded bodies through the NHL adapter, against oracle rows that were computed independently.
//!
//! The recordings are not part of the project: without them these tests say so and pass.

use feeds::adapter::{Adapter, Input, Output};
use feeds::model::{Change, Object, Update, merge};
use feeds::provider::nhl::Nhl;
use std::collections::BTreeMap;
use std::path::PathBuf;

fn data() -> Option<PathBuf> {
    let path = std::env::var_os("FANWIRE_SHARED_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")), PathBuf::from);
    if !path.is_dir() {
        eprintln!("SKIPPED: ../shared/data not found");
        return None;
    }
    Some(path)
}

fn unpacked(path: PathBuf) -> Vec<u8> {
    let mut decoder = zstd::stream::read::Decoder::new(std::fs::File::open(path).unwrap()).unwrap();
    decoder.window_log_max(27).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut decoder, &mut bytes).unwrap();
    bytes
}

/// What a reader of all topics would hold.
#[derive(Default)]
struct Reader {
    states: BTreeMap<String, Object>,
    plays: BTreeMap<String, Object>,
    events: usize,
}

impl Reader {
    fn take(&mut self, updates: Vec<Update>) {
        for Update { topic, change, te } in updates {
            assert_eq!(te, None, "the league gives no times");
            match change {
                Change::State(state) => drop(self.states.insert(topic.as_str().into(), state)),
                Change::Patch(patch) => {
                    merge(self.states.get_mut(topic.as_str()).unwrap(), &patch)
                        .expect("a patch that changes something");
                }
                Change::Event(event) => self.take_event(event),
                other => panic!("{topic}: {other:?}"),
            }
        }
    }

    fn take_event(&mut self, event: Object) {
        self.events += 1;
        let id = event.get("id").unwrap().as_text().unwrap().to_owned();
        match event.get("action").unwrap().as_text().unwrap() {
            "remove" => assert!(self.plays.remove(&id).is_some()),
            "add" => assert!(self.plays.insert(id, event).is_none()),
            "edit" => assert!(self.plays.insert(id, event).is_some()),
            other => panic!("{other}"),
        }
    }

    /// In the form of the oracle: `id`, `seq`, `type`, `period`, `ptype`, `clock`, `home`, `away`.
    fn rows(&self) -> Vec<String> {
        let mut plays: Vec<&Object> = self.plays.values().collect();
        plays.sort_by_key(|play| play.get("order").unwrap().as_number().unwrap());
        plays.into_iter().map(row).collect()
    }
}

fn row(play: &Object) -> String {
    let json = |key| {
        let mut text = Vec::new();
        play.get(key).unwrap().write(&mut text);
        String::from_utf8(text).unwrap()
    };
    let id = play.get("id").unwrap().as_text().unwrap();
    format!(
        r#"{{"id":{id},"seq":{},"type":{},"period":{},"ptype":{},"clock":{},"home":{},"away":{}}}"#,
        json("order"),
        json("type"),
        json("period"),
        json("period_type"),
        json("clock"),
        json("home_score"),
        json("away_score"),
    )
}

fn feed(nhl: &mut Nhl, url: &str, body: &[u8], now_ms: i64) -> Output {
    let mut output = Output::default();
    nhl.handle(Input::Fetched { url, status: 200, body: &mut body.to_vec() }, now_ms, &mut output);
    assert!(output.fetches.is_empty(), "a replay asks for nothing");
    output
}

fn expected(data: &std::path::Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(data.join("expected").join(name)).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_game_polled_64_times_ends_with_the_oracles_plays() {
    let Some(data) = data() else { return };
    let text = unpacked(data.join("derived_polls/nhl_2024020033.jsonl.zst"));
    let (mut nhl, mut reader, mut polls) = (Nhl::for_replay(), Reader::default(), 0);
    let mut rejected = 0;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        if line["t"] != "http" {
            continue;
        }
        polls += 1;
        let body = line["data"].as_str().unwrap();
        let output = feed(&mut nhl, line["url"].as_str().unwrap(), body.as_bytes(), polls * 10_000);
        reader.take(output.updates);
        rejected = output.counts.rejected;
    }
    assert_eq!((polls, rejected), (64, 0));
    assert_eq!(reader.rows(), expected(&data, "nhl_2024020033.jsonl"));
    let score = &reader.states["score.nhl.2024020033"];
    let points = |side: &str| score.get(side).unwrap().as_object().unwrap().get("score").cloned();
    assert_eq!((points("home"), points("away")), (Some(4i64.into()), Some(5i64.into())), "the shoot-out's extra goal");
    assert_eq!(score.get("winner").unwrap().as_text(), Some("away"));
    assert_eq!(score.get("detail").unwrap().as_text(), Some("FINAL/SO"));
}

#[test]
fn every_recorded_game_gives_the_oracles_rows() {
    let Some(data) = data() else { return };
    let mut games = 0;
    for entry in std::fs::read_dir(data.join("nhl")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(game) = name.strip_suffix("_play-by-play.json.zst").map(str::to_owned) else { continue };
        let id = game.split('_').next().unwrap();
        let (mut nhl, mut reader) = (Nhl::for_replay(), Reader::default());
        let url = format!("https://api-web.nhle.com/v1/gamecenter/{id}/play-by-play");
        let body = unpacked(path);
        let output = feed(&mut nhl, &url, &body, 0);
        assert_eq!(output.counts.rejected, 0, "{game}");
        reader.take(output.updates);
        let oracle = if game.contains("pregame") { Vec::new() } else { expected(&data, &format!("nhl_{game}.jsonl")) };
        assert_eq!(reader.rows(), oracle, "{game}");
        assert_eq!(reader.events, oracle.len(), "{game}: one event a play");
        assert!(feed(&mut nhl, &url, &body, 10_000).updates.is_empty(), "{game}: the same body says nothing new");
        games += 1;
    }
    assert!(games >= 8, "{games}");
}

#[test]
fn recorded_slates_are_understood() {
    let Some(data) = data() else { return };
    for (name, phases) in [
        (
            "score-now-20231219-1721-capture-NA-away-and-home-record-data.json.zst",
            &[("live", 7), ("break", 1), ("pregame", 1)][..],
        ),
        ("score-now-20231217-1st-period-intermission-example.json.zst", &[("break", 1), ("scheduled", 4)][..]),
    ] {
        let (mut nhl, mut reader) = (Nhl::for_replay(), Reader::default());
        let output = feed(&mut nhl, "https://api-web.nhle.com/v1/score/now", &unpacked(data.join("nhl").join(name)), 0);
        assert_eq!(output.counts.rejected, 0);
        reader.take(output.updates);
        let slate = reader.states.remove("slate.nhl").unwrap();
        assert_eq!(slate.len(), reader.states.len(), "a score topic for each line");
        for (phase, least) in phases {
            let found =
                reader.states.values().filter(|score| score.get("phase").unwrap().as_text() == Some(phase)).count();
            assert!(found >= *least, "{name}: {found} {phase}");
        }
        assert!(reader.states.values().all(|score| score.get("phase").unwrap().as_text() != Some("unknown")));
    }
}
