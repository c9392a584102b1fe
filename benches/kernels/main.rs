//! The kernels in tgvm, Lua 5.4, LuaJIT and native Rust: the same loops, one process a run, runs interleaved.
//!
//! `cargo bench --bench kernels` runs them all; `-- fib sieve` some; `-- --runs 9` says how often each is run (5).
//! The figure is user and system seconds of the whole process; ratios are of the least of all runs.

#[path = "../common/mod.rs"]
mod common;
mod native;

use common::{Options, fail, geometric_mean, least, median, target};
use std::process::Command;

const KERNELS: [&str; 12] = [
    "fib",
    "nqueens",
    "mandelbrot",
    "matmul",
    "nbody",
    "sieve",
    "spectral",
    "collatz",
    "mergesort",
    "fannkuch",
    "levenshtein",
    "strings",
];

/// Who runs the kernels, in the order of the table's columns.
#[derive(Clone, Copy, PartialEq)]
enum Peer {
    Tgvm,
    Lua,
    LuajitInterpreter,
    Luajit,
    Rust,
}

const PEERS: [(Peer, &str); 5] = [
    (Peer::Tgvm, "tgvm"),
    (Peer::Lua, "lua5.4"),
    (Peer::LuajitInterpreter, "luajit -joff"),
    (Peer::Luajit, "luajit"),
    (Peer::Rust, "rust"),
];

impl Peer {
    fn command(self, kernel: &str) -> Command {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/kernels");
        let lua = format!("{folder}/{kernel}.lua");
        // Where the dialects differ there is a file of its own for LuaJIT.
        let luajit = Some(format!("{folder}/{kernel}.luajit.lua"))
            .filter(|file| std::path::Path::new(file).exists())
            .unwrap_or_else(|| lua.clone());
        let mut command;
        match self {
            Peer::Tgvm => command = common::tgvm_run([format!("{folder}/{kernel}.tg")]),
            Peer::Lua => {
                command = Command::new("lua5.4");
                command.arg(lua);
            }
            Peer::LuajitInterpreter => {
                command = Command::new("luajit");
                command.args(["-joff", &luajit]);
            }
            Peer::Luajit => {
                command = Command::new("luajit");
                command.arg(luajit);
            }
            Peer::Rust => {
                command = Command::new(std::env::current_exe().expect("this binary has a path"));
                command.args(["native", kernel]);
            }
        }
        command
    }

    fn is_there(self) -> bool {
        let program = match self {
            Peer::Lua => "lua5.4",
            Peer::LuajitInterpreter | Peer::Luajit => "luajit",
            Peer::Tgvm | Peer::Rust => return true,
        };
        common::run(Command::new(program).arg("-v").stderr(std::process::Stdio::null())).is_some()
    }
}

/// The runs of one kernel, a list of seconds for each peer; ends the benchmark if two answers differ.
fn measure(kernel: &str, peers: &[(Peer, &str)], runs: usize) -> Vec<Vec<f64>> {
    let mut seconds = vec![Vec::new(); peers.len()];
    let mut answer: Option<(Vec<u8>, &str)> = None;
    for _ in 0..runs {
        for (times, (peer, name)) in seconds.iter_mut().zip(peers) {
            let run = common::run(&mut peer.command(kernel)).unwrap_or_else(|| fail(&format!("{name} does not start")));
            if !run.ok {
                fail(&format!("{kernel} failed in {name}"));
            }
            match &answer {
                None => answer = Some((run.stdout, name)),
                Some((first, who)) if *first != run.stdout => {
                    let text = String::from_utf8_lossy;
                    fail(&format!("{kernel}: {who} says {:?}, {name} says {:?}", text(first), text(&run.stdout)));
                }
                Some(_) => {}
            }
            times.push(run.cpu);
        }
    }
    seconds
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if let [_, mode, kernel] = &args[..]
        && mode == "native"
    {
        return native::find(kernel).unwrap_or_else(|| fail("no such kernel"))();
    }
    let options = Options::read(5);
    if let Some(unknown) = options.names.iter().find(|name| !KERNELS.contains(&name.as_str())) {
        fail(&format!("no kernel is called {unknown}; there are: {}", KERNELS.join(" ")));
    }
    let mut peers = Vec::new();
    for (peer, name) in PEERS {
        if peer.is_there() {
            peers.push((peer, name));
        } else {
            println!("{name} is not installed: its column is left out");
        }
    }

    println!("User and system milliseconds of the process, least / median of {} interleaved runs;", options.runs);
    println!("then tgvm's least over the peer's: below 1 tgvm is the faster.\n");
    print!("{:<12}", "kernel");
    for (_, name) in &peers {
        print!("{name:>15}");
    }
    for (_, name) in &peers[1..] {
        print!("{:>14}", format!("/ {name}"));
    }
    println!();
    let mut ratios = vec![Vec::new(); peers.len()];
    for kernel in KERNELS.into_iter().filter(|kernel| options.wants(kernel)) {
        let seconds = measure(kernel, &peers, options.runs);
        print!("{kernel:<12}");
        for times in &seconds {
            print!("{:>15}", format!("{:.0} / {:.0}", least(times) * 1e3, median(times) * 1e3));
        }
        for (times, ratios) in seconds.iter().zip(&mut ratios).skip(1) {
            // A process may be quicker than the kernel's clock ticks.
            let ratio = least(&seconds[0]) / least(times).max(1e-4);
            ratios.push(ratio);
            print!("{ratio:>14.2}");
        }
        println!();
    }
    print!("{:<12}", "geo. mean");
    print!("{:w$}", "", w = 15 * peers.len());
    for ratios in &ratios[1..] {
        print!("{:>14.2}", geometric_mean(ratios));
    }
    println!("\n\nAll give the same answers.");
    for ((peer, _), ratios) in peers.iter().zip(&ratios) {
        let most = ratios.iter().copied().fold(0.0, f64::max);
        match peer {
            Peer::Lua => {
                target("geometric mean against Lua 5.4", geometric_mean(ratios), 0.5);
                target("slowest kernel against Lua 5.4", most, 1.0);
            }
            Peer::LuajitInterpreter => target("slowest kernel against LuaJIT's interpreter", most, 1.3),
            _ => {}
        }
    }
}
