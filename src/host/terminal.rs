//! The world of a program at a terminal: its arguments, the standard streams, files, the clock.
//!
//! Standard output and standard error are one sequence: what was printed before comes out before, also where both go to
//! one place, since the buffer holds output for one stream at a time.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write};
use std::time::Instant;

use super::grants::Grants;
use super::{Outcome, files};
use crate::bytecode::trap::TrapCode;
use crate::machine::host_call::{Stream, World};
use crate::machine::trap::{Fault, Stop};

/// Output is written in pieces of this size at least, unless somebody watches.
const BUFFER: usize = 64 << 10;

/// See the head of the file. What is printed may stay in the buffer until [`StdWorld::flush`].
pub struct StdWorld {
    args: Vec<String>,
    grants: Grants,
    buffer: Vec<u8>,
    /// Where `buffer` goes.
    stream: Stream,
    /// Standard output is a terminal, so each line is shown at once.
    watched: bool,
    /// The last line that was printed has not been ended.
    has_begun_line: bool,
    /// Standard input is read by a prompt.
    prompted: bool,
    started: Instant,
}

impl StdWorld {
    /// The process's world, with these arguments for the program, as far as it may use it.
    pub fn new(args: Vec<String>, grants: Grants) -> StdWorld {
        let watched = io::stdout().is_terminal();
        let (buffer, stream, started) = (Vec::new(), Stream::Out, Instant::now());
        StdWorld { args, grants, buffer, stream, watched, has_begun_line: false, prompted: false, started }
    }

    /// The same where a prompt reads standard input: the program may not.
    pub fn prompted(mut self) -> StdWorld {
        self.prompted = true;
        self
    }

    /// Ends a line that was begun, where a message on standard error would go on with it: if both streams are a terminal's.
    pub fn end_line(&mut self) -> Outcome {
        if self.has_begun_line && self.watched && io::stderr().is_terminal() {
            self.write(self.stream, b"\n")?;
        }
        self.flush()
    }

    /// Writes what was printed so far.
    pub fn flush(&mut self) -> Outcome {
        let result = write_to(self.stream, &self.buffer);
        self.buffer.clear();
        result
    }
}

fn write_to(stream: Stream, bytes: &[u8]) -> Outcome {
    if bytes.is_empty() {
        return Ok(());
    }
    let written = match stream {
        Stream::Out => {
            let mut out = io::stdout().lock();
            out.write_all(bytes).and_then(|()| out.flush())
        }
        Stream::Error => io::stderr().write_all(bytes),
    };
    written.map_err(|error| {
        Fault::Stop(match error.kind() {
            ErrorKind::BrokenPipe => Stop::OutputClosed,
            _ => Stop::OutputFailed(files::reason(&error)),
        })
    })
}

impl World for StdWorld {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Outcome {
        if stream != self.stream {
            self.flush()?;
            self.stream = stream;
        }
        if let Some(last) = bytes.last() {
            self.has_begun_line = *last != b'\n';
        }
        if bytes.len() >= BUFFER {
            self.flush()?;
            return write_to(stream, bytes);
        }
        self.buffer.extend_from_slice(bytes);
        let line_done = || memchr::memchr(b'\n', bytes).is_some();
        if self.buffer.len() >= BUFFER || stream == Stream::Error || (self.watched && line_done()) {
            self.flush()?;
        }
        Ok(())
    }

    fn args(&mut self) -> Result<Vec<String>, Fault> {
        self.grants.environment()?;
        Ok(self.args.clone())
    }

    fn read_line(&mut self, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
        if self.prompted {
            return Err(Fault::not_permitted("standard input, which is the prompt's: read a file, or run a script"));
        }
        // A question stands on the screen before its answer is awaited.
        self.flush()?;
        let mut line = Vec::new();
        let read = io::stdin().lock().take(limit.saturating_add(1)).read_until(b'\n', &mut line);
        read.map_err(|error| {
            Fault::trap(TrapCode::File, format!("can't read standard input: {}", files::reason(&error)))
        })?;
        if line.len() as u64 > limit {
            return Err(Stop::Memory.into());
        }
        Ok((!line.is_empty()).then_some(line))
    }

    fn read_file(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        files::read(&self.grants.to_read(path)?, path, limit)
    }

    fn file_exists(&mut self, path: &str) -> Result<bool, Fault> {
        Ok(self.grants.to_read(path)?.exists())
    }

    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Outcome {
        files::write_whole(&self.grants.to_write(path)?, |out| out.write_all(bytes))
            .map_err(|error| files::fault("write", path, &error))
    }

    fn append_file(&mut self, path: &str, bytes: &[u8]) -> Outcome {
        files::append(&self.grants.to_write(path)?, path, bytes)
    }

    fn clock(&mut self) -> Result<f64, Fault> {
        self.grants.clock()?;
        Ok(self.started.elapsed().as_secs_f64())
    }
}
