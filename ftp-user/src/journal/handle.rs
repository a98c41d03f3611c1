//! What the rest of the program sees of the journal.

use super::below::FilesBelow;
use super::failure::JournalFailure;
use super::others::{ClaimBelow, ClaimsBelow, ClaimsPage};
use super::record::{
    Begun, Detached, End, Ended, Failures, ItemKey, ItemRecord, ItemState, JobRecord, NewItem, PartId, Place,
    Seen, Start,
};
use super::runs::keep_run;
use super::store::Store;
use super::stored_job::ReadWords;
use super::writer::{self, Answer, Ask};
use crate::account::RunAccount;
use crate::id::JobId;
use ftp_proto::wire::PathName;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use tokio::sync::oneshot;

/// Where the journal is. Without a state directory nothing is kept.
#[derive(Clone, Debug)]
pub struct Journal {
    directory: Option<Arc<Path>>,
    /// Reads the words of jobs of older versions.
    read: ReadWords,
}

/// The journal of a job that runs. Clones share it. The default one keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct JobJournal {
    open: Option<Arc<Open>>,
    /// What an earlier run of the job has decided.
    decided: Option<Arc<str>>,
    /// The file that the questions are about.
    item: Option<ItemKey>,
    /// When this run has begun with it, in milliseconds since 1970.
    began: Option<u64>,
    /// Whether an earlier run has left something that only the journal knows.
    resumes: bool,
    /// Whether the next run needs passwords that this one was given.
    had_passwords: bool,
    /// Whether this run has stored, made or deleted anything.
    has_changed: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Open {
    job: JobId,
    asks: SyncSender<Ask>,
    /// What writes. It is woken for those who wait.
    writer: Thread,
    fate: Arc<Mutex<Fate>>,
}

/// Whether the journal of a job is still kept.
#[derive(Debug, Default)]
struct Fate {
    /// Why it has ended, if it has.
    why: Option<JournalFailure>,
    /// Whether somebody was told.
    was_told: bool,
}

/// A note on its way to the disk. The default one is there.
#[derive(Debug, Default)]
#[must_use]
pub struct Durable(Option<oneshot::Receiver<()>>);

/// Claims of files on their way to the disk. The default one claims nothing.
#[derive(Debug, Default)]
#[must_use]
pub struct Claims {
    /// How many files they are.
    number: usize,
    /// `None` if nothing is kept.
    answers: Option<oneshot::Receiver<Vec<Answer>>>,
}

/// What became of a file that a job wants to begin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Began {
    /// It is claimed, and that is on the disk.
    Kept(Begun),
    /// Another job that runs has claimed its destination.
    Claimed(JobId),
    /// A transfer of another job moves there without this program.
    Moves(JobId),
    /// Nothing is kept of it.
    Unkept,
}

impl Default for Journal {
    fn default() -> Self {
        Self::at(None, |_| None)
    }
}

impl Journal {
    /// The journal in that state directory. `read` reads the words of jobs of older versions.
    pub fn at(directory: Option<PathBuf>, read: ReadWords) -> Self {
        Self { directory: directory.map(Into::into), read }
    }

    /// Begins a job or goes on with it. The second value is ready as soon as it has begun: what an earlier run has
    /// decided. If it never is, [`JobJournal::ended_by`] says why.
    pub fn begin(&self, start: Start) -> (JobJournal, oneshot::Receiver<Option<String>>) {
        let (started, begun) = oneshot::channel();
        let Some(directory) = &self.directory else { return (JobJournal::default(), begun) };
        let (asks, asked) = sync_channel(WAITING);
        let fate: Arc<Mutex<Fate>> = Arc::default();
        let (told, directory, job) = (Arc::clone(&fate), directory.to_path_buf(), start.id);
        let read = self.read;
        let (resumes, had_passwords) = (start.resumes, start.job.had_passwords);
        let work = move || {
            let store = Store::open(&directory, read);
            writer::run(store, &start, &asked, started, |failure| {
                let mut fate = told.lock().unwrap_or_else(PoisonError::into_inner);
                *fate = Fate { why: Some(failure), was_told: false };
            });
        };
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(work);
        let Ok(thread) = thread else { return (JobJournal::default(), begun) };
        let open = Some(Arc::new(Open { job, asks, writer: thread.thread().clone(), fate }));
        (JobJournal { open, resumes, had_passwords, ..JobJournal::default() }, begun)
    }

