//! The world of a submission: output goes nowhere, or where the host says, and there is nothing else.

use crate::machine::host_call::{Stream, World};
use crate::machine::trap::Fault;

/// What takes the output of a submission.
pub type Sink = Box<dyn FnMut(Stream, &[u8]) + Send>;

/// What is printed is lost.
pub(super) struct Nowhere;

/// What is printed goes there.
pub(super) struct Printing(pub(super) Sink);

impl World for Nowhere {
    fn write(&mut self, _: Stream, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }
}

impl World for Printing {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        (self.0)(stream, bytes);
        Ok(())
    }
}
