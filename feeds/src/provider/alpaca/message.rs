//! Alpaca's messages, with the names of its documentation ("Real-time Stock Pricing Data"). Prices are bare JSON
//! numbers, so they are read by `model`'s own scanner; every frame is an array of messages.

use crate::market::Bar;
use crate::model::{Decimal, JsonError, Object, Value, parse_value, utc_ms};

/// One message of a frame, read where it says what it is.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    Control(Control),
    Market {
        symbol: String,
        te: Option<i64>,
        data: Data,
    },
    /// Of a type that means nothing here (`i`, an auction's imbalance) or that is new.
    Unknown,
}

#[derive(Debug, PartialEq)]
pub(super) enum Control {
    Connected,
    Authenticated,
    Error {
        code: i64,
        message: String,
    },
    /// How many symbols of each channel are subscribed to now, and which.
    Subscription(Object),
}

#[derive(Debug, PartialEq)]
pub(super) enum Data {
    Trade(Trade),
    Quote(Quote),
    /// `b`: a minute is over.
    Bar(Bar),
    /// `u`: late trades changed a bar that is over.
    UpdatedBar(Bar),
    /// `d`: the bar of the day, as far as it came.
    DayBar(Bar),
    Correction {
        original: String,
        corrected: Trade,
    },
    Cancel {
        id: String,
        price: Decimal,
        size: Decimal,
        action: String,
    },
    Status {
        code: String,
        text: String,
        reason: String,
    },
    Limits {
        up: Decimal,
        down: Decimal,
    },
}

#[derive(Debug, PartialEq)]
pub(super) struct Trade {
    /// Exchange and number: a number alone is one exchange's.
    pub id: String,
    pub price: Decimal,
    pub size: Decimal,
    pub conditions: Vec<Value>,
    pub exchange: String,
}

/// A price of zero means that there is none.
#[derive(Debug, PartialEq)]
pub(super) struct Quote {
    pub bid: Decimal,
    pub bid_size: Decimal,
    pub ask: Decimal,
    pub ask_size: Decimal,
}

/// The items of a frame; else why it is none.
pub(super) fn items(frame: &[u8]) -> Result<Vec<Value>, JsonError> {
    match parse_value(frame)? {
        Value::Array(items) => Ok(items.to_vec()),
        _ => Err(JsonError { at: 0, what: "not an array" }),
    }
}

impl Message {
    /// `None`: it lacks something, or has something else in its place.
    pub(super) fn read(item: &Value) -> Option<Message> {
        let fields = Fields(item.as_object()?);
        let data = match fields.text("T")? {
            "success" => return Some(success(fields.text("msg")?)),
            "error" => {
                let code = i64::try_from(fields.number("code")?.mantissa()).ok()?;
                let message = fields.text("msg").unwrap_or_default().to_owned();
                return Some(Message::Control(Control::Error { code, message }));
            }
            "subscription" => return Some(Message::Control(Control::Subscription(Object::clone(fields.0)))),
            "t" => Data::Trade(fields.trade("i", "p", "s", "c")?),
            "q" => Data::Quote(fields.quote()?),
            "b" => Data::Bar(fields.bar(true)?),
            "u" => Data::UpdatedBar(fields.bar(true)?),
            "d" => Data::DayBar(fields.bar(false)?),
            "c" => Data::Correction { original: fields.id("oi")?, corrected: fields.trade("ci", "cp", "cs", "cc")? },
            "x" => Data::Cancel {
                id: fields.id("i")?,
                price: fields.number("p")?,
                size: fields.number("s")?,
                action: fields.text("a").unwrap_or_default().to_owned(),
            },
            "s" => Data::Status {
                code: fields.text("sc")?.to_owned(),
                text: fields.text("sm").unwrap_or_default().to_owned(),
                reason: fields.text("rm").unwrap_or_default().to_owned(),
            },
            "l" => Data::Limits { up: fields.number("u")?, down: fields.number("d")? },
            _ => return Some(Message::Unknown),
        };
        Some(Message::Market { symbol: fields.text("S")?.to_owned(), te: fields.te(), data })
    }
}

fn success(text: &str) -> Message {
    match text {
        "connected" => Message::Control(Control::Connected),
        "authenticated" => Message::Control(Control::Authenticated),
        _ => Message::Unknown,
    }
}

struct Fields<'a>(&'a Object);

impl Fields<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_text()
    }

    fn number(&self, key: &str) -> Option<Decimal> {
        self.0.get(key)?.as_number()
    }

    fn te(&self) -> Option<i64> {
        self.text("t").and_then(utc_ms)
    }

    fn id(&self, key: &str) -> Option<String> {
        let exchange = self.text("x").unwrap_or_default();
        self.number(key).map(|number| format!("{exchange}-{number}"))
    }

    fn trade(&self, id: &str, price: &str, size: &str, conditions: &str) -> Option<Trade> {
        let conditions = match self.0.get(conditions) {
            Some(Value::Array(conditions)) => conditions.to_vec(),
            _ => Vec::new(),
        };
        Some(Trade {
            id: self.id(id)?,
            price: self.number(price)?,
            size: self.number(size)?,
            conditions,
            exchange: self.text("x").unwrap_or_default().to_owned(),
        })
    }

    fn quote(&self) -> Option<Quote> {
        Some(Quote {
            bid: self.number("bp")?,
            bid_size: self.number("bs")?,
            ask: self.number("ap")?,
            ask_size: self.number("as")?,
        })
    }

    fn bar(&self, is_closed: bool) -> Option<Bar> {
        Some(Bar {
            open_ms: self.te()?,
            open: self.number("o")?,
            high: self.number("h")?,
            low: self.number("l")?,
            close: self.number("c")?,
            volume: self.number("v")?,
            trades: self.number("n").and_then(whole),
            is_closed,
        })
    }
}

fn whole(number: Decimal) -> Option<i64> {
    (number.scale() == 0).then(|| i64::try_from(number.mantissa()).ok())?
}
