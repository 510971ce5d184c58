//! One client: what it asked for, what it was told, and the Cursor rule. What it holds of each topic: `topics.rs`.

use super::message::{Body, Message, Piece};
use super::topics::{Held, Told};
use super::trace::tell;
use super::truth::{Moment, Truth, Word};
use super::{Filters, offset_of};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    WebSocket,
    Sse,
    LongPoll,
    /// Whole snapshots, again and again.
    Polling,
}

impl Form {
    pub fn is_stream(self) -> bool {
        matches!(self, Form::WebSocket | Form::Sse)
    }
}

/// A command whose `ok` is awaited.
#[derive(Clone, Debug)]
pub enum Asked {
    /// `resumed`: with the cursor.
    Sub {
        filters: Filters,
        resumed: bool,
        /// Hz; 0: unthrottled.
        rate: u32,
    },
    Unsub(Filters),
    Set {
        num_string: bool,
        ids: bool,
        /// Of all subscriptions.
        rate: Option<u32>,
    },
}

#[derive(Clone, Debug)]
pub struct Reader {
    pub name: String,
    pub form: Form,
    pub held: BTreeMap<String, Held>,
    /// What the server last stated.
    pub cursor: Option<String>,
    /// What the cursor covers: that whose `ok` came before it.
    pub covered: Filters,
    /// What is subscribed on this connection, as of the last `ok`.
    pub in_force: Filters,
    /// Those of them that are throttled.
    throttled: Filters,
    pub(super) asked: VecDeque<(u64, Asked)>,
    pub num_string: bool,
    pub ids: bool,
    pub(super) epoch: String,
    greeted: bool,
    closed: Option<u16>,
    /// Everything in force up to this offset was told, in order. `None`: the connection is not whole, the next `at` makes
    /// it so.
    pub(super) gapless_to: Option<u64>,
    /// No `at` is due, though none was told yet: the first subscription found nothing to tell, or the last throttled one
    /// was given up. Cleared by a message that states no cursor.
    may_be_live: bool,
    /// Something was told without a cursor since the last one: some topics may be newer than the cursor.
    is_uneven: bool,
    /// No cursor on this connection may be below.
    floor: u64,
    /// The cursor that this connection went on from.
    pub(super) resumed_from: Option<String>,
    /// From a resume to the next `at`: what the client knows already may come again.
    pub(super) replay: bool,
    /// Topics named since the connection began.
    named: BTreeSet<String>,
    /// Seqs of topics that are gone, until an `at`: what led there may come again after a resume. While something is
    /// throttled they stay, since an end is told at once, and cursors from before it are stated later.
    pub(super) graves: HashMap<String, u64>,
    numbers: HashMap<u64, String>,
    /// (t, topic, seq, the text of data) of every entry and snapshot since [`Reader::begin`].
    pub words: Vec<(String, String, u64, String)>,
    pub lost: u64,
    pub messages: u64,
    /// Snapshots of each `why`.
    pub whys: BTreeMap<String, u64>,
}

impl Reader {
    pub fn new(name: &str, form: Form, num_string: bool, ids: bool) -> Reader {
        Reader {
            name: name.to_owned(),
            form,
            held: BTreeMap::new(),
            cursor: None,
            covered: Filters::default(),
            in_force: Filters::default(),
            throttled: Filters::default(),
            asked: VecDeque::new(),
            num_string,
            ids,
            epoch: String::new(),
            greeted: false,
            closed: None,
            gapless_to: None,
            may_be_live: false,
            is_uneven: false,
            floor: 0,
            resumed_from: None,
            replay: false,
            named: BTreeSet::new(),
            graves: HashMap::new(),
            numbers: HashMap::new(),
            words: Vec::new(),
            lost: 0,
            messages: 0,
            whys: BTreeMap::new(),
        }
    }

