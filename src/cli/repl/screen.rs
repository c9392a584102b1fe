//! What statements show at the terminal, above the line that is being typed: each line has its statement's number before it, and is
//! shown as soon as it is complete.
//!
//! While a line is edited the editor alone writes: what is to be shown goes before the prompt whenever it draws that, and a thread of its own makes
//! it draw. Otherwise another thread writes to the terminal, which may be slow. So what is shown has one order, and none of it is lost.
//!
//! A worker that prints faster than that waits a little now and then, but never until the terminal is ready: whoever waits for the worker may be
//! the one who would make it ready. So that what is held stays bounded, what would be too much is left out, and the screen says so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cli::render::Text;
use crate::cli::run::paint_trap;
use crate::embed::{Ended, Failed};

/// Bytes that are to be written from which on workers wait, and how long at a time.
const MUCH: usize = 64 << 10;
const A_LITTLE: Duration = Duration::from_millis(20);
/// No more bytes are held than these, and those of one line.
const MOST: usize = 4 << 20;
/// A line that is longer is shown in parts of so many bytes.
const PART: usize = 64 << 10;
/// A value is shown in so many bytes.
const LONGEST: usize = 2000;

/// Who writes what is to be written.
#[derive(Clone, Copy, PartialEq, Default)]
enum Writer {
    /// The thread that is there for it.
    #[default]
    Thread,
    /// The same, on a line of its own, and this prompt again.
    Prompting(&'static str),
    /// The editor, when it draws its prompt.
    Editor,
    /// Whoever ends the session.
    Last,
}

#[derive(Default)]
struct State {
    writer: Writer,
    /// Something is being written, not by the editor.
    is_writing: bool,
    /// The editor has been asked to draw, and has not yet.
    is_woken: bool,
    /// What is to be written, and by which statement.
    lines: VecDeque<(u64, String)>,
    /// Its bytes.
    held: usize,
    /// How many lines have been left out since something was written.
    left_out: u64,
    /// The line that each statement has begun.
    begun: BTreeMap<u64, Vec<u8>>,
    /// Statements that have ended since the last prompt.
    over: Vec<u64>,
    /// The code that a statement has ended the session with.
    exit: Option<u8>,
}

/// See the head of this file.
#[derive(Default)]
pub(super) struct Screen {
    state: Mutex<State>,
    changed: Condvar,
}

impl State {
    fn add(&mut self, number: u64, line: &[u8]) {
        let line = format!("[{number}] {}\n", String::from_utf8_lossy(line));
        self.held += line.len();
        self.lines.push_back((number, line));
    }

    /// Adds what a statement has printed, unless too much is held.
    fn add_printed(&mut self, number: u64, mut line: &[u8]) {
        loop {
            let (part, rest) = line.split_at(part_of(line));
            if self.held < MOST {
                self.add(number, part);
            } else {
                self.left_out += 1;
            }
            line = rest;
            if line.is_empty() {
                return;
            }
        }
    }

    /// Takes lines to write, at least so many bytes if there are.
    fn take(&mut self, least: usize) -> String {
        let mut text = String::new();
        while text.len() < least
            && let Some((_, line)) = self.lines.pop_front()
        {
            self.held -= line.len();
            text += &line;
        }
        if self.lines.is_empty() && self.left_out > 0 {
            let left_out = std::mem::take(&mut self.left_out);
            text += &format!("… {left_out} lines are left out: they came faster than they could be shown\n");
        }
        text
    }

    /// Drops what a statement has printed.
    fn drop_lines(&mut self, number: u64) {
        self.lines.retain(|(of, _)| *of != number);
        self.held = self.lines.iter().map(|(_, line)| line.len()).sum();
    }
}

impl Screen {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A statement has printed that.
    pub(super) fn printed(&self, number: u64, bytes: &[u8]) {
        let mut state = self.state();
        let mut line = state.begun.remove(&number).unwrap_or_default();
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            line.extend_from_slice(&rest[..end]);
            state.add_printed(number, &line);
            line.clear();
            rest = &rest[end + 1..];
        }
        line.extend_from_slice(rest);
        if line.len() >= PART {
            state.add_printed(number, &line);
            line.clear();
        }
        if !line.is_empty() {
            state.begun.insert(number, line);
        }
        self.changed.notify_all();
        if state.held > MUCH {
            let waits = |state: &mut State| state.held > MUCH;
            drop(self.changed.wait_timeout_while(state, A_LITTLE, waits));
        }
    }

