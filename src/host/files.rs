//! Files, for the command line and for programs: read under a limit, written whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use super::Outcome;
use crate::bytecode::trap::TrapCode;
use crate::machine::trap::{Fault, Stop};

/// An input or output error in words, without the number that the system gives it.
pub fn reason(error: &io::Error) -> String {
    let words = match error.kind() {
        ErrorKind::NotFound => "there is no such file or folder",
        ErrorKind::PermissionDenied => "no permission",
        ErrorKind::IsADirectory => "it is a folder",
        ErrorKind::NotADirectory => "a part of the path is not a folder",
        ErrorKind::StorageFull => "the disk is full",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        ErrorKind::InvalidFilename => "the name is not valid",
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error").next().unwrap_or(&text);
            let mut chars = text.chars();
            return chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect());
        }
    };
    words.to_owned()
}

/// The bytes of the file `at`, which the program calls `path`; one longer than `limit` fails with `Stop::Memory`.
pub(super) fn read(at: &Path, path: &str, limit: u64) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    File::open(at)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(|error| fault("read", path, &error))?;
    if bytes.len() as u64 > limit { Err(Stop::Memory.into()) } else { Ok(bytes) }
}

/// Writes a file whole or not at all: into a temporary one beside it, which then takes its name. What is no regular file (a
/// device, a pipe) is written to directly.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    // Through links: the link stays, and what it points to is replaced.
    let target: PathBuf = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(&target).ok();
    if let Some(existing) = &existing {
        if existing.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        if !existing.is_file() {
            let mut out = BufWriter::new(File::options().write(true).open(&target)?);
            write(&mut out)?;
            return out.flush();
        }
        // A file that must not be written is not replaced either.
        File::options().append(true).open(&target)?;
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = Builder::new();
    builder.prefix(".tgvm-");
    #[cfg(unix)]
    let builder = builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let file = builder.tempfile_in(folder)?;
    if let Some(existing) = existing {
        file.as_file().set_permissions(existing.permissions())?;
    }
    let mut out = BufWriter::new(file);
    write(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.persist(&target).map(drop).map_err(|error| error.error)
}

/// Adds to the end of the file `at`, which the program calls `path`.
pub(super) fn append(at: &Path, path: &str, bytes: &[u8]) -> Outcome {
    let file = File::options().append(true).create(true).open(at);
    file.and_then(|mut file| file.write_all(bytes)).map_err(|error| fault("write", path, &error))
}

/// The trap of a file that can't be used.
pub(super) fn fault(verb: &str, path: &str, error: &io::Error) -> Fault {
    Fault::trap(TrapCode::File, format!("can't {verb} `{path}`: {}", reason(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.txt");
        write_whole(&path, |out| out.write_all(b"first")).unwrap();
        let failed = write_whole(&path, |out| {
            out.write_all(b"half of")?;
            Err(ErrorKind::StorageFull.into())
        });
        assert_eq!(failed.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert_eq!(write_whole(folder.path(), |_| Ok(())).unwrap_err().kind(), ErrorKind::IsADirectory);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("out.txt"), folder.path().join("link"));
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        symlink(&path, &link).unwrap();
        write_whole(&link, |out| out.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    }
}
