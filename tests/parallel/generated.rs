//! Generated programs, and whether they reach everything there is to reach.

use std::io::{Read, Seek};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::harness::{
    Configuration, Page, Seen, compile, difference, in_order, run_in, shrink, simulated, some_configurations,
    try_compile,
};
use super::{generate, tasks};
use tgvm::machine::Issue;
use tgvm::machine::code::Code;
use tgvm::machine::engine::Options;
use tgvm::machine::record::Hazard;
use tgvm::observe::check::{Violation, check as check_schedule};
use tgvm::observe::trace::{Violation::Race, check as check_trace};

/// Steps in order of a generated program, at most.
const STEPS: u64 = 400_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// The program of a seed: one of two generators', of a length that differs.
fn program(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33
    };
    let length = 60 + next() as usize % 700;
    let choices: Vec<u8> = (0..length).map(|_| next() as u8).collect();
    match seed % 8 {
        0 => generate::program(&choices, generate::Mix::Even),
        1 | 2 => generate::program(&choices, generate::Mix::Tasks),
        _ => tasks::program(&choices),
    }
}

/// What became of the programs.
#[derive(Default)]
struct Tally {
    seen: Seen,
    refused: u64,
    reasons: std::collections::BTreeMap<String, u64>,
    long: u64,
    trapped: u64,
    first_refused: Option<String>,
}

/// What there is for a program.
fn page() -> Page {
    Page {
        args: vec!["one".into(), "two".into()],
        files: [("notes".to_owned(), b"0 ".to_vec())].into(),
        lines: (0..9).map(|n| format!("line {n}")).collect(),
        ..Page::default()
    }
}

/// Runs the program of a seed in some configurations.
fn check(seed: u64, tally: &mut Tally) {
    let text = program(seed);
    let compiled = std::panic::catch_unwind(|| try_compile(&text)).unwrap_or_else(|_| {
        let fails = |candidate: &str| std::panic::catch_unwind(|| try_compile(candidate)).is_err();
        panic!("seed {seed}: the compiler panics\n{}\n", shrink(&text, fails));
    });
    let code = match compiled {
        Ok(code) => code,
        Err(why) => {
            tally.refused += 1;
            *tally.reasons.entry(why.lines().next().unwrap_or_default().chars().take(60).collect()).or_default() += 1;
            tally.first_refused.get_or_insert_with(|| format!("{why}\n{text}"));
            return;
        }
    };
    let page = page();
    let about = format!("seed {seed}\n{text}");
    let Some(expected) = in_order(&code, &page, STEPS, &about) else {
        tally.long += 1;
        return;
    };
    tally.trapped += u64::from(!matches!(expected.0, tgvm::machine::engine::Outcome::Done));
    for configuration in some_configurations(seed as usize) {
        if let Some(why) = difference(&about, &code, &page, &expected, configuration, &mut tally.seen) {
            let smallest = std::env::var_os("TGVM_SHRINK").map(|_| {
                shrink(&text, |candidate| {
                    let Ok(code) = try_compile(candidate) else { return false };
                    let Some(expected) = in_order(&code, &page, STEPS, candidate) else { return false };
                    (0..150).any(|_| {
                        let seen = &mut Seen::default();
                        difference(candidate, &code, &page, &expected, configuration, seen).is_some()
                    })
                })
            });
            panic!("seed {seed}\n{why}\n{}\n", smallest.unwrap_or(text));
        }
    }
}

