//! BOUNDED: every limit is exceeded here, on a gateway that has it small: the client gets the error, the close or the
//! answer that the documents name, and a counter moves. A limit without a case fails the walk.

mod publishing;
mod requests;
mod subscribers;

use crate::gateway::Gateway;
use fanwire::limits::Limits;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

struct Case {
    limit: &'static str,
    /// What it is set to.
    value: u64,
    /// The rest of the configuration, from the other keys of `[limits]` on.
    sections: &'static str,
    /// The metric that moves, and a label of it.
    counter: (&'static str, &'static str),
    exceed: fn(&Gateway),
}

const fn case(limit: &'static str, value: u64, counter: (&'static str, &'static str), exceed: fn(&Gateway)) -> Case {
    Case { limit, value, sections: "", counter, exceed }
}

const fn with(sections: &'static str, case: Case) -> Case {
    Case { sections, ..case }
}

const CLOSES: &str = "fanwire_closes_total";
const ERRORS: &str = "fanwire_errors_total";
const RESUMES: &str = "fanwire_resumes_total";

const CASES: &[Case] = &[
    case("connections_max", 2, (CLOSES, "\"too_many_connections\""), requests::connections),
    case("connections_per_address_max", 2, (CLOSES, "\"too_many_from_address\""), requests::connections_per_address),
    case("accepts_per_turn_max", 1, ("fanwire_accepts_deferred_total", ""), requests::accepts),
    case("topics_max", 1, (ERRORS, "\"topics_limit\""), publishing::topics),
    case("filters_per_connection_max", 2, (ERRORS, "\"topics_limit\""), subscribers::filters),
    case("patterns_per_connection_max", 1, (ERRORS, "\"topics_limit\""), subscribers::patterns),
    case("topics_per_connection_max", 2, ("fanwire_topics_limited_total", ""), subscribers::topics_covered),
    case("state_bytes_max", 1_024, (ERRORS, "\"state_too_big\""), publishing::state_bytes),
    case("message_bytes_max", 1_024, (CLOSES, "\"message_too_big\""), subscribers::message_bytes),
    with(
        "commands_burst_max = 2",
        case("commands_per_second_max", 1, (ERRORS, "\"too_many_commands\""), subscribers::commands),
    ),
    with(
        "commands_per_second_max = 1",
        case("commands_burst_max", 1, (ERRORS, "\"too_many_commands\""), subscribers::burst),
    ),
    case("pending_entries_max", 8, ("fanwire_lags_total", ""), subscribers::pending_entries),
    case("resume_entries_max", 1, (RESUMES, "\"snapshots\""), subscribers::resume_entries),
    case("log_segments_max", 2, (RESUMES, "\"snapshots\""), subscribers::log_segments),
    case("log_bytes_max", 64 * 1024, (RESUMES, "\"snapshots\""), subscribers::log_bytes),
    case("head_bytes_max", 8 * 1024, (CLOSES, "\"bad_head\""), requests::head_bytes),
    case("head_timeout_ms", 200, (CLOSES, "\"head_timeout\""), requests::head_timeout),
    case("body_bytes_max", 1_024, (ERRORS, "\"body_too_big\""), requests::body_bytes),
    case("body_timeout_ms", 200, (ERRORS, "\"body_timeout\""), requests::body_timeout),
    case("publish_line_bytes_max", 1_024, (ERRORS, "\"line_too_big\""), publishing::publish_line_bytes),
    case("poll_body_bytes_max", 1_024, ("fanwire_polls_cut_total", ""), requests::poll_body_bytes),
    case("snapshot_body_bytes_max", 1_024, (ERRORS, "\"body_too_big\""), requests::snapshot_body_bytes),
    case("poll_wait_max_s", 0, ("fanwire_connections_opened_total", "\"long_poll\""), requests::poll_wait),
    case("write_stall_ms", 200, (CLOSES, "\"write_stalled\""), requests::write_stall),
    case("close_timeout_ms", 200, (CLOSES, "\"protocol_error\""), subscribers::close_timeout),
    case("errors_per_connection_max", 1, (CLOSES, "\"too_many_errors\""), subscribers::errors),
    case("ingest_batches_max", 1, ("fanwire_feed_conflated_total", "\"test\""), publishing::ingest_batches),
    with(
        "[publish]\nwait_ms = 0",
        case("publishes_waiting_max", 1, (ERRORS, "\"ingest_full\""), publishing::publishes_waiting),
    ),
    case("history_items_max", 3, (ERRORS, "\"bad_option\""), requests::history_items),
];

#[test]
fn every_limit_has_a_case() {
    let limits: Vec<&str> = Limits::default().ranges().iter().map(|(limit, ..)| *limit).collect();
    let cases: Vec<&str> = CASES.iter().map(|case| case.limit).collect();
    let as_set = |names: &[&'static str]| names.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(as_set(&limits), as_set(&cases));
    assert_eq!(limits.len(), cases.len(), "a limit has two cases");
    for (limit, default, ..) in Limits::default().ranges() {
        let case = CASES.iter().find(|case| case.limit == limit).unwrap();
        assert_ne!(case.value, default, "{limit}: a case that leaves the default proves nothing");
    }
}

#[test]
fn every_limit_is_exceeded_and_named() {
    let mut failures = Vec::new();
    for case in CASES {
        let began = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| prove(case)));
        eprintln!(
            "{:<30} {:>6} ms {}",
            case.limit,
            began.elapsed().as_millis(),
            if outcome.is_ok() { "ok" } else { "FAILED" }
        );
        if let Err(panic) = outcome {
            failures.push(format!("{}: {}", case.limit, crate::matrix::message_of(&*panic)));
        }
    }
    assert!(failures.is_empty(), "{} limits failed:\n{}", failures.len(), failures.join("\n\n"));
}

fn prove(case: &Case) {
    let (metric, label) = case.counter;
    let sections = format!("[limits]\n{} = {}\n{}", case.limit, case.value, case.sections);
    let gateway = Gateway::with("shards = 1", &sections);
    let before = gateway.metric(metric, label);
    (case.exceed)(&gateway);
    gateway.await_metric(metric, label, |now| now > before);
}
