//! Clients that poll: each question may go to another shard, waits or does not, and its answer may be lost.

use crate::checker::{Form, trace::tell};
use crate::streams::{Line, form_of, patterns};
use crate::world::World;
use bytes::Bytes;
use fanwire::framing::Framing;
use fanwire::log::Cursor;
use fanwire::shard::{PollAnswer, PollKey, SetKey, WaitingPoll};
use tokio::sync::oneshot;

/// A question that is not answered yet.
pub struct Poll {
    shard: usize,
    set: SetKey,
    /// `None`: a snapshot has to be held, and the question is to be asked again.
    waiting: Option<(PollKey, oneshot::Receiver<Bytes>)>,
}

impl World {
    /// Asks, or looks after the question that is asked already.
    pub fn ask(&mut self, n: usize, shard: usize) {
        if self.clients[n].wanted.is_empty() {
            self.clients[n].wanted = self.any_filters();
        }
        match &self.clients[n].line {
            Line::Off => {
                let forgets = self.chance(5);
                let (_, covered, rest) = self.clients[n].begin(!forgets);
                // A cursor is for all of the question, or for none.
                self.clients[n].wanted = if covered.is_empty() { rest } else { covered };
                self.begin_poll(n, shard);
            }
            Line::Poll(poll) if poll.waiting.is_none() => self.ask_again(n),
            Line::Poll(_) => self.look_after(n),
            Line::Stream(_) => {}
        }
    }

    pub fn begin_poll(&mut self, n: usize, shard: usize) {
        let client = &self.clients[n];
        let (num_string, ids) = (client.reader.num_string, client.reader.ids);
        let framing = Framing { form: form_of(client.reader.form), quiet: false, num_string, ids };
        let filters = fanwire::shard::Filters::unthrottled(patterns(&client.wanted));
        tell(|| format!("{} asks shard {shard} from {:?}", client.reader.name, client.reader.resumed_from()));
        let set = self.shards[shard].poll_set(filters, framing, self.now_ms).expect("the caps are wide");
        self.clients[n].line = Line::Poll(Poll { shard, set, waiting: None });
        self.ask_again(n);
    }

    fn cursor_of(&self, n: usize) -> Option<Cursor> {
        self.clients[n].reader.resumed_from().map(|cursor| cursor.parse().unwrap())
    }

    fn ask_again(&mut self, n: usize) {
        let cursor = self.cursor_of(n);
        let Line::Poll(Poll { shard, set, .. }) = self.clients[n].line else { return };
        let core = &mut self.shards[shard];
        core.settle(self.now_ms);
        tell(|| format!("shard {shard} at {:?}, gone evicted {:?}", core.position(), core.log().gone_evicted()));
        let answer = match (&cursor, self.clients[n].reader.form) {
            (None, Form::Polling) => core.poll_whole(set),
            (cursor, _) => core.poll(set, cursor.as_ref()),
        };
        match (answer, cursor) {
            (PollAnswer::Body(body), _) => self.answered(n, &body),
            (PollAnswer::Nothing, None) => {
                let body = self.shards[shard].poll_empty();
                self.answered(n, &body);
            }
            (PollAnswer::Nothing, Some(cursor)) => {
                let (reply, answer) = oneshot::channel();
                let key = core.poll_wait(set, WaitingPoll { cursor, reply });
                self.clients[n].line = Line::Poll(Poll { shard, set, waiting: Some((key, answer)) });
            }
            (PollAnswer::Hold, _) => {}
            (PollAnswer::TooBig | PollAnswer::TooManyTopics, _) => panic!("the caps are wide"),
        }
    }

    /// Takes the answer that is there, or lets the time be up.
    fn look_after(&mut self, n: usize) {
        let is_up = self.chance(30);
        let Line::Poll(Poll { waiting: Some((_, answer)), .. }) = &mut self.clients[n].line else { return };
        if let Ok(body) = answer.try_recv() {
            self.answered(n, &body);
        } else if is_up {
            self.give_up_waiting(n);
        }
    }

    /// The time to wait is up: what is being gathered is told, or nothing.
    pub fn give_up_waiting(&mut self, n: usize) {
        let cursor = self.cursor_of(n);
        let Line::Poll(Poll { shard, set, waiting }) = &mut self.clients[n].line else { return };
        let (shard, set) = (*shard, *set);
        let Some((key, answer)) = waiting.take() else { return };
        let told = self.shards[shard].poll(set, cursor.as_ref());
        drop(answer);
        self.shards[shard].poll_gone(key);
        let body = match told {
            PollAnswer::Body(body) => body,
            PollAnswer::Nothing => self.shards[shard].poll_empty(),
            // To be asked again.
            PollAnswer::Hold => return,
            PollAnswer::TooBig | PollAnswer::TooManyTopics => panic!("the caps are wide"),
        };
        self.answered(n, &body);
    }

    fn answered(&mut self, n: usize, body: &[u8]) {
        self.end_poll(n);
        if self.chance(8) {
            tell(|| format!("an answer to client {n} is lost"));
            return self.clients[n].reader.unanswered();
        }
        let client = &mut self.clients[n];
        let text = std::str::from_utf8(body).expect("a body is UTF-8");
        client.reader.hear_body(text, &client.wanted, &self.truth);
        client.reader.ended();
    }

    /// The client goes away.
    pub fn leave_poll(&mut self, n: usize) {
        tell(|| format!("client {n} gives its question up"));
        self.end_poll(n);
        self.clients[n].reader.unanswered();
    }

    fn end_poll(&mut self, n: usize) {
        let Line::Poll(Poll { shard, set, waiting }) = std::mem::replace(&mut self.clients[n].line, Line::Off) else {
            return;
        };
        if let Some((key, answer)) = waiting {
            drop(answer);
            self.shards[shard].poll_gone(key);
        }
        self.shards[shard].poll_left(set);
    }

    /// Asks until nothing is newer.
    pub fn ask_to_the_end(&mut self, n: usize, shard: usize) {
        if self.clients[n].reader.form == Form::Polling {
            self.clients[n].reader.cursor = None;
        }
        // A body may be cut after each entry, and one of ten answers is lost.
        for _ in 0..20_000 {
            // The body of a snapshot is true as of its set, whatever else happened.
            let reader = &self.clients[n].reader;
            let is_there =
                reader.is_at_the_end(&self.truth) || (reader.form == Form::Polling && reader.cursor.is_some());
            if is_there && matches!(self.clients[n].line, Line::Off) && !reader.in_force.is_empty() {
                return;
            }
            self.ask(n, shard);
            self.give_up_waiting(n);
        }
        panic!("client {n} does not come to the end");
    }
}
