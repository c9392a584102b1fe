//! What `task` costs where nothing runs in parallel: each sample program against itself with every `task` replaced by `fn`.
//!
//! `cargo bench --bench tasks` runs them all; `-- fib heat` some; `-- --runs 41` for more pairs (21). Instructions are
//! counted by valgrind's callgrind where it is installed.

mod common;

use common::{Options, fail, median, run};
use std::path::Path;
use std::process::{Command, Stdio};

/// The program with each `task` at the start of a line replaced by `fn`.
fn without_tasks(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| line.strip_prefix("task ").map_or(line.to_owned(), |rest| format!("fn {rest}")))
        .collect();
    lines.join("\n")
}

/// Instructions executed by `tgvm run file`, by callgrind's summary line.
fn instructions(file: &Path, root: &Path) -> Option<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", common::TGVM, "run"])
        .arg(file)
        .current_dir(root)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let (_, figure) = text.lines().find_map(|line| line.split_once("Collected : "))?;
    figure.trim().parse().ok()
}

fn main() {
    let options = Options::read(21);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::temp_dir().join(format!("tgvm-tasks-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap_or_else(|e| fail(&format!("{}: {e}", folder.display())));
    let mut programs: Vec<_> = std::fs::read_dir(root.join("programs"))
        .expect("the programs are there")
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "tg"))
        .collect();
    programs.sort();
    let counts = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_ok_and(|s| s.success());
    if !counts {
        println!("valgrind is not installed: instructions are not counted");
    }
    println!("With `task` over with `fn`: median of {} interleaved pairs, user and system time\n", options.runs);
    println!("{:<18}{:>10}{:>10}{:>9}{:>14}", "program", "task ms", "fn ms", "time", "instructions");
    let (mut slowest, mut most) = (0f64, 0f64);
    for path in programs {
        let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("a program can be read");
        let plain = without_tasks(&text);
        if !options.wants(&name) || plain == text {
            continue;
        }
        // Both in one folder under names of one length, so that the runs differ in nothing else.
        let files = [folder.join("task.tg"), folder.join("func.tg")];
        std::fs::write(&files[0], &text).expect("a temporary file can be written");
        std::fs::write(&files[1], plain).expect("a temporary file can be written");
        let once = |file: &Path| {
            let mut command = Command::new(common::TGVM);
            let run =
                run(command.arg("run").arg(file).current_dir(root)).unwrap_or_else(|| fail("tgvm does not start"));
            if !run.ok {
                fail(&format!("{name} failed"));
            }
            run
        };
        let (mut with, mut without, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for pair in 0..options.runs {
            let (a, b) = if pair % 2 == 0 {
                let a = once(&files[0]);
                (a, once(&files[1]))
            } else {
                let b = once(&files[1]);
                (once(&files[0]), b)
            };
            if a.stdout != b.stdout {
                fail(&format!("{name} gives another answer without tasks"));
            }
            with.push(a.cpu);
            without.push(b.cpu);
            ratios.push(a.cpu / b.cpu.max(1e-4));
        }
        let time = median(&ratios);
        slowest = slowest.max(time);
        print!("{name:<18}{:>10.1}{:>10.1}{time:>9.3}", median(&with) * 1e3, median(&without) * 1e3);
        if counts {
            match (instructions(&files[0], root), instructions(&files[1], root)) {
                (Some(a), Some(b)) => {
                    most = most.max(a / b);
                    print!("{:>14.4}", a / b);
                }
                _ => print!("{:>14}", "not counted"),
            }
        }
        println!();
    }
    std::fs::remove_dir_all(&folder).ok();
    println!();
    common::target("time of the worst program", slowest, 1.05);
    if most > 0.0 {
        common::target("instructions of the worst program", most, 1.02);
    }
}
