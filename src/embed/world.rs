//! The world of a submission: output goes where the host says, and there is nothing else.

use crate::bytecode::trap::TrapCode;
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

/// What a program is told that wants what its host has not granted.
fn refused<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::trap(TrapCode::NotPermitted, what))
}

impl World for Closed {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(sink) = &mut self.sink {
            sink(stream, bytes);
        }
        Ok(())
    }
    fn args(&mut self) -> Result<Vec<String>, Fault> {
        refused("the program's arguments")
    }
    fn read_line(&mut self, _: u64) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }
    fn read_file(&mut self, path: &str, _: u64) -> Result<Vec<u8>, Fault> {
        refused(format!("to read `{path}`"))
    }
    fn file_exists(&mut self, path: &str) -> Result<bool, Fault> {
        refused(format!("to read `{path}`"))
    }
    fn write_file(&mut self, path: &str, _: &[u8]) -> Result<(), Fault> {
        refused(format!("to write `{path}`"))
    }
    fn append_file(&mut self, path: &str, _: &[u8]) -> Result<(), Fault> {
        refused(format!("to write `{path}`"))
    }
    fn clock(&mut self) -> Result<f64, Fault> {
        refused("the clock")
    }
}
