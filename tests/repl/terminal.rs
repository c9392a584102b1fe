//! The REPL at a terminal, by the order in which things appear.

use std::fs;
use std::ops::{Deref, DerefMut};
use std::process::Command;
use std::rc::Rc;

use rexpect::process::WaitStatus;
use rexpect::session::PtySession;
use tempfile::TempDir;

use super::script::script;

/// What the editor says to the terminal when it has read a line.
const READ: &str = "\x1b[?2004l";
const UP: &str = "\x1b[A";
const FOREVER: &str = "task forever(x: Int) -> Int { while true {}; return x }";
/// Ends when there is a file `go`.
const UNTIL: &str = "task until(x: Int) -> Int { while !file_exists(\"go\") {}; return x }";

/// A REPL in a pseudo-terminal, and the folder that it is in and keeps its history in.
struct Repl {
    session: PtySession,
    folder: Rc<TempDir>,
}

impl Deref for Repl {
    type Target = PtySession;

    fn deref(&self) -> &PtySession {
        &self.session
    }
}

impl DerefMut for Repl {
    fn deref_mut(&mut self) -> &mut PtySession {
        &mut self.session
    }
}

impl Repl {
    /// On a terminal of that kind, and with that `NO_COLOR`.
    fn new(kind: &str, no_color: &str, folder: Rc<TempDir>) -> Repl {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tgvm"));
        command.args(["repl", "--workers", "2"]).current_dir(folder.path());
        command.env("TERM", kind).env("NO_COLOR", no_color).env("XDG_STATE_HOME", folder.path());
        let mut session = rexpect::session::spawn_command(command, Some(60_000)).unwrap();
        session.exp_string("tg> ").unwrap();
        Repl { session, folder }
    }

