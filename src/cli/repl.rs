//! `tgvm repl`: statements that run while the next one is typed.
//!
//! Each statement is issued as it is entered, into the frame of a session that stays open; the prompt comes back at once. What a
//! statement prints, and its value when it has completed, are shown with its number before them, above the line being typed.
//! Where the input is no terminal it is a script: a program whose statements run one after the other, and the first error ends it.

mod line;
mod screen;

use std::cell::Cell;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{Config, Editor, ExternalPrinter};

use self::line::Line;
use self::screen::{Screen, explained};
use super::run::{cores, interrupted, stopped};
use super::size::{default_memory, parse_size, show_size};
use super::{Exit, complain, input, print, say};
use crate::embed::{AtWork, Ended, Engine, Entered, Failed, Problem, Redirected, Session};
use crate::host::{Grants, StdWorld};
use crate::machine::host_call::{Stream, World};
use crate::machine::trap::{Fault, Stop};
use crate::syntax::pieces::{group, pieces};

const AFTER_HELP: &str = "\
Examples:
  tgvm repl                                  at a terminal: :help lists the commands
  tgvm repl program.tg                       with a program's definitions
  echo 'sum(i for i in 0..10)' | tgvm repl   a script: the first error ends it";

const COMMANDS: &str = "\
:scoreboard    what is in flight, and what it waits for
:workers       what each worker does, and how many jobs its deque holds
:graph         what is in flight as a graph, in Graphviz's DOT
:stats         how many statements are in flight, variables, memory
:type EXPR     the type of an expression
:load FILE     enters what a file holds
:wait          waits for all statements
:cancel N|all  ends a statement, or all; so does Ctrl-C, which only drops a line that goes on from the one before
:help          this
:quit          ends; so does Ctrl-D
";

/// Enter statements that run while the next one is typed.
///
/// FILE is entered first. A definition of before may be entered anew, and counts for later statements; those that follow each other are taken
/// together, and may name each other in any order.
///
/// At a terminal the prompt reads standard input, and `read_line` traps. Of a script, the text is all of standard input: `read_line` finds its
/// end.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// A program whose definitions are entered first
    file: Option<PathBuf>,
    /// How many cores to use [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: Option<u8>,
    /// Stop a statement when the session would take more memory: bytes, or with K, M, G [default: three quarters of the machine's]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_memory: Option<u64>,
}

/// Runs the command.
pub fn run(args: Args) -> Exit {
    let workers = args.workers.map_or_else(cores, usize::from);
    let memory = args.max_memory.unwrap_or_else(default_memory);
    let engine = match Engine::builder().workers(workers).max_memory(memory).build() {
        Ok(engine) => engine,
        Err(error) => {
            complain(&error.to_string(), &[]);
            return Exit::Unusable;
        }
    };
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        match at_terminal(&engine, args.file.as_deref()) {
            Ok(exit) => exit,
            Err(error) => {
                complain(&format!("the terminal can't be used: {error}"), &[]);
                Exit::Failed
            }
        }
    } else {
        script(&engine, args.file.as_deref())
    }
}

fn world() -> StdWorld {
    StdWorld::new(Vec::new(), Grants::all())
}

fn show(problem: &Problem) {
    input::report(&problem.diagnostics, &problem.source);
}

// A script

/// A session whose statements are run one after the other, and the streams that they print to.
struct Script {
    session: Arc<Session>,
    streams: Arc<Mutex<StdWorld>>,
    interrupted: Arc<AtomicBool>,
}

impl Script {
    fn new(engine: &Engine) -> Script {
        let streams = Arc::new(Mutex::new(world()));
        let to = streams.clone();
        let worlds = move |_| {
            let to = to.clone();
            let write =
                move |stream, bytes: &[u8]| to.lock().unwrap_or_else(PoisonError::into_inner).write(stream, bytes);
            Box::new(Redirected { world: Box::new(world()), write }) as _
        };
        let session = Arc::new(engine.session_printing(Box::new(worlds), None));
        let interrupted = Arc::new(AtomicBool::new(false));
        let (watched, flag) = (session.clone(), interrupted.clone());
        // A second handler can't be: the process has one command.
        let _ = ctrlc::set_handler(move || {
            flag.store(true, Ordering::Relaxed);
            watched.cancel_all();
        });
        Script { session, streams, interrupted }
    }

    /// Shows a value, if there is one, and writes what was printed.
    fn flush(&self, value: Option<&str>) -> Result<(), Exit> {
        let mut streams = self.streams.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = match value {
            Some(value) => streams.write(Stream::Out, format!("{value}\n").as_bytes()),
            None => Ok(()),
        };
        match shown.and_then(|()| streams.flush()) {
            Ok(()) => Ok(()),
            // Nobody reads on.
            Err(Fault::Stop(Stop::OutputClosed)) => Err(Exit::Done),
            Err(Fault::Stop(Stop::OutputFailed(reason))) => {
                complain(&format!("can't write the output: {reason}"), &[]);
                Err(Exit::Failed)
            }
            Err(other) => unreachable!("writing fails with a stop, not {other:?}"),
        }
    }

