//! The sample programs print what stands beside them, and take their size as an argument.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What `tgvm run programs/NAME.tg ARGS` prints, from the project's root.
fn run(name: &str, args: &[&str]) -> String {
    run_with(&[], name, args)
}

/// The same, with options for tgvm.
fn run_with(options: &[&str], name: &str, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_tgvm"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .arg("run")
        .args(options)
        .arg(format!("programs/{name}.tg"))
        .args(args)
        .output()
        .expect("tgvm starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {args:?} ends with {}:\n{stderr}", output.status);
    assert!(stderr.is_empty(), "{name} {args:?} says:\n{stderr}");
    String::from_utf8(output.stdout).expect("a Str is UTF-8")
}

fn programs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs");
    let mut programs: Vec<_> = std::fs::read_dir(folder)
        .expect("the programs are there")
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "tg"))
        .collect();
    programs.sort();
    programs
}

/// A size for each program at which it polls some thousand times.
const SMALL: [(&str, &str); 19] = [
    ("cholesky", "12"),
    ("csv_report", "5"),
    ("fib", "12"),
    ("heat", "1"),
    ("hello", ""),
    ("kmeans", "1"),
    ("life", "1"),
    ("mandelbrot", "12"),
    ("matmul", "12"),
    ("merge_sort", "1100"),
    ("monte_carlo", "200"),
    ("nbody", "1"),
    ("nqueens", "4"),
    ("quicksort", "200"),
    ("sieve", "1000"),
    ("smith_waterman", "70"),
    ("spectral_norm", "5"),
    ("sudoku", "1"),
    ("word_count", "3"),
];

/// `--migrate` (hidden) moves the frame to another thread at every poll: nothing in it is bound to a thread.
#[test]
fn a_frame_that_moves_between_threads_prints_the_same() {
    let names: Vec<_> = programs().iter().map(|path| path.file_stem().expect("a file has a name").to_owned()).collect();
    assert_eq!(names, SMALL.map(|(name, _)| name), "each program has a small size");
    for (name, size) in SMALL {
        assert_eq!(run_with(&["--migrate"], name, &[size]), run(name, &[size]), "{name} {size}");
    }
}

#[test]
fn each_prints_what_stands_beside_it() {
    let programs = programs();
    assert!(programs.len() >= 19, "the programs are found");
    for path in programs {
        let name = path.file_stem().expect("a file has a name").to_str().expect("the name is ASCII");
        let expected =
            std::fs::read_to_string(path.with_extension("expected")).unwrap_or_else(|e| panic!("{name}.expected: {e}"));
        let printed = run(name, &[]);
        assert!(printed == expected, "{name} prints\n{printed}instead of\n{expected}");
    }
}

#[test]
fn each_takes_its_size() {
    assert_eq!(run("fib", &["20"]), "fib(20) = 6765\n");
    assert_eq!(run("nqueens", &["3"]), "3 queens: 0 solutions\n");
    assert_eq!(run("nqueens", &["4"]), "4 queens: 2 solutions\n. Q . .\n. . . Q\nQ . . .\n. . Q .\n");
    assert_eq!(run("mandelbrot", &["3"]).lines().last(), Some("3 x 2 points, 514 steps"));
    assert_eq!(run("life", &["0"]).lines().last(), Some("5 cells alive after 0 generations"));
    assert_eq!(run("life", &["1"]).lines().last(), Some("6 cells alive after 1 generations"));
    assert!(run("nbody", &["2"]).contains("after 2 steps:"));
    assert_eq!(run("spectral_norm", &["100"]), "1.274219991\n");
    assert_eq!(run("sieve", &["100"]), "25 primes up to 100\n");
    assert!(run("merge_sort", &["5000"]).starts_with("5000 numbers from "));
    assert!(run("quicksort", &["500"]).starts_with("500 numbers from "));
    assert_eq!(run("matmul", &["2"]), "2 x 2: corner 0.0, sum of the diagonal 1.0, of all 0.0\n");
    assert!(run("matmul", &["33"]).starts_with("33 x 33: "));
    assert!(run("cholesky", &["50"]).ends_with("L * transposed(L) is A\n"));
    assert!(run("smith_waterman", &["65"]).starts_with("65 letters against "));
    assert_eq!(run("heat", &["0"]).lines().last(), Some("after 0 steps the mean is 1.5152"));
    assert_eq!(run("kmeans", &["1"]).lines().next(), Some("2500 points, 1 centres after 2 rounds:"));
    assert_eq!(run("word_count", &["1"]).lines().last(), Some("   36  the"));
    assert_eq!(run("csv_report", &["7"]).lines().next(), Some("7 sales: units and amount"));
    assert_eq!(run("sudoku", &["1"]).lines().count(), 12);
    assert!(run("monte_carlo", &["1000"]).contains(" of 1000 points"));
}

/// The picture is a PNG of the size asked for.
#[test]
fn mandelbrot_writes_a_picture() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("picture.png");
    run("mandelbrot", &["60", path.to_str().expect("the name is UTF-8")]);
    let file = std::io::BufReader::new(std::fs::File::open(&path).expect("the picture is there"));
    let reader = png::Decoder::new(file).read_info().expect("it is a PNG");
    assert_eq!((reader.info().width, reader.info().height), (60, 40));
}
