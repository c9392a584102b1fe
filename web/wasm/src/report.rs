//! What is wrong with a program, how a run ended, what it took and what happened in it, as JSON. Places are given as offsets in
//! UTF-16 units, which is how scripts index text, and as line and column.

use serde_json::{Value, json};
use tgvm::bytecode::program::Program;
use tgvm::machine::engine::{Outcome, Stats, WorkerStats};
use tgvm::machine::interrupt::Stop;
use tgvm::machine::record::{Carrier, Ending, EntryId, Event, Issued, Kind, Need, Record, What};
use tgvm::machine::trap::{TraceLine, Trap};
use tgvm::syntax::diagnostic::Diagnostic;
use tgvm::syntax::span::{Source, Span};

/// More events than that are left out of a report.
pub const MOST_EVENTS: usize = 30_000;

fn utf16(text: &str, offset: u32) -> usize {
    text[..text.floor_char_boundary(offset as usize)].encode_utf16().count()
}

fn place(source: &Source, span: Span, text: &str) -> Value {
    let (line, column) = source.line_column(span.start);
    json!({
        "from": utf16(&source.text, span.start),
        "to": utf16(&source.text, span.end),
        "line": line,
        "column": column,
        "text": text,
    })
}

/// What is wrong with a program's text.
pub fn diagnostics(all: &[Diagnostic], source: &Source) -> Value {
    let one = |diagnostic: &Diagnostic| {
        let labels = diagnostic.labels.iter().map(|label| place(source, label.span, &label.text));
        json!({
            "code": diagnostic.code,
            "message": diagnostic.message,
            "file": source.name,
            "labels": labels.collect::<Vec<_>>(),
            "help": diagnostic.help,
        })
    };
    all.iter().map(one).collect()
}

/// A trap as a diagnostic, with the chain of calls.
fn trap(trap: &Trap, program: &Program) -> Value {
    let source = Source::new(program.source_name.clone(), program.source.clone());
    let span = |line: &TraceLine| {
        let site = program.sites[line.site as usize];
        Span::new(site.start, site.end)
    };
    let title = trap.code.title();
    let message = if trap.message.is_empty() { title.to_owned() } else { format!("{title}: {}", trap.message) };
    let labels: Vec<Value> = trap.backtrace.first().map(|line| place(&source, span(line), "")).into_iter().collect();
    let mut calls = Vec::new();
    for (index, line) in trap.backtrace.iter().enumerate().skip(1) {
        calls.push(place(&source, span(line), &program.functions[line.function as usize].name));
        if let Some((after, count)) = trap.omitted
            && after == index
        {
            calls.push(json!({ "omitted": count }));
        }
    }
    json!({
        "code": trap.code.code(),
        "message": message,
        "file": program.source_name,
        "labels": labels,
        "help": [],
        "calls": calls,
    })
}

/// How a run ended. `exitCode` is what the command line would exit with.
pub fn outcome(outcome: &Outcome, program: &Program) -> Value {
    match outcome {
        Outcome::Done => json!({ "result": "done", "exitCode": 0 }),
        Outcome::Exit(code) => json!({ "result": "exit", "exitCode": code }),
        Outcome::Trap(why) => json!({ "result": "trap", "exitCode": 1, "trap": trap(why, program) }),
        Outcome::Stop(why) => {
            let (reason, code, message) = match why {
                Stop::Memory => ("memory", 3, "out of memory".to_owned()),
                Stop::Steps => ("steps", 3, "the program took too many steps".to_owned()),
                Stop::Time => ("time", 3, "the program ran for too long".to_owned()),
                Stop::Interrupted => ("abort", 130, "interrupted".to_owned()),
                Stop::OutputClosed => ("output", 0, "nobody reads the output".to_owned()),
                Stop::OutputFailed(reason) => ("output", 1, format!("can't write the output: {reason}")),
            };
            json!({ "result": "stop", "exitCode": code, "stop": { "reason": reason, "message": message } })
        }
    }
}

/// What a run took.
pub fn stats(stats: &Stats, milliseconds: f64) -> Value {
    json!({
        "milliseconds": milliseconds,
        "instructions": stats.instructions,
        "calls": stats.calls,
        "peakDepth": stats.peak_depth,
        "peakMemory": stats.peak_memory,
        "workers": stats.workers.iter().map(worker).collect::<Vec<_>>(),
    })
}

