//! A wire that takes as many bytes as the schedule lets it.

use fanwire::shard::Wire;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;

/// Both ends see this.
#[derive(Debug, Default)]
pub struct Pipe {
    /// Bytes written and not yet read by the client.
    bytes: VecDeque<u8>,
    /// Bytes that the wire takes before it blocks.
    room: usize,
    /// Someone was turned away since the room was last made.
    blocked: bool,
    pub broken: bool,
}

impl Pipe {
    pub fn new(room: usize) -> Pipe {
        Pipe { room, ..Pipe::default() }
    }

    /// Unread bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// True if somebody waits for the room.
    pub fn make_room(&mut self, room: usize) -> bool {
        self.room = self.room.max(room);
        std::mem::take(&mut self.blocked)
    }

    /// Gives it so much room and no more. True if somebody waits for it.
    pub fn set_room(&mut self, room: usize) -> bool {
        self.room = room;
        if room == 0 { false } else { std::mem::take(&mut self.blocked) }
    }

    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let count = count.min(self.bytes.len());
        self.bytes.drain(..count).collect()
    }
}

#[derive(Debug, Clone)]
pub struct SimulatedWire(pub Rc<RefCell<Pipe>>);

impl Wire for SimulatedWire {
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        if pipe.broken {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut taken = 0;
        for piece in pieces {
            let fits = piece.len().min(pipe.room);
            pipe.bytes.extend(&piece[..fits]);
            pipe.room -= fits;
            taken += fits;
            if fits < piece.len() {
                pipe.blocked = true;
                break;
            }
        }
        if taken == 0 && pieces.iter().any(|piece| !piece.is_empty()) {
            return Err(ErrorKind::WouldBlock.into());
        }
        Ok(taken)
    }
}
