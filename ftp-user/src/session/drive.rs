//! Drives a session: performs what its machine asks for, and passes what the server sends to it.
//!
//! A session has no task. The caller drives it with [`Session::next`], which is cancel-safe.

use super::answer::Answer;
use super::ask::{SentCommand, bytes_of_question};
use super::connection::{BlockMode, MOST_TRANSFERS, SentLook, Session};
use super::listing::ListingConnection;
use super::tls::SessionTls;
use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::report::Event as Report;
use ftp_io::connection::Connection;
use ftp_io::control::ReadEvent;
use ftp_io::tls::Refusal;
use ftp_proto::client::{self, CommandId, Event, Input, Output};
use ftp_proto::coding::BlockCodes;
use ftp_proto::command::{Command, Mode, Pack, Verb};
use ftp_proto::reply::{Class, classify, wants_pret};
use ftp_proto::timer::Moment;
use ftp_proto::wire::PathName;
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::AsyncReadExt;

impl Session {
    /// Sends a command; its replies come out of [`Session::next`].
    pub fn send(&mut self, command: Command, patience: Option<Duration>) -> CommandId {
        self.forget_look();
        self.note_mode(&command);
        self.dialogue.changes_files |= changes_files(&command);
        let transfer = command.is_transfer();
        self.manners.settings.note_sent(&command);
        if let Command::Rndz(Some(secret)) = &command {
            self.secrets.of_transfer(secret);
        }
        let id = self.dialogue.machine.send(self.context.world.clock.now(), command, patience);
        if transfer {
            self.dialogue.note_transfer(id);
        }
        id
    }

    /// Ends MODE B before a command that needs another data connection than the one that is kept. Nobody waits for the
    /// reply: our servers know this mode, and do in order what comes together.
    fn note_mode(&mut self, next: &Command) {
        if matches!(self.dialogue.blocks, BlockMode::AfterUse(_)) && needs_other_connection(next) {
            self.dialogue.blocks = BlockMode::Stream;
            self.close_listing();
            self.dialogue.machine.send(self.context.world.clock.now(), Command::Mode(Mode::Stream), None);
        }
        if let Command::Mode(mode) = next {
            // The server closes what it keeps.
            self.close_listing();
            self.dialogue.blocks = if *mode == Mode::Block { BlockMode::InUse } else { BlockMode::Stream };
        }
    }

    /// Prepares a listing by MLSD. Returns the codes of its blocks if it comes in MODE B: the server is ours, and has listed something
    /// before.
    pub(crate) fn begin_listing(&mut self) -> Option<BlockCodes> {
        let comes_in_stream =
            matches!(self.dialogue.listing, ListingConnection::NothingListed | ListingConnection::InStream);
        if self.keeps_listing_connection() {
            self.dialogue.blocks = BlockMode::InUse;
        } else if self.may_list_in_blocks() && !comes_in_stream {
            self.use_blocks();
        } else {
            return None;
        }
        Some(BlockCodes::of(self.manners.dialect))
    }

    /// Whether listings can come in MODE B.
    pub(crate) fn may_list_in_blocks(&self) -> bool {
        self.manners.is_ours() && self.manners.capabilities.pack && self.relay.is_none()
    }

    /// Switches the server to MODE B without waiting for the reply: our servers know it and carry out commands in order.
    pub(crate) fn use_blocks(&mut self) {
        if self.dialogue.blocks != BlockMode::Stream {
            // It may keep another data connection.
            self.send(Command::Mode(Mode::Stream), None);
        }
        self.send(Command::Mode(Mode::Block), None);
    }

    /// Whether the data connection of the last listing is kept for others.
    pub(crate) fn keeps_listing_connection(&self) -> bool {
        self.dialogue.listing.is_kept(self.context.world.clock.now())
    }

    /// Sends MLSDs for the first of these directories ahead of their listings, if these can use the connection of the last one.
    /// While [`Self::awaits_listing`], the next one of them must be listed, and nothing else asked.
    ///
    /// # Errors
    ///
    /// The journal does not have the job any more.
    pub(crate) async fn list_ahead(&mut self, directories: &[PathName]) -> Result<()> {
        self.context.confirm_job().await?;
        if !self.keeps_listing_connection() || !self.is_listing_over().await {
            return Ok(());
        }
        self.gather(true);
        let mut bytes = 0;
        for (waiting, directory) in directories.iter().take(MOST_TRANSFERS).enumerate() {
            bytes += bytes_of_question(directory);
            if !self.manners.has_room_behind(waiting, bytes) {
                break;
            }
            self.begin_listing();
            let id = self.send(Command::Mlsd(Some(directory.clone())), None);
            self.dialogue.listing.note_ahead(SentCommand { id, verb: Verb::Mlsd });
        }
        self.gather(false);
        Ok(())
    }

