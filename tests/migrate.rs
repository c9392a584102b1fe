//! A frame may stop at any poll and go on in another thread: the sample programs do the same when theirs does so at every
//! one. They run small, since each poll costs two switches between threads.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAMS: &[(&str, &[&str])] = &[
    ("cholesky", &["40"]),
    ("csv_report", &["50"]),
    ("fib", &["15"]),
    ("heat", &["2"]),
    ("hello", &[]),
    ("kmeans", &["1"]),
    ("life", &["2"]),
    ("mandelbrot", &["12"]),
    ("matmul", &["24"]),
    ("merge_sort", &["3000"]),
    ("monte_carlo", &["5000"]),
    ("nbody", &["10"]),
    ("nqueens", &["5"]),
    ("quicksort", &["1000"]),
    ("sieve", &["2000"]),
    ("smith_waterman", &["60"]),
    ("spectral_norm", &["12"]),
    ("sudoku", &["1"]),
    ("word_count", &["3"]),
];

fn run(name: &str, args: &[&str], options: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tgvm"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("run")
        .args(options)
        .arg(format!("programs/{name}.tg"))
        .args(args)
        .output()
        .expect("tgvm starts")
}

#[test]
fn programs_do_the_same_on_changing_threads() {
    for (name, args) in PROGRAMS {
        let (at_rest, moved) = (run(name, args, &[]), run(name, args, &["--migrate"]));
        assert!(at_rest.status.success(), "{name}: {}", String::from_utf8_lossy(&at_rest.stderr));
        assert!(moved == at_rest, "{name}: {}", String::from_utf8_lossy(&moved.stderr));
    }
}

#[test]
fn no_program_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    let files =
        std::fs::read_dir(folder).expect("the programs are there").map(|entry| entry.expect("it can be read").path());
    let found: BTreeSet<_> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "tg"))
        .map(|path| path.file_stem().expect("it has a name").to_string_lossy().into_owned())
        .collect();
    let listed: BTreeSet<_> = PROGRAMS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, listed);
}
