//! The machine: every instruction, traps and what they say, memory that is given back, deep recursion, moving between
//! threads, and stops.

#[path = "../common/mod.rs"]
mod common;
mod instructions;
mod limits;
mod order;
mod values;

use std::sync::{Arc, Mutex};

pub use common::Page;
use tgvm::bytecode::program::Program;
use tgvm::bytecode::trap::TrapCode;
use tgvm::bytecode::verify::verify;
use tgvm::embed::{self, Module};
use tgvm::machine::code::Code;
use tgvm::machine::engine::{Options, Outcome, RunResult};
use tgvm::syntax::span::Source;

/// The opcodes of all programs that the tests of this file have run.
static SEEN: Mutex<[bool; 256]> = Mutex::new([false; 256]);

/// A program ready to run; its opcodes are noted.
pub fn prepare(program: Program) -> Arc<Code> {
    let mut seen = SEEN.lock().expect("no test panics with it");
    for instr in program.functions.iter().flat_map(|f| &f.code) {
        seen[usize::from(instr.0 as u8)] = true;
    }
    drop(seen);
    let verified = verify(program).unwrap_or_else(|error| panic!("{error}"));
    Arc::new(Code::new(verified))
}

/// The same from source.
pub fn compile(text: &str) -> Arc<Code> {
    let source = Source { name: "test.tg".into(), text: text.into() };
    let module = Module::from_source(&source).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}"));
    prepare(module.program().clone())
}

/// Runs in every way there is: all must do the same, and give back all memory.
pub fn run(code: &Arc<Code>) -> (Outcome, String) {
    let once = |options: Options| {
        let mut page = Page::default();
        let RunResult { outcome, stats, .. } = embed::run(code, &options, &mut page);
        assert_eq!(stats.leaked, 0, "memory is given back after {outcome:?}");
        (outcome, page.0)
    };
    let plain = once(Options::default());
    assert_eq!(plain, once(Options { count: true, ..Options::default() }), "counting changes nothing");
    assert_eq!(plain, once(Options { migrate: true, ..Options::default() }), "neither do other threads");
    plain
}

/// What a program prints that ends well.
pub fn prints(text: &str) -> String {
    match run(&compile(text)) {
        (Outcome::Done, printed) => printed,
        (outcome, printed) => panic!("{outcome:?} after {printed:?}"),
    }
}

/// What a program prints before it traps, and the trap.
pub fn traps(text: &str) -> (String, TrapCode, String) {
    match run(&compile(text)) {
        (Outcome::Trap(trap), printed) => (printed, trap.code, trap.message),
        (outcome, printed) => panic!("{outcome:?} after {printed:?}"),
    }
}

/// The values that a trap in `body` (of `main`) tells.
pub fn trap_in(body: &str) -> (TrapCode, String) {
    let (_, code, message) = traps(&format!("fn main() {{\n{body}\n}}"));
    (code, message)
}
