//! What a value of a command line is, by the name that the help gives it. Pure.

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValueKind {
    /// A file of this host.
    File,
    /// A path, of this host unless the help lists what it can be.
    Path,
    /// A directory of this host.
    Directory,
    /// A place, here or at a server.
    Place,
    /// A place from which something is taken.
    Source,
    /// A place that gets something.
    Destination,
    /// Anything else, such as a number.
    Other,
}

impl ValueKind {
    /// What the help calls so.
    pub fn of(name: &str) -> Self {
        match name {
            "FILE" => Self::File,
            "PATH" => Self::Path,
            "DIR" => Self::Directory,
            "PLACE" => Self::Place,
            "SOURCE" => Self::Source,
            "DEST" => Self::Destination,
            _ => Self::Other,
        }
    }

    /// Whether it is a place, here or at a server.
    pub const fn is_place(self) -> bool {
        match self {
            Self::Place | Self::Source | Self::Destination => true,
            Self::File | Self::Path | Self::Directory | Self::Other => false,
        }
    }
}
