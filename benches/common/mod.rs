//! What the benchmarks share: a process run to its end with its cost, and the statistics over such runs. Unix only.
#![allow(dead_code, reason = "each benchmark is a binary of its own and uses a part")]

use std::io::Read;
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

/// `tgvm run FILE`
pub fn tgvm_run(file: &str) -> Command {
    let mut command = Command::new(TGVM);
    command.args(["run", file]);
    command
}

/// A line that says whether a target is met.
pub fn target(what: &str, figure: f64, limit: f64) {
    let verdict = if figure <= limit { "met" } else { "MISSED" };
    println!("{verdict:>6}  {what}: {figure:.2} (at most {limit})");
}
