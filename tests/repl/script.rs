//! A script for the REPL: what it prints, and how it ends.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};

fn tgvm(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tgvm"));
    command.args(args).env_remove("NO_COLOR");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Output, errors and exit code of a command that is given a text.
fn given(text: &str, mut command: Command) -> (String, String, Option<i32>) {
    let mut child = command.spawn().unwrap();
    // It may end without reading all.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// Output, errors and exit code of a script.
pub fn script(text: &str) -> (String, String, Option<i32>) {
    given(text, tgvm(&["repl", "--workers", "2"]))
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

/// A program of these items, whose `main` does that; and a script of the same.
fn both(items: &str, does: &str) -> [(&'static str, String); 2] {
    [("run", format!("{items}\nfn main() {{\n{does}\n}}\n")), ("repl", format!("{items}\n{does}\n"))]
}

/// What is wrong, without the place, which differs.
fn message(error: &str) -> Vec<&str> {
    error.lines().take_while(|line| !line.trim_start().starts_with("-->")).collect()
}

/// A script ends as a program does: with the same output, message and exit code.
#[test]
fn a_script_ends_as_a_program_does() {
    let deep = "fn deep(n: Int) -> Int { return deep(n + 1) + 1 }";
    let grow = "var xs = [0]\nwhile true { xs.push(xs.len()) }";
    let cases: [(&str, &str, &str, &str, i32); 12] = [
        ("", "", "", "", 0),
        ("", "print(1)\neprint(2)", "1\n", "2", 0),
        (
            "fn f(x: Int) -> Int { return 1 / x }",
            "print(1)\nprint(f(0))\nprint(2)",
            "1\n",
            "trap[T0002]: division by zero: 1 / 0",
            1,
        ),
        ("", "print(1)\nassert(1 > 2)\nprint(2)", "1\n", "trap[T00", 1),
        (deep, "print(1)\nprint(deep(0))", "1\n", "trap[T0", 1),
        ("", "print(1)\nexit(7)\nprint(2)", "1\n", "", 7),
        ("", "print(1)\nexit(0)\nprint(2)", "1\n", "", 0),
        ("", "print(1)\nexit(256)", "1\n", "trap[T0014]", 1),
        ("", grow, "", "stopped: out of memory: the limit is 32 MiB", 3),
        ("", "let x: Int = \"a\"", "", "error[E", 2),
        ("fn f() -> Int { return \"a\" }", "print(1)", "", "error[E", 2),
        ("", "print(read_file(\"there is none\"))", "", "trap[T0", 1),
    ];
    for (items, does, out, says, code) in cases {
        let [run, repl] = both(items, does).map(|(command, text)| {
            let program = tempfile::NamedTempFile::with_suffix(".tg").unwrap();
            std::fs::write(&program, &text).unwrap();
            let memory = if does == grow { "--max-memory=32M" } else { "--max-memory=512M" };
            let (mut command, is_run) = (tgvm(&[command, "--workers=2", memory]), command == "run");
            if is_run {
                command.arg(program.path());
            }
            given(if is_run { "" } else { &text }, command)
        });
        assert_eq!((run.0.as_str(), run.2), (out, Some(code)), "{does}: {}", run.1);
        assert!(run.1.starts_with(says), "{does}: {}", run.1);
        assert_eq!((&repl.0, message(&repl.1), repl.2), (&run.0, message(&run.1), run.2), "{does}");
    }
}

/// What is wrong with a statement is found when it is its turn, unlike in a program.
#[test]
fn statements_before_a_mistake_have_run() {
    let (out, error, code) = script("print(1)\nlet x: Int = \"a\"\nprint(2)\n");
    assert_eq!((out.as_str(), code), ("1\n", Some(2)));
    assert!(error.contains(" --> [2]:1:14\n"), "{error}");
}

#[test]
fn there_are_as_many_workers_as_can_be() {
    for command in ["run", "repl"] {
        let (_, error, code) = given("", tgvm(&[command, "--workers=61", "-"]));
        assert_eq!(code, Some(2));
        assert!(error.contains("61 is not in 1..=60"), "{error}");
    }
    let (out, error, code) = given("[i * i for i in 0..3]", tgvm(&["repl", "--workers=60"]));
    assert_eq!((out.as_str(), error.as_str(), code), ("[0, 1, 4]\n", "", Some(0)));
}

#[test]
fn a_script_has_no_history() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = tgvm(&["repl"]);
    command.env("XDG_STATE_HOME", folder.path());
    assert_eq!(given("6 * 7\n", command), ("42\n".to_owned(), String::new(), Some(0)));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
}

#[cfg(unix)]
mod interrupted {
    use super::*;

    /// Asserts that Ctrl-C ends it, and what it has printed then.
    fn is_interrupted(child: Child, out: &str) {
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{error}");
        assert_eq!((output.stdout.as_slice(), error.as_str()), (out.as_bytes(), "stopped: interrupted\n"));
    }

    fn says(from: &mut impl Read, text: &str) {
        let mut read = vec![0; text.len()];
        from.read_exact(&mut read).unwrap();
        assert_eq!(read, text.as_bytes());
    }

    /// Whatever it does; what has been printed is there.
    #[test]
    fn a_script_or_a_program_is_interrupted() {
        for (command, text) in both("", "print(1)\neprint(2)\nwhile true {}\nprint(3)") {
            let mut child = tgvm(&[command, "-"]).spawn().unwrap();
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
            says(child.stderr.as_mut().unwrap(), "2\n");
            is_interrupted(child, "1\n");
        }
    }

    /// Its text is not complete yet.
    #[test]
    fn a_script_is_interrupted_that_waits_for_its_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut command = tgvm(&["repl"]);
        let mut child = command.arg(file.path()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // More than a pipe holds: so it has begun to read.
        stdin.write_all(&b"print(1)\n".repeat(16 << 10)).unwrap();
        is_interrupted(child, "");
        drop(stdin);
    }

    /// Nobody reads what it prints.
    #[test]
    fn a_script_is_interrupted_that_waits_for_its_reader() {
        let mut child = tgvm(&["repl"]).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"eprint(1)\nwhile true { print(2) }").unwrap();
        says(child.stderr.as_mut().unwrap(), "1\n");
        let mut out = child.stdout.take().unwrap();
        says(&mut out, "2\n");
        is_interrupted(child, "");
    }
}