    /// Every job, the one that began first comes first. All of the journal is checked before.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn jobs(&self) -> Result<Vec<JobRecord>, JournalFailure> {
        match self.existing()? {
            Some(store) => store.jobs(),
            None => Ok(Vec::new()),
        }
    }

    /// The last runs that have tried paths between two servers, the last one last.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn runs(&self) -> Result<Vec<RunAccount>, JournalFailure> {
        match self.existing()? {
            Some(store) => store.runs(),
            None => Ok(Vec::new()),
        }
    }

    /// Keeps a run of which no job keeps anything. Without a state directory nothing is kept.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn keep_run(&self, run: &RunAccount) -> Result<(), JournalFailure> {
        let Some(directory) = &self.directory else { return Ok(()) };
        Store::open(directory, self.read)?.durably(|store| keep_run(&store.sql, run))
    }

    /// The files of a job in that state.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn items(&self, job: JobId, state: ItemState) -> Result<Vec<ItemRecord>, JournalFailure> {
        match self.existing()? {
            Some(store) => store.items(job, state),
            None => Ok(Vec::new()),
        }
    }

    /// Hands over what jobs have claimed below a directory, until `each` returns false. Without a state directory no job has
    /// claimed anything.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn each_claim_below(
        &self,
        mut asked: ClaimsBelow,
        mut each: impl FnMut(ClaimBelow) -> bool,
    ) -> Result<(), JournalFailure> {
        if self.directory.is_none() {
            return Ok(());
        }
        let Some(store) = self.existing()? else { return Ok(()) };
        loop {
            let page = store.claims_below(None, &asked).map_err(|bad| store.failure(bad))?;
            if !page.claims.into_iter().all(&mut each) || page.last.is_none() {
                return Ok(());
            }
            asked.after = page.last;
        }
    }

    /// Cancels a job without its servers. Returns the files of which something may be left.
    ///
    /// # Errors
    ///
    /// A process runs the job, or what is wrong with the journal.
    pub fn abandon(&self, job: JobId) -> Result<Vec<ItemRecord>, JournalFailure> {
        match self.existing()? {
            Some(store) => store.abandon(job),
            None => Err(JournalFailure::Unknown { job }),
        }
    }

    fn existing(&self) -> Result<Option<Store>, JournalFailure> {
        let directory = self.directory.as_deref().ok_or(JournalFailure::Nowhere)?;
        Store::existing(directory, self.read)
    }
}

impl JobJournal {
    /// The job whose journal it is; `None` if nothing is kept.
    pub fn job(&self) -> Option<JobId> {
        self.open.as_ref().filter(|open| open.fate().why.is_none()).map(|open| open.job)
    }

    /// Whether there is a journal at all, also one that has ended.
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether what is stored of its file will be found again.
    pub fn keeps_item(&self) -> bool {
        self.item.is_some() && self.job().is_some()
    }

    /// Why the journal has ended, if it has and nobody was told yet.
    pub fn ended_by(&self) -> Option<JournalFailure> {
        let mut fate = self.open.as_ref()?.fate();
        let is_news = !std::mem::replace(&mut fate.was_told, true);
        fate.why.clone().filter(|_| is_news)
    }

    /// Why nothing more may be stored: the journal has ended, and what an earlier run has left is not known without it.
    pub fn is_missed(&self) -> Option<JournalFailure> {
        self.open.as_ref().filter(|_| self.resumes)?.fate().why.clone()
    }

    /// The same journal, asked about a file. `began` is when this run has begun with it, in milliseconds since 1970.
    #[must_use]
    pub fn about(&self, item: ItemKey, began: Option<u64>) -> Self {
        Self { item: Some(item), began, ..self.clone() }
    }

    /// When this run has begun with its file, in milliseconds since 1970.
    pub const fn began(&self) -> Option<u64> {
        self.began
    }

    /// The same journal of a job for which an earlier run has decided this.
    #[must_use]
    pub fn with_decided(self, decided: Option<String>) -> Self {
        Self { decided: decided.map(Into::into), ..self }
    }

    /// What an earlier run of the job has decided.
    pub fn decided(&self) -> Option<&str> {
        self.decided.as_deref()
    }

    /// Notes what holds for all runs of the job, before anything is done that depends on it. Returns an interrupted job
    /// that may have made the directory which receives the copies of this one.
    pub async fn decide(&self, decided: &str) -> Option<JobId> {
        let (reply, answer) = oneshot::channel();
        if self.ask(Ask::Decided(decided.to_owned(), reply)) { answer.await.ok().flatten() } else { None }
    }

