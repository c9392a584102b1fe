//! What the protocols of the machine are made of: the standard library's atomics and locks, or, with `--cfg modelled`, those of the
//! model checker, which tries every order of their steps: see `machine/models.rs`.
//!
//! What is not part of a protocol (counts of owners, the memory budget, what is recorded) uses the standard library's.

#[cfg(not(modelled))]
pub(crate) use std::hint::spin_loop;
#[cfg(not(modelled))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence};
#[cfg(not(modelled))]
pub(crate) use std::sync::{Condvar, Mutex, MutexGuard};

#[cfg(modelled)]
pub(crate) use loom::hint::spin_loop;
#[cfg(modelled)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, fence};
#[cfg(modelled)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(modelled)]
pub(crate) use waiting::Condvar;

/// Between two accesses that are SeqCst: the checker takes them for AcqRel, and knows nothing but fences that does more.
#[inline(always)]
pub(crate) fn checked_seq_cst() {
    #[cfg(modelled)]
    fence(std::sync::atomic::Ordering::SeqCst);
}

/// Sets an atomic that nobody else can use: a plain store.
pub(crate) trait Set<T> {
    /// Makes it hold `value`.
    fn set(&mut self, value: T);
}

macro_rules! set {
    ([$($generic:ident)?] $atomic:ty, $value:ty, |$this:ident, $to:ident| $checked:expr) => {
        impl$(<$generic>)? Set<$value> for $atomic {
            #[inline(always)]
            fn set(&mut self, $to: $value) {
                #[cfg(not(modelled))]
                {
                    *self.get_mut() = $to;
                }
                #[cfg(modelled)]
                {
                    let $this = self;
                    $checked;
                }
            }
        }
    };
}

set!([] AtomicU32, u32, |this, value| this.with_mut(|now| *now = value));
set!([T] AtomicPtr<T>, *mut T, |this, value| this.with_mut(|now| *now = value));
// The checker does not offer the same for this one.
set!([] AtomicBool, bool, |this, value| this.store(value, std::sync::atomic::Ordering::Relaxed));

/// The checker's condition variable with the standard library's ways to wait.
#[cfg(modelled)]
mod waiting {
    use std::sync::LockResult;
    use std::time::Duration;

    use super::MutexGuard;

    #[derive(Default)]
    pub(crate) struct Condvar(loom::sync::Condvar);

    impl Condvar {
        pub(crate) fn wait_while<'a, T>(
            &self,
            mut guard: MutexGuard<'a, T>,
            mut condition: impl FnMut(&mut T) -> bool,
        ) -> LockResult<MutexGuard<'a, T>> {
            while condition(&mut guard) {
                guard = self.0.wait(guard)?;
            }
            Ok(guard)
        }

        /// There is no time: it is over when others have had their turn.
        pub(crate) fn wait_timeout_while<'a, T>(
            &self,
            guard: MutexGuard<'a, T>,
            _: Duration,
            _: impl FnMut(&mut T) -> bool,
        ) -> LockResult<(MutexGuard<'a, T>, ())> {
            loom::thread::yield_now();
            Ok((guard, ()))
        }

        pub(crate) fn notify_one(&self) {
            self.0.notify_one();
        }
    }
}