    /// Whether nothing has come behind the last listing: that belongs to no other one. Otherwise its connection is closed.
    pub(crate) async fn is_listing_over(&mut self) -> bool {
        let is_over = self.dialogue.listing.is_over().await;
        if !is_over {
            self.close_listing();
        }
        is_over
    }

    /// Whether a listing was asked for ahead and not read yet.
    pub(crate) fn awaits_listing(&self) -> bool {
        self.dialogue.listing.awaits()
    }

    /// Closes the connection that is kept. If listings were asked for ahead, nobody can tell apart what comes then, and the session
    /// ends.
    pub(crate) fn close_listing(&mut self) {
        let is_lost = self.awaits_listing();
        self.dialogue.listing.close();
        if is_lost {
            self.close();
        }
    }

    /// A listing has ended. With `kept`, it came in blocks and is whole, and its connection is open. `is_broken`: it is not whole.
    /// Nobody can tell apart what comes after a broken one: if others were sent ahead, the session ends.
    pub(crate) fn note_listed(&mut self, kept: Option<Connection>, is_broken: bool) {
        let was_in_blocks = self.dialogue.blocks == BlockMode::InUse;
        if was_in_blocks {
            self.dialogue.blocks = BlockMode::AfterUse(None);
        }
        let now = self.context.world.clock.now();
        let is_awaited = self.awaits_listing();
        self.dialogue.listing.end(kept, was_in_blocks && is_broken, now);
        if is_awaited && !self.awaits_listing() {
            self.close();
        }
    }

    /// Forgets an MLST that was sent before its answer is needed: something else may have happened since.
    pub(crate) fn forget_look(&mut self) {
        match &mut self.look {
            SentLook::Sent(_, path) => *path = None,
            SentLook::None | SentLook::Answered(..) => self.look = SentLook::None,
        }
    }

    /// Sends an MLST whose answer is needed later, if the server takes commands ahead of its replies. It may be sent behind a
    /// transfer command, and then tells what is there after the transfer.
    pub(crate) fn look_ahead(&mut self, path: &PathName) {
        if self.manners.capabilities.takes_ahead && self.manners.takes_mlst() {
            let id = self.send(Command::Mlst(Some(path.clone())), None);
            self.look = SentLook::Sent(SentCommand { id, verb: Verb::Mlst }, Some(path.clone()));
        }
    }

    /// What an MLST has said of this path that was sent before; `None` if none was, or something else has been sent since.
    ///
    /// # Errors
    ///
    /// No final reply came.
    pub(crate) async fn looked_ahead(&mut self, path: &PathName) -> Result<Option<Answer>> {
        while matches!(&self.look, SentLook::Sent(_, Some(asked)) if asked == path) {
            self.step_or_cancelled().await?;
        }
        match std::mem::take(&mut self.look) {
            SentLook::Answered(looked, answer) if looked == *path => Ok(Some(answer)),
            SentLook::None | SentLook::Answered(..) => Ok(None),
            sent @ SentLook::Sent(..) => {
                self.look = sent;
                Ok(None)
            }
        }
    }

    /// Takes the reply to an MLST that was sent before its answer is needed. Returns whether it was one.
    fn take_look(&mut self, event: &Event) -> bool {
        let (Event::Reply { to, reply, class }, SentLook::Sent(sent, path)) = (event, &mut self.look) else {
            return false;
        };
        if sent.id != *to || !class.is_final() {
            return false;
        }
        let answer = Answer { reply: reply.clone(), class: *class, verb: sent.verb };
        self.look = path.take().map_or(SentLook::None, |path| SentLook::Answered(path, answer));
        true
    }

    /// Whether commands are sent together as soon as the session waits, and not one by one. Only a caller that drives the
    /// session until it waits may want that.
    pub const fn gather(&mut self, gathers: bool) {
        self.dialogue.gathers = gathers;
    }

    /// Aborts what runs, or closes the connection of a server that is known not to answer ABOR: that is waited for once.
    pub fn abort(&mut self) {
        if self.is_deaf.load(Ordering::Relaxed) {
            return self.close();
        }
        self.aborts = true;
        self.forget_look();
        self.dialogue.machine.input(self.context.world.clock.now(), Input::Abort);
    }

