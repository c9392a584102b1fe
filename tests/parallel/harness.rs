//! Runs a program in many configurations and compares. A run that does not end is interrupted, and is a failure that shows the
//! program and the configuration; if not even that ends it, the process is aborted with the same message.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::time::Duration;

use tgvm::bytecode::program::Program;
use tgvm::bytecode::trap::TrapCode;
use tgvm::embed::{self, Module};
use tgvm::machine::Issue;
use tgvm::machine::code::Code;
use tgvm::machine::engine::{Options, Outcome, RunResult, WorkerStats};
use tgvm::machine::host_call::{Stream, World};
use tgvm::machine::interrupt::Interrupt;
use tgvm::machine::record::{Carrier, EntryId, Kind, Record, What};
use tgvm::machine::trap::Fault;
use tgvm::observe::check::check;
use tgvm::observe::trace;
use tgvm::syntax::span::Source;

/// How often the watchdog looks, and how often before a run has taken too long. Looks are counted and not seconds, so that one who stops all of
/// the process for a while fails nothing.
const LOOK: Duration = Duration::from_millis(50);
const PATIENCE: u32 = 400;

/// A world of its own for each run: what is printed, on which stream, arguments, files, and a clock that counts how often it
/// was looked at.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Page {
    pub printed: Vec<u8>,
    /// Where standard error begins and ends.
    pub errors: Vec<(usize, usize)>,
    pub args: Vec<String>,
    pub files: BTreeMap<String, Vec<u8>>,
    pub lines: Vec<String>,
    pub ticks: u64,
    /// How many bytes had been printed and were in files whenever the clock was looked at.
    pub at_ticks: Vec<usize>,
}

impl Page {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.printed).into_owned()
    }
}

impl World for Page {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        let start = self.printed.len();
        self.printed.extend_from_slice(bytes);
        if stream == Stream::Error && !bytes.is_empty() {
            match self.errors.last_mut() {
                Some((_, end)) if *end == start => *end = self.printed.len(),
                _ => self.errors.push((start, self.printed.len())),
            }
        }
        Ok(())
    }
    fn args(&mut self) -> Result<Vec<String>, Fault> {
        Ok(self.args.clone())
    }
    fn read_line(&mut self, _: u64) -> Result<Option<Vec<u8>>, Fault> {
        Ok((!self.lines.is_empty()).then(|| format!("{}\n", self.lines.remove(0)).into_bytes()))
    }
    fn read_file(&mut self, path: &str, _: u64) -> Result<Vec<u8>, Fault> {
        self.files.get(path).cloned().ok_or_else(|| Fault::trap(TrapCode::File, path))
    }
    fn file_exists(&mut self, path: &str) -> Result<bool, Fault> {
        Ok(self.files.contains_key(path))
    }
    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.files.insert(path.into(), bytes.into());
        Ok(())
    }
    fn append_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.files.entry(path.into()).or_default().extend_from_slice(bytes);
        Ok(())
    }
    fn clock(&mut self) -> Result<f64, Fault> {
        self.ticks += 1;
        self.at_ticks.push(self.printed.len() + self.files.values().map(Vec::len).sum::<usize>());
        Ok(self.ticks as f64)
    }
}

/// A way to run a program out of order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Configuration {
    pub issue: Issue,
    pub workers: usize,
    pub window: u32,
    /// Workers take turns as that seed says.
    pub seed: Option<u64>,
    /// Whether the schedule is recorded, and checked.
    pub record: bool,
}

impl Configuration {
    pub fn options(self) -> Options {
        let Configuration { issue, workers, window, seed, record } = self;
        // Endless recursion ends soon.
        Options { issue, workers, window, seed, record, max_depth: 1 << 19, ..Options::default() }
    }
}

/// In order, which is what the others are compared with.
pub const IN_ORDER: Configuration =
    Configuration { issue: Issue::InOrder, workers: 1, window: 64, seed: None, record: false };

/// Every configuration with threads.
pub fn threaded() -> Vec<Configuration> {
    let mut all = Vec::new();
    for workers in [2, 8, 1, 3] {
        for window in [64, 2, 1] {
            for issue in [Issue::Eager, Issue::Lazy] {
                // One worker runs in order unless it is eager, whatever the window.
                if issue == Issue::Eager || workers > 1 || window == 64 {
                    all.push(Configuration { issue, workers, window, ..IN_ORDER });
                }
            }
        }
    }
    all
}