/// `TGVM_CASES` says how many, `TGVM_SEED` from which seed on. With `TGVM_SHRINK` set the program of a failure is made smaller
/// first.
#[test]
fn generated_programs_do_the_same_out_of_order() {
    let cases = number("TGVM_CASES").unwrap_or(1200);
    let first = number("TGVM_SEED").unwrap_or(1);
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for part in 0..2 {
            let total = &total;
            scope.spawn(move || {
                let mut tally = Tally::default();
                for seed in (first..first + cases).filter(|seed| seed % 2 == part) {
                    check(seed, &mut tally);
                }
                let mut total = total.lock().expect("no test panics with it");
                total.seen.merge(&tally.seen);
                total.refused += tally.refused;
                total.long += tally.long;
                for (why, count) in tally.reasons {
                    *total.reasons.entry(why).or_default() += count;
                }
                total.trapped += tally.trapped;
                if let Some(first) = tally.first_refused {
                    total.first_refused.get_or_insert(first);
                }
            });
        }
    });
    let total = total.into_inner().expect("no test panics with it");
    let Tally { seen, refused, reasons, long, trapped, first_refused } = total;
    if std::env::var_os("TGVM_CASES").is_some() {
        reasons.iter().filter(|(_, count)| **count > 2).for_each(|(why, count)| eprintln!("{count:6} {why}"));
    }
    eprintln!("{refused} refused, {long} too long, {trapped} trapped of {cases}; {seen:?}");
    let first = first_refused.unwrap_or_default();
    assert!(refused <= cases / 3, "{refused} of {cases} are refused, as\n{first}");
    assert!(long <= cases / 8, "{long} of {cases} take too long");
    assert!(trapped <= cases * 2 / 3, "{trapped} of {cases} trap");
    if cases >= 500 {
        let done = ["issued", "promoted", "stolen", "parked", "renamed", "squashed", "drain"];
        let met = ["register", "slice", "element", "tile", "field", "whole", "effect"];
        let stalled = ["stalled by a register", "stalled by a region", "stalled by an effect", "stalled by the window"];
        let traced = ["traced RAW", "traced WAR", "traced WAW", "traced elements"];
        for name in done.into_iter().chain(met).chain(stalled).chain(traced) {
            assert!(seen.counts.get(name).is_some_and(|&count| count > 0), "nothing was counted as {name}: {seen:?}");
        }
    }
    if cases >= 1200 {
        // Every task has run beside another, but for what nothing may run beside, and so have parts of loops in them.
        let tasks = tasks::ITEMS.iter().filter(|(name, text)| text.starts_with("task") && *name != "tick");
        let loops = ["main", "gather", "collect", "spread", "paint", "stripes", "divide", "scale", "norm"];
        let loops = loops.map(|name| format!("a loop of {name}"));
        for name in tasks.map(|(name, _)| name.to_string()).chain(loops) {
            assert!(seen.beside.contains_key(&name), "{name} never ran beside anything: {seen:?}");
        }
    }
}

/// One program in one file, again and again: `TGVM_FILE=p.tg TGVM_CASES=1000 cargo test --test parallel one_file`.
#[test]
fn one_file() {
    let Some(path) = std::env::var_os("TGVM_FILE") else { return };
    let text = std::fs::read_to_string(path).expect("the file can be read");
    let code = compile(&text);
    let page = Page::default();
    let (result, found) = run_in(&code, super::harness::IN_ORDER, &page, &text);
    let expected = (result.outcome, found);
    let mut seen = Seen::default();
    for turn in 0..number("TGVM_CASES").unwrap_or(100) {
        for configuration in super::harness::configurations(turn as usize) {
            if let Some(why) = difference(&text, &code, &page, &expected, configuration, &mut seen) {
                panic!("{why}\n{text}");
            }
        }
    }
}

/// All that happens in a simulated run, and when, is the same again: in new code, and in code that has run before.
#[test]
fn a_seed_repeats_exactly() {
    let mut issued = 0;
    for seed in 1..60 {
        let text = program(seed);
        let Ok(code) = try_compile(&text) else { continue };
        let page = Page { args: vec!["one".into(), "two".into()], ..Page::default() };
        if in_order(&code, &page, STEPS / 8, &text).is_none() {
            continue;
        }
        let configuration = Configuration { record: true, ..simulated(seed) };
        let record =
            |code: &Arc<Code>| run_in(code, configuration, &page, &text).0.record.expect("it was asked for").events;
        let first = record(&code);
        assert!(first == record(&compile(&text)), "{configuration:?} in new code\n{text}");
        if configuration.issue == Issue::Eager {
            assert!(first == record(&code), "{configuration:?} once more\n{text}");
        }
        issued += first.len();
    }
    assert!(issued > 10_000, "{issued}");
}

