//! SAME-WORDS: clients of different forms that go on from the same cursor, side by side. Where entries answer it they
//! are told the same words; in any case they end up with the same states.

use crate::checker::{Filters, Form, Reader, assert_same_words, trace::tell};
use crate::streams::{Client, Line};
use crate::world::World;

const MEMORIES_MAX: usize = 6;
const FORMS: [Form; 3] = [Form::WebSocket, Form::Sse, Form::LongPoll];

impl World {
    pub fn remember_or_compare(&mut self) {
        let n = self.any_client();
        if self.chance(60) || self.memories.is_empty() {
            self.remember(n);
        } else {
            let at = self.any_client() % self.memories.len();
            self.compare_forms(at);
        }
    }

    /// Keeps a reader as it is at its cursor.
    pub fn remember(&mut self, n: usize) {
        let reader = &self.clients[n].reader;
        if reader.is_whole() && reader.may_resume() && self.memories.len() < MEMORIES_MAX {
            tell(|| format!("{} is remembered at {:?}", reader.name, reader.cursor));
            self.memories.push(reader.clone());
        }
    }

    pub fn compare_all_forms(&mut self) {
        (0..self.memories.len()).for_each(|at| self.compare_forms(at));
    }

    /// Each form goes on from the remembered cursor, on the same shard, to the log's end.
    fn compare_forms(&mut self, at: usize) {
        self.commit();
        let shard = self.any_shard();
        let readers = FORMS.map(|form| self.go_on(&self.memories[at].clone(), form, shard));
        assert_same_words(&readers);
    }

    fn go_on(&mut self, memory: &Reader, form: Form, shard: usize) -> Reader {
        let reader = memory.take_up(form);
        let wanted: Filters = reader.covered.clone();
        let n = self.clients.len();
        self.clients.push(Client { reader, wanted, line: Line::Off });
        match form {
            Form::LongPoll => self.poll_on(n, shard),
            _ => self.stream_on(n, shard),
        }
        let reader = self.clients.pop().expect("it was pushed").reader;
        assert_eq!(reader.offset(), self.truth.offset, "{} comes to the end", reader.name);
        reader
    }

    fn stream_on(&mut self, n: usize, shard: usize) {
        let (_, covered, _) = self.clients[n].begin(true);
        let cursor = self.clients[n].reader.resumed_from().map(str::to_owned);
        let stream = self.open(n, shard, usize::MAX / 2);
        let key = stream.key;
        self.clients[n].line = Line::Stream(stream);
        self.subscribe_at(n, covered, cursor, 0);
        self.shards[shard].serve_ready(self.now_ms);
        self.turn_until_quiet();
        // It may have a latency budget.
        self.beat_one(n);
        self.turn_until_quiet();
        self.take(n, usize::MAX);
        self.shards[shard].remove(key, fanwire::close::CloseReason::PeerGone);
    }

    fn poll_on(&mut self, n: usize, shard: usize) {
        let mut words = Vec::new();
        for _ in 0..20_000 {
            if self.clients[n].reader.offset() == self.truth.offset
                && self.clients[n].reader.cursor.as_ref().is_some_and(|cursor| cursor.starts_with(&self.truth.epoch))
            {
                break;
            }
            self.clients[n].begin(true);
            self.begin_poll(n, shard);
            self.give_up_waiting(n);
            words.append(&mut self.clients[n].reader.words);
        }
        self.clients[n].reader.words = words;
    }
}
