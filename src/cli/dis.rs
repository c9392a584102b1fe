//! `tgvm dis`: shows the bytecode of a program.

use std::path::PathBuf;

use super::{Exit, input, print};
use crate::bytecode::disassemble::disassemble;

/// Show a program's bytecode, with source lines and what each instruction reads and writes.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  tgvm dis program.tg\n  tgvm dis program.tgb | less")]
pub struct Args {
    /// The program, as text or compiled; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    match input::load(&args.file) {
        Ok(module) => print(&disassemble(module.program())),
        Err(exit) => exit,
    }
}
