//! Reads what is typed: with an editor, or line by line where the terminal can't move its cursor.

use std::cell::Cell;
use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor, ExternalPrinter};

use super::line::{Line, is_complete};
use super::screen::Screen;
use crate::cli::{complain, print};
use crate::embed::Session;

const PROMPT: &str = "tg> ";
/// Where there is no editor, and what is typed goes on.
const GOES_ON: &str = "... ";
/// So many lines are kept.
const LINES: usize = 1000;
/// Makes the editor draw, and moves the cursor up and down again.
const DRAW: &str = "\x1b[A\n";

/// What has been typed.
pub(super) enum Typed {
    /// A command, or statements.
    Text(String),
    /// Ctrl-C in a line, which is dropped.
    Dropped,
    /// Ctrl-C where no line has been begun.
    Interrupt,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// See the head of this file.
pub(super) struct Prompt {
    screen: Arc<Screen>,
    how: How,
}

enum How {
    Edited(Box<Edited>),
    Plain(Arc<Plain>),
}

/// Where there is an editor.
struct Edited {
    editor: Editor<Line, DefaultHistory>,
    /// Where lines are kept from one session to the next.
    history: Option<PathBuf>,
}

/// What Ctrl-C has to know where there is no editor, and is a signal.
#[derive(Default)]
struct Plain {
    /// A line is asked for.
    asks: AtomicBool,
    /// What is typed goes on from the line before.
    goes_on: AtomicBool,
    /// What has been typed so far is to be dropped.
    is_dropped: AtomicBool,
}

impl Prompt {
    /// Takes the terminal, and shows on it what the screen has. Ctrl-C cancels what is in flight also while no line is read.
    pub(super) fn new(session: &Arc<Session>, screen: &Arc<Screen>) -> rustyline::Result<Prompt> {
        // The screen writes above the line also where there are no colours.
        let config = Config::builder()
            .max_history_size(LINES)?
            .auto_add_history(true)
            .completion_type(CompletionType::List)
            .color_mode(ColorMode::Forced)
            .build();
        let mut editor: Editor<Line, DefaultHistory> = Editor::with_config(config)?;
        let writes = screen.clone();
        thread::spawn(move || writes.write(|text| _ = print(text)));
        // A terminal that can't move its cursor has no such printer.
        let how = if let Ok(mut printer) = editor.create_external_printer() {
            let wakes = screen.clone();
            // Nobody can be told if the terminal is gone.
            thread::spawn(move || wakes.wake(|| _ = printer.print(DRAW.to_owned())));
            let (session, screen) = (session.clone(), screen.clone());
            editor.set_helper(Some(Line { session, screen, is_begun: Cell::new(false) }));
            let history = history();
            if let Some(path) = &history {
                // There is none the first time.
                let _ = editor.load_history(path);
            }
            How::Edited(Box::new(Edited { editor, history }))
        } else {
            How::Plain(Arc::default())
        };
        let plain = match &how {
            How::Plain(plain) => Some(plain.clone()),
            How::Edited(_) => None,
        };
        let (session, shows) = (session.clone(), screen.clone());
        let handler = move || {
            let Some(plain) = plain.as_ref().filter(|plain| plain.asks.load(Ordering::SeqCst)) else {
                return session.cancel_all();
            };
            // The terminal has dropped the line itself, and shown that.
            print("\n");
            if plain.goes_on.load(Ordering::SeqCst) {
                plain.is_dropped.store(true, Ordering::SeqCst);
            } else {
                interrupt(&session);
            }
            shows.prompted(PROMPT, |prompt| _ = print(prompt));
        };
        // A second handler can't be: the process has one command.
        let _ = ctrlc::set_handler(handler);
        Ok(Prompt { screen: screen.clone(), how })
    }

    /// Whether the terminal can't move its cursor.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.how, How::Plain(_))
    }

    /// Reads what is typed next.
    ///
    /// # Errors
    /// The terminal can't be read.
    pub(super) fn read(&mut self) -> rustyline::Result<Typed> {
        let typed = match &mut self.how {
            How::Edited(edited) => {
                self.screen.edited();
                edited.read()
            }
            How::Plain(plain) => Ok(plain.read(&self.screen)?),
        };
        self.screen.entered();
        typed
    }
}

impl Edited {
    fn read(&mut self) -> rustyline::Result<Typed> {
        match self.editor.readline(PROMPT) {
            Ok(text) => {
                self.keep();
                Ok(Typed::Text(text))
            }
            Err(ReadlineError::Interrupted) => {
                let is_begun = self.editor.helper().is_some_and(|line| line.is_begun.take());
                Ok(if is_begun { Typed::Dropped } else { Typed::Interrupt })
            }
            Err(ReadlineError::Eof) => Ok(Typed::End),
            Err(error) => Err(error),
        }
    }

    /// Adds what has been typed to what is kept: other sessions do so, too, and this one may be killed.
    fn keep(&mut self) {
        let Some(path) = &self.history else { return };
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all).map_err(ReadlineError::from);
        if let Err(error) = folder.and_then(|()| self.editor.append_history(path)) {
            complain(&format!("the history can't be kept: {error}"), &[]);
            self.history = None;
        }
    }
}

impl Plain {
    fn read(&self, screen: &Screen) -> std::io::Result<Typed> {
        let (mut text, mut is_there) = (Vec::new(), true);
        let whole = loop {
            let goes_on = !text.is_empty();
            self.goes_on.store(goes_on, Ordering::SeqCst);
            screen.prompted(if goes_on { GOES_ON } else { PROMPT }, |prompt| _ = print(prompt));
            self.asks.store(true, Ordering::SeqCst);
            let mut line = Vec::new();
            is_there &= std::io::stdin().lock().read_until(b'\n', &mut line)? > 0;
            self.asks.store(false, Ordering::SeqCst);
            if self.is_dropped.swap(false, Ordering::SeqCst) {
                text.clear();
            }
            text.extend(line);
            let whole = String::from_utf8_lossy(&text);
            if !is_there || is_complete(&whole) {
                break whole.into_owned();
            }
        };
        // The prompt's line goes on.
        if !is_there {
            print("\n");
        }
        Ok(if is_there { Typed::Text(whole) } else { Typed::End })
    }
}

/// Cancels what is in flight, at the prompt.
pub(super) fn interrupt(session: &Session) {
    if session.in_flight().is_empty() {
        print("nothing is in flight; Ctrl-D ends\n");
    }
    session.cancel_all();
}

/// Where lines are kept from one session to the next.
fn history() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
    Some(state.or_else(home)?.join("tgvm/history"))
}
