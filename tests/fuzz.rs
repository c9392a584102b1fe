//! A bounded run of the fuzz targets: over their seeds, the sample programs, and changes of both.

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code)]
mod targets;

use proptest::prelude::*;
use std::path::Path;
use std::sync::OnceLock;
use tgvm::bytecode::file;
use tgvm::bytecode::ops::{Field, Instr, Kind, Op, TABLE};
use tgvm::bytecode::program::{Function, Program};
use tgvm::bytecode::verify::verify;
use tgvm::embed::Module;
use tgvm::syntax::span::Source;

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    paths.retain(|path| path.is_file() && path.extension().is_none_or(|extension| extension != "expected"));
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("it can be read")).collect()
}

/// Texts: the seeds and the sample programs.
fn texts() -> &'static [Vec<u8>] {
    static TEXTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    TEXTS.get_or_init(|| [files("fuzz/corpus/source"), files("programs")].concat())
}

/// What those of the texts that compile are compiled to.
fn programs() -> &'static [Program] {
    static PROGRAMS: OnceLock<Vec<Program>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let compile = |text: &Vec<u8>| {
            let source = Source::new("seed.tg", std::str::from_utf8(text).ok()?);
            Some(Module::from_source(&source).ok()?.program().clone())
        };
        texts().iter().filter_map(compile).collect()
    })
}

#[test]
fn seeds_run() {
    texts().iter().for_each(|text| targets::source(text));
    files("fuzz/corpus/tgb").iter().for_each(|bytes| targets::tgb(bytes));
    assert!(programs().len() > 10);
}

/// A change of one instruction.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Flip(u8),
    Op(u8),
    Field(u8, u16),
    Swap(usize),
    Copy(usize),
    /// Another register of the same type for one of its registers.
    Register(usize, usize),
    Drop,
}

fn edits() -> impl Strategy<Value = Vec<(usize, usize, Edit)>> {
    let edit = prop_oneof![
        1 => any::<u8>().prop_map(Edit::Flip),
        1 => any::<u8>().prop_map(Edit::Op),
        1 => (any::<u8>(), 0u16..64).prop_map(|(field, value)| Edit::Field(field, value)),
        1 => any::<usize>().prop_map(Edit::Swap),
        1 => any::<usize>().prop_map(Edit::Copy),
        4 => (any::<usize>(), any::<usize>()).prop_map(|(operand, other)| Edit::Register(operand, other)),
        1 => Just(Edit::Drop),
    ];
    proptest::collection::vec((any::<usize>(), any::<usize>(), edit), 1..6)
}

fn change(program: &mut Program, edits: &[(usize, usize, Edit)]) {
    for &(function, at, edit) in edits {
        let count = program.functions.len();
        let Function { code, registers, .. } = &mut program.functions[function % count];
        let (at, count) = (at % code.len(), code.len());
        match edit {
            Edit::Flip(bit) => code[at].0 ^= 1 << (bit % 64),
            Edit::Op(op) => code[at].0 = code[at].0 & !0xff | (u64::from(op) % TABLE.len() as u64),
            Edit::Field(field, value) => {
                let shift = [16, 32, 48][usize::from(field) % 3];
                code[at] = Instr(code[at].0 & !(0xffff << shift) | u64::from(value) << shift);
            }
            Edit::Swap(other) => code.swap(at, other % count),
            Edit::Copy(other) => code[at] = code[other % count],
            // A jump to the next instruction.
            Edit::Drop => code[at] = Instr::ai(Op::Jump, 0, 0),
            Edit::Register(operand, other) => {
                let Some(op) = code[at].op() else { continue };
                let fields: Vec<Field> = op
                    .info()
                    .operands
                    .iter()
                    .filter(|operand| operand.kind != Kind::None)
                    .map(|operand| operand.field)
                    .collect();
                let Some(&field) = fields.get(operand % fields.len().max(1)) else { continue };
                let Some(ty) = registers.get(code[at].get(field) as usize) else { continue };
                let same: Vec<usize> = (0..registers.len()).filter(|&r| registers[r] == *ty).collect();
                let (shift, bits) = match field {
                    Field::A => (16, 16),
                    Field::B => (32, 16),
                    Field::C => (48, 16),
                    Field::P => (8, 14),
                    Field::Q => (22, 14),
                    Field::R => (36, 14),
                    Field::S => (50, 14),
                    Field::X | Field::I => unreachable!("no register stands there"),
                };
                let mask = ((1 << bits) - 1) << shift;
                code[at].0 = code[at].0 & !mask | (same[other % same.len()] as u64) << shift;
            }
        }
    }
}

/// Text made of pieces of the language.
fn pieces() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(
        &[
            "fn", "task", "main", "(", ")", "{", "}", "[", "]", "&", "inout", "x", "y", "xs", ":", "Int", "Str",
            "Float", "->", "return", "let", "var", "=", "+", "-%", "1", "0x", "1.5", "\"a{", "}\"", "\"", "if", "else",
            "for", "in", "..", "by", "while", "struct", "const", ".", ",", ";", "\n", "//", "Grid", "sum", "push",
            "print", "assert", "==", "&&", "!", "ä", "\0",
        ][..],
    );
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Sample programs with bytes exchanged for those of others.
    #[test]
    fn changed_text_is_harmless(
        text in any::<usize>(),
        other in any::<usize>(),
        splices in proptest::collection::vec((any::<usize>(), any::<usize>(), 0usize..30), 1..4),
    ) {
        let mut bytes = texts()[text % texts().len()].clone();
        let other = &texts()[other % texts().len()];
        for (at, from, count) in splices {
            let at = at % (bytes.len() + 1);
            let from = from % other.len();
            let end = (at + count / 2).min(bytes.len());
            bytes.splice(at..end, other[from..(from + count).min(other.len())].iter().copied());
        }
        targets::source(&bytes);
    }

    #[test]
    fn pieces_of_the_language_are_harmless(text in pieces()) {
        targets::source(text.as_bytes());
    }

    /// Whatever the verifier accepts runs, and gives back what it allocates.
    #[test]
    fn what_is_verified_runs(program in any::<usize>(), edits in edits()) {
        let mut program = programs()[program % programs().len()].clone();
        change(&mut program, &edits);
        if verify(program.clone()).is_ok() {
            targets::run(Module::from_bytecode(&file::write(&program)).expect("it was just verified"));
        }
    }

    /// Bytes of files, changed.
    #[test]
    fn changed_files_are_harmless(
        program in any::<usize>(),
        changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = file::write(&programs()[program % programs().len()]);
        for (at, byte) in changes {
            let count = bytes.len();
            bytes[at % count] = byte;
        }
        targets::tgb(&bytes);
    }
}
