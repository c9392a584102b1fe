//! The sample programs, run in two ways that are to cost the same.

use super::{Options, ROOT, Run, fail, in_turns, median, ratios, scratch, succeed, tgvm_run, write};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Arguments with which a sample takes a good part of a second; see also [`LONGER`].
const SIZES: [(&str, &str); 15] = [
    ("cholesky", "480"),
    ("fib", "35"),
    ("heat", "3000"),
    ("kmeans", "400"),
    ("life", "2500"),
    ("mandelbrot", "480"),
    ("matmul", "256"),
    ("merge_sort", "500000"),
    ("monte_carlo", "6000000"),
    ("nbody", "3000"),
    ("nqueens", "11"),
    ("quicksort", "1000000"),
    ("sieve", "15000000"),
    ("smith_waterman", "4000"),
    ("spectral_norm", "600"),
];

/// Samples that read a file: with how many, and which file, whose lines but the first are repeated so often.
const LONGER: [(&str, &str, &str, usize); 3] = [
    ("csv_report", "1000000", "sales.csv", 500),
    ("sudoku", "1000000", "sudoku.txt", 8),
    ("word_count", "20", "alice.txt", 500),
];

/// The arguments with which a sample takes a good part of a second, if there are such; a file for it is made in `scratch`.
fn longer(name: &str, scratch: &Path) -> Vec<OsString> {
    if let Some((_, size)) = SIZES.iter().find(|(sample, _)| *sample == name) {
        return vec![size.into()];
    }
    let Some((_, many, file, times)) = LONGER.iter().find(|(sample, ..)| *sample == name) else { return Vec::new() };
    let path = Path::new(ROOT).join("programs/data").join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| fail(&format!("{}: {e}", path.display())));
    let (first, rest) = text.split_once('\n').expect("it has lines");
    vec![many.into(), write(scratch, file, &format!("{first}\n{}", rest.repeat(*times))).into()]
}

/// Two ways to run the samples.
pub struct Ways<'a> {
    /// What they are called.
    pub names: [&'a str; 2],
    /// What follows `tgvm run` for the sample of that path, in each way; `None` leaves the sample out.
    pub args: &'a dyn Fn(&Path) -> Option<[Vec<OsString>; 2]>,
    /// What a run costs.
    pub cost: fn(&Run) -> f64,
    /// Whether instructions are counted, too.
    pub count: bool,
}

/// What the worst sample costs in the first way over the second.
pub struct Worst {
    /// Its cost.
    pub cost: f64,
    /// Its instructions, if they were counted.
    pub instructions: Option<f64>,
}

fn programs(folder: &str) -> Vec<PathBuf> {
    let mut programs: Vec<_> = std::fs::read_dir(Path::new(ROOT).join(folder))
        .expect("the programs are there")
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "tg"))
        .collect();
    programs.sort();
    programs
}

/// Instructions that `command` executes, by callgrind's summary line.
fn instructions(command: &Command) -> Option<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(ROOT)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, figure) = text.lines().find_map(|line| line.split_once("Collected : "))?;
    figure.trim().parse().ok()
}

/// Compares the two ways over the programs of a folder that the options name, and prints a table. Times are taken at sizes at
/// which a sample runs for a good part of a second, instructions at its own.
pub fn compare(options: &Options, folder: &str, ways: &Ways) -> Worst {
    let counts = ways.count && Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok();
    if ways.count && !counts {
        println!("valgrind is not installed: instructions are not counted");
    }
    let [first, second] = ways.names;
    println!("{first} over {second}: median of {} interleaved pairs\n", options.runs);
    println!("{:<18}{:>14}{:>14}{:>9}{:>14}", "program", "ms", "ms", "time", "instructions");
    let mut worst = Worst { cost: 0.0, instructions: None };
    let scratch = scratch();
    for path in programs(folder) {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let Some(args) = options.wants(&name).then(|| (ways.args)(&path)).flatten() else { continue };
        let size = longer(&name, scratch.path());
        let once = |args: &Vec<OsString>| succeed(tgvm_run(args).args(&size));
        let (a, b) = in_turns(options.runs, || once(&args[0]), || once(&args[1]));
        if a.iter().chain(&b).any(|run| run.stdout != a[0].stdout) {
            fail(&format!("{name}: {first} and {second} give different answers"));
        }
        let [a, b] = [a, b].map(|runs| runs.iter().map(ways.cost).collect::<Vec<_>>());
        let time = median(&ratios(&a, &b));
        worst.cost = worst.cost.max(time);
        print!("{name:<18}{:>14.1}{:>14.1}{time:>9.3}", median(&a) * 1e3, median(&b) * 1e3);
        if counts {
            match args.each_ref().map(|args| instructions(&tgvm_run(args))) {
                [Some(a), Some(b)] => {
                    worst.instructions = Some(worst.instructions.map_or(a / b, |most| most.max(a / b)));
                    print!("{:>14.4}", a / b);
                }
                _ => print!("{:>14}", "not counted"),
            }
        }
        println!();
    }
    println!();
    worst
}