    /// Enters a text piece by piece, and waits for each.
    ///
    /// # Errors
    /// How it ended, if that was early.
    fn enter(&self, text: &str) -> Result<(), Exit> {
        for part in parts(text) {
            if part.trim_start().starts_with(':') {
                complain("a script has no commands: `:` is for a terminal", &[]);
                return Err(Exit::Unusable);
            }
            let entered = self.session.enter(part).map_err(|problem| {
                show(&problem);
                Exit::Unusable
            })?;
            for entered in entered {
                let Entered::Statement(number) = entered else { continue };
                let Ok(ended) = self.session.wait(number) else { continue };
                self.flush(ended.result.as_ref().ok().and_then(|value| value.as_deref()))?;
                if let Err(failed) = ended.result {
                    return Err(self.failed(&failed));
                }
            }
        }
        Ok(())
    }

    /// Says how a statement failed, as `tgvm run` says it of a program, and gives the exit code.
    fn failed(&self, failed: &Failed) -> Exit {
        match failed {
            Failed::Exit(code) => return Exit::Program(*code),
            Failed::Closed => return Exit::Done,
            _ if self.interrupted.load(Ordering::Relaxed) => {
                say(&interrupted());
                return Exit::Interrupted;
            }
            Failed::Memory => {
                say(&stopped("out of memory", "`--max-memory` sets the limit"));
                return Exit::Limit;
            }
            Failed::Trap(_) => say(&explained(failed)),
            _ => complain(&failed.to_string(), &[]),
        }
        Exit::Failed
    }
}

/// What is entered of a text one after the other: statements, and groups of items.
fn parts(text: &str) -> Vec<&str> {
    let all = pieces(text).unwrap_or_default();
    let (mut parts, mut rest) = (Vec::new(), all.as_slice());
    while !rest.is_empty() {
        let (part, others) = rest.split_at(group(rest).max(1));
        parts.push(&text[part[0].span.to(part[part.len() - 1].span).range()]);
        rest = others;
    }
    // A text that is not complete is entered for the sake of what is wrong with it.
    if parts.is_empty() { vec![text] } else { parts }
}

fn script(engine: &Engine, file: Option<&Path>) -> Exit {
    let script = Script::new(engine);
    // The script is read before a statement of the file could read from it.
    let texts = file.into_iter().chain([Path::new("-")]).map(input::text).collect::<Result<Vec<_>, _>>();
    let entered = texts.and_then(|texts| texts.iter().try_for_each(|text| script.enter(text)));
    entered.err().unwrap_or(Exit::Done)
}

// At a terminal

const PROMPT: &str = "tg> ";
/// How long the prompt waits for a statement that calls `exit`.
const MOMENT: Duration = Duration::from_millis(40);

fn at_terminal(engine: &Engine, file: Option<&Path>) -> rustyline::Result<Exit> {
    let mut editor: Editor<Line, DefaultHistory> =
        Editor::with_config(Config::builder().auto_add_history(true).build())?;
    let screen = Arc::new(Screen::default());
    // A terminal that can't move its cursor has no such printer. Nobody can be told if the terminal is gone.
    let printer = editor.create_external_printer().ok();
    let (written, prompted) = (screen.clone(), Arc::new(AtomicBool::new(false)));
    let prompts = prompted.clone();
    thread::spawn(move || match printer {
        Some(mut printer) => written.write(|text| _ = printer.print(text)),
        // The prompt stays where it is, and comes again.
        None => written.write(|text| {
            let shown = if prompts.load(Ordering::Relaxed) { format!("\n{text}{PROMPT}") } else { text };
            print(&shown);
        }),
    });
    let to = screen.clone();
    let worlds = move |number| {
        let to = to.clone();
        let write = move |_, bytes: &[u8]| {
            to.printed(number, bytes);
            Ok(())
        };
        Box::new(Redirected { world: Box::new(world().prompted()), write }) as _
    };
    let told = screen.clone();
    let listener = Box::new(move |ended: &Ended| told.ended(ended));
    let session = Arc::new(engine.session_printing(Box::new(worlds), Some(listener)));
    editor.set_helper(Some(Line { session: session.clone(), goes_on: Cell::new(false) }));
    let history = history();
    if let Some(path) = &history {
        // There is none the first time.
        let _ = editor.load_history(path);
    }
    // While a command waits; while a line is typed, Ctrl-C is a key.
    let watched = session.clone();
    let _ = ctrlc::set_handler(move || watched.cancel_all());
    print(&format!("tgvm {}: :help lists the commands, Ctrl-D ends\n", env!("CARGO_PKG_VERSION")));
    if let Some(file) = file {
        load(&session, file);
    }
    let exit = loop {
        prompted.store(true, Ordering::Relaxed);
        let line = editor.readline(PROMPT);
        prompted.store(false, Ordering::Relaxed);
        match line {
            Ok(line) => {
                let line = line.trim();
                let mut may_exit = Duration::ZERO;
                if let Some(command) = line.strip_prefix(':') {
                    if !obey(&session, command) {
                        break Exit::Done;
                    }
                } else if let Err(problem) = session.enter(line) {
                    show(&problem);
                } else if pieces(line)
                    .is_some_and(|all| all.iter().any(|piece| piece.names.iter().any(|n| n == "exit")))
                {
                    may_exit = MOMENT;
                }
                // The editor can't be called off, so what ends the session later does so at the next line.
                if let Some(code) = screen.exit(may_exit) {
                    break Exit::Program(code);
                }
            }
            // What is dropped is the line.
            Err(ReadlineError::Interrupted) if editor.helper().is_some_and(|line| line.goes_on.take()) => {}
            Err(ReadlineError::Interrupted) => {
                if session.in_flight().is_empty() {
                    print("nothing is in flight; Ctrl-D ends\n");
                }
                session.cancel_all();
            }
            Err(ReadlineError::Eof) => break Exit::Done,
            Err(error) => return Err(error),
        }
    };
    if let Some(path) = &history {
        let saved = path.parent().map_or(Ok(()), fs::create_dir_all).map_err(ReadlineError::from);
        if let Err(error) = saved.and_then(|()| editor.save_history(path)) {
            complain(&format!("the history can't be kept: {error}"), &[]);
        }
    }
    print(&screen.take());
    session.cancel_all();
    Ok(exit)
}