    /// Asserts that these are shown, one after the other.
    #[track_caller]
    fn shows(&mut self, texts: &[&str]) {
        for text in texts {
            self.exp_string(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }

    /// Enters a line; what is shown then.
    #[track_caller]
    fn enter(&mut self, line: &str, shows: &[&str]) {
        self.send_line(line).unwrap();
        self.shows(&[READ]);
        self.shows(shows);
    }

    /// Types without Enter.
    #[track_caller]
    fn types(&mut self, keys: &str) {
        self.send(keys).unwrap();
        self.flush().unwrap();
    }

    /// Presses a key together with Ctrl; what is shown then.
    #[track_caller]
    fn control(&mut self, key: char, shows: &[&str]) {
        self.send_control(key).unwrap();
        self.shows(shows);
    }

    /// What `until` waits for.
    fn go(&self) {
        fs::write(self.folder.path().join("go"), "").unwrap();
    }

    /// Asserts that it ends with that code; what it shows until then.
    #[track_caller]
    fn ends(&mut self, code: i32) -> String {
        let rest = self.exp_eof().unwrap();
        let status = self.process_mut().wait().unwrap();
        assert!(matches!(status, WaitStatus::Exited(_, of) if of == code), "{status:?}");
        rest
    }

    #[track_caller]
    fn quit(mut self) -> Rc<TempDir> {
        self.enter(":quit", &[]);
        self.ends(0);
        self.folder
    }
}

fn folder() -> Rc<TempDir> {
    Rc::new(tempfile::tempdir().unwrap())
}

fn at_terminal() -> Repl {
    Repl::new("xterm", "1", folder())
}

/// A line that a statement prints is shown while the statement runs; Ctrl-C ends that, and not the session; `exit` does, with its code.
#[test]
fn output_is_shown_while_a_statement_runs() {
    let mut repl = at_terminal();
    repl.enter("task talk() { print(\"hello\"); write(\"and\"); while true {} }", &["tg> "]);
    repl.enter("talk()", &["[1] hello", "tg> "]);
    repl.send_control('c').unwrap();
    repl.exp_string("[1] and").unwrap();
    repl.exp_string("[1] cancelled").unwrap();
    repl.enter("6 * 7", &["[2] 42"]);
    repl.enter("exit(7)", &["[3] the session ends with code 7"]);
    repl.ends(7);
}

/// The prompt comes before the result of a long task; something else is computed and shown meanwhile; the scoreboard shows the
/// task and who waits for it; it is cancelled; and the session goes on.
#[test]
fn statements_run_while_others_are_entered() {
    let mut repl = at_terminal();
    repl.enter(FOREVER, &["tg> "]);
    repl.enter("let a = forever(1)", &["tg> "]);
    repl.enter("6 * 7", &["[2] 42"]);
    repl.enter("a + 1", &["tg> "]);
    repl.enter(":scoreboard", &["[1]", "let a = forever(1)  (runs)", "[3]", "waits for [1]: it writes `a`"]);
    repl.enter(":workers", &["works for [1]", "tg> "]);
    repl.enter(":cancel 1", &["[1] cancelled", "[3] `a` has no value, since [1] failed"]);
    repl.enter("let a = 5", &["tg> "]);
    repl.enter("a + 1", &["[5] 6"]);
    repl.enter(":type a", &["Int"]);
    repl.enter(":cancel x", &["`:cancel` takes the number of a statement, or `all`"]);
    repl.send_line("1 +").unwrap();
    repl.enter("2", &["[6] 3"]);
    repl.enter("[i for i in 0..10_000]", &["[7] [0, 1, 2,", "(of 58890 bytes; `print` shows them)"]);
    repl.enter("let xs = [1]; xs[3]", &["[9] trap[T0004]: index out of bounds: index 3, length 1", "[9] 1 | xs[3]"]);
    let folder = repl.quit();
    assert!(folder.path().join("tgvm/history").exists(), "the history is kept");
}

/// The prompt reads standard input, and no statement does; of a script, the text is all of it.
#[test]
fn statements_leave_standard_input_to_the_prompt() {
    let mut repl = at_terminal();
    repl.enter("var line = \"\"", &["tg> "]);
    repl.enter("line.read_line()", &["[2] trap[T0019]: not permitted: standard input, which is the prompt's"]);
    repl.enter("read_lines()", &["[3] trap[T0019]"]);
    repl.enter("6 * 7", &["[4] 42"]);
    repl.quit();
    assert_eq!(
        script("var line = \"\"\nline.read_line()\nread_lines()\n"),
        ("false\n[]\n".to_owned(), String::new(), Some(0))
    );
}

/// Ctrl-C drops the line that is being typed, and only that; and where none is, it cancels what is in flight.
#[test]
fn a_line_is_dropped_alone() {
    let mut repl = at_terminal();
    repl.enter("while true {}", &["tg> "]);
    repl.send_line("fn f() {").unwrap();
    repl.shows(&["fn f() {"]);
    repl.control('c', &[READ, "the line is dropped; Ctrl-C again cancels what is in flight", "tg> "]);
    repl.enter(":scoreboard", &["[1]", "while true {}  (runs)", "tg> "]);
    // Nor one that has only begun.
    repl.types("6 *");
    repl.control('c', &[READ, "the line is dropped", "tg> "]);
    repl.enter(":scoreboard", &["[1]", "while true {}  (runs)", "tg> "]);
    repl.control('c', &[READ, "[1] cancelled"]);
    repl.control('c', &[READ, "nothing is in flight; Ctrl-D ends", "tg> "]);
    // There is nothing to be said where nothing could be lost.
    repl.types("6 *");
    repl.send_control('c').unwrap();
    assert!(!repl.exp_string("tg> ").unwrap().contains("the line"));
    repl.enter("6 * 7", &["[2] 42"]);
    repl.quit();
}

/// What is printed without a line end is shown all the same, in parts, and little of it comes after Ctrl-C.
#[test]
fn output_without_line_ends_is_shown_in_parts() {
    let mut repl = at_terminal();
    repl.enter("let much = \"xxxxxxxx\".repeat(1 << 15)", &["tg> "]);
    repl.enter("while true { write(much) }", &["[2] xxxxxxxx", "[2] xxxxxxxx"]);
    repl.send_control('c').unwrap();
    let begin = std::time::Instant::now();
    repl.exp_string("[2] cancelled").unwrap();
    assert!(begin.elapsed() < std::time::Duration::from_secs(10), "{:?}", begin.elapsed());
    repl.enter("6 * 7", &["[3] 42"]);
    repl.quit();
}

/// Every command says what it is there for; names are completed.
#[test]
fn commands_tell_what_is_going_on() {
    let mut repl = at_terminal();
    let file = repl.folder.path().join("twice.tg");
    std::fs::write(&file, "fn twice(x: Int) -> Int { return 2 * x }").unwrap();
    let load = format!(":load {}", file.display());
    repl.enter(":help", &[":scoreboard    what is in flight", ":quit", "tg> "]);
    repl.enter(FOREVER, &["tg> "]);
    repl.enter(":stats", &["0 statements in flight, 0 variables", "tg> "]);
    repl.enter("let a = forever(1)", &["tg> "]);
    repl.enter(":stats", &["1 statement in flight, 1 variable,", "tg> "]);
    repl.enter("a + 1", &["tg> "]);
    repl.enter(":graph", &["digraph in_flight {", "1 -> 2 [label=\"it writes `a`\"];", "tg> "]);
    repl.enter(&load, &["tg> "]);
    repl.enter("twi\t(4)", &["[3] 8"]);
    repl.enter(":cancel all", &["cancelled", "cancelled"]);
    repl.enter("let b = twice(5)", &["tg> "]);
    repl.enter(":wait", &["tg> "]);
    repl.enter(":scoreboard", &["nothing is in flight"]);
    repl.enter(":sing", &["there is no command `:sing`"]);
    repl.enter(":load -", &["standard input is the prompt's: give a file"]);
    repl.quit();
}

/// What arrives while a line is typed is shown above it; the line is drawn again, and goes on.
#[test]
fn results_are_shown_above_a_line_that_has_begun() {
    let mut repl = at_terminal();
    repl.enter(UNTIL, &["tg> "]);
    repl.enter("print(\"so\"); until(12)", &["[1] so", "tg> "]);
    repl.types("6 * ");
    repl.shows(&["6 * "]);
    repl.go();
    repl.shows(&["[2] 12\r\n", "tg> 6 * "]);
    repl.enter("7", &["[3] 42"]);

    // The same with a line that goes on from the one before.
    fs::remove_file(repl.folder.path().join("go")).unwrap();
    repl.enter("until(13)", &["tg> "]);
    repl.send_line("fn six() -> Int {").unwrap();
    repl.types("return ");
    repl.shows(&["return "]);
    repl.go();
    repl.shows(&["[4] 13\r\n", "tg> fn six() -> Int {\r\nreturn "]);
    repl.enter("6 }", &["tg> "]);
    repl.enter("six()", &["[5] 6"]);
    repl.quit();
}

/// What is shown has one order, and none of it is lost: neither while lines are entered, nor while a command waits, nor at the end.
#[test]
fn all_is_shown_in_order() {
    let mut repl = at_terminal();
    repl.send_line("for i in 0..4000 { print(\"line {i}\") }").unwrap();
    for number in 0..40 {
        repl.send_line(&format!("{number}")).unwrap();
    }
    repl.send_line(":wait\n:quit").unwrap();
    let shown = repl.ends(0);
    let of = |statement: &str| -> Vec<String> {
        let begins = format!("[{statement}] ");
        let lines = shown.lines().filter_map(|line| line.rsplit_once(&begins));
        lines.map(|(_, line)| line.trim_end().to_owned()).collect()
    };
    assert_eq!(of("1"), (0..4000).map(|i| format!("line {i}")).collect::<Vec<_>>());
    for number in 0..40 {
        assert_eq!(of(&(number + 2).to_string()), [number.to_string()]);
    }
}

/// Lines are there again in the next session; a command that is brought back is one like any other.
#[test]
fn lines_are_kept_for_the_next_session() {
    let mut repl = at_terminal();
    repl.enter("11 * 3", &["[1] 33"]);
    // There is another session meanwhile.
    let mut other = Repl::new("xterm", "1", repl.folder.clone());
    other.enter("11 * 4", &["[1] 44"]);
    repl.quit();
    let folder = other.quit();
    let mut repl = Repl::new("xterm", "1", folder);
    for line in [":quit", "11 * 4"] {
        repl.types(UP);
        repl.shows(&[&format!("tg> {line}")]);
    }
    repl.enter("", &["[1] 44"]);
    // Nobody ends this one.
    let folder = repl.folder.clone();
    drop(repl);
    let mut repl = Repl::new("xterm", "1", folder);
    for line in ["11 * 4", ":quit", "11 * 4", "11 * 3"] {
        repl.types(UP);
        repl.shows(&[&format!("tg> {line}")]);
    }
    repl.enter("", &["[1] 33"]);
    repl.quit();
}

/// Commands, variables, items and built-in functions; where there are several, what they have in common, and then a list.
#[test]
fn words_are_completed() {
    let mut repl = at_terminal();
    repl.enter(":sc\t", &["nothing is in flight"]);
    repl.enter("fn treble(x: Int) -> Int { return 3 * x }", &["tg> "]);
    repl.enter("let apples = 6", &["tg> "]);
    repl.enter("treb\t(appl\t)", &["[2] 18"]);
    repl.enter("\"a,b\".spli\t(\",\")", &["[3] [\"a\", \"b\"]"]);
    repl.types(":s\t\t");
    repl.shows(&[":scoreboard", ":stats", "tg> :s"]);
    repl.enter("t\t", &["0 statements in flight"]);
    repl.quit();
}

#[test]
fn keywords_are_coloured_where_that_is_wanted() {
    let mut repl = Repl::new("xterm", "", folder());
    repl.types("let x = 12");
    repl.shows(&["\x1b[35mlet\x1b[0m x = \x1b[36m12\x1b[0m"]);
    repl.enter("", &[]);
    repl.types("\"a\" // b");
    repl.shows(&["\x1b[32ma\x1b[0m", "\x1b[2m// b\x1b[0m"]);
    repl.enter("", &["[2] a"]);
    repl.quit();

    let colour = |shown: &str| {
        let mut escapes = shown.split("\x1b[").skip(1);
        escapes.any(|escape| escape.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'))
    };
    assert!(colour("a\x1b[1;34mb") && !colour("\x1b[?2004h\x1b[5C"));
    for kind in ["xterm", "dumb"] {
        let mut repl = Repl::new(kind, "1", folder());
        repl.send_line("let x = 12; \"a\" // b\ny\n:quit").unwrap();
        let shown = repl.ends(0);
        assert!(shown.contains("there is no variable or constant `y`") && !colour(&shown), "{kind}: {shown}");
    }
}

/// The scoreboard has the age of each statement, and by which hazard it waits for which other.
#[test]
fn the_scoreboard_tells_what_is_waited_for() {
    let mut repl = at_terminal();
    repl.enter(FOREVER, &["tg> "]);
    repl.enter("var xs = [1, 2]", &["tg> "]);
    repl.enter("let a = forever(xs.len())", &["tg> "]);
    repl.enter("xs[0] = 5", &["tg> "]);
    repl.enter("xs[0] + a", &["tg> "]);
    repl.enter(UNTIL, &["tg> "]);
    repl.enter("until(1)", &["tg> "]);
    repl.enter("write_file(\"f\", \"text\")", &["tg> "]);
    repl.enter("clock() > 0.0", &["tg> "]);
    repl.enter(":scoreboard", &[]);
    let waits = [
        (2, "let a = forever(xs.len())", "runs"),
        (3, "xs[0] = 5", "waits for [2]: it reads `xs`"),
        (4, "xs[0] + a", "waits for [2]: it writes `a`, [3]: it writes `xs`"),
        (5, "until(1)", "runs"),
        (6, "write_file(\"f\", \"text\")", "waits for [5]: files"),
        (
            7,
            "clock() > 0.0",
            "waits for [2]: the clock, [3]: the clock, [4]: the clock, [5]: the clock, [6]: the clock",
        ),
    ];
    for (number, text, state) in waits {
        repl.shows(&[&format!("[{number}] ")]);
        let age = repl.exp_string(&format!(" s  {text}  ({state})\r\n")).unwrap();
        assert!(age.trim().parse::<f64>().is_ok(), "{age:?}");
    }
    repl.quit();
}

/// Each worker is asleep or not, and has a deque; of one that is busy it is told what it runs.
#[test]
fn workers_tell_what_they_run() {
    let mut repl = at_terminal();
    repl.enter(FOREVER, &["tg> "]);
    repl.enter("let a = forever(1)", &["tg> "]);
    repl.send_line("for i in 0..10 {\nforever(i) }").unwrap();
    // A worker that looks for work may not have come by yet.
    for _ in 0..1000 {
        repl.enter(":workers", &["worker 1  "]);
        let one = repl.exp_string("\r\nworker 2  ").unwrap();
        let two = repl.exp_string("\r\n").unwrap();
        // Characters are read byte by byte.
        let begins = [
            "asleep  (",
            "looks for work  (",
            "works for [1]  let a = forever(1)  (",
            "works for [2]  for i in 0..10 { \u{e2}\u{80}\u{a6}  (",
        ];
        for does in [&one, &two] {
            let queued = begins.iter().find_map(|begin| does.strip_prefix(begin)?.strip_suffix(" in its deque)"));
            assert!(queued.is_some_and(|queued| queued.parse::<u32>().is_ok()), "{does:?}");
        }
        if [&one, &two].iter().all(|does| does.starts_with("works")) {
            return drop(repl.quit());
        }
    }
    panic!("a worker does nothing");
}

/// Ctrl-C while a command waits cancels what it waits for.
#[test]
fn a_wait_is_interrupted() {
    let mut repl = at_terminal();
    repl.enter(FOREVER, &["tg> "]);
    repl.enter("let a = forever(1)", &["tg> "]);
    repl.enter("a + 1", &["tg> "]);
    repl.enter(":wait", &[]);
    repl.control('c', &["[2] cancelled", "[1] cancelled", "tg> "]);
    repl.enter("6 * 7", &["[3] 42"]);
    repl.quit();
}

/// What is typed while a command waits is there when it has waited.
#[test]
fn what_is_typed_meanwhile_is_not_lost() {
    let mut repl = at_terminal();
    repl.enter(UNTIL, &["tg> "]);
    repl.enter("print(\"so\"); until(12)", &["[1] so", "tg> "]);
    repl.enter(":wait", &[]);
    repl.send_line("let n = 1 +").unwrap();
    repl.send_line("6; 6 * n").unwrap();
    repl.types("6 *");
    repl.go();
    repl.shows(&["[2] 12\r\n", "[4] 42\r\n"]);
    repl.enter(" 8", &["[5] 48"]);
    repl.quit();
}

/// The end of a session ends what is in flight, and says so.
#[test]
fn the_end_cancels_what_is_in_flight() {
    let mut repl = at_terminal();
    repl.enter("while true {}", &["tg> "]);
    repl.control('d', &[READ, "[1] cancelled"]);
    repl.ends(0);

    let mut repl = at_terminal();
    repl.enter("while true {}", &["tg> "]);
    // In a line it is the key that deletes.
    repl.types("6 * 7");
    repl.send_control('d').unwrap();
    repl.enter("", &["[2] 42"]);
    repl.enter(":quit", &["[1] cancelled"]);
    repl.ends(0);
}

/// A trap poisons what depends on it, which says so, and nothing else, until the variable has a new value.
#[test]
fn a_trap_poisons_what_depends_on_it() {
    let mut repl = at_terminal();
    repl.enter("let a = [1, 2]", &["tg> "]);
    repl.enter("let b = a[5]", &["[2] trap[T0004]: index out of bounds: index 5, length 2", "[2] 1 | let b = a[5]"]);
    repl.enter("b + 1", &["[3] `b` has no value, since [2] failed: T0004 index out of bounds"]);
    repl.enter("let c = b * 2", &["[4] `b` has no value, since [2] failed"]);
    // The source is what has failed, and not who has not begun.
    repl.enter("c", &["[5] `c` has no value, since [2] failed"]);
    repl.enter("a.len()", &["[6] 2"]);
    repl.enter("let b = 3", &["tg> "]);
    repl.enter("b + 1", &["[8] 4"]);
    repl.enter("c", &["[9] `c` has no value, since [2] failed"]);
    repl.enter("var d = 1 / (b - 3)", &["[10] trap[T0002]: division by zero: 1 / 0"]);
    repl.enter("d += 1", &["[11] `d` has no value, since [10] failed"]);
    repl.enter("d = 5", &["tg> "]);
    repl.enter("d", &["[13] 5"]);
    repl.quit();
}

/// What is in flight keeps the old definition; what is entered later has the new one, also through older functions, unless they
/// would not fit it.
#[test]
fn a_definition_is_entered_anew() {
    let mut repl = at_terminal();
    repl.enter(UNTIL, &["tg> "]);
    repl.enter("fn step() -> Int { return 1 }", &["tg> "]);
    repl.enter("task go() -> Int { return until(0) + step() }", &["tg> "]);
    repl.enter("go()", &["tg> "]);
    repl.enter("fn step() -> Int { return 2 }", &["tg> "]);
    repl.enter("step()", &["[2] 2"]);
    repl.go();
    repl.shows(&["[1] 1\r\n"]);
    repl.enter("go()", &["[3] 2"]);
    repl.enter(
        "fn step(x: Int) -> Int { return x }",
        &[
            "error[E",
            " --> go:1:",
            "`go` was entered before, and does not fit what `step` would be: nothing has changed",
            "tg> ",
        ],
    );
    repl.enter("go()", &["[4] 2"]);
    repl.quit();
}

/// Where the cursor can't be moved, what arrives while a line is typed is on lines of its own, and the prompt comes again.
#[test]
fn results_have_lines_of_their_own_at_a_dumb_terminal() {
    let mut repl = Repl::new("dumb", "1", folder());
    // The terminal would echo what is typed, and this one does not.
    for line in [UNTIL, "until(12)"] {
        repl.send_line(line).unwrap();
        repl.shows(&["tg> "]);
    }
    repl.types("6 * ");
    repl.go();
    assert_eq!(repl.exp_string("[1] 12\r\ntg> ").unwrap(), "\r\n");
    repl.send_line("7").unwrap();
    let before = repl.exp_string("[2] 42\r\n").unwrap();
    assert!(before.is_empty() || before.ends_with('\n'), "{before:?}");
    repl.shows(&["tg> "]);
    // What goes on has a prompt of its own, and is dropped by Ctrl-C, which otherwise cancels.
    repl.send_line("while true {}").unwrap();
    repl.shows(&["tg> "]);
    repl.send_line("fn f() {").unwrap();
    repl.shows(&["... "]);
    repl.control('c', &["tg> "]);
    repl.send_line("6 * 7").unwrap();
    repl.shows(&["[4] 42", "tg> "]);
    repl.control('c', &["[3] cancelled"]);
    repl.send_line("exit(7)").unwrap();
    repl.ends(7);
}
