//! What running out of order costs where nothing is gained: time per empty task, by window, over in-order, memory, idle workers.
//!
//! `cargo bench --bench overhead` runs all of `tasks window memory idle samples`; `-- tasks window` some; `-- --runs 9` says
//! how often each is run (5). After `samples` its programs may be named, too: `-- samples fib heat`.

#[path = "../common/mod.rs"]
mod common;

use common::samples::{Ways, compare};
use common::{Answer, Options, Run, in_turns, least, median, ratios, succeed, target, tgvm_run, timed, words};
use std::process::Command;

/// `tgvm run` with options, one of this folder's programs and its arguments, all in one line.
fn tgvm(options: &str, program: &str) -> Command {
    tgvm_run(words(options).map(str::to_owned).chain(words(&format!("benches/overhead/{program}")).map(str::to_owned)))
}

/// Wall time per empty task over a million, all issued.
fn tasks(runs: usize) {
    const TASKS: usize = 1_000_000;
    println!("Nanoseconds on the wall per empty task over a million, least / median of {runs} runs\n");
    println!("{:<14}{:>22}{:>22}{:>22}", "", "eager, 2 workers", "eager, 1 worker", "in order");
    let mut figures = Vec::new();
    for what in ["independent", "chain", "stored"] {
        let mut answer = Answer::to(what);
        print!("{what:<14}");
        for (column, options) in
            ["--issue eager --workers 2", "--issue eager --workers 1", "--issue in-order"].into_iter().enumerate()
        {
            let seconds: Vec<f64> = (0..runs)
                .map(|_| answer.check(timed(&mut tgvm(options, &format!("empty.tg {what} {TASKS}")))))
                .collect();
            let per_task = |seconds: f64| seconds * 1e9 / TASKS as f64;
            let (least, median) = (per_task(least(&seconds)), per_task(median(&seconds)));
            print!("{:>22}", format!("{least:.1} / {median:.1}"));
            if column == 0 {
                figures.push(least);
            }
        }
        println!();
    }
    println!();
    target("ns per independent task", figures[0], 100.0);
    target("ns per task of a chain", figures[1], 200.0);
}

/// What a wide window costs per entry.
fn window(runs: usize) {
    println!("Nanoseconds per entry by window, eager, least of {runs} interleaved pairs\n");
    println!("{:<8}{:>9}{:>10}{:>10}{:>9}", "tiles", "workers", "4096", "64", "ratio");
    let mut worst = 0f64;
    for what in ["equal", "halo"] {
        for workers in [1, 2] {
            let mut answer = Answer::to(what);
            let mut once = |window: usize| {
                let options = format!("--issue eager --workers {workers} --window {window}");
                answer.check(timed(&mut tgvm(&options, &format!("tiles.tg {what} 40"))))
            };
            let (mut wide, mut narrow) = (Vec::new(), Vec::new());
            for _ in 0..runs {
                wide.push(once(4096));
                narrow.push(once(64));
            }
            let (wide, narrow) = (least(&wide), least(&narrow));
            println!("{what:<8}{workers:>9}{:>10.1}{:>10.1}{:>9.3}", wide * 1e9, narrow * 1e9, wide / narrow);
            worst = worst.max(wide / narrow);
        }
    }
    println!();
    target("cost per entry of a window of 4,096 over one of 64", worst, 1.5);
}

/// Peak memory by number of tasks.
fn memory(runs: usize) {
    println!("Peak resident MiB by number of tasks, 2 workers: the median of {runs} runs\n");
    println!("{:<8}{:<14}{:>12}{:>12}", "issue", "", "100,000", "10,000,000");
    let (mut most, mut growth) = (0f64, 0f64);
    for issue in ["eager", "lazy"] {
        for what in ["independent", "chain", "stored"] {
            let [few, many] = [100_000, 10_000_000].map(|tasks| {
                let options = format!("--workers 2 --issue {issue}");
                let peak = || succeed(&mut tgvm(&options, &format!("empty.tg {what} {tasks}"))).peak;
                median(&(0..runs).map(|_| peak()).collect::<Vec<f64>>())
            });
            println!("{issue:<8}{what:<14}{few:>12.1}{many:>12.1}");
            most = most.max(many);
            // In a short lazy run the second worker may not have had anything yet.
            if issue == "eager" {
                growth = growth.max(many / few);
            }
        }
    }
    println!();
    target("MiB at ten million tasks", most, 64.0);
    target("ten million tasks over a hundred thousand, eager", growth, 1.1);
}

/// What workers cost that have nothing to do.
fn idle(runs: usize) {
    println!("Processor seconds of two seconds of work for one, {runs} interleaved pairs\n");
    println!("{:<14}{:>12}{:>10}{:>10}{:>10}", "", "8 workers", "one", "least", "median");
    let mut verdicts = Vec::new();
    // One long loop, and a chain of tasks, each of which needs the one before.
    for (what, program, per_second) in [("loop", "serial.tg", 20_000_000), ("chain", "empty.tg chain", 10_000_000)] {
        let seconds = |workers: usize, n: usize| {
            succeed(&mut tgvm(&format!("--workers {workers}"), &format!("{program} {n}"))).cpu
        };
        let n = (per_second as f64 * 2.0 / seconds(1, per_second)) as usize;
        let (eight, one) = in_turns(runs, || seconds(8, n), || seconds(1, n));
        let ratio = least(&eight) / least(&one);
        let median = median(&ratios(&eight, &one));
        println!("{what:<14}{:>12.3}{:>10.3}{ratio:>10.3}{median:>10.3}", least(&eight), least(&one));
        verdicts.push((what, ratio));
    }
    println!();
    for (what, ratio) in verdicts {
        target(&format!("{what}: processor time of 8 workers over one"), ratio, 1.02);
    }
}

/// What can be promoted, with nobody to take it; and a second worker, on what may have nothing for it.
fn samples(options: &Options) {
    let compare = |folder: &str, names: [&str; 2], args: [&str; 2], cost: fn(&Run) -> f64, count: bool| {
        let with = |path: &std::path::Path| {
            Some(args.map(|args| words(args).map(Into::into).chain([path.as_os_str().to_owned()]).collect()))
        };
        compare(options, folder, &Ways { names, args: &with, cost, count })
    };
    let names = ["lazy on one worker", "in order"];
    let worst =
        compare("programs", names, ["--workers 1 --issue lazy", "--workers 1 --issue in-order"], |run| run.cpu, true);
    target("time of the worst program, lazy over in order", worst.cost, 1.05);
    if let Some(most) = worst.instructions {
        target("instructions of the worst program, lazy over in order", most, 1.01);
    }
    println!();
    for (folder, what) in [("programs", "program"), ("benches/kernels", "kernel")] {
        let worst = compare(folder, ["two workers", "one"], ["--workers 2", "--workers 1"], |run| run.wall, false);
        target(&format!("time of the worst {what}, two workers over one"), worst.cost, 1.03);
        println!();
    }
}

fn main() {
    let mut options = Options::read(5);
    let sections = ["tasks", "window", "memory", "idle", "samples"];
    let chosen: Vec<&str> = sections.into_iter().filter(|section| options.wants(section)).collect();
    options.names.retain(|name| !sections.contains(&name.as_str()));
    for section in chosen {
        match section {
            "tasks" => tasks(options.runs),
            "window" => window(options.runs),
            "memory" => memory(options.runs),
            "idle" => idle(options.runs),
            _ => samples(&options),
        }
        println!();
    }
}
