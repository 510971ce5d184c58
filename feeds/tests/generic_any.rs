//! The generic provider under whatever JSON: no panic, and what is not published is counted.

use feeds::provider::generic::Trial;
use feeds::registry::FeedConfig;
use proptest::prelude::*;

#[path = "support/mapping.rs"]
mod mapping;
use mapping::{EXAMPLE, feeds, trial};

/// Any JSON, with the words of the example's mapping in it now and then.
fn json() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("type"),
        Just("data"),
        Just("market"),
        Just("seq"),
        Just("bids"),
        Just("asks"),
        Just("id"),
        Just("p"),
        Just("q"),
        Just("side"),
        Just("time"),
        Just("ts"),
        Just("b"),
        Just("rounds"),
        Just("games"),
        Just("goals"),
        Just("kind"),
        Just("home"),
        Just("zzz"),
    ];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        "-?[0-9]{1,40}(\\.[0-9]{1,40})?(e-?[0-9]{1,3})?",
        prop_oneof![
            Just("ticker"),
            Just("trade"),
            Just("book"),
            Just("book_delta"),
            Just("error"),
            Just("heartbeat"),
            Just("xbt"),
            Just("ETH/USD"),
            Just("B"),
            Just("match"),
            Just("2026-08-09T21:05:48Z"),
            Just(""),
            Just("1.5"),
        ]
        .prop_map(|text| format!("{text:?}")),
        "[ -~]{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((word.clone(), inner), 0..6).prop_map(|fields| {
                let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    /// Whatever comes: no panic, and what is not published is counted.
    #[test]
    fn any_json_is_published_or_counted(frames in prop::collection::vec(json(), 1..20), index in 0usize..2) {
        let mut trial = trial(index);
        for frame in &frames {
            let before = trial.counts();
            let tried = trial.take(0, frame.as_bytes());
            let after = trial.counts();
            prop_assert_eq!(after.frames, before.frames + 1);
            let noted = tried.notes.iter().filter(|note| note.starts_with("rejected")).count() as u64;
            prop_assert_eq!(after.rejected - before.rejected, noted, "every reject is counted and told");
            let ignored = tried.notes.iter().filter(|note| note.starts_with("ignored")).count() as u64;
            prop_assert_eq!(after.ignored - before.ignored, ignored);
        }
    }

    #[test]
    fn any_bytes_never_panic(frame in prop::collection::vec(any::<u8>(), 0..200), index in 0usize..2) {
        let mut trial = trial(index);
        trial.take(0, &frame);
        prop_assert_eq!(trial.counts().frames, 1);
    }

    /// Whatever the tables say: problems, not panics; and what is built of them runs.
    #[test]
    fn any_mapping_never_panics(at in any::<prop::sample::Index>(), value in json(), frames in prop::collection::vec(json(), 3)) {
        let mut config = serde_json::to_value(&feeds(EXAMPLE)[0]).unwrap();
        let places = places(&config);
        let Ok(value) = serde_json::from_str(&value) else { return Ok(()) };
        *config.pointer_mut(&places[at.index(places.len())]).unwrap() = value;
        let Ok(FeedConfig::Generic(config)) = serde_json::from_value(config) else { return Ok(()) };
        config.validate();
        let mut trial = Trial::new(&config);
        if let Some(source) = trial.source(None) {
            for frame in &frames {
                trial.take(source, frame.as_bytes());
            }
        }
    }
}

/// The JSON pointers of everything in a value but the value itself.
fn places(value: &serde_json::Value) -> Vec<String> {
    let below = |name: String, value: &serde_json::Value| {
        let prefix = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let mut found: Vec<String> = places(value).into_iter().map(|rest| format!("{prefix}{rest}")).collect();
        found.push(prefix);
        found
    };
    match value {
        serde_json::Value::Object(fields) => fields.iter().flat_map(|(key, value)| below(key.clone(), value)).collect(),
        serde_json::Value::Array(items) => {
            items.iter().enumerate().flat_map(|(n, value)| below(n.to_string(), value)).collect()
        }
        _ => Vec::new(),
    }
}
