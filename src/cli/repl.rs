//! `tgvm repl`: statements that run while the next one is typed.
//!
//! Each statement is issued as it is entered, into the frame of a session that stays open; the prompt comes back at once. What a
//! statement prints, and its value when it has completed, are shown with its number before them, above the line being typed.
//! Where the input is no terminal it is a script: a program whose statements run one after the other, and the first error ends it.

mod line;
mod prompt;
mod screen;
mod script;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use self::prompt::{Prompt, Typed, interrupt};
use self::screen::Screen;
use super::run::cores;
use super::size::{default_memory, parse_size, show_size};
use super::{Exit, complain, input, print};
use crate::embed::{AtWork, Ended, Engine, Entered, Problem, Redirected, Session};
use crate::host::{Grants, StdWorld};
use crate::machine::crew::MAX_WORKERS;
use crate::syntax::pieces::pieces;

const AFTER_HELP: &str = "\
Examples:
  tgvm repl                                  at a terminal: :help lists the commands
  tgvm repl program.tg                       with a program's definitions
  echo 'sum(i for i in 0..10)' | tgvm repl   a script: the first error ends it";

const COMMANDS: &str = "\
:scoreboard    what is in flight, since when, and what it waits for
:workers       what each worker does, and how many jobs its deque holds
:graph         what is in flight as a graph, in Graphviz's DOT
:stats         how many statements are in flight, variables, memory
:type EXPR     the type of an expression
:load FILE     enters what a file holds
:wait          waits for all statements
:cancel N|all  ends a statement, or all
:help          this
:quit          ends the session, and what is in flight

Ctrl-C drops the line that is being typed. Where there is none, and while
`:wait` waits, it is `:cancel all`. Ctrl-D, where there is none, is `:quit`.
Tab completes commands and names; Up brings back what was entered before.
In a bracket, and after an operator, a statement goes on in the next line.
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
    /// How many cores to use, up to 60 [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=MAX_WORKERS as i64))]
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
        script::script(&engine, memory, args.file.as_deref())
    }
}

fn world() -> StdWorld {
    StdWorld::new(Vec::new(), Grants::all())
}

fn show(problem: &Problem) {
    input::report(&problem.diagnostics, &problem.source);
}

/// How long the prompt waits for a statement that calls `exit`; and for any, where what it shows can't go above the prompt.
const MOMENT: Duration = Duration::from_millis(40);
/// How long the end of a session waits for what it cancels, which is shown.
const LONG: Duration = Duration::from_secs(1);

fn at_terminal(engine: &Engine, file: Option<&Path>) -> rustyline::Result<Exit> {
    let screen = Arc::new(Screen::default());
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
    let mut prompt = Prompt::new(&session, &screen)?;
    print(&format!("tgvm {}: :help lists the commands, Ctrl-D ends\n", env!("CARGO_PKG_VERSION")));
    if let Some(file) = file {
        load(&session, file);
    }
    let end = loop {
        match prompt.read() {
            Ok(Typed::Text(text)) => {
                if !take(&session, &screen, text.trim(), prompt.is_plain()) {
                    break Ok(Exit::Done);
                }
                // The editor can't be called off, so what ends the session later does so at the next line.
                if let Some(code) = screen.exit() {
                    break Ok(Exit::Program(code));
                }
            }
            Ok(Typed::Dropped) => {
                if !session.in_flight().is_empty() {
                    print("the line is dropped; Ctrl-C again cancels what is in flight\n");
                }
            }
            Ok(Typed::Interrupt) => interrupt(&session),
            Ok(Typed::End) => break Ok(Exit::Done),
            Err(error) => break Err(error),
        }
    };
    let left: Vec<u64> = session.in_flight().iter().map(|statement| statement.number).collect();
    session.cancel_all();
    screen.settle(&left, LONG);
    print(&screen.take());
    end
}

/// Takes what has been typed; whether the session goes on.
fn take(session: &Session, screen: &Screen, text: &str, is_plain: bool) -> bool {
    if let Some(command) = text.strip_prefix(':') {
        return obey(session, command);
    }
    match session.enter(text) {
        Ok(entered) => {
            let exits =
                || pieces(text).is_some_and(|all| all.iter().any(|p| p.names.iter().any(|name| name == "exit")));
            if is_plain || exits() {
                let number = |entered: &Entered| match entered {
                    Entered::Statement(number) => Some(*number),
                    Entered::Defined(_) => None,
                };
                screen.settle(&entered.iter().filter_map(number).collect::<Vec<_>>(), MOMENT);
            }
        }
        Err(problem) => show(&problem),
    }
    true
}

fn in_flight(count: usize) -> String {
    format!("{count} statement{} in flight", if count == 1 { "" } else { "s" })
}

fn load(session: &Session, file: &Path) {
    if file == Path::new("-") {
        complain("standard input is the prompt's: give a file", &[]);
    } else if let Ok(text) = input::text(file)
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
            let (flight, variables) = (in_flight(session.in_flight().len()), session.variables().len());
            let (plural, memory) = (if variables == 1 { "" } else { "s" }, show_size(session.memory()));
            print(&format!("{flight}, {variables} variable{plural}, {memory} in use\n"));
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
        let (text, age) = (first_line(&statement.text), statement.age.as_secs_f64());
        format!("[{}] {age:>6.1} s  {text}  ({state})\n", statement.number)
    };
    all.iter().map(line).collect()
}

fn workers(session: &Session) -> String {
    let all = session.in_flight();
    let line = |(number, worker): (usize, AtWork)| {
        let does = match worker.statement {
            _ if worker.is_asleep => "asleep".to_owned(),
            Some(statement) => {
                let text =
                    all.iter().find(|of| of.number == statement).map_or(String::new(), |of| first_line(&of.text));
                format!("works for [{statement}]  {text}")
            }
            None => "looks for work".to_owned(),
        };
        format!("worker {}  {does}  ({} in its deque)\n", number + 1, worker.queued)
    };
    session.workers().into_iter().enumerate().map(line).collect()
}

/// A statement in one line, or how it begins.
fn first_line(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if lines.next().is_some() { format!("{first} …") } else { first.to_owned() }
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
