//! `tgvm graph`: runs a program and draws what in it had to wait for what.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::run::{conclude, program_args, too_long, watch};
use super::size::default_memory;
use super::{Exit, complain, input, print, reason};
use crate::host::files::write_whole;
use crate::host::{Grants, StdWorld};
use crate::machine::Issue;
use crate::machine::engine::{Options, Outcome};
use crate::machine::host_call::{Stream, World};
use crate::machine::interrupt::Interrupt;
use crate::machine::trap::Fault;
use crate::observe::graph::dot;

const AFTER_HELP: &str = "\
A node is a call of a task (or of a function that calls some), or an instruction that was issued like one; an edge says what
the later one needs of the earlier: a register, a slice, tile, element or field of one, or an effect; and whether it reads what
was written (RAW), writes what was read (WAR) or writes anew (WAW). Calls inside a call are drawn as a box. Past a thousand
nodes, one stands for all that one line of the program issued.

The program really runs, and may read and write files as you may. Without -o its output goes to standard error, so that
standard output holds the graph alone. If it traps, the graph shows what ran until then, and the exit code is that of
`tgvm run`.

Examples:
  tgvm graph program.tg | dot -Tsvg > graph.svg
  tgvm graph -o graph.dot program.tg 100           what follows FILE is for the program";

/// Run a program and draw the dependency graph of its calls.
///
/// The graph is written in DOT, the language of Graphviz.
#[derive(clap::Args)]
#[command(override_usage = "tgvm graph [OPTIONS] FILE [ARGS]...", after_help = AFTER_HELP)]
pub struct Args {
    /// The program, then its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "FILE [ARGS]", hide = true)]
    program: Vec<OsString>,
    /// Where to write the graph; without it, standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// The program's world; what it prints goes to standard error.
struct Aside(StdWorld);

impl World for Aside {
    fn write(&mut self, _: Stream, bytes: &[u8]) -> Result<(), Fault> {
        self.0.write(Stream::Error, bytes)
    }
    fn args(&mut self) -> Result<Vec<String>, Fault> {
        self.0.args()
    }
    fn read_line(&mut self, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.0.read_line(limit)
    }
    fn read_file(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        self.0.read_file(path, limit)
    }
    fn file_exists(&mut self, path: &str) -> Result<bool, Fault> {
        self.0.file_exists(path)
    }
    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.0.write_file(path, bytes)
    }
    fn append_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.0.append_file(path, bytes)
    }
    fn clock(&mut self) -> Result<f64, Fault> {
        self.0.clock()
    }
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let Some((file, texts)) = args.program.split_first() else { return Exit::Unusable };
    let texts = match program_args(texts) {
        Ok(texts) => texts,
        Err(exit) => return exit,
    };
    let module = match input::load_to_run(Path::new(file)) {
        Ok(module) => module,
        Err(exit) => return exit,
    };
    let interrupt = Interrupt::new();
    let max_memory = default_memory();
    let options =
        Options { max_memory, issue: Issue::Eager, record: true, interrupt: interrupt.clone(), ..Options::default() };
    watch(&interrupt, None);
    let code = module.into_code();
    let mut world = StdWorld::new(texts, Grants::all());
    let (result, flushed) = if args.output.is_some() {
        (crate::embed::run(&code, &options, &mut world), world.flush())
    } else {
        let mut aside = Aside(world);
        (crate::embed::run(&code, &options, &mut aside), aside.0.flush())
    };
    let outcome = match (flushed, result.outcome) {
        (Err(Fault::Stop(stop)), Outcome::Done) => Outcome::Stop(stop),
        (_, outcome) => outcome,
    };
    let exit = conclude(&outcome, max_memory, None, None, code.program());
    let record = result.record.unwrap_or_default();
    let Some(graph) = dot(&record, code.program()) else {
        complain("the run was too long to be drawn", &[too_long(&record)]);
        return Exit::Limit;
    };
    let written = match &args.output {
        None => print(&graph),
        Some(path) => match write_whole(path, |out| out.write_all(graph.as_bytes())) {
            Ok(()) => Exit::Done,
            Err(error) => {
                complain(&format!("can't write `{}`: {}", path.display(), reason(&error)), &[]);
                Exit::Failed
            }
        },
    };
    if exit == Exit::Done { written } else { exit }
}
