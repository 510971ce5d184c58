//! What `fanwire check` says of a generic feed's mapping, and what `docs/generic.md` says of its keys.

use feeds::registry::FeedConfig;

#[path = "support/mapping.rs"]
mod mapping;
use mapping::{EXAMPLE, feeds, problems};

const SOCKET: &str = "[[feed.socket]]\nurl = \"ws://127.0.0.1:1\"\n";

#[test]
fn all_problems_are_told_at_once_with_their_paths() {
    let told = problems(
        r#"
        name = "Acme Inc"
        symbols = ["A", "A", 5]
        aliases = { A = ["a", "a"], B = 7 }
        topics_max = 0
        mesages = "/*"
        heartbeat = [5, { "x" = 1 }]
        headers = { "bad name" = "x" }
        limits = { backoff_min_ms = 0 }
        [[feed.socket]]
        url = "http://x"
        subscribe = "{native}"
        ping_interval_ms = 5
        [[feed.poll]]
        interval_ms = "5s"
        [[feed.message]]
        when = { "type" = "t" }
        each = "/data"
        topic = "quote..{s}"
        [[feed.message]]
        from = "main"
        topic = "quote.{symbol}"
        change = "patches"
        silence_ms = -1
        te = { at = "/t", unit = "min" }
        gap = { at = "/q", then = "panic" }
        fields = { a = "bid", b = { at = "/b", as = "float" }, c = 5, d = { at = "/d", as = "enum" }, e = { x = { at = 1 } }, f = { each = "/f", key = "/0" }, g = { value = 1.5 } }
        [[feed.message]]
        topic = "trade.x"
        reverse = true
        symbol = "/s"
        "#,
    );
    let keys: Vec<&str> = told.iter().map(|problem| &*problem.key).collect();
    let wanted = [
        "name",
        "symbols[1]",
        "symbols[2]",
        "aliases.A",
        "aliases.B",
        "topics_max",
        "mesages",
        "heartbeat[0]",
        "heartbeat[1].x",
        "headers",
        "limits.backoff_min_ms",
        "socket[0].url",
        "socket[0].ping_interval_ms",
        "poll[0].url",
        "poll[0].interval_ms",
        "message[0].when.type",
        "message[0].each",
        "message[0].topic",
        "message[0].fields",
        "message[1].change",
        "message[1].silence_ms",
        "message[1].te.unit",
        "message[1].gap.then",
        "message[1].fields.a",
        "message[1].fields.b.as",
        "message[1].fields.c",
        "message[1].fields.d.table",
        "message[1].fields.e.x.at",
        "message[1].fields.f.each",
        "message[1].fields.f.item",
        "message[1].fields.g.value",
        "message[2].reverse",
        "message[2].symbol",
        "message[2].fields",
    ];
    for key in wanted {
        assert!(keys.contains(&key), "{key} is not among {told:#?}");
    }
    let message = |key: &str| told.iter().find(|problem| problem.key == key).unwrap().message.clone();
    assert!(message("mesages").starts_with("no such key; there are name, symbols,"), "{}", message("mesages"));
    assert_eq!(
        message("message[1].fields.b.as"),
        r#"must be one of "json", "decimal", "integer", "text", "time", "enum", "bool", not "float""#
    );
    assert!(message("message[1].change").contains(r#""patch", "state", "event", "retire""#));
}

/// What `docs/generic.md` says of keys is complete: each that is known stands there.
#[test]
fn every_key_is_documented() {
    let page = include_str!("../../docs/generic.md");
    let told = problems(
        r#"
        zz = 1
        [[feed.socket]]
        zz = 1
        gap = { zz = 1 }
        [[feed.poll]]
        zz = 1
        [[feed.message]]
        zz = 1
        te = { zz = 1 }
        fields = { a = { at = "/a", as = "decimal", zz = 1 }, b = { at = "/b", as = "enum", zz = 1 }, c = { at = "/b", as = "time", zz = 1 }, d = { each = "/*", zz = 1 }, e = { value = 1, zz = 1 } }
        "#,
    );
    let lists = told.iter().filter_map(|problem| problem.message.strip_prefix("no such key; there are "));
    let keys: Vec<&str> = lists.flat_map(|list| list.split(", ")).collect();
    assert!(keys.len() > 50, "{told:#?}");
    for key in keys {
        assert!(
            page.contains(&format!("`{key}`")) || page.contains(&format!("{key} = ")),
            "{key} is not in docs/generic.md"
        );
    }
}

#[test]
fn what_does_not_fit_together_is_told() {
    let text = format!(
        "name = \"x\"\n{SOCKET}[[feed.message]]\nfrom = \"stream\"\ntopic = \"quote.{{symbol}}\"\nfields = {{ a = \"/a\" }}\ngap = {{ at = \"/n\", then = \"reconnect\" }}\n"
    );
    let told: Vec<String> = problems(&text).iter().map(ToString::to_string).collect();
    assert_eq!(told[0], r#"message[0].from: no socket and no poll is called "stream"; there are socket"#);
    assert!(told[1].starts_with("message[0].gap.then: "), "{told:?}");
    let empty: Vec<String> = problems("name = \"nhl\"").into_iter().map(|problem| problem.key).collect();
    assert_eq!(empty, ["name", "socket", "message"], "the name is taken, nothing is read, nothing is said");
    let unset = problems(&format!(
        "name = \"x\"\nheaders = {{ K = \"Bearer ${{FANWIRE_NO_SUCH_KEY}}\" }}\n{SOCKET}[[feed.message]]\ntopic = \"a.b\"\nfields = {{ a = \"/a\" }}\n"
    ));
    assert!(unset[0].message.contains("FANWIRE_NO_SUCH_KEY"), "{unset:?}");
}

#[test]
fn a_configuration_survives_being_written() {
    for feed in feeds(EXAMPLE) {
        let text = serde_json::to_string(&feed).unwrap();
        assert_eq!(serde_json::from_str::<FeedConfig>(&text).unwrap(), feed);
        let head = feeds::capture::Head { config: Some(text), ..feeds::capture::Head::default() };
        let played = feeds::registry::for_replay("generic", &head).unwrap();
        assert_eq!(played.provider(), feed.provider());
    }
}
