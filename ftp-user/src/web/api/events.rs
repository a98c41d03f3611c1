//! Server-sent events: the objects of `--json` that a reader may see, in frames that no name can break.

use crate::web::call::Call;
use crate::web::fleet::{Caller, EventStream, FeedItem, FleetEvent};
use crate::web::guard::{CallerProof, tokens};
use ftp_io::clock::since_1970;
use std::convert::Infallible;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_stream::Stream;

/// The frames of a stream of events.
pub(crate) struct Frames {
    feed: EventStream,
    call: Call,
    /// Ready when the daemon ends.
    stop: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// When the token of the reader is looked at.
    beat: Interval,
    beats: u64,
    has_begun: bool,
}

impl Frames {
    /// The frames of a feed, as the caller may read them.
    pub(crate) fn new(feed: EventStream, call: Call, mut stopping: watch::Receiver<bool>) -> Self {
        let stop = Box::pin(async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        });
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { feed, call, stop, beat, beats: 0, has_begun: false }
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

impl Stream for Frames {
    type Item = Result<String, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Poll::Ready(Some(Ok("retry: 3000\n: the stream begins\n\n".to_owned())));
        }
        if self.stop.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        while self.beat.poll_tick(context).is_ready() {
            if !self.is_permitted() {
                return Poll::Ready(None);
            }
            self.beats += 1;
            if self.beats.is_multiple_of(BEATS_OF_SIGN) {
                return Poll::Ready(Some(Ok(":\n\n".to_owned())));
            }
        }
        loop {
            let Some(item) = ready!(self.feed.as_mut().poll_next(context)) else { return Poll::Ready(None) };
            if let Some(frame) = self.frame(&item) {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
    }
}

/// The time between two looks at the token.
const BEAT: Duration = Duration::from_secs(1);
/// So many looks are between two signs of life, which keep proxies from closing the stream.
const BEATS_OF_SIGN: u64 = 15;
