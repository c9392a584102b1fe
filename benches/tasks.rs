//! What `task` costs where nothing runs in parallel: each sample program against itself with every `task` replaced by `fn`.
//!
//! `cargo bench --bench tasks` runs them all; `-- fib heat` some; `-- --runs 41` for more pairs (21). Instructions are
//! counted by valgrind's callgrind where it is installed.

mod common;

use common::samples::{Ways, compare};
use common::{Options, scratch, target, write};

/// The program with each `task` at the start of a line replaced by `fn`.
fn without_tasks(text: &str) -> String {
    let lines: Vec<String> = text
        .split('\n')
        .map(|line| line.strip_prefix("task ").map_or(line.to_owned(), |rest| format!("fn {rest}")))
        .collect();
    lines.join("\n")
}

fn main() {
    let options = Options::read(21);
    let folder = scratch();
    let ways = Ways {
        names: ["with `task`", "with `fn`"],
        args: &|path| {
            let text = std::fs::read_to_string(path).expect("a program can be read");
            let plain = without_tasks(&text);
            // Both in one folder under names of one length, so that the runs differ in nothing else.
            (plain != text).then(|| {
                [("task.tg", &text), ("func.tg", &plain)].map(|(name, text)| {
                    vec!["--issue".into(), "in-order".into(), write(folder.path(), name, text).into_os_string()]
                })
            })
        },
        cost: |run| run.cpu,
        count: true,
    };
    let worst = compare(&options, "programs", &ways);
    target("time of the worst program", worst.cost, 1.05);
    if let Some(most) = worst.instructions {
        target("instructions of the worst program", most, 1.02);
    }
}
