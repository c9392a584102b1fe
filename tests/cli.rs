//! The command line: exit codes, bad input, standard streams, the pages of help.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

fn tgvm() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tgvm"));
    command.env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

/// What a command printed, and how it ended.
struct Ended {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Ended {
    /// Asserts the exit code, and that standard error says all of these.
    #[track_caller]
    fn is(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.error);
        for text in says {
            assert!(self.error.contains(text), "{text:?} is missing:\n{}", self.error);
        }
    }

    /// Asserts success with that output, and nothing on standard error.
    #[track_caller]
    fn prints(&self, out: &str) {
        self.is(0, &[]);
        assert_eq!((self.out.as_str(), self.error.as_str()), (out, ""));
    }
}

fn tg(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ended {
    tg_with_input(args, b"")
}

fn tg_with_input(args: impl IntoIterator<Item = impl AsRef<OsStr>>, input: &[u8]) -> Ended {
    let mut command = tgvm();
    let mut child =
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || {
        // It may end without reading all.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("messages are UTF-8");
    Ended { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
}

/// A folder with one file `p.tg`.
struct Program {
    folder: TempDir,
    path: PathBuf,
}

fn program(text: impl AsRef<[u8]>) -> Program {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.tg");
    fs::write(&path, text).unwrap();
    Program { folder, path }
}

fn run(text: impl AsRef<[u8]>) -> Ended {
    tg([OsStr::new("run"), program(text).path.as_os_str()])
}

const HELLO: &str = "fn main() { print(\"hello\") }\n";
const FIB: &str = "task fib(n: Int) -> Int {\n    if n < 2 { return n }\n    return fib(n - 1) + fib(n - 2)\n}\n\nfn main() { print(fib(12)) }\n";
const FOREVER: &str = "fn main() {\n    eprint(\"ready\")\n    var n = 0\n    while true { n = n +% 1 }\n}\n";

// Exit codes

#[test]
fn a_program_that_ends_gives_0() {
    run(HELLO).prints("hello\n");
}

#[test]
fn a_program_that_exits_gives_its_code() {
    let ended = run("fn main() {\n    print(\"before\")\n    exit(7)\n}\n");
    ended.is(7, &[]);
    assert_eq!((ended.out.as_str(), ended.error.as_str()), ("before\n", ""));
    run("fn main() { exit(0) }\n").prints("");
    run("fn main() { exit(256) }\n").is(1, &["trap[T0014]", "256"]);
}

#[test]
fn a_trap_gives_1_and_shows_the_place_the_values_and_the_calls() {
    let text = "fn get(xs: [Int], i: Int) -> Int {\n    let last = xs[i]\n    return last + xs.len() * i * 3 - xs[0] * last * last\n}\n\ntask outer(n: Int) -> Int {\n    var t = 0\n    while t < n { t += get([1, 2, 3], n + t) }\n    return t\n}\n\nfn main() {\n    print(\"before\")\n    print(outer(12))\n    print(\"after\")\n}\n";
    let ended = run(text);
    ended.is(
        1,
        &[
            "trap[T0004]: index out of bounds: index 12, length 3",
            "p.tg:2:16",
            "2 |     let last = xs[i]",
            "^^^^^",
            "called from `outer` at ",
            "p.tg:8:",
            "called from `main` at ",
            "p.tg:14:11",
        ],
    );
    assert_eq!(ended.out, "before\n");
}

#[test]
fn a_deep_recursion_traps_with_a_short_backtrace() {
    let ended = run("fn down(n: Int) -> Int { return 1 + down(n + 1) }\n\nfn main() { print(down(0)) }\n");
    ended.is(1, &["trap[T0009]", "recursion too deep", "`main`"]);
    assert!(ended.error.lines().count() < 40, "{}", ended.error);
    let program = program(
        "fn down(n: Int) -> Int {\n    if n == 0 { return 0 }\n    return 1 + down(n - 1)\n}\n\nfn main() { print(down(100_000)) }\n",
    );
    let path = program.path.to_str().unwrap();
    tg(["run", path]).prints("100000\n");
    tg(["run", "--max-depth", "1M", path]).is(1, &["trap[T0009]"]);
}

#[test]
fn what_does_not_compile_gives_2() {
    let ended = run("fn main() {\n    let total = 1\n    print(totl)\n}\n");
    ended.is(2, &["error[E0201]", "p.tg:3:11", "totl", "did you mean `total`?"]);
    assert_eq!(ended.out, "");
}

#[test]
fn a_program_that_needs_a_host_gives_2_and_compiles() {
    let program = program("extern fn draw(x: Int)\nextern task wait() -> Int\n\nfn main() { draw(wait()) }\n");
    let path = program.path.to_str().unwrap();
    for command in ["run", "graph"] {
        let ended = tg([command, path]);
        ended.is(2, &["error[E0701]: `draw` is a function of a host", "`wait` is a function of a host", "p.tg:2:1"]);
        assert_eq!(ended.out, "");
    }
    tg(["check", path]).is(0, &[]);
    let listing = tg(["dis", path]);
    listing.is(0, &[]);
    assert!(listing.out.contains("task wait() -> Int  effects: host"), "{}", listing.out);
    let compiled = program.folder.path().join("p.tgb");
    let compiled = compiled.to_str().unwrap();
    tg(["build", path, "-o", compiled]).is(0, &[]);
    tg(["run", compiled]).is(2, &["error[E0701]", "extern fn draw(x: Int)"]);
    assert_eq!(tg(["dis", compiled]).out, listing.out);
}

#[test]
fn a_wrong_command_line_gives_2() {
    let program = program(HELLO);
    let path = program.path.to_str().unwrap();
    tg(["frobnicate"]).is(2, &["frobnicate"]);
    tg(["run"]).is(2, &["FILE"]);
    tg(["run", "--no-such-option", path]).is(2, &["--no-such-option"]);
    tg(["run", "--max-memory", "lots", path]).is(2, &["--max-memory", "512M"]);
    tg(["run", "--max-memory", "0", path]).is(2, &["--max-memory"]);
    tg(["run", "--max-steps=-1", path]).is(2, &["--max-steps"]);
    tg(["run", "--timeout", "0", path]).is(2, &["--timeout"]);
    tg(["run", "--workers", "0", path]).is(2, &["--workers"]);
    tg(["run", "--workers", "4", path]).prints("hello\n");
    tg([] as [&str; 0]).is(2, &["Usage", "run"]);
}

#[test]
fn a_limit_gives_3() {
    let forever = program(FOREVER);
    let path = forever.path.to_str().unwrap();
    tg(["run", "--max-steps", "1000000", path]).is(3, &["stopped", "steps", "--max-steps"]);
    let started = Instant::now();
    tg(["run", "--timeout", "0.2", path]).is(3, &["stopped", "0.2 seconds", "--timeout"]);
    assert!(started.elapsed() < Duration::from_secs(5));
    let growing = program("fn main() {\n    var xs: [Int] = []\n    while true { xs.push(1) }\n}\n");
    let path = growing.path.to_str().unwrap();
    tg(["run", "--max-memory", "32M", path]).is(3, &["stopped", "memory", "32 MiB", "--max-memory"]);
    run("fn main() {\n    let xs = [Int](1_000_000_000_000, fill: 0)\n    print(xs.len())\n}\n").is(3, &["memory"]);
    let built_in = program("fn main() { print(\"ab\".repeat(1_000_000_000_000_000).len()) }\n");
    tg(["run", built_in.path.to_str().unwrap()]).is(3, &["memory"]);
}

/// Tasks that never end, or take all memory.
const BUSY: &str = "task spins(n: Int) -> Int {\n    var x = n & -2\n    while x != -1 { x = x +% 2 & 1023 }\n    return x\n}\n\ntask hoards(n: Int) -> Int {\n    var xs: [[Int]] = []\n    while xs.len() >= 0 { xs.push([Int](1000, fill: n)) }\n    return xs.len()\n}\n\n";

/// What was printed by then is how the output begins.
#[test]
fn a_limit_gives_3_with_eight_workers_busy() {
    let printed: String = (0..50).map(|i| format!("{i}\n")).collect();
    let text = |task: &str| {
        format!(
            "{BUSY}task says(n: Int) {{ print(n) }}\n\nfn main() {{\n    for i in 0..50 {{ says(i) }}\n    var t = 0\n    for i in 0..100 {{ t += {task}(i) }}\n    print(t)\n}}\n"
        )
    };
    for issue in ["--issue=eager", "--issue=lazy"] {
        for (task, limit, says) in
            [("spins", "--timeout=0.3", "--timeout"), ("hoards", "--max-memory=32M", "--max-memory")]
        {
            let program = program(text(task));
            let ended =
                tg(["run".as_ref(), "--workers=8".as_ref(), issue.as_ref(), limit.as_ref(), program.path.as_os_str()]);
            ended.is(3, &["stopped", says]);
            assert!(printed.starts_with(&ended.out), "{issue} {limit}: {:?}", ended.out);
        }
    }
}

#[test]
fn a_limit_on_time_also_ends_a_program_that_waits_for_input() {
    let program = program("fn main() {\n    var line = \"\"\n    print(read_line(&line))\n}\n");
    let mut command = tgvm();
    let mut child = command
        .args(["run", "--timeout", "0.2"])
        .arg(&program.path)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let stdin = child.stdin.take();
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(started.elapsed() < Duration::from_secs(5));
    drop(stdin);
}

#[cfg(unix)]
mod signals {
    use super::*;

    fn interrupted(text: &str) {
        interrupted_with(&[], text);
    }

    /// Runs a program, waits for it to say "ready", and interrupts it.
    fn interrupted_with(options: &[&str], text: &str) {
        let program = program(text);
        let mut command = tgvm();
        let mut child = command
            .arg("run")
            .args(options)
            .arg(&program.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Held open: `wait` would close it, and end a program that waits for input.
        let stdin = child.stdin.take();
        let mut error = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        error.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        std::thread::sleep(Duration::from_millis(30));
        let started = Instant::now();
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert_eq!(child.wait().unwrap().code(), Some(130));
        drop(stdin);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        let mut rest = String::new();
        error.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("interrupted") && !rest.contains("panicked"), "{rest}");
    }

    #[test]
    fn ctrl_c_ends_a_loop() {
        interrupted(FOREVER);
    }

    #[test]
    fn ctrl_c_ends_what_eight_workers_do() {
        let text = format!("{BUSY}fn main() {{\n    eprint(\"ready\")\n    for i in 0..100 {{ spins(i) }}\n}}\n");
        for issue in ["--issue=eager", "--issue=lazy"] {
            interrupted_with(&["--workers=8", issue], &text);
        }
    }

    #[test]
    fn ctrl_c_ends_a_long_built_in() {
        interrupted(
            "fn main() {\n    var xs = [i *% 7919 % 1_000_003 for i in 0..3_000_000]\n    eprint(\"ready\")\n    while true {\n        xs.sort()\n        xs.reverse()\n    }\n}\n",
        );
    }

    #[test]
    fn ctrl_c_ends_a_wait_for_input() {
        interrupted("fn main() {\n    eprint(\"ready\")\n    var line = \"\"\n    print(read_line(&line))\n}\n");
    }
}

// Standard streams

#[test]
fn a_reader_that_leaves_ends_the_program_quietly() {
    for text in [
        "fn main() { for i in 0..100_000_000 { print(i) } }\n",
        "fn main() {\n    let line = \"x\".repeat(200_000)\n    while true { print(line) }\n}\n",
    ] {
        let program = program(text);
        let mut command = tgvm();
        let mut child =
            command.arg("run").arg(&program.path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut [0]).unwrap();
        drop(out);
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_cannot_be_written_gives_1() {
    let program = program(HELLO);
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = tgvm().arg("run").arg(&program.path).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("can't write the output: the disk is full"), "{error}");
}

#[test]
fn output_and_errors_are_one_sequence() {
    let program = program(
        "fn main() {\n    print(\"one\")\n    eprint(\"two\")\n    write(\"three \")\n    ewrite(\"four \")\n    print(\"five\")\n    let xs = [1]\n    print(xs[3 - xs[0]])\n}\n",
    );
    let both = program.folder.path().join("both");
    let file = File::create(&both).unwrap();
    let status = tgvm().arg("run").arg(&program.path).stdout(file.try_clone().unwrap()).stderr(file).status().unwrap();
    assert_eq!(status.code(), Some(1));
    let text = fs::read_to_string(both).unwrap();
    assert!(text.starts_with("one\ntwo\nthree four five\ntrap[T0004]"), "{text}");
}

#[test]
fn a_question_is_shown_before_its_answer_is_awaited() {
    let program = program(
        "fn main() {\n    write(\"name? \")\n    var name = \"\"\n    if read_line(&name) { print(\"hello {name}\") }\n}\n",
    );
    let mut command = tgvm();
    let mut child = command.arg("run").arg(&program.path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut question = [0; 6];
    child.stdout.as_mut().unwrap().read_exact(&mut question).unwrap();
    assert_eq!(&question, b"name? ");
    child.stdin.take().unwrap().write_all("Zoë\r\n".as_bytes()).unwrap();
    assert_eq!(String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap(), "hello Zoë\n");
}

/// A limit of steps is one of the steps in order, however many workers there are.
#[test]
fn a_limit_of_steps_holds_with_many_workers() {
    let text = "task work(n: Int) -> Int {\n    var x = n\n    for i in 0..500 { x = x *% 31 +% i }\n    return x & 7\n}\n\nfn main() {\n    for i in 0..400 { print(i + work(i)) }\n}\n";
    let program = program(text);
    let path = program.path.to_str().unwrap();
    let whole = tg(["run", "--issue", "in-order", path]);
    whole.is(0, &[]);
    let limited = |more: &[&str]| tg(["run", "--max-steps", "200000"].iter().chain(more).chain(&[path]));
    let in_order = limited(&["--issue", "in-order"]);
    in_order.is(3, &["the program took 200000 steps"]);
    assert!(!in_order.out.is_empty() && whole.out.starts_with(&in_order.out), "{}", in_order.out);
    for issue in ["lazy", "eager"] {
        let ended = limited(&["--workers", "8", "--issue", issue, "--stats"]);
        ended.is(3, &["the program took 200000 steps"]);
        assert_eq!(ended.out, in_order.out, "{issue}");
        let (issued, promoted) = (figures(&ended, "tasks issued")[0], figures(&ended, "promoted")[0]);
        assert_eq!((issued, promoted), (0.0, 0.0), "{}", ended.error);
        assert!(!ended.error.contains("worker 2  "), "{}", ended.error);
    }
}

#[test]
fn arguments_belong_to_the_program() {
    let program = program("fn main() { print(args()) }\n");
    let path = program.path.to_str().unwrap();
    tg(["run", path, "a", "--help", "--max-steps", "-", "x y", "--", ""])
        .prints("[\"a\", \"--help\", \"--max-steps\", \"-\", \"x y\", \"--\", \"\"]\n");
    tg(["run", path]).prints("[]\n");
}

#[test]
fn a_program_may_come_from_standard_input() {
    tg_with_input(["run", "-", "x"], b"fn main() { print(args()) }\n").prints("[\"x\"]\n");
    tg_with_input(["run", "-"], b"fn main() { print(x) }\n").is(2, &["<stdin>:1:19"]);
    tg_with_input(["check", "-"], HELLO.as_bytes()).prints("");
}

/// What `--stats` tells, each with a number, whatever there was of it.
const FIGURES: [&str; 17] = [
    "compiled in",
    "ran for",
    "instructions",
    "calls",
    "peak memory",
    "deepest calls",
    "tasks issued",
    "inlined",
    "promoted",
    "entries run",
    "stolen",
    "parked",
    "renamed",
    "squashed",
    "peak in flight",
    "held output",
    "worker 1",
];

/// The numbers behind a name.
#[track_caller]
fn figures(ended: &Ended, name: &str) -> Vec<f64> {
    let line = ended.error.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix("  "));
    let line = line.unwrap_or_else(|| panic!("{name:?} is missing:\n{}", ended.error));
    let numbers = line.split(|c: char| !c.is_ascii_digit() && c != '.').filter_map(|part| part.parse().ok());
    let numbers: Vec<f64> = numbers.collect();
    assert!(!numbers.is_empty(), "{name:?} has no number:\n{}", ended.error);
    numbers
}

#[test]
fn statistics_go_to_standard_error() {
    let program = program(HELLO);
    let ended = tg(["run", "--stats", program.path.to_str().unwrap()]);
    ended.is(0, &["0 register, 0 region, 0 effect, 0 window, 0 drain", "% busy (", "% idle ("]);
    assert_eq!(ended.out, "hello\n");
    for name in FIGURES {
        figures(&ended, name);
    }
    for name in ["tasks issued", "inlined", "promoted", "stolen", "parked", "renamed", "squashed", "peak in flight"] {
        assert_eq!(figures(&ended, name)[0], 0.0, "{name}: nothing ran out of order:\n{}", ended.error);
    }
    assert!(figures(&ended, "instructions")[0] > 0.0 && figures(&ended, "peak memory")[0] > 0.0);
    assert!(!ended.error.contains("worker 2"), "{}", ended.error);
}

#[test]
fn statistics_say_what_the_workers_did() {
    let text = "task work(n: Int) -> Int {
    var x = n
    for i in 0..50 { x = x *% 31 +% i }
    return x & 255
}
fn main() {
    var t = 0
    var i = 0
    var last = 0
    while i < 1000 {
        let x = work(i)
        t += x
        last = x
        i += 1
    }
    print(t > last)
}
";
    let program = program(text);
    let path = program.path.to_str().unwrap();
    for workers in ["1", "2"] {
        let ended = tg(["run", "--stats", "--workers", workers, "--issue", "eager", path]);
        ended.is(0, &["% busy (", "% idle (", " register, ", " drain"]);
        assert_eq!(ended.out, "true\n");
        for name in FIGURES {
            figures(&ended, name);
        }
        for name in ["instructions", "promoted", "tasks issued", "parked", "renamed", "peak in flight", "peak memory"] {
            assert!(figures(&ended, name)[0] > 0.0, "{name}:\n{}", ended.error);
        }
        assert!(figures(&ended, "peak in flight")[0] <= 64.0, "the window:\n{}", ended.error);
        let calls = figures(&ended, "tasks issued")[0] + figures(&ended, "inlined")[0];
        assert_eq!(calls, 1000.0, "each call is one or the other:\n{}", ended.error);
        assert_eq!(ended.error.contains("worker 2  "), workers == "2", "{}", ended.error);
    }
    let ended = tg(["run", "--stats", "--issue", "in-order", path]);
    ended.is(0, &[]);
    assert_eq!((figures(&ended, "tasks issued")[0], figures(&ended, "inlined")[0]), (0.0, 1000.0), "{}", ended.error);
    assert!(!ended.error.contains("worker 2  "), "{}", ended.error);
}

#[test]
fn a_graph_is_written_without_what_the_program_prints() {
    let program = program(FIB);
    let path = program.path.to_str().unwrap();
    let ended = tg(["graph", path]);
    ended.is(0, &["144\n"]);
    let to = program.folder.path().join("graph.dot");
    let to = to.to_str().unwrap();
    tg(["graph", "-o", to, path]).prints("144\n");
    // Two runs need not be alike.
    for graph in [fs::read_to_string(to).unwrap(), ended.out] {
        assert!(graph.starts_with("digraph \"") && graph.ends_with("\n}\n"), "{graph}");
        assert!(graph.contains("fib\\nline 3") && !graph.lines().any(|line| line == "144"), "{graph}");
    }
    tg(["graph"]).is(2, &["FILE"]);
    let trap = trapping();
    let ended = tg(["graph", trap.path.to_str().unwrap()]);
    ended.is(1, &["trap[T0004]"]);
    assert!(ended.out.starts_with("digraph "), "{}", ended.out);
}

/// A program whose task traps.
fn trapping() -> Program {
    program("task at(xs: [Int], i: Int) -> Int { return xs[i] }\n\nfn main() { print(at([1], 1)) }\n")
}

/// At a terminal, what a program printed last is not mixed with how it ended.
#[cfg(unix)]
#[test]
fn a_trap_begins_a_line_of_its_own_at_a_terminal() {
    let program = program("fn main() {\n    write(\"begun\")\n    panic(\"no\")\n}\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tgvm"));
    command.arg("run").arg(&program.path).env("NO_COLOR", "1");
    let mut run = rexpect::session::spawn_command(command, Some(60_000)).unwrap();
    assert_eq!(run.exp_string("trap[T0011]").unwrap(), "begun\r\n");
    run.exp_eof().unwrap();
    let ended = tg(["run", program.path.to_str().unwrap()]);
    assert_eq!((ended.out.as_str(), ended.code), ("begun", Some(1)));
    assert!(ended.error.starts_with("trap[T0011]"), "{}", ended.error);
}

#[test]
fn a_program_without_a_command_is_told_the_command() {
    tg(["some.tg"]).is(2, &["there is no command `some.tg`", "did you mean `tgvm run some.tg`?"]);
    tg(["rum"]).is(2, &["run"]);
}

#[test]
fn what_is_too_long_to_be_simulated_is_an_error() {
    let program = program(FIB.replace("12", "27"));
    let ended = tg(["run", "--simulate", "4", program.path.to_str().unwrap()]);
    ended.is(3, &["the run was too long to be simulated"]);
    assert_eq!(ended.out, "196418\n");
}

#[test]
fn a_simulation_tells_how_parallel_a_program_is() {
    let flat = program("fn main() { print(sum(x for x in [i * i % 1000 for i in 0..200_000])) }\n");
    let program = program(FIB);
    let path = program.path.to_str().unwrap();
    let ended = tg(["run", "--simulate", "4", path]);
    ended.is(0, &["work  ", "span  ", "parallelism  ", "on 4 cores  ", "times as fast"]);
    assert_eq!(ended.out, "144\n");
    // One core splits a loop once at each level, but whoever has nothing to do would split it as often as it takes.
    let ended = tg(["run", "--simulate", "8", flat.path.to_str().unwrap()]);
    let times = ended.error.split("on 8 cores").nth(1).and_then(|on| on.split_whitespace().nth(1)?.parse::<f64>().ok());
    assert!(times.is_some_and(|times| times > 7.5), "{}", ended.error);
    tg(["run", "--simulate", "0", path]).is(2, &["--simulate"]);
    tg(["run", "--simulate", "2", "--workers", "2", path]).is(2, &["--simulate", "--workers"]);
}

#[test]
fn colours_are_for_terminals_only() {
    let ended = run("fn main() { print(x) }\n");
    assert!(!ended.error.contains('\x1b'));
    assert!(!tg(["help", "run"]).out.contains('\x1b'));
}

// Bad input

#[test]
fn files_that_cannot_be_read_give_2() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for command in ["run", "repl", "check", "dis", "build"] {
        tg([command, &at("missing.tg")]).is(2, &["error: can't read", "missing.tg", "no such file"]);
        tg([command, folder.path().to_str().unwrap()]).is(2, &["error: can't read", "it is a folder"]);
    }
    fs::write(at("here.tg"), HELLO).unwrap();
    tg(["run", &at("here")]).is(2, &["did you mean", "here.tg"]);
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_gives_2() {
    use std::os::unix::fs::PermissionsExt;
    let program = program(HELLO);
    fs::set_permissions(&program.path, PermissionsExt::from_mode(0o000)).unwrap();
    // Who may read everything can't be refused.
    if File::open(&program.path).is_err() {
        tg([OsStr::new("run"), program.path.as_os_str()]).is(2, &["error: can't read", "no permission"]);
    }
}

/// The number of errors that are shown.
fn errors(ended: &Ended) -> usize {
    ended.error.lines().filter(|line| line.starts_with("error")).count()
}

#[test]
fn bad_text_gives_2_and_one_clear_error() {
    let cases: &[(&[u8], &[&str])] = &[
        (b"", &["`main`"]),
        (b"\n// nothing\n", &["`main`"]),
        (b"fn main() {\n    print(\"\xff\")\n}\n", &["not UTF-8", "0xff", "line 2", "offset 23"]),
        (b"fn main() {\n    print(1)\0\n}\n", &["p.tg:2:13", "NUL"]),
        (b"fn main() {\n    print(\"abc)\n}\n", &["p.tg:2:11", "unterminated string"]),
        (b"fn main() {\n    let x = 1\n    print(\"a {x\")\n}\n", &["p.tg:3:", "unterminated"]),
        (b"fn main() { print(99999999999999999999) }\n", &["p.tg:1:19", "too large for an Int"]),
        (b"fn main() { print(9223372036854775808) }\n", &["does not fit in an Int"]),
        (b"fn main() {\n    print((1 + 2)\n}\n", &["p.tg:2:"]),
    ];
    for (text, says) in cases {
        let ended = run(text);
        ended.is(2, says);
        assert_eq!(errors(&ended), 1, "{}", ended.error);
        assert_eq!(ended.out, "");
    }
    let deep = format!("fn main() {{ print({}1{}) }}\n", "(".repeat(100_000), ")".repeat(100_000));
    let ended = run(deep);
    ended.is(2, &["nested too deeply"]);
    assert_eq!(errors(&ended), 1, "{}", ended.error);
    assert!(ended.error.len() < 2_000, "{}", ended.error.len());
}

#[test]
fn thousands_of_errors_are_cut_off_with_a_count() {
    let text = format!("fn main() {{\n{}}}\n", "    print(nothing)\n".repeat(3_000));
    let ended = run(&text);
    ended.is(2, &["… and 2950 more errors"]);
    assert_eq!(errors(&ended), 50);
    let one_line = format!("fn main() {{ print([{}]) }}\n", "nothing, ".repeat(200_000));
    let started = Instant::now();
    let ended = run(&one_line);
    ended.is(2, &["… and 199950 more errors"]);
    assert!(ended.error.len() < 50_000);
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn unusual_text_is_accepted() {
    run("\u{feff}fn main() { print(\"bom\") }\n").prints("bom\n");
    run("fn main() {\r\n    print(\"crlf\")\r\n}\r\n").prints("crlf\n");
    run(format!("fn main() {{ print(1{}) }}\n", " + 1".repeat(250_000))).prints("250001\n");
    run(format!("fn main() {{ print(\"{}\".len()) }}\n", "x".repeat(1_000_000))).prints("1000000\n");
    run("fn main() { print(\"no newline at the end\") }").prints("no newline at the end\n");
}

// Bytecode

#[test]
fn a_compiled_program_runs_like_its_text() {
    let program = program("fn main() {\n    let xs = args()\n    print(xs)\n    print(xs[0].parse_int())\n}\n");
    let path = program.path.to_str().unwrap();
    tg(["build", path]).prints("");
    let built = program.path.with_extension("tgb");
    tg(["run", built.to_str().unwrap(), "7"]).prints("[\"7\"]\n7\n");
    // The name does not matter, and a trap shows the source.
    let other = program.folder.path().join("other");
    tg(["build", path, "-o", other.to_str().unwrap()]).prints("");
    assert_eq!(fs::read(&built).unwrap(), fs::read(&other).unwrap());
    fs::remove_file(&program.path).unwrap();
    let ended = tg(["run", other.to_str().unwrap(), "seven"]);
    ended.is(1, &["trap[T0012]", "\"seven\"", "4 |     print(xs[0].parse_int())"]);
    assert_eq!(tg(["dis", other.to_str().unwrap()]).code, Some(0));
}

#[test]
fn an_output_file_is_written_whole_or_not_at_all() {
    let program = program("fn main() { print(x) }\n");
    let built = program.path.with_extension("tgb");
    fs::write(&built, "old").unwrap();
    tg([OsStr::new("build"), program.path.as_os_str()]).is(2, &["error["]);
    assert_eq!(fs::read(&built).unwrap(), b"old");
    assert_eq!(fs::read_dir(program.folder.path()).unwrap().count(), 2, "nothing is left beside it");
    fs::write(&program.path, HELLO).unwrap();
    let nowhere = program.folder.path().join("no/such/folder.tgb");
    tg([OsStr::new("build"), program.path.as_os_str(), OsStr::new("-o"), nowhere.as_os_str()])
        .is(1, &["can't write", "no such file or folder"]);
    tg([OsStr::new("build"), program.path.as_os_str(), OsStr::new("-o"), program.path.as_os_str()])
        .is(2, &["overwritten"]);
    tg_with_input(["build", "-"], HELLO.as_bytes()).is(2, &["-o"]);
}

#[test]
fn damaged_bytecode_gives_2() {
    let program = program("fn main() {\n    var t = 0\n    for i in 0..10 { t += i }\n    print(\"{t} in all\")\n}\n");
    let built = program.path.with_extension("tgb");
    tg([OsStr::new("build"), program.path.as_os_str()]).prints("");
    let bytes = fs::read(&built).unwrap();
    let refused = |bytes: &[u8], what: &str| {
        fs::write(&built, bytes).unwrap();
        let ended = tg([OsStr::new("run"), built.as_os_str()]);
        assert_eq!(ended.code, Some(2), "{what}: {}{}", ended.out, ended.error);
        assert_eq!(errors(&ended), 1, "{what}: {}", ended.error);
        assert!(!ended.error.contains("panicked"), "{what}: {}", ended.error);
    };
    for end in [bytes.len() - 1, bytes.len() / 2, 10] {
        refused(&bytes[..end], &format!("the first {end} bytes"));
    }
    for at in (0..bytes.len()).step_by(bytes.len() / 64 + 1) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        refused(&flipped, &format!("byte {at} flipped"));
    }
}

// Checking

#[test]
fn errors_as_json_are_one_object_a_line() {
    let program = program("\u{feff}fn main() {\n    print(é)\n    let totl = 1\n    print(tota)\n}\n");
    let path = program.path.to_str().unwrap();
    let ended = tg(["check", "--json", path]);
    assert_eq!((ended.code, ended.error.as_str()), (Some(2), ""));
    let objects: Vec<serde_json::Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!objects.is_empty());
    for object in &objects {
        assert!(object["code"].as_str().unwrap().starts_with('E'), "{object}");
        assert_eq!(object["file"], path);
        assert!(object["message"].is_string() && object["help"].is_array());
        let label = &object["labels"][0];
        assert!(label["start"].as_u64().unwrap() <= label["end"].as_u64().unwrap());
        assert!(label["text"].is_string());
    }
    assert_eq!(objects[0]["labels"][0]["line"], 2);
    assert_eq!(objects[0]["labels"][0]["column"], 11);
    let missing = tg(["check", "--json", "/no/such/file.tg"]);
    let object: serde_json::Value = serde_json::from_str(&missing.out).unwrap();
    assert_eq!((missing.code, &object["code"]), (Some(2), &serde_json::Value::Null));
    let fine = self::program(HELLO);
    tg(["check", "--json", fine.path.to_str().unwrap()]).prints("");
    tg(["check", fine.path.to_str().unwrap(), path]).is(2, &["error["]);
}

// The sandbox

/// Runs the body of a `main` in a sandbox, in that folder, with these options.
#[track_caller]
fn boxed(folder: &Path, options: &[&str], body: &str) -> Ended {
    fs::write(folder.join("p.tg"), format!("fn main() {{ {body} }}")).unwrap();
    let mut command = tgvm();
    command.current_dir(folder).args(["run", "--sandbox"]).args(options).args(["p.tg", "an argument"]);
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), out: text(output.stdout), error: text(output.stderr) }
}

