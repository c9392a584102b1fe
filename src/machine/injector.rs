//! Jobs that any worker finds, the first first. Any thread puts them in, any worker takes them.
//!
//! Invariant: a sleeper that does not see a job is seen by who has pushed it, afterwards: see "Sleeping and waking" in
//! `docs/protocols.md`.

#[cfg(any(miri, modelled))]
pub(super) use behind_a_lock::Injector;
#[cfg(not(any(miri, modelled)))]
pub(super) use segmented::Injector;

/// crossbeam's.
#[cfg(not(any(miri, modelled)))]
mod segmented {
    use std::sync::atomic::Ordering;

    use crossbeam_deque::Steal;

    use crate::machine::deque::Deque;
    use crate::platform::step;
    use crate::platform::sync::{fence, spin_loop};

    /// How many are taken at once at most.
    const BATCH: usize = 16;

    pub(in crate::machine) struct Injector<T>(crossbeam_deque::Injector<T>);

    impl<T> Injector<T> {
        /// An empty one.
        pub(in crate::machine) fn new() -> Injector<T> {
            Injector(crossbeam_deque::Injector::new())
        }

        /// Puts a job at the end.
        #[inline]
        pub(in crate::machine) fn push(&self, job: T) {
            self.0.push(job);
            step();
            fence(Ordering::SeqCst);
        }

        /// Takes the first.
        #[inline]
        pub(in crate::machine) fn take(&self) -> Option<T> {
            loop {
                match self.0.steal() {
                    Steal::Success(job) => return Some(job),
                    Steal::Empty => return None,
                    Steal::Retry => spin_loop(),
                }
            }
        }

        /// Takes the first, and perhaps a few more for that deque, the first of them on top.
        #[inline]
        pub(in crate::machine) fn take_some(&self, into: &Deque<T>) -> Option<T> {
            loop {
                match self.0.steal_batch_with_limit_and_pop(&into.0, BATCH) {
                    Steal::Success(job) => return Some(job),
                    Steal::Empty => return None,
                    Steal::Retry => spin_loop(),
                }
            }
        }

        /// Whether there are any.
        #[inline]
        pub(in crate::machine) fn has_some(&self) -> bool {
            !self.0.is_empty()
        }
    }
}

/// One behind a lock, for where the other can't be checked.
#[cfg(any(miri, modelled, test))]
mod behind_a_lock {
    use std::collections::VecDeque;
    use std::sync::PoisonError;
    use std::sync::atomic::Ordering;

    use crate::platform::step;
    use crate::platform::sync::{AtomicUsize, Mutex, MutexGuard, fence};

    pub(in crate::machine) struct Injector<T> {
        jobs: Mutex<VecDeque<T>>,
        count: AtomicUsize,
    }

    impl<T> Injector<T> {
        pub(in crate::machine) fn new() -> Injector<T> {
            Injector { jobs: Mutex::default(), count: AtomicUsize::new(0) }
        }

        fn jobs(&self) -> MutexGuard<'_, VecDeque<T>> {
            self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
        }

        pub(in crate::machine) fn push(&self, job: T) {
            self.jobs().push_back(job);
            step();
            self.count.fetch_add(1, Ordering::SeqCst);
            fence(Ordering::SeqCst);
        }

        pub(in crate::machine) fn take(&self) -> Option<T> {
            if self.count.load(Ordering::Relaxed) == 0 {
                return None;
            }
            let job = self.jobs().pop_front()?;
            self.count.fetch_sub(1, Ordering::SeqCst);
            Some(job)
        }

        /// The others wait here.
        pub(in crate::machine) fn take_some<D>(&self, _: &D) -> Option<T> {
            self.take()
        }

        pub(in crate::machine) fn has_some(&self) -> bool {
            self.count.load(Ordering::SeqCst) > 0
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::machine::deque::{Deque, Owner};

    macro_rules! keeps_order {
        ($injector:ty) => {{
            let injector = <$injector>::new();
            assert!(!injector.has_some() && injector.take().is_none());
            (0..100).for_each(|job| injector.push(job));
            assert!(injector.has_some());
            let taken: Vec<u32> = std::iter::from_fn(|| injector.take()).collect();
            assert_eq!(taken, (0..100).collect::<Vec<u32>>());
            let deque = Deque::new();
            (0..100).for_each(|job| injector.push(job));
            let next = || deque.pop().or_else(|| injector.take_some(&deque));
            assert_eq!(std::iter::from_fn(next).collect::<Vec<u32>>(), taken, "some at a time");
        }};
    }

    #[test]
    fn both_injectors_keep_the_order() {
        keeps_order!(super::behind_a_lock::Injector<u32>);
        #[cfg(not(any(miri, modelled)))]
        keeps_order!(super::segmented::Injector<u32>);
    }
}
