//! `spec.md` is true: its examples do what it says, and its generated sections are those of the tables.
//!
//! `UPDATE_SPEC=1 cargo test --test spec` rewrites the generated sections.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tgvm::bytecode::builtins::{BUILTINS, Mode, Pattern};
use tgvm::bytecode::effects::Effects;
use tgvm::bytecode::ops::{Region, Role, TABLE};
use tgvm::bytecode::trap::TrapCode;
use tgvm::check::codes::CHECK;
use tgvm::compile::codes::COMPILE;
use tgvm::embed::codes::LINK;
use tgvm::syntax::codes::SYNTAX;

fn spec_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("spec.md")
}

fn spec() -> String {
    std::fs::read_to_string(spec_path()).expect("spec.md is there")
}

/// A program of the spec, and what is said of it.
#[derive(Default)]
struct Example {
    /// The line of its fence.
    line: usize,
    program: String,
    output: Option<String>,
    error: Option<String>,
}

/// The examples in order. A block of output or error belongs to the program that it follows with nothing but blank lines
/// between.
fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut adjacent = false;
    while let Some((number, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            adjacent &= line.is_empty();
            continue;
        };
        let mut block = String::new();
        for (_, line) in lines.by_ref().take_while(|(_, line)| *line != "```") {
            block.push_str(line);
            block.push('\n');
        }
        match kind {
            "tg" => {
                examples.push(Example { line: number + 1, program: block, ..Example::default() });
                adjacent = true;
            }
            "output" | "error" => {
                assert!(adjacent, "spec.md:{}: a block of {kind} follows no program", number + 1);
                let example = examples.last_mut().expect("it follows a program");
                *(if kind == "output" { &mut example.output } else { &mut example.error }) = Some(block);
            }
            _ => adjacent = false,
        }
    }
    examples
}

/// What is wrong with an example, if anything.
fn check(example: &Example, file: &Path) -> Result<(), String> {
    std::fs::write(file, &example.program).map_err(|e| e.to_string())?;
    let command = if example.output.is_some() || example.error.is_some() { "run" } else { "check" };
    let run = Command::new(env!("CARGO_BIN_EXE_tgvm")).arg(command).arg(file).output().map_err(|e| e.to_string())?;
    let stdout = String::from_utf8_lossy(&run.stdout);
    let stderr = String::from_utf8_lossy(&run.stderr);
    if let Some(output) = &example.output
        && stdout.trim_end_matches('\n') != output.trim_end_matches('\n')
    {
        return Err(format!("it prints\n{stdout}instead of\n{output}{stderr}"));
    }
    let Some(error) = &example.error else {
        return if run.status.success() { Ok(()) } else { Err(format!("it fails:\n{stderr}")) };
    };
    let expected = if error.lines().any(|line| line.starts_with('T')) { 1 } else { 2 };
    if run.status.code() != Some(expected) {
        return Err(format!("it ends with {} instead of {expected}:\n{stdout}{stderr}", run.status));
    }
    match error.lines().find(|line| !stderr.contains(line)) {
        Some(missing) => Err(format!("its error does not say \"{missing}\":\n{stderr}")),
        None => Ok(()),
    }
}

