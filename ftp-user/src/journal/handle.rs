//! What the rest of the program sees of the journal.

use super::claiming::{
    Claim, ClaimBelow, ClaimsBelow, ClaimsPage, claimed_by_moves, claims_below, other_moves,
};
use super::failure::{JournalFailure, Result};
use super::item_row::{note_deleted, note_undeleted};
use super::job_row::{FilesBelow, add_withheld, files_below, keep_run, runs, take_withheld};
use super::jobs::KnownJobs;
#[cfg(feature = "postgres")]
use super::password::Password;
use super::queue::Queue;
use super::record::{
    Detached, Failures, ItemEnd, ItemKey, ItemRecord, ItemState, JobStart, NewItem, PartId, Place, ReadWords,
    RunEnd, SourceFacts,
};
#[cfg(feature = "postgres")]
use super::sql::Parameters;
use super::sql::StoreError;
use super::store::Store;
#[cfg(feature = "postgres")]
use super::url::PostgresUrl;
use super::writer::{JobWriter, Request, Work, Writer};
use crate::account::RunAccount;
use crate::id::JobId;
use crate::ladder::Rung;
use crate::queue::Lease;
use ftp_io::simulated;
use ftp_proto::deletion::WithheldName;
use ftp_proto::timer::Moment;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::sync::oneshot;

/// Where the journal is. If it is nowhere, nothing is kept.
#[derive(Clone, Debug)]
pub struct Journal {
    place: JournalPlace,
    /// Reads the words of jobs of older versions.
    read: ReadWords,
}

/// The place of a journal.
#[derive(Clone, Debug)]
enum JournalPlace {
    /// There is none.
    Nowhere,
    /// A state directory of this host.
    Directory(Arc<Path>),
    /// A database that several hosts may share.
    #[cfg(feature = "postgres")]
    Database(Arc<Parameters>),
}

/// The journal of a job that runs. Clones share it. The default one keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct JobJournal {
    pub(super) open: Option<Arc<OpenJournal>>,
    /// What an earlier run of the job has decided.
    decided: Option<Arc<str>>,
    /// The file that the questions are about.
    item: Option<ItemKey>,
    /// When this run has begun with it, in milliseconds since 1970.
    pub began: Option<u64>,
    /// Whether an earlier run has left something that only the journal knows.
    pub(super) resumes: bool,
    /// Whether the next run needs passwords that this one was given.
    pub had_passwords: bool,
    /// Whether this run has stored, made or deleted anything.
    has_changed: Arc<AtomicBool>,
}

#[derive(Debug)]
pub(super) struct OpenJournal {
    job: JobId,
    /// The right of the worker that carries it; `None` if none does.
    pub(super) lease: Option<Lease>,
    /// When the store said last that the job is still this run's; `None` if nobody else could have taken it.
    pub(super) confirmed: Option<Mutex<Option<Moment>>>,
    requests: SyncSender<Request>,
    /// What writes. It is woken for those who wait.
    writer: Writer,
    /// Why the journal has ended, if it has.
    pub(super) end: Arc<OnceLock<JournalFailure>>,
    /// Whether somebody was told.
    was_told: AtomicBool,
}

/// An answer that comes when everything before it is on the disk. By default nothing was asked. May be dropped without losing
/// anything.
#[derive(Debug)]
#[must_use]
pub struct JournalAnswer<T>(Option<oneshot::Receiver<T>>);

impl<T> Default for JournalAnswer<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl Default for Journal {
    fn default() -> Self {
        Self::at(None, |_| None)
    }
}

impl Journal {
    /// The journal in that state directory. `read` reads the words of jobs of older versions.
    pub fn at(directory: Option<PathBuf>, read: ReadWords) -> Self {
        let place = directory.map_or(JournalPlace::Nowhere, |path| JournalPlace::Directory(path.into()));
        Self { place, read }
    }

    /// The journal in a database. The first program that connects makes its tables.
    #[cfg(feature = "postgres")]
    pub fn in_database(url: PostgresUrl, password: Option<Password>) -> Self {
        let place = JournalPlace::Database(Arc::new(Parameters { url, password }));
        Self { place, ..Self::default() }
    }

    fn is_nowhere(&self) -> bool {
        matches!(self.place, JournalPlace::Nowhere)
    }

