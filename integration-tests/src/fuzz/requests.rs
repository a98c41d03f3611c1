//! Requests to the API and the page of a daemon: the bytes of one connection, before a queue that remembers what was changed.

use super::script::contains;
use ftp_user::queue::{FileQuery, JobChange, JobQuery, QueueState, Scope, Slice, Token};
use ftp_user::web::fleet::{EventStream, NewJob, SeriesAction, Submitted};
use ftp_user::web::serve::serve_one;
use ftp_user::web::view::{FileView, JobDetail, JobView, PairView, SeriesView, SiteView, WorkerView};
use ftp_user::web::{ApiError, Caller, ErrorCode, Fleet, TokenInfo, WebSettings, token_digest};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};
use tokio::runtime::Builder;

/// The tokens: each is its own name, and the submitters may use the site `one`.
const TOKENS: [(&str, Scope); 4] =
    [("reader-7", Scope::Read), ("ann-7", Scope::Submit), ("bob-7", Scope::Submit), ("root-7", Scope::Admin)];
/// The owner of the job and of the series that only readers of everything see.
const OTHER: &str = "bob-7";
/// What stands in everything of that owner.
const PRIVATE: &str = "hidden-9";
/// The statuses of the contract, and those of HTTP that come before it.
const STATUSES: [u16; 18] =
    [100, 200, 201, 303, 400, 401, 403, 404, 405, 408, 409, 413, 414, 415, 421, 429, 431, 503];

type Result<T, E = ApiError> = std::result::Result<T, E>;

/// A queue that remembers who has changed something.
#[derive(Default)]
struct Changes(Mutex<Vec<Caller>>);

/// The bytes that a client sends over one connection.
///
/// Each answer has a status of the contract, and never that of a failure of the daemon. What changes something was answered as done,
/// and was sent with the token of somebody who may. An answer has no control characters, and nothing of other owners.
pub fn requests(data: &[u8]) {
    let changes = Arc::new(Changes::default());
    let answers = answers(data, Arc::clone(&changes) as Arc<dyn Fleet>);
    let statuses = statuses(&answers);
    assert!(statuses.iter().all(|status| STATUSES.contains(status)), "{statuses:?}");
    let changes = changes.0.lock().unwrap_or_else(PoisonError::into_inner);
    let done = statuses.iter().filter(|status| [200, 201, 303].contains(*status));
    assert!(changes.len() <= done.count(), "{changes:?} and {statuses:?}");
    for caller in changes.iter() {
        assert!(caller.scope >= Scope::Submit && contains(data, &caller.name), "{caller:?}");
    }
    let reads_all = TOKENS
        .iter()
        .any(|(token, scope)| (*scope != Scope::Submit || *token == OTHER) && contains(data, token));
    assert!(
        reads_all || contains(data, PRIVATE) || !contains(&answers, PRIVATE),
        "{}",
        answers.escape_ascii()
    );
    let is_hidden = |byte: &u8| *byte < b' ' && !b"\r\n\t".contains(byte);
    assert!(!answers.iter().any(is_hidden), "{}", answers.escape_ascii());
}

/// What the daemon answers until it closes the connection, which it does when nothing more comes. Its clock stands still.
fn answers(data: &[u8], fleet: Arc<dyn Fleet>) -> Vec<u8> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let (client, server) = duplex(1 << 16);
        let (mut from, mut to) = split(client);
        let mut answers = Vec::new();
        let (_, sent, read) = tokio::join!(
            serve_one(server, fleet, WebSettings::default()),
            to.write_all(data),
            from.read_to_end(&mut answers),
        );
        // The daemon may have closed the connection before it has read everything.
        drop(sent);
        read.expect("the answers");
        answers
    })
}

/// The statuses of all answers.
fn statuses(mut answers: &[u8]) -> Vec<u16> {
    let mut statuses = Vec::new();
    while !answers.is_empty() {
        let end = answers.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of a head");
        let (head, rest) = answers.split_at(end + 4);
        let head = std::str::from_utf8(head).expect("a head of text").to_ascii_lowercase();
        let status = head.strip_prefix("http/1.").and_then(|rest| rest.get(2..5)).expect("a status");
        statuses.push(status.parse().expect("a status"));
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().expect("a length"));
        // Of a request with the method HEAD no body follows.
        let has_body = !rest.is_empty() && !rest.starts_with(b"HTTP/1.");
        answers = if has_body { rest.get(length..).expect("a whole body") } else { rest };
    }
    statuses
}

fn job(id: &str, owner: &str, place: &str) -> JobView {
    JobView {
        id: id.to_owned(),
        name: Some(place.to_owned()),
        verb: "copy".to_owned(),
        sources: vec![format!("one:{place}")],
        dest: "one:".to_owned(),
        owner: owner.to_owned(),
        state: QueueState::Running,
        cause: Some(place.to_owned()),
        ..JobView::default()
    }
}

/// The jobs `1` and `2` of two owners.
fn jobs() -> [JobView; 2] {
    [job("1", "ann-7", "a"), job("2", OTHER, PRIVATE)]
}

