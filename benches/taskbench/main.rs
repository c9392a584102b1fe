//! Task Bench's patterns, in tgvm and by OpenMP's `depend`: how fine tasks may be before two workers gain nothing.
//!
//! `cargo bench --bench taskbench` runs all; `-- stencil_1d fft` some; `-- --runs 9` says how many passes are made (3).
//!
//! The grain is what Task Bench defines: elapsed time times workers over the number of tasks. METG(75 %) is the smallest mean
//! grain from which on two workers are at least 1.5 times as fast as the serial run (tgvm's in-order, C's plain calls);
//! METG(50 %), from which on they are no slower. Both are interpolated between the grains that are measured, which are powers
//! of 2. At each grain the four runs alternate, each of them half a second of work; turns while a virtual machine gives only one
//! processor are taken again. All patterns are passed over several times, so that a bad spell falls on one pass of each, and the
//! least of each run counts. `native` is how long C takes to compute what a task of METG(75 %) computes in tgvm.

#[path = "../common/mod.rs"]
mod common;

use common::{Answer, Options, machine::Machine, openmp, scratch, target, tgvm_run, timed, words};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// The patterns.
const PATTERNS: [&str; 9] =
    ["trivial", "no_comm", "stencil_1d", "fft", "tree", "nearest", "spread", "random_nearest", "dom"];

/// Seconds of work of a serial run, roughly.
const WORK: f64 = 0.5;

/// The longest grain is of 2 to this power turns.
const LARGEST: usize = 14;

/// Two programs that do the same, of which a turn takes so long and a task so much more, roughly, in seconds.
struct System<'a> {
    serial: &'a dyn Fn() -> Command,
    parallel: &'a dyn Fn() -> Command,
    turn: f64,
    task: f64,
    /// Turns at each grain, over those of the other.
    scale: usize,
}

/// A grain in seconds and in turns, and the gain of two workers there.
#[derive(Clone, Copy)]
struct Point {
    grain: f64,
    turns: f64,
    gain: f64,
}

impl Point {
    /// Seconds that a turn takes in the serial run.
    fn turn(&self) -> f64 {
        self.grain * self.gain / 2.0 / self.turns
    }
}

/// The smallest grain, in seconds by `measure`, from which on the gain is at least `gain`; `points` are from the largest grain
/// down.
fn metg(points: &[Point], gain: f64, measure: impl Fn(&Point) -> f64) -> Metg {
    let passing = points.iter().take_while(|point| point.gain >= gain).count();
    match (passing.checked_sub(1).map(|last| points[last]), points.get(passing)) {
        (None, _) => Metg::Above(measure(&points[0])),
        (Some(last), None) => Metg::Below(measure(&last)),
        (Some(last), Some(next)) => {
            let part = (gain - next.gain) / (last.gain - next.gain);
            let (next, last) = (measure(next).ln(), measure(&last).ln());
            Metg::At((next + part * (last - next)).exp())
        }
    }
}

/// A grain, or what was the largest or smallest that was tried.
#[derive(Clone, Copy)]
enum Metg {
    Above(f64),
    At(f64),
    Below(f64),
}

impl Metg {
    fn seconds(self) -> f64 {
        match self {
            Metg::Above(_) => f64::INFINITY,
            Metg::At(seconds) | Metg::Below(seconds) => seconds,
        }
    }
}

impl std::fmt::Display for Metg {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, seconds) = match *self {
            Metg::Above(seconds) => (">", seconds),
            Metg::At(seconds) => ("", seconds),
            Metg::Below(seconds) => ("<", seconds),
        };
        out.pad(&format!("{sign}{:.2}", seconds * 1e6))
    }
}

/// A pattern at a width: of each system and at each grain, the largest first, the least seconds of the serial and of the parallel
/// run in all passes.
struct Case {
    pattern: &'static str,
    width: usize,
    least: Vec<Vec<[f64; 2]>>,
    answers: HashMap<(usize, usize), Answer>,
}

impl Case {
    fn new(pattern: &'static str, width: usize, systems: usize) -> Case {
        Case { pattern, width, least: vec![Vec::new(); systems], answers: HashMap::new() }
    }

    /// Turns and steps of a system's grain.
    fn size(&self, system: &System, grain: usize) -> (usize, usize) {
        let turns = system.scale << (LARGEST - grain);
        let steps = WORK / (self.width as f64 * (system.task + turns as f64 * system.turn));
        (turns, (steps as usize).max(20))
    }

    /// Runs each grain once, from the largest down to where two workers lose: all in turns.
    fn pass(&mut self, systems: &[System], machine: &mut Machine) {
        let loses = |&[serial, parallel]: &[f64; 2]| serial < 0.95 * parallel;
        for grain in 0..=LARGEST {
            let goes_on = |of: &Vec<[f64; 2]>| grain < 2 || !of[grain.min(of.len()) - 2..].iter().take(2).all(loses);
            let on: Vec<usize> = (0..systems.len()).filter(|&at| goes_on(&self.least[at])).collect();
            let turn = || {
                let mut once = |system: &System| {
                    let (turns, steps) = self.size(system, grain);
                    let line = format!("{} {} {steps} {turns}", self.pattern, self.width);
                    let answer = self.answers.entry((turns, steps)).or_insert_with(|| Answer::to(self.pattern));
                    [system.serial, system.parallel].map(|command| answer.check(timed(command().args(words(&line)))))
                };
                on.iter().map(|&at| once(&systems[at])).collect::<Vec<_>>()
            };
            for turn in machine.turns(1, turn) {
                for (&at, seconds) in on.iter().zip(turn) {
                    let least = &mut self.least[at];
                    match least.get_mut(grain) {
                        Some(before) => *before = [0, 1].map(|which| before[which].min(seconds[which])),
                        None => least.push(seconds),
                    }
                }
            }
        }
    }