    /// A statement has ended so.
    pub(super) fn ended(&self, ended: &Ended) {
        let shown = match &ended.result {
            Ok(value) => value.as_deref().map(shortened),
            Err(Failed::Exit(code)) => Some(format!("the session ends with code {code}, at the next line if not now")),
            Err(failed) => Some(explained(failed)),
        };
        let mut state = self.state();
        if let Some(line) = state.begun.remove(&ended.number) {
            state.add_printed(ended.number, &line);
        }
        // Who cancels it does not want to see much of it.
        if matches!(ended.result, Err(Failed::Cancelled)) && state.held > MUCH {
            state.drop_lines(ended.number);
        }
        shown.iter().flat_map(|text| text.lines()).for_each(|line| state.add(ended.number, line.as_bytes()));
        if let Err(Failed::Exit(code)) = ended.result {
            state.exit = Some(code);
        }
        state.over.push(ended.number);
        self.changed.notify_all();
    }

    /// Waits until these statements have ended and what they show has been written, but no longer than that.
    pub(super) fn settle(&self, statements: &[u64], within: Duration) {
        let waits = |state: &mut State| {
            state.is_writing || !state.lines.is_empty() || !statements.iter().all(|number| state.over.contains(number))
        };
        drop(self.changed.wait_timeout_while(self.state(), within, waits));
    }

    /// The code that a statement has ended the session with, if one has.
    pub(super) fn exit(&self) -> Option<u8> {
        self.state().exit
    }

    /// What has not been written yet, and is the caller's now, who ends the session.
    pub(super) fn take(&self) -> String {
        let mut state = self.idle();
        state.writer = Writer::Last;
        state.take(usize::MAX)
    }

    /// The state while nothing is being written.
    fn idle(&self) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_while(self.state(), |state| state.is_writing);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// A line is edited from now on.
    pub(super) fn edited(&self) {
        let mut state = self.idle();
        (state.writer, state.is_woken) = (Writer::Editor, false);
        state.over.clear();
        self.changed.notify_all();
    }

    /// A prompt is shown, behind which the terminal takes a line.
    pub(super) fn prompted(&self, prompt: &'static str, show: impl FnOnce(&str)) {
        let mut state = self.idle();
        state.is_writing = true;
        drop(state);
        show(prompt);
        let mut state = self.state();
        (state.writer, state.is_writing) = (Writer::Prompting(prompt), false);
        state.over.clear();
        self.changed.notify_all();
    }

    /// A line has been entered, or dropped.
    pub(super) fn entered(&self) {
        self.state().writer = Writer::Thread;
        self.changed.notify_all();
    }

    /// What the editor writes before its prompt.
    pub(super) fn above(&self) -> String {
        let mut state = self.state();
        if state.writer != Writer::Editor {
            return String::new();
        }
        state.is_woken = false;
        let text = state.take(MUCH);
        self.changed.notify_all();
        text
    }

    /// Makes the editor draw when there is something to be written, for ever.
    pub(super) fn wake(&self, mut wake: impl FnMut()) -> ! {
        loop {
            let nothing =
                |state: &mut State| state.writer != Writer::Editor || state.is_woken || state.lines.is_empty();
            let waited = self.changed.wait_while(self.state(), nothing);
            waited.unwrap_or_else(PoisonError::into_inner).is_woken = true;
            wake();
        }
    }

    /// Writes what there is to be written, for ever.
    pub(super) fn write(&self, mut write: impl FnMut(&str)) -> ! {
        loop {
            let nothing = |state: &mut State| {
                matches!(state.writer, Writer::Editor | Writer::Last) || state.is_writing || state.lines.is_empty()
            };
            let mut state = self.changed.wait_while(self.state(), nothing).unwrap_or_else(PoisonError::into_inner);
            state.is_writing = true;
            let (mut text, writer) = (state.take(MUCH), state.writer);
            drop(state);
            if let Writer::Prompting(prompt) = writer {
                text = format!("\n{text}{prompt}");
            }
            write(&text);
            self.state().is_writing = false;
            self.changed.notify_all();
        }
    }
}

