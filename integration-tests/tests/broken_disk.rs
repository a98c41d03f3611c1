//! Servers over a disk that fails on demand: what they say of it, and what `ftp-user` makes of that.

mod deletions;
mod destinations;
mod moments;
mod restarts;
mod source;
mod words;

use integration_tests::broken_disk::{BrokenDisk, ERRORS, Fault, Part};
use integration_tests::or_skip;
use std::fs;

#[test]
fn a_broken_disk_fails_where_and_when_it_is_told_to() {
    let place = tempfile::tempdir().unwrap();
    let disk = or_skip!(BrokenDisk::mount(place.path()));
    disk.file("d/x", "bytes");
    disk.file("d/y", "y");
    let (d, x) = (place.path().join("d"), place.path().join("d/x"));
    let names = || {
        let names = fs::read_dir(&d)?.map(|entry| Ok(entry?.file_name().into_string().unwrap()));
        names.collect::<std::io::Result<Vec<_>>>()
    };
    for types in [true, false] {
        disk.tells_types(types);
        assert_eq!(names().unwrap(), ["x", "y"]);
    }
    assert_eq!(fs::read(&x).unwrap(), b"bytes");
    for (error, number) in ERRORS {
        let number = Some(number);
        disk.fails(&[Fault::new("d/x", Part::Name, error)]);
        assert_eq!(fs::symlink_metadata(&x).unwrap_err().raw_os_error(), number, "{error}");
        assert_eq!(names().unwrap(), ["x", "y"]);
        disk.fails(&[Fault::new("d", Part::Inside, error)]);
        assert_eq!(fs::symlink_metadata(&x).unwrap_err().raw_os_error(), number, "{error}");
        assert!(fs::symlink_metadata(&d).unwrap().is_dir());
        disk.fails(&[Fault::new("d", Part::Opening, error)]);
        assert_eq!(names().unwrap_err().raw_os_error(), number, "{error}");
        disk.fails(&[Fault::new("d", Part::Reading, error)]);
        // readdir(3) calls ENOENT the end of the listing.
        assert_eq!(names().is_err(), error != "ENOENT", "{error}");
        disk.fails(&[Fault::new("d/x", Part::Content, error)]);
        assert_eq!(fs::read(&x).unwrap_err().raw_os_error(), number, "{error}");
        disk.fails(&[Fault::new("", Part::Name, error).once_missed_in("d")]);
        assert_eq!(names().unwrap(), ["x", "y"]);
        assert!(!d.join(".hidden").exists() && !place.path().join("e").exists());
        assert_eq!(names().unwrap(), ["x", "y"]);
        assert!(!d.join("z").exists());
        assert_eq!(names().unwrap_err().raw_os_error(), number, "{error}");
        disk.fails(&[]);
        assert_eq!(names().unwrap(), ["x", "y"]);
    }
    fs::remove_file(&x).unwrap();
    assert_eq!(disk.names(), ["d/", "d/y"]);
    disk.becomes_when_opened("d", &["d/", "other"], || {});
    assert!(d.join("y").exists() && !disk.has_become());
    assert!(names().unwrap().is_empty() && disk.has_become());
    assert_eq!(disk.names(), ["d/", "other"]);
}