const REFUSED: &[&str] = &["trap[T0019]: not permitted"];

#[test]
fn a_sandbox_grants_only_what_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("in")).unwrap();
    fs::create_dir(at.join("out")).unwrap();
    fs::write(at.join("in/a.txt"), "text").unwrap();
    boxed(at, &[], "print(6 * 7)").prints("42\n");
    for body in [
        "print(read_file(\"in/a.txt\"))",
        "print(file_exists(\"in/a.txt\"))",
        "write_file(\"out/b.txt\", \"b\")",
        "append_file(\"out/b.txt\", \"b\")",
        "write_png(\"out/b.png\", Grid[Int](2, 2, fill: 0))",
        "print(clock() >= 0.0)",
        "print(args())",
    ] {
        boxed(at, &[], body).is(1, REFUSED);
    }
    assert_eq!(fs::read_dir(at.join("out")).unwrap().count(), 0, "nothing was written");
    let read = &["--allow-read", "in"];
    boxed(at, read, "print(read_file(\"in/a.txt\"))").prints("text\n");
    boxed(at, read, "print(\"{file_exists(\"in/no.txt\")} {file_exists(\"in/no/no.txt\")}\")").prints("false false\n");
    boxed(at, read, "write_file(\"in/a.txt\", \"b\")").is(1, REFUSED);
    let write = &["--allow-write", "out"];
    boxed(at, write, "write_file(\"out/b.txt\", \"b\")\nappend_file(\"out/b.txt\", \"c\")").prints("");
    assert_eq!(fs::read_to_string(at.join("out/b.txt")).unwrap(), "bc");
    boxed(at, write, "print(read_file(\"out/b.txt\"))").is(1, REFUSED);
    boxed(at, &["--allow-clock"], "print(clock() >= 0.0)").prints("true\n");
    boxed(at, &["--allow-env"], "print(args())").prints("[\"an argument\"]\n");
}