    /// A connection begins, or a request. `resumed`: it goes on from the cursor; else what was held is given up.
    pub fn begin(&mut self, resumed: bool) {
        let Reader { name, form, held, num_string, ids, epoch, lost, messages, .. } = self;
        let mut new = Reader::new(name, *form, *num_string, *ids);
        (new.lost, new.messages, new.whys) = (*lost, *messages, std::mem::take(&mut self.whys));
        if resumed {
            (new.held, new.epoch) = (std::mem::take(held), std::mem::take(epoch));
            (new.covered, new.graves) = (std::mem::take(&mut self.covered), std::mem::take(&mut self.graves));
            (new.cursor, new.resumed_from) = (self.cursor.clone(), self.cursor.take());
            new.floor = new.resume_offset().unwrap_or(0);
            new.replay = true;
        }
        *self = new;
    }

    /// The offset that the connection goes on from, if the cursor is of this epoch.
    pub(super) fn resume_offset(&self) -> Option<u64> {
        let cursor = self.resumed_from.as_ref()?;
        (cursor.split(':').next() == Some(&self.epoch)).then(|| offset_of(cursor))
    }

    /// The offset in the last cursor; 0 if there is none.
    pub fn offset(&self) -> u64 {
        self.cursor.as_ref().map_or(0, |cursor| offset_of(cursor))
    }

    /// True if it holds exactly what was at its cursor.
    pub fn is_whole(&self) -> bool {
        self.asked.is_empty() && !self.replay && self.gapless_to.is_some() && self.cursor.is_some()
    }

    /// The cursor that this connection or request went on from.
    pub fn resumed_from(&self) -> Option<&str> {
        self.resumed_from.as_deref()
    }

    /// The same client with another form, about to go on from its cursor.
    pub fn take_up(&self, form: Form) -> Reader {
        let mut reader = self.clone();
        reader.ended();
        (reader.name, reader.form, reader.num_string) = (format!("{form:?} from {:?}", self.cursor), form, false);
        reader.whys.clear();
        reader
    }

    pub fn is_waiting_for_ok(&self) -> bool {
        !self.asked.is_empty()
    }

    pub fn asks(&mut self, id: u64, asked: Asked) {
        tell(|| format!("{} asks {id}: {asked:?}", self.name));
        self.asked.push_back((id, asked));
    }

    /// The connection is over, and what was on its way is lost.
    pub fn ended(&mut self) {
        if std::mem::take(&mut self.is_uneven) {
            self.held.values_mut().for_each(|held| held.ahead = true);
        }
        self.greeted = false;
        self.asked.clear();
        let covered = &self.covered;
        self.held.retain(|topic, _| covered.matches(topic));
    }

    /// A poll's answer did not come: nothing changed.
    pub fn unanswered(&mut self) {
        self.greeted = false;
    }

    pub(super) fn fail(&self, what: &str, message: &dyn std::fmt::Debug) -> ! {
        panic!("{} ({:?}): {what}: {message:?}", self.name, self.form)
    }

    /// Takes one piece of a stream.
    pub fn hear(&mut self, piece: &Piece, truth: &Truth) {
        match piece {
            Piece::Message { text, id } => self.take(text, id.as_deref(), truth),
            Piece::Ping(_) => {}
            Piece::Close(code) => {
                tell(|| format!("{} <- close {code}", self.name));
                self.closed = Some(*code);
            }
        }
    }

    /// Takes the answer to a poll for `filters`.
    pub fn hear_body(&mut self, text: &str, filters: &Filters, truth: &Truth) {
        let body = Body::parse(text);
        self.greeted = true;
        self.in_force = filters.clone();
        self.enter(body.cursor.split(':').next().unwrap_or_default(), truth);
        self.gapless_to = self.resume_offset();
        for message in &body.messages {
            self.take(message.get(), None, truth);
        }
        tell(|| format!("{} <- cursor {}", self.name, body.cursor));
        // A snapshot of a pattern names all there is.
        self.at(body.cursor, self.form == Form::Polling, truth);
    }

