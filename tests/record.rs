//! Recorded runs: the checkers of schedules and of traces accept what the machine does, and refuse what it does with a rule left out; the graph
//! and the parallelism of small programs are what one expects.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

use tgvm::bytecode::trap::TrapCode;
use tgvm::embed::{self, Module};
use tgvm::machine::Issue;
use tgvm::machine::code::Code;
use tgvm::machine::engine::{Options, Outcome, RunResult};
use tgvm::machine::host_call::{Stream, World};
use tgvm::machine::record::{Event, Hazard, Order, Record};
use tgvm::machine::trap::Fault;
use tgvm::observe::check::{Checked, Violation, check};
use tgvm::observe::dag::Dag;
use tgvm::observe::graph::dot;
use tgvm::observe::trace::{self, Traced};
use tgvm::syntax::span::Source;

/// A world with these arguments, whose files are those of the disk and what was written.
#[derive(Default)]
struct Desk {
    args: Vec<String>,
    printed: String,
    written: HashMap<String, Vec<u8>>,
}

impl World for Desk {
    fn write(&mut self, _: Stream, bytes: &[u8]) -> Result<(), Fault> {
        self.printed.push_str(str::from_utf8(bytes).expect("a Str is UTF-8"));
        Ok(())
    }
    fn args(&mut self) -> Result<Vec<String>, Fault> {
        Ok(self.args.clone())
    }
    fn read_line(&mut self, _: u64) -> Result<Option<Vec<u8>>, Fault> {
        Ok(None)
    }
    fn read_file(&mut self, path: &str, _: u64) -> Result<Vec<u8>, Fault> {
        let on_disk = || std::fs::read(path).map_err(|_| Fault::trap(TrapCode::File, path));
        self.written.get(path).cloned().map_or_else(on_disk, Ok)
    }
    fn file_exists(&mut self, path: &str) -> Result<bool, Fault> {
        Ok(self.read_file(path, 0).is_ok())
    }
    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.written.insert(path.to_owned(), bytes.to_owned());
        Ok(())
    }
    fn append_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.written.entry(path.to_owned()).or_default().extend(bytes);
        Ok(())
    }
    /// How many bytes have been written.
    fn clock(&mut self) -> Result<f64, Fault> {
        Ok(self.written.values().map(Vec::len).sum::<usize>() as f64)
    }
}

fn compile(name: &str, text: &str) -> Arc<Code> {
    let source = Source { name: name.into(), text: text.into() };
    Module::from_source(&source).unwrap_or_else(|errors| panic!("{errors:#?}\n{text}")).into_code()
}

fn eager(workers: usize) -> Options {
    Options { workers, issue: Issue::Eager, record: true, trace: true, ..Options::default() }
}

/// Runs a program; what it printed, and the record.
fn record(code: &Arc<Code>, options: &Options, args: &[&str]) -> (Outcome, String, Record) {
    let args = args.iter().map(|&arg| arg.to_owned()).collect();
    let mut desk = Desk { args, ..Desk::default() };
    let RunResult { outcome, stats, record } = embed::run(code, options, &mut desk);
    assert_eq!(stats.leaked, 0, "memory is given back");
    (outcome, desk.printed, record.expect("it was asked for"))
}

/// What was really read and written kept the order, too, and every element was what it is in order: what there was to check, and how many
/// elements.
#[track_caller]
fn check_trace(code: &Arc<Code>, (_, _, found): &(Outcome, String, Record), args: &[&str]) -> (Traced, usize) {
    let in_order = Options { issue: Issue::InOrder, ..eager(1) };
    let (_, _, expected) = record(code, &in_order, args);
    let traced = trace::check(found).unwrap_or_else(|wrong| panic!("{wrong}"));
    let elements = trace::compare(&expected, found);
    (traced, elements.unwrap_or_else(|wrong| panic!("{wrong}")))
}

#[test]
fn a_run_under_way_is_told_in_order_and_without_gaps() {
    let work =
        "task work(n: Int) -> Int {\n    var x = n\n    for i in 0..50_000 { x = (x *% 31) +% i }\n    return x\n}\n";
    let code = compile("test.tg", &format!("{work}fn main() {{ print(max(work(n) for n in 0..200)) }}"));
    let options = Options { trace: false, ..eager(2) };
    let pulse = options.pulse.clone();
    let mut told: Vec<Event> = Vec::new();
    let all = thread::scope(|scope| {
        let run = scope.spawn(|| record(&code, &options, &[]).2.events);
        while !run.is_finished() {
            let next = told.last().map_or(0, |event| event.order + 1);
            told.extend(pulse.events(next, 10));
        }
        run.join().expect("it does not panic")
    });
    assert!(!told.is_empty(), "something was told while it ran");
    assert_eq!(told, all[..told.len()]);
    assert!(pulse.events(0, 10).is_empty(), "the record has all");
}