#[test]
fn no_way_leads_out_of_a_granted_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for name in ["box", "boxes", "outside"] {
        fs::create_dir(at.join(name)).unwrap();
    }
    fs::write(at.join("outside/secret.txt"), "secret").unwrap();
    fs::write(at.join("boxes/secret.txt"), "secret").unwrap();
    let options = &["--allow-read", "box", "--allow-write", "box"];
    let outside = at.join("outside/secret.txt");
    let mut ways = vec![
        "box/../outside/secret.txt".to_owned(),
        "box/no/../../outside/secret.txt".to_owned(),
        "boxes/secret.txt".to_owned(),
        outside.to_str().unwrap().to_owned(),
        "box/..".to_owned(),
        String::new(),
    ];
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink(&outside, at.join("box/link.txt")).unwrap();
        symlink(at.join("outside"), at.join("box/folder")).unwrap();
        symlink(at.join("outside/made.txt"), at.join("box/nowhere.txt")).unwrap();
        symlink("link.txt", at.join("box/chain.txt")).unwrap();
        symlink("../outside/secret.txt", at.join("box/relative.txt")).unwrap();
        let ways_of_links =
            ["link.txt", "chain.txt", "relative.txt", "nowhere.txt", "folder/secret.txt", "folder/made.txt"];
        ways.extend(ways_of_links.map(|way| format!("box/{way}")));
        ways.push("box/folder/../outside/secret.txt".to_owned());
    }
    for way in ways {
        for call in [
            "print(read_file(PATH))",
            "print(file_exists(PATH))",
            "write_file(PATH, \"x\")",
            "append_file(PATH, \"x\")",
            "write_png(PATH, Grid[Int](2, 2, fill: 0))",
        ] {
            boxed(at, options, &call.replace("PATH", &format!("{way:?}"))).is(1, REFUSED);
        }
    }
    assert_eq!(fs::read_to_string(&outside).unwrap(), "secret");
    assert!(!at.join("outside/made.txt").exists());
    boxed(at, options, "write_file(\"box/../box/in.txt\", \"x\")").prints("");
    boxed(at, &["--allow-read", "no such folder"], "print(1)").is(2, &["`no such folder` can't be allowed"]);
    tg(["run", "--allow-clock", "p.tg"]).is(2, &["--sandbox"]);
}