    /// Opens it. It is made if it is not there.
    fn open(&self) -> Result<Store> {
        match &self.place {
            JournalPlace::Nowhere => Err(JournalFailure::Nowhere),
            JournalPlace::Directory(directory) => Store::open(directory, self.read),
            #[cfg(feature = "postgres")]
            JournalPlace::Database(parameters) => Store::connect(Parameters::clone(parameters)),
        }
    }

    /// Whether other hosts may use it, so that another one may carry a job when this host has lost it.
    pub fn is_shared(&self) -> bool {
        match self.place {
            JournalPlace::Nowhere => false,
            JournalPlace::Directory(_) => simulated::shares_stores(),
            #[cfg(feature = "postgres")]
            JournalPlace::Database(_) => true,
        }
    }

    /// Begins a job or goes on with it. The second value is ready as soon as it has begun: what an earlier run has
    /// decided. If it never is, [`JobJournal::ended_by`] says why.
    pub fn begin(&self, start: JobStart) -> (JobJournal, oneshot::Receiver<Option<String>>) {
        let (started, begun) = oneshot::channel();
        if self.is_nowhere() {
            return (JobJournal::default(), begun);
        }
        let (requests, asked) = sync_channel(WAITING);
        let end: Arc<OnceLock<JournalFailure>> = Arc::default();
        let (told, journal, job) = (Arc::clone(&end), self.clone(), start.id);
        let (resumes, had_passwords, lease) = (start.resumes, start.job.had_passwords, start.lease);
        let work = move || JobWriter::begin(journal.open(), &start, asked, started, told);
        let Ok(writer) = Writer::start(work) else { return (JobJournal::default(), begun) };
        let was_told = AtomicBool::default();
        let confirmed = self.is_shared().then(Mutex::default);
        let open = Some(Arc::new(OpenJournal { job, lease, confirmed, requests, writer, end, was_told }));
        (JobJournal { open, resumes, had_passwords, ..JobJournal::default() }, begun)
    }

