//! `tgvm build`: compiles a program to a file that `run` and `dis` take.

use std::path::{Path, PathBuf};

use super::{Exit, complain, input, reason};
use crate::bytecode::file;
use crate::host::files::write_whole;

/// Compile a program to a .tgb file.
///
/// The file is written whole or not at all.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  tgvm build program.tg                   writes program.tgb\n  tgvm build program.tg -o out/program.tgb\n  tgvm run program.tgb"
)]
pub struct Args {
    /// The program; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where to write; without it, FILE with the extension .tgb
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let output = match args.output {
        Some(output) => output,
        None if args.file == Path::new("-") => {
            complain("a program from standard input needs a name for what is written", &["add `-o PATH`".to_owned()]);
            return Exit::Unusable;
        }
        None => input::bytecode_path(&args.file),
    };
    if output == args.file {
        complain(&format!("`{}` would be overwritten with its own compilation", output.display()), &[]);
        return Exit::Unusable;
    }
    let program = match input::compile(&args.file) {
        Ok(program) => program,
        Err(exit) => return exit,
    };
    match write_whole(&output, |out| out.write_all(&file::write(&program))) {
        Ok(()) => Exit::Done,
        Err(error) => {
            complain(&format!("can't write `{}`: {}", output.display(), reason(&error)), &[]);
            Exit::Failed
        }
    }
}
