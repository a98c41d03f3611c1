//! Server-sent events: the objects of `--json` that a reader may see, in frames that no name can break.

use crate::web::call::Call;
use crate::web::fleet::{Caller, EventStream, FeedItem, FleetEvent};
use crate::web::guard::{CallerProof, tokens};
use ftp_io::clock::since_1970;
use futures_util::stream::unfold;
use std::convert::Infallible;
use std::fmt::Write;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_stream::{Stream, StreamExt, once};

/// The frames of a stream of events.
pub(crate) struct Frames {
    feed: EventStream,
    call: Call,
    /// Says when the daemon ends.
    stopping: watch::Receiver<bool>,
    /// When the token of the reader is looked at.
    beat: Interval,
    beats: u64,
}

impl Frames {
    /// The frames of a feed, as the caller may read them.
    pub(crate) fn stream(
        feed: EventStream,
        call: Call,
        stopping: watch::Receiver<bool>,
    ) -> impl Stream<Item = Result<String, Infallible>> {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let frames = Self { feed, call, stopping, beat, beats: 0 };
        let others = unfold(frames, async |mut frames| Some((Ok(frames.next().await?), frames)));
        once(Ok("retry: 3000\n: the stream begins\n\n".to_owned())).chain(others)
    }

    async fn next(&mut self) -> Option<String> {
        loop {
            tokio::select! {
                biased;
                () = ended(&mut self.stopping) => return None,
                _ = self.beat.tick() => {
                    if !self.is_permitted() {
                        return None;
                    }
                    self.beats += 1;
                    if self.beats.is_multiple_of(BEATS_OF_SIGN) {
                        return Some(":\n\n".to_owned());
                    }
                }
                item = self.feed.next() => {
                    if let Some(frame) = self.frame(&item?) {
                        return Some(frame);
                    }
                }
            }
        }
    }

    /// The frame of an item; `None` if the reader did not ask for it, or may not see it.
    fn frame(&self, item: &FeedItem) -> Option<String> {
        match item {
            FeedItem::Reset(number) => {
                Some(format!("id: {number}\nevent: reset\ndata: {{\"event\":\"reset\"}}\n\n"))
            }
            FeedItem::Event(event) if self.wants(event) => {
                let mut frame = format!("id: {}\ndata: ", event.number);
                // JSON escapes the ends of lines, so an object is one line.
                let _ = write!(frame, "{}\n\n", event.line);
                Some(frame)
            }
            FeedItem::Event(_) => None,
        }
    }

    fn wants(&self, event: &FleetEvent) -> bool {
        let is_asked = self.call.query.get("job").is_none_or(|job| job == &*event.job);
        is_asked && self.call.caller().is_ok_and(|caller| caller.may_read(&event.owner))
    }

    /// Whether the token and the session of the reader are as they were.
    fn is_permitted(&self) -> bool {
        let Some(known) = &self.call.known else { return false };
        let digest = match &known.proof {
            CallerProof::OwnSocket => return true,
            CallerProof::Token(digest) => digest,
            CallerProof::Session(session) => {
                let guard = &self.call.web.guard;
                let find = |cookie: &String| guard.sessions.find(cookie, guard.clock.now());
                if self.call.cookie.as_ref().and_then(find).is_none() {
                    return false;
                }
                &session.token
            }
        };
        let tokens = self.call.fleet().tokens();
        let caller = tokens::find(&tokens, digest, since_1970().as_secs()).map(Caller::of_token);
        caller.as_ref() == Some(&known.caller)
    }
}

async fn ended(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
}

/// The time between two looks at the token.
const BEAT: Duration = Duration::from_secs(1);
/// So many looks are between two signs of life, which keep proxies from closing the stream.
const BEATS_OF_SIGN: u64 = 15;
