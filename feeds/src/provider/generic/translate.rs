//! Bytes of a frame or a body → updates, as the mapping says. Pure: everything that is not published is counted, and
//! told to whoever asks why.

use super::config::Mapping;
use super::field::{self, Misfit, shortened};
use super::known::Known;
use super::matcher::Sign;
use super::message::Rule;
use super::notes::Notes;
use super::pointer::Place;
use super::source::Kind;
use super::sync::{self, Order, Step, Then, Verdict};
use crate::adapter::{LinkId, Output};
use crate::model::{self, Object, Topic, Update, Value, parse_value};

/// One frame on its way.
pub(super) struct Run<'r> {
    pub mapping: &'r Mapping,
    pub known: &'r mut Known,
    pub source: usize,
    pub output: &'r mut Output,
    pub notes: &'r mut Notes,
}

/// What an item says, before its topic is asked.
struct Said {
    topic: String,
    te: Option<i64>,
    number: Option<(i128, Order, Then)>,
    object: Object,
}

/// Why an item is not published.
enum Refusal {
    /// It is not meant: of another kind, or a symbol that nobody asked for.
    Ignored(String),
    /// It is not as the mapping says.
    Rejected(String),
}

impl From<Misfit> for Refusal {
    fn from(Misfit(what): Misfit) -> Refusal {
        Refusal::Rejected(what)
    }
}

impl<'r> Run<'r> {
    /// Takes a whole frame or body; false if it could not be read.
    pub(super) fn frame(&mut self, bytes: &[u8]) -> bool {
        if self.mapping.heartbeats.iter().any(|sign| sign.is_text(bytes)) {
            self.heartbeat();
            return true;
        }
        let value = match parse_value(bytes) {
            Ok(value) => value,
            Err(error) => {
                self.reject(&format!("not JSON: {error}"));
                return false;
            }
        };
        let top = Place::top(&value);
        let mut has_messages = false;
        if let Some(path) = &self.mapping.messages {
            path.walk(&top, false, &mut |message| {
                // A frame may also be a lone message, whose members are no messages.
                if message.is_item() {
                    has_messages = true;
                    self.message(message);
                }
            });
        }
        if !has_messages && !is_empty(&value) {
            self.message(&top);
        }
        true
    }

    fn message(&mut self, message: &Place<'_>) {
        self.sequence(message);
        let matches = |signs: &[Sign]| signs.iter().any(|sign| sign.matches(message));
        if matches(&self.mapping.heartbeats) {
            return self.heartbeat();
        }
        if matches(&self.mapping.refusals) {
            self.output.counts.refused += 1;
            return self.reject("the provider refused something: see refusal");
        }
        let mapping = self.mapping;
        let mut is_meant = false;
        let source = &mapping.sources[self.source].name;
        for (index, rule) in mapping.rules.iter().enumerate().filter(|(_, rule)| rule.is_from(source)) {
            match rule.when.miss(message) {
                Some(miss) => self.notes.say(|| format!("not {}: {miss}", rule.name)),
                None => {
                    is_meant = true;
                    self.notes.meant(index);
                    self.items(index, rule, message);
                }
            }
        }
        if !is_meant {
            self.ignore("no message matches");
        }
    }

    fn items(&mut self, index: usize, rule: &'r Rule, message: &Place<'_>) {
        match &rule.each {
            None => self.item(index, rule, message),
            Some(path) => path.walk(message, rule.reverse, &mut |item| self.item(index, rule, item)),
        }
    }

    fn item(&mut self, index: usize, rule: &'r Rule, item: &Place<'_>) {
        self.notes.look(index, rule, item);
        match self.said(rule, item).and_then(|said| self.publish(rule, said)) {
            Ok(()) => self.alive(self.source),
            Err(Refusal::Ignored(why)) => self.ignore(&format!("{}: {why}", rule.name)),
            Err(Refusal::Rejected(why)) => self.reject(&format!("{}: {why}", rule.name)),
        }
    }

    /// Reads everything that the rule wants of an item.
    fn said(&self, rule: &Rule, item: &Place<'_>) -> Result<Said, Refusal> {
        if let Some(miss) = rule.only.miss(item) {
            return Err(Refusal::Ignored(miss));
        }
        let symbol = self.symbol(rule, item)?;
        let topic = rule.topic.name(item, symbol.as_deref(), &self.mapping.symbols)?;
        let te = te(rule, item)?;
        let number = number(rule, item)?;
        let object = field::object(&rule.fields, item)?;
        if object.is_empty() && rule.change != sync::Change::Retire {
            return Err(Refusal::Ignored("none of the fields stands there".to_owned()));
        }
        Ok(Said { topic, te, number, object })
    }

    /// The canonical symbol of an item, if the rule or the source knows one.
    fn symbol(&self, rule: &Rule, item: &Place<'_>) -> Result<Option<String>, Refusal> {
        let Some(pointer) = &rule.symbol else {
            let index = self.mapping.sources[self.source].symbol;
            return Ok(index.map(|index| self.mapping.symbols.listed()[index].canonical.clone()));
        };
        let native = pointer.value(item)?.and_then(|native| native.as_text().map(str::to_owned));
        let native = native.ok_or_else(|| Refusal::Rejected("symbol: is null".to_owned()))?;
        let canonical = self.mapping.symbols.canonical(&native).to_owned();
        if self.mapping.symbols.welcomes(&canonical) {
            Ok(Some(canonical))
        } else {
            Err(Refusal::Ignored(format!("{canonical} is not in symbols")))
        }
    }