/// The length of the first part of a line, which ends between characters.
fn part_of(line: &[u8]) -> usize {
    if line.len() <= PART {
        return line.len();
    }
    let goes_on = |at: &usize| line[*at] & 0xc0 == 0x80;
    PART - (PART - 2..=PART).rev().take_while(goes_on).count()
}

/// A value, or the beginning of one that is long.
fn shortened(value: &str) -> String {
    if value.len() <= LONGEST {
        return value.to_owned();
    }
    let shown = &value[..value.floor_char_boundary(LONGEST)];
    format!("{shown} … (of {} bytes; `print` shows them)", value.len())
}

/// How a statement failed: a trap with its source line.
pub(super) fn explained(failed: &Failed) -> String {
    let Failed::Trap(trapped) = failed else { return failed.to_string() };
    let texts: Vec<Text<'_>> =
        trapped.places.iter().map(|(_, source, _)| Text::new(&source.name, &source.text)).collect();
    let places: Vec<_> =
        trapped.places.iter().zip(&texts).map(|((function, _, span), text)| (function.as_str(), text, *span)).collect();
    paint_trap(&trapped.trap, &places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_when_they_are_complete() {
        let screen = Screen::default();
        screen.printed(1, b"a");
        screen.printed(2, b"b\nc");
        assert_eq!(screen.take(), "[2] b\n");
        screen.printed(1, b"d\n\n");
        assert_eq!(screen.take(), "[1] ad\n[1] \n");
        screen.ended(&Ended { number: 2, output: String::new(), result: Ok(Some("5".to_owned())) });
        assert_eq!(screen.take(), "[2] c\n[2] 5\n");
        assert_eq!(screen.exit(), None);
        screen.ended(&Ended { number: 3, output: String::new(), result: Err(Failed::Exit(4)) });
        assert_eq!(screen.exit(), Some(4));
    }

    #[test]
    fn one_writes_at_a_time() {
        let screen = Screen::default();
        screen.printed(1, b"a\n");
        assert_eq!(screen.above(), "", "no line is edited");
        screen.edited();
        assert_eq!((screen.above().as_str(), screen.above().as_str()), ("[1] a\n", ""));
        screen.printed(1, b"b\n");
        screen.entered();
        assert_eq!(screen.above(), "");
        screen.prompted("> ", |shown| assert_eq!(shown, "> "));
        assert_eq!(screen.above(), "");
        assert_eq!(screen.take(), "[1] b\n");
    }

    #[test]
    fn a_line_without_an_end_is_shown_in_parts() {
        let screen = Screen::default();
        let printed = "é".repeat(PART / 2 - 1) + "aéb";
        screen.printed(1, printed.as_bytes());
        assert_eq!(screen.take(), format!("[1] {}a\n[1] éb\n", "é".repeat(PART / 2 - 1)));
    }

    #[test]
    fn what_is_held_is_bounded() {
        let screen = Screen::default();
        let line = "x".repeat(PART - 1) + "\n";
        screen.printed(1, line.repeat(2 * MOST / PART).as_bytes());
        screen.printed(2, b"y\n");
        assert!(screen.state().held < MOST + 2 * PART);
        let shown = screen.take();
        assert!(shown.ends_with(" lines are left out: they came faster than they could be shown\n"), "{}", shown.len());
        assert_eq!(screen.take(), "");
    }

    #[test]
    fn much_of_what_is_cancelled_is_not_shown() {
        let screen = Screen::default();
        screen.printed(2, b"y\n");
        screen.printed(1, "x\n".repeat(MUCH).as_bytes());
        screen.ended(&Ended { number: 1, output: String::new(), result: Err(Failed::Cancelled) });
        assert_eq!(screen.take(), "[2] y\n[1] cancelled\n");
        screen.printed(3, b"z");
        screen.ended(&Ended { number: 3, output: String::new(), result: Err(Failed::Cancelled) });
        assert_eq!(screen.take(), "[3] z\n[3] cancelled\n");
    }

    #[test]
    fn a_long_value_is_shortened() {
        let value = "é".repeat(LONGEST);
        assert_eq!(shortened(&value[..LONGEST]), value[..LONGEST]);
        assert!(shortened(&value).starts_with(&value[..LONGEST - 2]) && shortened(&value).len() < LONGEST + 60);
    }
}