    /// Every job, also those that cannot be read.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn known_jobs(&self) -> Result<KnownJobs> {
        self.existing()?.map_or_else(|| Ok(KnownJobs::default()), |store| store.known_jobs())
    }

    /// The last runs that have tried paths between two servers, the last one last.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn runs(&self) -> Result<Vec<RunAccount>> {
        let runs = |store: Store| runs(&store.sql).map_err(|bad| store.failure(bad));
        self.existing()?.map_or_else(|| Ok(Vec::new()), runs)
    }

    /// Keeps a run of which no job keeps anything. Without a state directory nothing is kept.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn keep_run(&self, run: &RunAccount) -> Result<()> {
        if self.is_nowhere() {
            return Ok(());
        }
        self.open()?.durably(|store| keep_run(&store.sql, run))
    }

    /// The queue of jobs in this state directory, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn queue(&self) -> Result<Queue> {
        self.open().map(Queue::of)
    }

    /// The files of a job in that state.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn items(&self, job: JobId, state: ItemState) -> Result<Vec<ItemRecord>> {
        self.existing()?.map_or_else(|| Ok(Vec::new()), |store| store.items(job, state))
    }

    /// Hands over what jobs have claimed below a directory, until `each` returns false.
    ///
    /// # Errors
    ///
    /// What is wrong with the journal.
    pub fn each_claim_below(
        &self,
        mut asked: ClaimsBelow,
        mut each: impl FnMut(ClaimBelow) -> bool,
    ) -> Result<()> {
        let Some(store) = self.existing()? else { return Ok(()) };
        loop {
            let page = claims_below(&store, None, &asked).map_err(|bad| store.failure(bad))?;
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
    pub fn abandon(&self, job: JobId) -> Result<Vec<ItemRecord>> {
        self.existing()?.ok_or(JournalFailure::Unknown { job })?.abandon(job)
    }

    fn existing(&self) -> Result<Option<Store>> {
        match &self.place {
            JournalPlace::Nowhere => Err(JournalFailure::Nowhere),
            JournalPlace::Directory(directory) => Store::existing(directory, self.read),
            #[cfg(feature = "postgres")]
            JournalPlace::Database(_) => self.open().map(Some),
        }
    }
}

impl JobJournal {
    /// The job whose journal it is; `None` if nothing is kept.
    pub fn job(&self) -> Option<JobId> {
        self.open.as_ref().filter(|open| open.end.get().is_none()).map(|open| open.job)
    }

    /// The right of the worker that carries the job; `None` if none does.
    pub(super) fn lease(&self) -> Option<Lease> {
        self.open.as_ref().and_then(|open| open.lease)
    }

    /// Whether a worker of the queue carries the job.
    pub fn is_carried(&self) -> bool {
        self.lease().is_some()
    }

    /// Whether a journal was opened, even if it has ended since.
    pub const fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether the journal has ended before the job, which is told once: what else cannot be kept has the same reason.
    pub fn has_ended(&self) -> bool {
        self.is_open() && self.job().is_none()
    }

    /// Whether what is stored of its file will be found again.
    pub fn keeps_item(&self) -> bool {
        self.item.is_some() && self.job().is_some()
    }

    /// Why the journal has ended, if it has and nobody was told yet.
    pub fn ended_by(&self) -> Option<JournalFailure> {
        let open = self.open.as_ref()?;
        let why = open.end.get()?;
        (!open.was_told.swap(true, Ordering::Relaxed)).then(|| why.clone())
    }

    /// The same journal, asked about a file. `began` is when this run has begun with it, in milliseconds since 1970.
    #[must_use]
    pub fn about(&self, item: ItemKey, began: Option<u64>) -> Self {
        Self { item: Some(item), began, ..self.clone() }
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
    pub async fn decide(&self, decided: String) -> Option<JobId> {
        self.ask(|store, job| store.decided(job, decided)).await.ok().flatten()
    }

    /// Begins to claim files, before anything of them is stored.
    pub fn begin(&self, files: Vec<NewItem>) -> JournalAnswer<Vec<Claim>> {
        JournalAnswer(Some(self.ask(move |store, job| store.begin_all(job, &files))))
    }

    /// Adds a name under which something of the file may be stored as soon as this returns.
    pub async fn part(&self, part: PartId) {
        self.note_of_item(move |store, key| store.add_part(key, part)).ready().await;
    }

    /// From the moment at which this returns, something of the file may be stored under its final name. `part` is a
    /// number that nobody else uses.
    pub async fn in_place(&self, part: PartId) {
        self.note_of_item(move |store, key| store.in_place(key, part)).ready().await;
    }

    /// Notes a transfer of the file that may go on without this program as soon as this returns; or, with `None`, that
    /// there is none any more.
    pub async fn detached(&self, detached: Option<Detached>) {
        self.note_of_item(move |store, key| store.detached(key, detached.as_ref())).ready().await;
    }

    /// Notes what the source was before its first byte was read. It is on the disk when the result is ready.
    pub fn seen(&self, seen: SourceFacts) -> JournalAnswer<()> {
        self.note_of_item(|store, key| store.seen(key, seen))
    }

    /// Notes the route of a copy to a name that holds nothing equal; `None`: it is not copied. It is on the disk when the
    /// result is ready.
    pub fn moves(&self, route: Option<Rung>) -> JournalAnswer<()> {
        self.note_of_item(move |store, key| store.moves(key, route))
    }

    /// Notes that so many attempts at the file have ended, and why the last of them has failed. If that is lost, a receipt knows
    /// less.
    pub fn attempted(&self, attempts: u32, why: Option<String>) {
        if let Some(key) = self.item {
            self.note(move |store, _| store.attempted(key, attempts, why.as_deref()));
        }
    }

    /// Notes how the file has ended. If that is lost, the file is compared once more.
    pub fn ended(&self, end: ItemEnd) {
        if let Some(key) = self.item {
            self.note(move |store, _| store.ended(key, end));
        }
    }

    /// Keeps what the run has tried.
    pub fn keep_run(&self, run: RunAccount) {
        self.note(move |store, _| keep_run(&store.sql, &run));
    }

    /// The files that were begun and have not ended.
    pub async fn open_files(&self) -> Vec<ItemRecord> {
        self.ask(|store, job| store.files(job, ItemState::Open)).await.unwrap_or_default()
    }

    /// The files that were stored before `time`, in milliseconds since 1970, also those that were lost since: a page of them, behind
    /// the last known one.
    pub async fn stored_before(&self, time: u64, last: ItemKey) -> Vec<ItemRecord> {
        let page = move |store: &Store, job| ItemRecord::stored_before(&store.sql, job, time, last);
        self.ask(page).await.unwrap_or_default()
    }

    /// Whether a job that began later than this one may have stored something else at a place. If the journal has ended, none has.
    pub async fn is_replaced(&self, place: &Place) -> bool {
        let place = place.clone();
        self.ask(move |store, job| store.is_replaced(job, &place)).await.unwrap_or(false)
    }

    /// Notes that a part could not be deleted and has to be, also after its file has ended.
    pub fn note_undeleted(&self, part: PartId) {
        self.note(move |store, _| note_undeleted(&store.sql, part));
    }

    /// Notes that such a part is deleted.
    pub fn note_deleted(&self, part: PartId) {
        self.note(move |store, _| note_deleted(&store.sql, part));
    }

    /// The files that have ended, and of which a part has to be deleted.
    pub async fn files_with_undeleted(&self) -> Vec<ItemRecord> {
        self.ask(|store, job| ItemRecord::ended_with_undeleted(&store.sql, job)).await.unwrap_or_default()
    }

    /// The files of this host that the job has finished outside of `directory` and, from the same source, elsewhere as well.
    pub async fn finished_under_two_names(&self, directory: Vec<u8>) -> Vec<ItemRecord> {
        self.ask(move |store, job| ItemRecord::finished_under_two_names(&store.sql, job, &directory))
            .await
            .unwrap_or_default()
    }

    /// How the files of the job stand whose sources begin with `prefix`, which the job `moves` or only copies; `None` if the journal
    /// has ended.
    pub async fn files_below(&self, prefix: String, moves: bool) -> Option<FilesBelow> {
        self.ask(move |store, job| files_below(&store.sql, job, &prefix, moves)).await.ok()
    }

    /// Notes names below the destination that are kept because nobody has agreed to delete them.
    pub fn withhold(&self, names: &[WithheldName]) {
        let names = names.to_vec();
        self.note(move |store, job| add_withheld(&store.sql, job, &names));
    }

    /// The names that the last run of the job has kept so. They are forgotten.
    pub async fn take_withheld(&self) -> HashSet<WithheldName> {
        let names = self.ask(|store, job| take_withheld(&store.sql, job)).await.unwrap_or_default();
        names.into_iter().collect()
    }

    /// What other jobs have claimed below a directory: a page of it; `None` if the journal has ended.
    pub async fn claims_below(&self, asked: ClaimsBelow) -> Option<ClaimsPage> {
        self.ask(move |store, job| claims_below(store, Some(job), &asked)).await.ok()
    }

    /// Whether another move runs. Everything that was noted before is on the disk then, or the journal has ended.
    pub async fn has_other_move(&self) -> bool {
        self.ask(other_moves).await.is_ok_and(|moves| !moves.is_empty())
    }

    /// Which other move that runs has claimed each of these places as the destination of a file.
    pub async fn claimed_by_moves(&self, places: Vec<Place>) -> Vec<Option<JobId>> {
        let number = places.len();
        let claimed = self.ask(move |store, job| claimed_by_moves(store, job, &places)).await;
        claimed.unwrap_or_else(|_| vec![None; number])
    }

    /// Notes that something was stored, made or deleted: the job is worth an entry.
    pub fn note_change(&self) {
        self.has_changed.store(true, Ordering::Relaxed);
    }

    /// Whether this run has stored, made or deleted anything.
    pub fn has_changed(&self) -> bool {
        self.has_changed.load(Ordering::Relaxed)
    }

    /// Whether an earlier run has begun the job.
    pub const fn is_resumed(&self) -> bool {
        self.resumes
    }

    /// Notes how the job has ended and what has failed in this run, with everything before it. Returns whether its entry
    /// stays.
    pub async fn finish(&self, end: RunEnd, failures: Option<Failures>) -> bool {
        let finished = self.end_with(move |store, job| store.finish(job, end, failures.as_ref())).await;
        // What could not be noted is as it was.
        finished.unwrap_or(true)
    }

    /// Does the last thing that the journal is asked for; `None` if the journal has ended before.
    pub(super) async fn end_with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, JobId) -> Result<T, StoreError> + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.request(work, Some(reply), true);
        answer.await.ok()
    }

    /// Asks for something. The answer comes when all before it is on the disk; none comes if the journal has ended.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, JobId) -> Result<T, StoreError> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        self.request(work, Some(reply), false);
        answer
    }

    /// Notes something that nobody waits for.
    fn note(&self, work: impl FnOnce(&Store, JobId) -> Result<(), StoreError> + Send + 'static) {
        self.request(work, None, false);
    }

    fn request<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, JobId) -> Result<T, StoreError> + Send + 'static,
        reply: Option<oneshot::Sender<T>>,
        ends_job: bool,
    ) {
        let Some(open) = &self.open else { return };
        let is_awaited = reply.is_some();
        let work = Box::new(Question { work: Some(work), done: None, reply });
        // Each file has few questions at a time, so there is always room.
        let _ = open.requests.send(Request { work, is_awaited, ends_job });
        open.writer.wake(is_awaited);
    }

    /// Notes something of the file that the journal is asked about. It is on the disk when the result is ready.
    fn note_of_item(
        &self,
        work: impl FnOnce(&Store, ItemKey) -> Result<(), StoreError> + Send + 'static,
    ) -> JournalAnswer<()> {
        JournalAnswer(self.item.map(|key| self.ask(move |store, _| work(store, key))))
    }
}

