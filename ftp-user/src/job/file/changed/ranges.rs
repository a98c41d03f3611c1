//! Which chunks of two files are compared, and which ranges are sent. Pure.

use ftp_proto::wire::ByteRange;

/// Two files of one name, cut into chunks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::job::file) struct Chunks {
    /// The size of the source.
    size: u64,
    /// The size of the old file.
    old: u64,
    /// The size of a chunk.
    chunk: u64,
}

/// What is sent, because it differs: ranges in the order of the file, with something between any two of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::job::file) struct Changed {
    /// The first range. There is one, so that the copy has a path.
    first: ByteRange,
    others: Vec<ByteRange>,
}

/// What the digests say of two files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Worth {
    /// These ranges are sent.
    Changed(Changed),
    /// Too little is the same.
    Whole,
}

impl Chunks {
    /// The chunks of a source of `size` bytes and an old file of `old` bytes. `None` if it is not worth the questions, or if the
    /// file has become shorter: FTP has no command that cuts a file off.
    pub(in crate::job::file) fn of(size: u64, old: u64) -> Option<Self> {
        let chunk = (old / MOST_CHUNKS).next_power_of_two().max(LEAST_CHUNK);
        (old >= LEAST_SIZE && size >= old).then_some(Self { size, old, chunk })
    }

    /// How many chunks both files have.
    fn count(self) -> u64 {
        self.old.div_ceil(self.chunk)
    }

    /// A chunk by its number.
    fn at(self, number: u64) -> ByteRange {
        let first = number.saturating_mul(self.chunk);
        ByteRange { first, length: Some(self.chunk.min(self.old.saturating_sub(first))) }
    }

    /// The chunks that are compared first: some of all places.
    pub(super) fn samples(self) -> Vec<ByteRange> {
        self.numbers().filter(|number| self.is_sample(*number)).map(|number| self.at(number)).collect()
    }

    /// All other chunks.
    pub(super) fn others(self) -> Vec<ByteRange> {
        self.numbers().filter(|number| !self.is_sample(*number)).map(|number| self.at(number)).collect()
    }

    fn numbers(self) -> std::ops::Range<u64> {
        0..self.count()
    }

    const fn is_sample(self, number: u64) -> bool {
        number.is_multiple_of((self.old / self.chunk / SAMPLES).saturating_add(1))
    }

    /// What is sent, if these chunks are the same in both files and all others are not.
    pub(super) fn judge(self, same: &[ByteRange]) -> Worth {
        let differs = |number: &u64| !same.iter().any(|part| part.first == self.at(*number).first);
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let chunks = self.numbers().filter(differs).map(|number| self.at(number));
        let spans = chunks.map(|chunk| (chunk.first, chunk.first.saturating_add(chunk.length.unwrap_or(0))));
        let tail = (self.size > self.old).then_some((self.old, self.size));
        for (first, end) in spans.chain(tail) {
            match ranges.last_mut() {
                Some((_, last)) if *last == first => *last = end,
                _ => ranges.push((first, end)),
            }
        }
        let sent: u64 = ranges.iter().map(|(first, end)| end - first).sum();
        if sent > self.size / 4 * 3 {
            return Worth::Whole;
        }
        let range = |(first, end): (u64, u64)| ByteRange { first, length: Some(end - first) };
        let mut ranges = ranges.into_iter().map(range);
        let last = || self.at(self.count().saturating_sub(1));
        let first = ranges.next().unwrap_or_else(last);
        Worth::Changed(Changed { first, others: ranges.collect() })
    }
}

impl Changed {
    /// The ranges in the order of the file.
    pub(super) fn ranges(&self) -> impl Iterator<Item = ByteRange> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// How many bytes they have.
    pub(in crate::job::file) fn bytes(&self) -> u64 {
        self.ranges().filter_map(|range| range.length).sum()
    }
}

