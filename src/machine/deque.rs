//! A worker's deque: the owner pushes and pops at one end, thieves take from the other. What happens when both want the last
//! item is the deque's affair alone: one of them gets it.

/// The owner's end.
pub(super) trait Owner<T> {
    /// What thieves use.
    type Thief: Thief<T>;
    /// An empty deque.
    fn new() -> Self;
    /// A thief's end of it.
    fn thief(&self) -> Self::Thief;
    /// Puts an item on top.
    fn push(&self, item: T);
    /// Takes the item on top.
    fn pop(&self) -> Option<T>;
    /// How many there are, at some moment.
    fn len(&self) -> usize;
}

/// A thief's end.
pub(super) trait Thief<T>: Sync + Send {
    /// Takes the oldest item, and perhaps a few more for the thief's own deque.
    fn steal_into<O: Owner<T>>(&self, into: &O) -> Option<T>;
    /// Whether nothing is there, at some moment.
    fn has_none(&self) -> bool;
    /// How much is there, at some moment.
    fn len(&self) -> usize;
}

/// The deque that workers use.
#[cfg(not(any(miri, modelled)))]
pub(super) type Deque<T> = chase_lev::Deque<T>;
#[cfg(any(miri, modelled))]
pub(super) type Deque<T> = modelled::Deque<T>;

/// crossbeam's.
#[cfg(not(any(miri, modelled)))]
mod chase_lev {
    use super::{Owner, Thief};
    use crossbeam_deque::{Steal, Stealer, Worker};

    /// How many items a thief takes at most.
    const BATCH: usize = 8;

    pub(in crate::machine) struct Deque<T>(pub(in crate::machine) Worker<T>);

    impl<T: Send> Owner<T> for Deque<T> {
        type Thief = Stealer<T>;
        fn new() -> Deque<T> {
            Deque(Worker::new_lifo())
        }
        fn thief(&self) -> Stealer<T> {
            self.0.stealer()
        }
        #[inline]
        fn push(&self, item: T) {
            self.0.push(item);
        }
        #[inline]
        fn pop(&self) -> Option<T> {
            self.0.pop()
        }
        #[inline]
        fn len(&self) -> usize {
            self.0.len()
        }
    }

    impl<T: Send> Thief<T> for Stealer<T> {
        fn steal_into<O: Owner<T>>(&self, into: &O) -> Option<T> {
            let most = Stealer::len(self).div_ceil(2).min(BATCH);
            let mut first = None;
            for _ in 0..most.max(1) {
                let item = loop {
                    match Stealer::steal(self) {
                        Steal::Success(item) => break Some(item),
                        Steal::Empty => break None,
                        Steal::Retry => std::hint::spin_loop(),
                    }
                };
                match (item, &first) {
                    (None, _) => break,
                    (Some(item), None) => first = Some(item),
                    (Some(item), Some(_)) => into.push(item),
                }
            }
            first
        }
        fn has_none(&self) -> bool {
            Stealer::is_empty(self)
        }
        fn len(&self) -> usize {
            Stealer::len(self)
        }
    }
}

/// One behind a lock, for where the other can't be checked. Whether it is empty is told as the other tells it: a thief that looks
/// without taking may not see yet what has just been pushed.
#[cfg(any(miri, modelled, test))]
mod modelled {
    use super::{Owner, Thief};
    use crate::platform::sync::{AtomicUsize, Mutex, MutexGuard, fence};
    use std::collections::VecDeque;
    use std::sync::atomic::Ordering;
    use std::sync::{Arc, PoisonError};

    pub(in crate::machine) struct Deque<T>(Arc<Items<T>>);

    pub(in crate::machine) struct Items<T> {
        items: Mutex<VecDeque<T>>,
        count: AtomicUsize,
    }

    impl<T> Items<T> {
        fn change<R>(&self, change: impl FnOnce(&mut VecDeque<T>) -> R) -> R {
            let mut items: MutexGuard<'_, VecDeque<T>> = self.items.lock().unwrap_or_else(PoisonError::into_inner);
            let result = change(&mut items);
            self.count.store(items.len(), Ordering::Release);
            result
        }
    }

    impl<T: Send> Owner<T> for Deque<T> {
        type Thief = Arc<Items<T>>;
        fn new() -> Deque<T> {
            Deque(Arc::new(Items { items: Mutex::default(), count: AtomicUsize::new(0) }))
        }
        fn thief(&self) -> Self::Thief {
            self.0.clone()
        }
        fn push(&self, item: T) {
            self.0.change(|items| items.push_back(item));
        }
        fn pop(&self) -> Option<T> {
            self.0.change(VecDeque::pop_back)
        }
        fn len(&self) -> usize {
            self.0.count.load(Ordering::Relaxed)
        }
    }

    impl<T: Send> Thief<T> for Arc<Items<T>> {
        fn steal_into<O: Owner<T>>(&self, _: &O) -> Option<T> {
            self.change(VecDeque::pop_front)
        }
        fn has_none(&self) -> bool {
            fence(Ordering::SeqCst);
            self.count.load(Ordering::Acquire) == 0
        }
        fn len(&self) -> usize {
            self.count.load(Ordering::Acquire)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeps_order<D: Owner<u32>>() {
        let (deque, other) = (D::new(), D::new());
        let thief = deque.thief();
        assert!(thief.has_none() && thief.steal_into(&other).is_none());
        (0..4).for_each(|item| deque.push(item));
        assert_eq!((deque.pop(), deque.len()), (Some(3), 3));
        let stolen = thief.steal_into(&other);
        assert_eq!(stolen, Some(0), "the oldest first");
        let mut rest: Vec<u32> = std::iter::from_fn(|| other.pop()).chain(std::iter::from_fn(|| deque.pop())).collect();
        rest.sort_unstable();
        assert_eq!(rest, [1, 2], "none is lost, none is there twice");
    }

    #[test]
    fn both_deques_keep_the_order() {
        keeps_order::<modelled::Deque<u32>>();
        #[cfg(not(any(miri, modelled)))]
        keeps_order::<chase_lev::Deque<u32>>();
    }
}
