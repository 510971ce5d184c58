//! Queries: what is understood means the same when it is written out again; what is refused is named.

use fanwire::framing::Form;
use fanwire::limits::Limits;
use fanwire::shard::Paces;
use fanwire::transport::options::Options;

const CODES: [&str; 4] = ["bad_topic", "bad_cursor", "bad_option", "topics_limit"];

pub fn check(bytes: &[u8]) {
    let query = String::from_utf8_lossy(bytes);
    let paces = Paces { rates_hz: vec![1, 4], lingers_ms: vec![20] };
    let options = match Options::from_query(Some(&query), &paces) {
        Ok(options) => options,
        Err(problem) => {
            assert!(CODES.contains(&problem.code), "{problem:?}");
            let field = problem.field.as_deref().unwrap_or_default();
            assert!(["topics", "cursor", "num", "ids", "rate", "linger_ms", "wait"].contains(&field), "{problem:?}");
            return;
        }
    };
    let again = Options::from_query(Some(&written(&options)), &paces).expect("what was understood can be written");
    assert_eq!(described(&again), described(&options), "{query:?}");
    if let Ok(topics) = options.required_topics(&Limits::default()) {
        assert!(!topics.is_empty() && topics.len() <= Limits::default().filters_per_connection_max);
    }
}

/// The options as a query of our own making.
fn written(options: &Options) -> String {
    let mut members: Vec<String> = Vec::new();
    let topics = options.topics.iter().flatten();
    members.extend(topics.map(|topic| format!("topics={}", topic.as_str().replace('>', "%3E"))));
    members.extend(options.cursor.iter().map(|cursor| format!("cursor={}", cursor.to_string().replace(':', "%3a"))));
    members.extend(options.num_string.map(|string| format!("num={}", if string { "string" } else { "number" })));
    members.extend(options.ids.map(|ids| format!("ids={}", u8::from(ids))));
    members.extend(options.rate.map(|rate| format!("rate={}", rate.0)));
    members.extend(options.linger_ms.map(|linger_ms| format!("linger_ms={linger_ms}")));
    members.extend(options.wait_s.map(|wait_s| format!("wait={wait_s}")));
    members.join("&")
}

fn described(options: &Options) -> String {
    let framing = options.framing(Form::Json);
    let (paces, wait_s) = ((options.rate, options.linger_ms), options.wait_s);
    format!("{:?} {:?} {framing:?} {paces:?} {wait_s:?}", options.topics, options.cursor)
}
