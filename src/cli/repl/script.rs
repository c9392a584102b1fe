//! A script for the REPL: its statements are run one after the other, the first error ends it, and it ends as a program of `tgvm run` does.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::screen::explained;
use super::{show, world};
use crate::cli::run::{GRACE, interrupted, out_of_memory};
use crate::cli::{Exit, complain, input, say};
use crate::embed::{Engine, Entered, Failed, Redirected, Session};
use crate::host::StdWorld;
use crate::machine::host_call::{Stream, World};
use crate::machine::trap::{Fault, Stop};
use crate::syntax::pieces::{group, pieces};

/// A session whose statements are run one after the other, and the streams that they print to.
struct Script {
    session: Arc<Session>,
    streams: Arc<Mutex<StdWorld>>,
    interrupted: Arc<AtomicBool>,
    max_memory: u64,
}

impl Script {
    fn new(engine: &Engine, max_memory: u64) -> Script {
        let streams = Arc::new(Mutex::new(world()));
        let to = streams.clone();
        let worlds = move |_| {
            let to = to.clone();
            let write =
                move |stream, bytes: &[u8]| to.lock().unwrap_or_else(PoisonError::into_inner).write(stream, bytes);
            Box::new(Redirected { world: Box::new(world()), write }) as _
        };
        let session = Arc::new(engine.session_printing(Box::new(worlds), None));
        let interrupted = Arc::new(AtomicBool::new(false));
        let (watched, flag) = (session.clone(), interrupted.clone());
        // A second handler can't be: the process has one command.
        let _ = ctrlc::set_handler(move || {
            flag.store(true, Ordering::Relaxed);
            watched.cancel_all();
            // It may wait for its text, or for somebody who does not read its output.
            thread::sleep(GRACE);
            say(&self::interrupted());
            std::process::exit(Exit::Interrupted.number().into());
        });
        Script { session, streams, interrupted, max_memory }
    }

    /// Shows a value, if there is one, and writes what was printed.
    fn flush(&self, value: Option<&str>) -> Result<(), Exit> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = match value {
            Some(value) => streams.write(Stream::Out, format!("{value}\n").as_bytes()),
            None => Ok(()),
        };
        match shown.and_then(|()| streams.flush()) {
            Ok(()) => Ok(()),
            // Nobody reads on.
            Err(Fault::Stop(Stop::OutputClosed)) => Err(Exit::Done),
            Err(Fault::Stop(Stop::OutputFailed(reason))) => {
                complain(&format!("can't write the output: {reason}"), &[]);
                Err(Exit::Failed)
            }
            Err(other) => unreachable!("writing fails with a stop, not {other:?}"),
        }
    }

    /// Enters a text piece by piece, and waits for each.
    ///
    /// # Errors
    /// How it ended, if that was early.
    fn enter(&self, text: &str) -> Result<(), Exit> {
        for part in parts(text) {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(self.failed(&Failed::Cancelled));
            }
            if part.trim_start().starts_with(':') {
                complain("a script has no commands: `:` is for a terminal", &[]);
                return Err(Exit::Unusable);
            }
            let entered = self.session.enter(part).map_err(|problem| {
                show(&problem);
                Exit::Unusable
            })?;
            for entered in entered {
                let Entered::Statement(number) = entered else { continue };
                let Ok(ended) = self.session.wait(number) else { continue };
                self.flush(ended.result.as_ref().ok().and_then(|value| value.as_deref()))?;
                if let Err(failed) = ended.result {
                    return Err(self.failed(&failed));
                }
            }
        }
        Ok(())
    }

    /// Says how a statement failed, as `tgvm run` says it of a program, and gives the exit code.
    fn failed(&self, failed: &Failed) -> Exit {
        // What can't be written has been said.
        let _ = self.streams.lock().unwrap_or_else(PoisonError::into_inner).end_line();
        match failed {
            Failed::Exit(code) => return Exit::Program(*code),
            Failed::Closed => return Exit::Done,
            _ if self.interrupted.load(Ordering::Relaxed) => {
                say(&interrupted());
                return Exit::Interrupted;
            }
            Failed::Memory => {
                say(&out_of_memory(self.max_memory));
                return Exit::Limit;
            }
            Failed::Trap(_) => say(&explained(failed)),
            _ => complain(&failed.to_string(), &[]),
        }
        Exit::Failed
    }
}

/// What is entered of a text one after the other: statements, and groups of items.
fn parts(text: &str) -> Vec<&str> {
    let all = pieces(text).unwrap_or_default();
    let (mut parts, mut rest) = (Vec::new(), all.as_slice());
    while !rest.is_empty() {
        let (part, others) = rest.split_at(group(rest).max(1));
        parts.push(&text[part[0].span.to(part[part.len() - 1].span).range()]);
        rest = others;
    }
    // A text that is not complete is entered for the sake of what is wrong with it.
    if parts.is_empty() { vec![text] } else { parts }
}

/// Runs a file, if there is one, and then what standard input holds.
pub(super) fn script(engine: &Engine, max_memory: u64, file: Option<&Path>) -> Exit {
    let script = Script::new(engine, max_memory);
    // The script is read before a statement of the file could read from it.
    let texts = file.into_iter().chain([Path::new("-")]).map(input::text).collect::<Result<Vec<_>, _>>();
    let entered = texts.and_then(|texts| texts.iter().try_for_each(|text| script.enter(text)));
    entered.err().unwrap_or(Exit::Done)
}
