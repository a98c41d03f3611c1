//! Commands and their final replies, and the commands that every verb needs.

use super::answer::{Answer, EndedSession, about, hint, kind_of};
use super::connection::Session;
use super::data::socket_of;
use crate::failure::{Failure, Kind, Result};
use ftp_proto::client::{self, CommandId, Event, Input, UnusedListener};
use ftp_proto::command::{Command, DataType, Direction, Extension, Opts, Partial, Rate, Verb};
use ftp_proto::dialect::Dialect;
use ftp_proto::listing::{self, Facts, told_size, told_time};
use ftp_proto::manners::{DroppedPart, Keeping, entry_in, foreign_option};
use ftp_proto::reply::{Blame, Class, Reply};
use ftp_proto::wire::{PathName, RendezvousSecret};
use std::time::Duration;

impl Session {
    /// Sends a command and waits for its final reply.
    ///
    /// # Errors
    ///
    /// No final reply came: the session is lost, the reply took too long, or this run was interrupted. A refusal is an
    /// answer. Or the server drops a part of the name in the command.
    pub async fn ask(&mut self, command: Command) -> Result<Answer> {
        self.ask_patiently(command, None).await
    }

    /// The same for a command that may take longer than others.
    ///
    /// # Errors
    ///
    /// See [`Self::ask`].
    pub async fn ask_patiently(&mut self, command: Command, patience: Option<Duration>) -> Result<Answer> {
        if let Some(path) = command.path() {
            self.check_name(path).await?;
        }
        self.ask_unchecked(command, patience).await
    }

    /// The same without the check for what the server drops of the name: only for commands that change nothing.
    ///
    /// # Errors
    ///
    /// No final reply came.
    pub(crate) async fn ask_unchecked(
        &mut self,
        command: Command,
        patience: Option<Duration>,
    ) -> Result<Answer> {
        let verb = command.verb();
        let id = self.send(command, patience);
        self.answer_to(id, verb).await
    }

    /// Checks that the server takes a name in a command for what it is. Where it drops a part of it, the command would reach
    /// another file.
    ///
    /// # Errors
    ///
    /// The server drops a part of this name or shows no difference without it, or it cannot be asked.
    pub(crate) async fn check_name(&mut self, path: &PathName) -> Result<()> {
        let Some(part) = self.dropped_part(path).await? else { return Ok(()) };
        let what = format!("\"{}\" would reach another file", path.display());
        let may = if self.manners.dropped.of(part) == Keeping::Dropped { "" } else { "perhaps " };
        Err(Failure::new(Kind::Unverified, what)
            .said(format!("{} {may}drops {}", self.who(), part.name()))
            .hint("rename it where it is"))
    }