    fn take(&mut self, text: &str, id: Option<&str>, truth: &Truth) {
        tell(|| format!("{} <- {text}{}", self.name, id.map(|id| format!(" id {id}")).unwrap_or_default()));
        self.messages += 1;
        let message = Message::parse(text);
        if self.closed.is_some() {
            self.fail("a message after the close", &text);
        }
        if self.greeted == (message.t == "hello") {
            self.fail("hello comes first, and once", &text);
        }
        let states = message.cursor.map(str::to_owned).or(message.o.map(|o| format!("{}:{o}", self.epoch)));
        if self.form == Form::Sse && id != states.as_deref() {
            self.fail("the id is not the cursor that the message states", &text);
        }
        match message.t {
            "hello" => self.hello(&message, truth),
            "ok" => self.granted(&message),
            "name" => self.name_told(&message),
            "at" => self.at(message.cursor.unwrap_or_default(), message.full == Some(true), truth),
            "snap" | "delta" | "append" | "mark" | "gone" => self.entry(&message, text, truth),
            "bye" | "pong" => {}
            _ => self.fail("a message that nobody asked for", &text),
        }
    }

    fn hello(&mut self, message: &Message<'_>, truth: &Truth) {
        if message.v != Some(1) || message.heartbeat_ms.is_none() || message.now.is_none() || message.id.is_none() {
            self.fail("an odd hello", message);
        }
        self.greeted = true;
        self.enter(message.epoch.unwrap_or_default(), truth);
        // The request of a stream of events is granted by its beginning.
        while let Some((_, asked)) = self.asked.pop_front_if(|_| self.form == Form::Sse) {
            self.take_effect(asked);
        }
    }

    fn enter(&mut self, epoch: &str, truth: &Truth) {
        assert_eq!(epoch, truth.epoch, "{}: an epoch out of nowhere", self.name);
        if epoch != self.epoch {
            // Numbers mean nothing across epochs; states stay until they are replaced or told to be gone.
            self.held.values_mut().for_each(|held| held.is_foreign = true);
            self.graves.clear();
            self.floor = 0;
            self.epoch = epoch.to_owned();
        }
    }

    fn granted(&mut self, message: &Message<'_>) {
        let id = message.id.and_then(|id| id.get().parse::<u64>().ok());
        match self.asked.pop_front() {
            Some((asked, command)) if Some(asked) == id => self.take_effect(command),
            next => self.fail(&format!("an ok out of turn; awaited: {next:?}"), message),
        }
    }

    fn take_effect(&mut self, command: Asked) {
        let was_throttled = !self.throttled.is_empty();
        match command {
            Asked::Sub { filters, resumed, rate } => {
                let is_first = self.in_force.is_empty();
                self.in_force.extend(&filters);
                self.set_rate(&filters, rate);
                // Entries of the past would break the order of a stream that is live already.
                self.gapless_to = self.resume_offset().filter(|_| resumed && is_first);
                self.may_be_live = is_first && !resumed;
            }
            Asked::Unsub(filters) => {
                self.in_force.subtract(&filters);
                self.covered.subtract(&filters);
                self.set_rate(&filters, 0);
                let in_force = &self.in_force;
                self.held.retain(|topic, _| in_force.matches(topic));
            }
            Asked::Set { num_string, ids, rate } => {
                (self.num_string, self.ids) = (num_string, ids);
                if let Some(rate) = rate {
                    self.set_rate(&self.in_force.clone(), rate);
                }
            }
        }
        if !self.throttled.is_empty() {
            self.gapless_to = None;
        } else if was_throttled {
            self.may_be_live = true;
        }
    }

    fn set_rate(&mut self, filters: &Filters, rate: u32) {
        match rate {
            0 => self.throttled.subtract(filters),
            _ => self.throttled.extend(filters),
        }
    }

    /// What waits may have the new form before the `ok`.
    pub(super) fn form_is_settled(&self) -> bool {
        !self.asked.iter().any(|(_, asked)| matches!(asked, Asked::Set { .. }))
    }

    fn name_told(&mut self, message: &Message<'_>) {
        let (Some(n), Some(topic)) = (message.n, message.topic) else { self.fail("no number or no topic", message) };
        if !self.ids && self.form_is_settled() {
            self.fail("nobody asked for numbers", message);
        }
        self.numbers.insert(n, topic.to_owned());
    }

