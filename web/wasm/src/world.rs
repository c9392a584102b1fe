//! The world of a program in a page: arguments, a text as standard input, and files that are there in memory only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tgvm::bytecode::trap::TrapCode;
use tgvm::machine::host_call::{Stream, World};
use tgvm::machine::trap::{Fault, Stop};

/// Files by path, and which of them have been written since somebody asked.
#[derive(Default)]
pub struct Files {
    files: BTreeMap<String, Vec<u8>>,
    written: BTreeSet<String>,
    /// Bytes that all may take together.
    limit: u64,
}

impl Files {
    /// These files; with what is written they may take so many bytes.
    pub fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>, limit: u64) -> Files {
        let files = files.into_iter().map(|(path, bytes)| (plain(&path), bytes)).collect();
        Files { files, written: BTreeSet::new(), limit }
    }

    /// Those that were written, with their bytes.
    pub fn take_written(&mut self) -> Vec<(String, Vec<u8>)> {
        let written = std::mem::take(&mut self.written);
        written.into_iter().map(|path| (path.clone(), self.files[&path].clone())).collect()
    }

    fn room_for(&self, path: &str, bytes: usize) -> Result<(), Fault> {
        let others = self.files.iter().filter(|(other, _)| *other != path);
        let taken: usize = others.map(|(_, bytes)| bytes.len()).sum();
        if taken as u64 + bytes as u64 > self.limit { Err(Stop::Memory.into()) } else { Ok(()) }
    }
}

/// The path without what makes no difference: `./a//b` is `a/b`.
fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    parts.join("/")
}

/// Where output goes.
pub type Sink = Box<dyn FnMut(Stream, &[u8]) + Send>;
/// Seconds of a clock.
pub type Clock = Box<dyn Fn() -> f64 + Send>;

/// See the head of this file.
pub struct PageWorld {
    /// The program's arguments.
    pub args: Vec<String>,
    /// Standard input, and how much of it has been read.
    pub input: (Arc<str>, usize),
    /// The files.
    pub files: Arc<Mutex<Files>>,
    /// What takes what is printed.
    pub sink: Sink,
    /// What the program sees as time.
    pub clock: Clock,
}

impl PageWorld {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn fault(verb: &str, path: &str, reason: &str) -> Fault {
    Fault::trap(TrapCode::File, format!("can't {verb} `{path}`: {reason}"))
}

impl World for PageWorld {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Fault> {
        (self.sink)(stream, bytes);
        Ok(())
    }

    fn args(&mut self) -> Result<Vec<String>, Fault> {
        Ok(self.args.clone())
    }

    fn read_line(&mut self, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
        let (text, read) = &mut self.input;
        let rest = &text[*read..];
        let line = rest.split_inclusive('\n').next().unwrap_or_default();
        if line.len() as u64 > limit {
            return Err(Stop::Memory.into());
        }
        *read += line.len();
        Ok((!line.is_empty()).then(|| line.as_bytes().to_vec()))
    }

    fn read_file(&mut self, path: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        let files = self.files();
        match files.files.get(&plain(path)) {
            Some(bytes) if bytes.len() as u64 > limit => Err(Stop::Memory.into()),
            Some(bytes) => Ok(bytes.clone()),
            None => Err(fault("read", path, "there is no such file or folder")),
        }
    }

    fn file_exists(&mut self, path: &str) -> Result<bool, Fault> {
        let path = plain(path);
        let folder = format!("{path}/");
        Ok(self.files().files.keys().any(|other| *other == path || other.starts_with(&folder)))
    }

    fn write_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        let name = plain(path);
        if name.is_empty() {
            return Err(fault("write", path, "the name is not valid"));
        }
        let mut files = self.files();
        files.room_for(&name, bytes.len())?;
        files.files.insert(name.clone(), bytes.to_vec());
        files.written.insert(name);
        Ok(())
    }

    fn append_file(&mut self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        let name = plain(path);
        if name.is_empty() {
            return Err(fault("write", path, "the name is not valid"));
        }
        let mut files = self.files();
        let before = files.files.get(&name).map_or(0, Vec::len);
        files.room_for(&name, before + bytes.len())?;
        files.files.entry(name.clone()).or_default().extend_from_slice(bytes);
        files.written.insert(name);
        Ok(())
    }

    fn clock(&mut self) -> Result<f64, Fault> {
        Ok((self.clock)())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world(limit: u64) -> PageWorld {
        let files = Files::new([("data/a.txt".to_owned(), b"abc".to_vec())], limit);
        let input = (Arc::from("one\ntwo"), 0);
        PageWorld {
            args: Vec::new(),
            input,
            files: Arc::new(Mutex::new(files)),
            sink: Box::new(|_, _| ()),
            clock: Box::new(|| 0.0),
        }
    }

    #[test]
    fn files_are_read_written_and_told() {
        let mut world = world(1 << 20);
        assert_eq!(world.read_file("./data//a.txt", 3).unwrap(), b"abc");
        assert_eq!(world.read_file("data/a.txt", 2), Err(Stop::Memory.into()));
        assert!(world.file_exists("data").unwrap() && !world.file_exists("dat").unwrap());
        assert!(matches!(world.read_file("b.txt", 9), Err(Fault::Trap(TrapCode::File, _))));
        world.append_file("b.txt", b"1").unwrap();
        world.append_file("./b.txt", b"2").unwrap();
        assert!(matches!(world.write_file("./", b""), Err(Fault::Trap(TrapCode::File, _))));
        assert_eq!(world.files().take_written(), [("b.txt".to_owned(), b"12".to_vec())]);
        assert!(world.files().take_written().is_empty());
    }

    #[test]
    fn files_have_a_limit() {
        let mut world = world(8);
        world.write_file("b", b"12345").unwrap();
        assert_eq!(world.write_file("c", b"1"), Err(Stop::Memory.into()));
        world.write_file("b", b"54321").unwrap();
        assert_eq!(world.append_file("b", b"6"), Err(Stop::Memory.into()));
    }

    #[test]
    fn lines_of_the_input_come_one_by_one() {
        let mut world = world(0);
        assert_eq!(world.read_line(2), Err(Stop::Memory.into()));
        assert_eq!(world.read_line(9).unwrap().unwrap(), b"one\n");
        assert_eq!(world.read_line(9).unwrap().unwrap(), b"two");
        assert_eq!(world.read_line(9).unwrap(), None);
    }
}
