//! `tgvm run`: compiles and runs a program, and says how it ended.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::render::Text;
use super::size::{default_memory, parse_count, parse_seconds, parse_size, show_size};
use super::{Exit, complain, input, painter, say};
use crate::bytecode::program::Program;
use crate::host::{Grants, StdWorld, files};
use crate::machine::Issue;
use crate::machine::crew::MAX_WORKERS;
use crate::machine::engine::{Options, Outcome, Stats};
use crate::machine::interrupt::{Interrupt, Stop};
use crate::machine::pulse::Pulse;
use crate::machine::record::Record;
use crate::machine::trap::{Fault, TraceLine, Trap};
use crate::observe;
use crate::observe::dag::Dag;
use crate::syntax::span::Span;

/// How long a program that was asked to stop may take before the process ends under it: it may wait for input, or for
/// somebody who does not read its output.
pub(super) const GRACE: Duration = Duration::from_millis(250);

const AFTER_HELP: &str = "\
Exit codes:
  0    done, or the reader of the output closed it
  1    the program trapped, or its output could not be written
  2    it does not compile or can't be read, or the command line is wrong
  3    a limit (memory, steps, time) stopped it, or it was too long to be simulated
  130  interrupted
  n    the program called exit(n)

Examples:
  tgvm run program.tg
  tgvm run program.tg 1000 data.csv          what follows FILE is for the program
  tgvm run --max-memory 512M --timeout 10 program.tg
  tgvm run program.tgb                       what `tgvm build` wrote
  tgvm run --sandbox --allow-read data program.tg      what somebody else wrote
  echo 'fn main() { print(6 * 7) }' | tgvm run -";

/// Compile and run a program.
///
/// FILE is a program's text, or what `tgvm build` made of one; - is standard input. What follows it is for the program, which
/// may read and write files as you may, unless it runs in a sandbox.
#[derive(clap::Args)]
#[command(override_usage = "tgvm run [OPTIONS] FILE [ARGS]...", after_help = AFTER_HELP)]
pub struct Args {
    /// The program, then its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "FILE [ARGS]", hide = true)]
    program: Vec<OsString>,
    /// Stop the program when it would take more memory: bytes, or with K, M, G [default: three quarters of the machine's]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_memory: Option<u64>,
    /// How deep calls may nest, in bytes of frames: 8 a register and 64 a call
    #[arg(long, value_name = "SIZE", value_parser = parse_size, default_value = "256M")]
    max_depth: u64,
    /// Stop the program after that many instructions, counted in order: it runs on one core
    #[arg(long, value_name = "N", value_parser = parse_count)]
    max_steps: Option<u64>,
    /// Stop the program after that time
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,
    /// How many cores to use, up to 60 [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=MAX_WORKERS as i64))]
    workers: Option<u8>,
    /// When calls of tasks run out of order: lazy, when a core has nothing to do; eager, whenever they can; in-order, never
    #[arg(long, value_name = "HOW", default_value = "lazy", value_parser = issue_parser())]
    issue: Issue,
    /// How many calls of one function may be in flight
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1 << 20), default_value_t = 64)]
    window: u32,
    /// Tell on standard error what the run took.
    ///
    /// A call of a task (or of a part of a loop, which is one) is issued, and may run out of order then, or is inlined: it begins as a
    /// plain call. When the frame around an inlined call is promoted, that call goes on as an entry beside those that are issued.
    #[arg(long)]
    stats: bool,
    #[command(flatten)]
    sandbox: Sandbox,
    /// Workers take turns as a seed says, for tests of the machine
    #[arg(long, hide = true, value_name = "SEED")]
    seed: Option<u64>,
    /// Tell on standard error how parallel the run was, and how fast N cores could be: it runs on one, and is recorded.
    /// The record is no part of --max-memory: it ends, and with it the simulation, at some 400 MB
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024),
        conflicts_with_all = ["max_steps", "workers", "issue", "seed", "migrate"])]
    simulate: Option<u16>,
    /// Move the program to another thread at every poll, for tests of the machine
    #[arg(long, hide = true)]
    migrate: bool,
}

/// What a program that is not trusted may use.
#[derive(clap::Args)]
struct Sandbox {
    /// Let the program use nothing outside it: no files, no clock, no arguments. It reads standard input and prints
    #[arg(long, help_heading = "Sandbox")]
    sandbox: bool,
    /// In the sandbox, let it read files in that folder; may be given more than once, as may the next
    #[arg(long, value_name = "DIR", requires = "sandbox", help_heading = "Sandbox")]
    allow_read: Vec<PathBuf>,
    /// In the sandbox, let it write files in that folder
    #[arg(long, value_name = "DIR", requires = "sandbox", help_heading = "Sandbox")]
    allow_write: Vec<PathBuf>,
    /// In the sandbox, let it look at the clock
    #[arg(long, requires = "sandbox", help_heading = "Sandbox")]
    allow_clock: bool,
    /// In the sandbox, let it see its environment: the arguments that follow FILE
    #[arg(long, requires = "sandbox", help_heading = "Sandbox")]
    allow_env: bool,
}