/// A simulated configuration, another one for each seed.
pub fn simulated(seed: u64) -> Configuration {
    Configuration {
        issue: [Issue::Eager, Issue::Eager, Issue::Lazy][seed as usize % 3],
        workers: [2, 3, 8, 2][seed as usize / 3 % 4],
        window: [64, 2, 64, 1, 16][seed as usize % 5],
        seed: Some(seed),
        record: false,
    }
}

/// Every configuration, and some that are simulated, which rotate with `turn`. Half of those, and one with threads, are recorded.
pub fn configurations(turn: usize) -> Vec<Configuration> {
    let mut all = threaded();
    all.push(Configuration { record: true, ..all[turn % all.len()] });
    all.extend((0..4).map(|i| Configuration { record: i % 2 == 1, ..simulated(turn as u64 * 4 + i) }));
    all
}

/// A few of them, which rotate with `turn`: eager ones and lazy ones, with few and many workers. Two are recorded.
pub fn some_configurations(turn: usize) -> Vec<Configuration> {
    let all = threaded();
    let mut some: Vec<_> = (0..5).map(|i| all[(turn * 5 + i * 4) % all.len()]).collect();
    some[turn % 5].record = true;
    some.extend([0, 1].map(|i| Configuration { record: i == 1, ..simulated(turn as u64 * 2 + i) }));
    some
}

/// Compiles; what is wrong with the program if it is refused.
pub fn try_compile(text: &str) -> Result<Arc<Code>, String> {
    let source = Source { name: "test.tg".into(), text: text.into() };
    let module = Module::from_source(&source).map_err(|errors| {
        let shown: Vec<_> = errors.iter().map(|d| format!("{} {} {:?}", d.code, d.message, d.labels)).collect();
        shown.join("\n")
    })?;
    let verified = tgvm::bytecode::verify::verify(module.program().clone()).map_err(|error| error.to_string())?;
    Ok(Arc::new(Code::new(verified)))
}

pub fn compile(text: &str) -> Arc<Code> {
    try_compile(text).unwrap_or_else(|why| panic!("{why}\n{text}"))
}

/// Runs that are watched: how many looks are left, what to raise, and what to say.
struct Watch {
    left: u32,
    is_late: Arc<AtomicBool>,
    interrupt: Interrupt,
    about: String,
    ended: mpsc::Receiver<()>,
}

static WATCHED: LazyLock<mpsc::Sender<Watch>> = LazyLock::new(|| {
    let (sender, receiver) = mpsc::channel::<Watch>();
    std::thread::spawn(move || {
        let mut watched: Vec<Watch> = Vec::new();
        loop {
            std::thread::sleep(LOOK);
            watched.extend(receiver.try_iter());
            watched.retain_mut(|watch| {
                let running = matches!(watch.ended.try_recv(), Err(mpsc::TryRecvError::Empty));
                watch.left = watch.left.saturating_sub(1);
                if running && watch.left == PATIENCE / 2 {
                    watch.is_late.store(true, Ordering::Relaxed);
                    watch.interrupt.interrupt();
                }
                if running && watch.left == 0 {
                    // Not by a macro, whose output belongs to a test.
                    let text = format!("a run does not end, not even when it is interrupted: {}\n", watch.about);
                    std::io::stderr().write_all(text.as_bytes()).expect("it can be written to");
                    std::process::abort();
                }
                running
            });
        }
    });
    sender
});

/// Runs a program under the watchdog. Panics if it leaks or hangs.
pub fn run_watched(code: &Arc<Code>, options: Options, page: &Page, about: &str) -> (RunResult, Page) {
    let (sender, ended) = mpsc::channel();
    let is_late = Arc::new(AtomicBool::new(false));
    let interrupt = options.interrupt.clone();
    let watch = Watch { left: PATIENCE * 3 / 2, is_late: is_late.clone(), interrupt, about: about.into(), ended };
    WATCHED.send(watch).expect("the watchdog lives");
    let mut page = page.clone();
    let result = embed::run(code, &options, &mut page);
    drop(sender);
    assert!(!is_late.load(Ordering::Relaxed), "it hung: {about}");
    assert_eq!(result.stats.leaked, 0, "it leaks after {:?}: {about}", result.outcome);
    (result, page)
}

/// The same with nothing but a configuration.
pub fn run_in(code: &Arc<Code>, configuration: Configuration, page: &Page, about: &str) -> (RunResult, Page) {
    run_watched(code, configuration.options(), page, &format!("{configuration:?}\n{about}"))
}