    /// The session ends. If ABOR was not answered until now, nobody waits for that again.
    fn note_deaf(&mut self) {
        if std::mem::take(&mut self.aborts) {
            self.is_deaf.store(true, Ordering::Relaxed);
        }
    }

    /// Closes the connection without a word.
    pub fn close(&mut self) {
        self.note_deaf();
        self.dialogue.close(self.context.world.clock.now());
    }

    /// Closes the connection without a word, and waits until the server has closed it too: at most `SETTLE`, and after an
    /// interruption of `context` as long as the replies to ABOR may take. If it has, no command that it was sent can still take
    /// effect.
    pub async fn close_and_settle(&mut self, context: &Context) {
        let control = self.dialogue.control.take();
        self.close();
        let Some(control) = control else { return };
        let clock = context.world.clock;
        let end_of_patience = async {
            context.run.cancel.cancelled().await;
            clock.sleep_until(Some(context.run.interruption.abort(clock.now()))).await;
        };
        tokio::select! {
            biased;
            () = control.close(&clock, SETTLE) => {}
            () = end_of_patience => {}
        }
    }

    /// Reads what arrived while the session was idle, such as a 421 before the server closed it.
    pub async fn catch_up(&mut self) {
        while !self.is_over() {
            tokio::select! {
                biased;
                _ = self.next() => {}
                () = std::future::ready(()) => return,
            }
        }
    }

    /// The next event, or an interruption. An interrupted session is closed, since its replies cannot be
    /// told apart any more.
    pub(crate) async fn next_or_cancelled(&mut self) -> Result<Event> {
        loop {
            if let Some(event) = self.step_or_cancelled().await? {
                return Ok(event);
            }
        }
    }

