//! What leaves the machine, and what bounds it: files, output that is held, memory and other limits.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::harness::{Configuration, IN_ORDER, Page, agree_on, agree_threaded, compile, run_watched};
use super::{EAGER, LAZY, Prompt, with_tasks};
use tgvm::bytecode::trap::TrapCode;
use tgvm::embed;
use tgvm::machine::Issue;
use tgvm::machine::engine::{Options, Outcome};
use tgvm::machine::interrupt::Interrupt;
use tgvm::machine::trap::Stop;
#[test]
fn files_are_read_and_written_in_order() {
    let text = "
task note(n: Int) -> Int {
    var x = n
    for i in 0..(n & 7) * 300 { x = x *% 31 +% i }
    append_file(\"notes\", \"{n},\")
    return x & 7
}
task recall(n: Int) -> Int {
    print(\"recalls {n}\")
    return read_file(\"notes\").len() + n
}
task renew(n: Int) { write_file(\"notes\", \"new {n} \") }
task there(n: Int) -> Bool { return file_exists(\"f{n}\") }
task asks() -> Str {
    var line = \"\"
    if read_line(&line) { return line }
    return \"none\"
}
fn main() {
    var t = 0
    renew(0)
    for i in 0..30 {
        t = t + note(i)
        t = t + recall(i) * 3
        t += recall(i + 1)
        if i % 7 == 6 { renew(i) }
        if there(i) { print(\"there {i}\") }
        if i == 3 { write_file(\"f9\", asks()) }
        print(\"{i} {t} {read_file(\"notes\").len()}\")
    }
    print(asks() + asks())
    print(recall(1) + [1, 2][read_file(\"missing\").len()])
}";
    let page = Page { lines: vec!["one".into(), "two".into(), "three".into()], ..Page::default() };
    let (outcome, page) = agree_on(text, &page, 3);
    assert!(matches!(outcome, Outcome::Trap(trap) if trap.code == TrapCode::File));
    assert!(page.text().contains("there 9\n") && page.text().contains("twothree"));
}

/// No file is written after a trap, nor a line read.
#[test]
fn what_is_irrevocable_waits_for_older_traps() {
    let text = "
task late(n: Int) -> Int {
    var x = 0
    for i in 0..n { x = x *% 31 +% i }
    return [1, 2][x | 2]
}
task note(n: Int) { append_file(\"notes\", \"{n} \") }
task asks() -> Str {
    var line = \"\"
    if read_line(&line) { return line }
    return \"none\"
}
fn main() {
    note(1)
    print(asks())
    let x = late(1000000)
    note(2)
    print(asks())
    note(x)
}";
    let page = Page { lines: vec!["one".into(), "two".into()], ..Page::default() };
    let (_, page) = agree_threaded(text, &page);
    assert_eq!((page.lines.len(), page.files["notes"].as_slice()), (1, b"1 ".as_slice()));
}

/// Whether `found` is the beginning of what is printed in order.
#[track_caller]
fn assert_prefix(found: &Page, of: &str) {
    assert!(of.starts_with(&found.text()), "{:?} is not how {of:?} begins", found.text());
}

#[test]
fn limits_hold_with_eight_workers_busy() {
    let text = with_tasks(
        "for i in 0..10 { say(i) }
    for i in 0..100 { for_ever(i & -2) }",
    );
    let code = compile(&text);
    let printed: String = (0..10).map(|i| format!("task {i}\n")).collect();
    // All eight are awake where they take turns; else as many as there are processors.
    let simulated = [Configuration { seed: Some(3), ..EAGER }, Configuration { seed: Some(4), ..EAGER }];
    for configuration in [EAGER, LAZY].into_iter().chain(simulated) {
        let options = Options { timeout: Some(Duration::from_millis(60)), ..configuration.options() };
        let since = Instant::now();
        let (result, page) = run_watched(&code, options, &Page::default(), &text);
        assert_eq!(result.outcome, Outcome::Stop(Stop::Time), "{configuration:?}");
        assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
        assert_prefix(&page, &printed);

        let interrupt = Interrupt::new();
        let options = Options { interrupt: interrupt.clone(), ..configuration.options() };
        let raised = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(60));
            interrupt.interrupt();
        });
        let (result, page) = run_watched(&code, options, &Page::default(), &text);
        raised.join().expect("it does not panic");
        assert_eq!(result.outcome, Outcome::Stop(Stop::Interrupted), "{configuration:?}");
        assert_prefix(&page, &printed);
        let busy = result.stats.workers.iter().filter(|worker| worker.run > 0).count();
        assert!(busy == 8 || configuration.seed.is_none(), "only {busy} workers were busy");
    }
    // Each takes all there is.
    let text = "
task hoards(n: Int) -> Int {
    var xs: [[Int]] = []
    while xs.len() >= 0 { xs.push([Int](1000, fill: n)) }
    return xs.len()
}
fn main() {
    var t = 0
    print(\"begins\")
    for i in 0..100 { t += hoards(i) }
    print(t)
}";
    let code = compile(text);
    for configuration in [EAGER, LAZY].into_iter().chain(simulated) {
        let options = Options { max_memory: 24 << 20, ..configuration.options() };
        let (result, page) = run_watched(&code, options, &Page::default(), text);
        assert_eq!(result.outcome, Outcome::Stop(Stop::Memory), "{configuration:?}");
        assert!(result.stats.peak_memory <= 24 << 20, "{}", result.stats.peak_memory);
        assert_prefix(&page, "begins\n");
    }
}

/// What an in-order run fits into is enough for one out of order, if its tasks don't need more side by side.
#[test]
fn many_tasks_take_no_more_memory() {
    let text = with_tasks(
        "var t = 0
    for i in 0..300000 { t = t +% work(i & 7) }
    print(t)",
    );
    let code = compile(&text);
    for configuration in [Configuration { workers: 2, ..EAGER }, LAZY] {
        let options = Options { max_memory: 8 << 20, ..configuration.options() };
        let (result, _) = run_watched(&code, options, &Page::default(), &text);
        assert_eq!(result.outcome, Outcome::Done, "{configuration:?}");
    }
}

/// The last third of the memory is the oldest work's alone: tasks that don't all fit side by side wait for each other, and don't
/// end the run, whether they take large pieces or many small ones.
#[test]
fn tasks_that_do_not_fit_side_by_side_wait() {
    let text = "
task large(n: Int) -> Int {
    var xs = [Int](n, fill: 0)
    for i in 0..n { xs[i] = i % 7 }
    var ys = [Float](n, fill: 0.5)
    for i in 0..n { ys[i] += Float(xs[i]) }
    return Int(sum(y for y in ys))
}
task small(n: Int) -> Int {
    var words: [Str] = []
    for i in 0..n { words.push(\"{i}, and some more that has to be kept\") }
    return words[n - 1].len() + words.len()
}
fn main() {
    var t = 0
    for i in 0..12 { t += large(200000 + i) }
    for i in 0..12 { t += small(12000 + i) }
    print(t)
}";
    let code = compile(text);
    let in_order = Options { max_memory: 18 << 20, ..IN_ORDER.options() };
    let (alone, expected) = run_watched(&code, in_order, &Page::default(), text);
    assert_eq!(alone.outcome, Outcome::Done);
    for configuration in
        [EAGER, LAZY, Configuration { seed: Some(1), ..EAGER }, Configuration { seed: Some(2), ..LAZY }]
    {
        let options = Options { max_memory: 18 << 20, ..configuration.options() };
        let (result, page) = run_watched(&code, options, &Page::default(), text);
        assert_eq!(result.outcome, Outcome::Done, "{configuration:?}");
        assert_eq!(page, expected, "{configuration:?}");
    }
}

/// What was measured of a run of the command line.
struct Measured {
    /// Bytes that it printed, and its last line.
    printed: usize,
    last: String,
    /// The most bytes of memory that were resident.
    resident: u64,
    /// The most bytes of output that were held back, and how many tasks were issued and frames promoted.
    held: u64,
    issued: u64,
    promoted: u64,
}

/// Runs the program with the command line.
fn measured(options: &[&str], text: &str) -> Measured {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("program.tg");
    std::fs::write(&path, text).expect("the program can be written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_tgvm"))
        .args(["run", "--stats"])
        .args(options)
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("tgvm starts");
    let mut stdout = child.stdout.take().expect("it is piped");
    let (mut printed, mut tail, mut buffer, mut resident) = (0, Vec::new(), vec![0; 1 << 16], 0);
    let status = format!("/proc/{}/status", child.id());
    loop {
        let read = stdout.read(&mut buffer).expect("a pipe can be read");
        if read == 0 {
            break;
        }
        let now = std::fs::read_to_string(&status).unwrap_or_default();
        let peak =
            now.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        resident = resident.max(peak.unwrap_or(0) * 1024);
        printed += read;
        tail.extend_from_slice(&buffer[..read]);
        tail.drain(..tail.len().saturating_sub(100));
    }
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} with {options:?}\n{told}\n{text}", output.status);
    let figure = |name: &str| -> u64 {
        let line = told.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix("  "));
        let digits = line.and_then(|line| line.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        digits.unwrap_or_else(|| panic!("{name:?} is missing:\n{told}"))
    };
    Measured {
        printed,
        last: String::from_utf8_lossy(&tail).lines().last().unwrap_or_default().to_string(),
        resident,
        held: figure("held output"),
        issued: figure("tasks issued"),
        promoted: figure("promoted"),
    }
}

/// With `TGVM_LARGE` set, programs print a gigabyte, and issue ten million tasks.
fn is_large() -> bool {
    std::env::var_os("TGVM_LARGE").is_some()
}

/// Bytes of output that may be held, and what may be printed beyond them by those who had begun to.
const HELD: u64 = 16 << 20;
const SLACK: u64 = 1 << 16;

/// Runs what `program` says, which prints `total` bytes behind work of that length: as much is held as may be, and no more.
fn holds_within_bounds(total: usize, program: impl Fn(u64) -> String) {
    for issue in ["--issue=eager", "--issue=lazy"] {
        let mut is_full = false;
        // Where the other worker is late the work before it takes longer.
        for length in [1, 2, 4, 8, 16].map(|times| times * 20_000_000) {
            let text = program(length);
            let Measured { printed, last, resident, held, issued, promoted } = measured(&["--workers=2", issue], &text);
            assert_eq!((printed, last.as_str()), (total, "end true"));
            assert!(held <= HELD + SLACK, "{issue}: {held} bytes were held");
            assert!(resident < 48 << 20, "{issue}: {resident} bytes were resident");
            is_full = held > HELD && issued > 0 && promoted > 0;
            if is_full {
                break;
            }
        }
        assert!(is_full, "{issue}: nobody had to wait until others had printed");
    }
}

#[test]
fn a_younger_task_prints_a_lot() {
    let line = "x".repeat(1023);
    let lines = if is_large() { 1 << 20 } else { 1 << 16 };
    holds_within_bounds((lines << 10) + 9, |length| {
        with_tasks(&format!("let a = slow({length})\nflood({lines})\nprint(\"end {{a >= 0}}\")"))
            + &format!("task flood(n: Int) {{ for i in 0..n {{ print(\"{line}\") }} }}")
    });
}

#[test]
fn many_printing_tasks_behind_a_slow_head() {
    let line = "x".repeat(63);
    let tasks = if is_large() { 10_000_000 } else { 800_000 };
    holds_within_bounds((tasks << 6) + 9, |length| {
        let main = format!("let a = slow({length})\nfor i in 0..{tasks} {{ tells(i) }}\nprint(\"end {{a >= 0}}\")");
        with_tasks(&main) + &format!("task tells(n: Int) {{ print(\"{line}\") }}")
    });
}

#[test]
fn what_a_promoted_frame_printed_comes_out_though_no_call_follows() {
    let text = with_tasks(
        "var xs = [work(i) for i in 0..100]
    print(\"there\")
    while true {
        xs.sort()
        xs.reverse()
    }",
    );
    let code = compile(&text);
    for issue in [Issue::Eager, Issue::Lazy] {
        let configuration = Configuration { issue, workers: 2, ..IN_ORDER };
        let options = Options { timeout: Some(Duration::from_secs(10)), ..configuration.options() };
        let result = embed::run(&code, &options, &mut Prompt(options.interrupt.clone()));
        assert_eq!(result.outcome, Outcome::Stop(Stop::Interrupted), "{issue:?}");
    }
}
