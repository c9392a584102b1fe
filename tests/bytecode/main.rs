//! Bytecode: the table is sound, the verifier accepts what is well-formed and refuses each thing that is not, files give
//! back what was written, and no bytes crash any of it.

mod accepted;
mod refused;
mod sketch;
mod table;

use proptest::prelude::*;
use sketch::{EMPTY, program};
use tgvm::bytecode::disassemble::disassemble;
use tgvm::bytecode::file::{self, FileError};
use tgvm::bytecode::ops::TABLE;
use tgvm::bytecode::program::Program;
use tgvm::bytecode::verify::verify;
use tgvm::syntax::span::Source;

fn compiled(name: &str, text: &str) -> Program {
    let source = Source::new(name, text);
    let (tree, errors) = tgvm::syntax::parse(&source);
    assert!(errors.is_empty(), "{name}: {errors:?}");
    let typed = tgvm::check::check(&tree).unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
    tgvm::compile::compile(&typed, &source).unwrap_or_else(|errors| panic!("{name}: {errors:?}"))
}

/// The sample programs.
fn samples() -> &'static [Program] {
    static SAMPLES: std::sync::OnceLock<Vec<Program>> = std::sync::OnceLock::new();
    SAMPLES.get_or_init(|| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
        let entries = std::fs::read_dir(folder).expect("there are sample programs");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "tg"));
        paths.sort();
        let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).expect("it can be read");
        paths.iter().map(|path| compiled(&path.display().to_string(), &read(path))).collect()
    })
}

#[test]
fn what_the_compiler_emits_is_accepted() {
    for program in samples() {
        if let Err(error) = verify(program.clone()) {
            panic!("{}: {error}\n{}", program.source_name, disassemble(program));
        }
    }
}

#[test]
fn files_give_back_what_was_written() {
    let hand_written = program(EMPTY);
    for program in samples().iter().chain([&hand_written]) {
        let bytes = file::write(program);
        assert!(file::is_bytecode(&bytes));
        assert_eq!(file::read(&bytes), Ok(file::as_read(program)));
        assert_eq!(file::write(&file::read(&bytes).expect("it was just written")), bytes);
    }
}

#[test]
fn bad_files_have_one_clear_error_each() {
    let bytes = file::write(&program(EMPTY));
    assert_eq!(file::read(b""), Err(FileError::NotBytecode));
    assert_eq!(file::read(b"fn main() {}"), Err(FileError::NotBytecode));
    for length in 4..bytes.len() {
        let missing = |error| matches!(error, Err(FileError::Truncated { .. }));
        assert!(missing(file::read(&bytes[..length])), "cut off after {length}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let found = file::read(&flipped).expect_err("a flipped bit is found");
        match bit / 8 {
            0..4 => assert_eq!(found, FileError::NotBytecode),
            4..16 => assert_eq!(found, FileError::Version),
            16..24 => assert!(matches!(found, FileError::Truncated { .. } | FileError::Damaged)),
            _ => assert_eq!(found, FileError::Damaged),
        }
    }
    let longer = [&bytes[..], b"x"].concat();
    assert_eq!(file::read(&longer), Err(FileError::Damaged));
}

#[test]
fn forged_counts_allocate_nothing() {
    let mut bytes = file::write(&program(EMPTY));
    bytes.truncate(file::HEADER_LENGTH);
    // No types, no structs, 2^60 functions.
    bytes.extend([0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
    file::seal(&mut bytes);
    assert_eq!(file::read(&bytes), Err(FileError::Malformed("it ends too early".into())));
}

/// Changes instructions of a program: `edits` are function, instruction, and either bits to flip or a new instruction.
fn mutate(program: &mut Program, edits: &[(usize, usize, Edit)]) {
    for &(function, at, edit) in edits {
        let count = program.functions.len();
        let code = &mut program.functions[function % count].code;
        let count = code.len();
        let instr = &mut code[at % count];
        match edit {
            Edit::Flip(bit) => instr.0 ^= 1 << (bit % 64),
            Edit::Op(op) => instr.0 = instr.0 & !0xff | (u64::from(op) % TABLE.len() as u64),
            Edit::Field(field, value) => {
                let shift = [16, 32, 48][usize::from(field) % 3];
                instr.0 = instr.0 & !(0xffff << shift) | u64::from(value) << shift;
            }
            Edit::Swap(other) => code.swap(at % count, other % count),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    Flip(u8),
    Op(u8),
    Field(u8, u16),
    Swap(usize),
}

fn edits() -> impl Strategy<Value = Vec<(usize, usize, Edit)>> {
    let edit = prop_oneof![
        any::<u8>().prop_map(Edit::Flip),
        any::<u8>().prop_map(Edit::Op),
        (any::<u8>(), 0u16..64).prop_map(|(field, value)| Edit::Field(field, value)),
        any::<usize>().prop_map(Edit::Swap),
    ];
    proptest::collection::vec((any::<usize>(), any::<usize>(), edit), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// However instructions are changed: the verifier and the disassembler come to an end.
    #[test]
    fn changed_instructions_are_harmless(sample in any::<usize>(), edits in edits()) {
        let mut program = samples()[sample % samples().len()].clone();
        mutate(&mut program, &edits);
        disassemble(&program);
        let _ = verify(program);
    }

    /// However a file's bytes are changed: reading and verifying come to an end.
    #[test]
    fn changed_files_are_harmless(
        sample in any::<usize>(),
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..8),
        cut in proptest::option::weighted(0.2, any::<usize>()),
    ) {
        let mut bytes = file::write(&samples()[sample % samples().len()]);
        for (at, byte) in changes {
            let count = bytes.len() - file::HEADER_LENGTH;
            bytes[file::HEADER_LENGTH + at % count] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(file::HEADER_LENGTH + cut % (bytes.len() - file::HEADER_LENGTH));
        }
        file::seal(&mut bytes);
        if let Ok(program) = file::read(&bytes) {
            prop_assert_eq!(file::read(&file::write(&program)), Ok(program.clone()));
            let _ = verify(program);
        }
    }

    /// Any bytes after a good header.
    #[test]
    fn any_bytes_are_harmless(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = file::write(&program(EMPTY));
        bytes.truncate(file::HEADER_LENGTH);
        bytes.extend(body);
        file::seal(&mut bytes);
        if let Ok(program) = file::read(&bytes) {
            let _ = verify(program);
        }
    }
}