    fn at(&mut self, cursor: &str, full: bool, truth: &Truth) {
        let offset = offset_of(cursor);
        if cursor.split(':').next() != Some(&self.epoch) {
            self.fail("a cursor of another epoch", &cursor);
        }
        if offset < self.floor {
            self.fail(&format!("the cursor falls below {}", self.floor), &cursor);
        }
        if full {
            if self.resumed_from.is_none() && self.form != Form::Polling {
                self.fail("full, though there was no cursor", &cursor);
            }
            let named = &self.named;
            self.held.retain(|topic, _| named.contains(topic));
            self.gapless_to = None;
        }
        let is_throttled = !self.throttled.is_empty();
        match self.gapless_to {
            _ if is_throttled => self.check_held_since(offset, truth),
            // Nothing happened since; or it came to nothing, as a life that nobody saw.
            Some(to) if !self.replay && self.left_out(to, offset, truth).is_none() => {}
            _ => self.check_held(offset, truth),
        }
        let in_force = &self.in_force;
        self.held.iter_mut().filter(|(topic, _)| in_force.matches(topic)).for_each(|(_, held)| held.ahead = false);
        self.replay = self.asked.iter().any(|(_, asked)| matches!(asked, Asked::Sub { resumed: true, .. }));
        // A throttled connection states the slowest class's cursor: what is faster is held beyond it.
        (self.gapless_to, self.is_uneven) = (Some(offset).filter(|_| !is_throttled), is_throttled);
        if !is_throttled {
            self.graves.clear();
        }
        self.state(offset);
    }

    /// The server stated a cursor. It covers what is in force.
    fn state(&mut self, offset: u64) {
        self.cursor = Some(format!("{}:{offset}", self.epoch));
        self.floor = offset;
        if self.covered != self.in_force {
            self.covered = self.in_force.clone();
        }
    }

