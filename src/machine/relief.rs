//! How workers are asked for their threads, so that others go on in their places: where a thread has to hear something outside of the
//! machine, as one of a page does.
//!
//! Who asks leaves a token in every seat, raises the seat's poll word and unparks its worker; a worker takes the token when it has left. With
//! the last token, whoever asked is told.
//!
//! Nobody is missed: a poll follows the raised word, and a worker that is about to sleep finds itself unparked, and looks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tells whoever asked, when nobody has it any more.
pub(super) struct Relief(Option<Box<dyn FnOnce() + Send + Sync>>);

impl Relief {
    pub(super) fn new(then: impl FnOnce() + Send + Sync + 'static) -> Relief {
        Relief(Some(Box::new(then)))
    }
}

impl Drop for Relief {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then();
        }
    }
}

/// Whether the thread of a seat is wanted, and by whom.
#[derive(Default)]
pub(super) struct Wanted {
    is_wanted: AtomicBool,
    tokens: Mutex<Vec<Arc<Relief>>>,
}

impl Wanted {
    /// Wants it; the token is taken with it.
    pub(super) fn want(&self, token: Arc<Relief>) {
        let mut tokens = self.tokens();
        tokens.push(token);
        self.is_wanted.store(true, Ordering::Relaxed);
    }

    /// Whether it is wanted, at some moment.
    #[inline]
    pub(super) fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::Relaxed)
    }

    /// The worker has left.
    pub(super) fn take(&self) {
        let tokens = {
            let mut tokens = self.tokens();
            self.is_wanted.store(false, Ordering::Relaxed);
            std::mem::take(&mut *tokens)
        };
        drop(tokens);
    }

    fn tokens(&self) -> MutexGuard<'_, Vec<Arc<Relief>>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