    /// The curves of the systems, each from the largest grain down.
    fn curves(&self, systems: &[System]) -> Vec<Vec<Point>> {
        let point = |system, (grain, &[serial, parallel]): (usize, &[f64; 2])| {
            let (turns, steps) = self.size(system, grain);
            let width = self.width;
            let grow = if self.pattern == "tree" { width.ilog2() as usize * width - (width - 1) } else { 0 };
            let grain = parallel * 2.0 / (steps * width - grow) as f64;
            Point { grain, turns: turns as f64, gain: serial / parallel }
        };
        let curve = |(system, grains): (_, &Vec<[f64; 2]>)| {
            grains.iter().enumerate().map(|at_grain| point(system, at_grain)).collect()
        };
        systems.iter().zip(&self.least).map(curve).collect()
    }
}

/// Ends the benchmark unless all programs compute the same.
fn check(systems: &[System], pattern: &str, width: usize) {
    let mut answer = Answer::to(pattern);
    for command in systems.iter().flat_map(|system| [system.serial, system.parallel]) {
        answer.check(timed(command().args(words(&format!("{pattern} {width} 101 7")))));
    }
}

fn main() {
    let options = Options::read(3);
    let folder = scratch();
    let peer = openmp("benches/taskbench/openmp.c", folder.path());
    let tgvm = |how: &[&str]| {
        let mut command = tgvm_run(how);
        command.arg("benches/taskbench/taskbench.tg");
        command
    };
    let c = |peer: &Path, how: &str| {
        let mut command = Command::new(peer);
        command.env("OMP_NUM_THREADS", "2").arg(how);
        command
    };
    let ours = (|| tgvm(&["--workers", "1", "--issue", "in-order"]), || tgvm(&["--workers", "2"]));
    let theirs = peer.as_deref().map(|peer| (move || c(peer, "serial"), move || c(peer, "tasks")));
    let mut systems = vec![System { serial: &ours.0, parallel: &ours.1, turn: 4e-9, task: 1e-7, scale: 1 }];
    if let Some((serial, parallel)) = &theirs {
        systems.push(System { serial, parallel, turn: 1.3e-9, task: 5e-7, scale: 4 });
    }
    let mut machine = Machine::new();
    println!("METG in microseconds on 2 workers, from the least of {} runs of {WORK} s at each grain\n", options.runs);
    println!("{:<16}{:>6}{:>33}{:>9}{:>22}", "", "", "METG(75 %)", "", "METG(50 %)");
    println!(
        "{:<16}{:>6}{:>11}{:>11}{:>11}{:>9}{:>11}{:>11}",
        "pattern", "width", "native", "tgvm", "OpenMP", "ratio", "tgvm", "OpenMP"
    );
    let mut cases = Vec::new();
    for width in [4, 16] {
        for pattern in PATTERNS.into_iter().filter(|pattern| options.wants(pattern)) {
            check(&systems, pattern, width);
            cases.push(Case::new(pattern, width, systems.len()));
        }
    }
    for pass in 1..=options.runs {
        eprintln!("pass {pass} of {}", options.runs);
        cases.iter_mut().for_each(|case| case.pass(&systems, &mut machine));
    }
    let mut verdicts = Vec::new();
    for case in &cases {
        let Case { pattern, width, .. } = *case;
        let curves = case.curves(&systems);
        let fine: Vec<Metg> = curves.iter().map(|curve| metg(curve, 1.5, |point| point.grain)).collect();
        let even: Vec<Metg> = curves.iter().map(|curve| metg(curve, 1.0, |point| point.grain)).collect();
        let show = |figures: &[Metg], index: usize| figures.get(index).map_or("-".to_owned(), Metg::to_string);
        // Where the peer never gets there it bounds nothing; where we don't, the target is missed.
        let ratio = fine.get(1).map(|theirs| match (fine[0], theirs) {
            (Metg::Above(_), _) => f64::INFINITY,
            (ours, Metg::Above(most)) => ours.seconds() / most,
            (ours, theirs) => ours.seconds() / theirs.seconds(),
        });
        let native: Vec<Metg> = curves
            .get(1)
            .map(|theirs| metg(&curves[0], 1.5, |point| point.turns * theirs[0].turn()))
            .into_iter()
            .collect();
        println!(
            "{pattern:<16}{width:>6}{:>11}{:>11}{:>11}{:>9}{:>11}{:>11}",
            show(&native, 0),
            show(&fine, 0),
            show(&fine, 1),
            ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
            show(&even, 0),
            show(&even, 1),
        );
        verdicts.push((pattern, width, fine[0].seconds(), ratio));
    }
    println!();
    machine.say();
    for &(pattern, width, _, ratio) in &verdicts {
        if let Some(ratio) = ratio {
            target(&format!("{pattern}, width {width}: METG(75 %) over OpenMP's"), ratio, 0.8);
        }
    }
    for width in [4, 16] {
        let of = |wanted| verdicts.iter().find(|v| v.0 == wanted && v.1 == width).map(|v| v.2);
        if let (Some(none), Some(three)) = (of("trivial"), of("stencil_1d")) {
            // Infinite over infinite is missed, too.
            target(&format!("width {width}: METG(75 %) with 3 dependencies over none"), three / none, 3.0);
        }
    }
}