    /// Begins to claim files, before anything of them is stored.
    pub fn begin(&self, files: Vec<NewItem>) -> Claims {
        let (number, (reply, answers)) = (files.len(), oneshot::channel());
        let answers = self.ask(Ask::Begin(files, reply)).then_some(answers);
        Claims { number, answers }
    }

    /// Adds a name under which something of the file may be stored as soon as this returns.
    pub async fn part(&self, part: PartId) {
        let (reply, answer) = oneshot::channel();
        if let Some(key) = self.item
            && self.ask(Ask::Part(key, part, reply))
        {
            let _ = answer.await;
        }
    }

    /// From the moment at which this returns, something of the file may be stored under its final name. `part` is a
    /// number that nobody else uses.
    pub async fn in_place(&self, part: PartId) {
        let (reply, answer) = oneshot::channel();
        if let Some(key) = self.item
            && self.ask(Ask::InPlace(key, part, reply))
        {
            let _ = answer.await;
        }
    }

    /// Notes a transfer of the file that may go on without this program as soon as this returns; or, with `None`, that
    /// there is none any more.
    pub async fn detached(&self, detached: Option<Detached>) {
        let (reply, answer) = oneshot::channel();
        if let Some(key) = self.item
            && self.ask(Ask::Detached(key, detached, reply))
        {
            let _ = answer.await;
        }
    }

    /// Notes what the source was before its first byte was read. It is on the disk when the result is ready.
    pub fn seen(&self, seen: Seen) -> Durable {
        let (reply, answer) = oneshot::channel();
        match self.item {
            Some(key) if self.ask(Ask::Seen(key, seen, reply)) => Durable(Some(answer)),
            Some(_) | None => Durable::default(),
        }
    }

    /// Notes by which path the bytes of the file move to a name that nothing equal has, or with `None` that they do not. It is
    /// on the disk when the result is ready.
    pub fn moves(&self, path: Option<&str>) -> Durable {
        let (reply, answer) = oneshot::channel();
        match self.item {
            Some(key) if self.ask(Ask::Moves(key, path.map(str::to_owned), reply)) => Durable(Some(answer)),
            Some(_) | None => Durable::default(),
        }
    }

    /// Notes that so many attempts at the file have ended, and why the last of them has failed. If that is lost, a receipt knows
    /// less.
    pub fn attempted(&self, attempts: u32, why: Option<String>) {
        if let Some(key) = self.item {
            self.ask(Ask::Attempted(key, attempts, why));
        }
    }

    /// Notes how the file has ended. If that is lost, the file is compared once more.
    pub fn ended(&self, ended: Ended) {
        if let Some(key) = self.item {
            self.ask(Ask::Ended(key, ended));
        }
    }

    /// Keeps what the run has tried.
    pub fn keep_run(&self, run: RunAccount) {
        self.ask(Ask::KeepRun(Box::new(run)));
    }

    /// Waits until everything that was noted before is on the disk, or the journal has ended.
    pub async fn settled(&self) {
        // Answers come after the commit, in their order.
        self.begin(Vec::new()).ready().await;
    }

    /// The files that were begun and have not ended.
    pub async fn open_files(&self) -> Vec<ItemRecord> {
        let (reply, answer) = oneshot::channel();
        if self.ask(Ask::Open(reply)) { answer.await.unwrap_or_default() } else { Vec::new() }
    }

    /// How the files of the job stand whose sources begin with `prefix`; `None` if the journal has ended.
    pub async fn files_below(&self, prefix: String) -> Option<FilesBelow> {
        let (reply, answer) = oneshot::channel();
        if self.ask(Ask::Below(prefix, reply)) { answer.await.ok() } else { None }
    }

    /// Notes names below the destination that are kept because nobody has agreed to delete them.
    pub fn withhold(&self, names: &[PathName]) {
        self.ask(Ask::Withhold(names.iter().map(|name| name.as_bytes().to_vec()).collect()));
    }

    /// The names that the last run of the job has kept so. They are forgotten.
    pub async fn take_withheld(&self) -> HashSet<PathName> {
        let (reply, answer) = oneshot::channel();
        let names =
            if self.ask(Ask::TakeWithheld(reply)) { answer.await.unwrap_or_default() } else { Vec::new() };
        names.into_iter().filter_map(|name| PathName::from_user(name).ok()).collect()
    }

    /// What other jobs have claimed below a directory: a page of it; `None` if the journal has ended.
    pub async fn claims_below(&self, asked: ClaimsBelow) -> Option<ClaimsPage> {
        let (reply, answer) = oneshot::channel();
        if self.ask(Ask::Others(asked, reply)) { answer.await.ok() } else { None }
    }

