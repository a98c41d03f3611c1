//! Files of counted roots that a transfer has open. The system has their bytes until the last transfer has
//! closed them, whether they have names or not, and so long they are counted.

use std::collections::HashMap;

use ftp_io::copy::Meter;
use rustix::fs::{FileType, Stat};

/// Names a file or directory of this host: its device and its inode.
pub(in crate::vfs) type Id = (u64, u64);

/// All of them.
#[derive(Debug, Default)]
pub(super) struct OpenFiles(HashMap<Id, OpenFile>);

#[derive(Debug, Default)]
struct OpenFile {
    /// How many transfers have it open.
    transfers: u32,
    /// What is counted of it while it is written.
    written: Option<Written>,
    /// The bytes that are counted of it although its last name is gone.
    unnamed: Option<u64>,
}

/// A file that is being written. Each of its names is counted with the bytes of the file; what is
/// written now is counted once until it is settled.
#[derive(Debug)]
struct Written {
    /// Its size when that began.
    first: u64,
    /// How many of its bytes are counted under one of its names.
    bytes: u64,
    /// Moves the bytes. It is stopped when the last name is removed.
    meter: Option<Meter>,
}

impl OpenFiles {
    /// A transfer opens a file to read it. Returns the bytes to count again, if its last name is gone already.
    pub(super) fn read(&mut self, file: &Stat) -> u64 {
        let open = self.0.entry(id(file)).or_default();
        open.transfers += 1;
        if file.st_nlink > 0 || open.unnamed.is_some() {
            return 0;
        }
        open.unnamed = Some(size(file));
        size(file)
    }

    /// A transfer opens a file to write it.
    pub(super) fn write(&mut self, file: &Stat) {
        let open = self.0.entry(id(file)).or_default();
        open.transfers += 1;
        if file.st_nlink > 0 {
            open.written = Some(Written { first: size(file), bytes: size(file), meter: None });
        } else {
            open.unnamed.get_or_insert(0);
        }
    }

    /// `meter` is stopped when the last name of a file that is being written is removed.
    pub(super) fn stop_with_name(&mut self, file: Id, meter: &Meter) {
        match self.0.get_mut(&file) {
            Some(OpenFile { unnamed: Some(_), .. }) => meter.stop(),
            Some(OpenFile { written: Some(written), .. }) => written.meter = Some(meter.clone()),
            Some(OpenFile { written: None, .. }) | None => {}
        }
    }

    /// How many bytes a file needs beyond what is counted, to be written up to `end`. `None` if it has no name
    /// any more, or is not being written.
    pub(super) fn missing(&self, file: Id, end: u64) -> Option<u64> {
        let open = self.0.get(&file).filter(|open| open.unnamed.is_none())?;
        open.written.as_ref().map(|written| end.saturating_sub(written.bytes))
    }

    /// So many more bytes of a file that is being written are counted.
    pub(super) fn count(&mut self, file: Id, more: u64) {
        if let Some(written) = self.0.get_mut(&file).and_then(|open| open.written.as_mut()) {
            written.bytes = written.bytes.saturating_add(more);
        }
    }

    /// A file that is being written was cut off at its start. Returns the bytes to give back.
    pub(super) fn truncate(&mut self, file: Id) -> u64 {
        let written = self.0.get_mut(&file).and_then(|open| open.written.as_mut());
        written.map_or(0, |written| std::mem::take(&mut written.bytes))
    }

    /// A name of a file is gone; `file` is its state before. Returns the bytes to give back now.
    pub(super) fn remove_name(&mut self, file: &Stat) -> u64 {
        let Some(open) = self.0.get_mut(&id(file)) else { return size(file) };
        if file.st_nlink > 1 {
            return open.written.as_ref().map_or(size(file), |written| written.first);
        }
        if open.unnamed.is_some() {
            return 0;
        }
        let written = open.written.take();
        let counted = written.as_ref().map_or(size(file), |written| written.bytes);
        if open.transfers == 0 {
            self.0.remove(&id(file));
            return counted;
        }
        open.unnamed = Some(counted);
        if let Some(meter) = written.and_then(|written| written.meter) {
            meter.stop();
        }
        0
    }

    /// A file is no longer written; `now` is its state. Returns the bytes that were counted and the bytes to count
    /// instead, under all its names.
    pub(super) fn settle(&mut self, now: &Stat) -> (u64, u64) {
        let written = self.0.get_mut(&id(now)).and_then(|open| open.written.take());
        let Some(Written { first, bytes, .. }) = written else { return (0, 0) };
        let others = now.st_nlink.saturating_sub(1);
        let counted = bytes.saturating_add(first.saturating_mul(others));
        (counted, size(now).saturating_mul(others.saturating_add(1)))
    }

    /// A transfer has closed a file. Returns the bytes to give back.
    pub(super) fn close(&mut self, file: Id) -> u64 {
        let Some(open) = self.0.get_mut(&file) else { return 0 };
        open.transfers = open.transfers.saturating_sub(1);
        if open.transfers > 0 || (open.written.is_some() && open.unnamed.is_none()) {
            return 0;
        }
        let unnamed = open.unnamed.unwrap_or(0);
        self.0.remove(&file);
        unnamed
    }

    /// Whether a file has lost its last name while it is open.
    pub(super) fn is_unnamed(&self, file: Id) -> bool {
        self.0.get(&file).is_some_and(|open| open.unnamed.is_some())
    }
}

/// The device and the inode of a file.
pub(super) fn id(stat: &Stat) -> Id {
    (stat.st_dev, stat.st_ino)
}

/// The bytes that a name counts with: those of a regular file.
pub(in crate::vfs) fn size(stat: &Stat) -> u64 {
    let is_file = FileType::from_raw_mode(stat.st_mode).is_file();
    if is_file { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 }
}
