//! Compile speed over generated programs, and whether it is linear in their length.
//!
//! `cargo bench --bench compile`, `-- --runs 9` for more runs (5). The commands are measured as processes: `check` reads,
//! parses, checks and compiles; `build` writes the bytecode, too. The stages are timed in this process, the verifier's, which `run`
//! needs, among them.

mod common;

use common::{Options, cpu_seconds, fail, least, run};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tgvm::bytecode::{file, verify};
use tgvm::syntax::span::Source;

const LINES: [usize; 4] = [25_000, 50_000, 100_000, 200_000];

/// A program of about `lines` lines in the manner of a real one: structs, loops, calls, places, text.
fn program(lines: usize) -> String {
    let mut text = String::new();
    let mut main = String::from("fn main() {\n    var total = 0\n");
    let mut written = 4; // main's
    let mut n = 0;
    while written < lines {
        let mut item = String::new();
        write!(
            item,
            "/// Item {n}: a struct, and what is done with it.
struct Item{n} {{ name: Str, count: Int, weight: Float, parts: [Int] }}

fn make{n}(size: Int) -> Item{n} {{
    var parts: [Int] = []
    for i in 0..size {{
        if i % 3 == {rest} && i != 7 {{
            parts.push(i * {n} + 1)
        }} else if i > 10 {{
            parts.push(i - 1)
        }} else {{
            parts.push(0)
        }}
    }}
    let weight = sum(Float(p) * 0.5 for p in parts if p > 2)
    return Item{n}(name: \"item {{size}} of {n}\", count: parts.len(), weight: weight, parts: parts)
}}

task work{n}(inout item: Item{n}, limit: Int) -> Int {{
    var i = 0
    var total = 0 // counts what is large
    while i < item.count {{
        let part = item.parts[i]
        if part > limit {{ total += part }} else {{ item.parts[i] = part + limit }}
        item.weight = item.weight * 1.5 - Float(part)
        i += 1
    }}
    assert(total >= 0, \"total of {{item.name}}\")
    return total + abs(item.count - limit)
}}

fn test{n}() -> Int {{
    var item = make{n}(12)
    let first = work{n}(&item, 3)
    let names = [Str(p) for p in item.parts]
    return first + names.join(\", \").len()
}}

",
            rest = n % 3
        )
        .expect("writing to a String");
        writeln!(main, "    total += test{n}()").expect("writing to a String");
        written += item.lines().count() + 1;
        text.push_str(&item);
        n += 1;
    }
    main.push_str("    print(total)\n}\n");
    text + &main
}

/// The stages, in order.
const STAGES: [&str; 5] = ["parse", "check", "compile", "verify", "write"];

/// The seconds that each stage takes for `text`.
fn stages(text: &str) -> [f64; STAGES.len()] {
    fn timed<T>(seconds: &mut f64, stage: impl FnOnce() -> T) -> T {
        let start = cpu_seconds();
        let result = stage();
        *seconds = cpu_seconds() - start;
        result
    }
    let mut seconds = [0.0; STAGES.len()];
    let source = Source::new("program.tg", text);
    let (tree, errors) = timed(&mut seconds[0], || tgvm::syntax::parse(&source));
    assert!(errors.is_empty(), "the program has no syntax error");
    let typed = timed(&mut seconds[1], || tgvm::check::check(&tree)).expect("the program is well typed");
    let program =
        timed(&mut seconds[2], || tgvm::compile::compile(&typed, &source)).expect("the program is not too large");
    let verified = timed(&mut seconds[3], || verify::verify(program)).expect("what is compiled is valid");
    timed(&mut seconds[4], || file::write(&verified));
    seconds
}

/// Says whether what takes `less` for 50,000 lines and `more` for 200,000 is linear: the time for a line may grow by half,
/// for caches that get too small and noise.
fn linear(what: &str, less: f64, more: f64) {
    common::target(&format!("growth of {what}'s time a line from 50,000 to 200,000 lines"), more / less / 4.0, 1.5);
}

fn measure_commands(folder: &Path, texts: &[String], runs: usize) {
    let out = folder.join("p.tgb");
    let paths: Vec<PathBuf> = texts
        .iter()
        .zip(LINES)
        .map(|(text, lines)| {
            let path = folder.join(format!("p{lines}.tg"));
            std::fs::write(&path, text).expect("a temporary file can be written");
            path
        })
        .collect();
    println!("User and system milliseconds of the process, least of {runs} interleaved runs\n");
    println!("{:<8}{:>10}{:>12}{:>16}{:>14}", "command", "lines", "ms", "lines a second", "MiB peak");
    for command in ["check", "build"] {
        let mut times = LINES.map(|_| Vec::new());
        let mut peaks = [0f64; LINES.len()];
        for _ in 0..runs {
            for (i, path) in paths.iter().enumerate() {
                let mut process = Command::new(common::TGVM);
                process.arg(command).arg(path);
                if command == "build" {
                    process.arg("-o").arg(&out);
                }
                let run = run(&mut process).unwrap_or_else(|| fail("tgvm does not start"));
                if !run.ok {
                    fail(&format!("tgvm {command} failed on a generated program of {} lines", LINES[i]));
                }
                times[i].push(run.cpu);
                peaks[i] = peaks[i].max(run.peak);
            }
        }
        let least = times.map(|times| least(&times));
        for (i, lines) in LINES.into_iter().enumerate() {
            let rate = lines as f64 / least[i];
            println!("{command:<8}{lines:>10}{:>12.1}{rate:>16.0}{:>14.1}", least[i] * 1e3, peaks[i]);
        }
        // 250,000 lines a second.
        common::target(&format!("{command}: microseconds a line at 100,000 lines"), least[2] * 1e6 / 1e5, 4.0);
        linear(command, least[1], least[3]);
        println!();
    }
}

fn measure_stages(texts: &[String], runs: usize) {
    println!("Processor milliseconds of each stage in this process, least of {runs} interleaved runs\n");
    let mut times = [[f64::INFINITY; STAGES.len()]; LINES.len()];
    for _ in 0..runs {
        for (text, times) in texts.iter().zip(&mut times) {
            for (least, seconds) in times.iter_mut().zip(stages(text)) {
                *least = least.min(seconds);
            }
        }
    }
    print!("{:<8}", "lines");
    for stage in STAGES {
        print!("{stage:>10}");
    }
    println!();
    for (times, lines) in times.iter().zip(LINES) {
        print!("{lines:<8}");
        for seconds in times {
            print!("{:>10.1}", seconds * 1e3);
        }
        println!();
    }
    println!();
    for (i, stage) in STAGES.into_iter().enumerate() {
        linear(stage, times[1][i], times[3][i]);
    }
}

fn main() {
    let options = Options::read(5);
    let folder = std::env::temp_dir().join(format!("tgvm-compile-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap_or_else(|e| fail(&format!("{}: {e}", folder.display())));
    let texts = LINES.map(program);
    measure_commands(&folder, &texts, options.runs);
    std::fs::remove_dir_all(&folder).ok();
    measure_stages(&texts, options.runs);
}
