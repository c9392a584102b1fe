//! Compile speed over generated programs, and whether it is linear in their length.
//!
//! `cargo bench --bench compile`, `-- --runs 9` for more runs (5). `check` reads, parses and checks; `build` compiles,
//! verifies and writes the bytecode, too.

mod common;

use common::{Options, fail, least, run};
use std::fmt::Write;
use std::process::Command;

const LINES: [usize; 4] = [25_000, 50_000, 100_000, 200_000];

/// A program of about `lines` lines in the manner of a real one: structs, loops, calls, places, text.
fn program(lines: usize) -> String {
    let mut text = String::new();
    let mut main = String::from("fn main() {\n    var total = 0\n");
    let mut written = 4;
    let mut n = 0;
    while written < lines {
        write!(
            text,
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
        n += 1;
        written = text.lines().count() + n + 4;
    }
    main.push_str("    print(total)\n}\n");
    text + &main
}

fn main() {
    let options = Options::read(5);
    let folder = std::env::temp_dir().join(format!("tgvm-compile-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap_or_else(|e| fail(&format!("{}: {e}", folder.display())));
    let out = folder.join("p.tgb");
    let sources = LINES.map(|lines| {
        let text = program(lines);
        let path = folder.join(format!("p{lines}.tg"));
        std::fs::write(&path, &text).expect("a temporary file can be written");
        (path, text.lines().count())
    });
    println!("User and system seconds, least of {} interleaved runs\n", options.runs);
    println!("{:<8}{:>10}{:>12}{:>16}{:>14}", "command", "lines", "ms", "lines a second", "MiB peak");
    for command in ["check", "build"] {
        let mut times = LINES.map(|_| Vec::new());
        let mut peaks = [0f64; LINES.len()];
        for _ in 0..options.runs {
            for (i, (path, _)) in sources.iter().enumerate() {
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
        let rates: Vec<f64> = times.iter().zip(&sources).map(|(t, (_, lines))| *lines as f64 / least(t)).collect();
        for (i, (_, lines)) in sources.iter().enumerate() {
            println!("{command:<8}{lines:>10}{:>12.1}{:>16.0}{:>14.1}", least(&times[i]) * 1e3, rates[i], peaks[i]);
        }
        let verdict = |good| if good { "met" } else { "MISSED" };
        println!("{:>6}  at least 250,000 lines a second at 100,000 lines", verdict(rates[2] >= 250_000.0));
        // Twice the lines in at most twice the time, but for caches that get too small and noise.
        let growth = rates[1] / rates[3];
        println!(
            "{:>6}  linear: from 50,000 to 200,000 lines the time for a line grows {growth:.2} times\n",
            verdict(growth < 1.5)
        );
    }
    std::fs::remove_dir_all(&folder).ok();
}
