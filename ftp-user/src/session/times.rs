//! The times of files at a server: MFMT, SITE UTIME, or MDTM with a time. Their permissions: MFF, or SITE CHMOD.

use super::answer::Answer;
use super::connection::Session;
use super::sent_time::Untaken;
use crate::failure::{self, Failure};
use ftp_proto::calendar::When;
use ftp_proto::client::Event;
use ftp_proto::command::Command;
use ftp_proto::listing::told_time;
use ftp_proto::wire::PathName;

impl Session {
    /// When the file was modified last, if MDTM tells it.
    ///
    /// # Errors
    ///
    /// Fails if the session is lost.
    pub async fn modified(&mut self, path: &PathName) -> Result<Option<When>, Failure> {
        if !self.manners.capabilities.mdtm {
            return Ok(None);
        }
        let answer = self.ask(Command::Mdtm(path.clone())).await?;
        Ok(if answer.is_done() { told_time(answer.reply.text()) } else { None })
    }

    /// Sets when the file was modified last. A server that takes commands ahead is asked together with the next
    /// command; [`Self::time_refusal`] tells afterwards whether it has refused.
    ///
    /// # Errors
    ///
    /// Fails if the session is lost.
    pub async fn set_modified(&mut self, path: &PathName, time: When) -> Result<(), Failure> {
        let Some(command) = self.manners.time_command(path, time) else {
            let what = format!("{} offers no command that sets the time of a file", self.title);
            self.time.untaken = Some(Untaken::Unknown(Failure::new(failure::Kind::Other, what)));
            return Ok(());
        };
        let verb = command.verb();
        self.settle_time().await?;
        self.time.unanswered = Some((self.send(command, None), verb));
        if self.manners.capabilities.takes_ahead { Ok(()) } else { self.settle_time().await }
    }

    /// Sets when these were modified last. A server that takes commands ahead is sent all of them together. Returns the first
    /// refusal; a server that takes none ahead is not asked for what follows it.
    ///
    /// # Errors
    ///
    /// Fails if the session is lost.
    pub async fn set_modified_all(&mut self, times: &[(PathName, When)]) -> Result<Option<Failure>, Failure> {
        self.gather(true);
        let mut sent = Vec::new();
        for (path, time) in times {
            match self.manners.time_command(path, *time).filter(|_| self.manners.capabilities.takes_ahead) {
                Some(command) => sent.push((command.verb(), self.send(command, None))),
                None => break,
            }
        }
        let mut refusal = Ok(None);
        for (verb, id) in sent.iter().copied() {
            let answer = self.answer_to(id, verb).await;
            match (answer, &refusal) {
                (Ok(answer), Ok(None)) if !answer.is_done() => {
                    refusal = Ok(Some(self.refusal("cannot set the time of a directory", &answer)));
                }
                (Ok(_), _) => {}
                (Err(failure), _) => {
                    refusal = Err(failure);
                    break;
                }
            }
        }
        self.gather(false);
        for (path, time) in times.iter().skip(sent.len()) {
            if !matches!(refusal, Ok(None)) {
                break;
            }
            self.set_modified(path, *time).await?;
            refusal = self.time_refusal().await;
        }
        refusal
    }

    /// Waits for the reply to the time that was sent last.
    async fn settle_time(&mut self) -> Result<(), Failure> {
        while self.time.unanswered.is_some() {
            if let Some(Event::Ended(failure)) = self.step_or_cancelled().await? {
                return Err(self.lost(&failure));
            }
        }
        Ok(())
    }

    /// Why the last time was not taken.
    ///
    /// # Errors
    ///
    /// Fails if the session is lost.
    pub async fn time_refusal(&mut self) -> Result<Option<Failure>, Failure> {
        self.settle_time().await?;
        Ok(self.time.untaken.take().map(|untaken| match untaken {
            Untaken::Unknown(failure) => failure,
            Untaken::Refused(verb, reply, class) => {
                self.refusal("cannot set the time of a file", &Answer { reply, class, verb })
            }
        }))
    }

    /// Sets the permission bits of a file or directory. Returns why the server has not done so. Servers do not announce
    /// SITE CHMOD, so that it is tried.
    ///
    /// # Errors
    ///
    /// Fails if the session is lost.
    pub async fn set_mode(&mut self, path: &PathName, mode: u32) -> Result<Option<Failure>, Failure> {
        let answer = self.ask(self.manners.mode_command(path, mode)).await?;
        let refusal = || self.refusal(format!("cannot set the permissions of {}", path.display()), &answer);
        Ok((!answer.is_done()).then(refusal))
    }
}
