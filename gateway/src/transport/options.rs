//! Options of a subscription: the same names in a query, in a poll's JSON body and in WebSocket commands.

use super::reply::Problem;
use crate::framing::{Form, Framing};
use crate::limits::{Limits, TooManyFilters};
use crate::log::Cursor;
use feeds::model::Pattern;

/// Delivery rates that may be asked for, in Hz. None yet: rate classes come with a later version.
const RATES_HZ: &[&str] = &[];
/// Latency budgets that may be asked for, in ms.
const LINGERS_MS: &[&str] = &["0"];

/// Options as a client wrote them; `None`: not given.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub topics: Option<Vec<Pattern>>,
    pub cursor: Option<Cursor>,
    pub num_string: Option<bool>,
    pub ids: Option<bool>,
    pub wait_s: Option<u64>,
}

impl Options {
    /// Reads a query string. Unknown names are left alone, so that cache busters and tokens do no harm.
    pub fn from_query(query: Option<&str>) -> Result<Options, Problem> {
        let mut options = Options::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            options.set(&name, &value)?;
        }
        Ok(options)
    }

    /// Takes one option as text.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        match name {
            "topics" => {
                let topics = self.topics.get_or_insert_default();
                for topic in value.split(',') {
                    topics.push(parse_pattern(topic)?);
                }
            }
            "cursor" => self.cursor = Some(parse_cursor(value)?),
            "num" => self.num_string = Some(listed("num", value, &["number", "string"])? == "string"),
            "ids" => self.ids = Some(listed("ids", value, &["0", "1"])? == "1"),
            "rate" => drop(listed("rate", value, RATES_HZ)?),
            "linger_ms" => drop(listed("linger_ms", value, LINGERS_MS)?),
            "wait" => {
                let whole: Result<u64, _> = value.parse();
                self.wait_s = Some(whole.map_err(|_| Problem::bad("bad_option", "wait is whole seconds", "wait"))?);
            }
            _ => {}
        }
        Ok(())
    }

    /// The topics, of which there must be some, and not too many.
    pub fn required_topics(&self, limits: &Limits) -> Result<Vec<Pattern>, Problem> {
        match &self.topics {
            Some(topics) if !topics.is_empty() => {
                limits.check_filters(topics)?;
                Ok(topics.clone())
            }
            _ => Err(Problem::bad("topics_missing", "name at least one topic or pattern", "topics")),
        }
    }

    /// The topics, if there are any.
    pub fn topics_if_any(&self, limits: &Limits) -> Result<Option<Vec<Pattern>>, Problem> {
        self.topics.is_some().then(|| self.required_topics(limits)).transpose()
    }

    pub fn framing(&self, form: Form) -> Framing {
        let (num_string, ids) = (self.num_string.unwrap_or(false), self.ids.unwrap_or(false));
        Framing { form, quiet: false, num_string, ids }
    }
}

impl From<TooManyFilters> for Problem {
    fn from(error: TooManyFilters) -> Problem {
        Problem::bad("topics_limit", error.to_string(), "topics")
    }
}

pub fn parse_pattern(text: &str) -> Result<Pattern, Problem> {
    Pattern::new(text).map_err(|error| Problem::bad("bad_topic", format!("{text:?}: {error}"), "topics"))
}

pub fn parse_cursor(text: &str) -> Result<Cursor, Problem> {
    text.parse().map_err(|error: crate::log::CursorError| Problem::bad("bad_cursor", error.to_string(), "cursor"))
}

/// The value, if it is one of those allowed; else an error that names them.
fn listed<'a>(name: &'static str, value: &'a str, allowed: &[&str]) -> Result<&'a str, Problem> {
    if allowed.contains(&value) {
        return Ok(value);
    }
    let choices = if allowed.is_empty() { "none (not configured)".to_owned() } else { allowed.join(", ") };
    Err(Problem::bad("bad_option", format!("{name}: {value:?} is not one of those allowed: {choices}"), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let options = Options::from_query(Some("topics=a.b,c.*&topics=d&cursor=k3:7&num=string&ids=1&_=123")).unwrap();
        let topics: Vec<String> =
            options.required_topics(&Limits::default()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(topics, ["a.b", "c.*", "d"]);
        assert_eq!(options.cursor.clone().unwrap().to_string(), "k3:7");
        let framing = options.framing(Form::Sse);
        assert!(framing.num_string && framing.ids);
        for (query, code, field) in [
            ("topics=a..b", "bad_topic", "topics"),
            ("topics=", "bad_topic", "topics"),
            ("cursor=x", "bad_cursor", "cursor"),
            ("num=float", "bad_option", "num"),
            ("rate=3", "bad_option", "rate"),
            ("linger_ms=7", "bad_option", "linger_ms"),
            ("wait=soon", "bad_option", "wait"),
        ] {
            let problem = Options::from_query(Some(query)).unwrap_err();
            assert_eq!((problem.code, problem.field.as_deref()), (code, Some(field)), "{query}");
        }
        assert_eq!(
            Options::from_query(None).unwrap().required_topics(&Limits::default()).unwrap_err().code,
            "topics_missing"
        );
    }
}
