//! Options of a subscription: the same names in a query, in a poll's JSON body and in WebSocket commands.

use super::reply::Problem;
use crate::framing::{Form, Framing};
use crate::limits::{Limits, TooManyFilters, TooManyTopics};
use crate::log::Cursor;
use crate::shard::{Paces, Rate, Refused, Subscription};
use feeds::model::Pattern;

/// Options as a client wrote them; `None`: not given.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub topics: Option<Vec<Pattern>>,
    pub cursor: Option<Cursor>,
    pub num_string: Option<bool>,
    pub ids: Option<bool>,
    pub rate: Option<Rate>,
    pub linger_ms: Option<u32>,
    pub wait_s: Option<u64>,
}

impl Options {
    /// Reads a query string. Unknown names are left alone, so that cache busters and tokens do no harm.
    pub fn from_query(query: Option<&str>, paces: &Paces) -> Result<Options, Problem> {
        let mut options = Options::default();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            options.set(&name, &value, paces)?;
        }
        Ok(options)
    }

    /// Takes one option as text.
    pub fn set(&mut self, name: &str, value: &str, paces: &Paces) -> Result<(), Problem> {
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
            "rate" => self.rate = Some(Rate(pace("rate", value, &paces.rates_hz)?)),
            "linger_ms" => self.linger_ms = Some(pace("linger_ms", value, &paces.lingers_ms)?),
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

    /// What a connection asks for with its request, if it names topics.
    pub fn subscription(&self, topics: Vec<Pattern>) -> Subscription {
        Subscription { topics, cursor: self.cursor.clone(), rate: self.rate.unwrap_or_default() }
    }

    pub fn framing(&self, form: Form) -> Framing {
        let (num_string, ids) = (self.num_string.unwrap_or(false), self.ids.unwrap_or(false));
        Framing { form, quiet: false, num_string, ids }
    }
}

impl From<TooManyFilters> for Problem {
    fn from(error: TooManyFilters) -> Problem {
        Refused::from(error).into()
    }
}

impl From<TooManyTopics> for Problem {
    fn from(error: TooManyTopics) -> Problem {
        Refused::from(error).into()
    }
}

impl From<Refused> for Problem {
    fn from(error: Refused) -> Problem {
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
    Err(unlisted(name, value, &allowed.join(", ")))
}

/// The value, if it is 0 or configured.
fn pace(name: &'static str, value: &str, configured: &[u32]) -> Result<u32, Problem> {
    let known = value.parse().ok().filter(|value| *value == 0 || configured.contains(value));
    let all = || [0].iter().chain(configured).map(u32::to_string).collect::<Vec<_>>().join(", ");
    known.ok_or_else(|| unlisted(name, value, &all()))
}

fn unlisted(name: &'static str, value: &str, allowed: &str) -> Problem {
    Problem::bad("bad_option", format!("{name}: {value:?} is not one of those allowed: {allowed}"), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let paces = Paces { rates_hz: vec![1, 4], lingers_ms: vec![20] };
        let query = "topics=a.b,c.*&topics=d&cursor=k3:7&num=string&ids=1&rate=4&linger_ms=20&_=123";
        let options = Options::from_query(Some(query), &paces).unwrap();
        let topics: Vec<String> =
            options.required_topics(&Limits::default()).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(topics, ["a.b", "c.*", "d"]);
        assert_eq!(options.cursor.clone().unwrap().to_string(), "k3:7");
        let framing = options.framing(Form::Sse);
        assert!(framing.num_string && framing.ids);
        assert_eq!((options.rate, options.linger_ms), (Some(Rate(4)), Some(20)));
        for (query, code, field) in [
            ("topics=a..b", "bad_topic", "topics"),
            ("topics=", "bad_topic", "topics"),
            ("cursor=x", "bad_cursor", "cursor"),
            ("num=float", "bad_option", "num"),
            ("rate=3", "bad_option", "rate"),
            ("linger_ms=7", "bad_option", "linger_ms"),
            ("wait=soon", "bad_option", "wait"),
        ] {
            let problem = Options::from_query(Some(query), &paces).unwrap_err();
            assert_eq!((problem.code, problem.field.as_deref()), (code, Some(field)), "{query}");
        }
        let problem = Options::from_query(Some("rate=3"), &paces).unwrap_err();
        assert_eq!(problem.message, "rate: \"3\" is not one of those allowed: 0, 1, 4");
        assert_eq!(
            Options::from_query(None, &paces).unwrap().required_topics(&Limits::default()).unwrap_err().code,
            "topics_missing"
        );
    }
}
