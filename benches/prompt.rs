//! From Enter to the next prompt of the REPL, in a pseudo-terminal, while every worker is busy: twice as many endless statements as workers
//! are in flight.
//!
//! `cargo bench --bench prompt`

#[cfg(unix)]
mod common;

#[cfg(unix)]
mod prompt {
    use std::fs::File;
    use std::io::{Read, Write};
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    use rexpect::process::PtyProcess;

    use super::common;

    const PROMPT: &[u8] = b"tg> ";
    /// Lines of each kind.
    const LINES: usize = 150;

    struct Terminal {
        file: File,
        /// What has been shown, and was not asked for yet.
        shown: Vec<u8>,
    }

    fn find(text: &[u8], part: &[u8]) -> Option<usize> {
        text.windows(part.len()).position(|window| window == part)
    }

    impl Terminal {
        /// Reads until all these parts have been shown, one after the other.
        fn shows(&mut self, parts: &[&[u8]]) {
            for part in parts {
                let end = loop {
                    if let Some(at) = find(&self.shown, part) {
                        break at + part.len();
                    }
                    let mut buffer = [0; 4096];
                    let count = self.file.read(&mut buffer).expect("the terminal is there");
                    self.shown.extend_from_slice(&buffer[..count]);
                };
                self.shown.drain(..end);
            }
        }

        fn types(&mut self, text: &str) {
            self.file.write_all(text.as_bytes()).expect("the terminal is there");
        }

        /// Types a line, and once it is shown, Enter; milliseconds until the prompt is there.
        fn enter(&mut self, line: &str) -> f64 {
            self.types(line);
            self.shows(&[line.as_bytes()]);
            // A person takes longer than that to press Enter.
            thread::sleep(Duration::from_millis(2));
            let since = Instant::now();
            self.types("\r");
            self.shows(&[b"\n", PROMPT]);
            since.elapsed().as_secs_f64() * 1e3
        }
    }

    pub(super) fn main() {
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let state = tempfile::tempdir().expect("there are temporary files");
        let mut command = Command::new(common::TGVM);
        command
            .args(["repl", "--workers", &workers.to_string()])
            .env("TERM", "xterm")
            .env("NO_COLOR", "1")
            .env("XDG_STATE_HOME", state.path());
        let process = PtyProcess::new(command).expect("tgvm starts in a pseudo-terminal");
        let file = process.get_file_handle().expect("it has one");
        let mut terminal = Terminal { file, shown: Vec::new() };
        terminal.shows(&[PROMPT]);
        terminal.enter("task forever(x: Int) -> Int { while true {}; return x }");
        for number in 0..2 * workers {
            terminal.enter(&format!("let endless{number} = forever({number})"));
        }
        println!("From Enter to prompt, {workers} workers, {} endless statements in flight", 2 * workers);
        type Kind = (&'static str, fn(usize) -> String);
        let kinds: [Kind; 3] = [
            ("a statement", |number| format!("let x = {number} * 2")),
            ("one that waits", |number| format!("let y = endless0 + {number}")),
            ("a definition", |number| format!("fn f(n: Int) -> Int {{ return n + {number} }}")),
        ];
        for (kind, line) in kinds {
            let mut times: Vec<f64> = (0..LINES).map(|number| terminal.enter(&line(number))).collect();
            times.sort_by(f64::total_cmp);
            let (half, last) = (times[LINES / 2], times[LINES * 99 / 100]);
            common::target(&format!("{kind:<16} median {half:.2} ms, 99 %"), last, 50.0);
        }
    }
}

#[cfg(unix)]
fn main() {
    prompt::main();
}

#[cfg(not(unix))]
fn main() {
    println!("there are no pseudo-terminals here");
}
