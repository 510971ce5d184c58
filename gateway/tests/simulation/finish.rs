//! The end of a schedule: everybody comes to the log's end, and holds just what lives.

use crate::streams::Line;
use crate::world::World;

/// Times that one may be ended by the server before it comes to rest.
const RETURNS_MAX: usize = 10;

impl World {
    pub fn finish(&mut self) {
        self.commit();
        self.turn_until_quiet();
        self.compare_all_forms();
        for n in 0..self.clients.len() {
            match self.clients[n].reader.form.is_stream() {
                true => self.come_to_the_end(n),
                false => {
                    let shard = self.any_shard();
                    self.ask_to_the_end(n, shard);
                }
            }
            self.compare_with_truth(n);
        }
        self.check_store();
    }

    fn come_to_the_end(&mut self, n: usize) {
        for _ in 0..RETURNS_MAX {
            if matches!(self.clients[n].line, Line::Off) {
                let shard = self.any_shard();
                self.connect(n, shard, 0);
            }
            self.read(n, usize::MAX / 2, usize::MAX);
            self.turn_until_quiet();
            self.beat_one(n);
            self.turn_until_quiet();
            self.take(n, usize::MAX);
            if !matches!(self.clients[n].line, Line::Off) && self.clients[n].reader.is_at_the_end(&self.truth) {
                return;
            }
            // The slowest class ticks.
            self.now_ms += 1_001;
        }
        panic!("client {n} does not come to the end: {:?} of {}", self.clients[n].reader.cursor, self.truth.offset);
    }

    fn compare_with_truth(&self, n: usize) {
        let reader = &self.clients[n].reader;
        assert!(!reader.is_waiting_for_ok(), "client {n} was never answered");
        assert_eq!(reader.in_force, self.clients[n].wanted, "client {n} has what it wants");
        reader.check_held(self.truth.offset, &self.truth);
    }
}
