//! Whether a server surely lacks names of one directory: each is asked for by every question that the server has, and the
//! replies are compared with those for a name that cannot exist.

use super::list::{RemoteDirectory, list_each_at_server};
use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{Failure, Result};
use crate::place;
use crate::session::Session;
use crate::world::random_bytes;
use ftp_proto::command::{Command, DataType, Verb};
use ftp_proto::deletion::{Answers, ExistenceQuestion, Learnt, MissingWords, Presence, SessionId, Witness};
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::manners::Form;
use ftp_proto::wire::{PathName, hex};
use std::collections::HashSet;

/// What a server has said of a name that it may lack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lack {
    /// Whether the server has the name.
    pub presence: Presence,
    /// Whether the server has found something else of the directory at the same time.
    pub witness: Witness,
    /// Whether the directory was listed whole at the same time.
    pub is_listed_whole: bool,
}

impl Lack {
    /// Nothing is known: the name is kept.
    pub const UNKNOWN: Self =
        Self { presence: Presence::Unknown, witness: Witness::NotFound, is_listed_whole: false };
}

/// What the listings of a directory show while names of it are looked for.
#[derive(Debug, Default)]
struct ShownNames {
    is_whole: bool,
    /// Those of the names that are shown all the same.
    there: HashSet<PathName>,
    /// Those that NLST alone shows.
    named: HashSet<PathName>,
    /// Some other names: each may be the witness.
    others: Vec<PathName>,
}

impl ShownNames {
    /// For each name, that it is there if it is shown; of the others nothing is known.
    fn with_unknown(&self, names: &[PathName]) -> Vec<Lack> {
        let presence = |name| if self.there.contains(name) { Presence::There } else { Presence::Unknown };
        names
            .iter()
            .map(|name| Lack { presence: presence(name), is_listed_whole: true, ..Lack::UNKNOWN })
            .collect()
    }
}

/// Whether an end lacks each of these names of a directory; `None` is the login directory. A server lists the directory
/// again first, and everything is asked in one session. On this host a name is lacking only if the system says so (ENOENT).
///
/// # Errors
///
/// The session is lost. A refusal is an answer: nobody can tell then.
pub(crate) async fn lack(
    context: &Context,
    host: &mut Host,
    directory: Option<&PathName>,
    names: &[PathName],
) -> Result<Learnt<Vec<Lack>>> {
    match host {
        Host::Server(server) => {
            let session = server.session(context).await?;
            let said = Box::pin(lack_at_server(session, directory, names)).await?;
            Ok(Learnt::new(said, session.id))
        }
        Host::Local(end) => {
            let presence = |name: &PathName| match end.entry(&place::join(directory, name)) {
                Ok(None) => Presence::Missing,
                Ok(Some(_)) => Presence::There,
                Err(_) => Presence::Unknown,
            };
            let lack = |presence| Lack { presence, witness: Witness::NotNeeded, is_listed_whole: true };
            Ok(Learnt::new(names.iter().map(|name| lack(presence(name))).collect(), SessionId::HERE))
        }
    }
}

async fn lack_at_server(
    session: &mut Session,
    directory: Option<&PathName>,
    names: &[PathName],
) -> Result<Vec<Lack>> {
    let mut shown = shown_names(session, directory, names).await?;
    if !shown.is_whole {
        return Ok(vec![Lack::UNKNOWN; names.len()]);
    }
    let home = session.current().await?;
    let questions = session.manners.questions(home.is_some());
    let impossible = PathName::from_user(format!("no-such-name-{}", hex(&random_bytes::<12>()?)))
        .map_err(|bad| Failure::usage(bad.to_string()))?;
    let mut check = ExistenceCheck { session, directory, questions, home };
    let witness = check.witness(std::mem::take(&mut shown.others)).await?;
    let asked: Vec<PathName> =
        [&impossible].into_iter().chain(names).map(|name| place::join(directory, name)).collect();
    let mut answers = check.answers(&asked).await?.into_iter();
    let dialect = check.session.manners.dialect;
    let words = MissingWords::new(dialect, &impossible, answers.next().unwrap_or_default());
    if !words.one_says_missing() && !check.are_usual(&words, &impossible).await? {
        return Ok(shown.with_unknown(names));
    }
    let is_found = match (&witness, check.session.manners.has_own_words()) {
        (_, true) if words.say_missing() => Witness::NotNeeded,
        (_, true) => Witness::NotFound,
        (Some(path), false) if check.finds(path).await? => Witness::Found,
        (Some(_) | None, false) => Witness::NotFound,
    };
    let presence = |name: &PathName, answers: &Answers| {
        let said = words.presence(name, answers);
        if shown.there.contains(name) {
            Presence::There
        } else if said == Presence::Missing && shown.named.contains(name) {
            // It has a name that it does not find: its disk may have failed.
            Presence::Unknown
        } else {
            said
        }
    };
    let said = names.iter().zip(answers).map(|(name, answers)| Lack {
        presence: presence(name, &answers),
        witness: is_found,
        is_listed_whole: true,
    });
    Ok(said.collect())
}