/// Every sample program, small.
const SAMPLES: [(&str, &str); 19] = [
    ("cholesky", "12"),
    ("csv_report", "5"),
    ("fib", "10"),
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

#[test]
fn the_samples_keep_the_order() {
    let (mut found, mut traced) = (Checked::default(), Traced::default());
    for (name, size) in SAMPLES {
        let text = std::fs::read_to_string(format!("programs/{name}.tg")).expect("the sample is there");
        let code = compile(name, &text);
        let args: &[&str] = if size.is_empty() { &[] } else { &[size] };
        let mut desk = Desk { args: args.iter().map(|&arg| arg.to_owned()).collect(), ..Desk::default() };
        let plain = embed::run(&code, &Options::default(), &mut desk);
        assert_eq!(plain.record, None, "nobody asked for it");
        for workers in [1, 2, 3] {
            let run = record(&code, &eager(workers), args);
            let (outcome, printed, record) = &run;
            assert_eq!((outcome, printed), (&plain.outcome, &desk.printed), "{name} on {workers}");
            let (found_here, elements) = check_trace(&code, &run, args);
            assert_eq!(elements > 0, found_here.accesses > 0, "{name} on {workers}");
            traced.reads_after_writes += found_here.reads_after_writes;
            traced.writes_after_reads += found_here.writes_after_reads;
            traced.writes_after_writes += found_here.writes_after_writes;
            let checked = check(record).unwrap_or_else(|wrong| panic!("{name} on {workers}: {wrong}"));
            found.frames += checked.frames;
            found.entries += checked.entries;
            found.instructions += checked.instructions;
            found.registers += checked.registers;
            found.reads_after_writes += checked.reads_after_writes;
            found.writes_after_reads += checked.writes_after_reads;
            found.writes_after_writes += checked.writes_after_writes;
        }
    }
    let kinds = [
        found.frames,
        found.entries,
        found.instructions,
        found.registers,
        found.reads_after_writes,
        found.writes_after_reads,
        found.writes_after_writes,
    ];
    assert!(kinds.iter().all(|&count| count > 0), "there was something to check: {found:?}");
    let kinds = [traced.reads_after_writes, traced.writes_after_reads, traced.writes_after_writes];
    assert!(kinds.iter().all(|&count| count > 0), "there was something to check: {traced:?}");
}

#[test]
fn what_traps_keeps_the_order_too() {
    let text = "
task at(xs: [Int], i: Int) -> Int { return xs[i] }

fn main() {
    let xs = [1, 2, 3]
    var t = 0
    var i = 0
    while i < 6 {
        t = t +% at(xs, i)
        i += 1
    }
    print(t)
}
";
    let code = compile("test.tg", text);
    for workers in [1, 2, 3] {
        let run = record(&code, &eager(workers), &[]);
        let (outcome, _, record) = &run;
        assert!(matches!(outcome, Outcome::Trap(_)), "{outcome:?}");
        check(record).unwrap_or_else(|wrong| panic!("on {workers}: {wrong}"));
        check_trace(&code, &run, &[]);
    }
}

/// An element that is not there is not there whatever is to be stored: the frame does not wait for that.
#[test]
fn a_store_that_traps_before_its_value_is_there() {
    let text = "
task work(n: Int) -> Int {
    var t = n
    for i in 0..50 { t = t *% 3 +% i }
    return t
}

fn main() {
    let few = [Int](3, fill: work(1))
    for i in 0..9 {
        var xs = few
        xs[i] = work(i)
        print(xs)
    }
}
";
    let code = compile("test.tg", text);
    let ways = [1, 2, 3].into_iter().map(eager).chain((0..40).map(simulated));
    for options in ways {
        let run = record(&code, &options, &[]);
        let (outcome, printed, record) = &run;
        assert!(matches!(outcome, Outcome::Trap(trap) if trap.code == TrapCode::IndexOutOfBounds), "{options:?}");
        assert_eq!(printed.lines().count(), 3);
        check(record).unwrap_or_else(|wrong| panic!("{wrong} with {options:?}"));
        check_trace(&code, &run, &[]);
    }
}

/// The tasks of the programs below, the first of which is promoted, so that what follows is issued.
const TASKS: &str = "
struct P { n: Int, k: Int }
task warm(n: Int) -> Int { return n +% 1 }
task fill(inout xs: [Int], k: Int) { for i in 0..xs.len() { xs[i] = k } }
task total(xs: [Int]) -> Int {
    var t = 0
    for i in 0..xs.len() { t = t +% xs[i] }
    return t
}
task tile(inout g: Grid[Int], k: Int) { for r in 0..g.rows() { for c in 0..g.cols() { g[r, c] = k } } }
task area(g: Grid[Int]) -> Int {
    var t = 0
    for r in 0..g.rows() { for c in 0..g.cols() { t = t +% g[r, c] } }
    return t
}
task weigh(ps: [P]) -> Int {
    var t = 0
    for p in ps { t = t +% p.n *% 3 +% p.k }
    return t
}
task save(n: Int) { write_file(\"a file that is not on the disk\", \"{n}\") }
task load() -> Int { return parse_int(read_file(\"a file that is not on the disk\")) }
task tick() -> Float { return clock() }
";

/// Two workers that take turns as the seed says.
fn simulated(seed: u64) -> Options {
    Options { seed: Some(seed), ..eager(2) }
}

/// With the rule, the schedule is good, and the program does what it does in order. Without it, the schedule is not good, and under some seed
/// the program does something else.
#[track_caller]
fn needs(rule: Hazard, body: &str) -> Violation {
    let text = format!(
        "{TASKS}\nfn main() {{\n    var a = [Int](100, fill: 1)\n    var g = Grid[Int](8, 8, fill: 1)\n    var ps = [P](5, fill: P(n: 1, k: 2))\n    let w = warm(1)\n{body}    print(w)\n}}\n"
    );
    const SEEDS: u64 = 40;
    let code = compile("test.tg", &text);
    let mut desk = Desk::default();
    let in_order = Options { issue: Issue::InOrder, ..Options::default() };
    let expected = (embed::run(&code, &in_order, &mut desk).outcome, desk.printed);
    assert_eq!(expected.0, Outcome::Done, "{text}");
    for options in [eager(1), eager(2)].into_iter().chain((0..SEEDS).map(simulated)) {
        let run = record(&code, &options, &[]);
        check(&run.2).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
        check_trace(&code, &run, &[]);
        assert_eq!((run.0, run.1), expected, "{options:?}\n{text}");
    }
    let without = |options: Options| record(&code, &Options { leave_out: Some(rule), ..options }, &[]);
    let does_otherwise = |seed: &u64| {
        let (outcome, printed, _) = without(simulated(*seed));
        (outcome, printed) != expected
    };
    assert!((0..SEEDS).any(|seed| does_otherwise(&seed)), "nobody sees that {rule:?} is left out\n{text}");
    let (_, _, record) = without(eager(1));
    // What was read and written says so alone, whatever was filed.
    let order = match rule {
        Hazard::ReadAfterWrite => Some(Order::ReadAfterWrite),
        Hazard::WriteAfterRead => Some(Order::WriteAfterRead),
        Hazard::WriteAfterWrite => Some(Order::WriteAfterWrite),
        Hazard::Register | Hazard::Effect | Hazard::Fence => None,
    };
    if let Some(expected) = order {
        let found = trace::check(&record).expect_err("a rule was left out");
        assert!(matches!(found, trace::Violation::Race { order, .. } if order == expected), "{found}\n{text}");
    }
    check(&record).expect_err("a rule was left out")
}

/// The same for elements: what the checker finds is about a part of that sort.
#[track_caller]
fn needs_in(rule: Hazard, sort: &str, body: &str) {
    let found = needs(rule, body);
    assert!(matches!(found, Violation::Region { region, .. } if region.sort() == sort), "{found} is about no {sort}");
}

#[test]
fn a_register_rule_left_out_is_noticed() {
    let found = needs(Hazard::Register, "    let x = warm(w)\n    let y = warm(x)\n    print(y)\n");
    assert!(matches!(found, Violation::Register { .. }), "{found}");
}

#[test]
fn a_read_after_write_left_out_is_noticed() {
    let rule = Hazard::ReadAfterWrite;
    needs_in(rule, "slice", "    fill(&a[0..50], 2)\n    let t = total(a[10..60])\n    print(t)\n");
    needs_in(rule, "tile", "    tile(&g[0..4, 0..4], 2)\n    let t = area(g[2..6, 2..6])\n    print(t)\n");
    needs_in(rule, "slice", "    fill(&g[3, ..], 2)\n    let t = total(g[3, 2..6])\n    print(t)\n");
    needs_in(rule, "field", "    ps[1].n = warm(w)\n    let n = ps[1].n\n    print(n)\n");
    needs_in(rule, "element", "    a[1] = warm(w)\n    let n = a[1]\n    print(n)\n");
    needs_in(rule, "whole", "    fill(&a[0..50], 2)\n    let b = a\n    print(b[3] + a[60])\n");
}

#[test]
fn a_write_after_read_left_out_is_noticed() {
    let rule = Hazard::WriteAfterRead;
    needs_in(rule, "slice", "    let t = total(a[10..60])\n    fill(&a[0..50], 2)\n    print(t)\n");
    needs_in(rule, "tile", "    let t = area(g[2..6, 2..6])\n    tile(&g[0..4, 0..4], 2)\n    print(t)\n");
    needs_in(rule, "field", "    let t = weigh(ps[0..4])\n    ps[1].n = 7\n    print(t)\n");
    needs_in(rule, "element", "    let t = total(a[10..60])\n    a[10] = 7\n    print(t)\n");
}

#[test]
fn a_write_after_write_left_out_is_noticed() {
    let rule = Hazard::WriteAfterWrite;
    needs_in(rule, "slice", "    fill(&a[0..50], 2)\n    fill(&a[49..60], 3)\n    print(a[49])\n");
    needs_in(rule, "tile", "    tile(&g[0..4, 0..4], 2)\n    tile(&g[3..8, 3..8], 3)\n    print(g[3, 3])\n");
    needs_in(rule, "field", "    ps[1].n = warm(w)\n    ps[1].n = 7\n    print(ps[1].n)\n");
    needs_in(rule, "element", "    fill(&a[0..50], 2)\n    a[49] = 7\n    print(a[49])\n");
}

/// A file is written when it is the writer's turn, so what shows is a read that is too early.
#[test]
fn an_effect_left_out_is_noticed() {
    needs_in(Hazard::Effect, "effect", "    save(7)\n    let n = load()\n    print(n)\n");
}

#[test]
fn a_fence_left_out_is_noticed() {
    let found = needs(Hazard::Fence, "    save(7)\n    let now = tick()\n    print(now)\n");
    assert!(matches!(found, Violation::Fence { .. }), "{found}");
}

/// A read of a file waits for the write before it.
#[test]
fn effects_are_kept() {
    let text =
        format!("{TASKS}\nfn main() {{\n    let w = warm(1)\n    save(7)\n    let n = load()\n    print(n + w)\n}}\n");
    for workers in [1, 2] {
        let code = compile("test.tg", &text);
        let run = record(&code, &eager(workers), &[]);
        assert_eq!((&run.0, run.1.as_str()), (&Outcome::Done, "9\n"));
        assert!(check(&run.2).is_ok_and(|checked| checked.effects > 0));
        check_trace(&code, &run, &[]);
    }
}

// The graph

#[test]
fn a_graph_says_what_carries_each_edge() {
    let text = format!(
        "{TASKS}\nfn main() {{\n    var a = [Int](100, fill: 1)\n    var g = Grid[Int](8, 8, fill: 1)\n    var ps = [P](5, fill: P(n: 1, k: 2))\n    let w = warm(1)\n    fill(&a[0..50], w)\n    let t = total(a[10..60])\n    fill(&a[0..50], t)\n    let u = warm(t)\n    save(u)\n    let n = load()\n    a[3] = u\n    ps[1].k = warm(u)\n    ps[1].k = 7\n    tile(&g[0..4, 0..4], 2)\n    tile(&g[3..8, 3..8], 3)\n    print(n + total(a[..]) + area(g[2..5, 2..4]) + ps[1].k)\n}}\n"
    );
    let code = compile("test.tg", &text);
    let (_, _, record) = record(&code, &eager(1), &[]);
    let graph = dot(&record, code.program()).expect("it is short");
    for part in [
        "digraph \"test.tg\" {",
        "label=\"main\"",
        "label=\"warm\\nline ",
        "label=\"total\\nline ",
        "register r",
        "slice [10..60] RAW",
        "slice [0..50] WAR",
        "effect RAW",
        "element [3] WAW",
        "field 1 of [1] WAW",
        "tile [3..8, 3..8] WAW",
        "tile [2..5, 2..4] RAW",
    ] {
        assert!(graph.contains(part), "{part:?} is missing:\n{graph}");
    }
    assert_eq!(graph.matches('{').count(), graph.matches('}').count());
}

#[test]
fn a_large_graph_is_drawn_by_line() {
    let text = std::fs::read_to_string("programs/fib.tg").expect("the sample is there");
    let code = compile("fib.tg", &text);
    let (_, _, record) = record(&code, &eager(1), &["15"]);
    let graph = dot(&record, code.program()).expect("it is short");
    assert!(graph.lines().count() < 60, "{graph}");
    assert!(graph.contains("by source line") && graph.contains("fib\\nline 8\\n× "), "{graph}");
    let many = graph.lines().filter_map(|line| line.split_once("label=\"register RAW × ")?.1.split_once('"'));
    let many: Vec<usize> = many.map(|(count, _)| count.parse().expect("it is a number")).collect();
    assert!(many.iter().any(|&count| count > 100), "an edge stands for many: {graph}");
}

// Parallelism

/// Work, span, and the time on so many workers.
fn dag(text: &str, workers: usize) -> (f64, f64, f64) {
    let (outcome, _, record) = record(&compile("test.tg", text), &eager(1), &[]);
    assert_eq!(outcome, Outcome::Done);
    let dag = Dag::of(&record).expect("it is short");
    let (work, span, time) = (dag.work(), dag.span(), dag.schedule(workers));
    assert_eq!(dag.schedule(1), work);
    assert!(span <= time && time <= work / workers as u64 + span, "{work} {span} {time}");
    (work as f64, span as f64, time as f64)
}

const WORK: &str = "task work(n: Int) -> Int {\n    var t = n\n    var i = 0\n    while i < 2000 {\n        t = t +% i\n        i += 1\n    }\n    return t\n}\n";

#[test]
fn a_flat_loop_is_as_parallel_as_it_is_long() {
    let text = format!(
        "{WORK}\nfn main() {{\n    var out = [Int](32, fill: 0)\n    for i in 0..32 {{ out[i] = work(i) }}\n    print(out[31])\n}}\n"
    );
    let (work, span, time) = dag(&text, 4);
    assert!((20.0..=32.0).contains(&(work / span)), "{work} {span}");
    assert!((3.7..=4.0).contains(&(work / time)), "{work} {time}");
    let text =
        format!("{WORK}\nfn main() {{\n    var t = 0\n    for i in 0..32 {{ t = t +% work(i) }}\n    print(t)\n}}\n");
    let (work, span, _) = dag(&text, 4);
    assert!((20.0..=32.0).contains(&(work / span)), "a parked sum holds nobody up: {work} {span}");
}

#[test]
fn a_chain_is_not_parallel() {
    let text = format!("{WORK}\nfn main() {{\n    var t = 0\n    for i in 0..32 {{ t = work(t) }}\n    print(t)\n}}\n");
    let (work, span, time) = dag(&text, 4);
    assert!((1.0..1.1).contains(&(work / span)) && (1.0..1.1).contains(&(work / time)), "{work} {span} {time}");
}

/// New arrays in the place of old ones have nothing to do with them.
#[test]
fn arrays_that_take_each_others_memory_are_not_one() {
    let text = "
task work(inout xs: [Int], n: Int) {
    var i = 0
    while i < 2000 {
        xs[0] = xs[0] +% n
        i += 1
    }
}

task once(n: Int) -> Int {
    var xs = [Int](4, fill: n)
    work(&xs[..], n)
    return xs[0]
}

fn main() {
    var t = 0
    for i in 0..32 {
        var xs = [Int](4, fill: i)
        work(&xs[..], i)
        t = t +% once(i)
    }
    print(t)
}
";
    let (work, span, _) = dag(text, 4);
    assert!(work / span > 20.0, "{work} {span}");
}

#[test]
fn a_recursion_is_parallel() {
    let text = "task fib(n: Int) -> Int {\n    if n < 2 { return n }\n    return fib(n - 1) +% fib(n - 2)\n}\n\nfn main() { print(fib(16)) }\n";
    let (work, span, time) = dag(text, 4);
    // The longest chain is 16 calls of 2,500.
    assert!(work / span > 40.0, "{work} {span}");
    assert!(work / time > 3.5, "{work} {time}");
}
