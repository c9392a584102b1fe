//! The cases that are hard for a machine that runs out of order, one by one: recursion, traps and what meets in flight; what it prints and
//! what bounds it are in `output`.

mod output;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::harness::{
    Configuration, IN_ORDER, Page, Seen, agree_on, agree_on_trap, agree_threaded, compile, configurations, difference,
    run_in, run_watched,
};
use tgvm::bytecode::trap::TrapCode;
use tgvm::embed;
use tgvm::machine::Issue;
use tgvm::machine::engine::{Options, Outcome};
use tgvm::machine::host_call::{Stream, World};
use tgvm::machine::interrupt::Interrupt;
use tgvm::machine::record::{Ending, EntryId, Event, Kind, Record, What};
use tgvm::machine::trap::{Fault, Stop};

const EAGER: Configuration = Configuration { issue: Issue::Eager, workers: 8, ..IN_ORDER };
const LAZY: Configuration = Configuration { issue: Issue::Lazy, workers: 8, ..IN_ORDER };

/// Asks a run to end as soon as it has printed.
struct Prompt(Interrupt);

impl World for Prompt {
    fn write(&mut self, _: Stream, _: &[u8]) -> Result<(), Fault> {
        self.0.interrupt();
        Ok(())
    }
}

/// Tasks that other programs here are made of.
const TASKS: &str = "
task slow(n: Int) -> Int {
    var x = n
    for i in 0..n { x = x *% 31 +% i }
    return x & 255
}
task for_ever(n: Int) -> Int {
    var x = n
    while x != -1 { x = x +% 2 & 1023 }
    return x
}
task work(n: Int) -> Int {
    var x = n
    for i in 0..(n & 63) { x = x *% 31 +% i }
    return x & 255
}
task say(n: Int) -> Int {
    print(\"task {n}\")
    return n
}
task fails_at(n: Int, k: Int) -> Int {
    let few = [1, 2, 3]
    print(\"before {n}\")
    return if n == k { few[n] } else { few[n % 3] }
}
";

fn with_tasks(main: &str) -> String {
    format!("{TASKS}\nfn main() {{\n{main}\n}}\n")
}

#[test]
fn a_trap_while_younger_tasks_loop_for_ever() {
    let text = with_tasks(
        "var t = 0
    print(\"first\")
    t = t + [1, 2][slow(2000000) | 2]
    for i in 0..20 { t = t + for_ever(i & -2) }
    print(t)",
    );
    assert_eq!(agree_on_trap(&text), (TrapCode::IndexOutOfBounds, "first\n".into()));
    // The trap is inside the task, and the loops print.
    let text = "
task late(n: Int) -> Int {
    var x = 0
    for i in 0..n { x = x *% 31 +% i }
    print(\"late\")
    return n / (x - x)
}
task chatters(n: Int) -> Int {
    var x = 0
    while x >= 0 {
        x = x + 1
        if x % 1000 == 0 { print(x) }
    }
    return n
}
fn main() {
    let a = late(2000000)
    var t = a
    for i in 0..20 { t += chatters(i) }
    print(t)
}";
    assert_eq!(agree_on_trap(text), (TrapCode::DivisionByZero, "late\n".into()));
}

#[test]
fn a_failure_that_younger_failures_overtake() {
    let text = with_tasks(
        "var t = 0
    for i in 0..40 { t += if i == 7 { slow(400000) / (t - t) } else { fails_at(i, i | 8) } }
    print(t)",
    );
    let (code, printed) = agree_on_trap(&text);
    assert_eq!(code, TrapCode::DivisionByZero);
    assert_eq!(printed.lines().count(), 7);
}

/// One of a million tasks traps, and those after it would never end.
#[test]
fn a_trap_in_one_of_many_tasks_ends_promptly() {
    let text = with_tasks(
        "var t = 0
    for i in 0..1000000 {
        t += if i < 500000 { work(i & 7) } else if i == 500000 { fails_at(i, i) } else { for_ever(i & -2) }
    }
    print(t)",
    );
    let code = compile(&text);
    let (expected, printed) = run_in(&code, IN_ORDER, &Page::default(), &text);
    assert!(matches!(&expected.outcome, Outcome::Trap(trap) if trap.code == TrapCode::IndexOutOfBounds));
    assert_eq!(printed.text(), "before 500000\n");
    for configuration in [EAGER, LAZY, Configuration { workers: 2, ..LAZY }] {
        let (result, page) = run_in(&code, configuration, &Page::default(), &text);
        assert_eq!((&result.outcome, page), (&expected.outcome, printed.clone()), "{configuration:?}");
        // A task and a sum each; of the younger ones no more than the ring has room for.
        let run: u64 = result.stats.workers.iter().map(|worker| worker.run).sum();
        assert!(run < 1_010_000, "{run} entries were run in {configuration:?}");
    }
}

#[test]
fn a_slow_head_of_a_full_window() {
    let text = with_tasks(
        "var out = [Int](3000, fill: 0)
    for i in 0..3000 { out[i] = if i == 10 { slow(1000000) } else { work(i) } }
    var t = 0
    for i in 0..3000 { t = t *% 31 +% out[i] }
    print(t)",
    );
    agree_threaded(&text, &Page::default());
}

/// While the oldest of a window is done, much more than a window of younger ones is.
#[test]
fn more_than_a_window_completes_behind_a_slow_head() {
    let text = with_tasks(
        "var out = [Int](600, fill: 0)
    var i = 0
    while i < 600 {
        out[i] = if i == 10 { slow(20000) } else { work(i & 7) }
        i += 1
    }
    print(out[599])",
    );
    let code = compile(&text);
    let (_, expected) = run_in(&code, IN_ORDER, &Page::default(), &text);
    let slow = code.program().functions.iter().position(|function| function.name == "slow").expect("it is there");
    for seed in 0..4 {
        let configuration = Configuration { workers: 2, seed: Some(seed), record: true, ..EAGER };
        let (result, page) = run_in(&code, configuration, &Page::default(), &text);
        assert_eq!(page, expected, "seed {seed}");
        let record = result.record.expect("it was asked for");
        let head = record.events.iter().find_map(|event| match &event.what {
            What::Issued(issued) if issued.kind == Kind::Call(slow as u32) => Some(issued.entry),
            _ => None,
        });
        let head = head.expect("it was issued");
        let until = record.events.iter().position(|event| event.what == What::Completed(head, Ending::Good));
        let until = until.expect("it has completed");
        let furthest = record.events[..until].iter().filter_map(|event| match event.what {
            What::Completed(entry, Ending::Good) if entry.frame == head.frame => Some(entry.number),
            _ => None,
        });
        let furthest = furthest.max().unwrap_or(0);
        assert!(furthest > head.number + 64, "{furthest} completed before {}, under seed {seed}", head.number);
    }
}

/// Behind an entry that takes long the ring has more, but no more of them are open than the window has room for.
#[test]
fn the_window_is_a_bound() {
    let text = with_tasks(
        "var a = 1
    var b = 2
    for r in 0..40 {
        a = slow(a & 1023 | 2048)
        for i in 0..150 { b = work(b & 7) }
    }
    print(a + b)",
    );
    let code = compile(&text);
    let (_, expected) = run_in(&code, IN_ORDER, &Page::default(), &text);
    for window in [1, 2, 8, 64] {
        for workers in [1, 2, 3] {
            let configuration = Configuration { workers, window, ..EAGER };
            let options = Options { count: true, ..configuration.options() };
            let (result, page) = run_watched(&code, options, &Page::default(), &text);
            assert_eq!(page, expected, "{configuration:?}");
            let peak = result.stats.workers.iter().map(|worker| worker.peak_flight).max().unwrap_or(0);
            assert!((1..=u64::from(window)).contains(&peak), "{peak} were open in {configuration:?}");
        }
    }
}

#[test]
fn recursion_that_promotes_at_every_level() {
    let text = "
task down(n: Int, inout xs: [Int]) -> Int {
    if n == 0 { return xs.len() }
    if n % 100 == 0 { print(n) }
    xs[n % 7] = n
    let below = down(n - 1, &xs)
    return below + xs[n % 7] % 3
}
task fib(n: Int) -> Int {
    if n < 2 { return n }
    return fib(n - 1) + fib(n - 2)
}
task deep(n: Int) -> Int {
    if n == 0 { return [1, 2][5] }
    return deep(n - 1) + fib(2)
}
fn main() {
    var xs = [Int](7, fill: 0)
    print(fib(13))
    print(down(2000, &xs))
    print(xs)
    print(deep(1000))
}";
    let (code, printed) = agree_on_trap(text);
    assert_eq!(code, TrapCode::IndexOutOfBounds);
    assert_eq!(printed.lines().count(), 23);
    for workers in [1, 2, 8] {
        let (result, _) = run_in(&compile(text), Configuration { workers, ..EAGER }, &Page::default(), text);
        let promoted: u64 = result.stats.workers.iter().map(|worker| worker.promoted).sum();
        // Each call of `fib` that calls, and each level of the others.
        assert!(promoted >= 376 + 2000 + 1000, "{promoted} were promoted on {workers}");
    }
}

#[test]
fn recursion_that_is_too_deep() {
    let text = "
task down(n: Int) -> Int { return 1 + down(n + 1) }
fn main() {
    print(\"in\")
    print(down(0))
}";
    let code = compile(text);
    let limited = |configuration: Configuration| {
        let options = Options { max_depth: 1 << 20, ..configuration.options() };
        let (result, page) = run_watched(&code, options, &Page::default(), text);
        (result.outcome, page.text())
    };
    let expected = limited(IN_ORDER);
    assert!(matches!(&expected.0, Outcome::Trap(trap) if trap.code == TrapCode::RecursionTooDeep));
    for configuration in [EAGER, LAZY, Configuration { workers: 1, ..EAGER }, Configuration { workers: 2, ..EAGER }] {
        assert_eq!(limited(configuration), expected, "{configuration:?}");
    }
}

/// A trap at the bottom of a recursion that forks at each level goes up all of it. Younger work makes more and more meanwhile: it may
/// not lie above what the trap waits for, nor may each level look all the way up.
#[test]
fn a_trap_comes_up_from_below_a_deep_recursion() {
    let text = "
task down(n: Int) -> Int {
    assert(n > 0)
    let a = down(n - 1)
    let b = down(n - 1)
    return a + b
}
fn main() {
    print(\"in\")
    print(down(4000))
}";
    let code = compile(text);
    let run = |configuration: Configuration| {
        let options =
            Options { timeout: Some(Duration::from_secs(60)), max_depth: 64 << 20, ..configuration.options() };
        let (result, page) = run_watched(&code, options, &Page::default(), text);
        (result.outcome, page.text())
    };
    let expected = run(IN_ORDER);
    assert!(matches!(&expected.0, Outcome::Trap(trap) if trap.code == TrapCode::AssertionFailed));
    for workers in [1, 2, 3] {
        for configuration in [Configuration { workers, ..EAGER }, Configuration { workers, ..LAZY }] {
            assert_eq!(run(configuration), expected, "{configuration:?}");
        }
    }
}

/// However often a range is split, each part begins where the range would in order, and so does what it calls.
#[test]
fn depth_in_a_split_range() {
    let text = "
task work(i: Int, depth: Int) -> Int { return down(depth) + i }
fn down(n: Int) -> Int { if n == 0 { return 0 }; return 1 + down(n - 1) }
fn main() {
    let depth = parse_int(args()[0])
    let found = [work(i, depth) for i in 0..400]
    print(sum(x for x in found))
}";
    let code = compile(text);
    let outcome = |depth: i64, configuration: Configuration| {
        let options = Options { max_depth: 1 << 14, ..configuration.options() };
        let page = Page { args: vec![depth.to_string()], ..Page::default() };
        let (result, page) = run_watched(&code, options, &page, text);
        (result.outcome, page.text())
    };
    let (mut low, mut high) = (1, 1000);
    while high - low > 1 {
        let middle = (low + high) / 2;
        match outcome(middle, IN_ORDER).0 {
            Outcome::Done => low = middle,
            _ => high = middle,
        }
    }
    for depth in [low, high] {
        let expected = outcome(depth, IN_ORDER);
        assert_eq!(matches!(expected.0, Outcome::Done), depth == low);
        for configuration in configurations(7) {
            assert_eq!(outcome(depth, configuration), expected, "{configuration:?} at {depth}");
        }
    }
}

#[test]
fn a_chain() {
    let text = "
task step(x: Int) -> Int { return x *% 5 +% 1 }
task turn(inout xs: [Int]) { xs[0] = xs[0] *% 5 +% 1 }
fn main() {
    var x = 1
    for i in 0..30000 { x = step(x) }
    var xs = [x]
    for i in 0..3000 { turn(&xs) }
    for i in 0..3000 { xs[0] = step(xs[0]) }
    var t = 0
    for i in 0..3000 { t = t +% step(t) }
    print(\"{x} {xs} {t}\")
}";
    agree_threaded(text, &Page::default());
}

/// A chain gains nothing out of order: promotions are found to be fruitless, and become rare.
#[test]
fn a_chain_goes_on_in_order() {
    let steps = 4_000_000;
    let text = format!(
        "
task step(x: Int) -> Int {{ return x *% 5 +% 1 }}
fn main() {{
    var x = 1
    for i in 0..{steps} {{ x = step(x) }}
    print(x)
}}"
    );
    let code = compile(&text);
    let (_, expected) = run_in(&code, IN_ORDER, &Page::default(), &text);
    let (result, page) = run_in(&code, Configuration { workers: 2, ..LAZY }, &Page::default(), &text);
    assert_eq!(page, expected);
    let issued: u64 = result.stats.workers.iter().map(|worker| worker.issued).sum();
    let promoted: u64 = result.stats.workers.iter().map(|worker| worker.promoted).sum();
    assert!(promoted > 0 && issued < steps / 10, "{issued} of {steps} steps were issued, of {promoted} promotions");
}

#[test]
fn a_long_built_in_is_squashed() {
    let text = "
task late(n: Int) -> Int {
    var x = 0
    for i in 0..n { x = x *% 31 +% i }
    return n / (x - x)
}
task sorts(inout xs: [Int]) -> Int {
    sort(&xs)
    return xs[xs.len() / 2]
}
fn main() {
    var xs = [i *% 7919 & 1048575 for i in 0..10000000]
    var t = late(6000000)
    t += sorts(&xs)
    print(t)
}";
    let code = compile(text);
    let (expected, _) = run_in(&code, IN_ORDER, &Page::default(), text);
    let sorts = code.program().functions.iter().position(|function| function.name == "sorts").expect("it is there");
    let configurations = [Configuration { workers: 2, ..EAGER }, Configuration { workers: 3, ..EAGER }, LAZY];
    let mut broken_off = 0;
    // Where threads have to wait for a processor, it may have failed before anybody sorts.
    for (attempt, configuration) in configurations.into_iter().cycle().take(60).enumerate() {
        if attempt >= 3 && broken_off > 0 {
            break;
        }
        let (result, page) = run_in(&code, Configuration { record: true, ..configuration }, &Page::default(), text);
        assert_eq!(result.outcome, expected.outcome, "{configuration:?}");
        assert_eq!(page.text(), "");
        // What has begun to sort does not get to its end, unless whoever fails is without a processor.
        let events = result.record.expect("it was asked for").events;
        let entry = events.iter().find_map(|event| match &event.what {
            What::Issued(issued) if issued.kind == Kind::Call(sorts as u32) => Some(issued.entry),
            _ => None,
        });
        let Some(entry) = entry else { continue };
        let has_begun = events.iter().position(|event| event.what == What::Started(entry));
        let has_failed = events.iter().position(|event| matches!(event.what, What::Completed(_, Ending::Failed)));
        if has_begun < has_failed {
            let is_squashed = |event: &Event| event.what == What::Completed(entry, Ending::Squashed);
            broken_off += u32::from(events.iter().any(is_squashed));
        }
    }
    assert!(broken_off > 0, "no sort was broken off");
}

#[test]
fn exit_in_a_task() {
    let text = with_tasks(
        "for i in 0..30 {
        say(i)
        if i == 17 { leave(i) }
        for_ever(if i < 17 { -1 } else { 2 })
    }",
    ) + "
task leave(n: Int) -> Int {
    var x = n
    for i in 0..300000 { x = x *% 31 +% i }
    print(\"leaves\")
    exit(n + x - x)
}";
    let (outcome, page) = agree_threaded(&text, &Page::default());
    assert_eq!(outcome, Outcome::Exit(17));
    assert_eq!(page.text().lines().count(), 19);
}

#[test]
fn the_clock_is_a_fence() {
    let text = "
task note(n: Int) -> Int {
    var x = n
    for i in 0..(n & 7) * 400 { x = x *% 31 +% i }
    append_file(\"notes\", \"{n} \")
    return x & 7
}
task tick(n: Int) -> Float { return clock() + Float(n) }
fn deep(n: Int) -> Float { return if n == 0 { tick(n) } else { deep(n - 1) } }
task quiet(n: Int) -> Int { return n + 1 }
fn main() {
    var t = 0
    for i in 0..12 {
        t += note(i) + quiet(i)
        if i % 3 == 0 { print(tick(i)) }
        if i % 4 == 1 { print(deep(i)) }
        t += note(i + 1)
        if i % 5 == 2 { print(clock()) }
    }
    print(t)
}";
    let (_, page) = agree_on(text, &Page::default(), 3);
    assert_eq!(page.at_ticks.len(), 9);
    assert!(page.at_ticks.is_sorted());
}

/// What the record of a run says of calls that read the clock, however deep: all that is older in their frame has completed when they
/// begin, and nothing younger is issued before they have completed. How many there were in promoted frames.
fn fences(record: &Record, text: &str) -> usize {
    let mut open: HashMap<u32, BTreeSet<u32>> = HashMap::new();
    let mut fences: BTreeSet<EntryId> = BTreeSet::new();
    let mut found = 0;
    for event in &record.events {
        match &event.what {
            What::Issued(issued) => {
                let EntryId { frame, number } = issued.entry;
                let open = open.entry(frame).or_default();
                let fence = open.iter().find(|&&older| fences.contains(&EntryId { frame, number: older }));
                assert_eq!(fence, None, "{:?} was issued while a fence was in flight\n{text}", issued.entry);
                open.insert(number);
                if issued.is_fence {
                    fences.insert(issued.entry);
                    found += 1;
                }
            }
            What::Started(entry) if fences.contains(entry) => {
                let open = &open[&entry.frame];
                assert_eq!(open.iter().collect::<Vec<_>>(), [&entry.number], "in flight with a fence\n{text}");
            }
            What::Completed(entry, _) => _ = open.entry(entry.frame).or_default().remove(&entry.number),
            _ => {}
        }
    }
    found
}

/// The clock is read three calls below the one that is issued, between work that touches nothing that the others do.
#[test]
fn nothing_younger_is_issued_before_a_deep_look_at_the_clock() {
    let text = with_tasks(
        "var t = 0
    for i in 0..40 {
        t += work(i) + slow(i * 100)
        if i % 5 == 0 { print(outer(i)) }
        t += work(i + 1) + slow(i * 50)
    }
    print(t)",
    ) + "
fn look(n: Int) -> Float { return if n == 0 { clock() } else { look(n - 1) } }
task inner(n: Int) -> Float { return look(n & 3) }
task outer(n: Int) -> Float {
    let before = work(n)
    let now = inner(n)
    let after = work(n + before)
    return now + Float(after - after)
}";
    let code = compile(&text);
    let (_, expected) = run_in(&code, IN_ORDER, &Page::default(), &text);
    assert_eq!(expected.ticks, 8);
    for configuration in [EAGER, Configuration { workers: 2, ..EAGER }, Configuration { window: 2, ..EAGER }] {
        let options = Options { record: true, ..configuration.options() };
        let (result, page) = run_watched(&code, options, &Page::default(), &text);
        assert_eq!(page, expected, "{configuration:?}");
        let record = result.record.expect("it was asked for");
        assert!(!record.is_cut());
        assert!(fences(&record, &text) >= 8, "few of the looks were issued");
    }
}

#[test]
fn eager_on_one_worker_starves_nobody() {
    let text = with_tasks(
        "var t = 0
    for i in 0..300 { t += work(i) + say(i) }
    let a = slow(1000000)
    for i in 0..10 { t += slow(100000 + i) }
    print(t + a)",
    );
    let code = compile(&text);
    let (_, expected) = run_in(&code, IN_ORDER, &Page::default(), &text);
    for window in [1, 2, 64] {
        let configuration = Configuration { workers: 1, window, ..EAGER };
        assert_eq!(run_in(&code, configuration, &Page::default(), &text).1, expected);
    }
}

/// Younger work that never ends is ready when older work still waits for its arguments, or its turn.
#[test]
fn eager_on_one_worker_ends_what_is_before_endless_work() {
    let endless = "for i in 0..20 { t += for_ever(i & -2) }\n    print(t)";
    let older = [
        ("its argument", "var t = fails_at(slow(slow(300000) + 300000) & 0 | 3, 3)"),
        ("one of many", "var t = 0\n    for i in 0..50 { t += work(i) + fails_at(slow(i * 1000) & 0 | i, 49) }"),
        (
            "what it adds to",
            "var xs = [1, 2]\n    later(&xs, 300000)\n    later(&xs, 300000)\n    var t = xs[later(&xs, 1) | 2]",
        ),
        ("its turn", "print(\"first\")\n    var t = slow(300000)\n    quit(t & 0 | 7)"),
        ("its turn behind another", "var t = slow(300000)\n    t += say(slow(t + 300000))\n    quit(9)"),
    ];
    for (what, older) in older {
        let text = with_tasks(&format!("{older}\n    {endless}"))
            + "task quit(code: Int) { exit(code) }
task later(inout xs: [Int], n: Int) -> Int {
    var x = n
    for i in 0..n { x = x *% 31 +% i }
    xs[0] = x & 255
    return x & 255
}
";
        let code = compile(&text);
        let (result, printed) = run_in(&code, IN_ORDER, &Page::default(), &text);
        assert!(matches!(result.outcome, Outcome::Trap(_) | Outcome::Exit(_)), "{what}: {:?}", result.outcome);
        for (window, seed) in [(1, None), (2, None), (64, None), (64, Some(1))] {
            let configuration = Configuration { workers: 1, window, seed, ..EAGER };
            let (found, page) = run_in(&code, configuration, &Page::default(), &text);
            assert_eq!((found.outcome, page), (result.outcome.clone(), printed.clone()), "{what}: {configuration:?}");
        }
    }
    // What is printed ends the run.
    let text = with_tasks(&format!("var t = slow(300000)\n    t += say(slow(t + 300000))\n    {endless}"));
    let code = compile(&text);
    for window in [1, 2, 64] {
        let options = Configuration { workers: 1, window, ..EAGER }.options();
        let options = Options { timeout: Some(Duration::from_secs(10)), ..options };
        let result = embed::run(&code, &options, &mut Prompt(options.interrupt.clone()));
        assert_eq!(result.outcome, Outcome::Stop(Stop::Interrupted), "{window}");
    }
}

/// Programs in which views in flight, owners, moves, copies and new versions meet. Each `main` runs after the same tasks, several
/// times over.
const MEETINGS: &[(&str, &str)] = &[
    ("a view in flight, and its source is copied", "set(&a[0..5], i)\nlet b = a\nprint(b)\nset(&a[2..9], i)"),
    ("a copy, and then the source is written in flight", "let b = a\nset(&a[0..5], i)\nt += total(b)\nprint(a[4])"),
    (
        "a copy is written while the source is read",
        "t += total(a)\nvar b = a\nset(&b, i)\nb[1] = t & 7\nprint(b)\na[0] = i",
    ),
    (
        "the source is replaced",
        "t += total(a)\na = make(i)\nt += total(a)\nset(&a, 3)\na = [1, 2, 3, 4, 5, 6, 7, 8, 9]",
    ),
    ("the source is replaced while it is written", "set(&a, i)\na = make(i)\nset(&a[1..3], i)\na = make(i + 1)"),
    ("the source is resized", "t += total(a[1..4])\na.push(i)\nset(&a[0..2], i)\na.push(i)\na.pop()\na.pop()"),
    ("the source is moved", "t += total(a)\nvar b = a\na = make(i)\nset(&b, i)\nt += total(b)\nt += total(a)"),
    ("the source is moved to a field", "set(&a, i)\np.xs = a\na = make(i)\nset(&p.xs, 1)\nt += total(p.xs)"),
    ("the source is dropped", "if i > 0 {\nlet b = make(i)\nt += total(b)\n}\nvar c = make(i + 1)\nset(&c, i)"),
    ("the source is dropped by a branch", "var c = make(i)\nset(&c[1..4], i)\nif i % 2 == 0 { continue }\nprint(c)"),
    ("a result that is not used", "make(i)\nset(&a, i)\nkeep(a)\nset(&a, i)"),
    ("a task shares what it was passed", "var b = keep(a)\nset(&a, i)\nset(&b[0..3], i)\nprint(b)\nt += total(b)"),
    (
        "a task shares what it was passed in a struct",
        "p = pack(a, i)\nset(&a, i)\nset(&p.xs, 2)\nt += total(p.xs) + total(a)",
    ),
    ("a task shares what is replaced", "var b = keep(a)\na = make(i)\nset(&b, i)\na = keep(b)\nb[0] = 1\nprint(a[0])"),
    (
        "a shared value is resized in flight",
        "let b = a\ngrow(&a, i)\nt += total(b)\na[0] = i\nt += total(a)\na.truncate(9)",
    ),
    (
        "an element of a nested array",
        "set(&m[1], i)\nt += total(m[0])\nm[0] = m[1]\nset(&m[0], i)\nset(&m[2][1..3], i)",
    ),
    (
        "what is moved is in flight in two parts",
        "var b = make(i)\nlate(&b[0..4], i)\nset(&b[4..], 1)\nm[i % 3] = b\nt += sum_rows(m)",
    ),
    ("a nested array is pushed to", "set(&m[1], i)\nm.push(a)\nset(&m[m.len() - 1], i)\nt += total(a)\nm.pop()"),
    ("a row is moved out", "var row = m[1]\nset(&m[1], i)\nset(&row, 2)\nm[2] = row\nt += total(m[1]) + total(row)"),
    ("a nested array is copied", "let n = m\nset(&m[i % 3], i)\nt += total(n[i % 3])\nall(&m)\nt += total(n[0])"),
    ("a nested array is replaced", "all(&m)\nm[1] = make(i)\nall(&m)\nm = [a, a, m[1]]\nset(&m[0], i)"),
    ("a nested array is shared by a task", "let n = keep_rows(m)\nall(&m)\nt += total(n[1])\nset(&m[1], i)"),
    (
        "rows of one buffer",
        "m[0] = a\nm[1] = a\nm[2] = a\nset(&m[0], i)\nset(&m[1], i + 1)\nt += total(a) - total(m[2])",
    ),
    ("a field while its struct is read", "t += weigh(p)\nset(&p.xs, i)\np.n = work(i)\nt += weigh(p)\np.xs.push(1)"),
    ("a struct is copied", "let q = p\nset(&p.xs, i)\nt += weigh(q)\np = q\nset(&p.xs, i + 1)"),
    (
        "a struct's parts",
        "age(&p, i)\nset(&p.xs[0..2], i)\np.n += work(i)\nage(&p, i)\nlet q = p\np.xs = make(i)\nt += weigh(q)",
    ),
    (
        "structs in an array",
        "age(&ps[0], i)\nage(&ps[1], i)\nps[2] = ps[0]\nset(&ps[2].xs, i)\nt += weigh(ps[i % 3])\nps[1].n += 2",
    ),
    (
        "an array of structs is moved",
        "age(&ps[0], i)\nlet qs = ps\nps[0] = pack(a, i)\nage(&ps[1], i)\nt += weigh(qs[1])",
    ),
    (
        "tiles",
        "tint(&g[0..2, 0..2], i)\ntint(&g[2..4, 0..2], i)\ntint(&g[1..3, 1..3], i)\nset(&g[3, ..], i)\nt += g[2, 2]",
    ),
    ("a grid is copied", "let h = g\ntint(&g[.., 1..2], i)\nt += h[1, 1]\nset(&g[0, 1..], i)\nprint(h[0, 2])"),
    (
        "a grid is replaced",
        "tint(&g, i)\ng = Grid[Int](4, 4, fill: i)\nset(&g[1, ..], i)\nlet h = g\ng[0, 0] = work(i)\nt += h[0, 0]",
    ),
    (
        "elements are stored in flight",
        "a[i % 5] = work(i)\nt += a[i % 5]\na[i % 4] = work(i + 1)\na[1] += work(i)\nset(&a[0..3], i)",
    ),
    (
        "a result is stored and its place replaced",
        "a[2] = work(i)\na = make(i)\na[3] = work(i)\nlet b = a\na[3] = 0\nt += b[3]",
    ),
    (
        "a result is stored into what is shared",
        "let b = a\na[2] = work(i)\na[3] = work(i + 1)\nt += total(b)\nprint(a[2])",
    ),
    ("a text in flight", "s += label(i)\nlet u = s\ns = s + label(i + 1)\nprint(u)\nif s.len() > 20 { s = \"\" }"),
    ("texts in a struct", "p.name = label(i)\nlet q = p\np.name += label(i)\nprint(q.name)\nage(&p, i)"),
    (
        "built-ins on what is in flight",
        "set(&a, i)\nsort(&a)\nset(&a[0..4], i)\nreverse(&a)\nt += total(a)\nfill(&a[0..2], 4)",
    ),
    ("a built-in copies what is read", "t += total(a)\nvar b = a\nsort(&b)\na[0] = b[1]\nt += total(b)\nreverse(&b)"),
    ("a loop over what is written", "set(&a, i)\nfor x in a { t += work(x)\n a[0] = t & 7 }\nset(&a, i)"),
    ("a loop over a copy", "for row in m { t += total(row)\n m[0] = row\n set(&m[0], t & 7) }"),
    (
        "one value in several places",
        "m = [a, a, a]\nps[0].xs = a\nset(&a, i)\nset(&m[1], i)\nset(&ps[0].xs, i)\nt += total(m[0])",
    ),
    (
        "a value goes round",
        "let old = a\na = m[0]\nm[0] = m[1]\nm[1] = m[2]\nm[2] = old\nset(&m[i % 3], i)\nt += total(a)",
    ),
    ("inout scalars", "bump(&t, i)\nbump(&a[0], i)\nbump(&p.n, i)\nbump(&g[1, 1], i)\nt += a[0] + p.n\nbump(&t, a[1])"),
    (
        "a task that replaces",
        "renew(&a, i)\nt += total(a)\nlet b = a\nrenew(&a, i + 1)\nset(&a, i)\nt += total(b)\nrenew(&m[1], i)",
    ),
    (
        "a pending owner is moved and dropped",
        "var b = make(i)\nb = make(i + 1)\nlet c = b\nb = make(i + 2)\nt += total(c)\nm[1] = b",
    ),
    (
        "a pending owner is an element",
        "m[0] = make(i)\nm[1] = keep(m[0])\nt += total(m[1])\nps[1].xs = keep(m[1])\nset(&m[1], i)",
    ),
    ("a pending struct", "let q = pack(a, i)\np = q\nset(&p.xs, i)\nt += q.n + weigh(q)\np.n = q.n"),
];

const MEETERS: &str = "
struct P { n: Int, xs: [Int], name: Str }
fn spin(n: Int) -> Int {
    var x = n
    for i in 0..(n & 63) { x = x *% 31 +% i }
    return x & 1023
}
task work(n: Int) -> Int { return spin(n) & 31 }
task label(n: Int) -> Str { return \"<{spin(n) & 15}>\" }
task set(inout xs: [Int], k: Int) {
    let more = spin(k)
    for j in 0..xs.len() { xs[j] = (xs[j] *% 3 +% k + more) & 255 }
}
task total(xs: [Int]) -> Int {
    var t = spin(xs.len())
    for x in xs { t = t *% 3 +% x & 65535 }
    return t
}
task make(n: Int) -> [Int] { return [spin(n + j) & 63 for j in 0..9] }
task keep(xs: [Int]) -> [Int] { return if spin(xs[0]) >= 0 { xs } else { [] } }
task keep_rows(m: [[Int]]) -> [[Int]] { return if spin(m.len()) >= 0 { m } else { [] } }
task sum_rows(m: [[Int]]) -> Int { return sum(sum(x for x in xs) for xs in m) }
task late(inout xs: [Int], k: Int) { for j in 0..50 { set(&xs, spin(k + j) & 63) } }
task all(inout m: [[Int]]) { for j in 0..m.len() { set(&m[j], j) } }
task grow(inout xs: [Int], k: Int) { xs.push(spin(k)) }
task renew(inout xs: [Int], k: Int) { xs = [Int](9, fill: spin(k) & 7) }
task bump(inout n: Int, k: Int) { n = (n + spin(k)) & 255 }
task tint(inout g: Grid[Int], k: Int) {
    for r in 0..g.rows() { for c in 0..g.cols() { g[r, c] = (g[r, c] * 3 + spin(k)) & 255 } }
}
task pack(xs: [Int], n: Int) -> P { return P(n: spin(n), xs: xs, name: label(n)) }
task weigh(p: P) -> Int { return p.n + total(p.xs) + p.name.len() }
task age(inout p: P, k: Int) {
    p.n = (p.n + spin(k)) & 255
    set(&p.xs, k)
    p.name = label(k)
}
";

/// Runs a program in all configurations; whether something in it met something in flight.
fn meets(text: &str) -> bool {
    let (code, page) = (compile(text), Page::default());
    let (result, found) = run_in(&code, IN_ORDER, &page, text);
    let expected = (result.outcome, found);
    let mut seen = Seen::default();
    for configuration in (0..3).flat_map(configurations) {
        if let Some(why) = difference(text, &code, &page, &expected, configuration, &mut seen) {
            panic!("{why}\n{text}");
        }
    }
    let hazards = ["slice", "element", "tile", "field", "whole", "register", "renamed"];
    hazards.iter().any(|hazard| seen.counts.get(hazard).is_some_and(|&count| count > 0))
}

#[test]
fn uniqueness_views_moves_copies_and_versions_meet() {
    let mut failed = Vec::new();
    for (name, body) in MEETINGS {
        let text = format!(
            "{MEETERS}
fn main() {{
    var t = 0
    var s = \"\"
    var a = make(1)
    var m = [make(2), make(3), make(4)]
    var p = pack(a, 3)
    var ps = [pack(a, 4), pack(make(5), 5), pack(m[0], 6)]
    var g = Grid[Int](4, 4, fill: 1)
    for i in 0..12 {{
{body}
    }}
    print(t)
    print(s)
    print(a)
    print(m)
    print(p)
    print(ps)
    print(g)
}}"
        );
        match std::panic::catch_unwind(|| meets(&text)) {
            Ok(true) => {}
            Ok(false) => failed.push(format!("{name}: nothing met anything in flight")),
            Err(why) => {
                let why = why.downcast_ref::<String>().cloned().unwrap_or_default();
                failed.push(format!("{name}: {}", &why[..why.len().min(1500)]));
            }
        }
    }
    assert!(failed.is_empty(), "{} fail:\n{}", failed.len(), failed.join("\n\n"));
}

/// A view of no elements uses nothing of its grid, which may be gone when somebody makes a grid of it.
#[test]
fn a_grid_that_is_gone_is_not_looked_at_through_a_view_of_nothing() {
    let text = "
task work(n: Int) -> Int {
    var s = n
    for i in 0..n { s = (s *% 31 +% i) & 1023 }
    return s
}
task copy(g: Grid[Int], n: Int) -> Int {
    let s = work(n)
    let h = g
    return s % 2 + h.cols() + h.rows()
}
fn main() {
    var total = 0
    for k in 0..60 {
        let g = Grid[Int](300, 300, fill: k)
        total += copy(g[0..0, 0..5], 4000)
    }
    print(total)
}";
    for _ in 0..4 {
        agree_threaded(text, &Page::default());
    }
}
