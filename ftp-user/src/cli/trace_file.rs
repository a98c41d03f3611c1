//! The file of `--trace`.

use crate::failure::{Failure, Kind};
use ftp_io::named_file::open_to_write;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// The file of `--trace`, empty. Only this user may read it: a dialogue names files and users.
pub(super) fn create(path: &Path) -> Result<File, Failure> {
    let open = || {
        let link = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
        if link && std::fs::metadata(path).is_ok_and(|target| target.is_file()) {
            return Err(io::Error::other("it is a symbolic link to a file"));
        }
        let file = open_to_write(File::options().create(true).truncate(true).mode(0o600), path)?;
        // It may have been there, and it may be a device or a pipe.
        if file.metadata()?.is_file() {
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    };
    open().map_err(|error| {
        Failure::of_this_host(format!("cannot write the trace {}", path.display()), &error)
            .as_kind(Kind::Other)
            .hint("name a file that this user may write")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_user_can_read_a_trace() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trace");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        create(&path).unwrap();
        assert_eq!(mode(), 0o600);

        std::fs::write(&path, "what was there").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        create(&path).unwrap();
        assert_eq!((mode(), std::fs::read(&path).unwrap()), (0o600, vec![]));

        // Scripts read other kinds as something about the files that are copied.
        let failure = create(&directory.path().join("none/trace")).unwrap_err();
        assert!(failure.to_string().contains("no such file or directory"), "{failure}");
        assert_eq!(failure.kind, Kind::Other);
        assert!(create(Path::new("/dev/null")).is_ok());

        // The target may be anybody's file, and must keep its content and mode.
        let (target, link) = (directory.path().join("target"), directory.path().join("link"));
        std::fs::write(&target, "what was there").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(create(&link).unwrap_err().to_string().contains("symbolic link"));
        assert_eq!(std::fs::read(&target).unwrap(), b"what was there");
    }
}
