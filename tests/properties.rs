//! What holds for all programs and all numbers.
//!
//! `PROPTEST_CASES=20000 cargo test --test properties` looks longer.

mod common;
mod reference;

use common::WithArguments;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use reference::evaluate::{Outcome, Unknown, evaluate};
use reference::generate;
use std::sync::Arc;
use tgvm::bytecode::verify::verify;
use tgvm::check::check;
use tgvm::check::typed::Typed;
use tgvm::compile::compile;
use tgvm::embed;
use tgvm::machine::code::Code;
use tgvm::machine::engine::{self, Options};
use tgvm::syntax::parse;
use tgvm::syntax::span::Source;

/// How much the evaluator does for a generated program.
const FUEL: u64 = 200_000;

/// What the programs are like, in turn.
const MIX: [generate::Mix; 2] = [generate::Mix::Even, generate::Mix::Tasks];

/// Runs `f` with the stack that the evaluator needs.
fn with_stack<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(512 << 20).spawn_scoped(scope, f).expect("a thread starts");
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Parses and checks; `None` if the program is refused.
fn typed(source: &Source) -> Result<Typed, String> {
    let (tree, mut diagnostics) = parse(source);
    if diagnostics.is_empty() {
        match check(&tree) {
            Ok(typed) => return Ok(typed),
            Err(found) => diagnostics = found,
        }
    }
    let shown: Vec<String> = diagnostics
        .iter()
        .map(|d| {
            let at = d.labels.first().map_or(0, |label| label.span.start);
            let (line, column) = source.line_column(at);
            format!("{line}:{column}: {} {}", d.code, d.message)
        })
        .collect();
    Err(shown.join("\n"))
}

/// What the machine does.
fn run(typed: &Typed, source: &Source, arguments: &[String], migrate: bool) -> Outcome {
    let program = compile(typed, source).expect("the program is not too large");
    let verified = verify(program).unwrap_or_else(|error| panic!("the verifier refuses it: {error}"));
    let mut world = WithArguments { output: String::new(), arguments: arguments.to_vec() };
    let options = Options { migrate, max_steps: Some(1 << 30), max_memory: 1 << 30, ..Options::default() };
    let result = embed::run(&Arc::new(Code::new(verified)), &options, &mut world);
    let (trap, exit) = match result.outcome {
        engine::Outcome::Done => (None, None),
        engine::Outcome::Trap(trap) => (Some(trap.code), None),
        engine::Outcome::Exit(code) => (None, Some(code)),
        engine::Outcome::Stop(stop) => panic!("it stops: {stop:?}"),
    };
    assert_eq!(result.stats.leaked, 0, "memory leaks");
    Outcome { output: world.output, trap, exit }
}

/// What the reference says, or why it says nothing.
fn expected(typed: &Typed, arguments: &[String]) -> Result<Outcome, Unknown> {
    evaluate(typed, arguments, FUEL)
}

/// Checks `property` of as many lists of choices as `PROPTEST_CASES` says.
fn for_all_choices(longest: usize, property: impl Fn(Vec<u8>) -> Result<(), TestCaseError> + Send) {
    with_stack(|| {
        let mut config =
            ProptestConfig { failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() };
        // What the reference says nothing of; another test holds the generator to few of those.
        config.max_global_rejects = config.max_global_rejects.max(2 * config.cases);
        // The same programs at each run of the suite; others where more are asked for.
        let mut runner = match std::env::var_os("PROPTEST_CASES") {
            Some(_) => TestRunner::new(config),
            None => TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha)),
        };
        let choices = proptest::collection::vec(any::<u8>(), 0..longest);
        match runner.run(&choices, property) {
            Ok(()) => {}
            // The choices themselves tell nobody anything.
            Err(TestError::Fail(why, _)) => panic!("{why}"),
            Err(TestError::Abort(why)) => panic!("{why}"),
        }
    });
}

/// The program of these choices, for a failure's message.
fn shown(source: &Source) -> String {
    format!("\n{}", source.text)
}

#[test]
fn a_program_does_what_the_reference_says() {
    for_all_choices(1500, |choices| {
        let source = Source::new("generated.tg", generate::program(&choices, MIX[choices.len() % 2]));
        let Ok(typed) = typed(&source) else { return Err(TestCaseError::reject("it is refused")) };
        let Ok(expected) = expected(&typed, &[]) else { return Err(TestCaseError::reject("it takes too long")) };
        let found = std::panic::catch_unwind(|| run(&typed, &source, &[], choices.len() % 8 == 0));
        let found = found.map_err(|_| TestCaseError::fail(format!("it panics{}", shown(&source))))?;
        if found != expected {
            return Err(TestCaseError::fail(format!("{found:?}\ninstead of\n{expected:?}{}", shown(&source))));
        }
        Ok(())
    });
}

#[test]
fn most_generated_programs_are_well_typed_and_end() {
    let (mut refused, mut unknown, mut trapped) = (Vec::new(), 0, 0);
    let seeds = 400;
    with_stack(|| {
        for seed in 0..seeds {
            let mut state = seed;
            let choices: Vec<u8> = (0..800)
                .map(|_| {
                    state = (state ^ 0x5bd1e995u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (state >> 29);
                    (state >> 40) as u8
                })
                .collect();
            let source = Source::new("generated.tg", generate::program(&choices, MIX[seed as usize % 2]));
            match typed(&source) {
                Err(why) => refused.push(format!("{why}{}", shown(&source))),
                Ok(typed) => match expected(&typed, &[]) {
                    Ok(outcome) => trapped += usize::from(outcome.trap.is_some()),
                    Err(_) => unknown += 1,
                },
            }
        }
    });
    let total = seeds as usize;
    let first: String = refused.iter().take(3).cloned().collect::<Vec<_>>().join("\n");
    eprintln!("{} refused, {unknown} unknown, {trapped} trapped of {total}", refused.len());
    assert!(refused.len() < total / 4, "{} of {total} programs are refused, as\n{first}", refused.len());
    assert!(unknown < total / 4, "{unknown} of {total} programs have no known outcome");
    assert!(trapped < total * 3 / 4, "{trapped} of {total} programs trap");
}
