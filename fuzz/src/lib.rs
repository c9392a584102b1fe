//! What the fuzz targets do with bytes, under small limits and without a world outside; `tests/fuzz.rs` does the same with
//! bytes of its own.
//!
//! ```text
//!   cargo +nightly fuzz run source -- -max_len=4096 -timeout=10
//!   cargo +nightly fuzz run tgb    -- -max_len=65536 -timeout=10
//! ```

use std::time::Duration;
use tgvm::bytecode::disassemble::disassemble;
use tgvm::bytecode::file;
use tgvm::bytecode::verify::verify;
use tgvm::embed::{self, Module};
use tgvm::machine::Issue;
use tgvm::machine::engine::{Options, Outcome};
use tgvm::machine::host_call::{Stream, World};
use tgvm::machine::trap::Fault;
use tgvm::syntax::span::Source;

/// A world with no files, no input and no time, which keeps what is printed.
#[derive(Default)]
struct Nowhere {
    printed: Vec<u8>,
}

impl World for Nowhere {
    fn write(&mut self, _: Stream, bytes: &[u8]) -> Result<(), Fault> {
        self.printed.extend_from_slice(bytes);
        Ok(())
    }

    fn args(&mut self) -> Result<Vec<String>, Fault> {
        Ok(vec!["3".into()])
    }

    fn read_line(&mut self, _: u64) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }

    fn read_file(&mut self, _: &str, _: u64) -> Result<Vec<u8>, Fault> {
        Ok(b"1,2\n3,4\n".to_vec())
    }

    fn file_exists(&mut self, _: &str) -> Result<bool, Fault> {
        Ok(false)
    }

    fn write_file(&mut self, _: &str, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn append_file(&mut self, _: &str, _: &[u8]) -> Result<(), Fault> {
        Ok(())
    }

    fn clock(&mut self) -> Result<f64, Fault> {
        Ok(0.0)
    }
}

/// Runs a module under small limits, and, if it ends within them, out of order, which must be the same; how it ended.
pub fn run(module: Module) -> Outcome {
    let code = module.into_code();
    let once = |options: Options| {
        let mut world = Nowhere::default();
        let result = embed::run(&code, &options, &mut world);
        assert_eq!(result.stats.leaked, 0, "what was allocated is given back, however the run ends");
        (result.outcome, world.printed)
    };
    let limits = Options { max_depth: 1 << 20, ..Options::default() };
    let expected = once(Options {
        max_memory: 16 << 20,
        max_steps: Some(200_000),
        timeout: Some(Duration::from_secs(2)),
        ..limits.clone()
    });
    if !matches!(expected.0, Outcome::Stop(_)) {
        for (workers, seed) in [(1, None), (8, None), (3, Some(expected.1.len() as u64))] {
            let found = once(Options { issue: Issue::Eager, workers, seed, max_memory: 1 << 30, ..limits.clone() });
            assert!(found == expected, "{found:?} on {workers} workers, instead of {expected:?}");
        }
    }
    expected.0
}

/// Target `source`: text is refused with diagnostics or runs, and its bytecode survives the file.
pub fn source(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(module) = Module::from_source(&Source::new("fuzz.tg", text)) {
        let written = file::write(module.program());
        assert_eq!(file::read(&written), Ok(file::as_read(module.program())), "a file gives back what was written");
        run(module);
    }
}

/// Target `tgb`: bytes are refused with an error or run. The header is made to fit, so that fuzzing gets past it.
pub fn tgb(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    file::seal(&mut bytes);
    let Ok(program) = file::read(&bytes) else { return };
    assert_eq!(file::read(&file::write(&program)).as_ref(), Ok(&program), "a file gives back what was written");
    if verify(program.clone()).is_ok() {
        disassemble(&program);
        run(Module::from_bytecode(&bytes).expect("it was just verified"));
    }
}