/// What was counted over many runs.
#[derive(Clone, Default, Debug)]
pub struct Seen {
    /// What the machine counts, stalls by cause, and hazards by what they were about.
    pub counts: BTreeMap<&'static str, u64>,
    /// Functions that ran beside others.
    pub beside: BTreeMap<String, u64>,
}

impl Seen {
    pub fn add(&mut self, workers: &[WorkerStats]) {
        let mut count = |name, by| *self.counts.entry(name).or_default() += by;
        for worker in workers {
            count("issued", worker.issued);
            count("promoted", worker.promoted);
            count("stolen", worker.stolen);
            count("parked", worker.parked);
            count("renamed", worker.renamed);
            count("squashed", worker.squashed);
            count("fruitless", worker.fruitless);
            for &(cause, times) in &worker.stalls {
                let name = match cause {
                    "register" => "stalled by a register",
                    "region" => "stalled by a region",
                    "effect" => "stalled by an effect",
                    "window" => "stalled by the window",
                    other => other,
                };
                count(name, times);
            }
        }
    }

    /// Counts what entries of a run met in flight when they were issued, by what it was that they met; and which functions ran beside
    /// another entry of their frame, or as a part of a loop.
    pub fn add_record(&mut self, record: &Record, program: &Program) {
        let mut open: HashMap<EntryId, Kind> = HashMap::new();
        let mut running: HashMap<u32, HashSet<u32>> = HashMap::new();
        for event in &record.events {
            match &event.what {
                What::Issued(issued) => {
                    let met =
                        issued.needs.iter().filter(|n| open.contains_key(&EntryId { number: n.on, ..issued.entry }));
                    for need in met {
                        let name = match need.carrier {
                            Carrier::Register(_) => "register",
                            Carrier::Region(region) => region.sort(),
                        };
                        *self.counts.entry(name).or_default() += 1;
                    }
                    open.insert(issued.entry, issued.kind);
                    if issued.is_running {
                        running.entry(issued.entry.frame).or_default().insert(issued.entry.number);
                    }
                }
                What::Started(entry) => {
                    let beside = running.entry(entry.frame).or_default();
                    if !beside.is_empty()
                        && let Some(&Kind::Call(function)) = open.get(entry)
                    {
                        let function = &program.functions[function as usize];
                        let part = if function.part_of.is_some() { "a loop of " } else { "" };
                        *self.beside.entry(format!("{part}{}", function.name)).or_default() += 1;
                    }
                    beside.insert(entry.number);
                }
                What::Completed(entry, _) => {
                    open.remove(entry);
                    running.entry(entry.frame).or_default().remove(&entry.number);
                }
                _ => {}
            }
        }
    }

    pub fn merge(&mut self, other: &Seen) {
        other.counts.iter().for_each(|(name, by)| *self.counts.entry(name).or_default() += by);
        other.beside.iter().for_each(|(name, by)| *self.beside.entry(name.clone()).or_default() += by);
    }
}

/// Whether what was really read and written kept the order, and each element was what it is in order.
fn check_trace(
    text: &str,
    code: &Arc<Code>,
    page: &Page,
    record: &Record,
    seen: &mut Seen,
) -> Result<(), trace::Violation> {
    let traced = trace::check(record)?;
    let options = Options { trace: true, ..IN_ORDER.options() };
    let (expected, _) = run_watched(code, options, page, text);
    let expected = expected.record.expect("it was asked for");
    let elements = trace::compare(&expected, record)?;
    let mut count = |name, by| *seen.counts.entry(name).or_default() += by;
    count("traced RAW", traced.reads_after_writes);
    count("traced WAR", traced.writes_after_reads);
    count("traced WAW", traced.writes_after_writes);
    count("traced elements", elements as u64);
    Ok(())
}

