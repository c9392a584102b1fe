//! One activity of a program: a stack, and where it goes on. Any thread may resume it, one at a time.
//!
//! Invariant: while it is suspended, `pc` and `regs` are as `execute::run` left them or `Fiber::new` set them; every owner in
//! its frames is dropped when it ends, whichever way.

use std::collections::VecDeque;
use std::sync::Arc;

use super::code::{Code, prologue};
use super::execute::{Context, Exit, run};
use super::frame::{self, Stack};
use super::host_call::{HostTable, World};
use super::interrupt::{Interrupt, Stop};
use super::memory::{Budget, Heap, buffer};
use super::trap::{Fault, TraceLine, Trap};
use crate::bytecode::trap::TrapCode;

/// How a resumed fiber came back.
pub(super) enum Turn {
    Done,
    Trap(Trap),
    Stop(Stop),
    Exit(u8),
    Suspended,
}

/// What a fiber counted.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) steps: u64,
    pub(super) calls: u64,
    pub(super) peak_depth: u64,
}

/// What it runs in on a thread.
pub(super) struct Surroundings<'a> {
    pub(super) heap: &'a mut Heap,
    pub(super) interrupt: &'a Interrupt,
    pub(super) host: &'a HostTable,
    pub(super) world: &'a mut dyn World,
}

pub(super) struct Fiber {
    code: Arc<Code>,
    budget: Arc<Budget>,
    stack: Stack,
    pc: *const u64,
    regs: *mut u64,
    /// It has frames.
    live: bool,
    /// `None` for no limit, and then nothing is counted.
    max_steps: Option<u64>,
    pub(super) counts: Counts,
}

// SAFETY: the pointers lead into the stack and the code, which it owns and shares.
unsafe impl Send for Fiber {}

impl Drop for Fiber {
    fn drop(&mut self) {
        if self.live {
            let mut heap = Heap::new(self.budget.clone(), self.code.layouts.clone(), Interrupt::new());
            self.unwind(&mut heap);
        }
    }
}

impl Fiber {
    /// One that is about to enter `main`. With `max_steps` it counts as it goes.
    pub(super) fn new(
        code: Arc<Code>,
        budget: Arc<Budget>,
        max_depth: u64,
        max_steps: Option<u64>,
    ) -> Result<Fiber, Fault> {
        let mut stack = Stack::new(budget.clone(), max_depth);
        let main = code.program().main;
        let pc = code.entry(main);
        // SAFETY: the verifier has seen that `main` has no parameters and no result; the fiber keeps the code.
        let regs = unsafe { stack.root(pc) }?;
        for &at in &code.functions[main as usize].nulls {
            // SAFETY: a register of the frame.
            unsafe { *regs.add(usize::from(at)) = 0 };
        }
        Ok(Fiber { code, budget, stack, pc, regs, live: true, max_steps, counts: Counts::default() })
    }

    /// Goes on until the program ends or it is asked to move.
    pub(super) fn resume(&mut self, around: Surroundings<'_>) -> Turn {
        assert!(self.live, "it has ended");
        let mut cx = Context {
            limit: self.stack.limit(),
            steps: self.counts.steps,
            max_steps: self.max_steps.unwrap_or(u64::MAX),
            calls: self.counts.calls,
            peak_depth: self.counts.peak_depth,
            code: &self.code,
            stack: &mut self.stack,
            heap: &mut *around.heap,
            interrupt: around.interrupt,
            host: around.host,
            world: around.world,
            pc: self.pc,
            regs: self.regs,
            fault: None,
        };
        // SAFETY: the fiber's invariant.
        let exit = unsafe {
            match self.max_steps {
                None => run::<false>(&mut cx, self.pc, self.regs),
                Some(_) => run::<true>(&mut cx, self.pc, self.regs),
            }
        };
        self.counts = Counts { steps: cx.steps, calls: cx.calls, peak_depth: cx.peak_depth };
        (self.pc, self.regs) = (cx.pc, cx.regs);
        let fault = cx.fault.take();
        match exit {
            Exit::Suspended => return Turn::Suspended,
            Exit::Complete => {
                // Its frame has been left.
                self.live = false;
                return Turn::Done;
            }
            Exit::Fault => {}
        }
        let turn = match fault.expect("a fault left its reason") {
            Fault::Trap(code, message) => Turn::Trap(self.trap(code, message)),
            Fault::Stop(stop) => Turn::Stop(stop),
            Fault::Exit(code) => Turn::Exit(code),
        };
        self.unwind(around.heap);
        turn
    }

    /// Drops what its frames own, innermost first.
    fn unwind(&mut self, heap: &mut Heap) {
        self.live = false;
        let mut frame = Some(self.regs);
        while let Some(regs) = frame {
            // SAFETY: a frame of this stack; its `Own` registers hold 0 or an owner, and are not used again.
            unsafe {
                let function = (*prologue(frame::entry(regs))).index as usize;
                for &at in &self.code.functions[function].owned {
                    let held = *regs.add(usize::from(at));
                    if held != 0 {
                        heap.release(buffer(held));
                    }
                }
                frame = frame::caller(regs).map(|(regs, _)| regs);
            }
        }
    }

    /// The trap with the chain of calls that led to it.
    fn trap(&self, code: TrapCode, message: String) -> Trap {
        const INNER: usize = 8;
        const OUTER: usize = 4;
        let sites = &self.code.program().sites;
        let (mut inner, mut outer, mut left_out) = (Vec::new(), VecDeque::new(), 0);
        let mut add = |line| {
            if inner.len() < INNER {
                inner.push(line);
                return;
            }
            outer.push_back(line);
            if outer.len() > OUTER {
                outer.pop_front();
                left_out += 1;
            }
        };
        let (mut regs, mut pc) = (self.regs, self.pc);
        loop {
            // SAFETY: a frame of this stack, and `pc` one of its instructions.
            let (function, entry) = unsafe {
                let entry = frame::entry(regs);
                ((*prologue(entry)).index, entry)
            };
            let mut site = self.code.site(function, entry, pc);
            while let Some((inlined, call)) = sites[site as usize].inlined {
                add(TraceLine { function: inlined, site });
                site = call;
            }
            add(TraceLine { function, site });
            // SAFETY: as above; a frame goes on after its call.
            match unsafe { frame::caller(regs) } {
                Some((above, return_pc)) => (regs, pc) = (above, return_pc.wrapping_sub(1)),
                None => break,
            }
        }
        let omitted = (left_out > 0).then_some((INNER - 1, left_out));
        inner.extend(outer);
        Trap { code, message, backtrace: inner, omitted }
    }
}
