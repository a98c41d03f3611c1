//! The words of the kernel's FUSE protocol that a file system of tests needs (`linux/fuse.h`): plain bytes in the order of
//! this machine.

/// The most bytes of one write of a program.
const MAX_WRITE: u32 = 64 << 10;
/// Room for the largest request.
pub(super) const ROOM: usize = (MAX_WRITE as usize) + 8192;

/// What the kernel wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Asked {
    /// The protocol begins.
    Init,
    /// No reply is expected.
    Forget,
    Lookup(String),
    Attributes,
    Open,
    Read {
        offset: u64,
        size: u32,
    },
    OpenDirectory,
    ReadDirectory {
        offset: u64,
        size: u32,
    },
    Access,
    Unlink(String),
    RemoveDirectory(String),
    /// `directory` is the number of the one where the new name is.
    Rename {
        name: String,
        directory: u64,
        new: String,
    },
    Space,
    /// Open files and directories have no state here.
    Release,
    Other,
}

/// A request of the kernel, as it was read from the device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Request {
    pub(super) unique: u64,
    pub(super) node: u64,
    pub(super) asked: Asked,
}

impl Request {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let body = &bytes[40..];
        let texts = |from: usize| {
            let mut texts = body[from..].split(|byte| *byte == 0).map(String::from_utf8_lossy);
            move || texts.next().unwrap().into_owned()
        };
        let name = || texts(0)();
        let (offset, size) = if body.len() >= 20 { (long(body, 8), word(body, 16)) } else { (0, 0) };
        let asked = match word(bytes, 4) {
            1 => Asked::Lookup(name()),
            2 | 36 | 42 => Asked::Forget,
            3 => Asked::Attributes,
            10 => Asked::Unlink(name()),
            11 => Asked::RemoveDirectory(name()),
            12 => {
                let mut next = texts(8);
                Asked::Rename { name: next(), directory: long(body, 0), new: next() }
            }
            14 => Asked::Open,
            15 => Asked::Read { offset, size },
            17 => Asked::Space,
            18 | 25 | 29 => Asked::Release,
            26 => Asked::Init,
            27 => Asked::OpenDirectory,
            28 => Asked::ReadDirectory { offset, size },
            34 => Asked::Access,
            _ => Asked::Other,
        };
        Self { unique: long(bytes, 8), node: long(bytes, 16), asked }
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// A reply: the number of an error, or bytes.
pub(super) fn reply(unique: u64, result: Result<Vec<u8>, i32>) -> Vec<u8> {
    let (error, body) = match result {
        Ok(body) => (0, body),
        Err(number) => (-number, Vec::new()),
    };
    let mut bytes = Vec::with_capacity(16 + body.len());
    bytes.extend(u32::try_from(16 + body.len()).unwrap().to_ne_bytes());
    bytes.extend(error.to_ne_bytes());
    bytes.extend(unique.to_ne_bytes());
    bytes.extend(body);
    bytes
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn longs(longs: &[u64]) -> Vec<u8> {
    longs.iter().flat_map(|long| long.to_ne_bytes()).collect()
}

/// The reply to INIT: version 7.31, no feature, nothing read ahead.
pub(super) fn init() -> Vec<u8> {
    let mut body = words(&[7, 31, 0, 0, 0, MAX_WRITE, 1]);
    body.resize(64, 0);
    body
}

/// What stat(2) tells of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Attributes {
    pub(super) node: u64,
    pub(super) size: u64,
    /// Seconds since 1970.
    pub(super) modified: u64,
    /// Type and permissions.
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) group: u32,
}

impl Attributes {
    fn bytes(self) -> Vec<u8> {
        let Self { node, size, modified, mode, owner, group } = self;
        let mut bytes = longs(&[node, size, size.div_ceil(512), modified, modified, modified]);
        bytes.extend(words(&[0, 0, 0, mode, 1, owner, group, 0, 4096, 0]));
        bytes
    }

    /// The reply to LOOKUP: nothing of it may be remembered.
    pub(super) fn entry(self) -> Vec<u8> {
        [longs(&[self.node, 0, 0, 0]), words(&[0, 0]), self.bytes()].concat()
    }

    /// The reply to GETATTR: nothing of it may be remembered.
    pub(super) fn alone(self) -> Vec<u8> {
        [longs(&[0]), words(&[0, 0]), self.bytes()].concat()
    }
}

/// The reply to OPEN and OPENDIR.
pub(super) fn opened() -> Vec<u8> {
    vec![0; 16]
}

/// The reply to STATFS: half of it is free.
pub(super) fn space() -> Vec<u8> {
    let mut body = longs(&[1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19]);
    body.extend(words(&[4096, 255, 4096]));
    body.resize(80, 0);
    body
}

/// One name of a directory; `kind` is what `d_type` says.
pub(super) fn name_in_directory(node: u64, next: u64, kind: u32, name: &str) -> Vec<u8> {
    let mut bytes = longs(&[node, next]);
    bytes.extend(words(&[u32::try_from(name.len()).unwrap(), kind]));
    bytes.extend(name.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}