/// Where lines are kept from one session to the next.
fn history() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(state.or_else(home)?.join("tgvm/history"))
}

fn load(session: &Session, file: &Path) {
    if let Ok(text) = input::text(file)
        && let Err(problem) = session.enter(&text)
    {
        show(&problem);
    }
}

/// Does what a command says; whether the session goes on.
fn obey(session: &Session, command: &str) -> bool {
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    let takes = |what: &str| complain(&format!("`:{word}` takes {what}"), &[]);
    match (word, rest) {
        ("type", "") => takes("an expression"),
        ("type", _) => match session.type_of(rest) {
            Ok(ty) => drop(print(&format!("{ty}\n"))),
            Err(problem) => show(&problem),
        },
        ("load", "") => takes("a file"),
        ("load", _) => load(session, Path::new(rest)),
        ("cancel", "all") => session.cancel_all(),
        ("cancel", _) => match rest.parse() {
            Ok(number) if session.cancel(number) => {}
            Ok(number) => complain(&format!("no statement {number} is in flight"), &[]),
            Err(_) => takes("the number of a statement, or `all`"),
        },
        ("quit" | "q" | "help" | "h" | "wait" | "scoreboard" | "workers" | "graph" | "stats", rest)
            if !rest.is_empty() =>
        {
            takes("nothing");
        }
        ("quit" | "q", _) => return false,
        ("help" | "h", _) => drop(print(COMMANDS)),
        ("wait", _) => {
            // This is no worker.
            let _ = session.wait_all();
        }
        ("scoreboard", _) => drop(print(&scoreboard(session))),
        ("workers", _) => drop(print(&workers(session))),
        ("graph", _) => drop(print(&graph(session))),
        ("stats", _) => {
            let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
            let flight = count(session.in_flight().len(), "statement");
            let (variables, memory) = (count(session.variables().len(), "variable"), show_size(session.memory()));
            print(&format!("{flight} in flight, {variables}, {memory} in use\n"));
        }
        _ => complain(&format!("there is no command `:{word}`"), &["`:help` lists the commands".to_owned()]),
    }
    true
}

fn scoreboard(session: &Session) -> String {
    let all = session.in_flight();
    if all.is_empty() {
        return "nothing is in flight\n".to_owned();
    }
    let line = |statement: &crate::embed::InFlight| {
        let waits: Vec<String> =
            statement.waits_for.iter().map(|(number, hazard)| format!("[{number}]: {hazard}")).collect();
        let state = if waits.is_empty() { "runs".to_owned() } else { format!("waits for {}", waits.join(", ")) };
        let text = statement.text.lines().next().unwrap_or_default();
        format!("[{}] {:>6.1} s  {text}  ({state})\n", statement.number, statement.age.as_secs_f64())
    };
    all.iter().map(line).collect()
}

fn workers(session: &Session) -> String {
    let line = |(number, worker): (usize, AtWork)| {
        let does = match worker.statement {
            _ if worker.is_asleep => "asleep".to_owned(),
            Some(statement) => format!("works for [{statement}]"),
            None => "looks for work".to_owned(),
        };
        format!("worker {}  {does}, {} in its deque\n", number + 1, worker.queued)
    };
    session.workers().into_iter().enumerate().map(line).collect()
}

fn graph(session: &Session) -> String {
    let mut dot = "digraph in_flight {\n".to_owned();
    for statement in session.in_flight() {
        dot += &format!("  {} [label={:?}];\n", statement.number, format!("[{}] {}", statement.number, statement.text));
        for (before, hazard) in &statement.waits_for {
            dot += &format!("  {before} -> {} [label={:?}];\n", statement.number, hazard.to_string());
        }
    }
    dot + "}\n"
}
