//! `tgvm repl`: as a script, and at a terminal by the order in which things appear.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// Output, errors and exit code of a script.
fn script(text: &str) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tgvm"));
    command.args(["repl", "--workers", "2"]).env_remove("NO_COLOR");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

#[test]
fn a_script_prints_in_order() {
    let (out, error, code) = script(
        "task square(x: Int) -> Int {\n    return x * x\n}\nlet a = square(7)\nprint(\"a is {a}\")\nvar all = [square(i) for i in 0..4]\nall[0] = a\nall\n",
    );
    assert_eq!((out.as_str(), error.as_str(), code), ("a is 49\n[49, 1, 4, 9]\n", "", Some(0)));
    assert_eq!(script("").2, Some(0));
}

#[test]
fn the_first_error_ends_a_script() {
    let (out, error, code) = script("print(1)\nlet x = 1 / (1 - 1)\nprint(2)\n");
    assert_eq!((out.as_str(), code), ("1\n", Some(1)));
    // As `tgvm run` shows it.
    assert!(error.starts_with("trap[T0002]: division by zero: 1 / 0\n --> [2]:1:9\n"), "{error}");
    assert!(error.contains("1 | let x = 1 / (1 - 1)\n"), "{error}");
    let (out, error, code) = script("print(1)\nprint(y)\nprint(2)\n");
    assert_eq!((out.as_str(), code), ("1\n", Some(2)));
    assert!(error.contains("E0201"), "{error}");
    assert_eq!(script("print(1)\nexit(7)\nprint(2)\n"), ("1\n".to_owned(), String::new(), Some(7)));
    assert_eq!(script("fn f( {").2, Some(2));
    let (out, error, code) = script("1\n:help\n2\n");
    assert_eq!((out.as_str(), code), ("1\n", Some(2)));
    assert_eq!(error, "error: a script has no commands: `:` is for a terminal\n");
}

#[test]
fn the_streams_of_a_script_are_apart() {
    let (out, error, code) = script("print(1)\neprint(2)\nwrite(3)\newrite(4)\n5\n");
    assert_eq!((out.as_str(), error.as_str(), code), ("1\n35\n", "2\n4", Some(0)));
}

#[test]
fn a_definition_that_no_longer_fits_is_told() {
    let (_, error, code) =
        script("fn f(x: Int) -> Int { return x }\nfn g() -> Int { return f(1) }\nfn f() -> Int { return 1 }\n");
    assert_eq!(code, Some(2));
    assert!(error.contains(" --> g:1:"), "{error}");
    assert!(
        error.contains("`g` was entered before, and does not fit what `f` would be: nothing has changed"),
        "{error}"
    );
}

/// The items of a text that follow each other are taken together.
#[test]
fn items_name_each_other_in_any_order() {
    let even = "fn is_even(n: Int) -> Bool { return if n == 0 { true } else { is_odd(n - 1) } }";
    let odd = "fn is_odd(n: Int) -> Bool { return if n == 0 { false } else { is_even(n - 1) } }";
    let good = |out: &str| (out.to_owned(), String::new(), Some(0));
    for between in ["\n", "; ", " "] {
        assert_eq!(script(&format!("{even}{between}{odd}\nis_even(7)\n")), good("false\n"));
    }
    let types = "fn area() -> Int { return Box(side: SIDE).side }\nstruct Box { side: Int }\nconst SIDE = 2 * HALF\nconst HALF = 3\n";
    assert_eq!(script(&format!("{types}area()\n")), good("6\n"));
    // A definition of before may still be entered anew, also in the same text.
    assert_eq!(script("const A = 1\nconst A = 2\nA\nconst A = 3\nA"), good("2\n3\n"));
    let (_, error, code) = script(even);
    assert_eq!(code, Some(2));
    assert!(error.contains("E0202"), "{error}");
    assert!(error.contains("what needs each other is entered together: `fn a() { … }; fn b() { … }`"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("parity.tg");
    std::fs::write(&file, format!("{even}\n\n{odd}\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tgvm"));
    let output = command.arg("repl").arg(&file).stdin(Stdio::null()).output().unwrap();
    assert_eq!((String::from_utf8(output.stderr).unwrap(), output.status.code()), (String::new(), Some(0)));
}

/// As `tgvm run` ends where nobody reads its output any more.
#[test]
fn a_script_ends_with_its_reader() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tgvm"));
    command.arg("repl").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"while true { print(1) }").unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0; 2]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((String::from_utf8(output.stderr).unwrap(), output.status.code()), (String::new(), Some(0)));
}