    /// The same, or `None` if the reply to a time or a look has come that was sent before ([`Self::set_modified`],
    /// [`Self::look_ahead`]).
    pub(crate) async fn step_or_cancelled(&mut self) -> Result<Option<Event>> {
        self.check_open()?;
        let cancel = self.context.run.cancel.clone();
        let step = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            step = self.step() => Some(step),
        };
        step.ok_or_else(|| {
            self.close();
            Failure::interrupted()
        })
    }

    /// Fails if it has ended, and says why.
    pub(crate) fn check_open(&self) -> Result<()> {
        self.dialogue.over.as_ref().map_or(Ok(()), |failure| Err(self.lost(failure)))
    }

    /// The next event; never one after the end.
    pub async fn next(&mut self) -> Event {
        loop {
            if let Some(event) = self.step().await {
                return event;
            }
        }
    }

    /// The next event, or `None` if the reply to a time or a look has come that was sent before. Nobody else gets that reply,
    /// whatever is waited for.
    async fn step(&mut self) -> Option<Event> {
        loop {
            let deadline = match self.drain() {
                Ok(event) if self.time.takes(&event) || self.take_look(&event) => return None,
                Ok(event) => return Some(event),
                Err(deadline) => deadline,
            };
            let clock = self.context.world.clock;
            let now = || clock.now();
            if std::mem::take(&mut self.is_tls_due) {
                let control = self.dialogue.control.take();
                let secured = SessionTls::of(self).secure(control).await;
                match secured {
                    Ok(control) => {
                        self.dialogue.control = Some(control);
                        self.dialogue.machine.input(now(), Input::Secured);
                    }
                    Err(failure) => {
                        self.why_no_tls = Some(failure);
                        self.dialogue.machine.input(now(), Input::Closed);
                    }
                }
                continue;
            }
            let Some(control) = &mut self.dialogue.control else {
                if self.dialogue.over.is_some() {
                    std::future::pending::<()>().await;
                }
                self.dialogue.machine.input(now(), Input::Closed);
                continue;
            };
            let mut piece = [0; 4096];
            tokio::select! {
                biased;
                read = control.read(&mut piece) => match read {
                    ReadEvent::Bytes(n) => self.dialogue.machine.input(now(), Input::Bytes(piece.get(..n).unwrap_or_default())),
                    ReadEvent::Room => {}
                    // TLS of a server begins nowhere here.
                    ReadEvent::Closed | ReadEvent::Secured(_) | ReadEvent::Cleared | ReadEvent::NotSecured(_) => {
                        if control.demands_certificate() {
                            self.why_no_tls = Some(SessionTls::of(self).refused(&Refusal::CertificateDemanded));
                        }
                        self.dialogue.machine.input(now(), Input::Closed);
                    }
                },
                () = clock.sleep_until(deadline) => self.dialogue.machine.input(now(), Input::Timeout),
            }
        }
    }

    /// Does what the machine asks, up to its next event or its next deadline.
    pub(super) fn drain(&mut self) -> Result<Event, Option<Moment>> {
        loop {
            match self.dialogue.machine.poll() {
                Output::Send(bytes) => self.dialogue.send(&bytes, self.context.world.clock.now()),
                Output::Event(Event::Sent(line)) => self.trace(|| format!("> {line}")),
                Output::Event(Event::Received { reply, lines }) => {
                    // As they came, but for secrets and control characters.
                    lines.iter().for_each(|line| self.trace(|| format!("< {}", self.secrets.told(line))));
                    if self.manners.greeting.is_none() {
                        // A refusal at the door, such as 421, is no greeting.
                        if reply.code.0 < 400 {
                            self.context.store.sites.note_greeted(&self.site.key());
                        }
                        self.manners.greeting =
                            Some(String::from_utf8_lossy(&reply.lines.concat()).chars().take(500).collect());
                    }
                    self.manners.capabilities.pret |= wants_pret(&reply);
                    let class = classify(self.manners.dialect, Verb::Retr, reply.code);
                    self.dialogue.note_reply(class == Class::Preliminary, self.context.world.clock.now());
                }
                Output::Event(event) => {
                    if let Event::Reply { to, class: Class::Preliminary, .. } = &event
                        && self.dialogue.has_begun(*to)
                    {
                        // The connection has proven itself.
                        self.manners.settings.demands_proof = false;
                    }
                    self.aborts &= event != Event::AbortDone;
                    if let Event::Ended(failure) = &event {
                        if matches!(failure, client::Failure::Silent(_) | client::Failure::OutOfStep) {
                            self.note_deaf();
                        }
                        self.dialogue.over = Some(failure.clone());
                    }
                    return Ok(event);
                }
                Output::StartTls => self.is_tls_due = true,
                Output::Close => self.dialogue.control = None,
                // A transfer that is over says that it begins: its final reply will come, too, and would answer
                // some other command (RFC 1123 4.1.4.4). Such a session is of no more use.
                Output::Wait(_) if self.dialogue.is_out_of_step() => {
                    self.close();
                    self.dialogue.over = Some(client::Failure::OutOfStep);
                    return Ok(Event::Ended(client::Failure::OutOfStep));
                }
                Output::Wait(deadline) => return Err(deadline),
            }
        }
    }

    fn trace(&self, line: impl Fn() -> String) {
        if self.context.run.events.traces() {
            self.context.run.events.say(Report::Dialogue {
                side: self.role.side(),
                title: self.title.clone(),
                at: self.context.world.clock.now(),
                line: line(),
            });
        }
    }
}

/// What has come on a connection, a byte or its end; `None` if nothing has.
pub(super) async fn arrived(connection: &mut Connection) -> Option<io::Result<usize>> {
    let mut byte = [0];
    tokio::select! {
        biased;
        read = connection.read(&mut byte) => Some(read),
        () = std::future::ready(()) => None,
    }
}

/// Whether a command may change a file, or what has its name.
fn changes_files(command: &Command) -> bool {
    if let Command::Pack(pack) = command {
        return !matches!(**pack, Pack::Send(..));
    }
    matches!(command.verb(), Verb::Appe | Verb::Dele | Verb::Mkd | Verb::Rmd | Verb::Rnto | Verb::Stor)
}

/// Whether a command prepares another data connection, needs one, or changes what a batch has set. PACK uses the kept one.
fn needs_other_connection(command: &Command) -> bool {
    let prepares = matches!(
        command.verb(),
        Verb::Rndz
            | Verb::Pinc
            | Verb::Prot
            | Verb::Sock
            | Verb::Port
            | Verb::Eprt
            | Verb::Pasv
            | Verb::Epsv
            | Verb::Cpsv
            | Verb::Lstn
            | Verb::Actv
            | Verb::Sscn
            | Verb::Type
            | Verb::Dgst
    );
    prepares || (command.is_transfer() && command.verb() != Verb::Pack)
}

/// How long a server may take to close a connection that this program has closed.
const SETTLE: Duration = Duration::from_secs(4);