/// The smallest file of which parts are compared. A smaller one is sent within the time that the questions take.
const LEAST_SIZE: u64 = 16 << 20;
/// The smallest chunk.
const LEAST_CHUNK: u64 = 1 << 20;
/// About the largest number of chunks: each costs a question at both servers, and every second one may be a transfer.
const MOST_CHUNKS: u64 = 512;
/// About how many chunks are compared first. If none of them is the same, nothing is.
const SAMPLES: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn chunks(size: u64, old: u64) -> Chunks {
        Chunks::of(size, old).unwrap()
    }

    fn all(chunks: Chunks) -> Vec<ByteRange> {
        let mut all = [chunks.samples(), chunks.others()].concat();
        all.sort_by_key(|part| part.first);
        all
    }

    /// What is sent if the chunks with these numbers differ.
    fn sent(chunks: Chunks, differ: &[u64]) -> Option<Vec<(u64, u64)>> {
        let same: Vec<ByteRange> =
            all(chunks).into_iter().filter(|part| !differ.contains(&(part.first / chunks.chunk))).collect();
        match chunks.judge(&same) {
            Worth::Changed(changed) => {
                assert_eq!(changed.bytes(), changed.ranges().map(|range| range.length.unwrap()).sum::<u64>());
                Some(
                    changed
                        .ranges()
                        .map(|range| (range.first, range.first + range.length.unwrap()))
                        .collect(),
                )
            }
            Worth::Whole => None,
        }
    }

    #[test]
    fn the_chunks_are_the_whole_old_file_and_there_are_at_most_some_hundreds() {
        for old in [16 * MIB, 16 * MIB + 1, 64 * MIB - 1, 600 * MIB, 1 << 30, (1 << 40) + 7] {
            let chunks = chunks(old + 5, old);
            let (samples, others) = (chunks.samples().len() as u64, chunks.others().len() as u64);
            assert!(samples + others <= MOST_CHUNKS + 1 && (8..=SAMPLES + 1).contains(&samples), "{old}");
            let mut end = 0;
            for part in all(chunks) {
                assert_eq!(part.first, end, "{old}");
                end += part.length.unwrap();
            }
            assert_eq!(end, old);
        }
        assert_eq!(Chunks::of(20 * MIB, 16 * MIB - 1), None, "it is small");
        assert_eq!(Chunks::of(20 * MIB - 1, 20 * MIB), None, "it has become shorter");
        assert_eq!(Chunks::of(0, 0), None);
    }

    #[test]
    fn what_differs_is_sent_and_neighbours_are_sent_together() {
        let same_size = chunks(64 * MIB, 64 * MIB);
        for (differ, expect) in [
            (&[0][..], &[(0, 1)][..]),
            (&[3, 4, 5, 9], &[(3, 6), (9, 10)]),
            (&[0, 63], &[(0, 1), (63, 64)]),
            // A copy has a path.
            (&[], &[(63, 64)]),
        ] {
            let expect: Vec<(u64, u64)> =
                expect.iter().map(|(first, end)| (first * MIB, end * MIB)).collect();
            assert_eq!(sent(same_size, differ), Some(expect), "{differ:?}");
        }
    }

    #[test]
    fn what_is_behind_the_old_file_is_sent_with_its_last_chunk_if_that_differs() {
        let longer = chunks(40 * MIB + 3, 32 * MIB + 1);
        let (old, size) = (32 * MIB + 1, 40 * MIB + 3);
        assert_eq!(sent(longer, &[]), Some(vec![(old, size)]));
        assert_eq!(sent(longer, &[32]), Some(vec![(32 * MIB, size)]));
        assert_eq!(sent(longer, &[1, 31, 32]), Some(vec![(MIB, 2 * MIB), (31 * MIB, size)]));
    }

    #[test]
    fn a_file_of_which_little_is_the_same_is_sent_whole() {
        let same_size = chunks(64 * MIB, 64 * MIB);
        let first = |count: u64| (0..count).collect::<Vec<u64>>();
        assert_eq!(sent(same_size, &first(48)), Some(vec![(0, 48 * MIB)]));
        assert_eq!(sent(same_size, &first(49)), None);
        assert_eq!(sent(same_size, &first(64)), None);
        assert_eq!(sent(chunks(1 << 30, 16 * MIB), &[]), None, "nearly all of it is new");
    }
}
