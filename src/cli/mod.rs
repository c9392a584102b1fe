//! The command line: what the arguments mean, one file a command, and the exit codes.
//!
//! Every command returns an [`Exit`]; nothing here ends the process but `main` and, for a program that can't be
//! stopped in time, `run`'s watchdog.

#![allow(clippy::disallowed_methods, reason = "this is where input and output happen")]

mod build;
mod check;
mod dis;
mod explain;
mod graph;
mod help;
mod input;
pub mod render;
mod repl;
mod run;
mod size;
mod traps;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use render::Painter;

/// The exit codes; `exit(n)` of a program gives n.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Done, or the reader closed the pipe.
    Done,
    /// The program trapped, or output could not be written.
    Failed,
    /// It doesn't compile, can't be read, or the command line is wrong.
    Unusable,
    /// A limit (memory, steps, time) stopped the program, or it was too long to be simulated or drawn.
    Limit,
    /// Ctrl-C.
    Interrupted,
    /// `exit(n)`
    Program(u8),
}

impl Exit {
    /// As the process returns it.
    pub fn number(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Unusable => 2,
            Exit::Limit => 3,
            Exit::Interrupted => 130,
            Exit::Program(n) => n,
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  tgvm run program.tg                 compile and run
  tgvm run program.tg 100 out.txt     with arguments for the program
  tgvm repl                           enter statements that run while you type
  tgvm check program.tg               only look for errors
  tgvm help E0107                     explain an error
  tgvm help sort                      explain a built-in function";

#[derive(Parser)]
#[command(
    name = "tgvm",
    version,
    about = "Runs tg programs: they read sequentially, and every core works on them",
    after_help = EXAMPLES,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Run(run::Args),
    Repl(repl::Args),
    Check(check::Args),
    Dis(dis::Args),
    Build(build::Args),
    Graph(graph::Args),
    Help(help::Args),
    /// Print the version.
    Version,
}

/// Runs the command that the process's arguments ask for.
pub fn main() -> ExitCode {
    if std::env::var_os("RUST_BACKTRACE").is_none() {
        std::panic::set_hook(Box::new(|panic| {
            let help = "this is a mistake in tgvm; please report it, with the program that shows it".to_owned();
            say(&painter().message("internal error", &panic.to_string(), &[help]));
        }));
    }
    let exit = match Cli::try_parse() {
        Ok(cli) => match cli.command {
            Command::Run(args) => run::run(args),
            Command::Repl(args) => repl::run(args),
            Command::Check(args) => check::run(args),
            Command::Dis(args) => dis::run(args),
            Command::Build(args) => build::run(args),
            Command::Graph(args) => graph::run(args),
            Command::Help(args) => help::run(args),
            Command::Version => print(&format!("tgvm {}\n", env!("CARGO_PKG_VERSION"))),
        },
        Err(error)
            if error.kind() == ErrorKind::InvalidSubcommand
                && let Some(file) = named_program() =>
        {
            complain(&format!("there is no command `{file}`"), &[format!("did you mean `tgvm run {file}`?")]);
            Exit::Unusable
        }
        Err(error) => {
            // `--help` and `--version` are answers; they go to standard output, and a closed pipe is no news.
            let _ = error.print();
            if error.use_stderr() { Exit::Unusable } else { Exit::Done }
        }
    };
    ExitCode::from(exit.number())
}

/// The first argument, if it is that of a program's file.
fn named_program() -> Option<String> {
    let first = std::env::args().nth(1)?;
    let path = std::path::Path::new(&first);
    (path.is_file() || path.extension().is_some_and(|ending| ending == "tg" || ending == "tgb")).then_some(first)
}

/// The painter for standard error.
fn painter() -> Painter {
    Painter::new(coloured(&std::io::stderr()))
}

/// Whether colours are wanted on that stream: on a terminal, unless `NO_COLOR` or a dumb terminal says otherwise.
fn coloured(stream: &impl IsTerminal) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !no_color && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Says on standard error what is wrong. That it can't be said is no reason to fail differently.
fn complain(message: &str, help: &[String]) {
    say(&painter().message("error", message, help));
}

/// Writes to standard error.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Writes to standard output.
fn print(text: &str) -> Exit {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Exit::Done,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Err(error) => {
            complain(&format!("can't write to standard output: {}", reason(&error)), &[]);
            Exit::Failed
        }
    }
}

/// An input or output error in words, without the number that the system gives it.
fn reason(error: &std::io::Error) -> String {
    crate::host::files::reason(error)
}
