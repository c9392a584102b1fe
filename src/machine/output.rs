//! Output that is held back until it is its turn.

use super::host_call::{Stream, World};
use super::trap::Fault;

/// Bytes for which an empty log keeps its room: there is one for each frame and each run, in use or not.
const KEPT: usize = 16 << 10;

/// What was printed, in order.
#[derive(Default, Debug)]
pub(super) struct Log {
    bytes: Vec<u8>,
    /// Which stream each part is for, and where it ends.
    parts: Vec<(Stream, usize)>,
}

impl Log {
    /// Bytes held.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.bytes.extend_from_slice(bytes);
        match self.parts.last_mut() {
            Some((last, end)) if *last == stream => *end = self.bytes.len(),
            _ => self.parts.push((stream, self.bytes.len())),
        }
    }

    /// Moves all of `later` to the end.
    pub(super) fn append(&mut self, later: &mut Log) {
        if self.bytes.is_empty() {
            std::mem::swap(self, later);
            return;
        }
        let mut start = 0;
        for &(stream, end) in &later.parts {
            self.push(stream, &later.bytes[start..end]);
            start = end;
        }
        later.clear();
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.parts.clear();
    }

    /// Writes it out, and is empty then.
    pub(super) fn write_to(&mut self, world: &mut dyn World) -> Result<(), Fault> {
        let mut start = 0;
        let mut result = Ok(());
        for &(stream, end) in &self.parts {
            result = result.and_then(|()| world.write(stream, &self.bytes[start..end]));
            start = end;
        }
        self.clear();
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_the_order_of_its_parts() {
        let (mut first, mut second) = (Log::default(), Log::default());
        first.push(Stream::Out, b"a");
        second.push(Stream::Out, b"b");
        second.push(Stream::Error, b"c");
        first.append(&mut second);
        assert!(second.is_empty());
        assert_eq!(first.bytes, b"abc");
        assert_eq!(first.parts, [(Stream::Out, 2), (Stream::Error, 3)]);
    }
}
