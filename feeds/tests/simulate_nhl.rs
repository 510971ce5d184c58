//! The simulated NHL: whole evenings through the real adapter, then its server as a client sees it.

use feeds::adapter::{Adapter, Input, Output};
use feeds::model::{Change, Object, Update, Value, merge};
use feeds::provider::nhl::Nhl;
use feeds::simulate::nhl::{Evening, Faults, SPEED, serve};
use std::collections::{BTreeMap, BTreeSet};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const START_MS: i64 = 1_763_850_000_123;
/// Between two polls: 40 game seconds.
const POLL_MS: i64 = 2_000;

/// What a reader of all topics would hold, and what passed by.
#[derive(Default)]
struct Reader {
    states: BTreeMap<String, Object>,
    plays: BTreeMap<String, BTreeMap<String, Object>>,
    phases: BTreeSet<String>,
    details: BTreeSet<String>,
    actions: BTreeMap<String, u64>,
    scores_down: u64,
    rejected: u64,
}

fn number(object: &Object, path: [&str; 2]) -> Option<i64> {
    let number = object.get(path[0])?.as_object()?.get(path[1])?.as_number()?;
    i64::try_from(number.mantissa()).ok()
}

impl Reader {
    fn poll(&mut self, nhl: &mut Nhl, url: &str, body: String, now_ms: i64) {
        let mut output = Output::default();
        nhl.handle(Input::Fetched { url, status: 200, body: &mut body.into_bytes() }, now_ms, &mut output);
        self.rejected = output.counts.rejected;
        output.updates.into_iter().for_each(|update| self.take(update));
    }

    fn take(&mut self, Update { topic, change, .. }: Update) {
        let name = topic.as_str().to_owned();
        match change {
            Change::State(state) => drop(self.states.insert(name, state)),
            Change::Patch(patch) => self.patch(&name, &patch),
            Change::Event(event) => self.event(name, event),
            other => panic!("{name}: {other:?}"),
        }
        if let Some(score) = self.states.get(topic.as_str()).filter(|_| topic.head() == "score") {
            let text = |key: &str| score.get(key).and_then(Value::as_text).unwrap().to_owned();
            self.phases.insert(text("phase"));
            self.details.insert(text("detail"));
        }
    }

    fn patch(&mut self, name: &str, patch: &Object) {
        let state = self.states.get_mut(name).unwrap();
        let before = ["home", "away"].map(|side| number(state, [side, "score"]));
        merge(state, patch).expect("a patch that changes something");
        let after = ["home", "away"].map(|side| number(state, [side, "score"]));
        self.scores_down += before.iter().zip(after).filter(|(before, after)| **before > *after).count() as u64;
    }

    fn event(&mut self, name: String, event: Object) {
        let action = event.get("action").unwrap().as_text().unwrap().to_owned();
        let id = event.get("id").unwrap().as_text().unwrap().to_owned();
        let plays = self.plays.entry(name).or_default();
        let known = if action == "remove" { plays.remove(&id) } else { plays.insert(id, event) };
        assert_eq!(known.is_none(), action == "add", "{action}");
        *self.actions.entry(action).or_default() += 1;
    }
}

fn url(id: i64) -> String {
    format!("http://127.0.0.1/v1/gamecenter/{id}/play-by-play")
}

/// Polls everything until the evening is over.
fn watch_evening(evening: &mut Evening, nhl: &mut Nhl, reader: &mut Reader, mut now_ms: i64) -> i64 {
    let end_ms = evening.end_ms();
    while now_ms < end_ms {
        let slate = evening.score_body(&evening.date(), now_ms).unwrap();
        reader.poll(nhl, "http://127.0.0.1/v1/score/now", slate, now_ms);
        for (id, _) in evening.results() {
            let body = evening.play_by_play_body(id, now_ms).unwrap();
            reader.poll(nhl, &url(id), body, now_ms);
        }
        now_ms += POLL_MS;
    }
    now_ms
}

