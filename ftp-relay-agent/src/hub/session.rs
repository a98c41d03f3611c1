//! One session with the hub: its link, both directions.

use std::sync::Arc;
use std::time::Duration;

use ftp_io::control::{Control, Read};
use ftp_io::link::{HANDSHAKE, Link};
use ftp_proto::relay::hub::Input;
use ftp_proto::timer::Moment;

use super::exchange::{Admitted, Exchange};
use crate::operate::Orders;

impl Exchange {
    /// Runs a session until its link or the hub ends it.
    pub(crate) async fn run(
        self: &Arc<Self>,
        link: Link,
        admitted: Admitted,
        expires: Option<Moment>,
        orders: impl FnOnce() -> Orders,
    ) {
        let clock = self.clock;
        let mut control = match Control::new(link, MAX_UNSENT) {
            Ok(control) => control,
            // Its other end has gone already.
            Err(error) => return tracing::debug!(%error, "the session could not start"),
        };
        let (session, mut frames) = self.open(admitted, expires, orders);
        let mut heard = Vec::new();
        // Whether it has said more than was heard. That waits until it has taken the answers, and nothing is read meanwhile.
        let mut more = false;
        loop {
            let behind = control.behind_since().map(|since| since + HANDSHAKE);
            let has_room = !control.is_full();
            let next = more && has_room && frames.is_empty();
            tokio::select! {
                frame = frames.next(), if has_room => match frame {
                    Some(frame) => control.send(&frame, clock.now()),
                    None => break,
                },
                // Others have their turns first.
                () = tokio::task::yield_now(), if next => more = self.hear(Input::Next(session)),
                // What is full reads nothing: it only sends.
                read = control.read_to(&mut heard), if !(more && has_room) => match read {
                    // While it waits it keeps no room.
                    Read::Bytes(_) => more = self.hear(Input::Bytes(session, &std::mem::take(&mut heard))),
                    Read::Room => {}
                    // TLS has begun before the session.
                    Read::Closed | Read::Secured(_) | Read::Cleared | Read::NotSecured(_) => break,
                },
                () = clock.sleep_until(behind), if behind.is_some() => break,
            }
        }
        self.input(Input::Closed(session));
        control.close(&clock, LAST_FRAMES).await;
        self.close(session);
    }
}

/// Bytes of frames that the other end has not taken yet. While there are more, nothing is read from it, and nothing that
/// it has said is answered.
const MAX_UNSENT: usize = 16 * 1024;
/// How long the last frames of a session may take.
const LAST_FRAMES: Duration = Duration::from_secs(2);
