//! The world of a submission: output goes where the host says, and there is nothing else.

use crate::machine::host_call::{Stream, World};
use crate::machine::trap::Fault;

/// What takes the output of a submission.
pub type Sink = Box<dyn FnMut(Stream, &[u8]) + Send>;

/// See the head of this file.
pub(super) struct Closed {
    sink: Option<Sink>,
}

impl Closed {
    pub(super) fn new(sink: Option<Sink>) -> Closed {
        Closed { sink }
    }
}

impl World for Closed {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(sink) = &mut self.sink {
            sink(stream, bytes);
        }
        Ok(())
    }
}