    /// Whether another move runs. Everything that was noted before is on the disk then, or the journal has ended.
    pub async fn has_other_move(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.ask(Ask::OtherMoves(reply)) && answer.await.is_ok_and(|moves| !moves.is_empty())
    }

    /// Which other move that runs has claimed each of these places as the destination of a file.
    pub async fn claimed_by_moves(&self, places: Vec<Place>) -> Vec<Option<JobId>> {
        let (number, (reply, answer)) = (places.len(), oneshot::channel());
        let answer = if self.ask(Ask::ClaimedByMoves(places, reply)) { answer.await.ok() } else { None };
        answer.unwrap_or_else(|| vec![None; number])
    }

    /// Notes that something was stored, made or deleted: the job is worth an entry.
    pub fn note_change(&self) {
        self.has_changed.store(true, Ordering::Relaxed);
    }

    /// Whether this run has stored, made or deleted anything.
    pub fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Relaxed)
    }

    /// Whether passwords were typed, which the next run of the job does not have.
    pub const fn had_passwords(&self) -> bool {
        self.had_passwords
    }

    /// Whether an earlier run has begun the job.
    pub const fn is_resumed(&self) -> bool {
        self.resumes
    }

    /// Notes how the job has ended and what has failed in this run, with everything before it.
    pub async fn finish(&self, end: End, failures: Option<Failures>) {
        let (reply, answer) = oneshot::channel();
        if self.ask(Ask::Finish(end, failures, reply)) {
            let _ = answer.await;
        }
    }

    /// Whether there is somebody to answer. Each file has few questions at a time, so there is always room.
    fn ask(&self, ask: Ask) -> bool {
        let Some(open) = &self.open else { return false };
        let is_awaited = ask.is_awaited();
        let is_asked = open.asks.send(ask).is_ok();
        if is_awaited {
            open.writer.unpark();
        }
        is_asked
    }
}

impl Claims {
    /// What became of each file, when that is on the disk; once. May be dropped without losing anything.
    pub async fn ready(&mut self) -> Vec<Began> {
        let answers = match &mut self.answers {
            Some(answers) => answers.await.ok(),
            None => None,
        };
        self.answers = None;
        let began = |answer| match answer {
            Answer::Ours(begun) => Began::Kept(begun),
            Answer::Theirs(job) => Began::Claimed(job),
            Answer::Moves(job) => Began::Moves(job),
        };
        match answers {
            Some(answers) => answers.into_iter().map(began).collect(),
            None => vec![Began::Unkept; self.number],
        }
    }
}

impl Durable {
    /// Waits until it is on the disk, or until the journal has ended.
    pub async fn ready(&mut self) {
        if let Some(answer) = self.0.take() {
            let _ = answer.await;
        }
    }
}

impl Open {
    fn fate(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The largest number of questions that wait.
const WAITING: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::super::store::FILE;
    use super::super::stored_job::StoredJob;
    use super::*;

    #[tokio::test]
    async fn n8_a_job_that_goes_on_misses_a_journal_that_is_damaged_meanwhile_and_a_new_one_does_not() {
        for resumes in [false, true] {
            let home = tempfile::tempdir().unwrap();
            let journal = Journal::at(Some(home.path().to_owned()), |_| None);
            let start = |resumes| Start { id: JobId::new(1), job: StoredJob::for_tests("copy"), resumes };
            let (mut job, begun) = journal.begin(start(false));
            begun.await.unwrap();
            let place = Place { source: "a".to_owned(), site: "two".to_owned(), path: b"f".to_vec() };
            let files = vec![NewItem { place, part: Some(PartId(10)), seen: None, takes_over: true }];
            assert!(matches!(job.begin(files.clone()).ready().await[..], [Began::Kept(_)]));
            if resumes {
                drop(job);
                // Its thread ends soon after it.
                job = loop {
                    let (job, begun) = journal.begin(start(true));
                    if begun.await.is_ok() {
                        break job;
                    }
                };
            }
            assert_eq!(job.is_missed(), None);
            let sql = rusqlite::Connection::open(home.path().join(FILE)).unwrap();
            sql.execute("UPDATE items SET source = 'b'", []).unwrap();
            assert_eq!(job.begin(files).ready().await, [Began::Unkept]);
            assert!(job.job().is_none());
            assert_eq!(job.is_missed().is_some(), resumes);
            assert!(matches!(job.ended_by(), Some(JournalFailure::Damaged { .. })));
            assert_eq!(job.ended_by(), None, "it is told once");
        }
    }
}
