//! What the last runs between two sites have tried: `runs.json` in the state directory. It is bounded, and holds no
//! secrets.

use super::file::StateFile;
use crate::history::{PastPair, PastRace, PastRun};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The last runs, and what this one has tried so far. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    file: StateFile,
    now: Arc<Mutex<Vec<PastPair>>>,
}

impl Runs {
    /// The runs that are kept in that state directory; none without a directory.
    pub fn at(directory: Option<PathBuf>) -> Self {
        Self { file: StateFile::at(directory, "runs.json"), now: Arc::default() }
    }

    fn now(&self) -> MutexGuard<'_, Vec<PastPair>> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was tried for a file between two servers.
    pub fn note_race(&self, source: &str, destination: &str, race: PastRace) {
        let mut pairs = self.now();
        let races: usize = pairs.iter().map(|pair| pair.races.len()).sum();
        let known = pairs.iter().position(|pair| pair.source == source && pair.destination == destination);
        let index = known.unwrap_or_else(|| {
            let (source, destination) = (source.to_owned(), destination.to_owned());
            pairs.push(PastPair { source, destination, races: Vec::new(), omitted: 0 });
            pairs.len() - 1
        });
        let Some(pair) = pairs.get_mut(index) else { return };
        let is_news = pair.races.last().is_none_or(|last| !race.is_like(last));
        if is_news && races < RACES {
            pair.races.push(race);
        } else {
            pair.omitted += 1;
        }
    }

    /// Notes what has verified a file.
    pub fn verified(&self, item: u64, by: &str) {
        let mut pairs = self.now();
        let races = pairs.iter_mut().flat_map(|pair| &mut pair.races);
        if let Some(race) = races.filter(|race| race.item == item).last() {
            race.verified = Some(by.to_owned());
        }
    }

    /// Keeps a run, with what was tried. The oldest runs are forgotten.
    ///
    /// # Errors
    ///
    /// Why the file cannot be written, in words.
    pub fn keep(&self, run: PastRun) -> Result<(), String> {
        let pairs = std::mem::take(&mut *self.now());
        self.file.update(|runs: &mut Vec<PastRun>| {
            let surplus = (runs.len() + 1).saturating_sub(RUNS);
            runs.drain(..surplus);
            runs.push(PastRun { pairs, ..run });
            true
        })
    }

    /// The runs that are kept, the last one last.
    ///
    /// # Errors
    ///
    /// A damaged file, in words. It is set aside.
    pub fn kept(&self) -> Result<Vec<PastRun>, String> {
        self.file.read()
    }
}

/// The largest number of runs that are kept.
const RUNS: usize = 10;
/// The largest number of races that are kept of a run.
const RACES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Fate, PastCandidate};

    fn race(item: u64, words: &str, fate: Fate) -> PastRace {
        let tried = vec![PastCandidate { words: words.to_owned(), fate, ..PastCandidate::default() }];
        PastRace { item, tried, ..PastRace::default() }
    }

    fn run(id: usize) -> PastRun {
        PastRun { id: id.to_string(), ..PastRun::default() }
    }

    #[test]
    fn n14_a_run_is_kept_with_its_races_and_the_oldest_run_is_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let runs = Runs::at(Some(home.path().to_path_buf()));
        assert_eq!(runs.kept(), Ok(Vec::new()));
        runs.note_race("one", "two", race(1, "a", Fate::Moved));
        runs.verified(1, "sha-256");
        runs.verified(9, "size");
        runs.note_race("one", "two", race(2, "a", Fate::Moved));
        runs.note_race("one", "two", race(3, "b", Fate::Moved));
        runs.note_race("three", "two", race(4, "a", Fate::Failed));
        runs.keep(run(0)).unwrap();
        let kept = runs.kept().unwrap();
        let [one, three] = &kept[0].pairs[..] else { panic!("{kept:?}") };
        assert_eq!((one.races.len(), one.omitted, three.races.len()), (2, 1, 1));
        assert_eq!(one.races[0].verified.as_deref(), Some("sha-256"));
        for id in 1..=RUNS {
            runs.keep(run(id)).unwrap();
        }
        let kept = runs.kept().unwrap();
        assert_eq!((kept.len(), kept[0].id.as_str(), kept[0].pairs.len()), (RUNS, "1", 0));
    }

    #[test]
    fn of_a_run_with_many_files_a_bounded_number_of_races_is_kept() {
        let runs = Runs::default();
        for item in 0..100 {
            runs.note_race("one", "two", race(item, "a", Fate::Failed));
        }
        let pairs = runs.now().clone();
        assert_eq!((pairs[0].races.len(), pairs[0].omitted), (RACES, 80));
    }

    #[test]
    fn a_damaged_file_is_told_and_set_aside() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("runs.json"), "{").unwrap();
        let runs = Runs::at(Some(home.path().to_path_buf()));
        assert!(runs.kept().unwrap_err().contains("runs.json.damaged"));
        assert_eq!(runs.kept(), Ok(Vec::new()));
    }
}