/// A REPL in a pseudo-terminal, and where it keeps its history.
#[cfg(unix)]
fn at_terminal() -> (rexpect::session::PtySession, tempfile::TempDir) {
    at_terminal_of("xterm")
}

#[cfg(unix)]
fn at_terminal_of(kind: &str) -> (rexpect::session::PtySession, tempfile::TempDir) {
    let state = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tgvm"));
    command.args(["repl", "--workers", "2"]).env("TERM", kind).env("NO_COLOR", "1").env("XDG_STATE_HOME", state.path());
    let mut repl = rexpect::session::spawn_command(command, Some(60_000)).unwrap();
    repl.exp_string("tg> ").unwrap();
    (repl, state)
}

/// Enters a line; what is shown then.
#[cfg(unix)]
fn enter(repl: &mut rexpect::session::PtySession, line: &str, shows: &[&str]) {
    repl.send_line(line).unwrap();
    // Its echo: what comes after that is about it.
    repl.exp_string(line).unwrap();
    for text in shows {
        repl.exp_string(text).unwrap_or_else(|error| panic!("{line}: {text}: {error}"));
    }
}

/// A line that a statement prints is shown while the statement runs; Ctrl-C ends that, and not the session; `exit` does, with its code.
#[cfg(unix)]
#[test]
fn output_is_shown_while_a_statement_runs() {
    let (mut repl, _state) = at_terminal();
    enter(&mut repl, "task talk() { print(\"hello\"); write(\"and\"); while true {} }", &["tg> "]);
    enter(&mut repl, "talk()", &["[1] hello", "tg> "]);
    repl.send_control('c').unwrap();
    repl.exp_string("[1] and").unwrap();
    repl.exp_string("[1] cancelled").unwrap();
    enter(&mut repl, "6 * 7", &["[2] 42"]);
    enter(&mut repl, "exit(7)", &["[3] the session ends with code 7"]);
    repl.exp_eof().unwrap();
    let status = repl.process_mut().wait().unwrap();
    assert!(matches!(status, rexpect::process::WaitStatus::Exited(_, 7)), "{status:?}");
}

/// The prompt comes before the result of a long task; something else is computed and shown meanwhile; the scoreboard shows the
/// task and who waits for it; it is cancelled; and the session goes on.
#[cfg(unix)]
#[test]
fn statements_run_while_others_are_entered() {
    let (mut repl, state) = at_terminal();
    let mut enter = |line: &str, shows: &[&str]| enter(&mut repl, line, shows);
    enter("task forever(x: Int) -> Int { while true {}; return x }", &["tg> "]);
    enter("let a = forever(1)", &["tg> "]);
    enter("6 * 7", &["[2] 42"]);
    enter("a + 1", &["tg> "]);
    enter(":scoreboard", &["[1]", "let a = forever(1)  (runs)", "[3]", "waits for [1]: it writes `a`"]);
    enter(":workers", &["works for [1]", "tg> "]);
    enter(":cancel 1", &["[1] cancelled", "[3] `a` has no value, since [1] failed"]);
    enter("let a = 5", &["tg> "]);
    enter("a + 1", &["[5] 6"]);
    enter(":type a", &["Int"]);
    enter(":cancel x", &["`:cancel` takes the number of a statement, or `all`"]);
    enter("1 +", &[]);
    enter("2", &["[6] 3"]);
    enter("[i for i in 0..10_000]", &["[7] [0, 1, 2,", "(of 58890 bytes; `print` shows them)"]);
    enter("let xs = [1]; xs[3]", &["[9] trap[T0004]: index out of bounds: index 3, length 1", "[9] 1 | xs[3]"]);
    enter(":quit", &[]);
    repl.exp_eof().unwrap();
    assert!(state.path().join("tgvm/history").exists(), "the history is kept");
}

/// The prompt reads standard input, and no statement does; of a script, the text is all of it.
#[cfg(unix)]
#[test]
fn statements_leave_standard_input_to_the_prompt() {
    let (mut repl, _state) = at_terminal();
    enter(&mut repl, "var line = \"\"", &["tg> "]);
    enter(&mut repl, "line.read_line()", &["[2] trap[T0019]: not permitted: standard input, which is the prompt's"]);
    enter(&mut repl, "read_lines()", &["[3] trap[T0019]"]);
    enter(&mut repl, "6 * 7", &["[4] 42"]);
    enter(&mut repl, ":quit", &[]);
    repl.exp_eof().unwrap();
    assert_eq!(
        script("var line = \"\"\nline.read_line()\nread_lines()\n"),
        ("false\n[]\n".to_owned(), String::new(), Some(0))
    );
}