/// What differs, if something does; counts are added to `seen`.
pub fn difference(
    text: &str,
    code: &Arc<Code>,
    page: &Page,
    expected: &(Outcome, Page),
    configuration: Configuration,
    seen: &mut Seen,
) -> Option<String> {
    let options = Options { trace: configuration.record, ..configuration.options() };
    let (result, found) = run_watched(code, options, page, &format!("{configuration:?}\n{text}"));
    seen.add(&result.stats.workers);
    if let Some(record) = &result.record {
        seen.add_record(record, code.program());
        if let Err(wrong) = check(record) {
            return Some(format!("{configuration:?}: {wrong}"));
        }
        if let Err(wrong) = check_trace(text, code, page, record, seen) {
            return Some(format!("{configuration:?}: {wrong}"));
        }
    }
    if (&result.outcome, &found) == (&expected.0, &expected.1) {
        return None;
    }
    let mut why = format!("{configuration:?}: {:?}\ninstead of {:?}\n", result.outcome, expected.0);
    if found != expected.1 {
        let same = found.printed.iter().zip(&expected.1.printed).take_while(|(a, b)| a == b).count();
        let around = |page: &Page| {
            let (from, to) = (same.saturating_sub(60), (same + 200).min(page.printed.len()));
            String::from_utf8_lossy(&page.printed[from.min(to)..to]).into_owned()
        };
        why += &format!("it prints, around byte {same},\n{}\ninstead of\n{}\n", around(&found), around(&expected.1));
        if found.files != expected.1.files || found.ticks != expected.1.ticks {
            why += "files or the clock differ\n";
        }
    }
    Some(why)
}

/// Runs a program in order; `None` if it takes more than `steps`.
pub fn in_order(code: &Arc<Code>, page: &Page, steps: u64, about: &str) -> Option<(Outcome, Page)> {
    let options = Options { max_steps: Some(steps), ..IN_ORDER.options() };
    let limited = run_watched(code, options, page, about);
    if let Outcome::Stop(_) = limited.0.outcome {
        return None;
    }
    let (result, found) = run_in(code, IN_ORDER, page, about);
    Some((result.outcome, found))
}

/// Runs a program in order and then in these configurations. What it printed and how it ended.
#[track_caller]
fn agree_in(text: &str, page: &Page, configurations: impl IntoIterator<Item = Configuration>) -> (Outcome, Page) {
    let code = compile(text);
    let (result, found) = run_in(&code, IN_ORDER, page, text);
    assert!(!matches!(result.outcome, Outcome::Stop(_)), "{:?}\n{text}", result.outcome);
    let expected = (result.outcome, found);
    let mut seen = Seen::default();
    for configuration in configurations {
        if let Some(why) = difference(text, &code, page, &expected, configuration, &mut seen) {
            panic!("{why}\n{text}");
        }
    }
    expected
}

/// The same in every configuration, `times` times.
#[track_caller]
pub fn agree_on(text: &str, page: &Page, times: usize) -> (Outcome, Page) {
    agree_in(text, page, (0..times).flat_map(configurations))
}

/// The same without the simulated ones, for what computes for long.
#[track_caller]
pub fn agree_threaded(text: &str, page: &Page) -> (Outcome, Page) {
    agree_in(text, page, threaded())
}

/// The same for a program that traps and computes for long: the code of the trap, and what it printed.
#[track_caller]
pub fn agree_on_trap(text: &str) -> (TrapCode, String) {
    match agree_threaded(text, &Page::default()) {
        (Outcome::Trap(trap), page) => (trap.code, page.text()),
        (outcome, _) => panic!("{outcome:?}\n{text}"),
    }
}

/// Removes lines of a program as long as it goes on failing: what is left. `fails` is asked often.
pub fn shrink(text: &str, fails: impl Fn(&str) -> bool) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    let mut size = lines.len().div_ceil(2);
    loop {
        let mut at = 0;
        let before = lines.len();
        while at < lines.len() {
            let mut candidates = vec![lines[..at].to_vec()];
            candidates[0].extend(&lines[(at + size).min(lines.len())..]);
            // A block without its head and its end.
            if size == 1
                && lines[at].trim_end().ends_with('{')
                && let Some(end) = closing(&lines, at)
            {
                let mut inner = lines[..at].to_vec();
                inner.extend(&lines[at + 1..end]);
                inner.extend(&lines[end + 1..]);
                let mut without = lines[..at].to_vec();
                without.extend(&lines[end + 1..]);
                candidates.extend([without, inner]);
            }
            match candidates.into_iter().find(|candidate| fails(&candidate.join("\n"))) {
                Some(shorter) => lines = shorter,
                None => at += size,
            }
        }
        if size == 1 && lines.len() == before {
            return lines.join("\n");
        }
        size = (size / 2).max(1);
    }
}

/// The line that closes the block whose head is line `at`.
fn closing(lines: &[&str], at: usize) -> Option<usize> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    (at + 1..lines.len()).find(|&i| lines[i].trim() == "}" && indent(lines[i]) == indent(lines[at]))
}