/// The rules of the scoreboard, and who notices in the generated set that one is left out: the schedule checker, the comparison with what
/// happens in order, and the trace of reads and writes, if the rule is about these.
const RULES: [(Hazard, &str); 6] = [
    (Hazard::Register, "register"),
    (Hazard::ReadAfterWrite, "read after write"),
    (Hazard::WriteAfterRead, "write after read"),
    (Hazard::WriteAfterWrite, "write after write"),
    (Hazard::Effect, "effect"),
    (Hazard::Fence, "fence"),
];

/// Programs of the set that are tried for each rule, and in one process.
const TRIED: u64 = 1200;
const AT_ONCE: u64 = 50;

/// What is said of a seed before it is tried, and of those who noticed.
const TRIES: &str = "tries";
const CHECKER: &str = "the checker notices";
const COMPARISON: &str = "the comparison notices";
const TRACE: &str = "the trace notices";

/// A machine that leaves out a rule may use memory that it has given back: so each try is another process, which may end in any way.
#[test]
fn each_rule_that_is_left_out_is_noticed_in_the_generated_set() {
    for (_, rule) in RULES {
        let (mut checker, mut comparison, mut first) = (false, false, 1);
        let mut trace = !rule.contains("after");
        while !(checker && comparison && trace) {
            let noticed = format!("{CHECKER}: {checker}; {COMPARISON}: {comparison}; {TRACE}: {trace}");
            assert!(first <= TRIED, "without the rule {rule}: {noticed}");
            let mut said = tempfile::tempfile().expect("there is room for a file");
            let mut child = Command::new(std::env::current_exe().expect("this is a program"))
                .args(["generated::without_a_rule", "--exact", "--nocapture"])
                .env("TGVM_LEAVE_OUT", format!("{rule},{first}"))
                .stdout(said.try_clone().expect("it can be shared"))
                .stderr(Stdio::null())
                .spawn()
                .expect("it ran just now");
            for _ in 0..1000 {
                if child.try_wait().expect("it is a child").is_some() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = child.kill();
            child.wait().expect("it is a child");
            let mut text = String::new();
            said.rewind().and_then(|()| said.read_to_string(&mut text)).expect("it can be read");
            checker |= text.contains(CHECKER);
            comparison |= text.contains(COMPARISON);
            trace |= text.contains(TRACE);
            let last = text.lines().rev().find_map(|line| line.strip_prefix(TRIES)?.trim().parse::<u64>().ok());
            first = last.map_or(first + AT_ONCE, |last| last + 1);
        }
    }
}

/// Tries programs without a rule: part of the test above, which says of which and from which seed on.
#[test]
fn without_a_rule() {
    let Ok(what) = std::env::var("TGVM_LEAVE_OUT") else { return };
    let (name, first) = what.split_once(',').expect("a rule and a seed");
    let rule = RULES.iter().find(|(_, rule)| *rule == name).expect("there is such a rule").0;
    let first: u64 = first.parse().expect("it is a number");
    for seed in first..first + AT_ONCE {
        println!("{TRIES} {seed}");
        let text = program(seed);
        let Ok(code) = try_compile(&text) else { continue };
        let Some(expected) = in_order(&code, &page(), STEPS, &text) else { continue };
        let alone = Configuration { issue: Issue::Eager, record: true, ..super::harness::IN_ORDER };
        for configuration in [alone, Configuration { issue: Issue::Eager, record: true, ..simulated(seed) }] {
            let options = Options { leave_out: Some(rule), trace: true, ..configuration.options() };
            let mut found = page();
            let result = tgvm::embed::run(&code, &options, &mut found);
            let record = result.record.expect("it was asked for");
            if matches!(check_schedule(&record), Err(wrong) if !matches!(wrong, Violation::Cut(_))) {
                println!("{CHECKER}");
            }
            if matches!(check_trace(&record), Err(Race { .. })) {
                println!("{TRACE}");
            }
            if (result.outcome, found) != expected {
                println!("{COMPARISON}");
            }
        }
    }
}
