//! What fails on a broken disk, and since when.

/// Errors that disks, mounts and networks below a server really give, by name and number.
pub const ERRORS: [(&str, i32); 10] = [
    ("ENOENT", 2),
    ("EIO", 5),
    ("ENOMEM", 12),
    ("EACCES", 13),
    ("ENAMETOOLONG", 36),
    ("ELOOP", 40),
    ("ENOTCONN", 107),
    ("ETIMEDOUT", 110),
    ("EHOSTDOWN", 112),
    ("ESTALE", 116),
];

/// Which questions about a path fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// The path and all below it: nobody can look at it.
    Name,
    /// The names below a directory: it can be listed, but nobody can look at what is in it.
    Inside,
    /// A directory cannot be opened for listing.
    Opening,
    /// The listing of a directory breaks off in the middle.
    Reading,
    /// The bytes of a file.
    Content,
}

/// A path that fails. The path of the disk itself is empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    path: String,
    part: Part,
    error: i32,
    /// It begins when somebody looks in this directory for a name that is not there.
    waits_for: Option<String>,
}

/// What somebody does with a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question {
    Look,
    Open,
    Next,
    Bytes,
}

impl Fault {
    /// These questions about a path fail from now on. `error` is one of [`ERRORS`].
    pub fn new(path: &str, part: Part, error: &str) -> Self {
        let known = ERRORS.iter().find(|(name, _)| *name == error);
        let (_, error) = *known.unwrap_or_else(|| panic!("{error} is not in the table"));
        Self { path: path.into(), part, error, waits_for: None }
    }

    /// They fail only from the moment on when somebody looks in a directory for a name that it does not have. Names with a dot
    /// do not count: some servers look for files of their own.
    pub fn once_missed_in(self, directory: &str) -> Self {
        Self { waits_for: Some(directory.into()), ..self }
    }

    /// Somebody looks for a name that is not there.
    pub(super) fn misses(&mut self, directory: &str, name: &str) {
        if !name.starts_with('.') {
            self.waits_for.take_if(|awaited| awaited == directory);
        }
    }

    /// The error that this question about `path` gets.
    pub(super) fn error(&self, path: &str, question: Question) -> Option<i32> {
        let (own, below) = (path == self.path, is_below(path, &self.path));
        let fails = match self.part {
            Part::Name => own || below,
            Part::Inside => below,
            Part::Opening => own && question == Question::Open,
            Part::Reading => own && question == Question::Next,
            Part::Content => own && question == Question::Bytes,
        };
        (self.waits_for.is_none() && fails).then_some(self.error)
    }
}

/// Whether a path is below a directory; all are below the empty one.
fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| !rest.is_empty() && (directory.is_empty() || rest.starts_with('/')))
}