#[test]
fn the_examples_do_what_the_spec_says() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = folder.path().join("example.tg");
    let examples = examples(&spec());
    assert!(examples.len() > 40, "the examples are found");
    let mut failures = String::new();
    for example in &examples {
        if let Err(what) = check(example, &file) {
            writeln!(failures, "spec.md:{}: {what}", example.line).expect("writing to a String");
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// A pattern as a type is written.
fn pattern(pattern: Pattern) -> &'static str {
    match pattern {
        Pattern::Unit | Pattern::Never => "",
        Pattern::Int => "Int",
        Pattern::Float => "Float",
        Pattern::Bool => "Bool",
        Pattern::Str => "Str",
        Pattern::T => "T",
        Pattern::N => "N",
        Pattern::Ints => "[Int]",
        Pattern::Strs => "[Str]",
        Pattern::ArrayT => "[T]",
        Pattern::GridT => "Grid[T]",
        Pattern::GridInt => "Grid[Int]",
        Pattern::Rng => "Rng",
    }
}

fn builtins_table() -> String {
    let mut table = String::from("| function | what it does or gives |\n| --- | --- |\n");
    for builtin in BUILTINS.iter().filter(|b| !b.name.starts_with("__")) {
        let params: Vec<String> = builtin
            .params
            .iter()
            .map(|&(name, mode, ty)| {
                let inout = if mode == Mode::In { "" } else { "inout " };
                format!("{inout}{name}: {}", pattern(ty))
            })
            .collect();
        let result = match builtin.result {
            Pattern::Unit => String::new(),
            Pattern::Never => " does not return".to_owned(),
            other => format!(" -> {}", pattern(other)),
        };
        let signature = format!("`{}({})`", builtin.name, params.join(", "));
        let signature = match result.strip_prefix(" -> ") {
            Some(_) => format!("{}{result}`", signature.trim_end_matches('`')),
            None => format!("{signature}{result}"),
        };
        let slice = builtin.params.iter().any(|p| p.1 == Mode::InoutView);
        let slice = if slice { "; takes a slice" } else { "" };
        let effects = match builtin.effects {
            Effects::NONE => String::new(),
            effects => format!(" *({effects})*"),
        };
        writeln!(table, "| {signature} | {}{slice}{effects} |", builtin.doc).expect("writing to a String");
    }
    table
}

fn instructions_table() -> String {
    let mut table = String::from("| | operands | region | cost | what it does |\n| --- | --- | --- | --- | --- |\n");
    let lower = |value: &dyn std::fmt::Debug| format!("{value:?}").to_lowercase();
    for op in TABLE {
        let operands: Vec<String> = op
            .operands
            .iter()
            .map(|o| match o.role {
                Role::Def | Role::Use | Role::Modify | Role::Take => {
                    format!("{:?} {} {:?}", o.field, lower(&o.role), o.kind)
                }
                _ => format!("{:?} {}", o.field, lower(&o.role)),
            })
            .collect();
        let region = match op.region {
            Region::None => String::new(),
            Region::Read(a, i) => format!("reads {a:?}[{i:?}]"),
            Region::Write(a, i) => format!("writes {a:?}[{i:?}]"),
            Region::Length(a) => format!("reads the length of {a:?}"),
            Region::Whole(a) => format!("reads {a:?}"),
            Region::Replace(a) => format!("writes {a:?}"),
            Region::Call => "those of the callee's parameters".to_owned(),
        };
        let doc = op.doc.replace('|', "\\|");
        writeln!(table, "| `{}` | {} | {region} | {} | {doc} |", op.name, operands.join(", "), lower(&op.cost))
            .expect("writing to a String");
    }
    table
}

fn codes_table() -> String {
    let mut codes: Vec<_> = SYNTAX.iter().chain(CHECK).chain(COMPILE).chain(LINK).collect();
    codes.sort_by_key(|code| code.code);
    let mut table = String::from("| code | what is wrong |\n| --- | --- |\n");
    for code in codes {
        writeln!(table, "| {} | {} |", code.code, code.title.replace('|', "\\|")).expect("writing to a String");
    }
    table
}

#[test]
fn the_generated_sections_are_those_of_the_tables() {
    let mut text = spec();
    let original = text.clone();
    let tables = [("builtins", builtins_table()), ("codes", codes_table()), ("instructions", instructions_table())];
    for (name, table) in tables {
        let start = format!("<!-- generated: {name} -->\n");
        let from = text.find(&start).unwrap_or_else(|| panic!("the section {name} is there")) + start.len();
        let to = from + text[from..].find("<!-- end -->").expect("a section ends");
        text.replace_range(from..to, &format!("\n{table}\n"));
    }
    if text != original {
        assert!(
            std::env::var_os("UPDATE_SPEC").is_some(),
            "spec.md is out of date: UPDATE_SPEC=1 cargo test --test spec"
        );
        std::fs::write(spec_path(), text).expect("spec.md can be written");
    }
}

#[test]
fn every_trap_is_in_the_spec() {
    let text = spec();
    for trap in TrapCode::ALL {
        let row = format!("| {} | {} | ", trap.code(), trap.title());
        assert!(text.contains(&row), "section 10 has no row \"{row}\"");
    }
}

#[test]
fn every_effect_is_in_the_spec() {
    let text = spec();
    for effect in Effects::NAMES {
        assert!(text.contains(&format!("\n| {effect} | ")), "section 9 has no row for {effect}");
    }
}
