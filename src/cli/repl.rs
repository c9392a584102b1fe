//! `tgvm repl`: statements that run while the next one is typed.
//!
//! Each statement is issued as it is entered, into the frame of a session that stays open; the prompt comes back at once. What a
//! statement printed, and its value, are shown when it has completed, labelled with its number, above the line being typed.
//! Where the input is no terminal it is a script: each statement's output before the next one's, and the first error ends it.

use std::borrow::Cow;
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Editor, ExternalPrinter, Helper};

use super::run::cores;
use super::size::{default_memory, parse_size, show_size};
use super::{Exit, complain, input, print};
use crate::embed::{AtWork, Ended, Engine, Entered, Failed, Listener, Problem, Session};
use crate::host::{Grants, StdWorld};
use crate::syntax::highlight::{Class, classes};
use crate::syntax::pieces::pieces;

const AFTER_HELP: &str = "\
Examples:
  tgvm repl                                  at a terminal: :help lists the commands
  tgvm repl program.tg                       with a program's definitions
  echo 'sum(i for i in 0..10)' | tgvm repl   a script: the first error ends it";

const COMMANDS: &str = "\
:scoreboard    what is in flight, and what it waits for
:workers       what each worker does, and how many jobs its deque holds
:graph         what is in flight as a graph, in Graphviz's DOT
:stats         statements entered and in flight, memory
:type EXPR     the type of an expression
:load FILE     enters what a file holds
:wait          waits for all statements
:cancel N|all  ends a statement, or all; so does Ctrl-C
:help          this
:quit          ends; so does Ctrl-D
";

/// Enter statements that run while the next one is typed.
///
/// FILE is entered first. A definition of before may be entered anew, and counts for later statements.
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

fn open(engine: &Engine, listener: Option<Listener>) -> Arc<Session> {
    let worlds = Box::new(|| Box::new(StdWorld::new(Vec::new(), Grants::all())) as _);
    Arc::new(engine.session_with(worlds, listener))
}

fn show(problem: &Problem) {
    input::report(&problem.diagnostics, &problem.source);
}

// A script

/// Enters a text piece by piece, and waits for each; how it ended, if that was early.
fn enter_in_order(session: &Session, text: &str, interrupted: &AtomicBool) -> Option<Exit> {
    let spans = pieces(text).map_or_else(Vec::new, |all| all.into_iter().map(|piece| piece.span.range()).collect());
    // A text that is not complete is entered for the sake of what is wrong with it.
    let parts = if spans.is_empty() { vec![text] } else { spans.into_iter().map(|span| &text[span]).collect() };
    for part in parts {
        let entered = match session.enter(part) {
            Ok(entered) => entered,
            Err(problem) => {
                show(&problem);
                return Some(Exit::Unusable);
            }
        };
        for entered in entered {
            let Entered::Statement(number) = entered else { continue };
            let Ok(ended) = session.wait(number) else { continue };
            let value = match &ended.result {
                Ok(Some(value)) => format!("{value}\n"),
                _ => String::new(),
            };
            let shown = print(&format!("{}{value}", ended.output));
            if shown != Exit::Done {
                return Some(shown);
            }
            match ended.result {
                Ok(_) => {}
                Err(Failed::Exit(code)) => return Some(Exit::Program(code)),
                Err(failed) => {
                    if interrupted.load(Ordering::Relaxed) {
                        return Some(Exit::Interrupted);
                    }
                    complain(&failed.to_string(), &[]);
                    return Some(if failed == Failed::Memory { Exit::Limit } else { Exit::Failed });
                }
            }
        }
    }
    None
}

fn script(engine: &Engine, file: Option<&Path>) -> Exit {
    let session = open(engine, None);
    let interrupted = Arc::new(AtomicBool::new(false));
    let (watched, flag) = (session.clone(), interrupted.clone());
    // A second handler can't be: the process has one command.
    let _ = ctrlc::set_handler(move || {
        flag.store(true, Ordering::Relaxed);
        watched.cancel_all();
    });
    if let Some(file) = file {
        let text = match input::text(file) {
            Ok(text) => text,
            Err(exit) => return exit,
        };
        if let Some(exit) = enter_in_order(&session, &text, &interrupted) {
            return exit;
        }
    }
    let text = match input::text(Path::new("-")) {
        Ok(text) => text,
        Err(exit) => return exit,
    };
    enter_in_order(&session, &text, &interrupted).unwrap_or(Exit::Done)
}

// At a terminal

/// Each line with the statement's number before it.
fn labelled(ended: &Ended) -> String {
    let mut text = ended.output.clone();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    match &ended.result {
        Ok(Some(value)) => text += &format!("{value}\n"),
        Ok(None) => {}
        Err(failed) => text += &format!("{failed}\n"),
    }
    text.lines().map(|line| format!("[{}] {line}\n", ended.number)).collect()
}

