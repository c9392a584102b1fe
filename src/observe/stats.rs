//! What the workers did, in lines for `tgvm run --stats`: a name and a figure each.

use std::time::Duration;

use crate::machine::engine::WorkerStats;

/// The lines, for a run that took `ran`, also for what did not happen.
pub fn lines(workers: &[WorkerStats], ran: Duration) -> Vec<(String, String)> {
    let total = |of: fn(&WorkerStats) -> u64| workers.iter().map(of).sum::<u64>();
    let peak = |of: fn(&WorkerStats) -> u64| workers.iter().map(of).max().unwrap_or(0);
    let tasks = total(|w| w.issued_tasks);
    let other = total(|w| w.issued) - tasks;
    let stalls: Vec<String> = stalls(workers).into_iter().map(|(cause, count)| format!("{count} {cause}")).collect();
    let figures = [
        ("tasks issued", format!("{tasks}, and {other} other calls")),
        ("inlined", format!("{} calls of tasks began as plain calls", total(|w| w.inlined))),
        ("promoted", format!("{} frames, {} in vain", total(|w| w.promoted), total(|w| w.fruitless))),
        ("entries run", total(|w| w.run).to_string()),
        ("stolen", format!("{} jobs", total(|w| w.stolen))),
        ("parked", format!("{} entries", total(|w| w.parked))),
        ("renamed", format!("{} registers and buffers", total(|w| w.renamed))),
        ("squashed", format!("{} entries", total(|w| w.squashed))),
        ("peak in flight", format!("{} entries of one frame", peak(|w| w.peak_flight))),
        ("held output", format!("{} bytes at most", peak(|w| w.peak_held))),
        ("stalls", stalls.join(", ")),
    ];
    let mut lines: Vec<_> = figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)).collect();
    for (number, worker) in workers.iter().enumerate() {
        let idle = worker.idle.min(ran);
        let percent = 100.0 * idle.as_secs_f64() / ran.as_secs_f64().max(1e-9);
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        let (busy, idle) = (milliseconds(ran - idle), milliseconds(idle));
        let line = format!(
            "{:3.0} % busy ({busy:.3} ms), {percent:.0} % idle ({idle:.3} ms), {} entries",
            100.0 - percent,
            worker.run
        );
        lines.push((format!("worker {}", number + 1), line));
    }
    lines
}

/// How often frames stalled, by cause, over all workers.
fn stalls(workers: &[WorkerStats]) -> Vec<(&'static str, u64)> {
    let mut all: Vec<(&'static str, u64)> = Vec::new();
    for &(cause, count) in workers.iter().flat_map(|worker| &worker.stalls) {
        match all.iter_mut().find(|(name, _)| *name == cause) {
            Some((_, sum)) => *sum += count,
            None => all.push((cause, count)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_said_also_what_did_not_happen() {
        let ran = Duration::from_millis(100);
        let first = WorkerStats {
            issued: 3,
            issued_tasks: 2,
            inlined: 5,
            run: 2,
            promoted: 1,
            peak_flight: 3,
            peak_held: 70,
            stalls: vec![("register", 2), ("drain", 1)],
            idle: Duration::from_millis(25),
            ..WorkerStats::default()
        };
        let second = WorkerStats {
            stolen: 1,
            peak_flight: 1,
            stalls: vec![("register", 0), ("drain", 4)],
            idle: ran * 2,
            ..WorkerStats::default()
        };
        let said: Vec<String> =
            lines(&[first, second], ran).into_iter().map(|(name, what)| format!("{name}: {what}")).collect();
        assert_eq!(
            said,
            [
                "tasks issued: 2, and 1 other calls",
                "inlined: 5 calls of tasks began as plain calls",
                "promoted: 1 frames, 0 in vain",
                "entries run: 2",
                "stolen: 1 jobs",
                "parked: 0 entries",
                "renamed: 0 registers and buffers",
                "squashed: 0 entries",
                "peak in flight: 3 entries of one frame",
                "held output: 70 bytes at most",
                "stalls: 2 register, 5 drain",
                "worker 1:  75 % busy (75.000 ms), 25 % idle (25.000 ms), 2 entries",
                "worker 2:   0 % busy (0.000 ms), 100 % idle (100.000 ms), 0 entries",
            ]
        );
    }
}