/// Work of the thread, with what came of it and where that goes.
struct Question<F, T> {
    work: Option<F>,
    done: Option<T>,
    reply: Option<oneshot::Sender<T>>,
}

impl<T: Send, F: FnOnce(&Store, JobId) -> Result<T, StoreError> + Send> Work for Question<F, T> {
    fn perform(&mut self, store: &Store, job: JobId) -> Result<(), StoreError> {
        self.done = self.work.take().map(|work| work(store, job)).transpose()?;
        Ok(())
    }

    fn reply(self: Box<Self>) {
        if let (Some(reply), Some(done)) = (self.reply, self.done) {
            let _ = reply.send(done);
        }
    }
}

impl<T> JournalAnswer<T> {
    /// Waits for it, once. `None`: nothing was asked, or the journal has ended.
    pub async fn ready(&mut self) -> Option<T> {
        let answer = self.0.as_mut()?.await.ok();
        self.0 = None;
        answer
    }
}

/// The largest number of questions that wait.
const WAITING: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::super::directory::FILE;
    use super::*;

    #[test]
    fn without_a_state_directory_nobody_knows_what_other_jobs_have_claimed() {
        let (site, directory) = (String::new(), Vec::new());
        let asked = ClaimsBelow { site, directory, ran: Vec::new(), since: 0, after: None };
        let read = Journal::at(None, |_| None).each_claim_below(asked, |_| true);
        assert!(matches!(read, Err(JournalFailure::Nowhere)), "{read:?}");
    }

    #[tokio::test]
    async fn n8_a_job_that_goes_on_misses_a_journal_that_is_damaged_meanwhile_and_a_new_one_does_not() {
        for resumes in [false, true] {
            let home = tempfile::tempdir().unwrap();
            let journal = Journal::at(Some(home.path().to_owned()), |_| None);
            let start = |resumes| JobStart { resumes, ..JobStart::for_tests(JobId::new(1), "copy") };
            let (mut job, begun) = journal.begin(start(false));
            begun.await.unwrap();
            let files = vec![NewItem::for_tests(Place::for_tests("a", "two", "f"), 10)];
            assert!(matches!(job.begin(files.clone()).ready().await.as_deref(), Some([Claim::Ours(_)])));
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
            assert_eq!(job.why_missed(), None);
            let sql = crate::journal::sql::SqliteConnection::open_for_tests(&home.path().join(FILE));
            sql.execute("UPDATE items SET source = 'b'", &[]).unwrap();
            assert_eq!(job.begin(files).ready().await, None);
            assert!(job.job().is_none());
            assert_eq!(job.why_missed().is_some(), resumes);
            assert!(matches!(job.ended_by(), Some(JournalFailure::Damaged { .. })));
            assert_eq!(job.ended_by(), None, "it is told once");
        }
    }
}