/// Ctrl-C while a line goes on from the one before drops only that.
#[cfg(unix)]
#[test]
fn a_line_that_goes_on_is_dropped_alone() {
    let (mut repl, _state) = at_terminal();
    enter(&mut repl, "while true {}", &["tg> "]);
    enter(&mut repl, "fn f() {", &["\n"]);
    repl.send_control('c').unwrap();
    repl.exp_string("tg> ").unwrap();
    enter(&mut repl, ":scoreboard", &["[1]", "while true {}  (runs)", "tg> "]);
    repl.send_control('c').unwrap();
    repl.exp_string("[1] cancelled").unwrap();
    enter(&mut repl, ":quit", &[]);
    repl.exp_eof().unwrap();
}

/// What is printed without a line end is shown all the same, in parts, and little of it comes after Ctrl-C.
#[cfg(unix)]
#[test]
fn output_without_line_ends_is_shown_in_parts() {
    let (mut repl, _state) = at_terminal();
    enter(&mut repl, "let much = \"xxxxxxxx\".repeat(1 << 15)", &["tg> "]);
    enter(&mut repl, "while true { write(much) }", &["[2] xxxxxxxx", "[2] xxxxxxxx"]);
    repl.send_control('c').unwrap();
    let begin = std::time::Instant::now();
    repl.exp_string("[2] cancelled").unwrap();
    assert!(begin.elapsed() < std::time::Duration::from_secs(10), "{:?}", begin.elapsed());
    enter(&mut repl, "6 * 7", &["[3] 42"]);
    enter(&mut repl, ":quit", &[]);
    repl.exp_eof().unwrap();
}

/// Every command says what it is there for; names are completed.
#[cfg(unix)]
#[test]
fn commands_tell_what_is_going_on() {
    let (mut repl, state) = at_terminal();
    let file = state.path().join("twice.tg");
    std::fs::write(&file, "fn twice(x: Int) -> Int { return 2 * x }").unwrap();
    let load = format!(":load {}", file.display());
    enter(&mut repl, ":help", &[":scoreboard    what is in flight", ":quit", "tg> "]);
    enter(&mut repl, "task forever(x: Int) -> Int { while true {}; return x }", &["tg> "]);
    enter(&mut repl, ":stats", &["0 statements in flight, 0 variables", "tg> "]);
    enter(&mut repl, "let a = forever(1)", &["tg> "]);
    enter(&mut repl, ":stats", &["1 statement in flight, 1 variable,", "tg> "]);
    enter(&mut repl, "a + 1", &["tg> "]);
    enter(&mut repl, ":graph", &["digraph in_flight {", "1 -> 2 [label=\"it writes `a`\"];", "tg> "]);
    enter(&mut repl, &load, &["tg> "]);
    repl.send("twi\t").unwrap();
    repl.flush().unwrap();
    repl.exp_string("twice").unwrap();
    enter(&mut repl, "(4)", &["[3] 8"]);
    enter(&mut repl, ":cancel all", &["cancelled", "cancelled"]);
    enter(&mut repl, "let b = twice(5)", &["tg> "]);
    enter(&mut repl, ":wait", &["tg> "]);
    enter(&mut repl, ":scoreboard", &["nothing is in flight"]);
    enter(&mut repl, ":sing", &["there is no command `:sing`"]);
    enter(&mut repl, ":quit", &[]);
    repl.exp_eof().unwrap();
}

/// Where the cursor can't be moved, what arrives while a line is typed is on lines of its own, and the prompt comes again.
#[cfg(unix)]
#[test]
fn results_have_lines_of_their_own_at_a_dumb_terminal() {
    let (mut repl, _state) = at_terminal_of("dumb");
    // The terminal would echo what is typed, and this one does not.
    for line in
        ["task wait(x: Int) -> Int { let since = clock(); while clock() - since < 0.3 {}; return x }", "wait(12)"]
    {
        repl.send_line(line).unwrap();
        repl.exp_string("tg> ").unwrap();
    }
    assert_eq!(repl.exp_string("[1] 12\r\ntg> ").unwrap(), "\r\n");
    repl.send_line(":quit").unwrap();
    repl.exp_eof().unwrap();
}