    fn publish(&mut self, rule: &Rule, said: Said) -> Result<(), Refusal> {
        if rule.change == sync::Change::Retire {
            return self.retire(&said);
        }
        let entry = self.known.entry(&said.topic, self.source, rule.silence_ms).map_err(Refusal::Rejected)?;
        if rule.change == sync::Change::Event && !entry.told.is_new(&said.object, rule.ids_kept) {
            self.notes.say(|| format!("{}: told before", said.topic));
            return Ok(());
        }
        let verdict = entry.sync.judge(rule.change, said.number);
        let (topic, subscription, is_waiting) = (entry.topic.clone(), entry.subscription, entry.sync.is_waiting());
        self.count(verdict, &topic);
        if verdict.is_dropped {
            let why = if is_waiting { "waits for a whole state" } else { "is known already" };
            self.notes.say(|| format!("{topic}: {why}"));
            return Ok(());
        }
        self.alive(subscription);
        if let Some(count) = verdict.lost {
            self.output.updates.push(Update::new(topic.clone(), None, model::Change::Lost(count)));
        }
        let change = match rule.change {
            sync::Change::Event => model::Change::Event(said.object),
            _ if verdict.is_reset => model::Change::Reset(said.object),
            sync::Change::State => model::Change::State(said.object),
            sync::Change::Patch | sync::Change::Retire => model::Change::Patch(said.object),
        };
        self.output.updates.push(Update::new(topic, said.te, change));
        Ok(())
    }

    fn retire(&mut self, said: &Said) -> Result<(), Refusal> {
        let topic =
            self.known.retire(&said.topic).ok_or_else(|| Refusal::Ignored(format!("{} is not known", said.topic)))?;
        self.output.updates.push(Update::new(topic, said.te, model::Change::Retire));
        Ok(())
    }

    /// Counts what a verdict means, and does what follows from it.
    fn count(&mut self, verdict: Verdict, topic: &Topic) {
        let mark = |stale| Update::new(topic.clone(), None, model::Change::Stale(stale));
        if verdict.is_gap {
            self.output.counts.gaps += 1;
            self.notes.say(|| format!("{topic}: a gap in its sequence"));
        }
        if verdict.is_lost {
            self.known.waiting += 1;
            self.output.updates.push(mark(true));
            self.reconnect();
        }
        if verdict.is_resynced {
            self.known.waiting -= 1;
            self.output.counts.resyncs += 1;
            self.output.updates.push(mark(false));
        }
        self.output.out_of_sync = self.known.waiting;
    }

    /// Checks the connection's own sequence.
    fn sequence(&mut self, message: &Place<'_>) {
        let Kind::Socket(socket) = &self.mapping.sources[self.source].kind else { return };
        let Some(gap) = &socket.gap else { return };
        let Some(number) = gap.at.find(message).as_deref().and_then(super::convert::whole_number) else { return };
        if !matches!(self.known.sequences[self.source].take(number, gap.order), Step::Gap(_)) {
            return;
        }
        self.output.counts.gaps += 1;
        self.notes.say(|| "a gap in the connection's sequence".to_owned());
        match gap.then {
            Then::Reset => self.known.break_off(self.source),
            Then::Reconnect => self.reconnect(),
        }
    }

    fn reconnect(&mut self) {
        let link = LinkId(self.source);
        if self.mapping.sources[self.source].is_socket() && !self.output.reconnects.contains(&link) {
            self.output.reconnects.push(link);
        }
    }

    fn heartbeat(&mut self) {
        self.notes.say(|| "a heartbeat".to_owned());
        self.alive(self.source);
    }

    fn alive(&mut self, subscription: usize) {
        if self.output.alive.last() != Some(&subscription) {
            self.output.alive.push(subscription);
        }
    }

    fn ignore(&mut self, why: &str) {
        self.output.counts.ignored += 1;
        self.notes.say(|| format!("ignored: {why}"));
    }

    fn reject(&mut self, why: &str) {
        self.output.counts.rejected += 1;
        self.notes.say(|| format!("rejected: {}", shortened(why)));
    }
}

fn is_empty(value: &Value) -> bool {
    matches!(value, Value::Array(items) if items.is_empty())
}

/// The provider's time of an item, if the rule has one and it stands there.
fn te(rule: &Rule, item: &Place<'_>) -> Result<Option<i64>, Misfit> {
    let Some(te) = &rule.te else { return Ok(None) };
    let ms = te.value(item).map_err(|Misfit(what)| Misfit(format!("te: {what}")))?;
    Ok(ms.and_then(|ms| i64::try_from(ms.as_number()?.mantissa()).ok()))
}

/// The sequence number of an item, if the rule has one.
fn number(rule: &Rule, item: &Place<'_>) -> Result<Option<(i128, Order, Then)>, Refusal> {
    let Some(gap) = &rule.gap else { return Ok(None) };
    let found = gap.at.find(item);
    let number = found.as_deref().and_then(super::convert::whole_number);
    let number =
        number.ok_or_else(|| Refusal::Rejected(format!("gap: no whole number stands at {}", gap.at.as_str())))?;
    Ok(Some((number, gap.order, gap.then)))
}
