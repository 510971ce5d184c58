//! One market message → updates. Pure.

use super::message::{Data, Quote, Trade};
use super::renamed::Renamed;
use super::symbols::Symbol;
use crate::adapter::Output;
use crate::model::{Change, Decimal, Object, Topic, Update, Value};

/// Sale conditions (CTA and UTP plans) of trades that are no last price: average price, cash, out of sequence, extended
/// hours, odd lot, contingent, derivatively priced, and corrections of the close.
const NOT_LAST: &str = "BCHIMNPQRTUVWZ479";

/// Puts a message's updates out.
pub(super) fn translate(symbol: &mut Symbol, te: Option<i64>, data: Data, renamed: &mut Renamed, output: &mut Output) {
    match data {
        Data::Trade(trade) => one_trade(symbol, te, trade, output),
        Data::Quote(quote) => patch(output, &symbol.topics.quote, te, quote_fields(&quote)),
        Data::Bar(bar) | Data::UpdatedBar(bar) => {
            let fields = symbol.minutes.live(&bar, None);
            fields.into_iter().for_each(|fields| patch(output, &symbol.topics.minute, None, fields));
        }
        Data::DayBar(bar) => {
            let fields = symbol.days.live(&bar, None);
            fields.into_iter().for_each(|fields| patch(output, &symbol.topics.day, None, fields));
        }
        Data::Correction { original, corrected } => correction(symbol, te, original, &corrected, renamed, output),
        Data::Cancel { id, price, size, action } => cancel(symbol, te, id, (price, size), &action, renamed, output),
        Data::Status { code, text, reason } => status(symbol, te, &code, &text, &reason, output),
        Data::Limits { up, down } => {
            let fields = Object::new().with("limit_down", down).with("limit_up", up);
            patch(output, &symbol.topics.instrument, te, fields);
        }
    }
}

fn patch(output: &mut Output, topic: &Topic, te: Option<i64>, fields: Object) {
    output.updates.push(Update::new(topic.clone(), te, Change::Patch(fields)));
}

/// An event of the trade topic; nobody knows how many were missed before the first one after a lost connection.
fn event(symbol: &mut Symbol, te: Option<i64>, event: Object, output: &mut Output) {
    let topic = &symbol.topics.trade;
    symbol.has_traded = true;
    if std::mem::take(&mut symbol.is_interrupted) {
        output.updates.push(Update::new(topic.clone(), None, Change::Lost(None)));
    }
    output.updates.push(Update::new(topic.clone(), te, Change::Event(event)));
}

fn one_trade(symbol: &mut Symbol, te: Option<i64>, trade: Trade, output: &mut Output) {
    event(symbol, te, trade_fields(&trade, te), output);
    if is_last(&trade) {
        let fields = Object::new().with("last", trade.price).with("last_size", trade.size).with("last_ts", te);
        patch(output, &symbol.topics.quote, te, fields);
        symbol.last_id = Some(trade.id);
    }
}

fn trade_fields(trade: &Trade, te: Option<i64>) -> Object {
    let conditions =
        trade.conditions.iter().filter(|condition| condition.as_text().is_some_and(|c| !c.trim().is_empty()));
    Object::with_capacity(6)
        .with("cond", conditions.cloned().collect::<Vec<Value>>())
        .with("exchange", &*trade.exchange)
        .with("id", &*trade.id)
        .with("price", trade.price)
        .with("size", trade.size)
        .with("te", te)
}

fn is_last(trade: &Trade) -> bool {
    let is_odd = |condition: &Value| condition.as_text().is_some_and(|c| !c.is_empty() && NOT_LAST.contains(c));
    !trade.conditions.iter().any(is_odd)
}

/// The trade keeps the id that readers know it by, though Alpaca gives it another one.
fn correction(
    symbol: &mut Symbol,
    te: Option<i64>,
    original: String,
    corrected: &Trade,
    renamed: &mut Renamed,
    output: &mut Output,
) {
    let id = renamed.follow(original);
    let fields = trade_fields(corrected, te).with("action", "edit").with("id", &*id);
    event(symbol, te, fields, output);
    if symbol.last_id.as_ref() == Some(&id) {
        let fields = Object::new().with("last", corrected.price).with("last_size", corrected.size);
        patch(output, &symbol.topics.quote, te, fields);
    }
    renamed.note(corrected.id.clone(), id);
}

fn cancel(
    symbol: &mut Symbol,
    te: Option<i64>,
    id: String,
    (price, size): (Decimal, Decimal),
    action: &str,
    renamed: &mut Renamed,
    output: &mut Output,
) {
    let id = renamed.follow(id);
    let reason = if action == "E" { "error" } else { "cancel" };
    let fields = Object::with_capacity(6)
        .with("action", "remove")
        .with("id", &*id)
        .with("price", price)
        .with("reason", reason)
        .with("size", size)
        .with("te", te);
    event(symbol, te, fields, output);
    if symbol.last_id.as_ref() == Some(&id) {
        // Nobody says what the last price was before it.
        let nothing =
            Object::new().with("last", Value::Null).with("last_size", Value::Null).with("last_ts", Value::Null);
        patch(output, &symbol.topics.quote, te, nothing);
        symbol.last_id = None;
    }
}

/// A price of zero means that there is none.
fn quote_fields(quote: &Quote) -> Object {
    let side = |price: Decimal, size: Decimal| (!price.is_zero()).then_some((price, size)).unzip();
    let ((bid, bid_size), (ask, ask_size)) = (side(quote.bid, quote.bid_size), side(quote.ask, quote.ask_size));
    Object::with_capacity(4).with("ask", ask).with("ask_size", ask_size).with("bid", bid).with("bid_size", bid_size)
}

fn status(symbol: &Symbol, te: Option<i64>, code: &str, text: &str, reason: &str, output: &mut Output) {
    let mut fields = Object::with_capacity(3)
        .with("status_native", text)
        .with("status_reason", Some(reason).filter(|reason| !reason.is_empty()));
    if let Some(status) = status_word(code) {
        fields.set("status", status);
    }
    patch(output, &symbol.topics.instrument, te, fields);
}

/// The tape's code → our word: UTP has letters, CTA numbers. `None`: it does not say whether trading goes on
/// (imbalances, short sale restrictions).
fn status_word(code: &str) -> Option<&'static str> {
    match code {
        "H" | "P" | "2" => Some("halted"),
        "T" | "3" => Some("trading"),
        "Q" | "5" | "6" => Some("auction"),
        _ => None,
    }
}
