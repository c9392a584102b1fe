//! Worlds of submissions: output goes nowhere, or where the host says, and there is nothing else, or what another world has.

use crate::machine::host_call::{Stream, World};
use crate::machine::trap::{Fault, Stop};

/// What takes the output of a submission.
pub type Sink = Box<dyn FnMut(Stream, &[u8]) + Send>;

/// What is printed goes there.
pub(super) struct Printing(pub(super) Sink);

impl World for Printing {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        (self.0)(stream, bytes);
        Ok(())
    }
}

/// What stands for a world that could not be made: there is nothing, and what is printed can't be written.
pub(super) struct Broken(pub(super) String);

impl World for Broken {
    fn write(&mut self, _: Stream, _: &[u8]) -> Result<(), Fault> {
        Err(Stop::OutputFailed(self.0.clone()).into())
    }
}

/// Another world, but for its output: that goes where `write` puts it.
pub struct Redirected<F> {
    /// What has all else.
    pub world: Box<dyn World>,
    /// Is given what is printed.
    pub write: F,
}

impl<F> std::fmt::Debug for Redirected<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redirected").finish_non_exhaustive()
    }
}

impl<F: FnMut(Stream, &[u8]) -> Result<(), Fault> + Send> World for Redirected<F> {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        (self.write)(stream, bytes)
    }
    fn args(&mut self) -> Result<Vec<String>, Fault> {
        self.world.args()
    }
    fn read_line(&mut self, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.world.read_line(limit)
    }
    fn read_file(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        self.world.read_file(path, limit)
    }
    fn file_exists(&mut self, path: &str) -> Result<bool, Fault> {
        self.world.file_exists(path)
    }
    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.world.write_file(path, bytes)
    }
    fn append_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.world.append_file(path, bytes)
    }
    fn clock(&mut self) -> Result<f64, Fault> {
        self.world.clock()
    }
}
