//! Makes absolute paths of names: the working directory, `.` and `..`, and the names that no command may use and no listing
//! shows, because their files are still being received: `.ftp-<32 hex>.part` (extensions, "Names under way").

use crate::wire::{PathName, hex};

/// Maximum number of bytes of a path (PATH_MAX of Linux).
const MAX_PATH: usize = 4096;

/// The name is reserved for files that are being received, or the path is too long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NotAllowed;

/// The absolute path that `name` means in the directory `cwd`, without empty components, `.` and `..`.
/// The parent of the root is the root, so that no name leads outside. If the name ends in `/` or `/.`, the
/// path has a slash at its end, which means that only a directory will do (POSIX 4.16).
///
/// # Errors
///
/// No command may use that name.
pub(crate) fn resolve(cwd: &PathName, name: &PathName) -> Result<PathName, NotAllowed> {
    let name = name.as_bytes();
    let start: &[u8] = if name.starts_with(b"/") { b"" } else { cwd.as_bytes() };
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in start.split(slash).chain(name.split(slash)) {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop();
            }
            part if is_partial(part) => return Err(NotAllowed),
            part => parts.push(part),
        }
    }
    let path = join(&parts)?;
    if !wants_directory(name) {
        return Ok(path);
    }
    PathName::from_wire([path.as_bytes(), b"/"].concat()).map_err(|_| NotAllowed)
}

/// Whether a name ends in `/` or `/.` behind something that is not `..`.
fn wants_directory(name: &[u8]) -> bool {
    let mut back = name.rsplit(slash);
    match back.find(|part| !matches!(*part, b"" | b".")) {
        Some(part) => part != b".." && !name.ends_with(part),
        None => false,
    }
}

/// The same path without a slash at its end: for commands about directories, and for texts.
pub(crate) fn plain(path: PathName) -> PathName {
    match path.as_bytes() {
        [rest @ .., b'/'] if !rest.is_empty() => PathName::from_wire(rest).unwrap_or(path),
        _ => path,
    }
}

/// The parent directory, for CDUP.
pub(crate) fn parent(cwd: &PathName) -> PathName {
    let mut parts: Vec<&[u8]> = cwd.as_bytes().split(slash).filter(|part| !part.is_empty()).collect();
    parts.pop();
    join(&parts).unwrap_or_else(|NotAllowed| PathName::root())
}

fn join(parts: &[&[u8]]) -> Result<PathName, NotAllowed> {
    let path: Vec<u8> = if parts.is_empty() {
        b"/".to_vec()
    } else {
        parts.iter().flat_map(|part| [b"/", *part].concat()).collect()
    };
    if path.len() > MAX_PATH {
        return Err(NotAllowed);
    }
    PathName::from_wire(path).map_err(|_| NotAllowed)
}

const fn slash(byte: &u8) -> bool {
    *byte == b'/'
}

/// Whether `name`, one name of a path, is that of a file that is still being received.
pub fn is_partial(name: &[u8]) -> bool {
    let middle = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
    middle.is_some_and(|hex| hex.len() == 2 * RANDOM && hex.iter().all(u8::is_ascii_hexdigit))
}

/// Whether a path is that of the part of a file that a user agent copies (extensions, "Names under way"). Such a file may have
/// holes: it is whole only by its digest.
pub fn is_part_of_agent(path: &PathName) -> bool {
    let name = path.as_bytes().rsplit(slash).next().unwrap_or_default();
    name.starts_with(b".") && name.ends_with(b".ftp-user.part")
}

/// The name of a file that is going to be received. It cannot be guessed if `random` is random.
pub fn partial_name(random: [u8; RANDOM]) -> Vec<u8> {
    [PREFIX, hex(&random).as_bytes(), SUFFIX].concat()
}

const PREFIX: &[u8] = b".ftp-";
const SUFFIX: &[u8] = b".part";
/// Random bytes in a name.
const RANDOM: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cwd: &str, name: &str, expect: Option<&str>) {
        let path = |text: &str| PathName::from_wire(text.as_bytes()).unwrap();
        assert_eq!(resolve(&path(cwd), &path(name)).ok(), expect.map(path), "{cwd} {name}");
    }

    #[test]
    fn names_become_absolute_and_never_leave_the_root() {
        check("/", "a", Some("/a"));
        check("/a/b", "c", Some("/a/b/c"));
        check("/a/b", "/c", Some("/c"));
        check("/a/b", "..", Some("/a"));
        check("/a", "../../../etc/passwd", Some("/etc/passwd"));
        check("/a", "./b//c/./", Some("/a/b/c/"));
        check("/", "..", Some("/"));
        check("/", " x ", Some("/ x "));
        check("/", "...", Some("/..."));
    }

    #[test]
    fn a_slash_at_the_end_is_kept_where_it_asks_for_a_directory() {
        check("/", "a/", Some("/a/"));
        check("/", "a/.", Some("/a/"));
        check("/", "a//./", Some("/a/"));
        check("/", "a.", Some("/a."));
        check("/", "a/..", Some("/"));
        check("/b", "a/../", Some("/b"));
        check("/b", "./", Some("/b"));
        check("/b", "/", Some("/"));
        check("/", ".", Some("/"));
        let plain = |text: &str| plain(PathName::from_wire(text).unwrap());
        assert_eq!([plain("/a/"), plain("/")], [PathName::from_wire("/a").unwrap(), PathName::root()]);
    }

    #[test]
    fn names_of_partial_files_cannot_be_used() {
        check("/", ".ftp-0123456789abcdef0123456789ABCDEF.part", None);
        check("/", "d/.ftp-0123456789abcdef0123456789abcdef.part/x", None);
        check("/", ".ftp-0123.part", Some("/.ftp-0123.part"));
        check(
            "/",
            ".ftp-0123456789abcdef0123456789abcdeg.part",
            Some("/.ftp-0123456789abcdef0123456789abcdeg.part"),
        );
    }

    #[test]
    fn a_path_has_an_end() {
        check("/", &"/x".repeat(2048), Some(&"/x".repeat(2048)));
        check("/a", &"x/".repeat(2048), None);
    }

    #[test]
    fn the_parent_of_the_root_is_the_root() {
        let path = |text: &str| PathName::from_wire(text.as_bytes()).unwrap();
        assert_eq!(parent(&path("/a/b")), path("/a"));
        assert_eq!(parent(&path("/a")), path("/"));
        assert_eq!(parent(&PathName::root()), path("/"));
    }

    #[test]
    fn only_names_of_this_form_are_reserved() {
        assert_eq!(partial_name([0xab; 16]), b".ftp-abababababababababababababababab.part");
        assert!(is_partial(&partial_name([7; 16])));
        for name in ["", ".part", ".ftp-.part", ".ftp-ab.part", "ftp-abababababababababababababababab.part"] {
            assert!(!is_partial(name.as_bytes()), "{name}");
        }
        assert!(!is_partial(b".ftp-xbababababababababababababababab.part"));
    }
}
