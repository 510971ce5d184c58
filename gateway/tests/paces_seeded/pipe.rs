//! A wire that takes as many bytes as the schedule lets it.

use fanwire::shard::Wire;
use std::cell::RefCell;
use std::io::{self, ErrorKind, IoSlice};
use std::rc::Rc;

/// Both ends see this.
#[derive(Debug, Default)]
pub struct Pipe {
    /// Bytes written and not yet read by the client.
    pub bytes: Vec<u8>,
    /// Bytes that it takes before it blocks.
    pub room: usize,
}

#[derive(Debug, Clone, Default)]
pub struct PipeWire(pub Rc<RefCell<Pipe>>);

impl Wire for PipeWire {
    fn write(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut pipe = self.0.borrow_mut();
        let mut taken = 0;
        for piece in pieces {
            let fits = piece.len().min(pipe.room);
            pipe.bytes.extend_from_slice(&piece[..fits]);
            pipe.room -= fits;
            taken += fits;
        }
        if taken == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }
}