impl Sandbox {
    /// What that comes to; the folder that there is not, and why.
    fn grants(&self) -> Result<Grants, (&Path, io::Error)> {
        if !self.sandbox {
            return Ok(Grants::all());
        }
        let mut grants = Grants::none();
        for folder in &self.allow_read {
            grants = grants.read(folder).map_err(|error| (folder.as_path(), error))?;
        }
        for folder in &self.allow_write {
            grants = grants.write(folder).map_err(|error| (folder.as_path(), error))?;
        }
        if self.allow_clock {
            grants = grants.with_clock();
        }
        if self.allow_env {
            grants = grants.with_environment();
        }
        Ok(grants)
    }
}

/// Takes the names of [`Issue`].
fn issue_parser() -> impl TypedValueParser<Value = Issue> {
    let names = PossibleValuesParser::new(Issue::NAMED.map(|(name, _)| name));
    names.map(|name| Issue::named(&name).expect("it is one of the names"))
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let Some((file, rest)) = args.program.split_first() else { return Exit::Unusable };
    let texts = match program_args(rest) {
        Ok(texts) => texts,
        Err(exit) => return exit,
    };
    let grants = match args.sandbox.grants() {
        Ok(grants) => grants,
        Err((folder, error)) => {
            complain(&format!("`{}` can't be allowed: {}", folder.display(), files::reason(&error)), &[]);
            return Exit::Unusable;
        }
    };
    let started = Instant::now();
    let module = match input::load_to_run(Path::new(file)) {
        Ok(module) => module,
        Err(exit) => return exit,
    };
    let loaded = started.elapsed();
    let interrupt = Interrupt::new();
    let recorded = args.simulate.is_some();
    let options = Options {
        max_memory: args.max_memory.unwrap_or_else(default_memory),
        max_depth: args.max_depth,
        max_steps: args.max_steps,
        timeout: None,
        workers: if recorded { 1 } else { args.workers.map_or_else(cores, usize::from) },
        issue: if recorded { Issue::Eager } else { args.issue },
        window: args.window,
        seed: args.seed,
        count: args.stats,
        migrate: args.migrate,
        record: recorded,
        trace: false,
        leave_out: None,
        interrupt: interrupt.clone(),
        pulse: Pulse::default(),
    };
    watch(&interrupt, args.timeout);
    let mut world = StdWorld::new(texts, grants);
    let started = Instant::now();
    let code = module.into_code();
    let result = crate::embed::run(&code, &options, &mut world);
    let flushed =
        if matches!(result.outcome, Outcome::Done | Outcome::Exit(_)) { world.flush() } else { world.end_line() };
    let outcome = match (flushed, result.outcome) {
        // What was printed comes before all other news, also that it can't be printed.
        (Err(Fault::Stop(stop)), outcome) if !matches!(outcome, Outcome::Stop(_)) => Outcome::Stop(stop),
        (_, outcome) => outcome,
    };
    let ran = started.elapsed();
    let exit = conclude(&outcome, options.max_memory, args.max_steps, args.timeout, code.program());
    if args.stats {
        say(&statistics(&result.stats, loaded, ran));
    }
    if let (Some(workers), Some(record)) = (args.simulate, &result.record) {
        match Dag::of(record) {
            Some(dag) => say(&simulated(&dag, usize::from(workers))),
            None => {
                complain("the run was too long to be simulated", &[too_long(record)]);
                return if exit == Exit::Done { Exit::Limit } else { exit };
            }
        }
    }
    exit
}

/// What to do about a record that is not complete.
pub(super) fn too_long(record: &Record) -> String {
    let all = record.events.len() as u64 + record.lost;
    format!("{} of {all} events are in the record: try it with less to do", record.events.len())
}

/// The arguments of a program as the program sees them.
pub fn program_args(args: &[OsString]) -> Result<Vec<String>, Exit> {
    let as_text = |(index, arg): (usize, &OsString)| {
        arg.to_str().map(str::to_owned).ok_or_else(|| {
            complain(&format!("argument {} of the program is not UTF-8", index + 1), &[]);
            Exit::Unusable
        })
    };
    args.iter().enumerate().map(as_text).collect()
}

/// How many cores this process may use.
pub(super) fn cores() -> usize {
    thread::available_parallelism().map_or(1, |count| count.get().min(MAX_WORKERS))
}

/// Sees to it that Ctrl-C and the time limit end the run, and the process, should it not end by itself.
pub fn watch(interrupt: &Interrupt, timeout: Option<Duration>) {
    let on_signal = interrupt.clone();
    let handler = ctrlc::set_handler(move || {
        on_signal.interrupt();
        thread::sleep(GRACE);
        say(&interrupted());
        std::process::exit(Exit::Interrupted.number().into());
    });
    // Without a handler Ctrl-C ends the process all the same, only less politely.
    drop(handler);
    if let Some(timeout) = timeout {
        let on_time = interrupt.clone();
        thread::spawn(move || {
            thread::sleep(timeout);
            on_time.time_out();
            thread::sleep(GRACE);
            say(&timed_out(timeout));
            std::process::exit(Exit::Limit.number().into());
        });
    }
}

