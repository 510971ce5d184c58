//! SAME-WORDS: clients of different forms that go on from one cursor are told the same.

use crate::checker::{Form, Reader, assert_same_words, trace::tell};
use crate::connection::Options;
use crate::gateway::deadline;
use crate::schedule::{Client, Schedule};
use std::time::Instant;

const MEMORIES_MAX: usize = 3;

impl Schedule {
    /// Keeps a reader as it is at its cursor.
    pub fn remember(&mut self, n: usize) {
        let reader = &self.clients[n].reader;
        if reader.is_whole() && reader.may_resume() && self.memories.len() < MEMORIES_MAX {
            tell(|| format!("{} is remembered at {:?}", reader.name, reader.cursor));
            self.memories.push(reader.clone());
        }
    }

    pub fn compare_all_forms(&mut self) {
        for memory in std::mem::take(&mut self.memories) {
            let readers = [Form::WebSocket, Form::Sse, Form::LongPoll].map(|form| self.go_on(&memory, form));
            assert_same_words(&readers);
        }
    }

    fn go_on(&mut self, memory: &Reader, form: Form) -> Reader {
        let reader = memory.take_up(form);
        let wanted = reader.covered.clone();
        self.clients.push(Client { reader, wanted, connection: None });
        let n = self.clients.len() - 1;
        let options = Options { ids: memory.ids, ..Options::default() };
        let mut words = Vec::new();
        let deadline = deadline();
        while !self.is_there(n) {
            assert!(Instant::now() < deadline, "{form:?} does not come to the end");
            if self.clients[n].connection.is_none() {
                words.append(&mut self.clients[n].reader.words);
                self.connect_with(n, options, false);
            }
            self.read(n, 64 * 1024);
        }
        let mut reader = self.clients.pop().expect("it was pushed").reader;
        reader.words.splice(0..0, words);
        reader
    }
}
