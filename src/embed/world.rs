//! The world of a submission: output goes where the host says, and there is nothing else.

use std::time::Instant;

use super::handle::now;
use crate::bytecode::trap::TrapCode;
use crate::machine::host_call::{Stream, World};
use crate::machine::trap::Fault;

/// What takes the output of a submission.
pub type Sink = Box<dyn FnMut(Stream, &[u8]) + Send>;

/// See the head of this file.
pub(super) struct Closed {
    sink: Option<Sink>,
    started: Instant,
}

impl Closed {
    pub(super) fn new(sink: Option<Sink>) -> Closed {
        Closed { sink, started: now() }
    }
}

/// What a program is told that wants what its host has not granted.
fn refused(what: &str) -> Fault {
    Fault::trap(TrapCode::File, format!("`{what}`: the host of this program grants no files"))
}

impl World for Closed {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(sink) = &mut self.sink {
            sink(stream, bytes);
        }
        Ok(())
    }
    fn args(&mut self) -> Vec<String> {
        Vec::new()
    }
    fn read_line(&mut self, _: u64) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }
    fn read_file(&mut self, path: &str, _: u64) -> Result<Vec<u8>, Fault> {
        Err(refused(path))
    }
    fn file_exists(&mut self, _: &str) -> Result<bool, Fault> {
        Ok(false)
    }
    fn write_file(&mut self, path: &str, _: &[u8]) -> Result<(), Fault> {
        Err(refused(path))
    }
    fn append_file(&mut self, path: &str, _: &[u8]) -> Result<(), Fault> {
        Err(refused(path))
    }
    fn clock(&mut self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }
}
