//! Speed-up on two workers, and what it is for the same work by rayon, chili and OpenMP.
//!
//! `cargo bench --bench parallel` runs all; `-- fib flat1` some; `-- simulate` (or `-- simulate fib flat1`) without peers, only to see whether
//! `tgvm run --simulate 2` foretells the speed-up; `-- --runs 9` says how often each is run (5). Times are taken
//! inside the process around the work. A turn while the machine gives only one processor is taken again. Peers are checked for equal answers; OpenMP is left out where `cc -fopenmp` isn't there.

#[path = "../common/mod.rs"]
mod common;
mod native;

use common::{
    Answer, Options, least, machine::Machine, median, openmp, ratios, scratch, target, target_above, tgvm_run, timed,
    words,
};
use native::Library;
use std::process::Command;

/// A name, the program of that name in this folder with its arguments, the least speed-up on two workers, and the arguments when it is
/// simulated: where there are too many tasks for a record, with fewer.
const CASES: [(&str, &str, f64, &str); 10] = [
    ("fib", "fib 38", 1.9, "22"),
    ("nqueens", "nqueens 12", 1.9, "9"),
    ("merge_sort", "merge_sort 2000000", 1.9, "50000"),
    ("cholesky", "cholesky 768", 1.9, "768"),
    ("smith_waterman", "smith_waterman 4800", 1.9, "3600"),
    ("mandelbrot", "mandelbrot 1100", 1.9, "640"),
    ("comprehension", "comprehension 1000000 160", 1.9, "1000000 40"),
    // About 5 and 1 microseconds a task.
    ("flat5", "flat 150000 1000", 1.9, "150000 1000"),
    ("flat1", "flat 700000 200", 1.7, "150000 200"),
    // Serial by nature: it is only not to be slower.
    ("chain", "chain 1000000 100", 0.95, "150000 100"),
];

/// By how much at most the simulation may be beside what is measured.
const BESIDE: f64 = 0.15;

/// The seconds on one worker over those on two: of the least, and the median of the pairs'.
fn speed_up(one: &[f64], two: &[f64]) -> (f64, f64) {
    (least(one) / least(two), median(&ratios(one, two)))
}

fn tgvm(workers: usize, line: &str) -> Command {
    let (program, args) = line.split_once(' ').expect("each has an argument");
    let mut command = tgvm_run(["--workers", &workers.to_string(), &format!("benches/parallel/{program}.tg")]);
    command.args(words(args));
    command
}

/// How many times as fast as one worker `tgvm run --simulate 2` says that two are. That is of the whole program; what is measured leaves out
/// what it does to set up and to print, some hundredths of the work.
fn predicted(program: &str, args: &str) -> f64 {
    let mut command = tgvm_run(["--simulate", "2", &format!("benches/parallel/{program}.tg")]);
    let output = command.args(words(args)).output().unwrap_or_else(|e| common::fail(&format!("{command:?}: {e}")));
    let text = String::from_utf8_lossy(&output.stderr);
    let times =
        text.lines().find_map(|line| line.strip_suffix(" times as fast as on one")?.rsplit(' ').next()?.parse().ok());
    times.unwrap_or_else(|| common::fail(&format!("{command:?} tells no speed-up: {text}")))
}

fn main() {
    let mut options = Options::read(5);
    let only_simulated = options.names.iter().any(|name| name == "simulate");
    options.names.retain(|name| name != "simulate");
    let folder = scratch();
    let openmp = if only_simulated { None } else { openmp("benches/parallel/openmp.c", folder.path()) };
    let mut machine = Machine::new();
    println!(
        "Speed-up on 2 workers: of the least times, and in brackets the median of {} interleaved pairs'\n",
        options.runs
    );
    print!("{:<16}{:>10}{:>10}{:>15}{:>13}{:>8}", "", "tgvm 1, s", "tgvm 2, s", "tgvm", "simulated", "ratio");
    if !only_simulated {
        print!("{:>15}{:>15}{:>15}{:>15}", "rayon", "chili", "OpenMP", "8 over 2");
    }
    println!();
    let show = |(least, median): (f64, f64)| format!("{least:.2} ({median:.2})");
    let (mut verdicts, mut foretold) = (Vec::new(), Vec::new());
    for (name, line, limit, simulated) in CASES {
        if !options.wants(name) {
            continue;
        }
        let mut answer = Answer::to(name);
        let mut once = |workers| answer.check(timed(&mut tgvm(workers, line)));
        let mut pairs = |once: &mut dyn FnMut(usize) -> f64, few: usize, many: usize| -> (Vec<f64>, Vec<f64>) {
            machine.turns(options.runs, || (once(few), once(many))).into_iter().unzip()
        };
        let (one, two) = pairs(&mut once, 1, 2);
        let gain = speed_up(&one, &two);
        let (program, args) = line.split_once(' ').expect("each has an argument");
        let simulated = predicted(program, simulated);
        let ratio = simulated / gain.0;
        foretold.push((name, (ratio - 1.0).abs()));
        print!("{name:<16}{:>10.3}{:>10.3}{:>15}", least(&one), least(&two), show(gain));
        print!("{simulated:>13.2}{ratio:>8.2}");
        if only_simulated {
            println!();
            continue;
        }
        let (few, many) = pairs(&mut once, 2, 8);
        let eight = least(&many) / least(&few);
        verdicts.push((name, gain.0, limit, eight));

        let numbers: Vec<i64> = words(args).map(|n| n.parse().expect("they are numbers")).collect();
        let mut peers = Vec::new();
        for library in [Library::Rayon, Library::Chili] {
            let there = program != "chain";
            peers.push(there.then(|| {
                pairs(
                    &mut |workers| {
                        let run = native::run(library, workers, program, &numbers);
                        answer.check(run.unwrap_or_else(|| common::fail(&format!("{program} is not there natively"))))
                    },
                    1,
                    2,
                )
            }));
        }
        peers.push(openmp.as_ref().filter(|_| program != "chain").map(|binary| {
            let mut once = |workers: usize| {
                let mut command = Command::new(binary);
                command.env("OMP_NUM_THREADS", workers.to_string()).arg(program).args(words(args));
                answer.check(timed(&mut command))
            };
            pairs(&mut once, 1, 2)
        }));
        for peer in peers {
            print!("{:>15}", peer.map_or("-".to_owned(), |(one, two)| show(speed_up(&one, &two))));
        }
        println!("{:>15}", show((eight, median(&ratios(&many, &few)))));
    }
    println!();
    machine.say();
    for (name, gain, limit, eight) in verdicts {
        target_above(&format!("{name}: speed-up on 2 workers"), gain, limit);
        target(&format!("{name}: 8 workers over 2"), eight, 1.1);
    }
    for (name, beside) in foretold {
        target(&format!("{name}: the simulation's speed-up is beside the measured one by a part of"), beside, BESIDE);
    }
}