/// The series `3` and `4` of two owners.
fn all_series() -> [SeriesView; 2] {
    let series = |id: &str, owner: &str, place: &str| SeriesView {
        id: id.to_owned(),
        owner: owner.to_owned(),
        every: "1d".to_owned(),
        zone: "UTC".to_owned(),
        verb: "copy".to_owned(),
        sources: vec![format!("one:{place}")],
        dest: "one:".to_owned(),
        command: vec![format!("one:{place}")],
        ..SeriesView::default()
    };
    [series("3", "ann-7", "a"), series("4", OTHER, PRIVATE)]
}

impl Changes {
    fn note(&self, caller: &Caller, owner: &str) {
        assert!(caller.may_change(owner), "{caller:?} changes what belongs to {owner}");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(caller.clone());
    }
}

impl Fleet for Changes {
    fn store_may_have_changed(&self) {}

    fn submit(&self, caller: &Caller, job: &NewJob) -> Result<Submitted> {
        for place in job.places() {
            assert!(!place.contains(['\r', '\n', '\0']), "{place:?}");
            let is_own =
                ["one:", "[one]"].iter().any(|site| place.starts_with(site)) || place.contains("one.example");
            assert!(caller.scope == Scope::Admin || is_own, "{caller:?} uses {place:?}");
        }
        self.note(caller, &caller.name);
        let made = jobs().into_iter().next().map(|made| JobView { options: job.options.clone(), ..made });
        made.map(Submitted::New).ok_or_else(|| ApiError::not_found("job"))
    }

    fn plan(&self, _: &Caller, job: &NewJob) -> Result<Vec<Value>> {
        Ok(vec![json!({"event": "plan", "verb": job.verb, "source": job.sources, "dest": job.dest})])
    }

    fn jobs(&self, query: &JobQuery) -> Result<Slice<JobView>> {
        let is_asked = |job: &JobView| query.owner.as_ref().is_none_or(|owner| *owner == job.owner);
        let items = jobs().into_iter().filter(is_asked).take(query.most).collect();
        Ok(Slice { items, next: query.after.map(|after| after.to_string()) })
    }

    fn called(&self, owner: Option<&str>, name: Option<&str>) -> Result<Vec<JobView>> {
        let is_meant = |job: &JobView| {
            owner.is_none_or(|owner| owner == job.owner) && (name.is_none() || name == job.name.as_deref())
        };
        Ok(jobs().into_iter().filter(is_meant).collect())
    }

    fn job(&self, id: &str) -> Result<Option<JobView>> {
        Ok(jobs().into_iter().find(|job| job.id == id))
    }

    fn detail(&self, _: &str) -> Result<JobDetail> {
        Ok(JobDetail::default())
    }

    fn files(&self, _: &str, query: FileQuery) -> Result<Slice<FileView>> {
        Ok(Slice { items: Vec::new(), next: query.after.map(|after| after.to_string()) })
    }

    fn why(&self, _: &Caller, id: &str) -> Result<Vec<Value>> {
        Ok(vec![json!({"event": "job", "id": id})])
    }

    fn change(&self, caller: &Caller, id: &str, _: JobChange) -> Result<JobView> {
        let job = self.job(id)?.ok_or_else(|| ApiError::not_found("job"))?;
        self.note(caller, &job.owner);
        Ok(job)
    }

    fn events(&self, _: Option<u64>) -> Result<EventStream> {
        Err(ApiError::new(ErrorCode::Unavailable, "this queue has no events"))
    }

    fn sites(&self) -> Result<Vec<SiteView>> {
        let site = |name: &str| SiteView {
            name: name.to_owned(),
            url: format!("ftp://me@{name}.example/"),
            workers: Vec::new(),
        };
        Ok(vec![site("one"), site(PRIVATE)])
    }

    fn pairs(&self) -> Result<Vec<PairView>> {
        Ok(Vec::new())
    }

    fn workers(&self) -> Result<Vec<WorkerView>> {
        Ok(vec![WorkerView {
            name: "here".to_owned(),
            id: "7".to_owned(),
            version: "1".to_owned(),
            parallel: 1,
            jobs: vec!["2".to_owned()],
            sites: vec![PRIVATE.to_owned()],
            alive: true,
            ..WorkerView::default()
        }])
    }

    fn series(&self) -> Result<Vec<SeriesView>> {
        Ok(all_series().into())
    }

    fn change_series(&self, caller: &Caller, id: &str, _: SeriesAction) -> Result<SeriesView> {
        let series = all_series().into_iter().find(|series| series.id == id);
        let series = series.ok_or_else(|| ApiError::not_found("series"))?;
        self.note(caller, &series.owner);
        Ok(series)
    }

    fn metrics(&self) -> Result<String> {
        Ok(format!("{PRIVATE} 1\n"))
    }

    fn tokens(&self) -> Arc<[TokenInfo]> {
        let token = |(name, scope): (&str, Scope)| Token {
            name: name.to_owned(),
            scope,
            digest: token_digest(name),
            created: 0,
            expires: None,
        };
        TOKENS.map(|one| TokenInfo { token: token(one), sites: vec!["one".to_owned()] }).into()
    }

    fn renewed_tokens(&self) -> Result<Arc<[TokenInfo]>> {
        Ok(self.tokens())
    }
}