fn at_terminal(engine: &Engine, file: Option<&Path>) -> rustyline::Result<Exit> {
    let mut editor: Editor<Line, DefaultHistory> =
        Editor::with_config(Config::builder().auto_add_history(true).build())?;
    // A terminal that can't move its cursor has none: there lines come where they come.
    let printer = editor.create_external_printer().ok().map(Mutex::new);
    let session = open(
        engine,
        Some(Box::new(move |ended: &Ended| {
            let text = labelled(ended);
            if text.is_empty() {
                return;
            }
            // Nobody can be told if the terminal is gone.
            let _ = match &printer {
                Some(printer) => printer.lock().unwrap_or_else(PoisonError::into_inner).print(text).is_ok(),
                None => print(&text) == Exit::Done,
            };
        })),
    );
    editor.set_helper(Some(Line { session: session.clone() }));
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
    loop {
        match editor.readline("tg> ") {
            Ok(line) => {
                let line = line.trim();
                if let Some(command) = line.strip_prefix(':') {
                    if !obey(&session, command) {
                        break;
                    }
                } else if let Err(problem) = session.enter(line) {
                    show(&problem);
                }
            }
            Err(ReadlineError::Interrupted) => {
                if session.in_flight().is_empty() {
                    print("nothing is in flight; Ctrl-D ends\n");
                }
                session.cancel_all();
            }
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error),
        }
    }
    if let Some(path) = &history {
        let saved = path.parent().map_or(Ok(()), fs::create_dir_all).map_err(ReadlineError::from);
        if let Err(error) = saved.and_then(|()| editor.save_history(path)) {
            complain(&format!("the history can't be kept: {error}"), &[]);
        }
    }
    session.cancel_all();
    Ok(Exit::Done)
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
    match word {
        "quit" | "q" => return false,
        "help" | "h" => drop(print(COMMANDS)),
        "wait" => {
            // This is no worker.
            let _ = session.wait_all();
        }
        "scoreboard" => drop(print(&scoreboard(session))),
        "workers" => drop(print(&workers(session))),
        "graph" => drop(print(&graph(session))),
        "stats" => {
            let (flight, memory) = (session.in_flight().len(), show_size(session.memory()));
            let variables = session.variables().len();
            print(&format!("{flight} statements in flight, {variables} variables, {memory} in use\n"));
        }
        "type" => match session.type_of(rest) {
            Ok(ty) => drop(print(&format!("{ty}\n"))),
            Err(problem) => show(&problem),
        },
        "load" => load(session, Path::new(rest)),
        "cancel" if rest == "all" => session.cancel_all(),
        "cancel" => match rest.parse() {
            Ok(number) if session.cancel(number) => {}
            _ => complain(&format!("no statement `{rest}` is in flight"), &[]),
        },
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

/// What the editor asks about the line being typed.
struct Line {
    session: Arc<Session>,
}

impl Helper for Line {}

impl Hinter for Line {
    type Hint = String;
}

impl Highlighter for Line {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        if super::coloured(&std::io::stdout()) { format!("\x1b[1;34m{prompt}\x1b[0m").into() } else { prompt.into() }
    }

    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if line.trim_start().starts_with(':') || !super::coloured(&std::io::stdout()) {
            return line.into();
        }
        let (mut shown, mut at) = (String::with_capacity(line.len() * 2), 0);
        for (span, class) in classes(line) {
            let colour = match class {
                Class::Keyword => "35",
                Class::Literal => "36",
                Class::Text => "32",
                Class::Comment => "2",
            };
            let part = span.range();
            shown += &line[at..part.start];
            shown += &format!("\x1b[{colour}m{}\x1b[0m", &line[part.clone()]);
            at = part.end;
        }
        (shown + &line[at..]).into()
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        // What is typed may change what stands before it: a quote, say.
        super::coloured(&std::io::stdout())
    }
}

impl Validator for Line {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let line = context.input();
        let complete = line.trim_start().starts_with(':') || pieces(line).is_some();
        Ok(if complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Completer for Line {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = &line[..at];
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let start = typed
            .rfind(|c| !is_word(c))
            .map_or(0, |found| found + typed[found..].chars().next().map_or(1, char::len_utf8));
        let word = &typed[start..];
        let commands = COMMANDS.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
        let names = self.session.variables().into_iter().map(|(name, _)| name).chain(self.session.items());
        let built_in = crate::bytecode::builtins::BUILTINS.iter().map(|builtin| builtin.name.to_owned());
        let mut found: Vec<String> =
            if word.starts_with(':') { commands.collect() } else { names.chain(built_in).collect() };
        found.retain(|name| !word.is_empty() && name.starts_with(word));
        found.sort();
        found.dedup();
        Ok((start, found))
    }
}
