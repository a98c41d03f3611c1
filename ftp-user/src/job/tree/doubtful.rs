//! Files that are copied last, because their names differ from others in case only. A server decides how many there are, so
//! their number is bounded, and so are the bytes of their names.

use crate::job::item::Item;

/// The files that wait, each with the hash of the other name.
#[derive(Debug, Default)]
pub(super) struct Doubtful {
    files: Vec<(Item, u64)>,
    bytes: usize,
}

impl Doubtful {
    /// Keeps a file.
    ///
    /// # Errors
    ///
    /// There is no room for more: the file comes back.
    pub(super) fn push(&mut self, item: Item, other: u64) -> Result<(), Box<Item>> {
        let bytes = item.source.as_bytes().len() + item.destination.as_bytes().len();
        if self.files.len() >= MOST || self.bytes.saturating_add(bytes) > MOST_BYTES {
            return Err(Box::new(item));
        }
        self.bytes += bytes;
        self.files.push((item, other));
        Ok(())
    }

    /// All of them, once.
    pub(super) fn take(&mut self) -> Vec<(Item, u64)> {
        self.bytes = 0;
        std::mem::take(&mut self.files)
    }
}

/// The largest number of files that wait.
pub(super) const MOST: usize = 65_536;
/// The largest number of bytes of their names.
const MOST_BYTES: usize = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn item(bytes: usize) -> Item {
        Item::of_both(1, &"x".repeat(bytes))
    }

    /// How many files are kept whose names have so many bytes.
    fn kept(bytes: usize) -> usize {
        let mut doubtful = Doubtful::default();
        let mut count = 0;
        while doubtful.push(item(bytes), 0).is_ok() {
            count += 1;
        }
        assert_eq!((doubtful.take().len(), doubtful.bytes), (count, 0));
        count
    }

    #[test]
    fn a_server_does_not_decide_how_much_memory_its_names_take() {
        assert_eq!(kept(20), MOST);
        assert_eq!(kept(4096), MOST_BYTES / 8192);
    }
}
