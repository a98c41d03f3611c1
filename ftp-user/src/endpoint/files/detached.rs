//! Transfers that go on without their control connection: DETA, `STAT #id`, `ABOR #id` (docs/protocol/extensions.md).

use crate::failure::{Failure, Kind, Result};
use crate::session::{Secrets, Session, Words};
use ftp_proto::command::{Command, Detached};
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::{Blame, Reply};
use ftp_proto::wire::TransferId;
use std::time::Duration;

/// How far a transfer is that goes on without its control connection, as its server tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DetachedStatus {
    /// The number of bytes that it has moved.
    pub moved: u64,
    /// Whether it goes on.
    pub state: DetachedState,
}

/// Whether such a transfer goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DetachedState {
    /// It moves, or is about to.
    Moving,
    /// Its file is whole.
    Whole,
    /// It has failed, and why.
    Failed(Words),
}

/// Whether the server lets transfers outlive their control connection.
pub fn knows_deta(session: &Session) -> bool {
    session.manners.dialect == Dialect::Rfc959 && session.manners.capabilities.has_line("DETA")
}

/// The next transfer may outlive this session by so much. Returns its name.
///
/// # Errors
///
/// The server refuses that, or the session is lost.
pub async fn may_detach(session: &mut Session, time: Duration) -> Result<TransferId> {
    let answer = session.ask(Command::Detached(Detached::Next(time.as_secs()))).await?;
    session.check_done(&answer, "the server lets no transfer go on without its control connection")?;
    TransferId::from_hex(answer.reply.text().trim_ascii()).ok_or_else(|| {
        Failure::new(Kind::Other, "the server gives the transfer no name").said(session.quote(&answer.reply))
    })
}

/// How far that transfer is. `None` if the server does not know it, or no more.
///
/// # Errors
///
/// The server cannot be asked.
pub async fn detached(session: &mut Session, id: TransferId) -> Result<Option<DetachedStatus>> {
    let answer = session.ask(Command::Detached(Detached::Status(id))).await?;
    if answer.is_done() {
        return Ok(status(&answer.reply, &session.secrets));
    }
    match session.blame(&answer) == Blame::Busy {
        true => Err(session.refusal("cannot ask how far the transfer is", &answer)),
        false => Ok(None),
    }
}

/// Ends that transfer, unless it has ended. The server may need a moment until nothing of it moves.
///
/// # Errors
///
/// The server cannot be asked.
pub async fn stop_detached(session: &mut Session, id: TransferId) -> Result<()> {
    session.ask(Command::Detached(Detached::Abort(id))).await.map(drop)
}

/// What the lines of the reply to `STAT #id` tell.
fn status(reply: &Reply, secrets: &Secrets) -> Option<DetachedStatus> {
    let (mut moved, mut state) = (None, None);
    for line in &reply.lines {
        let line = line.trim_ascii();
        if let Some(count) = line.strip_prefix(b"Bytes ") {
            moved = str::from_utf8(count).ok().and_then(|count| count.parse().ok());
        } else if let Some(words) = line.strip_prefix(b"State ") {
            state = Some(match words {
                b"waiting" | b"moving" => DetachedState::Moving,
                b"complete" => DetachedState::Whole,
                words => {
                    let why = words.strip_prefix(b"failed: ").unwrap_or(words);
                    DetachedState::Failed(secrets.told(why).shortened())
                }
            });
        }
    }
    Some(DetachedStatus { moved: moved?, state: state? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_proto::reply::Code;
    use ftp_proto::wire::Secret;

    #[test]
    fn h38_the_status_of_a_transfer_shows_no_password_and_nothing_that_a_terminal_obeys() {
        let words = b" State failed: your password is hunter2secret \x1b[31mRED".to_vec();
        let lines = vec![b"Transfer 00".to_vec(), b" Bytes 3".to_vec(), words, b"End".to_vec()];
        let secrets = Secrets::of_login(&[Secret::new("hunter2secret")]);
        let found = status(&Reply { code: Code(211), lines }, &secrets).unwrap();
        let DetachedState::Failed(why) = found.state else { panic!("{found:?}") };
        assert_eq!(why.to_string(), "your password is *** %1B[31mRED");
    }

    #[test]
    fn the_status_of_a_transfer_is_read_from_its_lines() {
        let check = |lines: &[&str], expect: Option<(u64, DetachedState)>| {
            let lines = lines.iter().map(|line| line.as_bytes().to_vec()).collect();
            let found = status(&Reply { code: Code(211), lines }, &Secrets::default());
            assert_eq!(found, expect.map(|(moved, state)| DetachedStatus { moved, state }));
        };
        let head = "Transfer 00112233445566778899aabbccddeeff";
        check(&[head, " Bytes 7", " Durable 0", " State moving", "End"], Some((7, DetachedState::Moving)));
        check(&[head, " Bytes 0", " State waiting", "End"], Some((0, DetachedState::Moving)));
        check(&[head, " Bytes 9", " State complete", "End"], Some((9, DetachedState::Whole)));
        let failed = DetachedState::Failed(Secrets::default().told(b"it was stopped"));
        check(&[head, " Bytes 9", " State failed: it was stopped", "End"], Some((9, failed)));
        check(&[head, " Bytes many", " State moving"], None);
        check(&["Status of a server"], None);
    }
}
