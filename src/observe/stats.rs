//! What the workers did, in lines for `tgvm run --stats`: a name and a figure each.

use std::time::Duration;

use crate::machine::engine::WorkerStats;

/// The lines, for a run that took `ran`; none if nothing could run out of order, and none for what did not happen.
pub fn lines(workers: &[WorkerStats], ran: Duration) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let total = |of: fn(&WorkerStats) -> u64| workers.iter().map(of).sum::<u64>();
    let mut say = |name: &str, parts: &[(u64, &str)]| {
        let said: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count}{what}")).collect();
        if !said.is_empty() {
            lines.push((name.to_owned(), said.join(", ")));
        }
    };
    let promoted = total(|w| w.promoted);
    say("promoted", &[(promoted, " frames"), (total(|w| w.fruitless), " in vain")]);
    if promoted > 0 {
        say("issued", &[(total(|w| w.issued), " calls"), (total(|w| w.parked), " entries parked")]);
        say("entries run", &[(total(|w| w.run), "")]);
    }
    say("renamed", &[(total(|w| w.renamed), "")]);
    say("stolen", &[(total(|w| w.stolen), "")]);
    say("squashed", &[(total(|w| w.squashed), "")]);
    say("most in flight", &[(workers.iter().map(|w| w.peak_flight).max().unwrap_or(0), " of one frame")]);
    let stalls = stalls(workers);
    let stalls: Vec<(u64, String)> = stalls.into_iter().map(|(cause, count)| (count, format!(" {cause}"))).collect();
    say("stalls", &stalls.iter().map(|(count, cause)| (*count, cause.as_str())).collect::<Vec<_>>());
    if workers.len() > 1 {
        for (number, worker) in workers.iter().enumerate() {
            let idle = worker.idle.min(ran);
            let percent = 100.0 * idle.as_secs_f64() / ran.as_secs_f64().max(1e-9);
            let busy = (ran - idle).as_secs_f64() * 1e3;
            let entries = if worker.run > 0 { format!(", {} entries", worker.run) } else { String::new() };
            let line = format!("{:3.0} % busy ({busy:.3} ms), {percent:.0} % idle{entries}", 100.0 - percent);
            lines.push((format!("worker {}", number + 1), line));
        }
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
    fn only_what_happened_is_said() {
        let ran = Duration::from_millis(100);
        assert_eq!(lines(&[], ran), []);
        assert_eq!(lines(&[WorkerStats::default()], ran), []);
        let first = WorkerStats {
            issued: 3,
            run: 2,
            promoted: 1,
            stalls: vec![("register", 2), ("drain", 1)],
            idle: Duration::from_millis(25),
            ..WorkerStats::default()
        };
        let second = WorkerStats { stolen: 1, stalls: vec![("drain", 4)], idle: ran * 2, ..WorkerStats::default() };
        let said: Vec<String> =
            lines(&[first, second], ran).into_iter().map(|(name, what)| format!("{name}: {what}")).collect();
        assert_eq!(
            said,
            [
                "promoted: 1 frames",
                "issued: 3 calls",
                "entries run: 2",
                "stolen: 1",
                "stalls: 2 register, 5 drain",
                "worker 1:  75 % busy (75.000 ms), 25 % idle, 2 entries",
                "worker 2:   0 % busy (0.000 ms), 100 % idle",
            ]
        );
    }
}