fn stopped(why: &str, help: &str) -> String {
    painter().message("stopped", why, &[help.to_owned()])
}

pub(super) fn out_of_memory(limit: u64) -> String {
    stopped(&format!("out of memory: the limit is {}", show_size(limit)), "`--max-memory` sets the limit")
}

pub(super) fn interrupted() -> String {
    painter().message("stopped", "interrupted", &[])
}

fn timed_out(timeout: Duration) -> String {
    let seconds = timeout.as_secs_f64();
    stopped(&format!("the program ran for {seconds} seconds"), "`--timeout` sets the limit")
}

/// Says how a run ended, if it was not by itself, and gives the exit code.
pub fn conclude(
    outcome: &Outcome,
    max_memory: u64,
    max_steps: Option<u64>,
    timeout: Option<Duration>,
    program: &Program,
) -> Exit {
    let (message, exit) = match outcome {
        Outcome::Done | Outcome::Stop(Stop::OutputClosed) => return Exit::Done,
        Outcome::Exit(code) => return Exit::Program(*code),
        Outcome::Trap(trap) => (show_trap(trap, program), Exit::Failed),
        Outcome::Stop(Stop::Memory) => (out_of_memory(max_memory), Exit::Limit),
        Outcome::Stop(Stop::Steps) => {
            let steps = max_steps.unwrap_or_default();
            (stopped(&format!("the program took {steps} steps"), "`--max-steps` sets the limit"), Exit::Limit)
        }
        Outcome::Stop(Stop::Time) => (timed_out(timeout.unwrap_or_default()), Exit::Limit),
        Outcome::Stop(Stop::Interrupted) => (interrupted(), Exit::Interrupted),
        Outcome::Stop(Stop::OutputFailed(reason)) => {
            complain(&format!("can't write the output: {reason}"), &[]);
            return Exit::Failed;
        }
    };
    say(&message);
    exit
}

/// A trap of a program with its source line and the chain of calls.
fn show_trap(trap: &Trap, program: &Program) -> String {
    let text = Text::new(&program.source_name, &program.source);
    let place = |line: &TraceLine| {
        let site = program.sites[line.site as usize];
        (program.functions[line.function as usize].name.as_str(), &text, Span::new(site.start, site.end))
    };
    let places: Vec<_> = trap.backtrace.iter().map(place).collect();
    paint_trap(trap, &places)
}

/// A trap, with the function, the text and the place in it for each line of the backtrace.
pub(super) fn paint_trap(trap: &Trap, places: &[(&str, &Text<'_>, Span)]) -> String {
    let mut notes = Vec::new();
    for (index, (function, text, span)) in places.iter().enumerate().skip(1) {
        notes.push(format!("called from `{function}` at {}", text.position(span.start)));
        if let Some((after, calls)) = trap.omitted
            && after == index
        {
            notes.push(format!("… {calls} calls more …"));
        }
    }
    let title = trap.code.title();
    let message = if trap.message.is_empty() { title.to_owned() } else { format!("{title}: {}", trap.message) };
    let nowhere = Text::new("", "");
    let (text, span) = places.first().map_or((&nowhere, None), |&(_, text, span)| (text, Some(span)));
    painter().trap(&trap.code.code(), &message, span, &notes, text)
}

/// What the graph of a run says of its parallelism.
fn simulated(dag: &Dag, workers: usize) -> String {
    let (work, span, time) = (dag.work(), dag.span(), dag.schedule(workers));
    let times = |by: u64| format!("{:.2}", work as f64 / by.max(1) as f64);
    let on = format!("on {workers} {}", if workers == 1 { "core" } else { "cores" });
    let lines = [
        ("work", format!("{work} (instructions, by what they cost)")),
        ("span", format!("{span} (of the longest chain)")),
        ("parallelism", times(span)),
        (on.as_str(), format!("{time}, {} times as fast as on one", times(time))),
    ];
    lines.map(|(what, how_much)| format!("{what:>14}  {how_much}\n")).concat()
}

fn statistics(stats: &Stats, loaded: Duration, ran: Duration) -> String {
    let seconds = ran.as_secs_f64();
    let rate = stats.instructions as f64 / seconds.max(1e-9) / 1e6;
    let mut lines = vec![
        ("compiled in".to_owned(), format!("{:.3} ms", loaded.as_secs_f64() * 1e3)),
        ("ran for".to_owned(), format!("{:.3} ms", seconds * 1e3)),
        ("instructions".to_owned(), format!("{} ({rate:.0} million a second)", stats.instructions)),
        ("calls".to_owned(), stats.calls.to_string()),
        ("peak memory".to_owned(), show_size(stats.peak_memory)),
        ("deepest calls".to_owned(), format!("{} of frames", show_size(stats.peak_depth))),
    ];
    lines.extend(observe::stats::lines(&stats.workers, ran));
    lines.iter().map(|(what, how_much)| format!("{what:>14}  {how_much}\n")).collect()
}
