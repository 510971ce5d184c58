//! What a client may say: `sub`, `unsub`, `set`, `ping`. Each is answered; a mistake is named, too many end the
//! connection.

use crate::close::CloseReason;
use crate::framing::{message, wrap};
use crate::shard::{Alteration, ConnKey, Core, Wire};
use crate::transport::options::{Options, parse_pattern};
use crate::transport::reply::Problem;
use hyper::StatusCode;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Longest `id` that is taken, in bytes of JSON.
const ID_BYTES_MAX: usize = 64;

#[derive(Debug, Deserialize)]
struct Command<'a> {
    #[serde(borrow)]
    op: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    topics: Option<Vec<std::borrow::Cow<'a, str>>>,
    #[serde(borrow)]
    cursor: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    rate: Option<&'a RawValue>,
    #[serde(borrow)]
    linger_ms: Option<&'a RawValue>,
    #[serde(borrow)]
    num: Option<&'a RawValue>,
    #[serde(borrow)]
    ids: Option<&'a RawValue>,
}

/// Carries out one text message. `Err` ends the connection.
pub fn obey<W: Wire>(core: &mut Core<W>, key: ConnKey, text: &str, now_ms: i64) -> Result<(), CloseReason> {
    let affordable = has_budget(core, key, now_ms);
    let command: Command<'_> = match serde_json::from_str(text) {
        Ok(command) => command,
        Err(error) => {
            let problem = Problem::bad("bad_json", format!("not a command: {error}"), "");
            return refuse(core, key, None, &Problem { field: None, ..problem });
        }
    };
    let id = match command.id.map(RawValue::get) {
        Some(id) if !is_id(id) => {
            let problem = Problem::bad("bad_id", "id is a number or a string of at most 62 bytes", "id");
            return refuse(core, key, None, &problem);
        }
        id => id,
    };
    if !affordable {
        return refuse_superfluous(core, key, id);
    }
    match carry_out(core, key, &command, id, now_ms) {
        Ok(()) => Ok(()),
        Err(problem) => refuse(core, key, id, &problem),
    }
}

fn is_id(json: &str) -> bool {
    json.len() <= ID_BYTES_MAX && matches!(json.as_bytes().first(), Some(b'"' | b'-' | b'0'..=b'9'))
}

fn carry_out<W: Wire>(
    core: &mut Core<W>,
    key: ConnKey,
    command: &Command<'_>,
    id: Option<&str>,
    now_ms: i64,
) -> Result<(), Problem> {
    let Some(form) = core.connection(key).map(|connection| connection.framing.form) else { return Ok(()) };
    match command.op.as_deref() {
        Some("ping") => core.send(key, &message::pong(id), None),
        Some("sub") => {
            let options = options_of(core, command)?;
            let topics = options.required_topics(&core.settings().limits)?;
            let ok = wrap(form, &message::ok(id), None);
            core.subscribe(key, &options.subscription(topics), Some(ok), now_ms)?;
            // Nothing of the subscription is written yet, so all of it comes in the new form.
            if let Some(alteration) = alteration_of(&options) {
                core.alter(key, &alteration, None, now_ms)?;
            }
        }
        Some("unsub") => {
            let topics = options_of(core, command)?.required_topics(&core.settings().limits)?;
            core.unsubscribe(key, &topics, Some(wrap(form, &message::ok(id), None)), now_ms)?;
        }
        Some("set") => {
            let options = options_of(core, command)?;
            let topics = options.topics_if_any(&core.settings().limits)?;
            let alteration = alteration_of(&options).unwrap_or_default();
            let alteration = Alteration { rate: options.rate, topics, ..alteration };
            core.alter(key, &alteration, Some(wrap(form, &message::ok(id), None)), now_ms)?;
        }
        Some(op) => return Err(Problem::bad("unknown_op", format!("{op:?} is not sub, unsub, set or ping"), "op")),
        None => return Err(Problem::bad("unknown_op", "op is missing", "op")),
    }
    Ok(())
}

/// The options of the whole connection, if there are any among them.
fn alteration_of(options: &Options) -> Option<Alteration> {
    let Options { num_string, ids, linger_ms, .. } = *options;
    let any = num_string.is_some() || ids.is_some() || linger_ms.is_some();
    any.then(|| Alteration { num_string, ids, linger_ms, ..Alteration::default() })
}

fn options_of<W: Wire>(core: &Core<W>, command: &Command<'_>) -> Result<Options, Problem> {
    let paces = &core.settings().paces;
    let mut options = Options::default();
    if let Some(topics) = &command.topics {
        options.topics = Some(topics.iter().map(|topic| parse_pattern(topic)).collect::<Result<_, _>>()?);
    }
    if let Some(cursor) = &command.cursor {
        options.set("cursor", cursor, paces)?;
    }
    let texts = [("rate", command.rate), ("linger_ms", command.linger_ms), ("num", command.num), ("ids", command.ids)];
    for (name, value) in texts.into_iter().filter_map(|(name, value)| Some((name, value?.get()))) {
        options.set(name, value.trim_matches('"'), paces)?;
    }
    Ok(options)
}

/// Whatever a client says costs one command, pings and unasked pongs too.
pub fn has_budget<W: Wire>(core: &mut Core<W>, key: ConnKey, now_ms: i64) -> bool {
    let limits = &core.settings().limits;
    let (per_second, burst) = (limits.commands_per_second_max, limits.commands_burst_max);
    core.connection(key).is_none_or(|connection| connection.commands.take(per_second, burst, now_ms))
}

/// Answers what is not obeyed, since the connection's budget of commands is used up.
pub fn refuse_superfluous<W: Wire>(core: &mut Core<W>, key: ConnKey, id: Option<&str>) -> Result<(), CloseReason> {
    let most = core.settings().limits.commands_per_second_max;
    let message = format!("at most {most} commands a second are taken");
    refuse(core, key, id, &Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_commands", message))
}

fn refuse<W: Wire>(core: &mut Core<W>, key: ConnKey, id: Option<&str>, problem: &Problem) -> Result<(), CloseReason> {
    core.counters().count_error(problem.code);
    core.send(key, &message::error(id, problem.code, &problem.message, problem.field.as_deref()), None);
    let budget = core.settings().limits.errors_per_connection_max;
    let Some(connection) = core.connection(key) else { return Ok(()) };
    connection.errors += 1;
    if connection.errors > budget { Err(CloseReason::TooManyErrors) } else { Ok(()) }
}
