//! What the benchmarks share: a process run to its end with its cost, and the statistics over such runs. Unix only.
#![allow(dead_code, reason = "each benchmark is a binary of its own and uses a part")]

pub mod machine;
pub mod samples;

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// One process from start to exit.
pub struct Run {
    /// What it printed.
    pub stdout: Vec<u8>,
    /// User and system seconds.
    pub cpu: f64,
    /// Seconds on the wall.
    pub wall: f64,
    /// Peak resident set in MiB. Not below this process's own at the time, which the child starts as.
    pub peak: f64,
    /// Whether it exited with 0.
    pub ok: bool,
}

/// Runs `command` with no input; `None` if the program isn't there.
pub fn run(command: &mut Command) -> Option<Run> {
    let start = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().ok()?;
    let mut stdout = Vec::new();
    child.stdout.take().expect("it is piped").read_to_end(&mut stdout).expect("a pipe can be read");
    let mut status = 0;
    // SAFETY: rusage is plain numbers, for which zeros are a value; both pointers are to live locals, and nobody else
    // waits for this child (`Child` does so only when asked).
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        let reaped = libc::wait4(child.id() as libc::pid_t, &raw mut status, 0, &raw mut usage);
        assert_eq!(reaped, child.id() as libc::pid_t, "wait4 returns the child");
        usage
    };
    let wall = start.elapsed().as_secs_f64();
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    let unit = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 };
    Some(Run {
        stdout,
        cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        wall,
        peak: usage.ru_maxrss as f64 * unit / (1024.0 * 1024.0),
        ok: libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
    })
}

/// Processor seconds of this process so far, which other processes do not blur.
pub fn cpu_seconds() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live local, which the call fills in.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut now) };
    assert_eq!(result, 0, "the clock is there");
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// The least.
pub fn least(xs: &[f64]) -> f64 {
    xs.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The one in the middle.
pub fn median(xs: &[f64]) -> f64 {
    let mut xs = xs.to_vec();
    xs.sort_by(f64::total_cmp);
    let mid = xs.len() / 2;
    if xs.len() % 2 == 1 { xs[mid] } else { (xs[mid - 1] + xs[mid]) / 2.0 }
}

/// The geometric mean.
pub fn geometric_mean(xs: &[f64]) -> f64 {
    (xs.iter().map(|x| x.ln()).sum::<f64>() / xs.len() as f64).exp()
}

/// The command line: `--runs N` and the words that remain. `--bench`, which cargo adds, is dropped.
pub struct Options {
    /// How often each is run.
    pub runs: usize,
    /// Names to restrict the benchmark to.
    pub names: Vec<String>,
}

impl Options {
    /// From the process's arguments; `runs` is what holds without `--runs`.
    pub fn read(runs: usize) -> Options {
        let mut options = Options { runs, names: Vec::new() };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--bench" => {}
                "--runs" => {
                    let n = args.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0);
                    options.runs = n.unwrap_or_else(|| fail("--runs takes a number above 0"));
                }
                name if !name.starts_with('-') => options.names.push(name.to_owned()),
                other => fail(&format!("unknown option {other}")),
            }
        }
        options
    }

    /// Whether `name` is asked for: all are, if none is named.
    pub fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|n| n == name)
    }
}

/// Ends the benchmark with a message.
pub fn fail(message: &str) -> ! {
    eprintln!("error: {message}");
    std::process::exit(2)
}

/// The release binary that is measured.
pub const TGVM: &str = env!("CARGO_BIN_EXE_tgvm");

/// The project's folder.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// `tgvm run` with these arguments, options first, in the project's folder.
pub fn tgvm_run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(TGVM);
    command.arg("run").args(args).current_dir(ROOT);
    command
}

/// The words of a command line that has no quotes.
pub fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

/// Runs `command`, which must succeed, or the benchmark ends.
pub fn succeed(command: &mut Command) -> Run {
    let run = run(command).unwrap_or_else(|| fail(&format!("{command:?} does not start")));
    if !run.ok {
        fail(&format!("{command:?} failed"));
    }
    run
}

/// Runs `command`, which must succeed and whose last line is the seconds that its work took: what it printed before
/// that, and these seconds.
pub fn timed(command: &mut Command) -> (String, f64) {
    let text = String::from_utf8(succeed(command).stdout).unwrap_or_default();
    let (answer, last) = text.trim_end().rsplit_once('\n').unwrap_or(("", text.trim_end()));
    let seconds = last.parse().unwrap_or_else(|_| fail(&format!("{command:?} does not print its seconds last")));
    (answer.to_owned(), seconds)
}

/// What several programs print must be the same.
pub struct Answer {
    what: String,
    first: Option<String>,
}

impl Answer {
    /// None is there yet; `what` is for the message.
    pub fn to(what: &str) -> Answer {
        Answer { what: what.to_owned(), first: None }
    }

    /// Ends the benchmark if `answer` is another than the one before. Gives what came with it.
    pub fn check<T>(&mut self, (answer, rest): (String, T)) -> T {
        match &self.first {
            None => self.first = Some(answer),
            Some(first) if *first == answer => {}
            Some(first) => fail(&format!("{}: one run answers {answer}, another {first}", self.what)),
        }
        rest
    }
}

/// Runs both `runs` times in turns; who is first alternates.
pub fn in_turns<T>(runs: usize, mut first: impl FnMut() -> T, mut second: impl FnMut() -> T) -> (Vec<T>, Vec<T>) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for turn in 0..runs {
        if turn % 2 == 0 {
            a.push(first());
            b.push(second());
        } else {
            b.push(second());
            a.push(first());
        }
    }
    (a, b)
}

/// `a` over `b`, pair by pair.
pub fn ratios(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a / b.max(1e-9)).collect()
}

/// A line that says whether a target is met, which is to be at most `limit`.
pub fn target(what: &str, figure: f64, limit: f64) {
    verdict(figure <= limit, &format!("{what}: {figure:.*} (at most {limit})", digits(limit)))
}

/// A line that says whether a target is met, which is to be at least `limit`.
pub fn target_above(what: &str, figure: f64, limit: f64) {
    verdict(figure >= limit, &format!("{what}: {figure:.*} (at least {limit})", digits(limit)))
}

/// After the point, for figures that are compared with `limit`.
fn digits(limit: f64) -> usize {
    if limit < 10.0 { 3 } else { 1 }
}

fn verdict(met: bool, what: &str) {
    println!("{:>6}  {what}", if met { "met" } else { "MISSED" });
}

/// A folder for temporary files, gone when it is dropped.
pub fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap_or_else(|e| fail(&format!("no temporary folder: {e}")))
}

/// `text` in `folder` under `name`.
pub fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap_or_else(|e| fail(&format!("{}: {e}", path.display())));
    path
}

/// The C program of that path in the project, compiled into `folder` with OpenMP; `None`, with a note, where that can't be done.
pub fn openmp(source: &str, folder: &Path) -> Option<PathBuf> {
    let binary = folder.join("openmp");
    let mut command = Command::new("cc");
    command.args(["-O2", "-ffp-contract=off", "-fopenmp", "-w", "-o"]).arg(&binary).arg(source).arg("-lm");
    let output = command.current_dir(ROOT).output().ok().filter(|output| output.status.success());
    if output.is_none() {
        println!("`cc -fopenmp` does not compile {source}: OpenMP is left out\n");
    }
    output.map(|_| binary)
}
