//! What a program may use of the world outside it: folders to read and to write, the clock, its environment.
//!
//! Invariant: a path that is let through is absolute, without links or `..`, and lies in a granted folder. So neither leads out of
//! it; but a link that somebody else makes between the look and the use would.

use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::{Outcome, files};
use crate::machine::trap::Fault;

/// See the head of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grants(Option<Granted>);

/// What is granted in a sandbox.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Granted {
    read: Vec<PathBuf>,
    write: Vec<PathBuf>,
    clock: bool,
    environment: bool,
}

impl Grants {
    /// All that the process may use.
    pub fn all() -> Grants {
        Grants(None)
    }

    /// Nothing but what the following add.
    pub fn none() -> Grants {
        Grants(Some(Granted::default()))
    }

    fn add(mut self, add: impl FnOnce(&mut Granted)) -> Grants {
        self.0.as_mut().map(add);
        self
    }

    /// Files in that folder may be read.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn read(self, folder: &Path) -> Result<Grants, std::io::Error> {
        let folder = folder_of(folder)?;
        Ok(self.add(|granted| granted.read.push(folder)))
    }

    /// Files in that folder may be written; to read them is granted apart.
    ///
    /// # Errors
    /// There is no such folder.
    pub fn write(self, folder: &Path) -> Result<Grants, std::io::Error> {
        let folder = folder_of(folder)?;
        Ok(self.add(|granted| granted.write.push(folder)))
    }

    /// The clock may be read.
    pub fn with_clock(self) -> Grants {
        self.add(|granted| granted.clock = true)
    }

    /// The arguments may be seen.
    pub fn with_environment(self) -> Grants {
        self.add(|granted| granted.environment = true)
    }

    pub(super) fn clock(&self) -> Outcome {
        self.check(|granted| granted.clock, "the clock")
    }

    pub(super) fn environment(&self) -> Outcome {
        self.check(|granted| granted.environment, "the program's arguments")
    }

    fn check(&self, of: impl FnOnce(&Granted) -> bool, what: &str) -> Outcome {
        if self.0.as_ref().is_none_or(of) { Ok(()) } else { Err(Fault::not_permitted(what)) }
    }

    /// Where a file lies that the program wants to look at.
    pub(super) fn to_read(&self, path: &str) -> Result<PathBuf, Fault> {
        self.resolve(|granted| &granted.read, "read", path)
    }

    /// Where a file lies that the program wants to write.
    pub(super) fn to_write(&self, path: &str) -> Result<PathBuf, Fault> {
        self.resolve(|granted| &granted.write, "write", path)
    }

    fn resolve(&self, folders: fn(&Granted) -> &[PathBuf], verb: &str, path: &str) -> Result<PathBuf, Fault> {
        let Some(granted) = &self.0 else { return Ok(path.into()) };
        let refused = || Fault::not_permitted(format!("to {verb} `{path}`"));
        let found = real(Path::new(path)).map_err(|error| match error.kind() {
            // More would tell what lies outside.
            ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::NotADirectory => refused(),
            _ => files::fault(verb, path, &error),
        })?;
        if folders(granted).iter().any(|folder| found.starts_with(folder)) { Ok(found) } else { Err(refused()) }
    }
}

fn folder_of(path: &Path) -> Result<PathBuf, std::io::Error> {
    let folder = fs::canonicalize(path)?;
    if folder.is_dir() { Ok(folder) } else { Err(ErrorKind::NotADirectory.into()) }
}

/// The path without links and `..`. Its last parts may be missing, but for a link that leads nowhere: whoever creates a file there
/// would create it somewhere else.
fn real(path: &Path) -> Result<PathBuf, std::io::Error> {
    let error = match fs::canonicalize(path) {
        Ok(real) => return Ok(real),
        Err(error) if error.kind() != ErrorKind::NotFound || fs::symlink_metadata(path).is_ok() => return Err(error),
        Err(error) => error,
    };
    let (Some(Component::Normal(name)), Some(parent)) = (path.components().next_back(), path.parent()) else {
        return Err(error);
    };
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    Ok(real(parent)?.join(name))
}
