//! How a run ends before its last instruction: traps, stops and exits.

use std::any::Any;
use std::collections::VecDeque;

pub use super::interrupt::Stop;
use crate::bytecode::trap::TrapCode;

/// What a built-in or an instruction's slow path fails with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A trap: its code, and the values concerned ("index 12, length 10"), empty if the code's title says all.
    Trap(TrapCode, String),
    /// The run stops.
    Stop(Stop),
    /// The program ends itself with that exit code.
    Exit(u8),
    /// Not yet: what comes next must wait until all older work has retired. Seen inside the machine only.
    Wait,
    /// Not yet: what comes next must wait for an answer of the host. Seen inside the machine only.
    Await,
    /// The iterations of a range that come after the one in progress are not to be run. Seen inside the machine only.
    Decided,
}

impl Fault {
    /// A trap.
    pub fn trap(code: TrapCode, values: impl Into<String>) -> Fault {
        Fault::Trap(code, values.into())
    }

    /// The trap that a panic of the host's is.
    #[cold]
    pub(crate) fn panicked(payload: &(dyn Any + Send)) -> Fault {
        Fault::trap(TrapCode::HostPanicked, said(payload))
    }

    /// The trap of a program that asks for what it may not use.
    pub fn not_permitted(what: impl Into<String>) -> Fault {
        Fault::trap(TrapCode::NotPermitted, what)
    }
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Fault {
        Fault::Stop(stop)
    }
}

/// The message of a panic, if it has one.
pub(super) fn said(payload: &(dyn Any + Send)) -> &str {
    let said = payload.downcast_ref::<&str>().copied();
    said.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("")
}

/// One line of a backtrace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceLine {
    /// The function, by index.
    pub function: u32,
    /// Where in it, by index into the program's sites. For an outer line, the call.
    pub site: u32,
}

/// A trap as it is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trap {
    /// Why.
    pub code: TrapCode,
    /// The values concerned; empty if there are none.
    pub message: String,
    /// Where, innermost first; functions that were inlined have lines of their own. Of a deep chain the innermost and
    /// outermost lines are there.
    pub backtrace: Vec<TraceLine>,
    /// After the line of this index so many were left out.
    pub omitted: Option<(usize, u64)>,
}

/// The chain of calls of a trap as far as it was walked, from the innermost line on.
#[derive(Clone, Default, Debug)]
pub(super) struct Trace {
    inner: Vec<TraceLine>,
    outer: VecDeque<TraceLine>,
    left_out: u64,
    /// The last frame that was shown is of a part of that function: those up to the function's own are not.
    within: Option<u32>,
}

impl Trace {
    const INNER: usize = 8;
    const OUTER: usize = 4;

    /// Whether the next frame, of a function that is a part of another one or not, has lines of its own.
    pub(super) fn shows(&mut self, part_of: Option<u32>) -> bool {
        match self.within {
            // One part calls another.
            Some(whole) if part_of == Some(whole) => false,
            Some(_) => {
                self.within = None;
                false
            }
            None => {
                self.within = part_of;
                true
            }
        }
    }

    /// Adds the line that called the last one.
    pub(super) fn add(&mut self, line: TraceLine) {
        if self.inner.len() < Self::INNER {
            self.inner.push(line);
            return;
        }
        self.outer.push_back(line);
        if self.outer.len() > Self::OUTER {
            self.outer.pop_front();
            self.left_out += 1;
        }
    }

    /// The trap of this chain.
    pub(super) fn finish(mut self, code: TrapCode, message: String) -> Trap {
        let omitted = (self.left_out > 0).then_some((Self::INNER - 1, self.left_out));
        self.inner.extend(self.outer);
        Trap { code, message, backtrace: self.inner, omitted }
    }
}

/// Why an activity ended before its end, and the calls that led there so far.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) fault: Fault,
    pub(super) trace: Trace,
}