    /// What the server drops of a name in a command, or may drop: the name without it belongs to a file that looks the same.
    pub(crate) async fn dropped_part(&mut self, path: &PathName) -> Result<Option<DroppedPart>> {
        if self.manners.drops_nothing_of(path) {
            return Ok(None);
        }
        for part in DroppedPart::of(path) {
            let keeping = Box::pin(self.keeping(part)).await?;
            if keeping == Keeping::Dropped || self.is_alike_without(part, path).await? {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// What is known of a part, after the server was asked whether it enters its current directory by a name with it, and no
    /// other directory that is not there.
    async fn keeping(&mut self, part: DroppedPart) -> Result<Keeping> {
        let known = self.manners.dropped.of(part);
        if known != Keeping::Unknown {
            return Ok(known);
        }
        let what = format!("nobody can tell whether {} drops {}", self.who(), part.name());
        let unknown = || Failure::new(Kind::Unverified, what.clone());
        let home = self.current().await?.ok_or_else(unknown)?;
        let asked = part.added_to(&home).ok_or_else(unknown)?;
        let is_entered = self.ask_unchecked(Command::Cwd(asked), None).await?.is_done();
        // A server that does not enter its own directory tells nothing.
        self.go_back(home.clone()).await?;
        // What PWD would say now is no evidence: some servers repeat what was typed.
        let drops = is_entered && !self.enters_anything(home).await?;
        let keeping = if drops { Keeping::Dropped } else { Keeping::Likely };
        self.manners.dropped.note(part, keeping);
        Ok(keeping)
    }

    /// Whether the path and the one without this part have the same facts, so that both may be one file. If they have not, the
    /// server keeps the part.
    async fn is_alike_without(&mut self, part: DroppedPart, path: &PathName) -> Result<bool> {
        let Some(other) =
            part.dropped_from(path).filter(|_| self.manners.dropped.of(part) != Keeping::Proven)
        else {
            return Ok(false);
        };
        let Some(named) = self.facts_unchecked(path).await? else { return Ok(false) };
        let is_alike = self.facts_unchecked(&other).await? == Some(named);
        if !is_alike {
            self.manners.dropped.note(part, Keeping::Proven);
        }
        Ok(is_alike)
    }

    /// What MLST tells of the file that the server reaches by a name, or else SIZE and MDTM.
    async fn facts_unchecked(&mut self, path: &PathName) -> Result<Option<Facts>> {
        if self.manners.dialect != Dialect::Rfc959 {
            return Ok(None);
        }
        if self.manners.capabilities.mlst.is_some() {
            let answer = self.ask_unchecked(Command::Mlst(Some(path.clone())), None).await?;
            return Ok(entry_in(&answer).map(|entry| Facts::from(&entry)));
        }
        let size = self.ask_unchecked(Command::Size(path.clone()), None).await?;
        let Some(size) = told_size(size.reply.text()).filter(|_| size.is_done()) else { return Ok(None) };
        let time = self.ask_unchecked(Command::Mdtm(path.clone()), None).await?;
        let modified = told_time(time.reply.text()).filter(|_| time.is_done());
        Ok(Some(Facts { size: Some(size), modified, ..Facts::of_kind(listing::Kind::File) }))
    }

    /// Waits for the final reply to a command that was sent.
    pub(crate) async fn answer_to(&mut self, id: CommandId, verb: Verb) -> Result<Answer> {
        let sent = SentCommand { id, verb };
        loop {
            let event = self.next_or_cancelled().await?;
            if let Some(answer) = sent.final_reply(self, event)? {
                return Ok(answer);
            }
        }
    }

    /// Takes note of the reply to LSTN behind RNDZ with that secret: a transfer may use both without another question.
    pub(super) fn note_listener(&mut self, direction: Direction, secret: RendezvousSecret, answer: &Answer) {
        let port = socket_of(self.manners.dialect, &answer.reply).filter(|_| answer.is_done());
        let since = self.context.world.clock.now();
        if let Some(port) = port {
            self.dialogue.machine.note_listener(UnusedListener { direction, port, since });
            self.dialogue.secret = Some(secret);
        }
    }

    /// The secret of its [unused listener](UnusedListener), if it has one. A transfer for which it listens has to use it.
    pub fn listener_secret(&self) -> Option<RendezvousSecret> {
        self.dialogue.machine.standing().unused.and(self.dialogue.secret.clone())
    }

    /// Waits for the first reply. Returns it if it is the final one: some servers omit the preliminary reply
    /// (modern-servers 1).
    pub(crate) async fn first_reply(&mut self, sent: SentCommand) -> Result<Option<Answer>> {
        loop {
            let event = self.next_or_cancelled().await?;
            if matches!(&event, Event::Reply { to, class, .. } if *to == sent.id && !class.is_final()) {
                return Ok(None);
            }
            if let Some(answer) = sent.final_reply(self, event)? {
                return Ok(Some(answer));
            }
        }
    }

    /// Converts a refusal into a failure.
    pub fn refusal(&self, what: impl Into<String>, answer: &Answer) -> Failure {
        let blame = self.blame(answer);
        Failure::new(kind_of(blame), what)
            .said(self.quote(&answer.reply))
            .about(about(blame))
            .hint_if(hint(blame))
    }

    /// Checks that a command was carried out: `what` fails otherwise.
    ///
    /// # Errors
    ///
    /// The server refuses it.
    pub(crate) fn check_done(&self, answer: &Answer, what: impl Into<String>) -> Result<()> {
        if answer.is_done() { Ok(()) } else { Err(self.refusal(what, answer)) }
    }

    /// Whose fault a refusal is.
    pub fn blame(&self, answer: &Answer) -> Blame {
        answer.blame(self.manners.dialect)
    }

    /// `the source 127.0.0.2:2121 said "550 No such file"`.
    pub fn quote(&self, reply: &Reply) -> String {
        format!("{} {}", self.who(), self.said(reply))
    }

    /// Quotes a reply, without secrets: `said "550 No such file"`. Of a very long one the middle is left out, because names
    /// often stand there, and the cause at its end.
    pub(super) fn said(&self, reply: &Reply) -> String {
        let reply = self.shown(reply);
        let left_out = reply.chars().count().saturating_sub(QUOTED);
        if left_out == 0 {
            return format!("said \"{reply}\"");
        }
        let begin: String = reply.chars().take(QUOTED / 2).collect();
        let end: String = reply.chars().skip(QUOTED / 2 + left_out).collect();
        format!("said \"{begin} .. {end}\"")
    }

    /// A reply, without secrets and without what a terminal would act on.
    pub fn shown(&self, reply: &Reply) -> String {
        self.secrets.told_reply(reply).to_string()
    }

    /// What somebody has said about a server, or has repeated of its words, without secrets.
    pub fn concealed(&self, text: &str) -> String {
        self.secrets.told(text.as_bytes()).to_string()
    }

    /// Converts the end of this session into a failure.
    pub fn lost(&self, end: &client::Failure) -> Failure {
        EndedSession(self).failure(end)
    }

    /// What to do if the server refused, with this reply to this command, to exchange data with another server; `None` if the
    /// words are not about whom it may exchange data with.
    pub fn foreign_advice(&self, verb: Verb, reply: &Reply) -> Option<String> {
        let option = foreign_option(&self.manners, verb, reply)?;
        Some(format!("{} must permit transfers between servers (FXP): {option}", self.who()))
    }

    /// The current directory, if PWD tells it.
    pub(crate) async fn current(&mut self) -> Result<Option<PathName>> {
        let answer = self.ask(Command::Pwd).await?;
        Ok(PathName::unquote(answer.reply.text()).filter(|_| answer.is_done()))
    }

    /// Returns to the directory that [`Self::current`] has told.
    pub(crate) async fn go_back(&mut self, home: PathName) -> Result<()> {
        let back = self.ask_unchecked(Command::Cwd(home), None).await?;
        self.check_back(&back)
    }

    /// Checks the answer to the command that goes back.
    pub(crate) fn check_back(&self, back: &Answer) -> Result<()> {
        self.check_done(back, "cannot go back to the login directory")
    }

    /// Whether CWD says 250 to a name that does not exist, as some servers do. `home` is the way back.
    pub(crate) async fn enters_anything(&mut self, home: PathName) -> Result<bool> {
        if let Some(known) = self.manners.enters_anything {
            return Ok(known);
        }
        let mut enters = false;
        if let Ok(nothing) = PathName::from_user(NO_DIRECTORY)
            && self.ask(Command::Cwd(nothing)).await?.is_done()
        {
            enters = true;
            self.go_back(home).await?;
        }
        self.manners.enters_anything = Some(enters);
        Ok(enters)
    }

    /// Sets the data type, if it is not in force already.
    ///
    /// # Errors
    ///
    /// The server refuses the type, or no final reply came.
    pub async fn set_type(&mut self, data_type: DataType) -> Result<()> {
        if self.manners.settings.data_type == Some(data_type) {
            return Ok(());
        }
        if self.manners.capabilities.takes_ahead {
            // Our servers know all types that are asked for, and do in order what comes together.
            self.send(Command::Type(data_type), None);
        } else {
            let answer = self.ask(Command::Type(data_type)).await?;
            self.check_done(&answer, "cannot set the data type")?;
        }
        self.manners.settings.data_type = Some(data_type);
        Ok(())
    }

    /// Sets the protection of data connections (PROT). Returns the reply if the server refuses.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn protect(&mut self, private: bool) -> Result<Option<Answer>> {
        if self.tls.is_none() || self.manners.settings.is_clear != private {
            return Ok(None);
        }
        let level = if private { b"P" } else { b"C" };
        let answer = self.ask(Command::Other(Verb::Prot, level.to_vec())).await?;
        if !answer.is_done() {
            return Ok(Some(answer));
        }
        self.manners.settings.is_clear = !private;
        Ok(None)
    }

    /// Data connections with this program are private wherever the control connection is. What was arranged for
    /// TLS with another server ends: this program is the TLS client, and shows no certificate (H23).
    ///
    /// # Errors
    ///
    /// The server refuses one of these commands, or no final reply came.
    pub async fn private_data(&mut self) -> Result<()> {
        let standing = self.dialogue.machine.standing();
        let role = standing.sscn.then_some(Command::Sscn(Some(false)));
        let pin = standing.pin.map(|_| Command::Pinc(None));
        for command in role.into_iter().chain(pin) {
            let answer = self.ask(command).await?;
            self.check_done(&answer, "what was arranged for TLS with another server does not end")?;
        }
        match self.protect(true).await? {
            None => Ok(()),
            Some(answer) => Err(self.refusal("data connections are not private any more", &answer)),
        }
    }

    /// Sets what `ftp-server` does with the first part of a broken STOR (OPTS STOR PARTIAL). Sent only if the
    /// setting changes; the reply does not matter.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn partials(&mut self, wanted: Partial) -> Result<()> {
        if self.manners.capabilities.partial && self.manners.settings.partial != Some(wanted) {
            let command = Command::Opts(Opts::Partial(wanted));
            if self.manners.capabilities.takes_ahead {
                self.send(command, None);
            } else {
                self.ask(command).await?;
            }
            self.manners.settings.partial = Some(wanted);
        }
        Ok(())
    }

    /// Before a transfer of a whole file: a server may have kept the byte of a transfer that was never
    /// begun, and would send or store a part (ProFTPD). Any answer will do, since the copy is verified.
    ///
    /// # Errors
    ///
    /// No final reply came, see [`Self::ask`].
    pub async fn forget_restart(&mut self) -> Result<()> {
        if self.manners.settings.restarts {
            self.ask(Command::Rest(0)).await?;
        }
        Ok(())
    }

    /// From now on the transfers of this session are no faster than `rate`.
    ///
    /// # Errors
    ///
    /// The server refuses that, or the session is lost.
    pub async fn keep_to(&mut self, rate: Rate) -> Result<()> {
        if self.manners.settings.rate == Some(rate) {
            return Ok(());
        }
        let answer = self.ask(Command::Extension(Extension::Rate(Some(rate)))).await?;
        self.check_done(&answer, format!("the server does not keep to {} bytes per second", rate.bytes))?;
        self.manners.settings.rate = Some(rate);
        Ok(())
    }

    /// Says goodbye, and waits for the answer. Returns false if the session was lost before, which is noticed here at the latest.
    ///
    /// A server may be slower to answer than to take a connection. An answer that is missed counts as a loss, after which a job
    /// looks at everything again: so it is waited for, unless the run is to stop.
    ///
    /// The answer of one of our own servers is not waited for where it would tell nothing: where this session has changed nothing,
    /// and where the server has just said something.
    pub async fn quit(mut self) -> bool {
        if self.is_over() {
            return false;
        }
        let clock = self.context.world.clock;
        let (begun, half) = (clock.now(), (self.addresses.round_trip / 2).min(JUST_NOW));
        let was_just_heard = self.dialogue.heard_at.is_some_and(|at| begun.since(at) <= half);
        self.dialogue.machine.input(begun, Input::Quit);
        if self.is_ours() && (!self.dialogue.changes_files || was_just_heard) {
            while self.drain().is_ok() {}
            if self.dialogue.has_sent_all() {
                return true;
            }
        }
        self.dialogue.heard_at = None;
        let (settings, run) = (&self.context.settings, &self.context.run);
        let soon = begun + GOODBYE.max(3 * self.addresses.round_trip);
        let late = soon.max(begun + SLOW_GOODBYE.min(settings.patience.reply));
        let (cancel, is_stopped) = (run.cancel.clone(), run.interruption.is_noticed());
        let farewell = async { while !matches!(self.next().await, Event::Ended(_)) {} };
        let hurry = async {
            if !is_stopped {
                cancel.cancelled().await;
            }
            clock.sleep_until(Some(soon)).await;
        };
        tokio::select! {
            biased;
            () = farewell => {}
            () = hurry => {}
            () = clock.sleep_until(Some(late)) => {}
        }
        self.dialogue.heard_at.is_some()
    }
}

/// How long ago a reply may have come that shows that a server is there, at most.
const JUST_NOW: Duration = Duration::from_millis(250);
/// How long the reply to QUIT is waited for, at least.
const GOODBYE: Duration = Duration::from_millis(500);
/// The same where nobody has stopped the run.
const SLOW_GOODBYE: Duration = Duration::from_secs(5);

/// A name that no directory has.
const NO_DIRECTORY: &str = ".ftp-user.no-such-directory";

/// A command that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentCommand {
    pub(crate) id: CommandId,
    pub(crate) verb: Verb,
}

impl SentCommand {
    /// Whether this is its preliminary reply.
    pub(super) fn has_begun(self, event: &Event) -> bool {
        matches!(event, Event::Reply { to, class: Class::Preliminary, .. } if *to == self.id)
    }

    /// The final reply, if the event is that.
    pub(crate) fn final_reply(self, session: &Session, event: Event) -> Result<Option<Answer>> {
        if let Event::Ended(failure) = &event {
            return Err(session.lost(failure));
        }
        let Event::Reply { to, reply, class } = event else { return Ok(None) };
        let is_final = to == self.id && class.is_final();
        Ok(is_final.then_some(Answer { reply, class, verb: self.verb }))
    }
}

/// The bytes of a question for a path, at most: a byte of a name may be written as two.
pub(crate) fn bytes_of_question(path: &PathName) -> usize {
    2 * path.as_bytes().len() + LINE
}

/// What a line of such a question has beside its path, at most.
const LINE: usize = 8;
/// How many characters of a reply are quoted in a message. A trace has all of it.
const QUOTED: usize = 120;
