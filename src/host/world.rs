//! The world of a program at a terminal: its arguments, the standard streams, files, the clock.
//!
//! Standard output and standard error are one sequence: what was printed before comes out before, also where both go to
//! one place, since the buffer holds output for one stream at a time.

use std::io::{self, BufRead, ErrorKind, IsTerminal, Read, Write};
use std::time::Instant;

use super::grants::Grants;
use super::{Outcome, files, poll_at};
use crate::bytecode::builtins::Pattern;
use crate::bytecode::trap::TrapCode;
use crate::machine::host_call::{HostCall, HostFn, Place, Stream, World};
use crate::machine::trap::{Fault, Stop};

pub(super) fn find(name: &str, _: &[Pattern]) -> Option<HostFn> {
    Some(match name {
        "args" => args,
        "read_line" => read_line,
        "read_lines" => read_lines,
        "read_file" => read_file,
        "file_exists" => |call| {
            let path = call.text(0);
            let exists = call.world().file_exists(path)?;
            call.return_bool(exists);
            Ok(())
        },
        "write_file" => |call| {
            let (path, text) = (call.text(0), call.text(1));
            call.world().write_file(path, text.as_bytes())
        },
        "append_file" => |call| {
            let (path, text) = (call.text(0), call.text(1));
            call.world().append_file(path, text.as_bytes())
        },
        "write_png" => files::write_png,
        "clock" => |call| {
            let now = call.world().clock()?;
            call.return_float(now);
            Ok(())
        },
        _ => return None,
    })
}

fn args(call: &mut HostCall) -> Outcome {
    for arg in call.world().args()? {
        call.push_text(Place::Result, &arg)?;
    }
    Ok(())
}

/// The next line of standard input without its end.
fn next_line(call: &mut HostCall) -> Result<Option<String>, Fault> {
    let limit = call.memory_left();
    let Some(mut line) = call.world().read_line(limit)? else { return Ok(None) };
    if line.pop_if(|byte| *byte == b'\n').is_some() {
        line.pop_if(|byte| *byte == b'\r');
    }
    String::from_utf8(line).map(Some).map_err(|error| {
        let shown = String::from_utf8_lossy(error.as_bytes());
        let message = format!("the line of standard input {} is not UTF-8", super::text::quoted(&shown));
        Fault::trap(TrapCode::InvalidText, message)
    })
}

fn read_line(call: &mut HostCall) -> Outcome {
    let line = next_line(call)?;
    call.set_text(Place::Param(0), line.as_deref().unwrap_or(""))?;
    call.return_bool(line.is_some());
    Ok(())
}

fn read_lines(call: &mut HostCall) -> Outcome {
    let mut count = 0;
    while let Some(line) = next_line(call)? {
        call.push_text(Place::Result, &line)?;
        poll_at(call.interrupt(), count)?;
        count += 1;
    }
    Ok(())
}

fn read_file(call: &mut HostCall) -> Outcome {
    let (path, limit) = (call.text(0), call.memory_left());
    let bytes = call.world().read_file(path, limit)?;
    let text = str::from_utf8(&bytes).map_err(|error| {
        let line = memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count() + 1;
        Fault::trap(TrapCode::InvalidText, format!("`{path}` is not UTF-8 text, in line {line}"))
    })?;
    call.return_text(text)
}

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
    started: Instant,
}

impl StdWorld {
    /// The process's world, with these arguments for the program, as far as it may use it.
    pub fn new(args: Vec<String>, grants: Grants) -> StdWorld {
        let watched = io::stdout().is_terminal();
        StdWorld { args, grants, buffer: Vec::new(), stream: Stream::Out, watched, started: Instant::now() }
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