    /// The first entry in force after `from` and up to `to`.
    fn left_out<'a>(&self, from: u64, to: u64, truth: &'a Truth) -> Option<(u64, &'a Word)> {
        truth.words(from, to).find(|(_, word)| self.in_force.matches(&word.topic))
    }

    fn topic_of(&self, message: &Message<'_>) -> String {
        let named = message.topic.is_some();
        let shows_number = !matches!(message.t, "snap" | "gone");
        if shows_number && self.form_is_settled() && named == self.ids {
            self.fail("the topic is not told in the form that was asked for", message);
        }
        match (message.topic, message.n.and_then(|n| self.numbers.get(&n))) {
            (Some(topic), _) => topic.to_owned(),
            (None, Some(topic)) => topic.clone(),
            _ => self.fail("a number that nobody told", message),
        }
    }

    fn entry(&mut self, message: &Message<'_>, text: &str, truth: &Truth) {
        let topic = self.topic_of(message);
        let Some(seq) = message.seq else { self.fail("no seq", message) };
        if let Some(n) = message.n {
            self.numbers.insert(n, topic.clone());
        }
        if !self.in_force.matches(&topic) {
            self.fail("of a topic that is not subscribed", &text);
        }
        let told = Told::new(self, topic, seq, message);
        match message.o {
            Some(offset) => self.live_entry(offset, &told, truth),
            None => {
                (self.gapless_to, self.may_be_live, self.is_uneven) = (None, false, true);
                self.check_step(&told, truth);
            }
        }
        self.named.insert(told.topic.clone());
        self.words.push((message.t.to_owned(), told.topic.clone(), seq, told.text.clone()));
        if let Some(why) = message.why {
            *self.whys.entry(why.to_owned()).or_default() += 1;
        }
        self.apply(&told, truth);
    }

    fn live_entry(&mut self, offset: u64, told: &Told<'_>, truth: &Truth) {
        if !self.throttled.is_empty() {
            self.fail("o is stated on a throttled connection", told);
        }
        if self.may_be_live && self.gapless_to.is_none() {
            self.check_held(offset - 1, truth);
            self.gapless_to = Some(offset - 1);
        }
        let Some(to) = self.gapless_to else { self.fail("o is stated though the connection is not whole", told) };
        if offset <= to {
            self.fail(&format!("o does not rise above {to}"), told);
        }
        if let Some((before, word)) = self.left_out(to, offset - 1, truth) {
            self.fail(&format!("the entry {before} was left out: {word:?}; then came"), told);
        }
        let Some(word) = truth.word(offset) else { self.fail("an entry that never was", told) };
        if !told.says(word) {
            self.fail(&format!("not what happened at {offset}: {word:?}"), told);
        }
        self.same_text(offset, told, truth);
        self.gapless_to = Some(offset);
        self.state(offset);
    }

    /// A delta or append that states no cursor says what the log says all the same.
    fn check_step(&self, told: &Told<'_>, truth: &Truth) {
        if !matches!(told.message.t, "delta" | "append") || told.is_of_a_tick() {
            return;
        }
        let Some((offset, word)) = truth.step(&told.topic, told.seq) else { self.fail("a step that never was", told) };
        if !told.says(word) {
            self.fail(&format!("not what happened at {offset}: {word:?}"), told);
        }
        self.same_text(offset, told, truth);
    }

    /// SAME-WORDS: whatever the transport, the text of `data` is the same.
    fn same_text(&self, offset: u64, told: &Told<'_>, truth: &Truth) {
        if self.form_is_settled() && !truth.is_same_text(offset, self.num_string, &told.text) {
            self.fail("another client was told other data", told);
        }
    }

    /// Everything in force is held as it was at `offset`, and nothing else.
    pub fn check_held(&self, offset: u64, truth: &Truth) {
        for (name, topic) in truth.topics().filter(|(name, _)| self.in_force.matches(name)) {
            let (was, held) = (topic.at(offset), self.held.get(&**name));
            if held.map(Held::moment) != was.map(|was| (was.seq, was.n, was.stale, was.is_event)) {
                self.fail(&format!("at {offset}: {name} was {was:?}; it is held as"), &held);
            }
            if let Some(held) = held.filter(|held| !held.is_event)
                && truth.state(name, held.seq) != Some(&held.state)
            {
                self.fail(&format!("at {offset}: {name} was {:?}; it is held as", truth.state(name, held.seq)), held);
            }
        }
        if let Some(topic) = self.held.keys().find(|topic| truth.topic(topic).is_none()) {
            self.fail("a topic is held that never was", topic);
        }
    }

    /// Everything in force is held as it was at `offset` or at some time since.
    fn check_held_since(&self, offset: u64, truth: &Truth) {
        for (name, topic) in truth.topics().filter(|(name, _)| self.in_force.matches(name)) {
            let held = self.held.get(&**name).map(Held::moment);
            let is = |was: Option<Moment>| held == was.map(|was| (was.seq, was.n, was.stale, was.is_event));
            if !is(topic.at(offset)) && !topic.since(offset).any(is) {
                self.fail(&format!("since {offset} {name} was never as it is held"), &self.held.get(&**name));
            }
        }
    }

    /// True if the last cursor covers everything that was published.
    pub fn is_at_the_end(&self, truth: &Truth) -> bool {
        let is_here = self.cursor.as_ref().is_some_and(|cursor| cursor.starts_with(&truth.epoch));
        is_here && self.asked.is_empty() && self.offset() == truth.offset
    }
}

impl Told<'_> {
    /// A difference between two ticks: what it leads to is checked, and that it starts where the client is.
    fn is_of_a_tick(&self) -> bool {
        let is_one_event = self.data.as_array().is_some_and(|events| events.len() == 1);
        self.message.from.is_some() && !is_one_event
    }

    fn says(&self, word: &Word) -> bool {
        let same = (self.message.t, &*self.topic, self.seq) == (word.t, &*word.topic, word.seq);
        let is_event_reset = self.message.why == Some("reset") && self.data.is_array();
        let data =
            if is_event_reset { word.data == serde_json::json!(self.message.lost) } else { word.data == self.data };
        same && data && self.message.stale.filter(|_| word.t == "mark") == word.stale
    }
}