/// What one look at the end says must be what the whole evening led to.
fn check_end(evening: &Evening, reader: &Reader, now_ms: i64) {
    for (id, (home, away)) in evening.results() {
        let score = &reader.states[&format!("score.nhl.{id}")];
        assert_eq!(score.get("final"), Some(&Value::Bool(true)), "{id}");
        assert_eq!((number(score, ["home", "score"]), number(score, ["away", "score"])), (Some(home), Some(away)));
        let (mut fresh, mut once) = (Nhl::for_replay(), Reader::default());
        once.poll(&mut fresh, &url(id), evening.play_by_play_body(id, now_ms).unwrap(), now_ms);
        let play = format!("play.nhl.{id}");
        let plain = |plays: &BTreeMap<String, Object>| -> Vec<Object> {
            plays.values().map(|it| it.clone().with("action", "").with("rev", 0i64)).collect()
        };
        assert_eq!(plain(&reader.plays[&play]), plain(&once.plays[&play]), "{id}");
        let slate = reader.states["slate.nhl"].get(&id.to_string()).and_then(Value::as_object).unwrap();
        assert_eq!(slate.get("home_score"), Some(&Value::from(home)));
    }
}

#[test]
fn two_evenings_through_the_adapter() {
    for seed in 1..=2 {
        let mut evening = Evening::new(seed, SPEED, START_MS);
        let (mut nhl, mut reader) = (Nhl::for_replay(), Reader::default());
        let now_ms = watch_evening(&mut evening, &mut nhl, &mut reader, START_MS);
        check_end(&evening, &reader, now_ms);
        let date = evening.date();
        evening.advance(now_ms);
        assert_ne!(evening.date(), date);
        let now_ms = watch_evening(&mut evening, &mut nhl, &mut reader, now_ms);
        check_end(&evening, &reader, now_ms);
        assert_eq!(reader.states["slate.nhl"].len(), 4, "the first evening's lines are gone");

        assert_eq!(reader.rejected, 0, "seed {seed}");
        let phases: Vec<&str> = reader.phases.iter().map(String::as_str).collect();
        assert_eq!(phases, ["break", "final", "live", "pregame", "scheduled"], "seed {seed}");
        for detail in ["END P1", "END P2", "FINAL", "FINAL/OT", "FINAL/SO", "SO"] {
            assert!(reader.details.contains(detail), "seed {seed}: {detail} in {:?}", reader.details);
        }
        assert_eq!(reader.actions["remove"], 2, "a goal taken back each evening");
        assert!(reader.actions["edit"] >= 2 && reader.actions["add"] > 1_000, "{:?}", reader.actions);
        assert_eq!(reader.scores_down, 2, "seed {seed}");
    }
}

#[test]
fn the_same_seed_plays_the_same_evenings() {
    let [mut one, mut two] = [0, 1].map(|_| Evening::new(9, SPEED, START_MS));
    let other = Evening::new(10, SPEED, START_MS);
    assert_ne!(one.score_body(&one.date(), START_MS), other.score_body(&other.date(), START_MS));
    for n in 0..120 {
        let now_ms = START_MS + n * 10_000;
        one.advance(now_ms);
        two.advance(now_ms);
        assert_eq!(one.score_body(&one.date(), now_ms), two.score_body(&two.date(), now_ms));
        for (id, _) in one.results() {
            assert_eq!(one.play_by_play_body(id, now_ms), two.play_by_play_body(id, now_ms));
        }
    }
}

/// A GET by hand: the head and the body.
async fn get(address: &str, path: &str) -> (String, String) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn served_like_the_league_does() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let faults = Faults::default();
    let task = tokio::spawn(serve(listener, 4, SPEED, faults.clone(), async { drop(stopped.await) }));

    let (head, _) = get(&address, "/v1/score/now").await;
    assert!(head.starts_with("HTTP/1.1 307"), "{head}");
    let location = head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned();
    let (head, body) = get(&address, &location).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let slate: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(slate["games"].as_array().unwrap().len(), 4);
    let id = slate["games"][0]["id"].as_i64().unwrap();
    let (_, body) = get(&address, &format!("/v1/gamecenter/{id}/play-by-play")).await;
    let game: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(!game["plays"].as_array().unwrap().is_empty(), "the first game is on");
    assert!(get(&address, "/v1/gamecenter/1/play-by-play").await.0.starts_with("HTTP/1.1 404"));
    faults.fail_next(1);
    assert!(get(&address, &location).await.0.starts_with("HTTP/1.1 503"));
    assert!(get(&address, &location).await.0.starts_with("HTTP/1.1 200"));
    drop(stop);
    task.await.unwrap().unwrap();
}