// Help

#[test]
fn each_command_and_topic_has_help() {
    for command in ["run", "check", "dis", "build", "help", "version"] {
        let ended = tg(["help", command]);
        ended.is(0, &[]);
        assert!(ended.out.contains("Usage: tgvm ") && ended.out.contains(command), "{}", ended.out);
        assert!(command == "version" || ended.out.contains("Examples:"), "{}", ended.out);
        assert_eq!(tg([command, "--help"]).code, Some(0));
    }
    assert!(tg(["help"]).out.contains("Examples:"));
    assert!(tg(["help", "builtins"]).out.contains("clamp(x: N, lo: N, hi: N) -> N"));
    assert!(tg(["help", "sort"]).out.contains("sort(inout xs: [T])"));
    assert!(tg(["help", "codes"]).out.contains("T0004: index out of bounds"));
    let builtins = tg(["help", "builtins"]).out;
    for name in ["sum", "product", "min", "max", "count", "any", "all", "assert", "Rng", "PI", "INT_MAX"] {
        let ended = tg(["help", name]);
        ended.is(0, &[]);
        assert!(builtins.contains(ended.out.lines().last().unwrap()), "{name}: {}", ended.out);
    }
    assert!(
        tg(["help", "min"]).out.contains("min(a: N, b: N) -> N") && tg(["help", "min"]).out.contains("min(value for x")
    );
    tg(["help", "srot"]).is(2, &["`srot`", "did you mean `tgvm help sort`?"]);
    tg(["help", "E9999"]).is(2, &["E9999"]);
    assert_eq!(tg(["version"]).out, format!("tgvm {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(tg(["--version"]).out, tg(["version"]).out);
}

/// The two programs of an explanation.
fn examples(help: &str) -> (String, String) {
    let (wrong, right) = help.split_once("\nWrong:\n").unwrap().1.split_once("\nRight:\n").unwrap();
    let program =
        |text: &str| text.lines().map(|line| line.strip_prefix("    ").unwrap_or(line).to_owned() + "\n").collect();
    (program(wrong), program(right))
}

#[test]
fn each_code_is_explained_by_programs_that_show_it() {
    let codes = tg(["help", "codes"]).out;
    let codes: Vec<&str> = codes.lines().filter_map(|line| line.split_once(": ")).map(|(code, _)| code).collect();
    assert!(codes.len() > 60, "{codes:?}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.tg");
    let arg = path.to_str().unwrap();
    for code in codes {
        let help = tg(["help", &code.to_lowercase()]);
        help.is(0, &[]);
        let (wrong, right) = examples(&help.out);
        // Those of a host's functions take a host: what shows them compiles.
        let (command, exit) = match code {
            "E0701" => ("run", 2),
            "T0020" | "T0021" => ("check", 0),
            _ if code.starts_with('T') => ("run", 1),
            _ => ("check", 2),
        };
        // What is not permitted depends on who runs it.
        let options: &[&str] = if code == "T0019" { &["--sandbox"] } else { &[] };
        fs::write(&path, wrong).unwrap();
        let ended = tg([&[command], options, &[arg]].concat());
        assert_eq!(ended.code, Some(exit), "{code}, wrong: {}{}", ended.out, ended.error);
        assert!(exit == 0 || ended.error.contains(&format!("[{code}]")), "{code}, wrong: {}", ended.error);
        fs::write(&path, right).unwrap();
        let ended = tg([command, arg]);
        // What explains the syntax is a piece of a program.
        let piece = code.starts_with("E01") && !ended.error.contains("error[E01");
        assert!(piece || ended.code == Some(0), "{code}, right: {}{}", ended.out, ended.error);
    }
}

#[test]
fn each_code_that_the_source_names_is_explained() {
    let known = tg(["help", "codes"]).out;
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            for (at, _) in text.match_indices("\"E0").filter(|(at, _)| text[at + 6..].starts_with('"')) {
                let code = &text[at + 1..at + 6];
                let in_tests = text[..at].contains("#[cfg(test)]");
                assert!(in_tests || known.contains(code), "{code} in {} is not explained", path.display());
            }
        }
    }
}