fn worker(stats: &WorkerStats) -> Value {
    let stalls = stats.stalls.iter().filter(|(_, count)| *count > 0);
    json!({
        "issued": stats.issued,
        "issuedTasks": stats.issued_tasks,
        "inlined": stats.inlined,
        "run": stats.run,
        "promoted": stats.promoted,
        "fruitless": stats.fruitless,
        "stolen": stats.stolen,
        "parked": stats.parked,
        "renamed": stats.renamed,
        "squashed": stats.squashed,
        "peakFlight": stats.peak_flight,
        "peakHeld": stats.peak_held,
        "stalls": stalls.map(|(cause, count)| ((*cause).to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
        "idleMilliseconds": stats.idle.as_secs_f64() * 1e3,
    })
}

/// What happened in a run that began at that second, in order.
pub fn record(record: &Record, begin: f64, program: &Program) -> Value {
    let kept = record.events.len().min(MOST_EVENTS);
    json!({
        "events": events(&record.events[..kept], begin, program),
        "cut": record.is_cut() || record.events.len() > MOST_EVENTS,
    })
}

/// Some of it.
pub fn events(events: &[Event], begin: f64, program: &Program) -> Value {
    let lines = Lines::of(&program.source);
    events.iter().map(|one| event(one, begin, &lines, program)).collect()
}

/// Where lines begin.
struct Lines(Vec<u32>);

impl Lines {
    fn of(source: &str) -> Lines {
        let ends = source.bytes().zip(1..).filter(|&(byte, _)| byte == b'\n').map(|(_, after)| after);
        Lines(std::iter::once(0).chain(ends).collect())
    }

    fn of_site(&self, site: u32, program: &Program) -> usize {
        let start = program.sites.get(site as usize).map_or(0, |site| site.start);
        self.0.partition_point(|&line| line <= start)
    }
}

/// Its name; a loop that the compiler has made a function of is told apart from what it is a part of.
fn function(index: u32, program: &Program) -> String {
    match program.functions.get(index as usize) {
        Some(function) if function.part_of.is_some() => format!("{} loop", function.name),
        Some(function) => function.name.clone(),
        None => "?".to_owned(),
    }
}

fn event(event: &Event, begin: f64, lines: &Lines, program: &Program) -> Value {
    let mut json = match &event.what {
        What::Promoted { frame, function: index, parent } => {
            json!({ "what": "promoted", "of": frame, "name": function(*index, program), "parent": id(*parent) })
        }
        What::TakenUp(frame) => json!({ "what": "taken up", "of": frame }),
        What::Issued(issued) => entry("issued", issued, lines, program),
        What::Ran(issued) => entry("ran", issued, lines, program),
        What::Concluded(frame) => json!({ "what": "concluded", "of": frame }),
        What::Started(entry) => json!({ "what": "started", "entry": id(*entry) }),
        What::Resumed(entry) => json!({ "what": "resumed", "entry": id(*entry) }),
        What::Completed(entry, ending) => {
            let ending = match ending {
                Ending::Good => "good",
                Ending::Failed => "trap",
                Ending::Squashed => "squashed",
            };
            json!({ "what": "completed", "entry": id(*entry), "ending": ending })
        }
        What::Retired(entry) => json!({ "what": "retired", "entry": id(*entry) }),
    };
    json["time"] = json!((event.time as f64 / 1e6 - begin * 1e3).max(0.0));
    json["worker"] = json!(event.worker);
    json
}

/// `3.7` is entry 7 of frame 3.
fn id(entry: EntryId) -> String {
    format!("{}.{}", entry.frame, entry.number)
}

fn entry(what: &str, issued: &Issued, lines: &Lines, program: &Program) -> Value {
    let name = match issued.kind {
        Kind::Call(index) => function(index, program),
        Kind::Operation(op) => op.info().name.to_owned(),
    };
    let need = |need: &Need| {
        let by = match need.carrier {
            Carrier::Register(_) => "a result",
            Carrier::Region(region) if region.is_resource() => "an effect",
            Carrier::Region(_) => "elements",
        };
        json!({ "on": id(EntryId { number: need.on, ..issued.entry }), "by": by, "order": need.order.name() })
    };
    json!({
        "what": what,
        "entry": id(issued.entry),
        "name": name,
        "line": lines.of_site(issued.site, program),
        "running": issued.is_running,
        "needs": issued.needs.iter().map(need).collect::<Vec<_>>(),
    })
}