/// Lists a directory: by the usual command, and by NLST, which shows names that some servers leave out of LIST because they
/// cannot look at them (vsftpd).
async fn shown_names(
    session: &mut Session,
    directory: Option<&PathName>,
    names: &[PathName],
) -> Result<ShownNames> {
    let wanted: HashSet<&PathName> = names.iter().collect();
    let mut shown = ShownNames::default();
    let mut take = |entry: Entry| {
        if wanted.contains(&entry.name) {
            shown.there.insert(entry.name);
        } else if shown.others.len() < MOST_WITNESSES && matches!(entry.kind, Kind::File | Kind::Directory) {
            shown.others.push(entry.name);
        }
    };
    let listing = match list_each_at_server(session, directory, &mut take).await {
        Ok(listing) => listing,
        Err(failure) if session.is_over() => return Err(failure),
        Err(_) => return Ok(ShownNames::default()),
    };
    shown.is_whole = !listing.is_incomplete();
    if shown.is_whole && !session.manners.has_own_words() {
        let mut take = |entry: Entry| {
            if wanted.contains(&entry.name) {
                shown.named.insert(entry.name);
            }
        };
        match (RemoteDirectory { session, path: directory }).list_as(Form::Nlst, &mut take).await {
            Err((_, failure)) if session.is_over() => return Err(failure),
            // Some refuse it where nothing is to be shown.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(shown)
}

/// A server that is asked for names of a directory.
struct ExistenceCheck<'a> {
    session: &'a mut Session,
    /// `None` is the login directory.
    directory: Option<&'a PathName>,
    questions: Vec<ExistenceQuestion>,
    /// The way back from a directory that was entered.
    home: Option<PathName>,
}

impl ExistenceCheck<'_> {
    /// Whether the words for a name that cannot exist are the same in the login directory. Where a disk has failed below, both
    /// may differ, even if every name of the directory is refused alike.
    async fn are_usual(&mut self, words: &MissingWords, impossible: &PathName) -> Result<bool> {
        if self.directory.is_none() {
            return Ok(true);
        }
        let answers = self.answers(std::slice::from_ref(impossible)).await?;
        let here = place::join(self.directory, impossible);
        Ok(answers.first().is_some_and(|answers| words.are_those_of(&here, impossible, answers)))
    }

    /// Something of the directory that the server finds when it is asked, or the directory itself where nothing is in it.
    async fn witness(&mut self, others: Vec<PathName>) -> Result<Option<PathName>> {
        if self.session.manners.has_own_words() {
            return Ok(None);
        }
        let directory = self.directory;
        let inside = others.into_iter().map(|name| place::join(directory, &name));
        let itself = directory.cloned().or_else(|| self.home.clone());
        for path in inside.chain(itself) {
            if self.finds(&path).await? {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Whether the server finds something at `path`.
    async fn finds(&mut self, path: &PathName) -> Result<bool> {
        let answers = self.answers(std::slice::from_ref(path)).await?;
        Ok(answers.first().is_some_and(|answers| answers.found(self.session.manners.dialect)))
    }

    /// The answers to all questions about each path. A server that does in order what comes in one piece is sent the questions
    /// for several paths together.
    async fn answers(&mut self, paths: &[PathName]) -> Result<Vec<Answers>> {
        if self.questions.contains(&ExistenceQuestion::Size) {
            self.session.set_type(DataType::Image).await?;
        }
        let mut all = Vec::with_capacity(paths.len());
        let can_wait = self.session.manners.is_asked_ahead();
        let mut rest = paths;
        while let Some((path, others)) = rest.split_first() {
            if !can_wait {
                all.push(self.answers_in_turn(path).await?);
                rest = others;
                continue;
            }
            let count = self.session.manners.paths_at_once(rest, self.questions.len());
            let (now, later) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            all.extend(self.answers_ahead(now).await?);
            rest = later;
        }
        Ok(all)
    }

    /// The answers to questions that are sent one after the other.
    async fn answers_in_turn(&mut self, path: &PathName) -> Result<Answers> {
        let mut answers = Answers::default();
        // Nobody can ask for it where it would be taken for another name.
        if self.session.dropped_part(path).await?.is_some() {
            return Ok(answers);
        }
        for question in &self.questions {
            let answer = self.session.ask(question.command(path.clone())).await?;
            if let (ExistenceQuestion::Cwd, true, Some(home)) = (question, answer.is_done(), &self.home) {
                self.session.go_back(home.clone()).await?;
            }
            answers.add(*question, answer.reply);
        }
        Ok(answers)
    }

    /// The answers to questions that are sent together. Behind each CWD comes the way back.
    async fn answers_ahead(&mut self, paths: &[PathName]) -> Result<Vec<Answers>> {
        let Self { session, questions, home, .. } = self;
        session.gather(true);
        let mut sent = Vec::new();
        for path in paths {
            for question in questions.iter() {
                let id = session.send(question.command(path.clone()), None);
                let back = home.as_ref().filter(|_| *question == ExistenceQuestion::Cwd);
                sent.push((*question, id, back.map(|home| session.send(Command::Cwd(home.clone()), None))));
            }
        }
        let mut all = Vec::with_capacity(paths.len());
        for asked in sent.chunks(questions.len().max(1)) {
            let mut answers = Answers::default();
            for (question, id, back) in asked {
                answers.add(*question, session.answer_to(*id, question.verb()).await?.reply);
                if let Some(back) = back {
                    let back = session.answer_to(*back, Verb::Cwd).await?;
                    session.check_back(&back)?;
                }
            }
            all.push(answers);
        }
        session.gather(false);
        Ok(all)
    }
}

/// How many names are tried as a witness.
const MOST_WITNESSES: usize = 4;
