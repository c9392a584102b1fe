//! `tgvm check`: looks for errors and runs nothing.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::input::{self, Input, Unreadable};
use super::render::Text;
use super::{Exit, print};
use crate::bytecode::program::Program;
use crate::embed::{Module, compile_source};
use crate::syntax::diagnostic::Diagnostic;
use crate::syntax::span::Source;

/// Look for errors in programs without running them.
///
/// Exit code 0 means that there are none. With --json each error is one JSON object on a line of standard output:
/// code, message, file, labels (byte offsets, line and column from 1, text) and help.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tgvm check program.tg\n  tgvm check --json program.tg\n  cat program.tg | tgvm check -"
)]
pub struct Args {
    /// The programs; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Give the errors as JSON, one object a line
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let mut exit = Exit::Done;
    for file in &args.files {
        let result = if args.json { check_json(file) } else { input::compile(file).map(let_go) };
        exit = result.err().unwrap_or(exit);
    }
    exit
}

/// Leaves the program to the end of the process, which frees it at once and not piece by piece.
fn let_go(program: Program) {
    std::mem::forget(program);
}

fn check_json(file: &Path) -> Result<(), Exit> {
    let unreadable = match input::read(file) {
        Ok(Input::Source(source)) => match compile_source(&source) {
            Ok(program) => {
                let_go(program);
                return Ok(());
            }
            Err(diagnostics) => {
                let text = Text::new(&source.name, &source.text);
                let lines: String = diagnostics.iter().map(|d| to_json(d, &source, &text)).collect();
                return Err(unusable(print(&lines)));
            }
        },
        Ok(Input::Bytecode(name, bytes)) => match Module::from_bytecode(&bytes) {
            Ok(_) => return Ok(()),
            Err(error) => input::unusable(name, &error),
        },
        Err(unreadable) => unreadable,
    };
    let Unreadable { name, message, help } = unreadable;
    let object = json!({ "code": null, "message": message, "file": name, "labels": [], "help": help });
    Err(unusable(print(&format!("{object}\n"))))
}

/// The exit code where there are errors: that of a failure to print them comes first.
fn unusable(printed: Exit) -> Exit {
    if printed == Exit::Done { Exit::Unusable } else { printed }
}

/// One line.
fn to_json(diagnostic: &Diagnostic, source: &Source, text: &Text) -> String {
    let labels: Vec<_> = diagnostic
        .labels
        .iter()
        .map(|label| {
            let (line, column) = text.line_column(label.span.start);
            json!({
                "start": label.span.start,
                "end": label.span.end,
                "line": line,
                "column": column,
                "text": label.text,
            })
        })
        .collect();
    let object = json!({
        "code": diagnostic.code,
        "message": diagnostic.message,
        "file": source.name,
        "labels": labels,
        "help": diagnostic.help,
    });
    format!("{object}\n")
}
